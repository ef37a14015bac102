"""Raw data elements, found by their lengths alone (PS3.5 section 7).

The rule: a value is a slice of the buffer, never decoded. Every length is
checked against the buffer before it is believed, nesting is bounded, and
whatever is wrong raises ``DicomError`` with the tag and the offset; no other
exception can come out of any sequence of bytes.

Read more than the standard allows where nothing can be misunderstood, as
pydicom does: implicit elements and items in an explicit data set, an unknown
VR of two letters (16-bit length), zero bytes after the last element.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Final, NamedTuple

from ..errors import DicomError

Buffer = bytes | memoryview

UNDEFINED: Final = 0xFFFFFFFF
PIXEL_DATA: Final = 0x7FE00010
ITEM: Final = 0xFFFEE000
ITEM_DELIMITER: Final = 0xFFFEE00D
SEQUENCE_DELIMITER: Final = 0xFFFEE0DD
MAX_DEPTH: Final = 64

# PS3.5 table 7.1-1: these have 32-bit lengths, all others 16-bit ones.
LONG_VRS: Final = frozenset(
    ["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"]
)
SHORT_VRS: Final = frozenset(
    {"AE", "AS", "AT", "CS", "DA", "DS", "DT", "FL", "FD", "IS", "LO", "LT", "PN", "SH"}
    | {"SL", "SS", "ST", "TM", "UI", "UL", "US"}
)

_LONG_CODES: Final = frozenset(vr.encode() for vr in LONG_VRS)
_IMPLICIT: Final = {True: Struct("<HHL"), False: Struct(">HHL")}
_EXPLICIT: Final = {True: Struct("<HH2sH"), False: Struct(">HH2sH")}
_LENGTH: Final = {True: Struct("<L"), False: Struct(">L")}


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a data set is written: with or without VRs, and its byte order."""

    implicit: bool
    little: bool


IMPLICIT_LE: Final = Encoding(implicit=True, little=True)
EXPLICIT_LE: Final = Encoding(implicit=False, little=True)
EXPLICIT_BE: Final = Encoding(implicit=False, little=False)


@dataclass(frozen=True, slots=True)
class Element:
    """One raw data element.

    Attributes
    ----------
    vr
        As written; empty where the encoding has none.
    value
        The value field in ``encoding``; without the sequence delimiter.
    undefined_length
        Whether the value consists of items up to a sequence delimiter.
    encoding
        Its own: implicit elements occur in explicit data sets.
    span
        The whole element as read, header to delimiter; empty if made here.
    """

    tag: int
    vr: str
    value: Buffer
    undefined_length: bool = False
    encoding: Encoding = EXPLICIT_LE
    span: Buffer = b""


class Item(NamedTuple):
    """One item of a sequence, or one fragment of encapsulated pixel data."""

    content: memoryview
    undefined_length: bool
    encoding: Encoding


class _Header(NamedTuple):
    tag: int
    vr: str
    length: int
    start: int  # of the value


