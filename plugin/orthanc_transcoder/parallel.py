"""The frames of one image, several at once: codecs release the GIL while they work.

A worker is told how many threads it may use: one, and one more for each other
worker that has nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


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
