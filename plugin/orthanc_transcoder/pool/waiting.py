"""Jobs that wait for workers: in order, up to a limit and a deadline.

- A job goes straight to an idle worker, to the most specialised that takes its
  lane; else it waits. A worker that becomes free takes the most urgent lane's
  oldest job among those that it serves.
- What comes when the limit is reached (but for a job that is ``patient``), or waits
  longer than allowed, is refused:
  the watcher (``refused``) concludes it, so that the caller's thread, which may
  have hardly any stack, does nothing but wait.
- Where no worker can be had, what waits and what comes is refused, too (``refuse_lanes``).
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ..errors import PoolError
from .jobs import Job, Lane


class Patience(NamedTuple):
    """How much may wait, and how long.

    Attributes
    ----------
    jobs
        Of one lane that may wait at once.
    seconds
        That a job may wait before a worker takes it.
    """

    jobs: int = 1000
    seconds: float = 300.0


class Refused(NamedTuple):
    """A job that no worker will do."""

    job: Job
    error: PoolError


class Seat:
    """A worker's place in the queue."""

    def __init__(self, lanes: Iterable[Lane]) -> None:
        self.lanes = frozenset(lanes)
        self.job: Job | None = None
        self.called = threading.Lock()
        self.called.acquire()


class Queue:
    """Jobs and idle workers; every method may be called from any thread."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._lock = threading.Lock()
        self._news = threading.Condition(self._lock)  # for the watcher alone
        self._lanes: dict[Lane, deque[Job]] = {lane: deque() for lane in Lane}
        self._idle: list[Seat] = []
        self._refused: deque[Refused] = deque()
        self._unserved: Mapping[Lane, PoolError] = {}
        self._closed = False

    def put(self, job: Job) -> None:
        """Hand a job to an idle worker, let it wait, or refuse it.

        Raises
        ------
        PoolError
            If the queue is closed.
        """
        with self._lock:
            self._check_open()
            if seat := self._idle_for(job.lane):
                self._idle.remove(seat)
                seat.job = job
                seat.called.release()
            elif error := self._unserved.get(job.lane):
                self._refuse(job, error)
            elif len(self._lanes[job.lane]) >= self._patience.jobs and not job.patient:
                text = f"{self._patience.jobs} others wait already, as many as QueueLimit allows"
                self._refuse(job, PoolError("overloaded", text))
            else:
                self._lanes[job.lane].append(job)
                self._news.notify()

    def take(self, seat: Seat, seconds: float) -> Job | None:
        """The next job for a worker, or None if there is none within so many seconds."""
        with self._lock:
            if job := self._next(seat.lanes):
                return job
            if self._closed:
                return None
            self._idle.append(seat)
        if not seat.called.acquire(timeout=seconds):
            with self._lock:
                if seat in self._idle:
                    self._idle.remove(seat)
                    return None
            seat.called.acquire()  # called at the last moment
        job, seat.job = seat.job, None
        return job

    def refused(self, seconds: float) -> Refused | None:
        """Wait so long for the next job that is refused; None if there is none."""
        end = time.monotonic() + seconds
        with self._news:
            while True:
                self._refuse_overdue()
                if self._refused:
                    return self._refused.popleft()
                left = end - time.monotonic()
                if self._closed or left <= 0:
                    return None
                self._news.wait(min(left, self._until_next_overdue()))

    def refuse_lanes(self, errors: Mapping[Lane, PoolError]) -> None:
        """Refuse what waits in these lanes, and what comes, until this is called again."""
        with self._lock:
            self._unserved = errors
            for lane, error in errors.items():
                for job in self._lanes[lane]:
                    self._refuse(job, error)
                self._lanes[lane].clear()

    def close(self) -> None:
        """Refuse what waits and what comes; wake the idle workers."""
        with self._lock:
            self._closed = True
            for waiting in self._lanes.values():
                for job in waiting:
                    self._refuse(job, PoolError("stopping", "Orthanc is shutting down"))
                waiting.clear()
            for seat in self._idle:
                seat.called.release()
            self._idle.clear()
            self._news.notify()

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._closed

    @property
    def over(self) -> bool:
        """Whether it is closed, and all that was refused was taken by the watcher."""
        with self._lock:
            return self._closed and not self._refused

    def waiting(self) -> dict[Lane, int]:
        """How many jobs wait, by lane."""
        with self._lock:
            return {lane: len(jobs) for lane, jobs in self._lanes.items()}

    def spare(self, lane: Lane) -> int:
        """How many workers of a lane have nothing to do."""
        with self._lock:
            return sum(lane in seat.lanes for seat in self._idle)

    def _idle_for(self, lane: Lane) -> Seat | None:
        """The most specialised idle worker; among equals, the last one that worked."""
        suitable = [seat for seat in reversed(self._idle) if lane in seat.lanes]
        return min(suitable, key=lambda seat: len(seat.lanes), default=None)

    def _next(self, lanes: frozenset[Lane]) -> Job | None:
        for lane in sorted(lanes):
            if self._lanes[lane]:
                return self._lanes[lane].popleft()
        return None

    def refuse(self, job: Job, error: PoolError) -> None:
        """Have the watcher tell a job's caller that nobody will do it; raises like ``put``."""
        with self._lock:
            self._check_open()
            self._refuse(job, error)

    def _check_open(self) -> None:
        if self._closed:
            raise PoolError("stopping", "Orthanc is shutting down")

    def _refuse(self, job: Job, error: PoolError) -> None:
        self._refused.append(Refused(job, error))
        self._news.notify()

    def _refuse_overdue(self) -> None:
        oldest = time.monotonic() - self._patience.seconds
        for waiting in self._lanes.values():
            while waiting and waiting[0].arrived <= oldest:
                text = f"no worker was free within {self._patience.seconds:g} s (QueueSeconds)"
                self._refuse(waiting.popleft(), PoolError("overloaded", text))

    def _until_next_overdue(self) -> float:
        oldest = [waiting[0].arrived for waiting in self._lanes.values() if waiting]
        if not oldest:
            return math.inf
        return max(0.0, min(oldest) + self._patience.seconds - time.monotonic())
