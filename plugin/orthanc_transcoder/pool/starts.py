"""Starting workers: at most so often, once it has failed.

Workers that cannot be started (a wrong interpreter, a missing library) are
tried again after a pause that doubles; jobs that come meanwhile fail at once,
with the reason, unless another worker lives. One success ends it, without a
restart of Orthanc. One that was killed from outside while it started says
nothing of the others: it is started again at once.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from ..errors import PoolError
from ..payload import Payload

_log = logging.getLogger(__name__)

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0
_TRIES = 10


class Worker(Protocol):
    """What the pool needs of a worker; ``process.WorkerProcess`` is the real one."""

    hello: dict[str, Any]

    @property
    def pid(self) -> int:
        """Process identifier."""

    def alive(self) -> bool:
        """Whether it still runs."""

    def is_quiet(self) -> bool:
        """Whether it has said nothing since its last answer."""

    def ask(
        self, header: dict[str, Any], payload: memoryview, deadline: float, most: int
    ) -> tuple[dict[str, Any], bytearray | Payload]:
        """Do one job or raise ``PoolError``."""

    def end(self) -> None:
        """End it and wait until it is gone."""

    def kill(self) -> None:
        """End it from another thread."""


Launch = Callable[[int], Worker]


class Starts:
    """Starts workers for every slot of a pool.

    Parameters
    ----------
    launch
        Takes the niceness; gives a worker, or raises ``PoolError``.
    """

    def __init__(self, launch: Launch) -> None:
        self._launch = launch
        self._lock = threading.Lock()
        self._stopping = False
        self._pause = 0.0
        self._retry_at = 0.0
        self._trial = False  # whether one slot is trying again, for all
        self._under_way = 0
        self._unavailable = ""
        self._hello: dict[str, Any] = {}

    def start(self, nice: int) -> Worker:
        """Start one.

        Raises
        ------
        PoolError
            ``workers_unavailable`` or ``stopping``.
        """
        self._check_may_start()
        try:
            worker = self._launch_again_if_killed(nice)
        except PoolError as error:
            self._failed(error.reason)
            # A kill here has nothing to do with the job that waits for the worker.
            raise PoolError("workers_unavailable", error.reason) from error
        except BaseException as error:
            self._failed(f"{type(error).__name__}: {error}")
            raise
        finally:
            with self._lock:
                self._under_way -= 1
        with self._lock:
            self._trial = False
            self._pause = 0.0
            self._unavailable = ""
            self._hello = worker.hello
            if self._stopping:
                worker.kill()
        return worker

    def stop(self) -> None:
        """Start none any more."""
        with self._lock:
            self._stopping = True

    @property
    def stopping(self) -> bool:
        """Whether ``stop`` was called."""
        return self._stopping

    def state(self) -> tuple[str, dict[str, Any]]:
        """Why there are no workers, or empty; and what the last one said of itself."""
        with self._lock:
            return self._unavailable, self._hello

    @property
    def hopeful(self) -> bool:
        """Whether one is being started, and none has failed since the last that succeeded."""
        with self._lock:
            return self._under_way > 0 and not self._unavailable

    def _launch_again_if_killed(self, nice: int) -> Worker:
        for _ in range(_TRIES - 1):
            try:
                return self._launch(nice)
            except PoolError as error:
                if error.code != "worker_killed" or self._stopping:
                    raise
                _log.warning("%s while it started; another is started", error.reason)
        return self._launch(nice)

    def _check_may_start(self) -> None:
        with self._lock:
            if self._stopping:
                raise PoolError("stopping", "Orthanc is shutting down")
            if self._unavailable:
                if time.monotonic() < self._retry_at:
                    raise PoolError("workers_unavailable", self._unavailable)
                self._trial = True
                self._retry_at = time.monotonic() + _LONGEST_PAUSE
            self._under_way += 1

    def _failed(self, reason: str) -> None:
        with self._lock:
            if self._stopping or (self._unavailable and not self._trial):
                return
            self._trial = False
            self._pause = min(max(_FIRST_PAUSE, self._pause * 2), _LONGEST_PAUSE)
            self._retry_at = time.monotonic() + self._pause
            self._unavailable = reason
            pause = self._pause
        _log.error("no codecs: %s; tried again in %d s at the earliest", reason, pause)
