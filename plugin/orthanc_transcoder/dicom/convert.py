"""Raw elements written in another encoding (PS3.5 sections 6.2.2, 7, annex A).

The rule: an element that is already written as the target asks is copied, byte
for byte. Any other keeps its value bytes: only its header is new, multi-byte
numbers change their byte order, and sequences are entered so that the same
holds inside them. Retired group lengths would become wrong, and are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import pack

import numpy as np

from ..errors import Declined, DicomError
from .elements import (
    EXPLICIT_LE,
    ITEM,
    ITEM_DELIMITER,
    LONG_VRS,
    MAX_DEPTH,
    SEQUENCE_DELIMITER,
    UNDEFINED,
    Buffer,
    Element,
    Encoding,
    Item,
    content_is_implicit,
    items,
    tag_name,
    walk,
)
from .vr import WORD_BYTES, Context, resolve


def convert(elements: Iterable[Element], target: Encoding, context: Context | None = None) -> bytes:
    """Write elements one after the other, in the order given.

    Parameters
    ----------
    elements
        One level of a data set, each in its own encoding.
    target
        The encoding to write.
    context
        What enclosing data sets say (Pixel Representation).

    Raises
    ------
    DicomError
        If a sequence that must be rewritten is damaged.
    Declined
        If a value is too long for the target's length field.
    """
    return b"".join(pieces(elements, target, context))


def pieces(
    elements: Iterable[Element],
    target: Encoding,
    context: Context | None = None,
    depth: int = 0,
) -> Iterator[Buffer]:
    """Do as ``convert`` does, but leave the joining, and so one copy, to the caller."""
    if depth > MAX_DEPTH:
        raise DicomError("too_deep", f"Sequences are nested more than {MAX_DEPTH} levels deep.")
    level = list(elements)
    context = (context or Context()).within(level)
    for element in level:
        if element.tag & 0xFFFF == 0:
            continue
        if element.span and element.encoding == target:
            yield element.span
        else:
            yield from _rewritten(element, target, context, depth)


def as_explicit_le(element: Element, context: Context | None = None) -> Element:
    """The same element with an explicit little-endian value."""
    if element.encoding == EXPLICIT_LE:
        return element
    context = context or Context()
    vr, value = _recoded(element, EXPLICIT_LE, context, 0)
    return Element(element.tag, vr, value, element.undefined_length)


def header(tag: int, vr: str, length: int, target: Encoding) -> bytes:
    """An element's header; ``vr`` must have a length field that holds ``length``."""
    order = "<" if target.little else ">"
    group, number = tag >> 16, tag & 0xFFFF
    if target.implicit or group == 0xFFFE:
        return pack(f"{order}HHL", group, number, length)
    if vr in LONG_VRS:
        return pack(f"{order}HH2sHL", group, number, vr.encode(), 0, length)
    return pack(f"{order}HH2sH", group, number, vr.encode(), length)


def _rewritten(
    element: Element, target: Encoding, context: Context, depth: int
) -> Iterator[Buffer]:
    vr, value = _recoded(element, target, context, depth)
    if element.undefined_length:
        yield header(element.tag, vr, UNDEFINED, target)
        yield value
        yield header(SEQUENCE_DELIMITER, "", 0, target)
        return
    if len(value) >= UNDEFINED:
        raise Declined(
            "value_too_long", f"{tag_name(element.tag)} would be {len(value)} bytes long."
        )
    yield header(element.tag, vr, len(value), target)
    yield value


def _recoded(
    element: Element, target: Encoding, context: Context, depth: int
) -> tuple[str, Buffer]:
    """The VR and the value field in the target's encoding."""
    vr = resolve(element, context)
    if vr == "SQ" or _is_sequence_in_disguise(element, vr, target):
        return "SQ", b"".join(_rewritten_items(element, target, context, depth))
    if element.undefined_length and vr != "UN" and not target.little:
        raise Declined(
            "encapsulated_big_endian",
            f"{tag_name(element.tag)} is encapsulated, which big endian cannot be.",
        )
    if len(element.value) > 0xFFFE and not target.implicit and _is_short(element, vr):
        return "UN", _ordered(element, vr, little=True)  # PS3.5 6.2.2: UN is little endian
    return vr, _ordered(element, vr, target.little)


def _is_short(element: Element, vr: str) -> bool:
    return vr not in LONG_VRS and not element.undefined_length


def _is_sequence_in_disguise(element: Element, vr: str, target: Encoding) -> bool:
    """UN of undefined length that cannot stay: its items must be implicit LE, and are not.

    In big endian, readers disagree about the byte order of its delimiter.
    """
    if vr != "UN" or not element.undefined_length:
        return False
    return not target.little or not content_is_implicit(element)


def _rewritten_items(
    element: Element, target: Encoding, context: Context, depth: int
) -> Iterator[Buffer]:
    for item in items(element):
        content = _item_content(item, target, context, depth)
        length = UNDEFINED if item.undefined_length else len(content)
        yield header(ITEM, "", length, target)
        yield content
        if item.undefined_length:
            yield header(ITEM_DELIMITER, "", 0, target)


def _item_content(item: Item, target: Encoding, context: Context, depth: int) -> bytes:
    elements = walk(item.content, item.encoding)
    return b"".join(pieces(elements, target, context, depth + 1))


def _ordered(element: Element, vr: str, little: bool) -> Buffer:
    size = WORD_BYTES.get(vr, 1)
    if size == 1 or element.encoding.little == little:
        return element.value
    if len(element.value) % size:
        raise DicomError(
            "bad_value",
            f"{tag_name(element.tag)} has VR {vr}, but {len(element.value)} bytes.",
        )
    return np.frombuffer(element.value, f"u{size}").byteswap().tobytes()
