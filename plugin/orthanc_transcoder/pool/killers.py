"""Files that ended a worker: the same job is declined at once when it comes again.

Known by a digest of the whole job, for an hour, the latest thousand. Nothing is
hashed unless a file of the same size is among them.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import OrderedDict
from typing import NamedTuple

from ..errors import PoolError
from .jobs import Job

_COUNT = 1000
_SECONDS = 3600.0
# Differ from one attempt to the next, and do not matter.
_CIRCUMSTANCES = ("seconds", "cpu_seconds", "threads")


class _Key(NamedTuple):
    size: int
    digest: bytes


class _Crime(NamedTuple):
    reason: str
    until: float


class Killers:
    """May be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._crimes: OrderedDict[_Key, _Crime] = OrderedDict()
        self._declined = 0

    def remember(self, job: Job, reason: str) -> None:
        """Note that a job ended a worker."""
        key = _key(job)
        with self._lock:
            self._crimes[key] = _Crime(reason, time.monotonic() + _SECONDS)
            self._crimes.move_to_end(key)
            while len(self._crimes) > _COUNT:
                self._crimes.popitem(last=False)

    def check(self, job: Job) -> None:
        """Raise ``PoolError`` ("ended_a_worker") if this very job did it before."""
        with self._lock:
            sizes = {key.size for key in self._crimes}
        if len(job.payload) not in sizes:
            return
        key = _key(job)
        with self._lock:
            crime = self._crimes.get(key)
            if crime is None:
                return
            if crime.until < time.monotonic():
                del self._crimes[key]
                return
            self._declined += 1
        text = f"the same file ended a worker within the last hour ({crime.reason})"
        raise PoolError("ended_a_worker", text)

    def state(self) -> tuple[int, int]:
        """How many are remembered, and how often one was declined."""
        with self._lock:
            now = time.monotonic()
            return sum(crime.until > now for crime in self._crimes.values()), self._declined


def _key(job: Job) -> _Key:
    header = {name: job.header[name] for name in job.header if name not in _CIRCUMSTANCES}
    digest = hashlib.blake2b(json.dumps(header, sort_keys=True).encode(), digest_size=32)
    digest.update(job.payload)
    return _Key(len(job.payload), digest.digest())
