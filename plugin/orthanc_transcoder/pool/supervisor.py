"""The pool: jobs in a queue, and for each worker process a thread that watches it.

- One job per worker. The thread that watches a worker sends the job, waits
  within the deadline, and concludes the job whatever happened: a caller never
  waits for ever, and does nothing on its own (maybe tiny) stack.
- A worker that dies, hangs or breaks the protocol fails the job it had, is
  ended and replaced. A worker that died idle costs no job.
- Workers that cannot be started are tried again after a growing pause; jobs
  that come meanwhile fail at once, with the reason.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from .. import threads
from ..errors import PoolError
from .wire import MAX_PAYLOAD_BYTES

_log = logging.getLogger(__name__)

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0


class Worker(Protocol):
    """What the pool needs of a worker; ``process.WorkerProcess`` is the real one."""

    hello: dict[str, Any]

    @property
    def pid(self) -> int:
        """Process identifier."""

    def alive(self) -> bool:
        """Whether it still runs."""

    def ask(
        self, header: dict[str, Any], payload: memoryview, deadline: float
    ) -> tuple[dict[str, Any], bytearray]:
        """Do one job or raise ``PoolError``."""

    def end(self) -> None:
        """End it and wait until it is gone."""

    def kill(self) -> None:
        """End it from another thread."""


@dataclass(slots=True)
class Answer:
    """What a job gave: a message and its payload, or the error."""

    header: dict[str, Any] = field(default_factory=dict)
    payload: bytearray = field(default_factory=bytearray)
    error: PoolError | None = None


@dataclass(slots=True)
class _Job:
    header: dict[str, Any]
    payload: memoryview
    seconds: float
    conclude: Callable[[Answer], None]
    done: threading.Lock


@dataclass(frozen=True, slots=True)
class PoolState:
    """A snapshot for the status page."""

    size: int
    alive: int
    busy: int
    waiting: int
    deaths: int
    unavailable: str
    hello: dict[str, Any]


class Pool:
    """A fixed number of workers; ``run`` may be called from any thread."""

    def __init__(self, launch: Callable[[], Worker], size: int) -> None:
        self._launch = launch
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._stopping = False
        self._deaths = 0
        self._busy = 0
        self._pause = 0.0
        self._retry_at = 0.0
        self._unavailable = ""
        self._hello: dict[str, Any] = {}
        self._workers: dict[int, Worker] = {}
        self._threads = [
            threads.start(f"worker-{slot}", lambda slot=slot: self._serve(slot))  # type: ignore[misc]
            for slot in range(size)
        ]

    def run(
        self,
        header: dict[str, Any],
        payload: memoryview,
        seconds: float,
        conclude: Callable[[Answer], None],
    ) -> None:
        """Do one job; return when it is concluded.

        Parameters
        ----------
        payload
            Must stay valid until this returns.
        seconds
            Deadline, from the moment that a worker takes the job.
        conclude
            Called once, on a thread of the pool, with the answer.
        """
        if len(payload) > MAX_PAYLOAD_BYTES:
            conclude(Answer(error=PoolError("file_too_large", "The file is over 4 GiB.")))
            return
        done = threading.Lock()
        done.acquire()
        self._jobs.put(_Job(header, payload, seconds, conclude, done))
        done.acquire()

    def stop(self) -> None:
        """End the workers; jobs that run or wait fail."""
        with self._lock:
            self._stopping = True
            for worker in self._workers.values():
                worker.kill()
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def state(self) -> PoolState:
        """A snapshot."""
        with self._lock:
            return PoolState(
                size=len(self._threads),
                alive=sum(worker.alive() for worker in self._workers.values()),
                busy=self._busy,
                waiting=self._jobs.qsize(),
                deaths=self._deaths,
                unavailable=self._unavailable,
                hello=self._hello,
            )

    def _serve(self, slot: int) -> None:
        self._warm_up(slot)
        while self._do_next(slot):
            pass
        self._discard(slot)

    def _do_next(self, slot: int) -> bool:
        """Wait for a job and do it; false at the end.

        A method of its own: an idle thread's variables would keep the last
        file and its result in memory.
        """
        job = self._jobs.get()
        if job is None:
            return False
        with self._lock:
            self._busy += 1
        answer = Answer(error=PoolError("internal", "the job was not attempted"))
        try:
            answer = self._attempt(slot, job)
        finally:
            self._conclude(job, answer)
        return True

    def _warm_up(self, slot: int) -> None:
        """Start the worker ahead of the first job."""
        # A failure is logged where it arises, and told to each job.
        with contextlib.suppress(PoolError):
            self._worker(slot)

    def _attempt(self, slot: int, job: _Job) -> Answer:
        try:
            worker = self._worker(slot)
            deadline = time.monotonic() + job.seconds
            header, payload = worker.ask(job.header, job.payload, deadline)
        except PoolError as error:
            if error.code != "workers_unavailable":
                self._discard(slot)
                self._count_death()
            return Answer(error=error)
        return Answer(header, payload)

    def _conclude(self, job: _Job, answer: Answer) -> None:
        try:
            job.conclude(answer)
        except Exception:  # noqa: BLE001
            # The caller must be released, and this thread must live on.
            _log.exception("internal error while concluding a job")
        finally:
            with self._lock:
                self._busy -= 1
            job.done.release()

    def _worker(self, slot: int) -> Worker:
        """The slot's worker, started if there is none.

        Raises
        ------
        PoolError
            ``workers_unavailable`` or ``stopping``.
        """
        worker = self._workers.get(slot)
        if worker is not None and worker.alive():
            return worker
        if worker is not None:
            _log.warning("worker %d died while idle; it is replaced", worker.pid)
            self._discard(slot)
            self._count_death()
        self._check_may_start()
        try:
            worker = self._launch()
        except PoolError as error:
            self._start_failed(error)
            raise
        self._start_succeeded(slot, worker)
        return worker

    def _check_may_start(self) -> None:
        with self._lock:
            if self._stopping:
                raise PoolError("stopping", "Orthanc is shutting down")
            if self._unavailable and time.monotonic() < self._retry_at:
                raise PoolError("workers_unavailable", self._unavailable)

    def _start_failed(self, error: PoolError) -> None:
        with self._lock:
            if self._stopping:
                return
            self._pause = min(max(_FIRST_PAUSE, self._pause * 2), _LONGEST_PAUSE)
            self._retry_at = time.monotonic() + self._pause
            self._unavailable = error.reason
            pause = self._pause
        _log.error("no codecs: %s; tried again in %d s at the earliest", error.reason, pause)

    def _start_succeeded(self, slot: int, worker: Worker) -> None:
        with self._lock:
            self._pause = 0.0
            self._unavailable = ""
            self._hello = worker.hello
            self._workers[slot] = worker
            if self._stopping:
                worker.kill()

    def _discard(self, slot: int) -> None:
        with self._lock:
            worker = self._workers.pop(slot, None)
        if worker is not None:
            worker.end()

    def _count_death(self) -> None:
        with self._lock:
            self._deaths += 1
