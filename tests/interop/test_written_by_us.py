"""What we write, programs that are not ours read, sample for sample."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from orthanc_transcoder.codec import uids
from tests.interop import tools
from tests.interop.agreement import Reference, agreement
from tests.interop.elsewhere import decoded
from tests.rules.whole import (
    BIG,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    KEYWORD,
    LOSSY_RULES,
    REVERSIBLE_TOO,
    codestreams,
    dataset,
    native,
    to,
)
from tests.samples import sample
from tests.synthesis import Image, native_file, stored_samples, texture

GDCM = ("gdcmconv", "--raw")
DCMTK = {
    uids.RLELossless: "dcmdrle",
    uids.JPEGLossless: "dcmdjpeg",
    uids.JPEGLosslessSV1: "dcmdjpeg",
    uids.JPEGLSLossless: "dcmdjpls",
}
READERS = [
    *((syntax, (tool,)) for syntax, tool in DCMTK.items()),
    *((syntax, GDCM) for syntax in (*DCMTK, uids.JPEG2000Lossless)),
]
IMAGES = {
    "grey 8": Image(31, 33, bits_allocated=8),
    "grey 8 of 16": Image(31, 33, bits_stored=8),
    "grey 12, 3 frames": Image(31, 33, frames=3, bits_stored=12),
    "grey 12, signed": Image(33, 31, bits_stored=12, signed=True),
    "grey 16": Image(64, 66),
    "grey 16, signed": Image(33, 31, signed=True),
    "RGB 8": Image(31, 33, samples=3, bits_allocated=8),
    "RGB 8, 2 frames, planar": Image(32, 34, frames=2, samples=3, bits_allocated=8, planar=1),
    "palette": Image(31, 33, bits_allocated=8, photometric="PALETTE COLOR"),
}


# JPEG-LS of up to 8 bits in 16 allocated: both ask for as many bytes as the header says.
UNREAD = (uids.JPEGLSLossless, "grey 8 of 16")


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize(("syntax", "command"), READERS, ids=str)
def test_whole_files_are_read_by_dcmtk_and_gdcm(
    syntax: str, command: tuple[str, ...], name: str, tmp_path: Path
) -> None:
    tools.require(command[0])
    image = IMAGES[name]
    if (syntax, name) == UNREAD:
        result, _ = to(native_file(image), syntax)
        with pytest.raises(subprocess.CalledProcessError):  # and no wrong image, at least
            tools.convert(command, result, tmp_path)
        return
    result, _ = to(native_file(image), syntax)
    back = stored_samples(tools.convert(command, result, tmp_path))
    assert np.array_equal(back, texture(image))


@pytest.mark.parametrize("target", [IMPLICIT, EXPLICIT, BIG, DEFLATED], ids=KEYWORD.get)
@pytest.mark.parametrize("name", IMAGES)
def test_native_files_are_read_by_dcmtk(target: str, name: str, tmp_path: Path) -> None:
    tools.require("dcmconv")
    image = IMAGES[name]
    compressed, _ = to(native_file(image), uids.HTJ2KLossless)
    back = tools.convert(("dcmconv", "+te"), to(compressed, target)[0], tmp_path)
    assert np.array_equal(stored_samples(back), texture(image))


BY_FRAME = {
    uids.JPEG2000Lossless: "opj_decompress",
    uids.HTJ2KLossless: "opj_decompress",
    uids.HTJ2KLosslessRPCL: "opj_decompress",
    uids.JPEG2000: "opj_decompress",  # reversible, since lossy is off
    uids.HTJ2K: "opj_decompress",
    uids.JPEGXLLossless: "djxl",
    uids.JPEGXL: "djxl",
}


def cases(syntaxes: Iterable[str]) -> list[tuple[str, str]]:
    """Syntaxes that may be lossy hold no palette."""
    return [
        (syntax, name)
        for syntax in syntaxes
        for name in IMAGES
        if name != "palette" or syntax not in REVERSIBLE_TOO
    ]


@pytest.mark.parametrize(("syntax", "name"), cases(BY_FRAME))
def test_frames_are_read_by_openjpeg_and_libjxl(syntax: str, name: str, tmp_path: Path) -> None:
    tools.require(BY_FRAME[syntax])
    image = IMAGES[name]
    result, _ = to(native_file(image), syntax)
    found = [samples for tool, samples in decoded(result, tmp_path) if tool == BY_FRAME[syntax]]
    assert any(np.array_equal(samples, texture(image)) for samples in found)


HTJ2K = (uids.HTJ2KLossless, uids.HTJ2KLosslessRPCL, uids.HTJ2K)


@pytest.mark.parametrize(
    ("syntax", "name"), [case for case in cases(HTJ2K) if "signed" not in case[1]]
)
def test_htj2k_is_read_by_openjph(syntax: str, name: str, tmp_path: Path) -> None:
    tools.require("ojph_expand")
    image = IMAGES[name]
    result, _ = to(native_file(image), syntax)
    source = tmp_path / "frame.j2c"
    target = tmp_path / ("frame.pgm" if image.samples == 1 else "frame.ppm")
    for frame, expected in zip(codestreams(result), texture(image), strict=True):
        source.write_bytes(frame)
        tools.run("ojph_expand", "-i", source, "-o", target)
        assert np.array_equal(tools.read_netpbm(target)[0], expected)


@pytest.mark.parametrize("syntax", [uids.JPEGLSNearLossless, uids.JPEGExtended12Bit, uids.HTJ2K,
                                    uids.JPEG2000, uids.JPEGBaseline8Bit, uids.JPEGXL],
                         ids=KEYWORD.get)  # fmt: skip
def test_lossy_files_are_read_with_the_loss_that_was_measured(syntax: str, tmp_path: Path) -> None:
    depth = 12 if syntax == uids.JPEGExtended12Bit else 8
    for samples in (1, 3) if depth == 8 else (1,):
        image = Image(64, 72, samples=samples, bits_allocated=16 if depth > 8 else 8,
                      bits_stored=depth)  # fmt: skip
        content = native_file(image)
        result, report = to(content, syntax, LOSSY_RULES)
        reference = Reference.of(content, EXPLICIT, content, tmp_path)
        assert agreement(reference, result, report, tmp_path) == "confirmed"


def test_a_repacked_jpeg_is_unpacked_by_libjxl(tmp_path: Path) -> None:
    tools.require("djxl")
    image = Image(40, 56, frames=2, samples=3, bits_allocated=8)
    jpeg, _ = to(native_file(image), uids.JPEGBaseline8Bit, LOSSY_RULES)
    packed, _ = to(jpeg, uids.JPEGXLJPEGRecompression)
    source, target = tmp_path / "frame.jxl", tmp_path / "frame.jpg"
    for before, after in zip(codestreams(jpeg), codestreams(packed), strict=True):
        source.write_bytes(after)
        tools.run("djxl", source, target)
        assert target.read_bytes() == before.rstrip(b"\0")


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm", "emri_small.dcm",
                                  "SC_rgb_16bit.dcm", "examples_rgb_color.dcm"])  # fmt: skip
@pytest.mark.parametrize("syntax", BY_FRAME | DCMTK, ids=KEYWORD.get)
def test_real_images_are_read_elsewhere(syntax: str, name: str, tmp_path: Path) -> None:
    content = sample(name).read()
    result, _ = to(content, syntax)
    readers = list(decoded(result, tmp_path))
    for tool in (BY_FRAME | DCMTK).values() if not readers else ():
        tools.require(tool)
    expected = native(content)
    assert any(np.array_equal(found, expected[: len(found)]) for _, found in readers)


def test_the_native_form_says_what_the_samples_are() -> None:
    """As a reader would that knows nothing of us."""
    for image in IMAGES.values():
        back = dataset(to(to(native_file(image), uids.JPEG2000Lossless)[0], EXPLICIT)[0])
        assert np.array_equal(back.pixel_array.reshape(image.shape), texture(image))
