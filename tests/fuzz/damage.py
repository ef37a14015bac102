"""Files with damage, the same ones in every run.

A file is taken apart once, into what precedes the codestream and what follows
it, so that thousands of damaged copies cost nothing to make.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np

from tests.rules.whole import items_of

_ITEM = struct.Struct("<HHL")
_DELIMITER = _ITEM.pack(0xFFFE, 0xE0DD, 0)
_HEADER_BYTES = 120  # of a codestream, where damage does more than change samples


class Kind(Enum):
    """What is wrong with a file."""

    TRUNCATED_CODESTREAM = "truncated codestream"
    TRUNCATED_FILE = "truncated file"
    HEADER = "mutated codestream header"
    PAYLOAD = "mutated codestream"
    GAP = "codestream with a gap"
    FILE = "mutated file"


TRUNCATIONS = (Kind.TRUNCATED_CODESTREAM, Kind.TRUNCATED_FILE)
_KINDS = tuple(Kind)


@dataclass(frozen=True)
class Original:
    """A sound file of one frame."""

    content: bytes

    @property
    def codestream(self) -> bytes:
        """Without padding."""
        return items_of(self.content)[1].rstrip(b"\0")

    def around(self, codestream: bytes) -> bytes:
        """The file with another codestream, and an empty offset table."""
        start = self.content.index(b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff") + 12
        padded = codestream + bytes(len(codestream) % 2)
        items = _ITEM.pack(0xFFFE, 0xE000, 0) + _ITEM.pack(0xFFFE, 0xE000, len(padded))
        return self.content[:start] + items + padded + _DELIMITER


def damaged(original: Original, count: int, seed: int) -> Iterator[tuple[Kind, bytes]]:
    """As many damaged copies as asked for, of each kind in turn."""
    rng = np.random.default_rng(seed)
    codestream, content = original.codestream, original.content
    for index in range(count):
        kind = _KINDS[index % len(_KINDS)]
        if kind is Kind.TRUNCATED_CODESTREAM:
            yield kind, original.around(codestream[: rng.integers(0, len(codestream))])
        elif kind is Kind.TRUNCATED_FILE:
            yield kind, content[: rng.integers(0, len(content))]
        elif kind is Kind.HEADER:
            yield kind, original.around(_mutated(codestream, rng, _HEADER_BYTES))
        elif kind is Kind.PAYLOAD:
            yield kind, original.around(_mutated(codestream, rng, len(codestream)))
        elif kind is Kind.GAP:
            yield kind, original.around(_with_gap(codestream, rng))
        else:
            yield kind, _mutated(content, rng, len(content))


def _mutated(data: bytes, rng: np.random.Generator, reach: int) -> bytes:
    """One to four bytes changed."""
    changed = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        changed[rng.integers(0, min(reach, len(data)))] = rng.integers(0, 256)
    return bytes(changed)


def _with_gap(data: bytes, rng: np.random.Generator) -> bytes:
    start = int(rng.integers(0, len(data)))
    return data[:start] + data[start + int(rng.integers(1, 20)) :]
