"""How much processor time a measurement took, and how much others took meanwhile.

On a machine that does other things too, a measurement that others disturbed is made
again, as long as the time allowed for that lasts.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.orthanc.processes import descendants

DISTURBED = 0.1  # of all cores' time, by others
_TRIES = 4
_PAUSE = 0.5  # seconds; twice as long each time
_TICKS = os.sysconf("SC_CLK_TCK")
_CORES = os.cpu_count() or 1


@dataclass(frozen=True)
class Measurement:
    """Of one instance; ``others`` is the share of all cores' time that others had."""

    seconds: float
    cpu: float = 0.0  # seconds, of the server and its workers
    others: float = 0.0


def watched(work: Callable[[], float], server: int, count: int) -> Measurement:
    """Do some work on ``count`` instances that returns its seconds.

    Parameters
    ----------
    server
        Process ID of the server, whose processor time is wanted; or of this process,
        if there is no server.
    """
    mine, all_of_us, everyone = _tree(server), _tree(os.getpid()), _everyone()
    began = time.monotonic()
    seconds = work()
    whole = time.monotonic() - began  # with what was prepared before the clock started
    mine, all_of_us, everyone = (
        _tree(server) - mine,
        _tree(os.getpid()) - all_of_us,
        _everyone() - everyone,
    )
    others = max(0.0, everyone - all_of_us) / (whole * _CORES)
    return Measurement(seconds / count, mine / count, others)


class Patience:
    """Repeats what others disturbed, for some seconds in all."""

    def __init__(self, seconds: float) -> None:
        self._left = seconds

    def least_disturbed(self, measure: Callable[[], Measurement | None]) -> Measurement | None:
        """The first that was not disturbed, or else the least disturbed; None after a crash."""
        best = measure()
        pause = _PAUSE
        for _ in range(_TRIES - 1):
            if best is None or best.others <= DISTURBED or self._left <= 0:
                break
            began = time.monotonic()
            time.sleep(pause)
            pause *= 2
            another = measure()
            self._left -= time.monotonic() - began
            if another is None:
                return None
            best = min(best, another, key=lambda one: one.others)
        return best


def _tree(pid: int) -> float:
    """Processor seconds of a process and its descendants, ended ones that it waited for too."""
    return sum(_of_process(each) for each in (pid, *descendants(pid)))


def _of_process(pid: int) -> float:
    try:
        content = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    # utime, stime, cutime, cstime; the name before may hold spaces and parentheses.
    return sum(map(int, content.rpartition(")")[2].split()[11:15])) / _TICKS


def _everyone() -> float:
    """Processor seconds of the whole machine, and what its host took from it."""
    first = Path("/proc/stat").read_text().splitlines()[0].split()
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, first[1:9])
    return (user + nice + system + irq + softirq + steal) / _TICKS
