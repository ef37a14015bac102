"""Not reading and deleting at once, which some stock Orthancs do not survive.

Orthanc 1.12.7, without any plugin, waits for ever once an instance is deleted while
another request has one parsed: each has the lock that the other wants, that of its
database and that of its cache. 1.10.1 and 1.13.0 do not.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_HANGS_FROM, _HANGS_BEFORE = (1, 11, 0), (1, 13, 0)


class Turns:
    """Many may read, or one may delete; all at once where Orthanc's ``version`` can do that."""

    def __init__(self, version: tuple[int, ...]) -> None:
        self._needed = _HANGS_FROM <= version < _HANGS_BEFORE
        self._changed = threading.Condition()
        self._readers = self._waiting = 0
        self._deleting = False

    @contextmanager
    def to_read(self) -> Iterator[None]:
        """Wait until nobody deletes, or waits to."""
        with self._changed:
            self._changed.wait_for(self._may_read)
            self._readers += 1
        try:
            yield
        finally:
            with self._changed:
                self._readers -= 1
                self._changed.notify_all()

    @contextmanager
    def to_delete(self) -> Iterator[None]:
        """Wait until nobody reads or deletes."""
        with self._changed:
            self._waiting += 1
            self._changed.wait_for(self._may_delete)
            self._waiting -= 1
            self._deleting = True
        try:
            yield
        finally:
            with self._changed:
                self._deleting = False
                self._changed.notify_all()

    def _may_read(self) -> bool:
        return not self._needed or not (self._deleting or self._waiting)

    def _may_delete(self) -> bool:
        return not self._needed or not (self._deleting or self._readers)
