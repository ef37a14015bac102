"""The pool's promises, with workers that are threads' work of the test."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest

from orthanc_transcoder.errors import PoolError
from orthanc_transcoder.pool.jobs import Answer, Lane
from orthanc_transcoder.pool.slot import Slot
from orthanc_transcoder.pool.supervisor import Pool
from orthanc_transcoder.pool.waiting import Patience
from orthanc_transcoder.problems import Problems
from orthanc_transcoder.threads import Keeper


class FakeWorker:
    """Answers at once; dies or blocks where the job says so."""

    count = 0
    asked: ClassVar[list[dict[str, Any]]] = []

    def __init__(self, nice: int = 0) -> None:
        self.nice = nice
        FakeWorker.count += 1
        self.pid = FakeWorker.count
        self.hello: dict[str, Any] = {"version": "x"}
        self.dead = threading.Event()
        self.chatty = False

    def alive(self) -> bool:
        return not self.dead.is_set()

    def is_quiet(self) -> bool:
        return not self.chatty

    def ask(
        self, header: dict[str, Any], payload: memoryview, deadline: float, most: int
    ) -> tuple[dict[str, Any], bytearray]:
        self.asked.append(header)
        if header.get("do") == "retire":
            return {"retired": "too much memory"}, bytearray()
        if header.get("do") == "killed":
            self.dead.set()
            raise PoolError("worker_killed", "it was ended by SIGKILL")
        if header.get("do") == "raise":
            raise RecursionError("deep")
        if header.get("do") == "no_memory":
            raise PoolError("no_memory", "there is none")
        if header.get("do") == "die":
            self.dead.set()
            raise PoolError("worker_died", "it died")
        if header.get("do") == "block":
            self.dead.wait(30)
            raise PoolError("worker_died", "it was killed")
        return {"pid": self.pid, "nice": self.nice, "threads": header["threads"]}, bytearray(
            payload
        )

    def end(self) -> None:
        self.dead.set()

    def kill(self) -> None:
        self.dead.set()


def ask(pool: Pool, lane: Lane = Lane.BULK, **header: Any) -> Answer:
    answers: list[Answer] = []
    pool.run(header, memoryview(b"data"), 5, answers.append, lane)
    (answer,) = answers
    return answer


@pytest.fixture
def make_pool() -> Iterator[Callable[..., Pool]]:
    pools = []

    def make(
        launch: Callable[[int], FakeWorker] = FakeWorker,
        size: int = 1,
        patience: Patience = Patience(),  # noqa: B008  a tuple
        **options: Any,
    ) -> Pool:
        pools.append(Pool(launch, size, patience, **options))
        return pools[-1]

    yield make
    for pool in pools:
        pool.stop()


MakePool = Callable[..., Pool]


def test_a_job_is_answered(make_pool: MakePool) -> None:
    answer = ask(make_pool())
    assert answer.error is None
    assert answer.payload == bytearray(b"data")


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

    def launch(_: int) -> FakeWorker:
        workers.append(FakeWorker())
        return workers[-1]

    pool = make_pool(launch)
    assert wait_until(lambda: pool.state().alive == 2)
    for worker in workers[:]:
        worker.kill()
    assert wait_until(lambda: pool.state().alive == 2)  # without a job
    assert len(workers) == 4
    assert ask(pool).error is None
    assert pool.state().deaths == 2


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
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("orthanc_transcoder.pool.starts._FIRST_PAUSE", 1.5)
    attempts = 0
    mended = threading.Event()

    def launch(_: int) -> FakeWorker:
        nonlocal attempts
        attempts += 1
        if not mended.is_set():
            raise PoolError("workers_unavailable", "no such interpreter")
        return FakeWorker()

    pool = make_pool(launch)
    error = ask(pool).error
    assert error is not None
    assert (error.code, error.reason) == ("workers_unavailable", "no such interpreter")
    assert pool.state().unavailable == "no such interpreter"
    assert attempts <= 2  # the worker, and the one for interactive work
    mended.set()
    assert caplog.text.count("no codecs") == 1
    assert wait_until(lambda: pool.state().unavailable == "")  # without a job
    assert ask(pool).error is None


def test_a_worker_that_is_killed_while_it_starts_is_started_again_at_once(
    make_pool: MakePool, caplog: pytest.LogCaptureFixture
) -> None:
    attempts = 0

    def launch(_: int) -> FakeWorker:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise PoolError("worker_killed", "it was ended by SIGKILL")
        return FakeWorker()

    pool = make_pool(launch)
    assert ask(pool).error is None
    assert wait_until(lambda: pool.state().alive == 2)
    assert attempts == 3
    assert "no codecs" not in caplog.text
    assert "another is started" in caplog.text


def test_workers_that_are_all_killed_while_they_start_fail_jobs(make_pool: MakePool) -> None:
    def launch(_: int) -> FakeWorker:
        raise PoolError("worker_killed", "it was ended by SIGKILL")

    pool = make_pool(launch)
    assert code(ask(pool)) == "workers_unavailable"
    assert pool.state().killers == 0
    assert pool.state().unavailable == "it was ended by SIGKILL"


def test_a_slot_without_a_worker_takes_no_jobs_from_those_that_have_one(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orthanc_transcoder.pool.slot._WATCH_SECONDS", 0.05)
    workers: list[FakeWorker] = []

    def launch(_: int) -> FakeWorker:
        if len(workers) == 3:
            raise PoolError("workers_unavailable", "no memory for another interpreter")
        workers.append(FakeWorker())
        return workers[-1]

    pool = make_pool(launch, size=2)
    assert wait_until(lambda: pool.state().alive == 3)
    busy = ask(pool).header["pid"]
    next(worker for worker in workers if worker.pid == busy).kill()
    assert wait_until(lambda: pool.state().unavailable != "")
    for lane in (Lane.BULK, Lane.INTERACTIVE) * 10:
        assert ask(pool, lane).error is None
    # Where no other serves its lanes, a slot says why.
    for worker in workers:
        worker.kill()
    assert wait_until(lambda: pool.state().alive == 0)
    assert wait_until(lambda: code(ask(pool)) == "workers_unavailable")


def test_what_escapes_a_slot_fails_its_job_at_once_and_ends_no_thread(
    make_pool: MakePool, caplog: pytest.LogCaptureFixture
) -> None:
    problems = Problems()
    pool = make_pool(keeper=Keeper(problems))
    answer = ask(pool, do="raise")
    assert answer.error is not None
    assert (answer.error.code, answer.error.reason) == ("internal_error", "RecursionError: deep")
    assert wait_until(lambda: bool(problems.standing()))
    assert "worker-0 backs off" in str(problems.standing()[0]["sentence"])
    assert wait_until(lambda: "the thread worker-0 backs off" in caplog.text)
    assert ask(pool).error is None
    assert wait_until(lambda: not problems.standing())
    assert pool.state().deaths == 1  # nobody knows what that worker says next


def test_a_launch_that_raises_what_it_should_not_ends_no_thread(make_pool: MakePool) -> None:
    attempts = 0

    def launch(_: int) -> FakeWorker:
        nonlocal attempts
        attempts += 1
        if attempts <= 2:
            raise OSError(24, "Too many open files")
        return FakeWorker()

    pool = make_pool(launch)
    assert wait_until(lambda: "Too many open files" in pool.state().unavailable)
    assert wait_until(lambda: pool.state().alive == 2)
    assert ask(pool).error is None
    assert pool.state().unavailable == ""


def test_without_a_worker_for_some_time_what_waits_and_what_comes_is_answered(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where every slot is stuck, and none takes the job."""
    monkeypatch.setattr("orthanc_transcoder.pool.supervisor._HOPELESS_SECONDS", 1.0)
    monkeypatch.setattr("orthanc_transcoder.pool.supervisor._WATCH_SECONDS", 0.1)
    mended = threading.Event()

    def turn(slot: Slot) -> bool:
        if mended.is_set():
            return honest(slot)
        raise RuntimeError("stuck")

    honest = Slot._turn
    monkeypatch.setattr(Slot, "_turn", turn)
    pool = make_pool()
    started = time.monotonic()
    assert code(ask(pool)) == "workers_unavailable"
    assert 0.9 < time.monotonic() - started < 5
    started = time.monotonic()
    assert code(ask(pool, Lane.INTERACTIVE)) == "workers_unavailable"
    assert time.monotonic() - started < 0.5
    assert pool.state().unavailable
    mended.set()
    assert wait_until(lambda: pool.state().alive == 2)
    assert wait_until(lambda: pool.state().unavailable == "")
    assert ask(pool).error is None


