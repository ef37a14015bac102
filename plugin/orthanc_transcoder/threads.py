"""Threads with a real stack, for work that Orthanc's own threads must not do.

Orthanc's HTTP threads have 100 KiB of stack: some sixty nested calls end the
server. Whatever is more than handing over a value runs on a thread made here.

Those that live as long as Orthanc work in turns (``Keeper``): whatever escapes a turn is
told, and the next one comes after a pause, so that no error ends a thread for good.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from .problems import Problems

_log = logging.getLogger(__name__)

STACK_BYTES = 16 * 1024 * 1024
_PART = "threads"
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
_TOLD_AGAIN_SECONDS = 600.0

Result = TypeVar("Result")


def start(name: str, target: Callable[[], None]) -> threading.Thread:
    """Start a daemon thread with a stack of ``STACK_BYTES``."""
    previous = threading.stack_size(STACK_BYTES)
    try:
        thread = threading.Thread(name=name, target=target, daemon=True)
        thread.start()
    finally:
        threading.stack_size(previous)
    return thread


class _Kept:
    """One thread that works in turns, and what troubles it now."""

    def __init__(self, name: str, turn: Callable[[], bool], problems: Problems) -> None:
        self.name = name
        self.trouble = ""
        self.over = False
        self.thread: threading.Thread | None = None
        self._turn, self._problems = turn, problems
        self._told, self._told_at = "", 0.0
        self._pause = 0.0

    def run(self, wait: Callable[[float], bool]) -> None:
        """Turn after turn, until one says that it was the last, or a pause ends for good."""
        while self._once():
            if self._pause and wait(self._pause):
                break
        self.over = True

    def state(self) -> str:
        """For the status page."""
        if self.trouble:
            return f"backs off: {self.trouble}"
        if self.thread is not None and not self.over and not self.thread.is_alive():
            return "dead"
        return "ended" if self.over else "works"

    def _once(self) -> bool:
        try:
            more = self._turn()
            if self._pause:
                self._recovered()
        except BaseException as error:  # noqa: BLE001
            # The last border of a thread: nothing may end it but its own last turn.
            # Where memory is so short that even this fails, the pause alone is left.
            self._pause = min(max(_FIRST_PAUSE, self._pause * 2), _LONGEST_PAUSE)
            with contextlib.suppress(Exception):
                self._tell(error)
            return True
        return more

    def _recovered(self) -> None:
        self.trouble, self._pause = "", 0.0
        self._problems.clear(_PART, self.name)

    def _tell(self, error: BaseException) -> None:
        """Into the log once for each trouble, not at each of its repetitions."""
        self.trouble = f"{type(error).__name__}: {error} ({_place(error)})"
        self._problems.report(_PART, f"{self.name} backs off: {self.trouble}", self.name)
        now = time.monotonic()
        if self.trouble != self._told or now - self._told_at > _TOLD_AGAIN_SECONDS:
            self._told, self._told_at = self.trouble, now
            _log.error("the thread %s backs off, and goes on: %s", self.name, self.trouble)


class Keeper:
    """Starts threads that live long, and knows how they are."""

    def __init__(self, problems: Problems | None = None) -> None:
        self._problems = problems or Problems()
        self._all: list[_Kept] = []

    def keep(
        self, name: str, turn: Callable[[], bool], wait: Callable[[float], bool]
    ) -> threading.Thread:
        """Start a thread that makes one turn after another.

        Parameters
        ----------
        turn
            Gives whether there is to be another. What it had taken up when something
            escapes it is its own to conclude.
        wait
            Waits for so many seconds, or until the end, and gives whether that has come;
            such as ``Event.wait``.
        """
        kept = _Kept(name, turn, self._problems)
        self._all.append(kept)
        kept.thread = start(name, lambda: kept.run(wait))
        return kept.thread

    def state(self) -> dict[str, str]:
        """How each is, by name: ``works``, ``backs off: ...``, ``ended`` or ``dead``."""
        return {kept.name: kept.state() for kept in list(self._all)}


def _place(error: BaseException) -> str:
    """File and line where it was raised; a whole traceback may be a thousand lines long."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "nowhere"
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"


class Errand(Generic[Result]):
    """One call that another thread makes; its result or exception comes back."""

    def __init__(self, call: Callable[[], Result]) -> None:
        self._call = call
        self._done = threading.Lock()
        self._done.acquire()
        self._result: Result
        self._error: BaseException | None = None

    def run(self) -> None:
        """Make the call and wake the caller."""
        try:
            self._result = self._call()
        except BaseException as error:  # noqa: BLE001  handed to the caller, whole
            self._error = error
        finally:
            self._done.release()

    def wait(self, seconds: float = -1) -> Result:
        """Wait for the call; raise what it raised, or TimeoutError."""
        if not self._done.acquire(timeout=seconds):
            raise TimeoutError(f"no answer within {seconds:g} s")
        if self._error is not None:
            raise self._error
        return self._result


class Deputy:
    """A few threads that make calls for Orthanc's threads."""

    def __init__(self, count: int, keeper: Keeper | None = None, name: str = "deputy") -> None:
        keeper = keeper or Keeper()
        self._errands: queue.SimpleQueue[Errand[Any] | None] = queue.SimpleQueue()
        self._ending = threading.Event()
        self._threads = [
            keeper.keep(f"{name}-{number}", self._serve_one, self._ending.wait)
            for number in range(count)
        ]

    def ask(self, call: Callable[[], Result], seconds: float = -1) -> Result:
        """Make ``call`` on one of the threads and wait for it, for so long.

        Raises
        ------
        TimeoutError
            If it takes longer; it goes on all the same.
        """
        errand = Errand(call)
        self._errands.put(errand)
        return errand.wait(seconds)

    def tell(self, call: Callable[[], object]) -> None:
        """Make ``call`` on one of the threads, without waiting."""
        self._errands.put(Errand(call))

    def stop(self) -> None:
        """End the threads, after the errands that wait already."""
        self._ending.set()
        for _ in self._threads:
            self._errands.put(None)
        for thread in self._threads:
            thread.join()

    def _serve_one(self) -> bool:
        errand = self._errands.get()
        if errand is None:
            return False
        errand.run()  # raises nothing: the caller gets it
        return True
