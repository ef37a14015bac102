"""Where Orthanc's plugin context is, and the proof that it is the one.

The Python plugin got the context from ``OrthancPluginInitialize`` and keeps
the pointer in its own writable data, but exports nothing that gives it. So
each aligned word of that data is taken for a pointer, and the 32 bytes that
it points to are accepted only if

- ``Free`` is what ``free`` resolves to in this process,
- ``InvokeService`` lies in executable memory outside the Python plugin,
- the version is a text that looks like one.

Exactly one address may pass. Nothing is called before that; the caller then
proves it by a harmless service (see ``sdk``). Whatever goes wrong is a
``HostError``, and nothing native is registered: it fails closed.
"""

from __future__ import annotations

import ctypes
import platform
import re
import struct
import sys
from pathlib import Path

from ..errors import HostError
from .memory import AddressSpace, Mapping, Reader, open_reader, writable_segments

_LIBRARY_NAME = re.compile(r"OrthancPython.*\.so")
_VERSION = re.compile(rb"(?:\d+\.\d+\.\d+[\w.+~-]*|mainline[\w.+~-]*)\0")
_CONTEXT = struct.Struct("=QQQQ")
_VERSION_BYTES = 32
_MACHINES = ("x86_64", "aarch64")


def find_context() -> int:
    """Address of the ``OrthancPluginContext`` of this process.

    Raises
    ------
    HostError
        If there is none, or more than one, or the system is not supported.
    """
    if sys.platform != "linux" or platform.machine() not in _MACHINES:
        raise HostError(f"the platform is {sys.platform}/{platform.machine()}, not 64-bit Linux")
    space = AddressSpace.of_this_process()
    library = _python_plugin(space)
    free = ctypes.cast(ctypes.CDLL(None).free, ctypes.c_void_p).value
    if free is None:
        raise HostError("the C library's free() has no address")
    with open_reader() as read:
        candidates = search(space, library, free, read)
    if len(candidates) != 1:
        raise HostError(f"{len(candidates)} plugin contexts were found instead of one")
    return candidates.pop()


def _python_plugin(space: AddressSpace) -> str:
    paths = {
        mapping.path for mapping in space.mappings if _LIBRARY_NAME.search(Path(mapping.path).name)
    }
    if len(paths) != 1:
        raise HostError(f"{len(paths)} libraries of the Python plugin are loaded instead of one")
    return paths.pop()


def search(space: AddressSpace, library: str, free: int, read: Reader) -> set[int]:
    """Addresses that pass for a context.

    Parameters
    ----------
    library
        Path of the Python plugin's library, as it is mapped.
    free
        Address that ``free`` resolves to.
    """
    mappings = space.of_file(library)
    base = min((mapping.start for mapping in mappings if mapping.offset == 0), default=None)
    if base is None:
        raise HostError("the start of the Python plugin's library is not mapped")
    found = set()
    for start, end in writable_segments(base, read):
        for pointer in _words(start, end, read):
            if pointer not in found and _is_context(space, library, free, pointer, read):
                found.add(pointer)
    return found


def _words(start: int, end: int, read: Reader) -> set[int]:
    """The aligned words of a range, page by page, without pages that are not mapped."""
    words: set[int] = set()
    page_bytes = 4096
    address = (start + 7) & ~7
    while address < end:
        stop = min(end & ~7, (address // page_bytes + 1) * page_bytes)
        if stop <= address:
            break
        if data := read(address, stop - address):
            words.update(memoryview(data).cast("Q"))
        address = stop
    return words


def _is_context(space: AddressSpace, library: str, free: int, pointer: int, read: Reader) -> bool:
    if pointer % 8 or not _readable(space.find(pointer)):
        return False
    data = read(pointer, _CONTEXT.size)
    if data is None:
        return False
    manager, version, free_member, invoke = _CONTEXT.unpack(data)
    if free_member != free or not _readable(space.find(manager)):
        return False
    code = space.find(invoke)
    if code is None or "x" not in code.permissions or code.path == library:
        return False
    return _is_version(version, read)


def _readable(mapping: Mapping | None) -> bool:
    return mapping is not None and mapping.permissions.startswith("r")


def _is_version(address: int, read: Reader) -> bool:
    # The text may end just before a page that is not mapped.
    for size in (_VERSION_BYTES, 16, 8):
        if text := read(address, size):
            return _VERSION.match(text) is not None
    return False
