"""Reading this process's own memory without the risk of a crash.

A wild pointer that is dereferenced ends the server; one that is read through
``/proc/self/mem``, or with ``process_vm_readv``, gives an error instead.
"""

from __future__ import annotations

import ctypes
import os
import re
import struct
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..errors import HostError

_LINE = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) ([0-9a-f]+) \S+ \d+ *(.*)")
_PT_LOAD = 1
_PF_W = 2


@dataclass(frozen=True, slots=True)
class Mapping:
    """One line of ``/proc/self/maps``."""

    start: int
    end: int
    permissions: str
    offset: int
    path: str


class Reader(Protocol):
    """Reads memory; gives None where nothing is mapped."""

    def __call__(self, address: int, size: int, /) -> bytes | None:
        """Bytes at ``address``, or None."""


class AddressSpace:
    """The mappings of this process, sorted by address."""

    def __init__(self, mappings: list[Mapping]) -> None:
        self.mappings = sorted(mappings, key=lambda mapping: mapping.start)
        self._starts = [mapping.start for mapping in self.mappings]

    @classmethod
    def of_this_process(cls) -> AddressSpace:
        """Read ``/proc/self/maps``.

        Raises
        ------
        HostError
            If it cannot be read.
        """
        try:
            with Path("/proc/self/maps").open(encoding="utf-8", errors="surrogateescape") as lines:
                return cls([mapping for line in lines if (mapping := _parse_line(line))])
        except OSError as error:
            raise HostError(f"/proc/self/maps cannot be read: {error}") from error

    def find(self, address: int) -> Mapping | None:
        """The mapping that holds ``address``."""
        index = bisect_right(self._starts, address) - 1
        if index >= 0 and address < self.mappings[index].end:
            return self.mappings[index]
        return None

    def of_file(self, path: str) -> list[Mapping]:
        """The mappings of one file."""
        return [mapping for mapping in self.mappings if mapping.path == path]


def _parse_line(line: str) -> Mapping | None:
    found = _LINE.match(line.rstrip("\n"))
    if not found:
        return None
    start, end, permissions, offset, path = found.groups()
    return Mapping(int(start, 16), int(end, 16), permissions, int(offset, 16), path)


@contextmanager
def open_reader() -> Iterator[Reader]:
    """A reader through ``/proc/self/mem`` or, where that is refused, the system call."""
    try:
        descriptor = os.open("/proc/self/mem", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        yield _read_by_system_call
        return
    try:
        yield lambda address, size: _read_from_file(descriptor, address, size)
    finally:
        os.close(descriptor)


def _read_from_file(descriptor: int, address: int, size: int) -> bytes | None:
    try:
        data = os.pread(descriptor, size, address)
    except (OSError, OverflowError):
        return None
    return data if len(data) == size else None


class _IoVector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


def _read_by_system_call(address: int, size: int) -> bytes | None:
    buffer = ctypes.create_string_buffer(size)
    local = _IoVector(ctypes.addressof(buffer), size)
    remote = _IoVector(address, size)
    read = ctypes.CDLL(None).process_vm_readv
    read.restype = ctypes.c_ssize_t
    read.argtypes = (
        ctypes.c_int,
        ctypes.c_void_p,
        ctypes.c_ulong,
        ctypes.c_void_p,
        ctypes.c_ulong,
        ctypes.c_ulong,
    )
    count = read(os.getpid(), ctypes.byref(local), 1, ctypes.byref(remote), 1, 0)
    return buffer.raw if count == size else None


def writable_segments(base: int, read: Reader) -> list[tuple[int, int]]:
    """Address ranges of a loaded library's own writable data, its .bss included.

    Parameters
    ----------
    base
        Where the file's first byte is mapped.

    Raises
    ------
    HostError
        If there is no 64-bit ELF header there.
    """
    header = read(base, 64)
    if header is None or header[:5] != b"\x7fELF\x02":
        raise HostError("the Python plugin's library has no readable 64-bit ELF header")
    table, entry_bytes, entries = (
        *struct.unpack_from("<Q", header, 32),
        *struct.unpack_from("<HH", header, 54),
    )
    segments = []
    for index in range(entries):
        entry = read(base + table + index * entry_bytes, 56)
        if entry is None:
            raise HostError("the Python plugin's program headers cannot be read")
        kind, flags, _, address, _, _, memory_bytes, _ = struct.unpack("<IIQQQQQQ", entry)
        if kind == _PT_LOAD and flags & _PF_W:
            segments.append((base + address, base + address + memory_bytes))
    return segments
