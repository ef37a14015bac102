"""Files: reading those beneath a few folders, and nothing else (Landlock).

The rights of a file are decided when it is opened, so descriptors that were
inherited or received, and files in memory, are as before. What Landlock does
not govern is the metadata of other files: that they exist, how large they are.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from pathlib import Path

from .seccomp import call

# The same numbers on every machine.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_PATH_BENEATH = 1

_READ_FILE, _READ_FOLDER = 1 << 2, 1 << 3
_FILES = {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 5: 0xFFFF}  # rights on files, by version
_TCP = {4: 0x3}  # binding and connecting
_SCOPES = {6: 0x3}  # abstract UNIX sockets of others, signals to others


def restrict(readable: Iterable[Path]) -> None:
    """Give up all access to files for good, but for reading those beneath ``readable``.

    It holds for the calling thread and those that it starts later.
    ``no_new_privs`` must be set.

    Raises
    ------
    OSError
        If the kernel has no Landlock (ENOSYS) or had it switched off when it
        started (EOPNOTSUPP), or an outer filter forbids it.
    """
    version = call("syscall", _CREATE_RULESET, None, 0, _ASK_VERSION)
    rights = (_latest(table, version) for table in (_FILES, _TCP, _SCOPES))
    handled = struct.pack("=QQQ", *rights)
    ruleset = call("syscall", _CREATE_RULESET, handled, len(handled), 0)
    try:
        for path in readable:
            _allow(ruleset, path)
        call("syscall", _RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _latest(table: dict[int, int], version: int) -> int:
    """Everything that this version knows; older ones require 0 for what came after them."""
    return table[max(known)] if (known := [since for since in table if since <= version]) else 0


def _allow(ruleset: int, path: Path) -> None:
    try:
        beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        rights = _READ_FILE | _READ_FOLDER if path.is_dir() else _READ_FILE
        rule = struct.pack("=Qi", rights, beneath)
        call("syscall", _ADD_RULE, ruleset, _PATH_BENEATH, rule, 0)
    finally:
        os.close(beneath)
