"""Fragments and offset tables (PS3.5 A.4, PS3.3 C.7.6.3.1.8)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from struct import unpack
from typing import Final

from ...dicom.elements import EXPLICIT_LE, Item, items
from ...dicom.syntaxes import JPIP, VIDEO
from ..findings import Finding
from .header import Header
from .table import found

_ITEM_HEADER: Final = 8
_BASIC, _EXTENDED, _LENGTHS = "PixelData", "ExtendedOffsetTable", "ExtendedOffsetTableLengths"


def fragments(header: Header) -> Iterator[Finding]:
    """Report fragments that are none, and odd ones."""
    found_items = _items(header)
    if not found_items:
        return
    if len(found_items) < 2 or any(item.undefined_length for item in found_items):
        sentence = "It does not consist of an offset table and fragments."
        yield found("bad_fragments", sentence, "PixelData")
    odd = [number for number, item in enumerate(found_items) if len(item.content) % 2]
    if odd:
        sentence = f"{len(odd)} of its items are of odd length, the first is item {odd[0]}."
        yield found("odd_length", sentence, "PixelData")


def basic_table(header: Header) -> Iterator[Finding]:
    """Compare the Basic Offset Table with the fragments."""
    table, parts = _split(header)
    if not table or not parts:
        return
    if len(table) % 4:
        sentence = f"The Basic Offset Table has {len(table)} bytes."
        yield found("offset_table", sentence, _BASIC)
        return
    offsets = unpack(f"<{len(table) // 4}L", table)
    if problem := _misfit(offsets, parts, header.frames):
        yield found("offset_table", f"The Basic Offset Table {problem}.", _BASIC)


def extended_table(header: Header) -> Iterator[Finding]:
    """Compare the Extended Offset Table, and its lengths, with the fragments."""
    if not header.encapsulated or header.element(_EXTENDED) is None:
        return
    offsets, lengths = _very_long(header, _EXTENDED), _very_long(header, _LENGTHS)
    table, parts = _split(header)
    if offsets is None or lengths is None:
        yield found("extended_offset_table", "It, or its lengths, cannot be read.", _EXTENDED)
    elif table:
        sentence = "There is a Basic Offset Table beside it."
        yield found("extended_offset_table", sentence, _EXTENDED)
    elif problem := _misfit(offsets, parts, header.frames):
        yield found("extended_offset_table", f"It {problem}.", _EXTENDED)
    elif not _fit(lengths, parts):
        sentence = "They are not the lengths of the fragments."
        yield found("extended_offset_table", sentence, _LENGTHS)


def _items(header: Header) -> list[Item]:
    """Offset table and fragments; none for video, whose fragments are no frames (A.4.5)."""
    pixels = header.pixels
    if pixels is None or not header.encapsulated or header.file.syntax in VIDEO | JPIP:
        return []
    return list(items(pixels))


def _split(header: Header) -> tuple[bytes, list[Item]]:
    """The Basic Offset Table, and the fragments after it."""
    table, *parts = _items(header) or [Item(memoryview(b""), False, EXPLICIT_LE)]
    return bytes(table.content), parts


def _misfit(offsets: Sequence[int], parts: Sequence[Item], frames: int) -> str:
    """Say how a table does not fit the fragments, or nothing."""
    starts = set(accumulate((len(part.content) + _ITEM_HEADER for part in parts[:-1]), initial=0))
    if len(offsets) != frames:
        return f"has {len(offsets)} entries for {frames} frames"
    for number, offset in enumerate(offsets, start=1):
        if offset not in starts:
            return f"says that frame {number} starts at {offset}, where no fragment does"
    if offsets[0] != 0 or any(a >= b for a, b in pairwise(offsets)):
        return "does not ascend from 0"
    return ""


def _fit(lengths: Sequence[int], parts: Sequence[Item]) -> bool:
    """Whether these are the fragments' lengths, with or without padding; one per frame."""
    return len(lengths) == len(parts) and all(
        length in (len(part.content), len(part.content) - 1)
        for length, part in zip(lengths, parts, strict=True)
    )


def _very_long(header: Header, keyword: str) -> tuple[int, ...] | None:
    """The values of an OV."""
    element = header.element(keyword)
    if element is None or len(element.value) % 8:
        return None
    return unpack(f"<{len(element.value) // 8}Q", element.value)


CHECKS: Final = (fragments, basic_table, extended_table)
