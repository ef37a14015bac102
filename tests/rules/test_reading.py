"""Reading: what a codestream means under its header, and what is in doubt.

Codestreams of whole cells are what DCMTK's encoders of lossless JPEG and JPEG-LS make.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from orthanc_transcoder.codec import uids
from orthanc_transcoder.model import Outcome
from orthanc_transcoder.policy import kept_if_in_doubt
from orthanc_transcoder.quality.inspection import inspect
from tests.rules import whole
from tests.rules.whole import (
    CODED,
    EXPLICIT,
    KEYWORD,
    LOSSLESS,
    REGISTRY,
    codestreams,
    dataset,
    native,
    pixel_module,
    refused,
    to,
)
from tests.synthesis import (
    Image,
    Samples,
    encapsulated_file,
    native_file,
    stored_samples,
    texture,
    to_bytes,
)

JPEGS = (uids.JPEGLossless, uids.JPEGLosslessSV1, uids.JPEGLSLossless)
WAVELETS = (uids.JPEG2000Lossless, uids.HTJ2KLossless, uids.HTJ2KLosslessRPCL)
TARGETS = (*whole.NATIVE, *LOSSLESS)
SIGNED = Image(19, 23, bits_stored=12, signed=True)
UNSIGNED = Image(19, 23, bits_stored=12)
OVERLAY = {0x60000010: 19, 0x60000011: 23, 0x60000100: 16, 0x60000102: 13}


def coded_as(truth: Image, samples: Samples, claimed: Image, syntax: str) -> bytes:
    """A file whose codestreams are of one image, and whose header is of another."""
    codes = codestreams(to(native_file(truth, samples), syntax)[0])
    return encapsulated_file(claimed, codes, syntax)


def of_cells(claimed: Image, cells: Samples, syntax: str) -> bytes:
    """A file whose codestream holds all the bits that are allocated, unsigned."""
    truth = dataclasses.replace(claimed, bits_stored=0, signed=False)
    return coded_as(truth, cells.astype(truth.dtype), claimed, syntax)


def with_overlay(content: bytes) -> bytes:
    """The same with an overlay declared in bit 13."""
    found = dataset(content)
    syntax = found.file_meta.TransferSyntaxUID
    for tag, value in OVERLAY.items():
        found.add_new(tag, "US", value)
    found.add_new(0x60000040, "CS", "G")
    found.add_new(0x60000050, "SS", [1, 1])
    return to_bytes(found, syntax)


def digest(content: bytes) -> str:
    found = inspect(content, REGISTRY).pixel_digest
    assert found
    return found


@pytest.mark.parametrize("syntax", CODED, ids=KEYWORD.get)
@pytest.mark.parametrize("extended", [False, True], ids=["not extended", "sign-extended"])
def test_cells_hold_the_samples_below_high_bit(syntax: str, extended: bool) -> None:
    """A signed 12-bit image in 16 bits: nothing becomes positive, and Bits Stored stays."""
    samples = texture(SIGNED)
    cells = samples.view(np.uint16) if extended else samples.view(np.uint16) & 0xFFF
    content = of_cells(SIGNED, cells, syntax)
    twin = native_file(SIGNED, samples)
    for target in TARGETS:
        if target == syntax:
            continue
        result, _ = to(content, target)
        assert np.array_equal(native(result), samples)
        assert pixel_module(result) == pixel_module(twin)
        assert digest(result) == digest(twin)
    assert digest(content) == digest(twin)


@pytest.mark.parametrize("syntax", CODED, ids=KEYWORD.get)
def test_native_and_rle_get_the_cells_as_they_are(syntax: str) -> None:
    cells = texture(UNSIGNED) | 0x5000  # which nobody declared
    content = of_cells(UNSIGNED, cells, syntax)
    for target in (EXPLICIT, uids.RLELossless):
        result, report = to(content, target)
        assert report.doubts == {}
        assert dataset(to(result, EXPLICIT)[0] if target != EXPLICIT else result).PixelData == (
            cells.tobytes()
        )
        assert pixel_module(result) == pixel_module(native_file(UNSIGNED))


@pytest.mark.parametrize("syntax", JPEGS, ids=KEYWORD.get)
def test_what_nobody_declared_is_in_doubt_where_it_cannot_be_carried(syntax: str) -> None:
    content = of_cells(UNSIGNED, texture(UNSIGNED) | 0x5000, syntax)
    for target in CODED:
        if target != syntax:
            result, report = to(content, target)
            assert np.array_equal(native(result), texture(UNSIGNED))
            assert list(report.doubts) == ["unused_bits"]
            kept = kept_if_in_doubt(report)
            assert (kept.outcome, kept.code) == (Outcome.DECLINED, "unused_bits")
            assert kept.reason
    found = {finding.code for finding in inspect(content, REGISTRY).findings}
    assert "values_outside_bits_stored" in found


@pytest.mark.parametrize("syntax", JPEGS, ids=KEYWORD.get)
@pytest.mark.parametrize("image", [SIGNED, UNSIGNED], ids=["signed", "unsigned"])
def test_an_overlay_in_a_codestreams_cells_is_no_part_of_the_pixels(
    syntax: str, image: Image
) -> None:
    plane = np.random.default_rng(3).integers(0, 2, image.shape, np.uint16)
    cells = texture(image).view(np.uint16) & 0xFFF | plane << 13
    content = with_overlay(of_cells(image, cells, syntax))
    for target in CODED:
        if target == syntax:
            continue
        result, report = to(content, target)
        assert report.doubts == {}
        assert np.array_equal(native(result), texture(image))
        after = dataset(result)
        bits = np.frombuffer(after[0x6000, 0x3000].value, np.uint8)
        assert np.array_equal(np.unpackbits(bits, bitorder="little")[: plane.size], plane.ravel())
    back, _ = to(content, EXPLICIT)
    assert dataset(back).PixelData == cells.tobytes()


@pytest.mark.parametrize("syntax", CODED, ids=KEYWORD.get)
@pytest.mark.parametrize("image", [Image(9, 11, bits_stored=12), Image(9, 11, bits_stored=12,
                         signed=True), Image(9, 11, samples=3, bits_allocated=8)])  # fmt: skip
def test_a_depth_below_bits_stored_leaves_the_header_as_it_is(syntax: str, image: Image) -> None:
    """Positive values of fewer bits than are stored: they fit."""
    truth = dataclasses.replace(image, bits_stored=image.depth - 3, signed=False)
    samples = texture(truth) // (2 if image.signed else 1)  # the highest bit is no sign
    content = coded_as(truth, samples, image, syntax)
    twin = native_file(image, samples.astype(image.dtype))
    for target in TARGETS:
        if target != syntax:
            result, report = to(content, target)
            assert report.doubts == {}
            assert pixel_module(result) == pixel_module(twin)
            assert np.array_equal(native(result), samples)
    assert digest(content) == digest(twin)


@pytest.mark.parametrize("syntax", WAVELETS, ids=KEYWORD.get)
@pytest.mark.parametrize("signed", [False, True])
def test_a_sign_with_two_readings_is_the_headers_and_in_doubt(syntax: str, signed: bool) -> None:
    """GDCM and pydicom agree with the header; others follow the codestream."""
    truth = Image(9, 11, bits_stored=12, signed=not signed)
    claimed = Image(9, 11, bits_stored=12, signed=signed)
    content = coded_as(truth, texture(truth), claimed, syntax)
    for target in (EXPLICIT, uids.JPEGLSLossless, uids.RLELossless):
        result, report = to(content, target)
        assert pixel_module(result) == pixel_module(native_file(claimed))
        mask = (1 << 12) - 1
        assert np.array_equal(native(result) & mask, texture(truth) & mask)
        assert kept_if_in_doubt(report).code == "sign_disagrees"
    assert "sign_disagrees" in {one.code for one in inspect(content, REGISTRY).findings}


@pytest.mark.parametrize("syntax", WAVELETS, ids=KEYWORD.get)
@pytest.mark.parametrize("signed", [False, True])
def test_a_sign_that_changes_no_value_is_in_no_doubt(syntax: str, signed: bool) -> None:
    truth = Image(9, 11, bits_stored=12, signed=not signed)
    claimed = Image(9, 11, bits_stored=12, signed=signed)
    samples = np.abs(texture(truth).astype(np.int32)) % 2000
    content = coded_as(truth, samples.astype(truth.dtype), claimed, syntax)
    result, report = to(content, uids.JPEGLSLossless)
    assert report.doubts == {}
    assert np.array_equal(native(result), samples)
    found = {one.code for one in inspect(content, REGISTRY).findings}
    assert "sign_label" in found
    assert "sign_disagrees" not in found


@pytest.mark.parametrize("syntax", WAVELETS, ids=KEYWORD.get)
def test_unsigned_cells_that_are_not_sign_extended_have_two_readings(syntax: str) -> None:
    """Of a codestream that could have declared the sign, and denies it."""
    content = of_cells(SIGNED, texture(SIGNED).view(np.uint16) & 0xFFF, syntax)
    _, report = to(content, uids.JPEGLSLossless)
    assert list(report.doubts) == ["sign_disagrees"]
    extended = of_cells(SIGNED, texture(SIGNED).view(np.uint16), syntax)
    assert to(extended, uids.JPEGLSLossless)[1].doubts == {}  # Bits Stored hold no 63699


@pytest.mark.parametrize("syntax", CODED, ids=KEYWORD.get)
@pytest.mark.parametrize("claimed", [Image(11, 9, bits_stored=12), Image(512, 512, bits_stored=12),
                         Image(9, 10, bits_stored=12)])  # fmt: skip
def test_sizes_that_disagree_are_in_doubt(syntax: str, claimed: Image) -> None:
    truth = Image(9, 11, bits_stored=12)
    content = coded_as(truth, texture(truth), claimed, syntax)
    for target in (EXPLICIT, uids.RLELossless):
        result, report = to(content, target)
        assert pixel_module(result) == pixel_module(native_file(truth))  # as GDCM reads JPEG
        assert np.array_equal(native(result), texture(truth))
        kept = kept_if_in_doubt(report)
        assert (kept.outcome, kept.code) == (Outcome.DECLINED, "size_disagrees")
    found = {one.code: one.severity for one in inspect(content, REGISTRY).findings}
    assert found["size_disagrees"] == "FAIL"


@pytest.mark.parametrize("syntax", CODED, ids=KEYWORD.get)
def test_samples_per_pixel_that_disagree_are_in_doubt(syntax: str) -> None:
    truth = Image(9, 11, samples=3, bits_allocated=8)
    content = coded_as(truth, texture(truth), Image(9, 11, bits_allocated=8), syntax)
    _, report = to(content, EXPLICIT)
    assert list(report.doubts) == ["samples_disagree"]


@pytest.mark.parametrize("syntax", CODED, ids=KEYWORD.get)
def test_samples_that_the_cells_cannot_hold_are_in_doubt(syntax: str) -> None:
    truth = Image(9, 11, bits_stored=12)
    content = coded_as(truth, texture(truth), Image(9, 11, bits_allocated=8), syntax)
    result, report = to(content, EXPLICIT)
    assert list(report.doubts) == ["depth_contradicts"]
    assert np.array_equal(native(result), texture(truth))
    small = coded_as(truth, texture(truth) >> 4, Image(9, 11, bits_allocated=8), syntax)
    result, report = to(small, EXPLICIT)
    assert report.doubts == {}
    assert pixel_module(result) == pixel_module(native_file(Image(9, 11, bits_allocated=8)))


@pytest.mark.parametrize("syntax", CODED, ids=KEYWORD.get)
def test_frames_of_several_depths_are_read_alike(syntax: str) -> None:
    claimed = Image(9, 11, frames=3, bits_stored=12)
    samples = texture(claimed)
    codes = []
    for index, depth in enumerate((12, 10, 16)):
        one = Image(9, 11, bits_stored=depth)
        samples[index] &= (1 << min(depth, 12)) - 1
        codes += codestreams(to(native_file(one, samples[index : index + 1]), syntax)[0])
    content = encapsulated_file(claimed, codes, syntax)
    for target in TARGETS:
        if target != syntax:
            result, report = to(content, target)
            assert report.doubts == {}
            assert np.array_equal(native(result), samples)


@pytest.mark.parametrize("syntax", CODED, ids=KEYWORD.get)
def test_frames_of_several_sizes_are_no_image(syntax: str) -> None:
    codes = []
    for one in (Image(9, 11), Image(11, 9)):
        codes += codestreams(to(native_file(one), syntax)[0])
    content = encapsulated_file(Image(9, 11, frames=2), codes, syntax)
    for target in (EXPLICIT, uids.RLELossless):
        assert refused(content, target).code == "frames_differ"


@pytest.mark.parametrize("syntax", JPEGS[:1], ids=KEYWORD.get)
@pytest.mark.parametrize("shift", [1, 2, 5])
def test_a_point_transform_is_not_lossy(syntax: str, shift: int) -> None:
    """The lowest bits are zero, and nothing says that they were not (ITU-T T.81 A.4)."""
    image = Image(19, 23, bits_stored=16)
    shifted = Image(19, 23, bits_stored=16 - shift)
    (code,) = codestreams(to(native_file(shifted), syntax)[0])
    frame, scan = code.index(b"\xff\xc3"), code.index(b"\xff\xda")
    changed = bytearray(code)
    changed[frame + 4] = 16
    changed[scan + 9] = shift
    content = encapsulated_file(image, [bytes(changed)], syntax)
    result, _ = to(content, EXPLICIT)
    assert np.array_equal(stored_samples(result), texture(shifted).astype(np.int64) << shift)
    assert "LossyImageCompression" not in dataset(result)
    found = {one.code: one.severity for one in inspect(content, REGISTRY).findings}
    assert found == {"point_transform": "WARN"} or "lossy_in_lossless" not in found


@pytest.mark.parametrize("syntax", WAVELETS[1:], ids=KEYWORD.get)
@pytest.mark.parametrize("signed", [False, True])
def test_htj2k_above_16_bits_is_not_written(syntax: str, signed: bool) -> None:
    """No other decoder reads it."""
    image = Image(9, 11, bits_allocated=32, bits_stored=17, signed=signed)
    assert refused(native_file(image), syntax).code == "codec_refuses"


@pytest.mark.parametrize("syntax", [*JPEGS, uids.JPEGXLLossless], ids=KEYWORD.get)
@pytest.mark.parametrize("depth", [8, 12, 15])
def test_signs_of_fewer_bits_than_are_stored_are_in_doubt(syntax: str, depth: int) -> None:
    """A pattern of 12 bits in signed 16: GDCM and DCMTK extend its sign in JPEG alone."""
    claimed = Image(9, 11, signed=True)
    truth = dataclasses.replace(claimed, bits_stored=depth)
    content = coded_as(truth, texture(truth), claimed, syntax)
    for target in (EXPLICIT, uids.JPEG2000Lossless, uids.RLELossless):
        result, report = to(content, target)
        assert list(report.doubts) == ["sign_disagrees"]
        assert pixel_module(result) == pixel_module(native_file(claimed))
        pattern = texture(truth).astype(np.int64) & ((1 << depth) - 1)
        jpeg = syntax in (uids.JPEGLossless, uids.JPEGLosslessSV1)
        assert np.array_equal(native(result), texture(truth) if jpeg else pattern)
    assert "sign_disagrees" in {one.code for one in inspect(content, REGISTRY).findings}


@pytest.mark.parametrize("syntax", WAVELETS, ids=KEYWORD.get)
def test_declared_values_that_bits_stored_cannot_hold_are_in_doubt(syntax: str) -> None:
    """Metal at 3405 in a codestream that is signed itself, of a header of 12 bits."""
    truth = Image(9, 11, signed=True)
    samples = texture(SIGNED)[:, :9, :11]
    samples[0, 4, 4] = 3405
    content = coded_as(truth, samples, dataclasses.replace(truth, bits_stored=12), syntax)
    for target in (EXPLICIT, uids.JPEGLSLossless):
        assert "depth_contradicts" in to(content, target)[1].doubts
    small = np.clip(samples, -100, 199)
    claimed = Image(9, 11, bits_allocated=8, signed=True)
    _, report = to(coded_as(truth, small, claimed, syntax), EXPLICIT)
    assert list(report.doubts) == ["depth_contradicts"]
    fits = coded_as(truth, np.clip(samples, -128, 127), claimed, syntax)
    assert to(fits, EXPLICIT)[1].doubts == {}


@pytest.mark.parametrize("syntax", CODED, ids=KEYWORD.get)
def test_no_overlay_is_made_of_signs(syntax: str) -> None:
    """An overlay is declared, and the codestream has no more than the samples."""
    content = with_overlay(coded_as(SIGNED, texture(SIGNED), SIGNED, syntax))
    for target in (EXPLICIT, uids.RLELossless):
        back, _ = to(content, target)
        cells = np.frombuffer(dataset(to(back, EXPLICIT)[0] if target != EXPLICIT else back)
                              .PixelData, np.uint16)  # fmt: skip
        assert not (cells >> 13 & 1).any()
        assert np.array_equal(native(back), texture(SIGNED))
    result, _ = to(content, next(one for one in CODED if one != syntax))
    assert (0x6000, 0x3000) not in dataset(result)
    mixed = codestreams(content) + codestreams(
        of_cells(SIGNED, texture(SIGNED).view(np.uint16) & 0xFFF | 1 << 13, syntax)
    )
    several = dataclasses.replace(SIGNED, frames=2)
    content = with_overlay(encapsulated_file(several, mixed, syntax))
    result, _ = to(content, next(one for one in CODED if one != syntax))
    bits = np.frombuffer(dataset(result)[0x6000, 0x3000].value, np.uint8)
    plane = np.unpackbits(bits, bitorder="little")[: 2 * 19 * 23]
    assert not plane[: 19 * 23].any()
    assert plane[19 * 23 :].all()


def test_an_overlay_beside_the_second_sample_is_not_dropped_unseen() -> None:
    image = Image(19, 23, samples=3, bits_stored=12)
    cells = texture(image)
    cells[..., 1] |= 1 << 13
    content = with_overlay(native_file(image, cells))
    _, report = to(content, uids.JPEG2000Lossless)
    assert list(report.doubts) == ["unused_bits"]
    cells = texture(image)
    cells[..., 0] |= 1 << 13
    assert to(with_overlay(native_file(image, cells)), uids.JPEG2000Lossless)[1].doubts == {}


@pytest.mark.parametrize(
    ("claimed", "code"),
    [
        (Image(20, 48, bits_allocated=8), "size_disagrees"),
        (Image(40, 48, samples=3, bits_allocated=8), "samples_disagree"),
    ],
)
def test_what_is_repacked_is_read_first(claimed: Image, code: str) -> None:
    truth = Image(40, 48, bits_allocated=8)
    jpeg = codestreams(to(native_file(truth), uids.JPEGBaseline8Bit, whole.LOSSY_RULES)[0])
    content = encapsulated_file(claimed, jpeg, uids.JPEGBaseline8Bit)
    _, report = to(content, uids.JPEGXLJPEGRecompression)
    assert list(report.doubts) == [code]
