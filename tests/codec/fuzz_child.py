"""Decode damaged streams of one syntax; a process of its own, since a decoder may crash.

Usage: ``python -m tests.codec.fuzz_child SYNTAX COUNT SEED``. Prints a JSON
object of outcomes; anything but a refusal or a sound result is an error.
"""

from __future__ import annotations

import collections
import faulthandler
import json
import resource
import sys
import time

import numpy as np

from orthanc_transcoder.codec import uids
from orthanc_transcoder.codec.contract import PixelFormat
from orthanc_transcoder.errors import CodecError, Declined
from tests.codec import grid

_MEMORY = 4 << 30
_HEADER_BYTES = 120  # where damage does more than change samples


def damaged(data: bytes, rng: np.random.Generator, index: int) -> bytes:
    """One to three bytes changed, half of the time in the headers; or a piece cut out."""
    changed = bytearray(data)
    reach = min(len(data), _HEADER_BYTES) if index % 2 else len(data)
    if index % 10 == 9:
        start = int(rng.integers(0, len(data)))
        del changed[start : start + int(rng.integers(1, 20))]
        return bytes(changed)
    for _ in range(1 + index % 3):
        changed[rng.integers(0, reach)] = rng.integers(0, 256)
    return bytes(changed)


def sources(syntax: str) -> list[PixelFormat]:
    if syntax == uids.JPEGExtended12Bit:
        return [grid.pixel_format(31, 33, 12)]
    return [grid.pixel_format(31, 33, 8), grid.pixel_format(17, 70, 8, samples=3)]


def outcome(frame: bytes, header: PixelFormat, syntax: str) -> str:
    shape: tuple[int, ...] = (header.rows, header.columns)
    shape = shape if header.samples_per_pixel == 1 else (*shape, header.samples_per_pixel)
    try:
        decoded = grid.REGISTRY.decoder(syntax).decode(frame, header, syntax)
    except (CodecError, Declined) as error:
        return error.code
    assert decoded.samples.shape == shape or decoded.notes, "a wrong size without a word"
    return "decoded"


def main(syntax: str, count: int, seed: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    faulthandler.enable()
    rng = np.random.default_rng(seed)
    seen: collections.Counter[str] = collections.Counter()
    slowest = 0.0
    for pixels in sources(syntax):
        encoded, header = grid.encode(syntax, grid.samples_of(pixels), pixels)
        for index in range(count):
            frame = damaged(encoded.data, rng, index)
            started = time.monotonic()
            seen[outcome(frame, header, syntax)] += 1
            slowest = max(slowest, time.monotonic() - started)
    print(json.dumps({**seen, "slowest": round(slowest, 3)}))  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
