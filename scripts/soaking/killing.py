"""Ends a random worker every second: only processes that our Orthanc has started."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter

from tests.orthanc.servers import OrthancServer

# Mostly what the kernel sends for want of memory, and what leaves no fault to be shown;
# sometimes what a codec's own crash or hang would look like.
_SIGNALS = {
    signal.SIGKILL: 16,
    signal.SIGTERM: 1,
    signal.SIGSEGV: 2,
    signal.SIGSTOP: 1,
}
_SECONDS = 1.0


class Killer:
    """A thread for each round; what it did is added up."""

    def __init__(self, server: OrthancServer, seed: int) -> None:
        self._server = server
        self._rng = random.Random(seed)
        self._stop = threading.Event()
        self.signals: Counter[str] = Counter()
        self.times: list[float] = []
        self._stopped: set[int] = set()
        self.workers: set[int] = set()  # all that were ever seen

    def run(self) -> None:
        """Kill until ``stop``; what was merely stopped is ended then."""
        self._stop.clear()
        while not self._stop.wait(_SECONDS):
            self._kill_one()
        for worker in self._stopped.intersection(self._server.children()):
            os.kill(worker, signal.SIGKILL)

    def stop(self) -> None:
        """End ``run``, from another thread."""
        self._stop.set()

    def note_workers(self) -> int:
        """Remember who is there; give how many."""
        found = self._server.children()
        self.workers.update(found)
        return len(found)

    def _kill_one(self) -> None:
        self.note_workers()
        victims = self._server.children()
        if not victims:
            return
        victim = self._rng.choice(victims)
        try:
            descriptor = os.pidfd_open(victim)
        except ProcessLookupError:
            return
        try:
            # The descriptor stands for one process: it is still ours, and no other's number.
            if victim in self._server.children():
                (number,) = self._rng.choices(list(_SIGNALS), weights=list(_SIGNALS.values()))
                signal.pidfd_send_signal(descriptor, number)
                self.signals[number.name] += 1
                if number == signal.SIGSTOP:
                    self._stopped.add(victim)
                self.times.append(time.monotonic())
        except ProcessLookupError:
            return
        finally:
            os.close(descriptor)
