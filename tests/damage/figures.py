"""What becomes of the damaged streams of a syntax, counted; crashes and hangs too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.damage.child import Outcome
from tests.damage.harm import Kind

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Figures:
    """How many streams of each kind met with each outcome; the numbers of those that ended it.

    ``python -m tests.damage.child SYNTAX NUMBER NUMBER+1`` shows such an end again.
    """

    counts: Counter[tuple[Kind, Outcome]] = field(default_factory=Counter)
    ended: dict[int, str] = field(default_factory=dict)

    def of(self, outcome: Outcome, kind: Kind | None = None) -> int:
        """How many, of one kind or of all."""
        kinds = Kind if kind is None else (kind,)
        return sum(self.counts[each, outcome] for each in kinds)

    def total(self, kind: Kind | None = None) -> int:
        """How many streams there were."""
        return sum(self.of(outcome, kind) for outcome in Outcome)

    def as_json(self) -> dict[str, object]:
        """Give everything in words."""
        kinds = {
            kind.value: {outcome.value: self.counts[kind, outcome] for outcome in Outcome}
            for kind in Kind
            if self.total(kind)
        }
        return {"kinds": kinds, "ended": self.ended}


def measured(syntax: str, count: int) -> Figures:
    """Decode so many damaged streams, in as many processes as it takes."""
    figures, first = Figures(), 0
    while first < count:
        done = child("tests.damage.child", syntax, first, count)
        lines = done.stdout.split("\n")
        for line in lines[:-1]:
            figures.counts[_read(line)] += 1
        first += len(lines) - 1
        if first < count:
            kind = lines[-1].strip()
            if not kind:
                raise RuntimeError(f"{syntax}: no decoder had begun: {done.stderr[-2000:]}")
            hung = done.returncode == -signal.SIGALRM
            outcome = Outcome.HUNG if hung else Outcome.CRASHED
            figures.counts[Kind[kind], outcome] += 1
            figures.ended[first] = _last_words(done)
            first += 1
    return figures


def merged(several: Iterable[Figures]) -> Figures:
    """Add up the counts of several syntaxes."""
    total = Figures()
    for one in several:
        total.counts.update(one.counts)
    return total


def child(module: str, syntax: str, first: int, stop: int) -> subprocess.CompletedProcess[str]:
    """Run a module of this folder on streams of these numbers."""
    path = os.pathsep.join([str(ROOT / "plugin"), str(ROOT)])
    return subprocess.run(
        [sys.executable, "-m", module, syntax, str(first), str(stop)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([path, os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        check=False,
    )


def _read(line: str) -> tuple[Kind, Outcome]:
    kind, outcome = line.split(" ")
    return Kind[kind], Outcome[outcome]


def _last_words(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode < 0:
        return signal.Signals(-done.returncode).name
    return f"status {done.returncode}: {(done.stderr.strip() or '?').splitlines()[-1]}"
