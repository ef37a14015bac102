"""The few values that a transcoder must understand: integers and plain text.

The rule: a value of the wrong shape is a ``ValueError``, never a guess.
"""

from __future__ import annotations

import re
from struct import unpack_from
from typing import Final

from .elements import Buffer, Element

_FORMATS: Final = {"US": "H", "SS": "h", "UL": "L", "SL": "l", "UV": "Q", "SV": "q", "OV": "Q"}
_INTEGER: Final = re.compile(r" *[+-]?[0-9]{1,11} *")
_SIZES: Final = {"H": 2, "L": 4, "Q": 8}


def numbers(value: Buffer, vr: str, little: bool) -> tuple[int, ...]:
    """Decode the integers of a binary VR or an IS (PS3.5 table 6.2-1)."""
    if vr == "IS":
        parts = bytes(value).decode("latin-1").strip("\0 ").split("\\")
        return tuple(_integer(part) for part in parts if part.strip())
    if vr == "AT":
        words = numbers(value, "US", little)
        return tuple(a << 16 | b for a, b in zip(words[::2], words[1::2], strict=True))
    if vr not in _FORMATS:
        raise ValueError(vr)
    size = _SIZES[_FORMATS[vr].upper()]
    if len(value) % size:
        raise ValueError(len(value))
    return unpack_from(f"{'<' if little else '>'}{len(value) // size}{_FORMATS[vr]}", value)


def _integer(part: str) -> int:
    if not _INTEGER.fullmatch(part):
        raise ValueError(part)
    return int(part)


def text(element: Element | None) -> str:
    """Decode what is ASCII by definition (UI, CS, IS ...), without padding."""
    return bytes(element.value).decode("latin-1").strip("\0 ") if element else ""
