"""JP2 files around a codestream (ISO/IEC 15444-1 Annex I), which DICOM does not allow.

Some writers store them all the same. Only what changes samples is read: where the
codestream lies, and in which order its components are colours. A palette, or
channels that are no colours, are refused: the codestream alone would mislead.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ..errors import CodecError

SIGNATURE = b"\x00\x00\x00\x0cjP  \r\n\x87\n"


class Opened(NamedTuple):
    """Where the codestream starts, and which component is the first colour, the second ..."""

    start: int
    order: tuple[int, ...] = ()  # empty: as they are


def locate(frame: bytes) -> Opened:
    """Find the codestream of a JP2 file.

    Raises
    ------
    CodecError
        If there is none, or its components are not the samples.
    """
    order: tuple[int, ...] = ()
    for kind, start, end in _boxes(frame, 0, len(frame)):
        if kind == b"jp2h":
            order = _channels(frame, start, end)
        if kind == b"jp2c":
            return Opened(start, order)
    raise CodecError("damaged_codestream", "a JP2 file without a codestream box")


def _channels(frame: bytes, start: int, end: int) -> tuple[int, ...]:
    """The order of components that the JP2 Header box gives."""
    order: tuple[int, ...] = ()
    for kind, first, last in _boxes(frame, start, end):
        if kind in (b"pclr", b"cmap"):
            raise CodecError("unsupported_codestream", "a JP2 file with a palette")
        if kind == b"cdef":
            order = _definition(frame[first:last])
    return order


def _definition(box: bytes) -> tuple[int, ...]:
    """Read a Channel Definition box: N, and of each channel number, type, association (I.5.3.6)."""
    numbers = [int.from_bytes(box[at : at + 2], "big") for at in range(0, len(box) - 1, 2)]
    count, entries = (numbers or [0])[0], numbers[1:]
    if count * 3 != len(entries):
        raise CodecError("damaged_codestream", "a JP2 channel definition of a wrong length")
    channels = list(zip(entries[::3], entries[1::3], entries[2::3], strict=True))
    if any(kind != 0 for _, kind, _ in channels):
        raise CodecError("unsupported_codestream", "a JP2 file with channels that are no colours")
    colours = {association: number for number, _, association in channels}
    order = tuple(colours[one] for one in sorted(colours))
    if sorted(colours) not in ([0], list(range(1, count + 1))) or sorted(order) != list(
        range(count)
    ):
        raise CodecError("unsupported_codestream", "a JP2 channel definition without three colours")
    return () if order == tuple(range(count)) else order


def _boxes(frame: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, first byte and end of the content of each box (I.4)."""
    while start + 8 <= end:
        length, kind = int.from_bytes(frame[start : start + 4], "big"), frame[start + 4 : start + 8]
        header = 16 if length == 1 else 8
        if length == 1:
            length = int.from_bytes(frame[start + 8 : start + 16], "big")
        stop = end if length == 0 else start + length
        if length and length < header:
            raise CodecError("damaged_codestream", f"a JP2 box of {length} bytes")
        yield kind, start + header, min(stop, end)
        start = stop
