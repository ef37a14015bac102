"""What programs that are not ours write, we read, sample for sample."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from orthanc_transcoder.codec import uids
from tests.interop import tools
from tests.interop.test_written_by_us import IMAGES
from tests.rules.whole import (
    EXPLICIT,
    KEYWORD,
    LOSSY_RULES,
    codestreams,
    dataset,
    native,
    to,
)
from tests.synthesis import Image, encapsulated_file, native_file, stored_samples, texture

WRITERS = [
    (uids.RLELossless, ("dcmcrle",)),
    (uids.RLELossless, ("gdcmconv", "--rle")),
    (uids.JPEGLosslessSV1, ("dcmcjpeg", "+e1", "+un")),
    (uids.JPEGLossless, ("dcmcjpeg", "+el", "+sv", "6", "+un")),
    (uids.JPEGLosslessSV1, ("gdcmconv", "--jpeg")),
    (uids.JPEGLSLossless, ("dcmcjpls", "+un")),
    (uids.JPEGLSLossless, ("gdcmconv", "--jpegls")),
    (uids.JPEG2000Lossless, ("gdcmconv", "--j2k")),
]
# dcmcjpeg compresses the planes as if they were pixels: its own dcmdjpeg agrees.
SCRAMBLED = ("dcmcjpeg", "RGB 8, 2 frames, planar")
# All of these programs declare 16 bits in the codestream for fewer in 16 allocated.
DEEPER = re.compile(r"Bits Stored is \d+ in the header and 16 in the codestream")


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize(("syntax", "command"), WRITERS, ids=str)
def test_whole_files_of_dcmtk_and_gdcm_are_read(
    syntax: str, command: tuple[str, ...], name: str, tmp_path: Path
) -> None:
    tools.require(command[0])
    image = IMAGES[name]
    content = native_file(image, attributes={"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"})
    try:
        written = tools.convert(command, content, tmp_path)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"{command[0]} does not write this image: {error.returncode}")
    actual = str(dataset(written).file_meta.TransferSyntaxUID)
    if actual != syntax:
        pytest.skip(f"{command[0]} wrote {KEYWORD[actual]}")
    back, report = to(written, EXPLICIT)
    assert all(DEEPER.fullmatch(note) for note in report.notes)
    if (command[0], name) == SCRAMBLED:
        theirs = tools.convert(("dcmdjpeg",), written, tmp_path)
        assert np.array_equal(stored_samples(back), stored_samples(theirs))
    else:
        assert np.array_equal(stored_samples(back), texture(image))


def written_frames(image: Image, tool: str, *options: str, folder: Path) -> list[bytes]:
    """Each frame as a program for single images encodes it."""
    found = []
    for frame in texture(image):
        source = tools.write_netpbm(
            frame, image.depth, folder / ("in.pgm" if image.samples == 1 else "in.ppm")
        )
        target = folder / {"cjxl": "out.jxl", "opj_compress": "out.j2k"}.get(tool, "out.j2c")
        words: list[str | Path] = [source, target]
        if tool != "cjxl":
            words = ["-i", source, "-o", target]
        tools.run(tool, *words, *options)
        found.append(target.read_bytes())
    return found


UNSIGNED = {name: image for name, image in IMAGES.items() if not image.signed}
CODERS = [
    (uids.JPEG2000Lossless, "opj_compress", ("-n", "5")),
    (uids.JPEG2000Lossless, "opj_compress", ("-n", "3", "-t", "16,16", "-p", "RPCL")),
    (uids.JPEG2000Lossless, "opj_compress", ("-n", "3", "-M", "1")),
    (uids.HTJ2KLossless, "ojph_compress", ("-reversible", "true")),
    (uids.HTJ2KLosslessRPCL, "ojph_compress",
     ("-reversible", "true", "-prog_order", "RPCL", "-num_decomps", "3")),
    (uids.JPEGXLLossless, "cjxl", ("-d", "0", "--container=0")),
    (uids.JPEGXLLossless, "cjxl", ("-d", "0", "-e", "1", "--container=0")),
]  # fmt: skip


@pytest.mark.parametrize("name", UNSIGNED)
@pytest.mark.parametrize(("syntax", "tool", "options"), CODERS, ids=str)
def test_codestreams_of_openjpeg_openjph_and_libjxl_are_read(
    syntax: str, tool: str, options: tuple[str, ...], name: str, tmp_path: Path
) -> None:
    tools.require(tool)
    if tool == "cjxl" and UNSIGNED[name].depth == 12:
        pytest.skip("cjxl 0.7 takes 12-bit samples for 16-bit ones, and scales them down")
    image = UNSIGNED[name]
    frames = written_frames(image, tool, *options, folder=tmp_path)
    transformed = image.samples == 3 and tool != "cjxl"
    header = {"PhotometricInterpretation": "YBR_RCT"} if transformed else {}
    content = encapsulated_file(image, frames, syntax, attributes=header | {"Rows": image.rows})
    back, report = to(content, EXPLICIT)
    assert report.notes == ()
    assert np.array_equal(stored_samples(back), texture(image))


@pytest.mark.parametrize("options", [("+eb",), ("+ee", "+un"), ("+eb", "+s4"), ("+ep",)], ids=str)
@pytest.mark.parametrize("name", ["grey 8", "grey 8 of 16", "grey 12, 3 frames", "RGB 8"])
def test_lossy_jpegs_of_dcmtk_are_read_as_dcmtk_reads_them(
    options: tuple[str, ...], name: str, tmp_path: Path
) -> None:
    tools.require("dcmcjpeg")
    tools.require("dcmdjpeg")
    content = native_file(IMAGES[name])
    try:
        written = tools.convert(("dcmcjpeg", *options), content, tmp_path)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"dcmcjpeg does not write this image: {error.returncode}")
    if str(dataset(written).file_meta.TransferSyntaxUID) not in KEYWORD:
        pytest.skip("a retired JPEG process")
    theirs = stored_samples(tools.convert(("dcmdjpeg",), written, tmp_path))
    difference = np.abs(native(written) - theirs)
    # They may interpolate chroma otherwise; grey they round alike.
    assert difference.max() <= (0 if IMAGES[name].samples == 1 else 40)
    assert difference.mean() < 2


@pytest.mark.parametrize("name", ["grey 8", "grey 12, 3 frames", "RGB 8"])
def test_near_lossless_files_of_dcmtk_are_read_as_dcmtk_reads_them(
    name: str, tmp_path: Path
) -> None:
    tools.require("dcmcjpls")
    tools.require("dcmdjpls")
    content = native_file(IMAGES[name])
    written = tools.convert(("dcmcjpls", "+en", "+md", "3"), content, tmp_path)
    theirs = stored_samples(tools.convert(("dcmdjpls",), written, tmp_path))
    assert np.array_equal(native(written), theirs)
    assert np.abs(theirs - texture(IMAGES[name])).max() <= 3


def test_a_jpeg_that_libjxl_repacked_comes_back(tmp_path: Path) -> None:
    tools.require("cjxl")
    image = Image(40, 56, samples=3, bits_allocated=8)
    jpeg, _ = to(native_file(image), uids.JPEGBaseline8Bit, LOSSY_RULES)
    (frame,) = codestreams(jpeg)
    source, target = tmp_path / "frame.jpg", tmp_path / "frame.jxl"
    source.write_bytes(frame.rstrip(b"\0"))
    tools.run("cjxl", source, target, "--lossless_jpeg=1")
    header = {"PhotometricInterpretation": "YBR_FULL_422"}
    packed = encapsulated_file(
        image, [target.read_bytes()], uids.JPEGXLJPEGRecompression, attributes=header
    )
    (back,) = codestreams(to(packed, uids.JPEGBaseline8Bit)[0])
    assert back == frame
