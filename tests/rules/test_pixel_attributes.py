"""Image Pixel attributes match the codestream (PS3.3 C.7.6.3, PS3.5 8.2)."""

from __future__ import annotations

import struct

import imagecodecs
import numpy as np
import pytest

from orthanc_transcoder.codec import uids
from tests.rules.whole import (
    EXPLICIT,
    KEYWORD,
    LOSSLESS,
    LOSSY,
    LOSSY_RULES,
    codestreams,
    dataset,
    native,
    pixel_module,
    refused,
    require_same_samples,
    to,
)
from tests.synthesis import (
    Image,
    encapsulated_file,
    native_file,
    stored_samples,
    texture,
)

RGB = Image(rows=48, columns=64, samples=3, bits_allocated=8)
GREY = Image(rows=48, columns=64, bits_allocated=8)
RCT = (uids.JPEG2000Lossless, uids.HTJ2KLossless, uids.HTJ2KLosslessRPCL)
ICT = (uids.JPEG2000, uids.HTJ2K)
SIZES = [(1, 1), (1, 7), (7, 1), (3, 3), (5, 31), (31, 33)]


def j2k_marker(codestream: bytes, marker: int) -> bytes:
    """The first segment of the main header with this marker; empty if there is none."""
    position = 2
    while codestream[position : position + 2] != b"\xff\x90":
        (found, length) = struct.unpack_from(">HH", codestream, position)
        if found == marker:
            return codestream[position + 4 : position + 2 + length]
        position += 2 + length
    return b""


@pytest.mark.parametrize("syntax", LOSSLESS, ids=KEYWORD.get)
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("depth", [8, 10, 12, 14, 16])
def test_signed_and_8_to_16_bits_work_in_every_codec(syntax: str, signed: bool, depth: int) -> None:
    image = Image(rows=9, columns=11, bits_stored=depth, signed=signed)
    content = native_file(image)
    result, report = to(content, syntax)
    assert pixel_module(result) == pixel_module(content)
    assert report.notes == ()
    require_same_samples(result, content)


@pytest.mark.parametrize("syntax", LOSSLESS, ids=KEYWORD.get)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("samples", [1, 3])
def test_one_row_one_column_odd_and_tiny_sizes_work(
    syntax: str, size: tuple[int, int], samples: int
) -> None:
    for depth in (8, 12):
        allocated = 8 if depth == 8 else 16
        image = Image(*size, frames=2, samples=samples, bits_allocated=allocated,
                      bits_stored=depth)  # fmt: skip
        content = native_file(image)
        result, _ = to(content, syntax)
        assert pixel_module(result) == pixel_module(content)
        require_same_samples(result, content)


@pytest.mark.parametrize("syntax", [*RCT, uids.JPEG2000, uids.HTJ2K], ids=KEYWORD.get)
def test_the_reversible_transform_is_labelled_ybr_rct(syntax: str) -> None:
    content = native_file(RGB)
    result, report = to(content, syntax)  # lossy is off: reversible
    assert not report.lossy
    assert dataset(result).PhotometricInterpretation == "YBR_RCT"
    (frame,) = codestreams(result)
    cod = j2k_marker(frame, 0xFF52)
    assert cod[4] == 1  # multiple component transform
    assert cod[9] == 1  # the 5-3 filter
    back, _ = to(result, EXPLICIT)
    assert dataset(back).PhotometricInterpretation == "RGB"
    assert np.array_equal(stored_samples(back), texture(RGB))


@pytest.mark.parametrize("syntax", ICT, ids=KEYWORD.get)
def test_the_irreversible_transform_is_labelled_ybr_ict(syntax: str) -> None:
    result, report = to(native_file(RGB), syntax, LOSSY_RULES)
    assert report.lossy
    assert dataset(result).PhotometricInterpretation == "YBR_ICT"
    cod = j2k_marker(codestreams(result)[0], 0xFF52)
    assert (cod[4], cod[9]) == (1, 0)
    assert dataset(to(result, EXPLICIT)[0]).PhotometricInterpretation == "RGB"


@pytest.mark.parametrize("syntax", LOSSLESS, ids=KEYWORD.get)
@pytest.mark.parametrize("photometric", ["YBR_FULL", "RGB", "MONOCHROME1", "PALETTE COLOR"])
def test_without_a_transform_the_label_is_the_true_space(syntax: str, photometric: str) -> None:
    samples = 3 if photometric in ("YBR_FULL", "RGB") else 1
    image = Image(rows=9, columns=8, samples=samples, bits_allocated=8, photometric=photometric)
    content = native_file(image)
    result, _ = to(content, syntax)
    transformed = syntax in RCT and photometric == "RGB"
    expected = "YBR_RCT" if transformed else photometric
    assert dataset(result).PhotometricInterpretation == expected
    if syntax in RCT:
        assert j2k_marker(codestreams(result)[0], 0xFF52)[4] == int(transformed)
    back, _ = to(result, EXPLICIT)
    assert dataset(back).PhotometricInterpretation == photometric
    assert np.array_equal(stored_samples(back), texture(image))


