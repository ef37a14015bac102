"""The figures as tables, and as JSON."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Iterator, Sequence
from typing import Any

from .measure import Figures
from .targets import Row


def tables(figures: Figures, judged: Sequence[Row]) -> Iterator[str]:
    """All lines: every median, what crashed, and the targets."""
    yield from _aligned(_figure_lines(figures))
    yield ""
    for (load, subject), count in figures.crashes.items():
        done = len(figures.seconds.get((load, subject), ()))
        yield f"{subject} crashed {count} times in {count + done} runs: {load}"
    yield ""
    head = ("target", "against", "measured", "worst", "wanted", "")
    lines = [
        (row.what, row.against, f"{row.measured:.2f}", row.worst, row.target, _verdict(row))
        for row in judged
    ]
    yield from _aligned([head, *lines])


def _verdict(row: Row) -> str:
    return "met" if row.met else "NOT MET"


def _figure_lines(figures: Figures) -> list[tuple[str, ...]]:
    lines: list[tuple[str, ...]] = [("load", "subject", "ms", "added", "spread", "x GDCM", "n")]
    for load, subject in figures.seconds:
        found = figures.seconds[load, subject]
        middle = statistics.median(found)
        plain, gdcm = figures.median(load, "plain"), figures.median(load, "gdcm90")
        lines.append(
            (
                load,
                subject,
                f"{middle * 1000:.1f}",
                f"{(middle - plain) * 1000:+.1f}" if plain and subject != "plain" else "",
                f"{(max(found) - min(found)) / middle:.0%}",
                f"{gdcm / middle:.2f}" if gdcm else "",
                str(len(found)),
            )
        )
    return lines[:1] + sorted(lines[1:], key=lambda line: line[0])


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
            "seconds": found,
            "median": statistics.median(found),
        }
        for (load, subject), found in figures.seconds.items()
    ]
    crashes = [
        {"load": load, "subject": subject, "crashes": count}
        for (load, subject), count in figures.crashes.items()
    ]
    targets = [dataclasses.asdict(row) for row in judged]
    values = {**about, "measured": measured, "crashes": crashes, "targets": targets}
    return json.dumps(values, indent=1)