def tag_name(tag: int) -> str:
    """``(gggg,eeee)``."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def walk(buffer: Buffer, encoding: Encoding) -> list[Element]:
    """Find the elements of one level of a data set.

    Parameters
    ----------
    buffer
        The data set, without preamble and group 2, or an item's content.
    encoding
        How it is written (PS3.5 sections 7.1.2, 7.1.3).

    Raises
    ------
    DicomError
        If lengths, items or delimiters do not fit together.
    """
    view = memoryview(buffer)
    found = []
    position = 0
    while position < len(view) and not _is_padding(view, position):
        element = read(view, position, encoding)
        found.append(element)
        position += len(element.span)
    return found


def read(view: memoryview, position: int, encoding: Encoding) -> Element:
    """Read one element; it ends at ``position + len(element.span)``."""
    header = _header(view, position, encoding)
    if header.tag >> 16 == 0xFFFE:
        raise _broken("misplaced_delimiter", header.tag, position, "does not belong there")
    own = _own_encoding(header, encoding)
    undefined = header.length == UNDEFINED
    end = _end_of_value(view, header, position, own, 0)
    value = view[header.start : end - 8 if undefined else end]
    return Element(header.tag, header.vr, value, undefined, own, view[position:end])


def items(element: Element) -> Iterator[Item]:
    """Yield the items of a sequence, or fragments (the offset table first).

    Raises
    ------
    DicomError
        If the value does not consist of items.
    """
    view = memoryview(element.value)
    outer = _content_encoding(element.vr, element.encoding)
    for start, end, undefined in spans(element):
        content = view[start:end]
        yield Item(content, undefined, _item_encoding(content, 0, outer))


def spans(element: Element) -> Iterator[tuple[int, int, bool]]:
    """Yield where each item's content starts and ends, and whether its length is undefined.

    Raises
    ------
    DicomError
        If the value does not consist of items.
    """
    view = memoryview(element.value)
    outer = _content_encoding(element.vr, element.encoding)
    position = 0
    while position < len(view):
        header = _header(view, position, outer)
        if header.tag == SEQUENCE_DELIMITER and header.start == len(view):
            return  # superfluous, as the length is known, but harmless
        if header.tag != ITEM:
            raise _broken("not_an_item", header.tag, position, "is where an item must be")
        position = _end_of_item(view, header, position, outer, 0)
        undefined = header.length == UNDEFINED
        yield header.start, position - 8 if undefined else position, undefined


def content_is_implicit(element: Element) -> bool:
    """Whether every item is implicit LE, as items of UN must be (PS3.5 6.2.2)."""
    return all(item.encoding == IMPLICIT_LE for item in items(element))


def _header(view: memoryview, position: int, encoding: Encoding) -> _Header:
    """Read tag, VR and length; items and delimiters have no VR in any encoding."""
    if len(view) - position < 8:
        raise DicomError(
            "truncated", f"The data set ends within an element header at offset {position}."
        )
    if not encoding.implicit:
        group, number, code, short = _EXPLICIT[encoding.little].unpack_from(view, position)
        tag = group << 16 | number
        if group != 0xFFFE and _is_vr(code):
            if code in _LONG_CODES:
                return _long_header(view, position, encoding, tag, code.decode())
            return _Header(tag, code.decode(), short, position + 8)
    group, number, length = _IMPLICIT[encoding.little].unpack_from(view, position)
    return _Header(group << 16 | number, "", length, position + 8)


def _long_header(view: memoryview, position: int, encoding: Encoding, tag: int, vr: str) -> _Header:
    if len(view) - position < 12:
        raise _broken("truncated", tag, position, "ends within its header")
    (length,) = _LENGTH[encoding.little].unpack_from(view, position + 8)
    return _Header(tag, vr, length, position + 12)


def _end_of_value(
    view: memoryview, header: _Header, position: int, encoding: Encoding, depth: int
) -> int:
    if header.length == UNDEFINED:
        inner = _content_encoding(header.vr, encoding)
        return _end_of_sequence(view, header, position, inner, depth + 1)
    end = header.start + header.length
    if end > len(view):
        rest = len(view) - header.start
        claim = f"claims {header.length} bytes where {rest} remain"
        code = "pixel_data_too_short" if header.tag == PIXEL_DATA else "truncated"
        raise _broken(code, header.tag, position, claim)
    return end


def _end_of_sequence(
    view: memoryview, sequence: _Header, position: int, encoding: Encoding, depth: int
) -> int:
    """Step over items up to and including the sequence delimiter."""
    if depth > MAX_DEPTH:
        reason = f"is nested more than {MAX_DEPTH} levels deep"
        raise _broken("too_deep", sequence.tag, position, reason)
    position = sequence.start
    while True:
        header = _header(view, position, encoding)
        if header.tag == SEQUENCE_DELIMITER:
            return header.start
        if header.tag != ITEM:
            reason = f"is where an item of {tag_name(sequence.tag)} must be"
            raise _broken("not_an_item", header.tag, position, reason)
        position = _end_of_item(view, header, position, encoding, depth)


def _end_of_item(
    view: memoryview, item: _Header, position: int, outer: Encoding, depth: int
) -> int:
    if item.length != UNDEFINED:
        return _end_of_value(view, item, position, outer, depth)
    encoding = _item_encoding(view, item.start, outer)
    position = item.start
    while True:
        header = _header(view, position, encoding)
        if header.tag == ITEM_DELIMITER:
            return header.start
        if header.tag >> 16 == 0xFFFE:
            raise _broken("misplaced_delimiter", header.tag, position, "does not belong there")
        own = _own_encoding(header, encoding)
        position = _end_of_value(view, header, position, own, depth)


def _own_encoding(header: _Header, encoding: Encoding) -> Encoding:
    if header.vr or encoding.implicit:
        return encoding
    return Encoding(implicit=True, little=encoding.little)


def _content_encoding(vr: str, encoding: Encoding) -> Encoding:
    """The items of an UN are implicit LE; an LE item may betray itself as explicit."""
    return IMPLICIT_LE if vr == "UN" and not encoding.little else encoding


def _item_encoding(view: memoryview, position: int, outer: Encoding) -> Encoding:
    """An item's own encoding: some writers leave VRs out below an explicit sequence."""
    code = bytes(view[position + 4 : position + 6])
    if outer.implicit or not outer.little or _is_vr(code):
        return outer
    return IMPLICIT_LE


def begins_with_vr(view: memoryview) -> bool:
    """Whether two capitals stand where an element's VR would."""
    return _is_vr(bytes(view[4:6]))


def _is_vr(code: bytes) -> bool:
    return len(code) == 2 and 65 <= code[0] <= 90 and 65 <= code[1] <= 90


def _is_padding(view: memoryview, position: int) -> bool:
    """Zero bytes up to the end; no element is (0000,0000) with nothing in it."""
    if any(view[position : position + 8]):
        return False
    if bytes(view[position:]).strip(b"\0"):
        raise _broken("bad_element", 0, position, "is no element")
    return True


def _broken(code: str, tag: int, position: int, reason: str) -> DicomError:
    return DicomError(code, f"{tag_name(tag)} at offset {position} {reason}.")
