"""One worker's place in the pool, and the thread that watches it.

- The thread sends the job, waits within the deadline, and concludes the job
  whatever happened: a caller never waits for ever.
- A worker that dies, hangs, breaks the protocol or answers what no sound one would
  fails the job it had, is ended and replaced, and its job is remembered (see
  ``killers``). One that was killed from outside, or for want of memory, had no fault
  to be shown: its job is tried once more.
- A worker that died idle costs no job: it is replaced within a second. Nor does one
  that speaks unasked, before it is sent a job: that goes to its successor.
- A slot that cannot start a worker takes no jobs from those that have one; where
  none has, it fails them with the reason.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable

from ..errors import PoolError
from ..threads import Keeper
from .jobs import Answer, Job, Lane
from .killers import Killers
from .starts import Starts, Worker
from .waiting import Queue, Seat

_log = logging.getLogger(__name__)

_WATCH_SECONDS = 1.0
# Errors that leave the worker as it was.
_HARMLESS = frozenset(("workers_unavailable", "stopping", "no_memory"))


class Slot:
    """Does jobs of some lanes, one at a time, until the queue is closed.

    Parameters
    ----------
    covered
        Whether other slots that have a worker serve all lanes of this one.
    wait
        As ``Keeper.keep`` has it.
    """

    def __init__(
        self,
        name: str,
        lanes: Iterable[Lane],
        queue: Queue,
        starts: Starts,
        killers: Killers,
        covered: Callable[[Slot], bool],
        keeper: Keeper,
        wait: Callable[[float], bool],
        nice: int = 0,
    ) -> None:
        self._seat = Seat(lanes)
        self._bench = Seat(())  # no job is called here
        self._covered = covered
        self._queue, self._starts, self._killers = queue, starts, killers
        self._nice = nice
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self.busy = False
        self.deaths = 0
        self._thread = keeper.keep(name, self._turn, wait)

    def alive(self) -> bool:
        """Whether there is a worker that runs."""
        with self._lock:
            return self._worker is not None and self._worker.alive()

    def kill(self) -> None:
        """End the worker, whatever it does; for the end of the pool."""
        with self._lock:
            if self._worker is not None:
                self._worker.kill()

    def join(self) -> None:
        """Wait for the thread's end, once the queue is closed."""
        self._thread.join()
        self._discard()

    @property
    def lanes(self) -> frozenset[Lane]:
        """What it serves."""
        return self._seat.lanes

    def _turn(self) -> bool:
        if self._queue.closed:
            return False
        if self._warm_up() or not self._covered(self):
            self._do_next()
        else:
            self._queue.take(self._bench, _WATCH_SECONDS)
        return True

    def _warm_up(self) -> bool:
        """See to a worker ahead of the next job; gives whether there is one."""
        # A failure is logged where it arises, and told to each job.
        with contextlib.suppress(PoolError):
            self._living()
            return True
        return False

    def _do_next(self) -> None:
        """Wait for a job and do it.

        A method of its own: an idle thread's variables would keep the last
        file and its result in memory.
        """
        job = self._queue.take(self._seat, _WATCH_SECONDS)
        if job is None:
            return
        self.busy = True
        answer = Answer()
        try:
            answer = self._attempt(job)
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
            answer = Answer(error=PoolError("internal_error", text))
            raise
        finally:
            self.busy = False
            conclude(job, answer)

    def _attempt(self, job: Job) -> Answer:
        try:
            self._killers.check(job)
            return self._ask(job)
        except PoolError as error:
            if error.code != "worker_killed" or self._starts.stopping:
                return Answer(error=error)
        try:
            return self._ask(job)
        except PoolError as error:
            self._remember(job, error)
            return Answer(error=error)

    def _ask(self, job: Job) -> Answer:
        worker = self._living()
        helpers = self._queue.spare(Lane.BULK) if job.lane is not Lane.BACKGROUND else 0
        header = {**job.header, "threads": 1 + helpers}
        try:
            deadline = time.monotonic() + job.seconds
            answer = Answer(*worker.ask(header, job.payload, deadline, job.most))
            _check_for_retirement(answer)
            job.examine(answer)
        except BaseException as error:
            self._died()
            if isinstance(error, PoolError) and error.code != "worker_killed":
                self._remember(job, error)
            raise
        return answer

    def _remember(self, job: Job, error: PoolError) -> None:
        if error.code not in _HARMLESS and not self._starts.stopping:
            self._killers.remember(job, error.reason)

    def _living(self) -> Worker:
        """The worker, started if there is none; raises like ``Starts.start``."""
        if self._worker is not None and not self._worker.alive():
            _log.warning("worker %d died while idle; it is replaced", self._worker.pid)
            self._died()
        if self._worker is not None and not self._worker.is_quiet():
            _log.warning("worker %d spoke unasked; it is replaced", self._worker.pid)
            self._died()
        if self._worker is None:
            worker = self._starts.start(self._nice)
            with self._lock:
                self._worker = worker
            if self._starts.stopping:
                worker.kill()
        return self._worker

    def _died(self) -> None:
        self.deaths += 1
        self._discard()

    def _discard(self) -> None:
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.end()


def _check_for_retirement(answer: Answer) -> None:
    """Raise ``PoolError`` if the worker ran out of memory (see ``tasks.do``)."""
    if "retired" in answer.header:
        raise PoolError("out_of_memory", str(answer.header["retired"])[:300])


def conclude(job: Job, answer: Answer) -> None:
    """Give a job its answer and release whoever waits for it."""
    try:
        job.conclude(answer)
    except Exception:  # noqa: BLE001
        # The caller must be released, and this thread must live on.
        _log.exception("internal error while concluding a job")
    finally:
        job.done.release()
