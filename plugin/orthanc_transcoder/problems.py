"""What does not work now: for the status page, the metrics and the dashboard.

A problem belongs to a part of the product, and stands from its first report until it is
cleared. What it is about tells apart several of one part, which stand side by side.
Whoever reports one also writes it to the log.
"""

from __future__ import annotations

import datetime
import threading
from dataclasses import dataclass, replace

# In the metrics from the start, with nothing counted.
PARTS = ("configuration", "confinement", "forwarding", "index", "quarantine", "threads")


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem.

    Attributes
    ----------
    since
        UTC in ISO 8601: since when it stands, without a pause.
    count
        How often it was reported since the start, over all pauses.
    """

    part: str
    sentence: str
    since: str
    count: int
    stands: bool = True


@dataclass(frozen=True, slots=True)
class Total:
    """All problems of a part: how often they were reported, and whether one stands now."""

    count: int
    stands: bool


class Problems:
    """All of them; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: dict[tuple[str, str], Problem] = {}

    def report(self, part: str, sentence: str, about: str = "") -> None:
        """Something does not work, or still does not."""
        with self._lock:
            before = self._all.get((part, about))
            since = before.since if before and before.stands else _now()
            count = before.count + 1 if before else 1
            self._all[part, about] = Problem(part, sentence, since, count)

    def clear(self, part: str, about: str = "") -> None:
        """It works, or works again."""
        with self._lock:
            if before := self._all.get((part, about)):
                self._all[part, about] = replace(before, stands=False)

    def standing(self) -> list[dict[str, object]]:
        """What stands now, as the status page has it."""
        return [
            {
                "part": one.part,
                "sentence": one.sentence,
                "since": one.since,
                "count": one.count,
            }
            for one in self._snapshot()
            if one.stands
        ]

    def totals(self) -> dict[str, Total]:
        """By part."""
        snapshot = self._snapshot()
        parts = sorted({*PARTS, *(one.part for one in snapshot)})
        return {part: _total([one for one in snapshot if one.part == part]) for part in parts}

    def _snapshot(self) -> list[Problem]:
        with self._lock:
            return [self._all[key] for key in sorted(self._all)]


def _total(problems: list[Problem]) -> Total:
    return Total(sum(one.count for one in problems), any(one.stands for one in problems))


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
