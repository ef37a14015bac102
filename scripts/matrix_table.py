"""The table of scripts/test-matrix: test file by host, from pytest's JUnit files.

For each run there are LABEL.head (the lines of the column's head) and, if pytest came to
its end, LABEL.xml; LABEL.image.xml holds what was tested from outside. The exit status is 1
if anything failed, or a run has no result.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from xml.etree import ElementTree

# As pytest tells them apart: a test can fail, and its fixtures can.
OUTCOMES = ("passed", "failed", "error", "skipped")
BAD = frozenset({"failed", "error"})


@dataclass
class Run:
    """One column."""

    head: list[str]
    finished: bool
    seconds: float = 0.0
    files: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    bad: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether there is a result, and nothing but passed and skipped tests in it."""
        return self.finished and not self.bad and self.total["passed"] > 0

    @property
    def total(self) -> Counter[str]:
        """All files together."""
        return sum(self.files.values(), Counter())


def main() -> int:
    """Print the table of the results in the folder that is named."""
    folder = Path(sys.argv[1])
    runs = [read(head) for head in sorted(folder.glob("*.head"), key=started)]
    print_table(runs)
    for run in runs:
        for line in run.bad:
            print(f"{' '.join(run.head)}: {line}")
        if not run.finished:
            print(f"{' '.join(run.head)}: pytest did not come to an end")
    return 0 if runs and all(run.good for run in runs) else 1


def started(head: Path) -> int:
    """When a run was started, for the order of the columns."""
    return head.stat().st_mtime_ns


def read(head: Path) -> Run:
    """One run's results."""
    result = head.with_suffix(".xml")
    run = Run([line for line in head.read_text().splitlines() if line][1:], result.exists())
    if not run.finished:
        return run
    for path in (result, head.with_suffix(".image.xml")):
        if path.exists():
            count(run, path)
    return run


def count(run: Run, path: Path) -> None:
    """Add the outcomes that a file of pytest's holds."""
    # Written by our own pytest a moment ago.
    for suite in ElementTree.parse(path).iter("testsuite"):  # noqa: S314
        run.seconds += float(suite.get("time", 0))
        for case in suite.iter("testcase"):
            file = test_file(case.get("classname", ""))
            outcome = outcome_of(case)
            run.files[file][outcome] += 1
            if outcome in BAD:
                run.bad.append(f"{outcome}: {file}::{case.get('name')}")


def test_file(classname: str) -> str:
    """``tests.orthanc.test_load.TestX`` as a path, without the class."""
    parts = [part for part in classname.split(".") if not part[:1].isupper()]
    return "/".join(parts[1:]) + ".py" if len(parts) > 1 else classname


def outcome_of(case: ElementTree.Element) -> str:
    """One of ``OUTCOMES``."""
    for tag, outcome in (("failure", "failed"), ("error", "error"), ("skipped", "skipped")):
        if case.find(tag) is not None:
            return outcome
    return "passed"


def print_table(runs: Sequence[Run]) -> None:
    """A row for each test file, and their sums."""
    heads = zip_longest(*(run.head for run in runs), fillvalue="")
    lines: list[list[str]] = [["", *cells] for cells in heads]
    lines += [
        [file, *(cell(run.files.get(file)) for run in runs)]
        for file in sorted({file for run in runs for file in run.files})
    ]
    lines += [
        ["all", *(cell(run.total) if run.finished else "no result" for run in runs)],
        ["seconds", *(f"{run.seconds:.0f}" for run in runs)],
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(padded(line, widths)).rstrip())


def padded(line: Iterable[str], widths: Iterable[int]) -> list[str]:
    """The cells of a line in their columns' widths."""
    return [text.ljust(width) for text, width in zip(line, widths, strict=True)]


def cell(counts: Counter[str] | None) -> str:
    """Counts of outcomes in words; empty if the file was not run."""
    if not counts:
        return ""
    return ", ".join(f"{counts[outcome]} {outcome}" for outcome in OUTCOMES if counts[outcome])


if __name__ == "__main__":
    sys.exit(main())
