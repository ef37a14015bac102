"""What a worker process gives up at its start, before any file of a stranger reaches it.

A codec is native code that strangers' files are fed to. Should one of them take
it over, it finds itself in a process that can compute, answer on its one socket
and read the interpreter's files: no network, none of Orthanc's files,
credentials or processes, and no way to get them back.

Each measure stands for itself: containers and older kernels refuse some, and
the others are taken all the same. What was refused is told, not hidden.
"""

from __future__ import annotations

import contextlib
import resource
import struct
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from . import landlock, seccomp
from .seccomp import call

_DESCRIPTORS = 64
_FILE_BYTES = 4 << 30  # what Orthanc can take as a result

_SET_DUMPABLE, _SET_NO_NEW_PRIVS = 4, 38  # linux/prctl.h
_NEW_NETWORK = 0x40000000  # CLONE_NEWNET
_CAPABILITIES_VERSION = 0x20080522
_DAC_OVERRIDE, _DAC_READ_SEARCH = 1 << 1, 1 << 2

# What the C library and the interpreter read besides what they are installed in.
_SYSTEM = (
    "/usr",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/sys/devices/system/cpu",
    "/dev/null",
    "/dev/urandom",
)


def confine(memory_bytes: int, readable: Sequence[Path]) -> dict[str, str]:
    """Restrict the calling process for good.

    To be called while it has a single thread and before numpy and the codecs
    are imported: those import as before, from beneath ``readable``.

    Parameters
    ----------
    memory_bytes
        Most memory of its own that the process may have, in bytes, what it has
        already included; 0 sets no limit. An allocation past it fails: Python
        raises ``MemoryError``. Memory shared by descriptor is not counted.
    readable
        Files and folders that stay readable, see ``interpreter_files``.

    Returns
    -------
    dict[str, str]
        For each measure "on", or the reason why it is not.
    """
    # In this order: the last two forbid what those before them do.
    measures: dict[str, Callable[[], object]] = {
        "memory_limit": partial(_limit_memory, memory_bytes),
        "file_limits": _limit_files,
        "first_to_end_without_memory": _volunteer,
        "no_core_dump": _forbid_dumps,
        "no_new_privileges": partial(call, "prctl", _SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        "own_network": partial(call, "unshare", _NEW_NETWORK),
        "no_capabilities": _drop_capabilities,
        "landlock": partial(landlock.restrict, readable),
        "seccomp": seccomp.restrict,
    }
    return {name: _outcome(measure) for name, measure in measures.items()}


def interpreter_files() -> list[Path]:
    """Where this interpreter, its packages and the C library are read from.

    Not the rest of ``sys.path``: the package's neighbours may be Orthanc's
    configuration. The package itself is for the caller to add.
    """
    return [Path(path) for path in (sys.prefix, sys.base_prefix, *_SYSTEM)]


def _outcome(measure: Callable[[], object]) -> str:
    try:
        measure()
    except OSError as error:
        return error.strerror or str(error)
    except ValueError as error:  # what ``setrlimit`` raises where it is not permitted
        return str(error)
    return "on"


def _limit_memory(most: int) -> None:
    if not most:
        raise ValueError("no limit is set")
    _lower(resource.RLIMIT_DATA, most)


def _limit_files() -> None:
    """Bound how many are open, and how large what is printed or answered can grow."""
    _lower(resource.RLIMIT_NOFILE, _DESCRIPTORS)
    _lower(resource.RLIMIT_FSIZE, _FILE_BYTES)


def _lower(kind: int, most: int) -> None:
    present = [limit for limit in resource.getrlimit(kind) if limit != resource.RLIM_INFINITY]
    least = min([most, *present])
    resource.setrlimit(kind, (least, least))


def _volunteer() -> None:
    """Where the machine runs out of memory, let the kernel end this process, not Orthanc."""
    Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def _forbid_dumps() -> None:
    """Keep images out of core files; and other processes of this user out of the memory.

    The limit alone does not hold where cores are piped to a program. After this
    most of ``/proc/self`` belongs to root.
    """
    _lower(resource.RLIMIT_CORE, 0)
    call("prctl", _SET_DUMPABLE, 0, 0, 0, 0)


def _drop_capabilities() -> None:
    """Make root an ordinary user, but one who can still read an interpreter in any folder."""
    for kept in (_DAC_READ_SEARCH, _DAC_OVERRIDE):  # containers tend to have the latter only
        with contextlib.suppress(PermissionError):
            _keep_capability(kept)
            return
    _keep_capability(0)


def _keep_capability(mask: int) -> None:
    header = struct.pack("=Ii", _CAPABILITIES_VERSION, 0)
    # Effective, permitted, inheritable; and those from number 32 on.
    call("capset", header, struct.pack("=6I", mask, mask, 0, 0, 0, 0))
