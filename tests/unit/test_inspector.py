"""Checks that follow Orthanc's changes: across restarts, deaths and deletions."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orthanc_transcoder.errors import PoolError
from orthanc_transcoder.index import Index
from orthanc_transcoder.inspector import Inspector
from orthanc_transcoder.model import Outcome, Report
from orthanc_transcoder.quality.findings import Finding, Severity
from orthanc_transcoder.records import Records, RestError

PASSED = {"verdict": "PASS", "findings": [], "facts": {}, "pixel_digest": "d", "milliseconds": 1.0}

PARENTS = {
    "series": b'{"ParentStudy": "st", "MainDicomTags": {"Modality": "CT"}}',
    "studies": b'{"ParentPatient": "p"}',
}

STORED = "1.2.840.10008.1.2.1"


class FakeOrthanc:
    """As much of the REST API and the database as an inspector uses."""

    def __init__(self) -> None:
        self.changes: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.metadata: dict[str, dict[str, str]] = {}
        self.attachments: dict[str, bytes] = {}
        self.property = ""
        self.date = "20261125T050000"
        self.asked: Counter[str] = Counter()

    def store(self, instance: str) -> None:
        self.files[instance] = b"content of " + instance.encode()
        self.metadata[instance] = {
            "ReceptionDate": "20261125T050000", "TransferSyntax": STORED,
        }  # fmt: skip
        change = {"ChangeType": "NewInstance", "ID": instance, "Seq": len(self.changes) + 1}
        self.changes.append({**change, "Date": self.date})

    def rest_get(self, uri: str) -> bytes:
        self.asked[uri] += 1
        parts = uri.split("/")
        if uri == "/changes?last":
            return json.dumps({"Last": len(self.changes)}).encode()
        if uri == "/statistics":
            return json.dumps({"CountInstances": len(self.files)}).encode()
        if uri.startswith("/changes"):
            since = int(uri.split("since=")[1].split("&", maxsplit=1)[0])
            return json.dumps({"Changes": self.changes[since:], "Done": True}).encode()
        if uri.startswith("/instances?"):
            since = int(uri.split("since=")[1].split("&", maxsplit=1)[0])
            return json.dumps(list(self.files)[since:]).encode()
        if parts[1] in PARENTS:
            return PARENTS[parts[1]]
        return self._instance(parts[2], "/".join(parts[3:]))

    def _instance(self, instance: str, rest: str) -> bytes:
        if instance not in self.files:
            raise RestError("404")
        if rest == "file":
            return self.files[instance]
        if rest == "metadata":
            return json.dumps(list(self.metadata[instance])).encode()
        if rest == "metadata?expand":
            return json.dumps(self.metadata[instance]).encode()
        name = rest.removeprefix("metadata/")
        if rest != name and name in self.metadata[instance]:
            return self.metadata[instance][name].encode()
        if rest.startswith("attachments") and instance in self.attachments:
            return self.attachments[instance]
        if rest:
            raise RestError("404")
        tags = {"SOPInstanceUID": f"1.2.{instance}"}
        about = {"ParentSeries": "se", "FileSize": 100, "IndexInSeries": 1, "MainDicomTags": tags}
        return json.dumps(about).encode()

    def rest_put(self, uri: str, body: bytes) -> None:
        _, _, instance, kind, _ = uri.split("/")
        if kind == "metadata":
            self.metadata[instance]["4206"] = body.decode()
        else:
            self.attachments[instance] = body

    def read_property(self) -> str:
        return self.property

    def write_property(self, value: str) -> None:
        self.property = value


class Bench:
    """An inspector at work."""

    def __init__(self) -> None:
        self.orthanc = FakeOrthanc()
        self.orthanc.property = "0"
        self.index = Index(None)
        self.records = Records(self.orthanc, 4206)
        self.failed: list[str] = []
        self.examined: list[bytes] = []
        self.answer: Callable[[], dict[str, Any]] = lambda: dict(PASSED)
        self.ending = False
        self.inspector: Inspector | None = None

    def is_closed(self) -> bool:
        return self.ending

    def examine(self, content: bytes, earlier_digest: str, made_here: bool) -> dict[str, Any]:
        self.examined.append(content)
        return self.answer()

    def start(self, *, checks: bool = True) -> None:
        examine = self.examine if checks else None
        self.inspector = None
        self.inspector = Inspector(
            self.orthanc, self.records, self.index, examine, self.failed.append, self.is_closed
        )

    def stop(self) -> None:
        if self.inspector:
            self.inspector.stop()
            self.inspector.join()

    def verdict(self, instance: str) -> str:
        entry = self.index.get(instance)
        return entry.verdict if entry else ""


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr("orthanc_transcoder.inspector._POLL_SECONDS", 0.02)
    monkeypatch.setattr("orthanc_transcoder.inspector._PAUSE_SECONDS", 0.02)
    monkeypatch.setattr("orthanc_transcoder.inspector._SETTLE_SECONDS", 0.02)
    monkeypatch.setattr("orthanc_transcoder.inspector._COMPARE_SECONDS", 0.02)
    monkeypatch.setattr("orthanc_transcoder.inspector._COMPARE_TIMES", 1)
    made = Bench()
    yield made
    made.stop()


def test_what_is_stored_is_checked_and_entered(bench: Bench) -> None:
    bench.start()
    bench.orthanc.store("a")
    assert until(lambda: bench.verdict("a") == "PASS")
    entry = bench.index.get("a")
    assert entry is not None
    assert (entry.outcome, entry.study, entry.patient, entry.modality, entry.day) == (
        "unasked", "st", "p", "CT", "2026-11-25",
    )  # fmt: skip
    report = bench.records.read("a")
    assert report is not None
    assert (report["verdict"], report["quality"]["verdict"]) == ("PASS", "PASS")
    assert bench.failed == []


def test_a_transcodings_record_is_kept(bench: Bench) -> None:
    bench.orthanc.store("a")
    made = Report(Outcome.TRANSCODED, result_sop_instance_uid="1.2.a", target_syntax=STORED,
                  source_bytes=300, result_bytes=100)  # fmt: skip
    bench.records.write("a", made)
    bench.start()
    assert until(lambda: bench.verdict("a") == "PASS")
    entry = bench.index.get("a")
    assert entry is not None
    assert (entry.outcome, entry.source_bytes, entry.result_bytes) == ("transcoded", 300, 100)


def test_a_record_that_is_written_during_the_check_is_kept(bench: Bench) -> None:
    def write() -> dict[str, Any]:
        made = Report(Outcome.TRANSCODED, result_sop_instance_uid="1.2.a", target_syntax=STORED)
        bench.records.write("a", made)
        return dict(PASSED)

    bench.answer = write
    bench.start()
    bench.orthanc.store("a")
    assert until(lambda: bench.verdict("a") == "PASS")
    entry = bench.index.get("a")
    assert entry is not None
    assert entry.outcome == "transcoded"
    report = bench.records.read("a")
    assert report is not None
    assert (report["outcome"], report["verdict"]) == ("transcoded", "PASS")


def test_a_record_that_is_written_soon_after_the_change_is_entered(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orthanc_transcoder.inspector._SETTLE_SECONDS", 0.5)
    bench.start(checks=False)
    bench.orthanc.store("a")
    time.sleep(0.2)
    made = Report(Outcome.TRANSCODED, result_sop_instance_uid="1.2.a", target_syntax=STORED)
    bench.records.write("a", made)
    assert until(lambda: bench.verdict("a") == "NONE")
    entry = bench.index.get("a")
    assert entry is not None
    assert entry.outcome == "transcoded"


def test_it_says_how_many_are_pending(bench: Bench) -> None:
    pending = []

    def ask() -> dict[str, Any]:
        # Its thread may be quicker than the one that starts it.
        assert until(lambda: bench.inspector is not None)
        assert bench.inspector is not None
        pending.append(bench.inspector.pending)
        return dict(PASSED)

    bench.answer = ask
    bench.start()
    bench.orthanc.store("a")
    assert until(lambda: pending == [1])
    bench.stop()
    bench.orthanc.store("b")
    bench.orthanc.store("c")
    bench.start()
    assert until(lambda: bench.orthanc.property == "3")
    assert pending == [1, 2, 1]


def test_what_is_not_to_be_checked_is_not_pending(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orthanc_transcoder.inspector._SETTLE_SECONDS", 30.0)
    for number in range(1, 4):
        change = {"ChangeType": "StableSeries", "ID": "se", "Date": bench.orthanc.date}
        bench.orthanc.changes.append({**change, "Seq": number})
    bench.start()
    assert until(lambda: bench.orthanc.property == "3")
    assert bench.inspector is not None
    assert bench.inspector.pending == 0


def test_what_was_pending_is_checked_after_a_restart_and_nothing_twice(bench: Bench) -> None:
    bench.start()
    bench.orthanc.store("a")
    assert until(lambda: bench.orthanc.property == "1")
    bench.stop()
    bench.orthanc.store("b")
    bench.start()
    assert until(lambda: bench.verdict("b") == "PASS")
    assert bench.examined == [b"content of a", b"content of b"]


def test_what_was_there_before_the_plugin_is_not_checked_unasked(bench: Bench) -> None:
    bench.orthanc.property = ""
    bench.orthanc.store("a")
    bench.start()
    assert until(lambda: bench.orthanc.property == "1")
    bench.orthanc.store("b")
    assert until(lambda: bench.verdict("b") == "PASS")
    assert bench.examined == [b"content of b"]


def test_what_is_stored_before_the_first_look_is_checked(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orthanc_transcoder.inspector._READY_SECONDS", 0.01)
    ready = threading.Event()
    read = bench.orthanc.read_property

    def when_ready() -> str:
        if not ready.is_set():
            raise RestError("the database is not open yet")
        return read()

    monkeypatch.setattr(bench.orthanc, "read_property", when_ready)
    bench.orthanc.property = ""
    bench.orthanc.store("before")
    bench.start()
    bench.orthanc.date = "99991231T235959"
    bench.orthanc.store("meanwhile")
    ready.set()
    assert until(lambda: bench.verdict("meanwhile") == "PASS")
    assert bench.examined == [b"content of meanwhile"]


def test_an_index_that_was_lost_is_made_again_without_checking_again(bench: Bench) -> None:
    bench.start()
    bench.orthanc.store("a")
    assert until(lambda: bench.orthanc.property == "1")
    bench.stop()
    bench.index = Index(None)
    bench.start()
    assert until(lambda: bench.verdict("a") == "PASS")
    assert len(bench.examined) == 1


def test_what_was_deleted_while_orthanc_was_down_leaves_the_index(bench: Bench) -> None:
    bench.start()
    bench.orthanc.store("a")
    bench.orthanc.store("b")
    assert until(lambda: bench.orthanc.property == "2")
    bench.stop()
    del bench.orthanc.files["a"]
    bench.start()
    assert until(lambda: bench.verdict("a") == "")
    assert bench.verdict("b") == "PASS"


def test_nothing_is_asked_or_written_once_orthanc_ends(bench: Bench) -> None:
    def end() -> dict[str, Any]:
        bench.ending = True
        return dict(PASSED)

    bench.orthanc.store("a")
    bench.orthanc.store("b")
    bench.answer = end
    bench.start()
    assert until(lambda: bool(bench.examined))
    asked = bench.orthanc.asked.copy()
    time.sleep(0.2)
    assert bench.orthanc.asked == asked
    assert bench.orthanc.attachments == {}
    assert bench.orthanc.property == "0"
    bench.answer, bench.ending = lambda: dict(PASSED), False
    assert until(lambda: bench.verdict("b") == "PASS")
    assert bench.verdict("a") == "PASS"


def test_what_is_deleted_leaves_the_index(bench: Bench) -> None:
    bench.start()
    for instance in ("a", "b"):
        bench.orthanc.store(instance)
    assert until(lambda: bench.orthanc.property == "2")
    del bench.orthanc.files["a"]
    assert until(lambda: bench.verdict("a") == "")
    assert bench.verdict("b") == "PASS"


def test_what_was_there_between_two_looks_at_the_statistics_leaves_the_index(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orthanc_transcoder.inspector._COMPARE_SECONDS", 0.5)
    bench.start()
    for _ in range(3):
        bench.orthanc.asked.clear()
        assert until(lambda: bench.orthanc.asked["/statistics"] > 0)
        bench.orthanc.store("a")
        assert until(lambda: bench.verdict("a") == "PASS")
        del bench.orthanc.files["a"]
        assert until(lambda: bench.verdict("a") == "")


def test_the_index_is_compared_only_when_orthanc_has_changed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: list[int] = []
    page = Inspector._page

    def counted(inspector: Inspector, since: int) -> list[str]:
        listed.append(since)
        return page(inspector, since)

    monkeypatch.setattr(Inspector, "_page", counted)
    bench.orthanc.store("a")
    bench.start()
    assert until(lambda: listed == [0, 1])
    asked = bench.orthanc.asked["/statistics"]
    assert until(lambda: bench.orthanc.asked["/statistics"] > asked + 3)
    assert listed == [0, 1]
    del bench.orthanc.files["a"]
    assert until(lambda: listed == [0, 1, 0])


def test_what_a_page_of_orthancs_list_left_out_stays_in_the_index(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.start()
    for instance in ("a", "b"):
        bench.orthanc.store(instance)
    assert until(lambda: bench.orthanc.property == "2")
    bench.stop()
    listed: list[int] = []

    def without_b(_: Inspector, since: int) -> list[str]:
        listed.append(since)
        return [] if since else ["a"]

    monkeypatch.setattr(Inspector, "_page", without_b)
    bench.start()
    bench.orthanc.store("c")
    assert until(lambda: bench.verdict("c") == "PASS" and listed[:2] == [0, 1])
    bench.stop()
    assert bench.verdict("b") == "PASS"


def test_a_file_that_ends_its_worker_fails(bench: Bench) -> None:
    def die() -> dict[str, Any]:
        raise PoolError("worker_died", "worker 7 was ended by SIGSEGV")

    bench.answer = die
    bench.start()
    bench.orthanc.store("a")
    assert until(lambda: bench.verdict("a") == "FAIL")
    report = bench.records.read("a")
    assert report is not None
    (finding,) = report["quality"]["findings"]
    assert finding["code"] == "ended_a_worker"
    assert "SIGSEGV" in finding["sentence"]
    assert bench.failed == ["a"]


def test_without_workers_it_waits_and_goes_on(bench: Bench) -> None:
    def unavailable() -> dict[str, Any]:
        raise PoolError("workers_unavailable", "no interpreter")

    bench.answer = unavailable
    bench.start()
    bench.orthanc.store("a")
    assert until(lambda: len(bench.examined) > 1)
    assert bench.verdict("a") == ""
    bench.answer = lambda: dict(PASSED)
    assert until(lambda: bench.verdict("a") == "PASS")


def test_what_is_deleted_before_its_turn_stops_nothing(bench: Bench) -> None:
    bench.orthanc.store("a")
    del bench.orthanc.files["a"]
    bench.orthanc.store("b")
    bench.start()
    assert until(lambda: bench.verdict("b") == "PASS")


def test_what_is_deleted_during_its_check_is_not_in_the_index(bench: Bench) -> None:
    def delete() -> dict[str, Any]:
        del bench.orthanc.files["a"]
        return dict(PASSED)

    bench.orthanc.store("a")
    bench.answer = delete
    bench.start()
    assert until(lambda: bench.orthanc.property == "1")
    assert bench.verdict("a") == ""
    assert bench.index.totals()["instances"] == 0


def test_an_odd_record_costs_its_own_check_only(bench: Bench) -> None:
    bench.orthanc.store("a")
    bench.orthanc.metadata["a"]["4206"] = '{"outcome": "transcoded"}'
    bench.orthanc.store("b")
    bench.start()
    assert until(lambda: bench.verdict("b") == "PASS")
    assert bench.orthanc.property == "2"


def test_while_the_index_cannot_be_written_it_waits_and_goes_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    bench.orthanc.store("a")
    with monkeypatch.context() as patch:
        patch.setattr(bench.index, "put", full)
        bench.start()
        assert until(lambda: len(bench.examined) > 0)
        assert bench.orthanc.property == "0"
    assert until(lambda: bench.verdict("a") == "PASS")


def test_a_failed_transcoding_is_an_outcome_and_no_verdict(bench: Bench) -> None:
    """The verdict is about what is stored: the sound original, or what Orthanc made of it."""
    bench.orthanc.store("a")
    failed = Report(Outcome.FAILED, code="deadline", result_sop_instance_uid="1.2.a")
    bench.records.write("a", failed)
    bench.start()
    assert until(lambda: bench.verdict("a") == "PASS")
    assert bench.failed == []
    entry = bench.index.get("a")
    assert entry is not None
    assert (entry.outcome, entry.code) == ("failed", "deadline")
    assert [one.id for one in bench.index.failures(9)] == ["a"]


def test_what_was_wrong_with_the_received_file_is_entered(bench: Bench) -> None:
    bench.orthanc.store("a")
    wrong = (Finding("odd_length", Severity.NOTE, "It has 7 bytes.", "PixelData"),)
    made = Report(Outcome.TRANSCODED, result_sop_instance_uid="1.2.a", target_syntax=STORED,
                  received=wrong)  # fmt: skip
    bench.records.write("a", made)
    bench.start()
    assert until(lambda: bench.verdict("a") == "PASS")
    entry = bench.index.get("a")
    assert entry is not None
    assert (entry.findings, entry.received) == ((), ("odd_length",))
    report = bench.records.read("a")
    assert report is not None
    assert report["received"] == [dataclasses.asdict(wrong[0])]
    assert bench.index.totals()["received"] == {"odd_length": 1}


def test_without_checks_transcodings_are_entered_all_the_same(bench: Bench) -> None:
    bench.start(checks=False)
    bench.orthanc.store("a")
    assert until(lambda: bench.verdict("a") == "NONE")
    assert bench.examined == []
    assert "4206" not in bench.orthanc.metadata["a"]


def until(condition: Callable[[], bool], seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_an_index_that_had_to_be_made_anew_is_filled_again(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    bench.index = Index(path)
    bench.start()
    for name in "abc":
        bench.orthanc.store(name)
    assert until(lambda: bench.orthanc.property == "3")
    assert until(lambda: bench.index.totals()["instances"] == 3)
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("DROP TABLE instance")
    bench.index.totals()
    assert until(lambda: bench.index.totals()["instances"] == 3)
    assert bench.index.made_anew == 1
    assert len(bench.examined) == 3
