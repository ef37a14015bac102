"""``docs/answers.md``: what Orthanc answers where it asks us, a table for each version.

    python -m tests.orthanc.answers.page answers-1.12.7.json ...

puts what ``tests/orthanc/test_answers.py`` found on a host into the page; the test
compares what it finds with the page.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.orthanc.answers.cases import CASES
from tests.orthanc.answers.other_routes import INGEST, OUT

PAGE = Path(__file__).resolve().parents[3] / "docs" / "answers.md"
ORDERS = ("After", "Disabled")
_BETWEEN = " / "

# What was answered, by order, case and route.
Answers = dict[tuple[str, str, str], str]


def table(answers: Answers) -> str:
    """The table of one version; both orders in a cell where they differ."""
    heads = ["route", *(case.title for case in CASES.values())]
    lines = [_row(heads), _row(["---"] * len(heads))]
    lines += [
        _row([route, *(_cell(answers, case, route) for case in CASES)]) for route in (*INGEST, *OUT)
    ]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cell(answers: Answers, case: str, route: str) -> str:
    both = [answers.get((order, case, route), "?") for order in ORDERS]
    return both[0] if both[0] == both[1] else _BETWEEN.join(both)


def parsed(text: str) -> Answers:
    """The answers that a table names."""
    answers: Answers = {}
    for line in text.strip().splitlines()[2:]:
        route, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        for case, cell in zip(CASES, cells, strict=True):
            values = cell.split(_BETWEEN)
            for order, value in zip(ORDERS, values * (3 - len(values)), strict=False):
                answers[order, case, route] = value
    return answers


def tables(text: str) -> dict[tuple[int, ...], str]:
    """The tables of the page, by Orthanc's version."""
    found = re.findall(r"<!-- answers ([\d.]+) -->\n(.*?)\n<!-- /answers -->", text, re.DOTALL)
    return {tuple(map(int, version.split("."))): content for version, content in found}


def expected(version: tuple[int, ...]) -> Answers:
    """What the page says of the newest version that is not newer than this."""
    listed = tables(PAGE.read_text(encoding="utf-8"))
    return parsed(listed[max(each for each in listed if each <= version)])


def renewed(text: str, version: str, answers: Answers) -> str:
    """The page with another table for a version."""
    start, end = f"<!-- answers {version} -->\n", "\n<!-- /answers -->"
    before, found, rest = text.partition(start)
    if not found:
        raise SystemExit(f"the page has no place for {version}: {start.strip()}")
    return before + start + table(answers) + end + rest.partition(end)[2]


def main(paths: Sequence[str]) -> None:
    """Put each file's answers into the page."""
    text = PAGE.read_text(encoding="utf-8")
    for path in map(Path, paths):
        rows = json.loads(path.read_text(encoding="utf-8"))
        answers: Answers = {(order, case, route): value for order, case, route, value in rows}
        text = renewed(text, path.stem.removeprefix("answers-"), answers)
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
