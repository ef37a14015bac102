"""What can be told of a DICOM file without parsing it.

For naming an instance whose worker died (the regular way is the report), and for what is
left to Orthanc, which needs a file whose group 2 everybody reads alike.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Literal

_HEAD_BYTES = 64 * 1024
# SOP Instance UID (0008,0018) and its length: explicit, implicit, big endian; then the
# meta header's Media Storage SOP Instance UID (0002,0003).
_SOP_INSTANCE_UID: tuple[tuple[re.Pattern[bytes], Literal["little", "big"]], ...] = (
    (re.compile(rb"\x08\x00\x18\x00(?:UI(..)|(..)\x00\x00)", re.DOTALL), "little"),
    (re.compile(rb"\x00\x08\x00\x18UI(..)", re.DOTALL), "big"),
    (re.compile(rb"\x02\x00\x03\x00UI(..)", re.DOTALL), "little"),
)
# Also what is no proper UID: some files have hashes, others control characters within.
_UID_BYTES = range(3, 65)
_LONG_UID_BYTES = range(1, 1025)
# Compiled here: on the threads of Orthanc's that ask there is no stack for it.
_WHOLE_UID = re.compile(rb"[0-9.]{3,64}")
_SHOWN_UID = re.compile(rb"[!-~]{3,64}")
_TRANSFER_SYNTAX = re.compile(rb"\x02\x00\x10\x00UI(..)", re.DOTALL)


def sop_instance_uid(data: memoryview) -> str:
    """SOP Instance UID as far as the first 64 KiB show it, else empty."""
    return next(_sop_instance_uids(data, _UID_BYTES), "")


def sop_instance_uids(data: memoryview) -> set[str]:
    """All that may be a SOP Instance UID in the first 64 KiB; not on an Orthanc thread."""
    return set(_sop_instance_uids(data, _LONG_UID_BYTES))


def _sop_instance_uids(data: memoryview, sizes: range) -> Iterator[str]:
    head = bytes(data[:_HEAD_BYTES])
    for pattern, order in _SOP_INSTANCE_UID:
        for found in pattern.finditer(head):
            size = int.from_bytes(found.group(found.lastindex or 1), order)
            value = head[found.end() : found.end() + size].strip(b"\0 ")
            if size in sizes and value:
                yield value.decode("latin-1")


def transfer_syntax(data: memoryview) -> str:
    """Transfer Syntax UID of the meta header, else empty."""
    head = bytes(data[:_HEAD_BYTES])
    if found := _TRANSFER_SYNTAX.search(head):
        size = int.from_bytes(found.group(1), "little")
        value = head[found.end() : found.end() + size].strip(b"\0 ")
        return value.decode("ascii") if _SHOWN_UID.fullmatch(value) else ""
    return ""


def undisputed_syntax(data: memoryview) -> str:
    """Transfer Syntax UID where no reader can take the file for another; else empty.

    Group 2 must be as PS3.10 7.1 says: in Explicit VR Little Endian, of the length that
    it names, each element once, the syntax's value a UID.
    """
    try:
        elements = _group2(bytes(data[:_HEAD_BYTES]))
    except (struct.error, ValueError):
        return ""
    value = elements.get(0x0010, b"").removesuffix(b"\0")
    return value.decode("ascii") if _WHOLE_UID.fullmatch(value) else ""


def _group2(head: bytes) -> dict[int, bytes]:
    """The values of group 2 by element; ValueError if anything about it is odd."""
    if head[128:144] != b"DICM\x02\0\0\0UL\x04\0" + head[140:144]:
        raise ValueError
    position = 144
    end = position + int.from_bytes(head[140:144], "little")
    found: dict[int, bytes] = {}
    while position < end:
        number, position, value = _element(head, position)
        if number in found:
            raise ValueError
        found[number] = value
    if position != end or head[end : end + 2] in (b"\x02\0", b""):
        raise ValueError
    return found


def _element(head: bytes, position: int) -> tuple[int, int, bytes]:
    """An element's number, where it ends, and its value."""
    group, number, vr, size = struct.unpack_from("<HH2sH", head, position)
    start = position + 8
    if vr in (b"OB", b"UN"):
        (size,) = struct.unpack_from("<I", head, start)
        start += 4
    end = start + size
    expected = b"UI" if number == 0x0010 else vr
    if group != 2 or end > len(head) or vr != expected or not vr.isalpha():
        raise ValueError
    return number, end, head[start:end]
