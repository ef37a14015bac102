"""The least that is a DICOM file: what a worker's result is known by."""

import struct


def named_file(syntax: str, uid: str, *, media_uid: str = "", before: bytes = b"") -> bytes:
    """A file of a transfer syntax (in Explicit VR Little Endian) and a SOP Instance UID."""
    group2 = _uid(0x0002, 0x0003, media_uid or uid) + _uid(0x0002, 0x0010, syntax)
    length = struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(group2))
    return b"".join((bytes(128), b"DICM", length, group2, before, _uid(0x0008, 0x0018, uid)))


def _uid(group: int, element: int, value: str) -> bytes:
    data = value.encode() + bytes(len(value) % 2)
    return struct.pack("<HH2sH", group, element, b"UI", len(data)) + data
