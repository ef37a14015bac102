"""Where the items of encapsulated pixel data lie (PS3.5 A.4): an offset table, then fragments.

The rule: two numbers for each. There may be millions, nearly all of them empty.
"""

from __future__ import annotations

from array import array
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .elements import Element, spans

ITEM_HEADER: Final = 8

Numbers = NDArray[np.uint64]


class Fragments:
    """The fragments, each a slice of the value that is made when it is asked for.

    Parameters
    ----------
    element
        Encapsulated Pixel Data.

    Raises
    ------
    DicomError
        If the value does not consist of items.
    """

    def __init__(self, element: Element) -> None:
        self._value = memoryview(element.value)
        starts, ends = array("Q"), array("Q")
        self.proper = True
        for start, end, undefined in spans(element):
            starts.append(start)
            ends.append(end)
            self.proper &= not undefined
        self._starts, self._ends = (np.frombuffer(each, np.uint64) for each in (starts, ends))

    def __len__(self) -> int:
        """Number of fragments: the offset table is none."""
        return max(0, len(self._starts) - 1)

    def __getitem__(self, index: int) -> memoryview:
        """One fragment's content."""
        item = range(len(self))[index] + 1
        return self._value[int(self._starts[item]) : int(self._ends[item])]

    def filled(self, first: int, end: int) -> list[memoryview]:
        """The contents from ``first`` to before ``end`` that are not empty."""
        return [self[first + each] for each in np.flatnonzero(self.lengths[first:end]).tolist()]

    @property
    def table(self) -> memoryview:
        """The Basic Offset Table; empty where there are no items at all."""
        if not len(self._starts):
            return self._value[:0]
        return self._value[int(self._starts[0]) : int(self._ends[0])]

    @property
    def sizes(self) -> Numbers:
        """Bytes of every item, the offset table's first."""
        return self._ends - self._starts

    @cached_property
    def lengths(self) -> Numbers:
        """Bytes of each fragment."""
        return self.sizes[1:]

    @cached_property
    def offsets(self) -> Numbers:
        """Of each fragment's item tag, from the first byte after the Basic Offset Table."""
        return self._starts[1:] - self._ends[:1] - np.uint64(ITEM_HEADER)