def test_a_slow_first_start_is_waited_for(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orthanc_transcoder.pool.supervisor._HOPELESS_SECONDS", 0.1)
    monkeypatch.setattr("orthanc_transcoder.pool.supervisor._WATCH_SECONDS", 0.05)

    def launch(_: int) -> FakeWorker:
        time.sleep(1)
        return FakeWorker()

    assert ask(make_pool(launch)).error is None


def test_what_comes_after_the_end_is_answered(make_pool: MakePool) -> None:
    pool = make_pool()
    pool.stop()
    assert code(ask(pool)) == "stopping"


def test_a_worker_that_speaks_unasked_is_replaced_and_its_successor_does_the_job(
    make_pool: MakePool,
) -> None:
    workers: list[FakeWorker] = []

    def launch(_: int) -> FakeWorker:
        workers.append(FakeWorker())
        return workers[-1]

    pool = make_pool(launch)
    assert wait_until(lambda: pool.state().alive == 2)
    for worker in workers[:]:
        worker.chatty = True
    answer = ask(pool)
    assert answer.error is None
    assert answer.header["pid"] in [worker.pid for worker in workers[2:]]
    assert pool.state().killers == 0


def test_an_answer_that_no_sound_worker_gives_costs_the_worker(make_pool: MakePool) -> None:
    pool = make_pool()
    first = ask(pool).header["pid"]
    answers: list[Answer] = []

    def examine(_: Answer) -> None:
        raise PoolError("worker_broken", "it is odd")

    pool.run({}, memoryview(b""), 5, answers.append, examine=examine)
    assert code(answers[0]) == "worker_broken"
    assert answers[0].header == {}
    assert pool.state().deaths == 1
    assert ask(pool).header["pid"] != first


def test_want_of_memory_here_is_not_the_files_fault(make_pool: MakePool) -> None:
    pool = make_pool()
    assert code(ask(pool, do="no_memory")) == "no_memory"
    assert pool.state().killers == 0


def test_stopping_fails_what_runs_and_what_waits(make_pool: MakePool) -> None:
    pool = make_pool()
    answers: list[Answer] = []
    threads = [
        threading.Thread(target=lambda: answers.append(ask(pool, do="block"))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    assert wait_until(lambda: pool.state().busy == 1 and pool.state().waiting["bulk"] == 2)
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


def test_a_file_that_ended_a_worker_is_declined_at_once(make_pool: MakePool) -> None:
    pool = make_pool()
    assert code(ask(pool, do="die")) == "worker_died"
    again = ask(pool, do="die", seconds=7)  # a circumstance makes no other job
    assert code(again) == "ended_a_worker"
    assert again.error is not None
    assert "it died" in again.error.reason
    assert ask(pool, do="something else").error is None
    state = pool.state()
    assert (state.deaths, state.killers, state.declined) == (1, 1, 1)


def test_what_ended_a_worker_long_ago_is_tried_again(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orthanc_transcoder.pool.killers._SECONDS", 0.0)
    pool = make_pool()
    assert code(ask(pool, do="die")) == "worker_died"
    assert code(ask(pool, do="die")) == "worker_died"


def test_only_so_many_files_are_remembered(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orthanc_transcoder.pool.killers._COUNT", 2)
    pool = make_pool()
    for number in range(3):
        ask(pool, do="die", number=number)
    assert pool.state().killers == 2
    assert code(ask(pool, do="die", number=0)) == "worker_died"
    assert code(ask(pool, do="die", number=2)) == "ended_a_worker"


def test_a_job_whose_worker_is_killed_from_outside_is_tried_once_more(
    make_pool: MakePool,
) -> None:
    pool = make_pool()
    FakeWorker.asked.clear()
    assert code(ask(pool, do="killed")) == "worker_killed"
    assert [header["do"] for header in FakeWorker.asked] == ["killed", "killed"]
    assert code(ask(pool, do="killed")) == "ended_a_worker"
    assert pool.state().deaths == 2


def test_a_worker_without_memory_is_replaced_and_its_job_remembered(make_pool: MakePool) -> None:
    pool = make_pool()
    first = ask(pool).header["pid"]
    assert code(ask(pool, do="retire")) == "out_of_memory"
    assert code(ask(pool, do="retire")) == "ended_a_worker"
    assert ask(pool).header["pid"] != first


def test_interactive_work_does_not_wait_for_bulk_work(make_pool: MakePool) -> None:
    pool = make_pool(size=1)
    bulk = threading.Thread(target=lambda: ask(pool, do="block"))
    bulk.start()
    assert wait_until(lambda: pool.state().busy == 1)
    assert ask(pool, Lane.INTERACTIVE).error is None
    pool.stop()
    bulk.join()


def test_background_work_has_a_worker_of_its_own_at_the_lowest_priority(
    make_pool: MakePool,
) -> None:
    pool = make_pool(background=True)
    assert ask(pool, Lane.BACKGROUND).header["nice"] == 19
    assert ask(pool, Lane.BULK).header["nice"] == 0


def test_what_comes_when_too_many_wait_is_refused_at_once(make_pool: MakePool) -> None:
    pool = make_pool(patience=Patience(jobs=1, seconds=60))
    blocked = [threading.Thread(target=lambda: ask(pool, do="block")) for _ in range(2)]
    for thread in blocked:
        thread.start()
        assert wait_until(lambda: pool.state().busy == 1)
    assert wait_until(lambda: pool.state().waiting["bulk"] == 1)
    assert code(ask(pool)) == "overloaded"
    assert pool.state().overloaded == 1
    pool.stop()
    for thread in blocked:
        thread.join()


def test_what_waits_too_long_is_refused(make_pool: MakePool) -> None:
    pool = make_pool(patience=Patience(jobs=10, seconds=0.2))
    blocked = threading.Thread(target=lambda: ask(pool, do="block"))
    blocked.start()
    assert wait_until(lambda: pool.state().busy == 1)
    refused = ask(pool)
    assert code(refused) == "overloaded"
    assert refused.error is not None
    assert "QueueSeconds" in refused.error.reason
    pool.stop()
    blocked.join()


def test_jobs_that_wait_are_done_in_order(make_pool: MakePool) -> None:
    gate, order = threading.Event(), []

    class Slow(FakeWorker):
        def ask(self, header: dict[str, Any], *_: Any) -> tuple[dict[str, Any], bytearray]:
            if header.get("do") == "block":
                gate.wait(30)
            order.append(header.get("number"))
            return {}, bytearray()

    pool = make_pool(Slow)
    callers = [threading.Thread(target=lambda: ask(pool, do="block"))]
    callers[0].start()
    assert wait_until(lambda: pool.state().busy == 1)
    for number in range(5):
        callers.append(threading.Thread(target=lambda n=number: ask(pool, number=n)))
        callers[-1].start()
        assert wait_until(lambda n=number: pool.state().waiting["bulk"] == n + 1)  # type: ignore[misc]
    gate.set()
    for caller in callers:
        caller.join()
    assert order == [None, 0, 1, 2, 3, 4]


def test_a_job_may_use_the_threads_of_idle_workers(make_pool: MakePool) -> None:
    pool = make_pool(size=3)
    assert wait_until(lambda: pool.state().alive == 4)
    time.sleep(0.05)  # until each waits for a job
    assert ask(pool).header["threads"] == 3
    blocked = threading.Thread(target=lambda: ask(pool, do="block"))
    blocked.start()
    assert wait_until(lambda: pool.state().busy == 1)
    assert wait_until(lambda: ask(pool).header["threads"] == 2)
    pool.stop()
    blocked.join()


def code(answer: Answer) -> str:
    assert answer.error is not None
    return answer.error.code


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False
