"""Scans that are missing, and bytes left over between scans and restart intervals."""

from __future__ import annotations

import imagecodecs
import numpy as np
import pytest

from orthanc_transcoder.codec import jpeg_codestream, jpeg_decode, jpeg_scans, jpeg_xl, uids
from orthanc_transcoder.codec.contract import Auditor
from orthanc_transcoder.codec.jpeg_codestream import SOF_LOSSLESS, SOF_PROGRESSIVE, Scan
from orthanc_transcoder.errors import CodecError
from tests.codec import grid, jpeg_samples
from tests.codec.jpeg_samples import EOI, STREAMS

NAMED = pytest.mark.parametrize("name", STREAMS)
SEQUENTIAL = pytest.mark.parametrize("name", ["baseline of three scans", "lossless of three scans"])
PROGRESSIVE = pytest.mark.parametrize("name", [name for name in STREAMS if "progressive" in name])
JUNK = b"\x12\x5a\xa5\x77\x01\x99\x42\x13\x66"


def reason(data: bytes) -> str:
    """Why it is refused, or nothing."""
    try:
        jpeg_decode.require_sound(jpeg_codestream.parse(data))
    except CodecError as error:
        return error.reason
    return ""


@SEQUENTIAL
@pytest.mark.parametrize("kept", [(0,), (1,), (0, 1), (0, 2), (1, 2)])
def test_a_component_without_a_scan_is_missed(name: str, kept: tuple[int, ...]) -> None:
    lost = min({0, 1, 2}.difference(kept))
    assert reason(jpeg_samples.with_scans(STREAMS[name][0], kept)) == (
        f"no scan has component {lost}"
    )


@SEQUENTIAL
def test_scans_may_come_in_any_order_but_once(name: str) -> None:
    data = STREAMS[name][0]
    assert not reason(jpeg_samples.with_scans(data, (2, 0, 1)))
    assert reason(jpeg_samples.with_scans(data, (0, 1, 1, 2))) == "a component is in two scans"


def test_components_may_be_numbered_alike() -> None:
    stream = jpeg_codestream.Codestream(process=SOF_LOSSLESS, components=(0, 0, 0))
    stream.scans = [scan((0, 0, 0), 1, 0)]
    assert jpeg_scans.missing(stream) is None
    stream.scans = [scan((0, 0), 1, 0)]
    assert jpeg_scans.missing(stream) == "no scan has component 0"


@PROGRESSIVE
def test_every_progressive_scan_is_missed(name: str) -> None:
    data = STREAMS[name][0]
    count = len(jpeg_codestream.parse(data).scans)
    for kept in range(1, count):
        assert reason(jpeg_samples.with_scans(data, range(kept))).startswith("no scan has the last")
    for lost in range(count):
        assert reason(jpeg_samples.with_scans(data, set(range(count)) - {lost}))


def test_what_scans_there_are_can_be_seen() -> None:
    for name in ("baseline of three scans", "progressive colour"):
        data, pixels = STREAMS[name]
        codec = grid.REGISTRY.decoder(uids.JPEGBaseline8Bit)
        assert isinstance(codec, Auditor)
        damaged = jpeg_samples.with_scans(data, (0,))
        with pytest.raises(CodecError, match="no scan has") as caught:
            codec.decode(damaged, pixels, uids.JPEGBaseline8Bit)
        assert caught.value.code == "damaged_codestream"
        assert codec.salvage(damaged, pixels, uids.JPEGBaseline8Bit).samples.shape == (96, 96, 3)


def test_a_jpeg_without_all_its_scans_is_not_repacked() -> None:
    data = jpeg_samples.with_scans(STREAMS["baseline of three scans"][0], (0, 1))
    with pytest.raises(CodecError, match="no scan has component 2"):
        jpeg_xl.codec().recompress(data, uids.JPEGBaseline8Bit, uids.JPEGXLJPEGRecompression)


