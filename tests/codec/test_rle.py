"""RLE Lossless, rule by rule (PS3.5 Annex G)."""

from __future__ import annotations

import dataclasses
import struct

import numpy as np
import pytest

from orthanc_transcoder.codec import rle, uids
from orthanc_transcoder.codec.contract import PixelFormat, Samples
from orthanc_transcoder.errors import CodecError
from tests.codec import grid


def encode(samples: Samples, pixels: PixelFormat) -> bytes:
    return grid.encode(uids.RLELossless, samples, pixels)[0].data


def decode(frame: bytes, pixels: PixelFormat) -> Samples:
    codec = grid.REGISTRY.decoder(uids.RLELossless)
    return codec.decode(frame, pixels, uids.RLELossless).samples


def frame_of(*segments: bytes) -> bytes:
    offsets = [64 + sum(map(len, segments[:index])) for index in range(len(segments))]
    numbers = [len(segments), *offsets] + [0] * (15 - len(segments))
    return struct.pack("<16L", *numbers) + b"".join(segments)


def test_byte_planes_come_most_significant_first_and_sample_by_sample() -> None:
    pixels = grid.pixel_format(1, 3, 16, samples=3)
    samples = np.array([[[0x0102, 0x0304, 0x0506]] * 3], np.uint16)
    replicate = [bytes((0xFE, value)) for value in (1, 2, 3, 4, 5, 6)]
    assert encode(samples, pixels) == frame_of(*replicate)


def test_rows_are_encoded_each_on_its_own() -> None:
    pixels = grid.pixel_format(2, 4, 8)
    assert encode(np.zeros((2, 4), np.uint8), pixels) == frame_of(bytes((0xFD, 0, 0xFD, 0)))


def test_segments_have_an_even_length() -> None:
    pixels = grid.pixel_format(1, 4, 8)
    frame = encode(np.array([[1, 2, 3, 4]], np.uint8), pixels)
    assert frame == frame_of(bytes((3, 1, 2, 3, 4, 0)))


def test_runs_may_cross_rows_when_read() -> None:
    pixels = grid.pixel_format(2, 4, 8)
    assert not decode(frame_of(bytes((0xF9, 0))), pixels).any()


def test_the_no_operation_byte_is_skipped() -> None:
    pixels = grid.pixel_format(1, 2, 8)
    assert decode(frame_of(bytes((0x80, 1, 5, 6))), pixels).tolist() == [[5, 6]]


def test_whole_containers_are_given_to_who_asks() -> None:
    pixels = grid.pixel_format(1, 2, 12, allocated=16)
    wide = dataclasses.replace(pixels, bits_stored=16)
    frame = encode(np.array([[0xF123, 0x0456]], np.uint16), wide)
    assert rle.decode_containers(frame, pixels).tolist() == [[0xF123, 0x0456]]
    decoded = grid.REGISTRY.decoder(uids.RLELossless).decode(frame, pixels, uids.RLELossless)
    assert decoded.samples.tolist() == [[0x123, 0x456]]
    assert decoded.notes == ("1 samples held something above Bits Stored; it is dropped",)


@pytest.mark.parametrize("padding", [2, 3, 4, 5, 64])
def test_zeros_after_a_plane_are_padding(padding: int) -> None:
    """Of a segment, or of the frame: GDCM and DCMTK read such frames, too."""
    pixels = grid.pixel_format(3, 5, 12, allocated=16)
    samples = grid.samples_of(pixels)
    frame = encode(samples, pixels)
    assert np.array_equal(decode(frame + bytes(padding), pixels), samples)
    first, second = struct.unpack_from("<2L", frame, 4)
    parts = [frame[first:second] + bytes(padding), frame[second:] + bytes(padding)]
    assert np.array_equal(decode(frame_of(*parts), pixels), samples)
    with pytest.raises(CodecError):
        decode(frame + b"\0\1", pixels)


def test_sign_extension_above_bits_stored_is_no_loss() -> None:
    pixels = grid.pixel_format(1, 2, 12, signed=True, allocated=16)
    frame = encode(np.array([[-5, 5]], np.int16), pixels)
    decoded = grid.REGISTRY.decoder(uids.RLELossless).decode(frame, pixels, uids.RLELossless)
    assert (decoded.samples.tolist(), decoded.notes) == ([[-5, 5]], ())


@pytest.mark.parametrize(
    "frame",
    [
        frame_of(bytes((0xFD, 0))),  # half of the samples
        frame_of(bytes((0xF9, 0, 0xF9, 0))),  # twice as many
        frame_of(bytes((0xF9, 0)), bytes((0xF9, 0))),  # a segment too many
        struct.pack("<16L", 1, 60, *[0] * 14) + bytes((0xF9, 0)),  # an offset into the header
        struct.pack("<16L", 1, 640, *[0] * 14) + bytes((0xF9, 0)),  # one beyond the end
        struct.pack("<16L", 1 << 31, *[64] * 15),
    ],
)
def test_a_frame_that_is_not_one_image_is_refused(frame: bytes) -> None:
    with pytest.raises(CodecError):
        decode(frame, grid.pixel_format(2, 4, 8))
