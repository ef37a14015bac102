"""What precedes the data set: preamble and file meta information (PS3.10 section 7.1).

The rule: in a new file, preamble, private information and application entity
titles stay; the rest of group 2 describes the new file and who wrote it.
"""

from __future__ import annotations

from collections.abc import Mapping
from struct import pack
from typing import Final

from ..errors import DicomError
from .convert import convert
from .elements import (
    EXPLICIT_BE,
    EXPLICIT_LE,
    IMPLICIT_LE,
    LONG_VRS,
    SHORT_VRS,
    Element,
    Encoding,
    read,
    tag_name,
)

IMPLEMENTATION_CLASS_UID: Final = "2.25.99999485945355792967500228698642593780"
IMPLEMENTATION_VERSION_NAME: Final = "ORTHANC_TC_0.1"

META_SOP_CLASS: Final = 0x00020002
META_SOP_INSTANCE: Final = 0x00020003
META_SYNTAX: Final = 0x00020010

_VERSION: Final = 0x00020001
_IMPLEMENTATION_CLASS: Final = 0x00020012
_IMPLEMENTATION_NAME: Final = 0x00020013


def split_preamble(view: memoryview) -> tuple[bytes, int]:
    """The 128 bytes, zeros where there are none, and the position after ``DICM``."""
    if bytes(view[128:132]) == b"DICM":
        return bytes(view[:128]), 132
    return bytes(128), 0


def read_group2(view: memoryview, position: int) -> tuple[dict[int, Element], int]:
    """Read group 2, which ends where another group begins: its length may be wrong."""
    found: dict[int, Element] = {}
    encoding = guess(view[position:])
    encoding = encoding if encoding.little else EXPLICIT_LE
    while bytes(view[position : position + 2]) == b"\2\0":
        element = read(view, position, encoding)
        found[element.tag] = element
        position += len(element.span)
    return found, position


def guess(body: memoryview) -> Encoding:
    """Tell an encoding from the first element: a VR or none, and a plausible group."""
    if bytes(body[4:6]).decode("latin-1") not in LONG_VRS | SHORT_VRS:
        return IMPLICIT_LE
    group = int.from_bytes(body[:2], "little")
    return EXPLICIT_BE if group >= 0x0400 else EXPLICIT_LE


def make_group2(
    former: Mapping[int, Element], syntax: str, sop_class_uid: str, sop_instance_uid: str
) -> bytes:
    """Make group 2 with its group length, in Explicit VR Little Endian.

    Raises
    ------
    DicomError
        If there is no UID to name.
    """
    new = {
        **former,
        _VERSION: Element(_VERSION, "OB", b"\0\1"),
        META_SOP_CLASS: _uid(META_SOP_CLASS, sop_class_uid),
        META_SOP_INSTANCE: _uid(META_SOP_INSTANCE, sop_instance_uid),
        META_SYNTAX: _uid(META_SYNTAX, syntax),
        _IMPLEMENTATION_CLASS: _uid(_IMPLEMENTATION_CLASS, IMPLEMENTATION_CLASS_UID),
        _IMPLEMENTATION_NAME: Element(
            _IMPLEMENTATION_NAME, "SH", IMPLEMENTATION_VERSION_NAME.encode()
        ),
    }
    group = convert((element for _, element in sorted(new.items())), EXPLICIT_LE)
    return pack("<HH2sHL", 2, 0, b"UL", 4, len(group)) + group


def _uid(tag: int, uid: str) -> Element:
    if not uid:
        raise DicomError("missing_attribute", f"Group 2 needs {tag_name(tag)}; the file has none.")
    value = uid.encode("latin-1")
    return Element(tag, "UI", value + bytes(len(value) % 2))