@NAMED
def test_bytes_left_over_are_found_wherever_they_are(name: str) -> None:
    data = STREAMS[name][0]
    rng = np.random.default_rng(1)
    for place in rng.permutation(jpeg_samples.ends(data))[:12]:
        for count in (1, 2, 3, 4, 5, 9):
            assert reason(data[:place] + JUNK[:count] + data[place:]), (place, count)


@NAMED
def test_a_byte_is_missed_at_every_end(name: str) -> None:
    data = STREAMS[name][0]
    rng = np.random.default_rng(2)
    for place in rng.permutation(jpeg_samples.ends(data))[:12]:
        whole = data[:place].rstrip(b"\x00\xff")
        if whole[-2:-1] != b"\xff":  # a marker: all of the piece may be padding
            assert reason(whole[:-1] + data[place:]), place


@NAMED
@pytest.mark.parametrize("padding", [b"\x00", b"\xff", bytes(20), b"\x00\xff", b"\x00\xff\xff"])
def test_padding_may_be_at_every_end(name: str, padding: bytes) -> None:
    assert not reason(jpeg_samples.at_every_end(STREAMS[name][0], padding))


def test_padding_hides_no_bytes_left_over() -> None:
    data = jpeg_samples.at_every_end(STREAMS["baseline with restarts"][0], bytes(3))
    for place in jpeg_samples.ends(data):
        assert reason(data[: place - 3] + b"\x12" + data[place - 3 :])


def test_all_zero_intervals_stand_in_for_no_other() -> None:
    """Padding or data, nobody can tell: they neither count nor must be missed."""
    data, _ = jpeg_samples.with_all_zero_rows()
    assert not reason(data)
    place = jpeg_samples.ends(data)[0]
    for count in (1, 4, 9):
        assert reason(data[:place] + JUNK[:count] + data[place:])
    assert reason(data[: place - 1] + data[place:])


def ending_in(last: bytes) -> bytes:
    """A lossless stream whose data ends so."""
    for seed in range(5000):
        samples = np.random.default_rng(seed).integers(0, 4096, (4, 4), dtype=np.uint16)
        data = bytes(imagecodecs.jpeg8_encode(samples, lossless=True, bitspersample=12))
        if data.endswith(last + EOI):
            return data
    raise AssertionError("no such stream")


@pytest.mark.parametrize("count", [0, 1, 2, 9])
def test_the_last_byte_may_be_ff_and_followed_by_padding(count: int) -> None:
    data = ending_in(b"\xff\x00")
    assert not reason(data[:-2] + bytes(count) + EOI)
    assert reason(data[:-4] + EOI)


def scan(components: tuple[int, ...], first: int, last: int, high: int = 0, low: int = 0) -> Scan:
    return Scan(components, first, last, high, low, header=0, start=0, end=0)


@pytest.mark.parametrize(
    ("scans", "pieces"),
    [
        ([scan((1, 2), 0, 0, 0, 1), scan((1, 2), 0, 0, 1, 0)], [2]),
        ([scan((1,), 1, 63, 0, 1), scan((1,), 1, 63, 1, 0)], [1, 1]),
        ([scan((1,), 1, 63, 0, 1), scan((2,), 1, 63, 1, 0)], [2]),
        ([scan((1,), 1, 5, 0, 2), scan((1,), 1, 63, 2, 1), scan((1,), 6, 63, 1, 0)], [1, 1, 1]),
        # Zeros instead of data may make libjpeg write up to 15 places past a band.
        ([scan((1,), 1, 20, 1, 0), scan((1,), 35, 63, 1, 0)], [1, 1]),
        ([scan((1,), 1, 20, 1, 0), scan((1,), 36, 63, 1, 0)], [2]),
        ([scan((1,), 36, 63, 1, 0), scan((1,), 1, 20, 1, 0)], [2]),
    ],
)
def test_no_scan_is_shortened_before_one_that_refines_it(
    scans: list[Scan], pieces: list[int]
) -> None:
    stream = jpeg_codestream.Codestream(process=SOF_PROGRESSIVE, scans=scans)
    assert [each.pieces for each in jpeg_scans.shortened(stream)] == pieces
