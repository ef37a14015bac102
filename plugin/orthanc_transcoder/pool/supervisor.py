"""The pool: a queue of jobs, and slots with a worker process each that do them.

``Workers`` slots take whatever comes, the most urgent first. One more takes
interactive work alone, which so never waits for a bulk job to end; another, if
asked for, only what nobody waits for, at the lowest priority.

Where no worker could be had for some seconds, by none of the slots, jobs are answered
at once, with the reason, instead of each waiting as long as it may.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .. import threads
from ..errors import PoolError
from ..threads import Keeper
from .jobs import Answer, Job, Lane
from .killers import Killers
from .slot import Slot, conclude
from .starts import Launch, Starts
from .waiting import Patience, Queue
from .wire import MAX_PAYLOAD_BYTES

_LOWEST_PRIORITY = 19
_PATIENCE = Patience()
_WATCH_SECONDS = 1.0
_HOPELESS_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class PoolState:
    """A snapshot for the status page.

    Attributes
    ----------
    size
        Workers, the special ones included.
    waiting
        Jobs in the queue, by lane.
    deaths
        Workers that died, hung or were broken, since the start.
    killers, declined
        Jobs remembered for that, and how often one of them came again.
    overloaded
        Jobs that were refused because too many waited, or for too long.
    unavailable
        Why there are no workers, or empty.
    """

    size: int
    alive: int
    busy: int
    waiting: dict[str, int]
    deaths: int
    killers: int
    declined: int
    overloaded: int
    unavailable: str
    hello: dict[str, Any]


class Pool:
    """A fixed number of workers; ``run`` may be called from any thread.

    Parameters
    ----------
    launch
        Takes the niceness of a worker; starts it, or raises ``PoolError``.
    size
        Workers for whatever comes.
    background
        Whether there is one for background jobs, too; they fail otherwise.
    """

    def __init__(
        self,
        launch: Launch,
        size: int,
        patience: Patience = _PATIENCE,
        *,
        background: bool = False,
        keeper: Keeper | None = None,
    ) -> None:
        self._keeper = keeper or Keeper()
        self._ending = threading.Event()
        self._without: dict[Lane, float] = {}  # since when
        self._looked = 0.0
        self._queue = Queue(patience)
        self._starts = Starts(launch)
        self._killers = Killers()
        self._refusals: Counter[str] = Counter()
        self._slots: list[Slot] = []
        for number in range(size):
            self._slots.append(self._slot(f"worker-{number}", Lane.INTERACTIVE, Lane.BULK))
        self._slots.append(self._slot("worker-interactive", Lane.INTERACTIVE))
        if background:
            self._slots.append(
                self._slot("worker-background", Lane.BACKGROUND, nice=_LOWEST_PRIORITY)
            )
        self._watcher = self._keeper.keep("pool-watcher", self._watch, self._ending.wait)

    def run(
        self,
        header: dict[str, Any],
        payload: memoryview,
        seconds: float,
        conclude: Callable[[Answer], None],
        lane: Lane = Lane.BULK,
        *,
        patient: bool = False,
        examine: Callable[[Answer], None] | None = None,
        most: int = MAX_PAYLOAD_BYTES,
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
        patient
            Whether to wait even if more wait than the limit allows.
        examine, most
            As ``Job`` has them.
        """
        job = Job(header, payload, seconds, conclude, lane, patient)
        job.most = min(most, MAX_PAYLOAD_BYTES)
        if examine is not None:
            job.examine = examine
        try:
            if len(payload) > MAX_PAYLOAD_BYTES:
                self._queue.refuse(job, PoolError("file_too_large", "The file is over 4 GiB."))
            else:
                self._queue.put(job)
        except PoolError as error:
            _conclude_late(job, error)
        job.done.acquire()

    def stop(self) -> None:
        """End the workers; jobs that run or wait fail."""
        self._starts.stop()
        self._ending.set()
        self._queue.close()
        for slot in self._slots:
            slot.kill()
        for slot in self._slots:
            slot.join()
        self._watcher.join()

    def state(self) -> PoolState:
        """A snapshot."""
        unavailable, hello = self._starts.state()
        killers, declined = self._killers.state()
        return PoolState(
            size=len(self._slots),
            alive=sum(slot.alive() for slot in self._slots),
            busy=sum(slot.busy for slot in self._slots),
            waiting={lane.name.lower(): n for lane, n in self._queue.waiting().items()},
            deaths=sum(slot.deaths for slot in self._slots),
            killers=killers,
            declined=declined,
            overloaded=self._refusals["overloaded"],
            unavailable=unavailable or ("no worker lives" if self._hopeless() else ""),
            hello=hello,
        )

    def _slot(self, name: str, *lanes: Lane, nice: int = 0) -> Slot:
        return Slot(
            name,
            lanes,
            self._queue,
            self._starts,
            self._killers,
            self._covered,
            self._keeper,
            self._ending.wait,
            nice,
        )

    def _covered(self, slot: Slot) -> bool:
        """Whether other slots that have a worker serve all that this one does."""
        others = [other for other in self._slots if other is not slot and other.lanes >= slot.lanes]
        return any(other.alive() for other in others)

    def _watch(self) -> bool:
        """Conclude the next job that was refused, if there is one, and look after the lanes."""
        if refused := self._queue.refused(_WATCH_SECONDS):
            conclude(refused.job, Answer(error=refused.error))
            self._refusals[refused.error.code] += 1
        if time.monotonic() - self._looked >= _WATCH_SECONDS:
            self._look_for_workers()
        return not self._queue.over

    def _look_for_workers(self) -> None:
        """Have jobs of lanes refused that had no worker, nor a hope of one, for some time."""
        now = self._looked = time.monotonic()
        for lane in frozenset().union(*(slot.lanes for slot in self._slots)):
            alive = any(slot.alive() for slot in self._slots if lane in slot.lanes)
            if alive or self._starts.hopeful:
                self._without.pop(lane, None)
            else:
                self._without.setdefault(lane, now)
        reason = self._starts.state()[0] or "no worker lives, and none is being started"
        error = PoolError("workers_unavailable", reason)
        self._queue.refuse_lanes(dict.fromkeys(self._hopeless(), error))

    def _hopeless(self) -> list[Lane]:
        long_ago = time.monotonic() - _HOPELESS_SECONDS
        return [lane for lane, since in self._without.copy().items() if since <= long_ago]


def _conclude_late(job: Job, error: PoolError) -> None:
    """After the watcher's end; not here: the caller's thread may have hardly any stack."""
    threads.start("pool-late", lambda: conclude(job, Answer(error=error)))
