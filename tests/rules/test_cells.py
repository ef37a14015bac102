"""Whole cells and stored samples: overlays, unused bits, planes, palettes, every depth."""

from __future__ import annotations

import numpy as np
import pytest

from orthanc_transcoder.codec import uids
from orthanc_transcoder.model import Rules
from tests.rules import whole
from tests.rules.whole import (
    CODED,
    EXPLICIT,
    KEYWORD,
    LOSSLESS,
    LOSSY,
    LOSSY_RULES,
    dataset,
    native,
    pixel_module,
    refused,
    require_same_samples,
    to,
)
from tests.synthesis import Image, native_file, stored_samples, texture, to_bytes


@pytest.mark.parametrize("syntax", LOSSLESS, ids=KEYWORD.get)
@pytest.mark.parametrize("depth", range(3, 17))
def test_3_to_16_bits_stored_in_16(syntax: str, depth: int) -> None:
    for signed in (False, True):
        content = native_file(Image(rows=17, columns=9, bits_stored=depth, signed=signed))
        result, _ = to(content, syntax)
        assert pixel_module(result) == pixel_module(content)
        require_same_samples(result, content)


@pytest.mark.parametrize("signed", [False, True])
def test_32_bits_native_and_rle(signed: bool) -> None:
    image = Image(rows=9, columns=7, bits_allocated=32, signed=signed)
    cells = np.random.default_rng(1).integers(0, 1 << 32, image.shape, np.uint32)
    content = native_file(image, cells.view(image.dtype))
    result, _ = to(content, uids.RLELossless)
    assert np.array_equal(stored_samples(to(result, EXPLICIT)[0]), stored_samples(content))


@pytest.mark.parametrize("syntax", LOSSLESS, ids=KEYWORD.get)
def test_palettes_stay_with_their_indices(syntax: str) -> None:
    for depth in (8, 16):
        image = Image(rows=9, columns=8, bits_allocated=depth, photometric="PALETTE COLOR")
        content = native_file(image)
        back, _ = to(to(content, syntax)[0], EXPLICIT)
        assert whole.body_of(back) == whole.body_of(content)


@pytest.mark.parametrize("syntax", [*LOSSLESS, EXPLICIT], ids=KEYWORD.get)
@pytest.mark.parametrize("depth", [8, 16])
def test_planar_configuration_1_becomes_0(syntax: str, depth: int) -> None:
    image = Image(rows=7, columns=5, frames=3, samples=3, bits_allocated=depth, planar=1)
    content = native_file(image, syntax=whole.IMPLICIT)
    result, _ = to(content, syntax)
    require_same_samples(result, content)
    if syntax != EXPLICIT:  # between native syntaxes the pixel data stays as it is
        assert dataset(result).PlanarConfiguration == 0


def test_sub_sampled_native_is_carried_over_or_declined() -> None:
    image = Image(rows=4, columns=6, samples=3, bits_allocated=8, photometric="YBR_FULL_422")
    found = dataset(native_file(image))
    found.PixelData = bytes(range(4 * 6 * 2))
    content = to_bytes(found, EXPLICIT)
    for target in (*LOSSLESS, *LOSSY):
        report = refused(content, target, rules=LOSSY_RULES)
        assert (report.outcome, report.code) in (
            ("declined", "subsampled_native"),
            ("declined", "codec_refuses"),
        )
    for target in (whole.IMPLICIT, whole.DEFLATED):
        back, _ = to(to(content, target)[0], EXPLICIT)
        assert whole.raw_elements(back) == whole.raw_elements(content)


@pytest.mark.parametrize("syntax", CODED, ids=KEYWORD.get)
@pytest.mark.parametrize("frames", [1, 3])
def test_embedded_overlays_move_to_overlay_data(syntax: str, frames: int) -> None:
    image = Image(rows=9, columns=13, frames=frames, bits_stored=12)
    plane = np.random.default_rng(5).integers(0, 2, image.shape, np.uint16)
    position = {0x60000100: 16, 0x60000102: 14, 0x60000010: 9, 0x60000011: 13}
    found = dataset(native_file(image, texture(image) | plane << 14))
    for tag, value in position.items():
        found.add_new(tag, "US", value)
    found.add_new(0x60000040, "CS", "G")
    found.add_new(0x60000050, "SS", [1, 1])
    content = to_bytes(found, EXPLICIT)
    result, report = to(content, syntax)
    after = dataset(result)
    assert (after[0x6000, 0x0100].value, after[0x6000, 0x0102].value) == (1, 0)
    bits = np.unpackbits(np.frombuffer(after[0x6000, 0x3000].value, np.uint8), bitorder="little")
    assert np.array_equal(bits[: plane.size], plane.ravel())
    assert np.array_equal(native(result), texture(image))
    assert not any("dropped" in note for note in report.notes)


def test_embedded_overlays_stay_where_whole_cells_are_carried() -> None:
    image = Image(rows=9, columns=13, bits_stored=12)
    found = dataset(native_file(image, texture(image) | 1 << 14))
    for tag, value in {0x60000100: 16, 0x60000102: 14, 0x60000010: 9, 0x60000011: 13}.items():
        found.add_new(tag, "US", value)
    content = to_bytes(found, EXPLICIT)
    back, _ = to(to(content, uids.RLELossless)[0], EXPLICIT)
    assert whole.body_of(back) == whole.body_of(content)


@pytest.mark.parametrize("syntax", LOSSLESS, ids=KEYWORD.get)
def test_unused_high_bits_are_in_doubt_or_dropped_or_declined_as_the_setting_says(
    syntax: str,
) -> None:
    image = Image(rows=9, columns=13, bits_stored=12)
    content = native_file(image, texture(image) | 0x5000)
    doubtful, in_doubt = to(content, syntax)
    result, report = to(content, syntax, Rules(unused_bits="mask"))
    for each in (doubtful, result):
        assert np.array_equal(native(each), texture(image))
    strict = Rules(unused_bits="decline")
    if syntax == uids.RLELossless:  # carries whole cells: nothing is lost
        assert report.notes == ()
        assert in_doubt.doubts == {}
        assert whole.body_of(to(result, EXPLICIT)[0]) == whole.body_of(content)
        to(content, syntax, strict)
    else:
        assert list(in_doubt.doubts) == ["unused_bits"]
        assert any("dropped" in note for note in report.notes)
        assert report.doubts == {}
        assert refused(content, syntax, rules=strict).code == "unused_bits"


@pytest.mark.parametrize("syntax", LOSSLESS, ids=KEYWORD.get)
def test_sign_extension_above_bits_stored_is_not_rubbish(syntax: str) -> None:
    image = Image(rows=9, columns=13, bits_stored=12, signed=True)
    content = native_file(image)  # negative cells have their high bits set
    result, report = to(content, syntax, Rules(unused_bits="decline"))
    assert report.notes == ()
    assert whole.body_of(to(result, EXPLICIT)[0]) == whole.body_of(content)
