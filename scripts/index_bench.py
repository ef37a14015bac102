"""How quick the index of reports is at a million instances: see the end of docs/benchmark.md.

Nothing but the standard library is used, so any Python that Orthanc may embed can run it:
``/usr/bin/python3 scripts/index_bench.py [INSTANCES]``.
"""

from __future__ import annotations

import hashlib
import random
import resource
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "plugin"))

from orthanc_transcoder.index import Entry, Index

IN_A_STUDY = 1000
IN_A_SERIES = 250
DAYS = 365
BATCH = 1000
FIRST_DAY = date(2026, 1, 1)
MODALITIES = ("CT", "MR", "CR", "US", "MG")
OUTCOMES = (
    *[("transcoded", "", "PASS", "1.2.840.10008.1.2.4.90")] * 90,
    *[("transcoded", "", "WARN", "1.2.840.10008.1.2.4.90")] * 4,
    *[("kept", "", "PASS", "1.2.840.10008.1.2.4.90")] * 2,
    *[("declined", "no_pixel_data", "PASS", "1.2.840.10008.1.2.1")] * 2,
    ("unasked", "", "PASS", "1.2.840.10008.1.2.1"),
    ("failed", "deadline", "FAIL", "1.2.840.10008.1.2.1"),
)
FINDINGS = ((), (), (), ("constant_frame",), ("constant_frame", "high_bit"))


def orthanc_id(text: str) -> str:
    """An identifier as Orthanc makes them: a SHA-1 in five groups."""
    digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    return "-".join(digest[start : start + 8] for start in range(0, 40, 8))


def synthetic(number: int) -> Entry:
    """The instance of this number, always the same; one in twenty is lossy."""
    study, series = number // IN_A_STUDY, number // IN_A_SERIES
    dice = random.Random(number)
    outcome, code, verdict, syntax = dice.choice(OUTCOMES)
    lossy = outcome == "transcoded" and dice.random() < 0.05
    size = dice.randrange(200_000, 20_000_000)
    uid = f"1.2.276.0.7230010.3.1.4.8323329.{study}.{series}.{number}"
    return Entry(
        id=orthanc_id(uid),
        series=orthanc_id(f"series {series}"),
        study=orthanc_id(f"study {study}"),
        patient=orthanc_id(f"patient {study // 2}"),
        modality=MODALITIES[study % len(MODALITIES)],
        syntax=syntax,
        outcome=outcome,
        code=code,
        verdict=verdict,
        source_bytes=size,
        result_bytes=size // 3 if outcome == "transcoded" else size,
        psnr=dice.uniform(40, 90) if lossy else None,
        error=dice.randrange(1, 400) if lossy else 0,
        findings=dice.choice(FINDINGS) if verdict in ("WARN", "FAIL") else (),
        received=(),
        number=number % IN_A_SERIES + 1,
        sop_instance_uid=uid,
        pixel_digest=hashlib.sha256(uid.encode()).hexdigest(),
        day=str(FIRST_DAY + timedelta(days=study % DAYS)),
    )


def row(name: str, value: str) -> None:
    """Print a row of the table, as soon as it is known."""
    print(f"| {name} | {value} |", flush=True)


def timed(name: str, calls: list[Callable[[], object]]) -> None:
    """Call each, and print the median and the longest time."""
    spent = []
    for call in calls:
        start = time.perf_counter()
        call()
        spent.append((time.perf_counter() - start) * 1000)
    row(name, f"{statistics.median(spent):.2f} ms (longest of {len(spent)}: {max(spent):.1f} ms)")


def fill(index: Index, instances: int) -> float:
    """Enter all, as after a loss of the file; gives seconds, without those of making them up."""
    spent = 0.0
    for first in range(0, instances, BATCH):
        batch = [synthetic(one) for one in range(first, min(first + BATCH, instances))]
        start = time.perf_counter()
        index.put_many(batch)
        spent += time.perf_counter() - start
    return spent


def measure(path: Path, instances: int) -> None:
    """Print the table."""
    index = Index(path)
    spent = fill(index, instances)
    row(
        f"enter {instances}, {BATCH} at once",
        f"{spent:.0f} s, {spent / instances * 1e6:.0f} µs each",
    )
    dice = random.Random(0)
    some = [synthetic(dice.randrange(instances)) for _ in range(200)]
    new = [synthetic(instances + one) for one in range(200)]
    timed("enter one more", [partial(index.put, one) for one in new])
    timed("enter one anew", [partial(index.put, one) for one in some])
    timed("remove one", [partial(index.remove, one.id) for one in new])
    timed("one instance", [partial(index.get, one.id) for one in some])
    timed("digest of a UID", [partial(index.digest_of, one.sop_instance_uid) for one in some])
    timed("totals of the server", [index.totals] * 20)
    timed(
        f"totals of a study of {IN_A_STUDY}",
        [partial(index.totals_of, "study", one.study) for one in some],
    )
    timed(
        f"instances of a study of {IN_A_STUDY}",
        [partial(index.instances_of, "study", one.study) for one in some],
    )
    timed("outcomes of 90 days", [lambda: index.by_day(90)] * 20)
    timed("the latest 100 failures", [lambda: index.failures(100)] * 20)
    there = [synthetic(number).id for number in range(1, instances + 1)]
    timed(f"compare with Orthanc's {instances}", [lambda: index.differences(there)] * 3)
    index.close()
    timed("open", [lambda: Index(path).close()] * 5)
    row("size of the file", f"{path.stat().st_size / 1e6:.0f} MB")
    row(
        "memory of the process, at most",
        f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB",
    )


def main() -> None:
    """Measure in a temporary folder."""
    instances = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    print(f"Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}\n\n| | |\n|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder) / "index.db", instances)


if __name__ == "__main__":
    main()
