"""Interleaved rounds: each subject in turn, so that what disturbs the machine disturbs all."""

from __future__ import annotations

import functools
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .loads import Load, Subject
from .watch import DISTURBED, Measurement, Patience

_MANY_CRASHES = 3


@dataclass
class Figures:
    """What an instance took, by load and subject; and crashes of the servers."""

    taken: dict[tuple[str, str], list[Measurement]] = field(default_factory=dict)
    crashes: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, load: str, subject: str, one: Measurement | None) -> None:
        """Note one measurement, or a crash."""
        key = (load, subject)
        if one is None:
            self.crashes[key] = self.crashes.get(key, 0) + 1
        else:
            self.taken.setdefault(key, []).append(one)

    def gone(self, load: str, subject: str) -> bool:
        """Whether it crashed too often under this load to go on."""
        return self.crashes.get((load, subject), 0) >= _MANY_CRASHES

    def used(self, load: str, subject: str) -> list[Measurement]:
        """What counts: the measurements that others did not disturb, or all if there are none."""
        taken = self.taken.get((load, subject), [])
        return [one for one in taken if one.others <= DISTURBED] or taken

    def median(self, load: str, subject: str) -> float | None:
        """The median of the seconds that count, if there are any."""
        found = self.used(load, subject)
        return statistics.median(one.seconds for one in found) if found else None

    def fastest(self, load: str, subject: str) -> float | None:
        """The least of the seconds, if there are any."""
        found = self.taken.get((load, subject))
        return min(one.seconds for one in found) if found else None

    def cpu(self, load: str, subject: str) -> float | None:
        """The median of the processor time of the server and its workers, in seconds."""
        found = self.used(load, subject)
        return statistics.median(one.cpu for one in found) if found else None


def interleave(
    figures: Figures,
    loads: Sequence[Load],
    subjects: Sequence[Subject],
    rounds: int,
    patience: Patience,
    say: Callable[[str], None],
) -> None:
    """Put each load on each subject in turn, several rounds; the order changes each round."""
    for turn in range(rounds):
        for load in loads:
            for place in range(len(subjects)):
                subject = subjects[(place + turn) % len(subjects)]
                if not figures.gone(load.name, subject.name):
                    one = patience.least_disturbed(functools.partial(subject.measure, load))
                    figures.add(load.name, subject.name, one)
            say(f"round {turn + 1} of {rounds}: {load.name}")
