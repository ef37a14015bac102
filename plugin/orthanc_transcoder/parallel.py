"""The frames of one image, several at once: codecs release the GIL while they work.

A worker is told how many threads it may use: one, and one more for each other
worker that has nothing to do. Each frame at work takes memory, of which a worker has its
share only: those of a large image are fewer at a time.
"""

from __future__ import annotations

import resource
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")

# Of the memory limit, for frames at work; the rest holds the image.
_SHARE = 4
# A frame at work beside the image it belongs to, and the stack of its thread.
_FACTOR = 14
_STACK_BYTES = 8 << 20


def by_index(work: Callable[[int], Result], count: int, threads: int) -> list[Result]:
    """``work`` of 0, 1, ... up to ``count``, in order; the first error ends it all."""
    if min(threads, count) < 2:
        return [work(index) for index in range(count)]
    with ThreadPoolExecutor(min(threads, count)) as executor:
        try:
            return list(executor.map(work, range(count)))
        except BaseException:
            executor.shutdown(cancel_futures=True)
            raise


def within_frame(count: int, threads: int) -> int:
    """Threads that a codec may use for each frame, beside the other frames'."""
    return max(1, threads // max(1, count))


def affordable(threads: int, frames: int, frame_bytes: int) -> int:
    """How many of so many threads there is memory for, each with a frame at work."""
    limit, _ = resource.getrlimit(resource.RLIMIT_DATA)
    if limit == resource.RLIM_INFINITY:
        return threads
    most = limit // _SHARE // (frame_bytes * _FACTOR + _STACK_BYTES)
    return threads if min(threads, frames) <= most else max(1, most)
