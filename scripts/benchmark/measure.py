"""Interleaved rounds: each subject in turn, so that what disturbs the machine disturbs all."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .loads import Load, Subject

_MANY_CRASHES = 3


@dataclass
class Figures:
    """Seconds for each instance, by load and subject; and crashes of the servers."""

    seconds: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    crashes: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, load: str, subject: str, seconds: float | None) -> None:
        """Note one measurement, or a crash."""
        key = (load, subject)
        if seconds is None:
            self.crashes[key] = self.crashes.get(key, 0) + 1
        else:
            self.seconds.setdefault(key, []).append(seconds)

    def gone(self, load: str, subject: str) -> bool:
        """Whether it crashed too often under this load to go on."""
        return self.crashes.get((load, subject), 0) >= _MANY_CRASHES

    def median(self, load: str, subject: str) -> float | None:
        """The median, if there is any measurement."""
        found = self.seconds.get((load, subject))
        return statistics.median(found) if found else None


def interleave(
    figures: Figures,
    loads: Sequence[Load],
    subjects: Sequence[Subject],
    rounds: int,
    say: Callable[[str], None],
) -> None:
    """Put each load on each subject in turn, several rounds; the order changes each round."""
    for turn in range(rounds):
        for load in loads:
            for place in range(len(subjects)):
                subject = subjects[(place + turn) % len(subjects)]
                if not figures.gone(load.name, subject.name):
                    figures.add(load.name, subject.name, subject.measure(load))
            say(f"round {turn + 1} of {rounds}: {load.name}")
