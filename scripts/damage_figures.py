"""What the decoders make of damaged codestreams: how much they refuse, and what slips through.

The same streams in every run; with a lower count, the first of them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.damage.child import Outcome
from tests.damage.figures import ROOT, Figures, measured
from tests.damage.originals import SYNTAXES
from tests.damage.report import KEYWORD, tables

PAGE = ROOT / "docs" / "damage.md"
BEGIN, END = "<!-- begin make damage -->", "<!-- end make damage -->"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; status 1 if a decoder crashed or hung."""
    options = parse(arguments)
    chosen = [syntax for syntax in SYNTAXES if not options.only or _is_meant(syntax, options.only)]
    if not chosen:
        sys.stderr.write(f"no such transfer syntax: {', '.join(options.only)}\n")
        return 2
    with ThreadPoolExecutor(options.jobs) as threads:
        figures = threads.map(lambda syntax: measured(syntax, options.count), chosen)
        found = dict(zip(chosen, figures, strict=True))
    publish(found, options)
    ended = sum(one.of(Outcome.CRASHED) + one.of(Outcome.HUNG) for one in found.values())
    return 1 if ended else 0


def publish(found: Mapping[str, Figures], options: argparse.Namespace) -> None:
    """Print the tables; write the page and the JSON, where asked for."""
    text = "\n".join(tables(found))
    print(text)
    if options.json:
        content = {KEYWORD[syntax]: figures.as_json() for syntax, figures in found.items()}
        options.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    if options.write:
        before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
        _, after = rest.split(END)
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="scripts/damage", description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="streams of each syntax")
    parser.add_argument(
        "--only",
        action="append",
        metavar="SYNTAX",
        help="a transfer syntax: its UID, the end of it (.90) or its keyword; may be repeated",
    )
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all counts there")
    parser.add_argument("--write", action="store_true", help="write the tables of docs/damage.md")
    return parser.parse_args(arguments)


def _is_meant(syntax: str, names: Sequence[str]) -> bool:
    own = (syntax, f".{syntax.rpartition('.')[2]}", KEYWORD[syntax])
    return any(name in own for name in names)


if __name__ == "__main__":
    sys.exit(main())
