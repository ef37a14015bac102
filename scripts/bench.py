"""How fast Orthanc is with this transcoder, with others and without: see docs/benchmark.md.

Real Orthanc processes take the same load in turns, several rounds; the tables give
medians, and the last one the speeds to reach.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from scripts.benchmark import report, targets
from scripts.benchmark.session import Session
from tests.orthanc.servers import orthanc_version


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables."""
    options = parse(arguments)
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="orthanc-bench-") as folder,
        Session(Path(folder), options.rounds, options.only, options.quick) as session,
    ):
        session.run()
    judged = targets.rows(session.figures)
    about = {
        "orthanc": ".".join(map(str, orthanc_version())),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "rounds": options.rounds,
        "quick": options.quick,
        "minutes": round((time.monotonic() - began) / 60, 1),
    }
    print(", ".join(f"{name} {value}" for name, value in about.items()))
    for line in report.tables(session.figures, judged):
        print(line)
    if options.json:
        options.json.write_text(report.as_json(session.figures, judged, about), encoding="utf-8")
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two minutes: one slice, one loop")
    parser.add_argument("--rounds", type=int, default=0, help="default: 5, with --quick 2")
    parser.add_argument("--only", default="", metavar="REGEX", help="loads by name")
    parser.add_argument("--json", type=Path, metavar="FILE", help="all figures, for programs")
    options = parser.parse_args(arguments)
    options.rounds = options.rounds or (2 if options.quick else 5)
    return options


if __name__ == "__main__":
    sys.exit(main())
