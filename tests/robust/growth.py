"""How the time of a parser grows with its input."""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Callable
from typing import NamedTuple

from orthanc_transcoder.errors import Refusal

_RUNS = 3
_TRIES = 3
# From n to 4n: linear time grows fourfold, quadratic time sixteenfold.
_GROWTH = 6.5
_SOON = 0.004  # seconds; below, there is nothing to be compared


class Case(NamedTuple):
    """A parser and inputs for it.

    Attributes
    ----------
    make
        Gives what is parsed, of a size in proportion to its argument.
    size
        The smallest argument.
    seconds
        What the largest input, of four times that, may take.
    """

    make: Callable[[int], bytes]
    parse: Callable[[bytes], object]
    size: int
    seconds: float = 10.0


def assert_linear(case: Case) -> None:
    """Four times the input takes hardly more than four times as long, in one of some tries."""
    inputs = [case.make(factor * case.size) for factor in (1, 2, 4)]
    for _ in range(_TRIES):
        taken = [_seconds(case.parse, each) for each in inputs]
        if taken[-1] <= max(_SOON, _GROWTH * taken[0]) and taken[-1] <= case.seconds:
            return
    raise AssertionError(
        [f"{len(each)} bytes: {one:.4f} s" for each, one in zip(inputs, taken, strict=True)]
    )


def _seconds(parse: Callable[[bytes], object], given: bytes) -> float:
    return min(_once(parse, given) for _ in range(_RUNS))


def _once(parse: Callable[[bytes], object], given: bytes) -> float:
    gc.collect()
    gc.disable()  # it would go through all that the other tests have left
    begun = time.process_time()
    try:
        with contextlib.suppress(Refusal):  # refused it may be, as long as that is soon
            parse(given)
        return time.process_time() - begun
    finally:
        gc.enable()
