"""The index of reports: totals that always agree with the rows."""

import dataclasses
import random
import sqlite3
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orthanc_transcoder.index import Entry, Index

PLAIN = Entry(
    id="i", series="se", study="st", patient="p", modality="CT", syntax="1.2", outcome="transcoded",
    code="", verdict="PASS", source_bytes=100, result_bytes=40, psnr=None, error=0, findings=(),
    received=(),
    number=1, sop_instance_uid="1.2.3", pixel_digest="d", day="2026-11-25",
)  # fmt: skip


def made(identifier: str, **changes: object) -> Entry:
    return dataclasses.replace(PLAIN, id=identifier, **changes)  # type: ignore[arg-type]


def test_an_entry_comes_back_as_it_was() -> None:
    index = Index(None)
    entry = made(
        "a", findings=("x", "y'; DROP TABLE instance; --"), psnr=51.5, error=3, received=("z",)
    )
    index.put(entry)
    assert index.get("a") == entry
    assert index.get("b") is None


def test_totals() -> None:
    index = Index(None)
    index.put_many(
        [
            made("a"),
            made("b", modality="MR", outcome="failed", code="deadline", verdict="FAIL",
                 result_bytes=100, findings=("x", "y")),
            made("c", syntax="1.3", psnr=48.25, error=7, verdict="WARN", findings=("x",)),
            made("d", psnr=50.0, error=12, findings=("n",), received=("x", "z")),
        ]
    )  # fmt: skip
    assert index.totals() == {
        "instances": 4,
        "noted": 1,
        "source_bytes": 400,
        "result_bytes": 220,
        "by_outcome": {"transcoded": 3, "failed": 1},
        "by_verdict": {"PASS": 2, "FAIL": 1, "WARN": 1},
        "by_syntax": {"1.2": 3, "1.3": 1},
        "by_code": {"deadline": 1},
        "by_modality": {
            "CT": {"instances": 3, "noted": 1, "source_bytes": 300, "result_bytes": 120},
            "MR": {"instances": 1, "noted": 0, "source_bytes": 100, "result_bytes": 100},
        },
        "findings": {"n": 1, "x": 2, "y": 1},
        "received": {"x": 1, "z": 1},
        "worst_psnr": 48.25,
        "greatest_error": 12,
    }
    assert index.totals_of("study", "st") == index.totals()
    assert [entry.id for entry in index.failures(10)] == ["b"]


def test_an_empty_index_has_totals() -> None:
    totals = Index(None).totals()
    assert totals["instances"] == 0
    assert (totals["by_outcome"], totals["worst_psnr"], totals["greatest_error"]) == ({}, None, 0)


ENTRIES = st.builds(
    made,
    st.sampled_from("abcdef"),
    series=st.sampled_from(["s1", "s2"]),
    modality=st.sampled_from(["CT", "MR", ""]),
    outcome=st.sampled_from(["transcoded", "failed", "declined"]),
    code=st.sampled_from(["", "deadline"]),
    verdict=st.sampled_from(["PASS", "WARN", "FAIL", "NONE"]),
    source_bytes=st.integers(0, 2**40),
    psnr=st.none() | st.floats(1, 200),
    error=st.integers(0, 100),
    findings=st.lists(st.sampled_from("xyz"), unique=True).map(tuple),
    received=st.lists(st.sampled_from("xyz"), unique=True).map(tuple),
    day=st.sampled_from(["2026-11-24", "2026-11-25"]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ENTRIES | st.sampled_from("abcdef"), max_size=30))
def test_whatever_happens_totals_are_those_of_the_rows(steps: list[Entry | str]) -> None:
    index, kept = Index(None), {}
    for step in steps:
        if isinstance(step, Entry):
            index.put(step)
            kept[step.id] = step
        else:
            index.remove(step)
            kept.pop(step, None)
    fresh = Index(None)
    fresh.put_many(kept.values())
    assert index.totals() == fresh.totals()
    assert index.totals()["instances"] == len(kept)
    assert index.totals()["source_bytes"] == sum(one.source_bytes for one in kept.values())
    passed = [one for one in kept.values() if one.verdict == "PASS"]
    assert index.totals()["noted"] == sum(bool(one.findings) for one in passed)
    for name in ("s1", "s2"):
        members = [one for one in kept.values() if one.series == name]
        assert index.totals_of("series", name)["instances"] == len(members)
        assert set(index.instances_of("series", name)) == set(members)
    assert index.by_day(9) == fresh.by_day(9)


def test_days_are_in_order_and_the_latest() -> None:
    index = Index(None)
    days = [f"2026-11-{day:02}" for day in range(1, 21)]
    random.Random(1).shuffle(days)
    index.put_many(made(day, day=day) for day in days)
    found = index.by_day(3)
    assert [one["day"] for one in found] == ["2026-11-18", "2026-11-19", "2026-11-20"]
    assert found[0] == {
        "day": "2026-11-18", "transcoded": 1, "kept": 0, "declined": 0, "failed": 0, "unasked": 0,
    }  # fmt: skip


def test_what_is_missing_and_what_is_gone() -> None:
    index = Index(None)
    index.put_many([made("a"), made("b"), made("c")])
    assert index.differences(["b", "c", "d"]) == (["d"], ["a"])
    assert index.differences(["b", "c", "d"]) == (["d"], ["a"])


def test_differences_of_more_than_is_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orthanc_transcoder.index._AT_ONCE", 3)
    index = Index(None)
    index.put_many(made(f"{number:02}") for number in range(10))
    there = [f"{number:02}" for number in range(2, 12)]
    assert index.differences(there) == (["10", "11"], ["00", "01"])


def test_the_digest_of_a_uid() -> None:
    index = Index(None)
    index.put(made("a", sop_instance_uid="1.1", pixel_digest="abc"))
    assert index.digest_of("1.1") == "abc"
    assert index.digest_of("1.2") == ""


def test_it_is_kept_in_a_file(tmp_path: Path) -> None:
    index = Index(tmp_path / "index.db")
    index.put(made("a"))
    index.close()
    index = Index(tmp_path / "index.db")
    assert index.get("a") == made("a")


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b""])
def test_a_damaged_file_is_made_anew(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "index.db"
    path.write_bytes(content)
    index = Index(path)
    index.put(made("a"))
    assert index.totals()["instances"] == 1


def test_a_file_of_another_version_is_made_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "index.db"
    Index(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    assert Index(path).totals()["instances"] == 0
    assert "version 99" in caplog.text


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        Index(tmp_path / "nowhere" / "index.db")


def test_a_level_that_is_none_is_an_error() -> None:
    for call in (Index(None).totals_of, Index(None).instances_of):
        with pytest.raises(ValueError, match="verdict"):
            call("verdict", "x")


def test_many_threads_at_once(tmp_path: Path) -> None:
    index = Index(tmp_path / "index.db")

    def work(name: int) -> None:
        for number in range(50):
            index.put(made(f"{name}-{number}"))
            index.totals()

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert index.totals()["instances"] == 200
