"""The kinds of damage; the same ones in every run.

All but one leave the headers alone: what a decoder makes of damaged data is the
question. Lengths are drawn evenly over their order of magnitude, so that small
damage is as frequent as large.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Sequence
from enum import Enum

import numpy as np

from tests.damage.anatomy import Part

_LONGEST = 1000


class Kind(Enum):
    """What is wrong with a stream."""

    CUT_HALF = "half or more cut off"
    CUT_LESS = "less cut off"
    HOLE = "hole"
    ZEROED = "zeroed"
    INSERTED = "inserted"
    CHANGED = "1-4 bytes changed"
    FLIPPED = "bit flipped"
    HEADERS = "headers changed"
    CUT_HALF_CORRECTED = "half or more cut off, lengths corrected"
    CUT_LESS_CORRECTED = "less cut off, lengths corrected"
    HOLE_CORRECTED = "hole, lengths corrected"
    INSERTED_CORRECTED = "inserted, lengths corrected"


Harm = Callable[[bytes, np.random.Generator], bytes]


def kinds_of(parts: Sequence[Part]) -> tuple[Kind, ...]:
    """The kinds that there are of a stream: where it has no lengths, none is corrected."""
    corrected = parts[0].adjust is not None
    return tuple(kind for kind in Kind if corrected or not _is_corrected(kind))


def damaged(parts: Sequence[Part], kind: Kind, syntax: str, index: int) -> bytes:
    """Damage a stream; never give back the stream itself."""
    rng = np.random.default_rng((zlib.crc32(syntax.encode()), index))
    sound = parts[0].around(parts[0].data)
    while True:
        frame = _once(parts, kind, rng)
        if frame != sound:
            return frame


def _once(parts: Sequence[Part], kind: Kind, rng: np.random.Generator) -> bytes:
    if kind is Kind.HEADERS:
        first = parts[0]
        return _changed(first.before, rng) + first.data + first.after
    part = _chosen(parts, rng)
    return part.around(_HARM[kind](part.data, rng), corrected=_is_corrected(kind))


def _is_corrected(kind: Kind) -> bool:
    return kind.name.endswith("_CORRECTED")


def _chosen(parts: Sequence[Part], rng: np.random.Generator) -> Part:
    """Return the part in which a byte of all the data lies."""
    place = int(rng.integers(0, sum(len(part.data) for part in parts)))
    for part in parts:
        place -= len(part.data)
        if place < 0:
            return part
    raise AssertionError("a place beyond the data")


def _cut(least: float, most: float) -> Harm:
    """Cut off the end: between two shares of it, and at least a byte."""

    def harm(data: bytes, rng: np.random.Generator) -> bytes:
        return data[: len(data) - max(1, int(len(data) * rng.uniform(least, most)))]

    return harm


def _hole(data: bytes, rng: np.random.Generator) -> bytes:
    start, end = _span(data, rng)
    return data[:start] + data[end:]


def _zeroed(data: bytes, rng: np.random.Generator) -> bytes:
    start, end = _span(data, rng)
    return data[:start] + bytes(end - start) + data[end:]


def _inserted(data: bytes, rng: np.random.Generator) -> bytes:
    at = int(rng.integers(0, len(data) + 1))
    return data[:at] + rng.bytes(_length(rng)) + data[at:]


def _changed(data: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        changed[rng.integers(0, len(data))] = int(rng.integers(0, 256))
    return bytes(changed)


def _flipped(data: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(data)
    changed[rng.integers(0, len(data))] ^= 1 << int(rng.integers(0, 8))
    return bytes(changed)


def _span(data: bytes, rng: np.random.Generator) -> tuple[int, int]:
    """Return a piece's ends; at most half of the data."""
    length = min(_length(rng), (len(data) + 1) // 2)
    start = int(rng.integers(0, len(data) - length + 1))
    return start, start + length


def _length(rng: np.random.Generator) -> int:
    return round(math.pow(_LONGEST, float(rng.random())))


_HARM: dict[Kind, Harm] = {
    Kind.CUT_HALF: _cut(0.5, 1),
    Kind.CUT_LESS: _cut(0, 0.5),
    Kind.HOLE: _hole,
    Kind.ZEROED: _zeroed,
    Kind.INSERTED: _inserted,
    Kind.CHANGED: _changed,
    Kind.FLIPPED: _flipped,
    Kind.CUT_HALF_CORRECTED: _cut(0.5, 1),
    Kind.CUT_LESS_CORRECTED: _cut(0, 0.5),
    Kind.HOLE_CORRECTED: _hole,
    Kind.INSERTED_CORRECTED: _inserted,
}
