"""The format of what Orthanc's side and a worker say to each other, without I/O.

A message is a prefix (magic, size of the header, size of the payload; network
byte order), a header in JSON and a payload of bytes. Anything else is a
``WireError``: the peer is broken and is not listened to any longer.
"""

from __future__ import annotations

import json
import struct
from typing import Any

MAGIC = b"OTW1"
PREFIX = struct.Struct("!4sIQ")
MAX_HEADER_BYTES = 16 * 1024 * 1024
# Orthanc counts the bytes of a result in 32 bits.
MAX_PAYLOAD_BYTES = 2**32 - 1


class WireError(Exception):
    """The peer sent something that is not a message."""


def pack(header: dict[str, Any], payload_bytes: int) -> bytes:
    """Prefix and header of a message; the payload follows them."""
    body = json.dumps(header, separators=(",", ":")).encode()
    return PREFIX.pack(MAGIC, len(body), payload_bytes) + body


def unpack_prefix(prefix: bytes) -> tuple[int, int]:
    """Sizes of header and payload in bytes.

    Raises
    ------
    WireError
        If the magic is wrong or a size is beyond its limit.
    """
    magic, header_bytes, payload_bytes = PREFIX.unpack(prefix)
    if magic != MAGIC:
        raise WireError(f"expected a message, got {prefix!r}")
    if header_bytes > MAX_HEADER_BYTES or payload_bytes > MAX_PAYLOAD_BYTES:
        raise WireError(f"impossible sizes: header {header_bytes}, payload {payload_bytes}")
    return header_bytes, payload_bytes


def unpack_header(body: bytes) -> dict[str, Any]:
    """Parse a header.

    Raises
    ------
    WireError
        If it is not a JSON object.
    """
    try:
        header = json.loads(body)
    except ValueError as error:
        raise WireError(f"the header is not JSON: {error}") from error
    if not isinstance(header, dict):
        raise WireError("the header is not a JSON object")
    return header
