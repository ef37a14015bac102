"""Fragments and offset tables (PS3.5 A.4, PS3.3 C.7.6.3.1.8)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...dicom.fragments import Fragments
from ...dicom.syntaxes import JPIP, VIDEO
from ..findings import Finding
from .header import Header
from .table import found

_BASIC, _EXTENDED, _LENGTHS = "PixelData", "ExtendedOffsetTable", "ExtendedOffsetTableLengths"


def fragments(header: Header) -> Iterator[Finding]:
    """Report fragments that are none, and odd ones."""
    parts = _parts(header)
    if parts is None or not len(parts.sizes):
        return
    if not len(parts) or not parts.proper:
        sentence = "It does not consist of an offset table and fragments."
        yield found("bad_fragments", sentence, "PixelData")
    odd = np.flatnonzero(parts.sizes % 2)
    if len(odd):
        sentence = f"{len(odd)} of its items are of odd length, the first is item {odd[0]}."
        yield found("odd_length", sentence, "PixelData")


def basic_table(header: Header) -> Iterator[Finding]:
    """Compare the Basic Offset Table with the fragments."""
    parts = _parts(header)
    if parts is None or not len(parts.table) or not len(parts):
        return
    if len(parts.table) % 4:
        sentence = f"The Basic Offset Table has {len(parts.table)} bytes."
        yield found("offset_table", sentence, _BASIC)
        return
    offsets = np.frombuffer(parts.table, "<u4").astype(np.uint64)
    if problem := _misfit(offsets, parts, header.frames):
        yield found("offset_table", f"The Basic Offset Table {problem}.", _BASIC)


def extended_table(header: Header) -> Iterator[Finding]:
    """Compare the Extended Offset Table, and its lengths, with the fragments."""
    if not header.encapsulated or header.element(_EXTENDED) is None:
        return
    offsets, lengths = _very_long(header, _EXTENDED), _very_long(header, _LENGTHS)
    parts = _parts(header)
    if offsets is None or lengths is None:
        yield found("extended_offset_table", "It, or its lengths, cannot be read.", _EXTENDED)
    elif parts is None:
        return
    elif len(parts.table):
        sentence = "There is a Basic Offset Table beside it."
        yield found("extended_offset_table", sentence, _EXTENDED)
    elif problem := _misfit(offsets, parts, header.frames):
        yield found("extended_offset_table", f"It {problem}.", _EXTENDED)
    elif not _fit(lengths, parts):
        sentence = "They are not the lengths of the fragments."
        yield found("extended_offset_table", sentence, _LENGTHS)


def _parts(header: Header) -> Fragments | None:
    """Offset table and fragments; none of video, whose fragments are no frames (A.4.5)."""
    return None if header.file.syntax in VIDEO | JPIP else header.fragments


def _misfit(offsets: NDArray[np.uint64], parts: Fragments, frames: int) -> str:
    """Say how a table does not fit the fragments, or nothing."""
    if len(offsets) != frames:
        return f"has {len(offsets)} entries for {frames} frames"
    strange = np.flatnonzero(~np.isin(offsets, parts.offsets))
    if len(strange):
        number = int(strange[0])
        start = f"says that frame {number + 1} starts at {offsets[number]}"
        return f"{start}, where no fragment does"
    if offsets[0] != 0 or (offsets[1:] <= offsets[:-1]).any():
        return "does not ascend from 0"
    return ""


def _fit(lengths: NDArray[np.uint64], parts: Fragments) -> bool:
    """Whether these are the fragments' lengths, with or without padding; one per frame."""
    if len(lengths) != len(parts):
        return False
    own = parts.lengths
    return bool(((lengths == own) | (lengths + np.uint64(1) == own)).all())


def _very_long(header: Header, keyword: str) -> NDArray[np.uint64] | None:
    """The values of an OV."""
    element = header.element(keyword)
    if element is None or len(element.value) % 8:
        return None
    return np.frombuffer(element.value, "<u8").astype(np.uint64)


CHECKS: Final = (fragments, basic_table, extended_table)
