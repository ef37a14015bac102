"""Large payloads travel in files in memory, whose descriptors are passed; they are copied once.

A worker's file is taken only if it is sealed: nobody can change it or cut it
off any more, whatever becomes of the worker while Orthanc's side reads it. And
only if its bytes were written: one with holes would take memory when it is read.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os

Buffer = bytes | bytearray | memoryview

# Below, the system calls cost more than copying through the socket does.
THRESHOLD_BYTES = 256 * 1024

_BLOCK_BYTES = 512  # of ``st_blocks``, whatever the file system's are
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL


def write(data: Buffer) -> int:
    """Descriptor of a sealed file that holds ``data``; the caller closes it.

    Raises
    ------
    MemoryError
        If there is no memory, or no descriptor, for it.
    """
    try:
        descriptor = os.memfd_create("payload", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    except OSError as error:
        raise MemoryError(str(error)) from error
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    except OSError as error:
        os.close(descriptor)
        raise MemoryError(str(error)) from error
    return descriptor


def view(descriptor: int, size: int) -> memoryview:
    """The file's bytes, without a copy; the descriptor is closed.

    Raises
    ------
    ValueError, OSError
        If the file is not sealed, has holes, or has another size.
    """
    try:
        _check(descriptor, size)
        return memoryview(mmap.mmap(descriptor, size, prot=mmap.PROT_READ))
    finally:
        os.close(descriptor)


class SealedPayload:
    """A worker's result, which is read once, straight to where it belongs.

    Parameters
    ----------
    descriptor
        Closed together with this object.

    Raises
    ------
    ValueError, OSError
        If the file is not sealed, has holes, or has another size.
    """

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._size = size
        try:
            _check(descriptor, size)
        except BaseException:
            self.close()
            raise

    def __len__(self) -> int:
        """Number of bytes."""
        return self._size

    def __del__(self) -> None:
        """An answer that nobody reads frees its memory all the same."""
        self.close()

    def head(self, count: int, /) -> bytes:
        """The first bytes, at most so many."""
        return os.pread(self._descriptor, count, 0)

    def read_into(self, buffer: memoryview, /) -> None:
        """Fill ``buffer``, which is as long as this."""
        done = 0
        while done < self._size:
            count = os.preadv(self._descriptor, [buffer[done:]], done)
            if not count:
                raise EOFError("a sealed file is shorter than it was")
            done += count

    def close(self) -> None:
        """Free the memory."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def _check(descriptor: int, size: int) -> None:
    if fcntl.fcntl(descriptor, fcntl.F_GET_SEALS) & _SEALS != _SEALS:
        raise ValueError("the file in memory is not sealed")
    found = os.fstat(descriptor)
    if found.st_size != size:
        raise ValueError(f"the file in memory has {found.st_size} bytes instead of {size}")
    if found.st_blocks * _BLOCK_BYTES < size:
        raise ValueError("the file in memory has holes")
