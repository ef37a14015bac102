"""The index of reports heals: it is derived, and whatever becomes of its file, it goes on."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orthanc_transcoder import index_store
from orthanc_transcoder.index import Entry, Index
from orthanc_transcoder.problems import Problems

ENTRY = Entry(
    id="", series="se", study="st", patient="p", modality="CT", syntax="1.2", outcome="transcoded",
    code="", verdict="PASS", source_bytes=100, result_bytes=40, psnr=None, error=0, findings=("x",),
    received=(), number=1, sop_instance_uid="1.2.3", pixel_digest="d", day="2026-11-25",
)  # fmt: skip
PAGE = 4096
ANEW = "is made anew"


def entries(count: int) -> list[Entry]:
    return [dataclasses.replace(ENTRY, id=f"{number:05}") for number in range(count)]


class Bench:
    """An index of some pages, all of them in the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems = Problems()
        self.index = self.open()
        self.index.put_many(entries(2000))
        self.reopen()

    def open(self) -> Index:
        return Index(self.path, self.problems)

    def reopen(self) -> None:
        self.index.close()
        self.index = self.open()

    def works(self) -> bool:
        """Everything is answered, and what is entered now is kept."""
        index = self.index
        index.totals_of("study", "st")
        index.instances_of("series", "se")
        index.failures(5), index.by_day(5), index.digest_of("1.2.3")
        index.differences(["a"])
        index.put(dataclasses.replace(ENTRY, id="new"))
        return index.get("new") is not None and index.totals()["instances"] > 0


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(index_store, "_LOOK_SECONDS", 0.0)
    made = Bench(tmp_path / "index.db")
    yield made
    made.index.close()


def garbage(bench: Bench) -> None:
    size = bench.path.stat().st_size
    assert size > 20 * PAGE
    with bench.path.open("r+b") as file:
        file.seek(2 * PAGE)
        file.write(os.urandom(size - 2 * PAGE))


def dropped(table: str) -> Callable[[Bench], None]:
    def drop(bench: Bench) -> None:
        with contextlib.closing(sqlite3.connect(bench.path)) as db, db:
            db.execute(f"DROP TABLE {table}")

    return drop


def halved(bench: Bench) -> None:
    os.truncate(bench.path, bench.path.stat().st_size // 2 // PAGE * PAGE)


def emptied(bench: Bench) -> None:
    os.truncate(bench.path, 0)


def deleted(bench: Bench) -> None:
    bench.path.unlink()


def odd_rows(bench: Bench) -> None:
    with contextlib.closing(sqlite3.connect(bench.path)) as db, db:
        db.execute("UPDATE instance SET findings = 'no list'")


HARM = {
    "garbage": garbage,
    "no instances": dropped("instance"),
    "no tally": dropped("tally"),
    "no findings": dropped("finding"),
    "half of it": halved,
    "nothing of it": emptied,
    "deleted": deleted,
    "odd rows": odd_rows,
}


@pytest.mark.parametrize("harm", HARM)
def test_harm_while_it_is_open(bench: Bench, harm: str, caplog: pytest.LogCaptureFixture) -> None:
    HARM[harm](bench)
    assert bench.works()
    assert bench.index.made_anew == 1
    expected = "is not there any more" if harm == "deleted" else ANEW
    assert [expected in one.message for one in caplog.records] == [True]
    assert bench.problems.standing() == []
    bench.reopen()
    assert bench.index.get("new") is not None


@pytest.mark.parametrize("harm", HARM)
def test_harm_while_it_is_closed(bench: Bench, harm: str) -> None:
    bench.index.close()
    HARM[harm](bench)
    bench.index = bench.open()
    assert bench.works()
    assert bench.problems.standing() == []


def test_a_second_harm_is_told_and_waits(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    garbage(bench)
    bench.index.put_many(entries(2000))
    assert bench.index.made_anew == 1
    dropped("tally")(bench)
    for _ in range(3):
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            bench.index.totals()
    assert sum(ANEW in one.message for one in caplog.records) == 1
    assert sum(one.levelno == logging.ERROR for one in caplog.records) == 1
    (problem,) = bench.problems.standing()
    assert (problem["part"], problem["count"]) == ("index", 3)
    bench.index._store._not_before = 0.0  # a minute later
    assert bench.works()
    assert bench.index.made_anew == 2
    assert bench.problems.standing() == []


def full(bench: Bench, caplog: pytest.LogCaptureFixture, relieve: Callable[[], None]) -> None:
    """Nothing more can be entered: that is told once, and nothing is lost."""
    before = bench.index.totals()["instances"]
    for _ in range(3):
        with pytest.raises(sqlite3.OperationalError):
            bench.index.put_many([dataclasses.replace(ENTRY, id="n" * 5_000_000)])
    assert bench.index.totals()["instances"] == before
    (problem,) = bench.problems.standing()
    assert (problem["part"], problem["count"]) == ("index", 3)
    assert "the disk is full" in str(problem["sentence"])
    assert sum(one.levelno == logging.ERROR for one in caplog.records) == 1
    relieve()
    assert bench.works()
    assert bench.index.totals()["instances"] == before + 1
    assert (bench.index.made_anew, bench.problems.standing()) == (0, [])


def test_no_more_pages(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    db = bench.index._store._db
    assert db is not None
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    db.execute(f"PRAGMA max_page_count = {pages}")
    full(bench, caplog, lambda: make_room(db))


def make_room(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA max_page_count = 1000000")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("nothing can be mounted")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk(small_disk: Path, caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(small_disk / "index.db")
    other = small_disk / "other"
    with contextlib.suppress(OSError), other.open("wb", buffering=0) as file:
        while file.write(bytes(PAGE)):
            pass
    full(bench, caplog, other.unlink)
    bench.index.close()


def test_a_read_only_file_is_kept_elsewhere(small_disk: Path) -> None:
    bench = Bench(small_disk / "index.db")
    bench.index.close()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(OSError, match=r"readonly|read-only|unable to open"):
        bench.open()


def test_a_file_that_becomes_read_only_is_kept(bench: Bench) -> None:
    db = bench.index._store._db
    assert db is not None
    db.execute("PRAGMA query_only = 1")
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        bench.index.remove("00000")
    assert bench.index.totals()["instances"] == 2000
    assert [one["part"] for one in bench.problems.standing()] == ["index"]
    db.execute("PRAGMA query_only = 0")
    bench.index.remove("00000")
    assert (bench.index.made_anew, bench.problems.standing()) == (0, [])


def test_a_locked_file_is_kept(bench: Bench) -> None:
    db = bench.index._store._db
    assert db is not None
    db.execute("PRAGMA busy_timeout = 50")
    with contextlib.closing(sqlite3.connect(bench.path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            bench.index.remove("00000")
    bench.index.remove("00000")
    assert (bench.index.made_anew, bench.index.totals()["instances"]) == (0, 1999)
