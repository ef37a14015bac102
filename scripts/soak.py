"""A long load on a real Orthanc while its workers are killed: see docs/soak.md."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from scripts.soaking import report
from scripts.soaking.session import Session


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak, print the table; status 1 if anything was wrong."""
    options = parse(arguments)
    folder = options.folder / time.strftime("%Y%m%d-%H%M%S")
    folder.mkdir(parents=True)
    print(f"{options.minutes:g} minutes, seed {options.seed}; files are in {folder}", flush=True)
    session = Session(folder, options.minutes * 60, options.seed)
    session.run()
    for line in report.lines(session):
        print(line)
    failures = report.unsteady(session)
    for line in failures:
        print(line)
    return 1 if session.ledger.defects or failures else 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=1, help="of what is sent, and who is killed")
    parser.add_argument("--folder", type=Path, default=Path("var/soak"))
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
