"""A result on its way to Orthanc: in memory, or where it can be read from.

A large result need not be held twice: what has a length and can fill a buffer
is read straight into the memory that Orthanc owns.
"""

from __future__ import annotations

from typing import Protocol


class Payload(Protocol):
    """Bytes that are elsewhere, such as in a file without a name."""

    def __len__(self) -> int:
        """Number of bytes."""

    def head(self, count: int, /) -> bytes:
        """The first bytes, at most so many; raises like ``read_into``."""

    def read_into(self, buffer: memoryview, /) -> None:
        """Fill ``buffer``, which is as long as this; it is not to be kept.

        Raises
        ------
        OSError, EOFError
            If the bytes are not there any more: Orthanc gets nothing then.
        """


def head(data: bytearray | Payload, count: int) -> bytes:
    """The first bytes, at most so many; raises like ``Payload.read_into``."""
    return bytes(data[:count]) if isinstance(data, bytearray) else data.head(count)


def whole(data: bytearray | Payload) -> bytes | bytearray:
    """All the bytes in memory; raises like ``Payload.read_into``."""
    if isinstance(data, bytearray):
        return data
    content = bytearray(len(data))
    data.read_into(memoryview(content))
    return content
