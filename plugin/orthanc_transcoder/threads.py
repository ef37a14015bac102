"""Threads with a real stack, for work that Orthanc's own threads must not do.

Orthanc's HTTP threads have 100 KiB of stack: some sixty nested calls end the
server. Whatever is more than handing over a value runs on a thread made here.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

STACK_BYTES = 16 * 1024 * 1024

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

    def __init__(self, count: int) -> None:
        self._errands: queue.SimpleQueue[Errand[Any] | None] = queue.SimpleQueue()
        self._threads = [start(f"deputy-{number}", self._serve) for number in range(count)]

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
        for _ in self._threads:
            self._errands.put(None)
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        while (errand := self._errands.get()) is not None:
            errand.run()
