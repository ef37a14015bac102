"""Orthanc's side of a transcoding, with a pool that answers as the test says."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from orthanc_transcoder import peek
from orthanc_transcoder.errors import PoolError
from orthanc_transcoder.model import Outcome, Report, Request, Rules
from orthanc_transcoder.originals import Originals, identifier
from orthanc_transcoder.payload import whole
from orthanc_transcoder.pool.jobs import Answer
from orthanc_transcoder.pool.supervisor import Pool
from orthanc_transcoder.service import TranscodingService
from tests.support.results import named_file
from tests.synthesis import Image, native_file

FILE = native_file(Image(rows=4, columns=4))
UID = peek.sop_instance_uid(memoryview(FILE))
J2K = "1.2.840.10008.1.2.4.90"
RESULT = named_file(J2K, UID)
NONE = Originals()
REQUEST = Request((J2K,))


class FakePool:
    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.header: dict[str, Any] = {}
        self.patient = False

    def run(
        self,
        header: dict[str, Any],
        payload: memoryview,
        seconds: float,
        conclude: Callable[[Answer], None],
        *,
        patient: bool = False,
        examine: Callable[[Answer], None],
        most: int,
    ) -> None:
        self.header = header
        self.patient = patient
        assert most >= len(payload)
        try:
            if self.answer.error is None:
                examine(self.answer)
        except PoolError as error:
            conclude(Answer(error=error))
        else:
            conclude(self.answer)


def service(
    answer: Answer, originals: Originals = NONE, *, drops: bool = False
) -> tuple[TranscodingService, list[tuple[int, Report]]]:
    remembered: list[tuple[int, Report]] = []
    made = TranscodingService(
        cast(Pool, FakePool(answer)),
        Rules(),
        10,
        lambda thread, report: remembered.append((thread, report)),
        originals,
        drops=drops,
    )
    return made, remembered


def pool_of(made: TranscodingService) -> FakePool:
    return cast(FakePool, made._pool)


def answer(outcome: Outcome, payload: bytes = b"") -> Answer:
    report = Report(outcome, sop_instance_uid=UID, source_bytes=100, result_bytes=len(payload))
    if outcome is Outcome.TRANSCODED:
        report = replace(report, target_syntax=J2K, result_sop_instance_uid=UID)
    if outcome is Outcome.KEPT:
        report = replace(report, source_syntax=peek.transfer_syntax(memoryview(FILE)))
    return Answer({"report": report.to_json()}, bytearray(payload))


def ask(made: TranscodingService, request: Request = REQUEST) -> bytes | None:
    result = made.transcode(memoryview(FILE), request)
    return None if result is None else bytes(whole(result))


def test_a_result_is_handed_over_and_counted() -> None:
    made, remembered = service(answer(Outcome.TRANSCODED, RESULT))
    assert ask(made) == RESULT
    counters = {"transcoded": 1, "source_bytes": 100, "result_bytes": len(RESULT)}
    assert made.counters == counters
    ((thread, report),) = remembered
    assert thread == threading.get_ident()
    assert report.outcome is Outcome.TRANSCODED


def test_what_is_kept_is_handed_back() -> None:
    native = Request((J2K, peek.transfer_syntax(memoryview(FILE))))
    assert ask(service(answer(Outcome.KEPT))[0], native) == FILE


@pytest.mark.parametrize("outcome", [Outcome.DECLINED, Outcome.FAILED])
def test_what_is_declined_is_left_to_orthanc(outcome: Outcome) -> None:
    made, _ = service(answer(outcome))
    assert ask(made) is None
    assert made.counters == {str(outcome): 1}


@pytest.mark.parametrize("outcome", [Outcome.DECLINED, Outcome.FAILED])
def test_what_newer_orthancs_leave_out_of_archives_is_an_error_in_the_log(
    outcome: Outcome, caplog: pytest.LogCaptureFixture
) -> None:
    """Never the original: it would be served elsewhere as what was asked for."""
    made, _ = service(answer(outcome), drops=True)
    assert ask(made) is None
    assert made.counters["unanswered"] == 1
    assert any(record.levelname == "ERROR" for record in caplog.records)


@pytest.mark.parametrize(("ingest", "patient"), [(J2K, False), ("", True)])
def test_what_may_pass_is_waited_for_but_not_at_ingest(ingest: str, patient: bool) -> None:
    made, _ = service(answer(Outcome.FAILED), Originals(ingest=ingest), drops=True)
    ask(made)
    assert pool_of(made).patient is patient
    assert made.counters.get("unanswered", 0) == patient
    assert pool_of(made).header["relabel"] is True
    older, _ = service(answer(Outcome.FAILED), Originals(ingest=ingest))
    ask(older)
    assert pool_of(older).header["relabel"] is patient
    assert pool_of(older).patient is False


@pytest.mark.parametrize(
    ("originals", "replaces"),
    [
        (Originals(), False),
        (Originals(ingest=J2K), True),
        (Originals(ingest=J2K, is_stored=lambda _: True), True),  # a worker knows the file first
        (Originals(ingest="1.2.840.10008.1.2.4.70"), False),
        (Originals(moved=J2K), True),
    ],
)
def test_a_worker_is_told_what_may_replace_an_original(
    originals: Originals, replaces: bool
) -> None:
    made, _ = service(answer(Outcome.TRANSCODED, RESULT), originals)
    ask(made)
    assert pool_of(made).header["replaces"] is replaces


DOUBT = {"sign_disagrees": "Two readings."}


@pytest.mark.parametrize(
    ("originals", "replaced"),
    [
        (Originals(), False),
        (Originals(ingest=J2K), True),
        (Originals(ingest=J2K, is_stored=lambda identifier: identifier == "a"), False),
        (Originals(ingest=J2K, is_stored=lambda identifier: identifier == "b"), True),
        (Originals(ingest=J2K, overwrites=True, is_stored=lambda _: True), True),
        (Originals(ingest="1.2.840.10008.1.2.4.70"), False),
        (Originals(moved=J2K), True),
    ],
)
def test_a_doubtful_result_takes_no_originals_place(originals: Originals, replaced: bool) -> None:
    report = Report(
        Outcome.TRANSCODED, target_syntax=J2K, doubts=DOUBT, instance="a",
        result_bytes=len(RESULT), result_sop_instance_uid=UID,
    )  # fmt: skip
    made, remembered = service(Answer({"report": report.to_json()}, bytearray(RESULT)), originals)
    assert ask(made) == (None if replaced else RESULT)
    kept = remembered[0][1]
    assert kept.outcome is (Outcome.DECLINED if replaced else Outcome.TRANSCODED)
    assert kept.code == ("sign_disagrees" if replaced else "")
    assert kept.doubts == DOUBT
    assert made.counters.get("in_doubt", 0) == (not replaced)


@pytest.mark.parametrize(
    ("originals", "kept"),
    [
        (Originals(ingest=J2K), True),
        (Originals(), False),
        (Originals(moved=J2K), False),
        (Originals(ingest=J2K, is_stored=lambda _: True), False),
    ],
)
def test_a_result_that_is_larger_is_kept_back_at_ingest_alone(
    originals: Originals, kept: bool
) -> None:
    report = Report(
        Outcome.TRANSCODED, source_syntax="1.2.840.10008.1.2.4.50", target_syntax=J2K,
        source_bytes=100, result_bytes=len(RESULT), frames=1, result_sop_instance_uid=UID,
    )  # fmt: skip
    made, remembered = service(Answer({"report": report.to_json()}, bytearray(RESULT)), originals)
    assert ask(made) == (None if kept else RESULT)
    assert remembered[0][1].code == ("not_smaller" if kept else "")


def test_the_identifier_is_orthancs() -> None:
    """As Orthanc's own documentation of its identifiers computes it."""
    digest = hashlib.sha1(b"P|1.2|1.2.3|1.2.3.4", usedforsecurity=False).hexdigest()
    found = identifier("P", "1.2", "1.2.3", "1.2.3.4")
    assert found.replace("-", "") == digest
    assert [len(part) for part in found.split("-")] == [8] * 5


def test_a_dead_worker_is_reported_with_the_instance(caplog: pytest.LogCaptureFixture) -> None:
    made, remembered = service(Answer(error=PoolError("worker_died", "it was ended by SIGSEGV")))
    assert ask(made) is None
    report = remembered[0][1]
    assert (report.outcome, report.code) == (Outcome.FAILED, "worker_died")
    assert report.sop_instance_uid
    assert f"{report.sop_instance_uid} failed (worker_died): it was ended by SIGSEGV" in caplog.text


def test_an_odd_report_is_a_broken_worker() -> None:
    made, remembered = service(Answer({"report": {"outcome": "nonsense"}}))
    assert ask(made) is None
    assert remembered[0][1].code == "worker_broken"


def test_the_deadline_grows_with_the_file() -> None:
    made, _ = service(answer(Outcome.KEPT))
    assert made.seconds(0) == 10
    assert made.seconds(400_000_000) == 110
