"""The figures as tables, and as JSON."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Iterator, Sequence
from typing import Any

from .measure import Figures
from .targets import Row
from .watch import DISTURBED


def tables(figures: Figures, judged: Sequence[Row]) -> Iterator[str]:
    """All lines: every median, what crashed, and the targets."""
    yield from _aligned(_figure_lines(figures))
    yield ""
    for (load, subject), count in figures.crashes.items():
        done = len(figures.taken.get((load, subject), ()))
        yield f"{subject} crashed {count} times in {count + done} runs: {load}"
    yield ""
    head = ("target", "against", "measured", "wanted", "", "worst image", "fastest", "cpu")
    lines = [
        (
            row.what,
            row.against,
            f"{row.measured:.2f}",
            row.target,
            _verdict(row),
            row.worst,
            f"{row.by_fastest:.2f}" if row.by_fastest else "",
            f"{row.by_cpu:.2f}" if row.by_cpu else "",
        )
        for row in judged
    ]
    yield from _aligned([head, *lines])


def _verdict(row: Row) -> str:
    return "met" if row.met else "NOT MET"


def _figure_lines(figures: Figures) -> list[tuple[str, ...]]:
    head = ("load", "subject", "ms", "added", "cpu ms", "spread", "x GDCM", "n", "disturbed")
    lines: list[tuple[str, ...]] = []
    for (load, subject), taken in figures.taken.items():
        used = figures.used(load, subject)
        seconds = [one.seconds for one in used]
        middle = statistics.median(seconds)
        plain, gdcm = figures.median(load, "plain"), figures.median(load, "gdcm90")
        lines.append(
            (
                load,
                subject,
                f"{middle * 1000:.1f}",
                f"{(middle - plain) * 1000:+.1f}" if plain and subject != "plain" else "",
                f"{statistics.median(one.cpu for one in used) * 1000:.1f}",
                f"{(max(seconds) - min(seconds)) / middle:.0%}",
                f"{gdcm / middle:.2f}" if gdcm else "",
                str(len(used)),
                "all" if used[0].others > DISTURBED else str(len(taken) - len(used) or ""),
            )
        )
    return [head, *sorted(lines, key=lambda line: line[0])]


def _aligned(lines: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        yield "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()


def as_json(figures: Figures, judged: Sequence[Row], about: dict[str, Any]) -> str:
    """Everything, for programs."""
    measured = [
        {
            "load": load,
            "subject": subject,
            "median": figures.median(load, subject),
            "measurements": [dataclasses.asdict(one) for one in taken],
        }
        for (load, subject), taken in figures.taken.items()
    ]
    crashes = [
        {"load": load, "subject": subject, "crashes": count}
        for (load, subject), count in figures.crashes.items()
    ]
    targets = [dataclasses.asdict(row) for row in judged]
    values = {**about, "measured": measured, "crashes": crashes, "targets": targets}
    return json.dumps(values, indent=1)
