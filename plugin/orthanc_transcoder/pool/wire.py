"""The format of what Orthanc's side and a worker say to each other, without I/O.

A message is a prefix (magic, size of the header, size of the payload; network
byte order), a header in JSON and a payload of bytes. The magic tells whether the
payload follows, or lies in a file in memory whose descriptor comes with the
prefix. Anything else is a ``WireError``: the peer is broken and is not listened
to any longer.
"""

from __future__ import annotations

import json
import math
import re
import struct
from typing import Any, NamedTuple

INLINE, IN_MEMORY = b"OTW2", b"OTM2"
PREFIX = struct.Struct("!4sIQ")
MAX_HEADER_BYTES = 16 * 1024 * 1024
# Orthanc counts the bytes of a result in 32 bits.
MAX_PAYLOAD_BYTES = 2**32 - 1
# Lists and objects of a header: a few bytes each in JSON, and some seventy here.
_MOST_CONTAINERS = 2_000_000
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class WireError(Exception):
    """The peer sent something that is not a message."""


class Prefix(NamedTuple):
    """What a message's first bytes say; sizes in bytes."""

    header_bytes: int
    payload_bytes: int
    in_memory: bool


def pack(header: dict[str, Any], payload_bytes: int, *, in_memory: bool = False) -> bytes:
    """Prefix and header of a message; a payload that is not in memory follows them."""
    body = json.dumps(header, separators=(",", ":")).encode()
    return PREFIX.pack(IN_MEMORY if in_memory else INLINE, len(body), payload_bytes) + body


def unpack_prefix(prefix: bytes) -> Prefix:
    """Take a prefix apart.

    Raises
    ------
    WireError
        If the magic is wrong or a size is beyond its limit.
    """
    magic, header_bytes, payload_bytes = PREFIX.unpack(prefix)
    if magic not in (INLINE, IN_MEMORY):
        raise WireError(f"expected a message, got {prefix!r}")
    if header_bytes > MAX_HEADER_BYTES or payload_bytes > MAX_PAYLOAD_BYTES:
        raise WireError(f"impossible sizes: header {header_bytes}, payload {payload_bytes}")
    return Prefix(header_bytes, payload_bytes, magic == IN_MEMORY)


def unpack_header(body: bytes) -> dict[str, Any]:
    """Parse a header.

    Raises
    ------
    WireError
        If it is not a JSON object of finite numbers and of texts in Unicode.
    """
    if body.count(b"[") + body.count(b"{") > _MOST_CONTAINERS:
        raise WireError("the header has too many parts")
    try:
        header = json.loads(body.decode(), parse_float=_finite, parse_constant=_finite)
        if _SURROGATE.search(body):
            json.dumps(header, ensure_ascii=False).encode()  # halves of a character are none
    except ValueError as error:
        raise WireError(f"the header is not JSON: {error}") from error
    except RecursionError:
        raise WireError("the header is nested too deeply") from None
    if not isinstance(header, dict):
        raise WireError("the header is not a JSON object")
    return header


def _finite(text: str) -> float:
    """A number that JSON can have: infinities and NaN are none."""
    if not math.isfinite(value := float(text)):
        raise ValueError(f"{text[:20]} is no number of JSON")
    return value
