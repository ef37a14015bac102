"""The pool's promises, with workers that are threads' work of the test."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from orthanc_transcoder.errors import PoolError
from orthanc_transcoder.pool.supervisor import Answer, Pool


class FakeWorker:
    """Answers at once; dies or blocks where the job says so."""

    count = 0

    def __init__(self) -> None:
        FakeWorker.count += 1
        self.pid = FakeWorker.count
        self.hello: dict[str, Any] = {"version": "x"}
        self.dead = threading.Event()

    def alive(self) -> bool:
        return not self.dead.is_set()

    def ask(
        self, header: dict[str, Any], payload: memoryview, deadline: float
    ) -> tuple[dict[str, Any], bytearray]:
        if header.get("do") == "die":
            self.dead.set()
            raise PoolError("worker_died", "it died")
        if header.get("do") == "block":
            self.dead.wait(30)
            raise PoolError("worker_died", "it was killed")
        return {"pid": self.pid}, bytearray(payload)

    def end(self) -> None:
        self.dead.set()

    def kill(self) -> None:
        self.dead.set()


def ask(pool: Pool, **header: Any) -> Answer:
    answers: list[Answer] = []
    pool.run(header, memoryview(b"data"), 5, answers.append)
    (answer,) = answers
    return answer


@pytest.fixture
def make_pool() -> Iterator[Callable[..., Pool]]:
    pools = []

    def make(launch: Callable[[], FakeWorker] = FakeWorker, size: int = 1) -> Pool:
        pools.append(Pool(launch, size))
        return pools[-1]

    yield make
    for pool in pools:
        pool.stop()


MakePool = Callable[..., Pool]


def test_a_job_is_answered(make_pool: MakePool) -> None:
    answer = ask(make_pool())
    assert answer.error is None
    assert answer.payload == b"data"


def test_a_worker_that_dies_fails_its_own_job_and_is_replaced(make_pool: MakePool) -> None:
    pool = make_pool()
    first = ask(pool).header["pid"]
    error = ask(pool, do="die").error
    assert error is not None
    assert error.code == "worker_died"
    assert ask(pool).header["pid"] != first
    assert pool.state().deaths == 1


def test_a_worker_that_died_idle_costs_no_job(make_pool: MakePool) -> None:
    workers: list[FakeWorker] = []

    def launch() -> FakeWorker:
        workers.append(FakeWorker())
        return workers[-1]

    pool = make_pool(launch)
    assert ask(pool).error is None
    workers[-1].kill()
    assert ask(pool).error is None
    assert len(workers) == 2
    assert pool.state().deaths == 1


def test_jobs_run_at_once_as_many_as_workers(make_pool: MakePool) -> None:
    pool = make_pool(size=3)
    blocked = [threading.Thread(target=lambda: ask(pool, do="block")) for _ in range(2)]
    for thread in blocked:
        thread.start()
    assert ask(pool).error is None
    assert wait_until(lambda: pool.state().busy == 2)
    pool.stop()
    for thread in blocked:
        thread.join()


def test_workers_that_cannot_start_fail_jobs_at_once_and_are_tried_again(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orthanc_transcoder.pool.supervisor._FIRST_PAUSE", 0.3)
    attempts = 0

    def launch() -> FakeWorker:
        nonlocal attempts
        attempts += 1
        if attempts <= 1:
            raise PoolError("workers_unavailable", "no such interpreter")
        return FakeWorker()

    pool = make_pool(launch)
    error = ask(pool).error
    assert error is not None
    assert (error.code, error.reason) == ("workers_unavailable", "no such interpreter")
    assert pool.state().unavailable == "no such interpreter"
    assert attempts == 1
    time.sleep(0.35)
    assert ask(pool).error is None
    assert pool.state().unavailable == ""


def test_stopping_fails_what_runs_and_what_waits(make_pool: MakePool) -> None:
    pool = make_pool()
    answers: list[Answer] = []
    threads = [
        threading.Thread(target=lambda: answers.append(ask(pool, do="block"))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    assert wait_until(lambda: pool.state().busy == 1 and pool.state().waiting == 2)
    pool.stop()
    for thread in threads:
        thread.join(10)
    assert sorted(answer.error.code for answer in answers if answer.error) == [
        "stopping",
        "stopping",
        "worker_died",
    ]


def test_a_conclusion_that_raises_releases_the_caller_and_spares_the_pool(
    make_pool: MakePool, caplog: pytest.LogCaptureFixture
) -> None:
    pool = make_pool()

    def conclude(_: Answer) -> None:
        raise RuntimeError("conclusion")

    pool.run({}, memoryview(b""), 5, conclude)
    assert ask(pool).error is None
    assert "internal error" in caplog.text


def test_a_file_that_no_message_can_hold_fails_at_once(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orthanc_transcoder.pool.supervisor.MAX_PAYLOAD_BYTES", 3)
    error = ask(make_pool()).error
    assert error is not None
    assert error.code == "file_too_large"


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False
