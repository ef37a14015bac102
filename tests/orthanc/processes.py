"""What the kernel says about a process: its descendants, threads, open files, memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True)
class Vitals:
    """Figures that must not grow while a server works."""

    threads: int
    open_files: int
    resident_bytes: int


def vitals(pid: int) -> Vitals:
    """Read the figures of one process."""
    status = dict(
        line.split(":", 1) for line in (_PROC / str(pid) / "status").read_text().splitlines()
    )
    return Vitals(
        threads=int(status["Threads"]),
        open_files=sum(1 for _ in (_PROC / str(pid) / "fd").iterdir()),
        resident_bytes=int(status["VmRSS"].split()[0]) * 1024,
    )


def alive(pid: int) -> bool:
    """Whether a process exists and is more than a zombie."""
    state = _state_and_parent(pid)
    return state is not None and state[0] not in "ZX"


def descendants(pid: int) -> list[int]:
    """Process IDs of the living children, their children, and so on."""
    children: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            found = _state_and_parent(int(entry.name))
            if found and found[0] not in "ZX":
                children.setdefault(found[1], []).append(int(entry.name))
    result: list[int] = []
    pending = [pid]
    while pending:
        young = children.get(pending.pop(), [])
        result += young
        pending += young
    return result


def _state_and_parent(pid: int) -> tuple[str, int] | None:
    try:
        content = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name, in parentheses, may itself hold spaces and parentheses.
    fields = content.rpartition(")")[2].split()
    return fields[0], int(fields[1])
