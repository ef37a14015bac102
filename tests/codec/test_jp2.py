"""JP2 files in the place of codestreams: the order of colours that they give is heeded."""

from __future__ import annotations

from itertools import permutations
from struct import pack

import numpy as np
import pytest

from orthanc_transcoder.codec import uids
from orthanc_transcoder.codec.contract import Decoded
from orthanc_transcoder.errors import CodecError
from tests.codec import grid

RGB = grid.pixel_format(31, 33, 8, samples=3)
SAMPLES = grid.samples_of(RGB)
STREAM = grid.encode(uids.JPEG2000Lossless, SAMPLES, RGB)[0].data


def box(kind: bytes, content: bytes) -> bytes:
    return pack(">L4s", len(content) + 8, kind) + content


def jp2(*header: bytes) -> bytes:
    start = box(b"jP  ", b"\r\n\x87\n") + box(b"ftyp", b"jp2 \0\0\0\0jp2 ")
    return start + box(b"jp2h", b"".join(header)) + pack(">L4s", 0, b"jp2c") + STREAM


def channels(*entries: tuple[int, int, int]) -> bytes:
    content = pack(">H", len(entries)) + b"".join(pack(">HHH", *one) for one in entries)
    return box(b"cdef", content)


def decode(frame: bytes) -> Decoded:
    syntax = uids.JPEG2000Lossless
    return grid.REGISTRY.decoder(syntax).decode(frame, RGB, syntax)


@pytest.mark.parametrize("order", permutations(range(3)))
def test_channels_come_in_the_order_that_the_box_gives(order: tuple[int, ...]) -> None:
    box_of_them = channels(*[(number, 0, place + 1) for place, number in enumerate(order)])
    found = decode(jp2(box_of_them))
    assert np.array_equal(found.samples, SAMPLES[..., list(order)])
    assert any("JP2" in note for note in found.notes)


def test_without_a_definition_they_stay_as_they_are() -> None:
    assert np.array_equal(decode(jp2(box(b"ihdr", bytes(14)))).samples, SAMPLES)


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (box(b"pclr", b"\0\1\3\7\7\7abc"), "unsupported_codestream"),
        (channels((0, 0, 1), (1, 0, 2), (2, 1, 0)), "unsupported_codestream"),  # opacity
        (channels((0, 0, 1), (1, 0, 1), (2, 0, 3)), "unsupported_codestream"),
        (channels((0, 0, 1), (1, 0, 2), (7, 0, 3)), "unsupported_codestream"),
        (channels((1, 0, 1), (0, 0, 2)), "damaged_codestream"),  # of three
        (box(b"cdef", b"\0\3\0\0"), "damaged_codestream"),
        (pack(">L4s", 3, b"cdef"), "damaged_codestream"),
    ],
)
def test_what_would_mislead_is_refused(header: bytes, code: str) -> None:
    with pytest.raises(CodecError) as caught:
        decode(jp2(header))
    assert caught.value.code == code
