"""What the pool does: a job, and the answer to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from ..errors import PoolError
from ..payload import Payload
from .wire import MAX_PAYLOAD_BYTES


class Lane(IntEnum):
    """How urgent a job is; the lower number goes first."""

    INTERACTIVE = 0  # someone looks at the screen: one frame
    BULK = 1  # whole files
    BACKGROUND = 2  # nobody waits


@dataclass(slots=True)
class Answer:
    """What a job gave: a message and its payload, or the error."""

    header: dict[str, Any] = field(default_factory=dict)
    payload: bytearray | Payload = field(default_factory=bytearray)
    error: PoolError | None = None


def _accept(_: Answer) -> None:
    """Find nothing wrong."""


def _held() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass(slots=True)
class Job:
    """A job from its arrival to its end.

    Attributes
    ----------
    payload
        Valid until ``done`` is released.
    seconds
        Deadline, from the moment that a worker takes the job.
    conclude
        Called once with the answer, on a thread of the pool.
    examine
        Called before that, on the same thread, with what a worker answered; raises
        ``PoolError`` if a sound worker never would, and the worker is replaced.
    most
        Bytes that the answer's payload may have.
    patient
        Whether it waits however many others do.
    arrived
        In the time of ``time.monotonic``.
    """

    header: dict[str, Any]
    payload: memoryview
    seconds: float
    conclude: Callable[[Answer], None]
    lane: Lane = Lane.BULK
    patient: bool = False
    examine: Callable[[Answer], None] = _accept
    most: int = MAX_PAYLOAD_BYTES
    done: threading.Lock = field(default_factory=_held)
    arrived: float = field(default_factory=time.monotonic)