@pytest.mark.parametrize("target", LOSSY, ids=KEYWORD.get)
def test_rgb_to_ybr_full_is_never_silent(target: str) -> None:
    """A lossy colour space is in the label, and the loss of the way to it in the report."""
    if target == uids.JPEGExtended12Bit:
        assert refused(native_file(RGB), target, rules=LOSSY_RULES).code == "codec_refuses"
        return
    result, report = to(native_file(RGB), target, LOSSY_RULES)
    label = dataset(result).PhotometricInterpretation
    assert report.lossy
    assert label != "YBR_FULL"
    error = np.abs(native(result) - texture(RGB)).max()
    assert report.measures["maximum_error"] == error > 0


def test_native_ybr_full_is_not_relabelled_when_it_is_decompressed() -> None:
    image = Image(rows=9, columns=8, samples=3, bits_allocated=8, photometric="YBR_FULL")
    for syntax in LOSSLESS:
        back, _ = to(to(native_file(image), syntax)[0], EXPLICIT)
        assert dataset(back).PhotometricInterpretation == "YBR_FULL"


def test_decompressing_restores_rgb_only_for_what_the_codestream_transformed() -> None:
    jpeg = bytes(imagecodecs.jpeg8_encode(texture(RGB)[0].copy(), level=95, subsampling="422"))
    ybr = Image(48, 64, samples=3, bits_allocated=8, photometric="YBR_FULL_422")
    back, _ = to(encapsulated_file(ybr, [jpeg], uids.JPEGBaseline8Bit), EXPLICIT)
    assert dataset(back).PhotometricInterpretation == "RGB"
    plain = bytes(
        imagecodecs.jpeg8_encode(
            texture(RGB)[0].copy(), level=95, colorspace="rgb", outcolorspace="rgb"
        )
    )
    back, _ = to(encapsulated_file(RGB, [plain], uids.JPEGBaseline8Bit), EXPLICIT)
    assert dataset(back).PhotometricInterpretation == "RGB"
    assert np.abs(stored_samples(back) - texture(RGB)).max() < 30


def test_jpeg_baseline_colour_is_ybr_full_422_of_8_unsigned_bits() -> None:
    result, _ = to(native_file(RGB), uids.JPEGBaseline8Bit, LOSSY_RULES)
    found = dataset(result)
    assert found.PhotometricInterpretation == "YBR_FULL_422"
    assert pixel_module(result)[2:] == (3, 8, 8, 7, 0)
    assert found.PlanarConfiguration == 0
    refused(native_file(Image(bits_allocated=8, signed=True)), uids.JPEGBaseline8Bit,
            rules=LOSSY_RULES)  # fmt: skip


@pytest.mark.parametrize("depth", [8, 10, 11, 12, 13, 16])
def test_jpeg_extended_is_at_most_12_bits(depth: int) -> None:
    content = native_file(Image(rows=16, columns=16, bits_stored=depth))
    if depth == 12:
        result, _ = to(content, uids.JPEGExtended12Bit, LOSSY_RULES)
        assert pixel_module(result) == pixel_module(content)
    else:
        report = refused(content, uids.JPEGExtended12Bit, rules=LOSSY_RULES)
        assert (report.outcome, report.code) == ("declined", "codec_refuses")


@pytest.mark.parametrize("target", LOSSY, ids=KEYWORD.get)
def test_palette_colour_is_never_lossy(target: str) -> None:
    """Nor is it put losslessly where only lossless-only syntaxes may have it (8.2.4)."""
    image = Image(rows=9, columns=8, bits_allocated=8, photometric="PALETTE COLOR")
    for rules in (LOSSY_RULES, None):
        report = refused(native_file(image), target, rules=rules)
        assert (report.outcome, report.code) == ("declined", "lossy_palette")


@pytest.mark.parametrize("syntax", RCT[1:], ids=KEYWORD.get)
@pytest.mark.parametrize("image", [RGB, GREY], ids=["RGB", "grey"])
def test_j2k_and_htj2k_are_raw_codestreams(syntax: str, image: Image) -> None:
    for target in (syntax, *RCT, *ICT):
        result, _ = to(native_file(image), target, LOSSY_RULES)
        assert codestreams(result)[0].startswith(b"\xff\x4f\xff\x51")  # no JP2 box


@pytest.mark.parametrize("syntax", RCT, ids=KEYWORD.get)
@pytest.mark.parametrize("image", [RGB, GREY, Image(33, 31, bits_stored=12, signed=True)])
def test_the_lossless_only_uids_hold_only_reversible_streams(syntax: str, image: Image) -> None:
    for frame in codestreams(to(native_file(image), syntax, LOSSY_RULES)[0]):
        assert j2k_marker(frame, 0xFF52)[9] == 1  # the 5-3 filter


def test_htj2k_rpcl_has_that_progression_and_a_tlm_marker() -> None:
    (frame,) = codestreams(to(native_file(RGB), uids.HTJ2KLosslessRPCL)[0])
    assert j2k_marker(frame, 0xFF52)[1] == 2  # RPCL
    assert j2k_marker(frame, 0xFF55)  # TLM
    assert j2k_marker(frame, 0xFF50)  # CAP: HTJ2K
