"""What this machine, or the container around this process, has."""

from __future__ import annotations

import os
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")


def machine_memory() -> int:
    """Memory in bytes that this process may count on."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([physical, *_cgroup_limits()])


def _cgroup_limits() -> list[int]:
    """Limits of the control groups of version 2 that this process is in, or of version 1."""
    limits = []
    for path in (*_own_groups(), _CGROUPS / "memory" / "memory.limit_in_bytes"):
        try:
            limits.append(int(path.read_text(encoding="ascii")))
        except (OSError, ValueError):
            continue  # no such file, or "max"
    return limits


def _own_groups() -> list[Path]:
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines()
    except OSError:
        return []
    names = [line.removeprefix("0::/") for line in lines if line.startswith("0::/")]
    groups = [_CGROUPS / name for name in names]
    groups += [parent for group in groups for parent in group.parents if _CGROUPS in parent.parents]
    return [group / "memory.max" for group in (*groups, _CGROUPS)]
