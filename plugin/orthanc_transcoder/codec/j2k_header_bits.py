"""Bits and tag trees of JPEG 2000's packet headers (ISO/IEC 15444-1 B.10.1, B.10.2)."""

from __future__ import annotations

import functools

from ..errors import CodecError

_SMALL = 4096  # leaves


def damaged(what: str) -> CodecError:
    """Return the error for packets that cannot be meant."""
    return CodecError("damaged_codestream", f"the packets of the codestream: {what}")


class HeaderBits:
    """The bits of one packet header; after FF one is stuffed (B.10.1)."""

    __slots__ = ("_byte", "_data", "_end", "_left", "position")

    def __init__(self, data: bytes, position: int, end: int) -> None:
        self._data, self.position, self._end = data, position, end
        self._byte = self._left = 0

    def _next(self) -> None:
        if self.position >= self._end:
            raise damaged("a header is cut off")
        after = self._byte == 0xFF
        self._byte = self._data[self.position]
        self.position += 1
        if after and self._byte > 0x7F:
            raise damaged("a marker in a header")
        self._left = 7 if after else 8

    def bit(self) -> int:
        """Read one bit."""
        if not self._left:
            self._next()
        self._left -= 1
        return self._byte >> self._left & 1

    def zeros(self, count: int, limit: int) -> int:
        """Add to ``count`` the zeros before a one, up to ``limit``."""
        while count < limit and not self.bit():
            count += 1
        return count

    def take(self, count: int) -> int:
        """Read a number of ``count`` bits."""
        value = 0
        while count > self._left:
            value = value << self._left | self._byte & ((1 << self._left) - 1)
            count -= self._left
            self._next()
        self._left -= count
        return value << count | self._byte >> self._left & ((1 << count) - 1)

    def ones(self, limit: int) -> int:
        """Count the ones before a zero."""
        for count in range(limit + 1):
            if not self.bit():
                return count
        raise damaged("a length of too many bits")

    def finish(self) -> int:
        """Return where the header ends; never after FF."""
        if self._byte == 0xFF:
            self._next()
        return self.position


class TagTree:
    """A tag tree (B.10.2): what is known so far of each node, leaves first."""

    __slots__ = ("_known", "_least", "_parents", "_width")

    def __init__(self, width: int, height: int) -> None:
        self._width = width
        self._parents = _known_parents(width, height)
        self._least, self._known = [0] * len(self._parents), [False] * len(self._parents)

    def reaches(self, leaf: int, bound: int, bits: HeaderBits) -> bool:
        """Read on until the leaf's value is known, or found not to be below ``bound``."""
        least, known, low, node = self._least, self._known, 0, leaf
        path = []
        while node >= 0:
            if known[node]:
                low = least[node]
                break
            path.append(node)
            node = self._parents[node]
        while path and low < bound:
            node = path.pop()
            low = bits.zeros(max(low, least[node]), bound)
            least[node], known[node] = low, low < bound
        return low < bound

    def after(self, leaf: int, bound: int) -> int:
        """Return the next leaf of which more can be read, where this one is not below ``bound``.

        The highest node above it that is not below ``bound`` has leaves side by side, and
        in the rows below, which are not below it either.
        """
        level, shift, node = 0, 0, leaf
        while node >= 0:
            if self._least[node] >= bound:
                shift = level
            level, node = level + 1, self._parents[node]
        row, column = divmod(leaf, self._width)
        if self._width <= 1 << shift:
            return ((row >> shift) + 1 << shift) * self._width
        return row * self._width + min((column >> shift) + 1 << shift, self._width)

    def value(self, leaf: int) -> int:
        """Return the leaf's value, once it is known."""
        return self._least[leaf]


def _known_parents(width: int, height: int) -> list[int]:
    """Remember those of small trees: of large ones, a few dozen would fill the memory."""
    return _remembered(width, height) if width * height <= _SMALL else _parents(width, height)


@functools.lru_cache(maxsize=64)
def _remembered(width: int, height: int) -> list[int]:
    return _parents(width, height)


def _parents(width: int, height: int) -> list[int]:
    """Return each node's parent: of the leaves row by row, then of the next level."""
    if width * height == 1:
        return [-1]
    leaves, half = width * height, (width + 1) // 2
    own = [leaves + (leaf // width // 2) * half + leaf % width // 2 for leaf in range(leaves)]
    above = [node + leaves if node >= 0 else -1 for node in _parents(half, (height + 1) // 2)]
    return own + above
