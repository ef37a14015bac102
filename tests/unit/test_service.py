"""Orthanc's side of a transcoding, with a pool that answers as the test says."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, cast

import pytest

from orthanc_transcoder.errors import PoolError
from orthanc_transcoder.model import Outcome, Report, Request, Rules
from orthanc_transcoder.payload import whole
from orthanc_transcoder.pool.jobs import Answer
from orthanc_transcoder.pool.supervisor import Pool
from orthanc_transcoder.service import Ingests, TranscodingService
from tests.synthesis import Image, native_file

FILE = native_file(Image(rows=4, columns=4))


class FakePool:
    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.header: dict[str, Any] = {}

    def run(
        self,
        header: dict[str, Any],
        payload: memoryview,
        seconds: float,
        conclude: Callable[[Answer], None],
    ) -> None:
        self.header = header
        conclude(self.answer)


def service(
    answer: Answer, ingests: Ingests | None = None
) -> tuple[TranscodingService, list[tuple[int, Report]]]:
    remembered: list[tuple[int, Report]] = []
    made = TranscodingService(
        cast(Pool, FakePool(answer)),
        Rules(),
        10,
        lambda thread, report: remembered.append((thread, report)),
        ingests,
    )
    return made, remembered


def answer(outcome: Outcome, payload: bytes = b"") -> Answer:
    report = Report(outcome, sop_instance_uid="1.2", source_bytes=100, result_bytes=len(payload))
    return Answer({"report": report.to_json()}, bytearray(payload))


def ask(made: TranscodingService) -> bytes | None:
    result = made.transcode(memoryview(FILE), Request(("1.2.840.10008.1.2.4.90",)))
    return None if result is None else bytes(whole(result))


def test_a_result_is_handed_over_and_counted() -> None:
    made, remembered = service(answer(Outcome.TRANSCODED, b"result"))
    assert ask(made) == b"result"
    assert made.counters == {"transcoded": 1, "source_bytes": 100, "result_bytes": 6}
    ((thread, report),) = remembered
    assert thread == threading.get_ident()
    assert report.outcome is Outcome.TRANSCODED


def test_what_is_kept_is_handed_back() -> None:
    assert ask(service(answer(Outcome.KEPT))[0]) == FILE


@pytest.mark.parametrize("outcome", [Outcome.DECLINED, Outcome.FAILED])
def test_what_is_declined_is_left_to_orthanc(outcome: Outcome) -> None:
    made, _ = service(answer(outcome))
    assert ask(made) is None
    assert made.counters == {str(outcome): 1}


@pytest.mark.parametrize("outcome", [Outcome.DECLINED, Outcome.FAILED])
def test_newer_orthancs_get_the_original_back(outcome: Outcome) -> None:
    """They would leave it out of archives."""
    made, remembered = service(answer(outcome), Ingests(lambda _: True))
    assert ask(made) == FILE
    assert remembered[0][1].outcome is outcome


@pytest.mark.parametrize("outcome", [Outcome.DECLINED, Outcome.FAILED])
def test_but_not_at_ingest(outcome: Outcome) -> None:
    """There they store what they were sent, byte for byte."""
    ingests = Ingests(lambda _: True)
    made, _ = service(answer(outcome), ingests)
    ingests.expect(memoryview(FILE))
    assert ask(made) is None
    assert ask(made) == FILE  # the next time, it is something else


def test_an_ingest_is_of_one_thread_and_one_instance() -> None:
    ingests = Ingests(lambda syntax: syntax == "1.2.840.10008.1.2.1")
    other = native_file(Image(rows=4, columns=4))
    ingests.expect(memoryview(FILE))
    assert not ingests.take(memoryview(other))
    ingests.expect(memoryview(FILE))
    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(ingests.take(memoryview(FILE))))
    thread.start()
    thread.join()
    assert found == [False]
    assert ingests.take(memoryview(FILE))
    ingests = Ingests(lambda _: False)
    ingests.expect(memoryview(FILE))
    assert not ingests.take(memoryview(FILE))


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
