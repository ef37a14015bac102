"""The pool: a queue of jobs, and slots with a worker process each that do them.

``Workers`` slots take whatever comes, the most urgent first. One more takes
interactive work alone, which so never waits for a bulk job to end; another, if
asked for, only what nobody waits for, at the lowest priority.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .. import threads
from ..errors import PoolError
from .jobs import Answer, Job, Lane
from .killers import Killers
from .slot import Slot, conclude
from .starts import Launch, Starts
from .waiting import Patience, Queue
from .wire import MAX_PAYLOAD_BYTES

INTERACTIVE = 1  # workers that there are besides, for interactive work alone
_LOWEST_PRIORITY = 19
_PATIENCE = Patience()


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
    ) -> None:
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
        self._watcher = threads.start("pool-watcher", self._conclude_refused)

    def run(
        self,
        header: dict[str, Any],
        payload: memoryview,
        seconds: float,
        conclude: Callable[[Answer], None],
        lane: Lane = Lane.BULK,
        *,
        patient: bool = False,
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
        """
        job = Job(header, payload, seconds, conclude, lane, patient)
        if len(payload) > MAX_PAYLOAD_BYTES:
            self._queue.refuse(job, PoolError("file_too_large", "The file is over 4 GiB."))
        else:
            self._queue.put(job)
        job.done.acquire()

    def stop(self) -> None:
        """End the workers; jobs that run or wait fail."""
        self._starts.stop()
        self._queue.close()
        for slot in self._slots:
            slot.kill()
        for slot in self._slots:
            slot.thread.join()
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
            unavailable=unavailable,
            hello=hello,
        )

    def _slot(self, name: str, *lanes: Lane, nice: int = 0) -> Slot:
        return Slot(name, lanes, self._queue, self._starts, self._killers, self._covered, nice)

    def _covered(self, slot: Slot) -> bool:
        """Whether other slots that have a worker serve all that this one does."""
        others = [other for other in self._slots if other is not slot and other.lanes >= slot.lanes]
        return any(other.alive() for other in others)

    def _conclude_refused(self) -> None:
        while refused := self._queue.refused():
            self._refusals[refused.error.code] += 1
            conclude(refused.job, Answer(error=refused.error))
            del refused  # or the last one's file would stay in memory
