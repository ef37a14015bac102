"""What can be told of a DICOM file without parsing it.

Only for naming an instance whose worker died: the regular way is the report.
"""

from __future__ import annotations

import re

_HEAD_BYTES = 64 * 1024
# Also what is no proper UID: some files have hashes.
_UID = rb"([!-~]{3,64})"
# SOP Instance UID (0008,0018): explicit, implicit, big endian; then the meta
# header's Media Storage SOP Instance UID (0002,0003).
_SOP_INSTANCE_UID = (
    re.compile(rb"\x08\x00\x18\x00(?:UI..|..\x00\x00)" + _UID, re.DOTALL),
    re.compile(rb"\x00\x08\x00\x18UI.." + _UID, re.DOTALL),
    re.compile(rb"\x02\x00\x03\x00UI.." + _UID, re.DOTALL),
)
_TRANSFER_SYNTAX = (re.compile(rb"\x02\x00\x10\x00UI.." + _UID, re.DOTALL),)


def sop_instance_uid(data: memoryview) -> str:
    """SOP Instance UID as far as the first 64 KiB show it, else empty."""
    return _search(_SOP_INSTANCE_UID, data)


def transfer_syntax(data: memoryview) -> str:
    """Transfer Syntax UID of the meta header, else empty."""
    return _search(_TRANSFER_SYNTAX, data)


def _search(patterns: tuple[re.Pattern[bytes], ...], data: memoryview) -> str:
    head = bytes(data[:_HEAD_BYTES])
    for pattern in patterns:
        if found := pattern.search(head):
            return found.group(1).decode("ascii")
    return ""
