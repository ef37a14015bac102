"""Whether Orthanc at rest is as it was: threads, descriptors, memory.

The first half of the rounds warms up: caches, malloc's arenas and Python's own tables
fill. What Orthanc keeps beyond that is little, and less each minute; one file of the
usual 36 kB for each killed worker would be 2 MB a minute. A run of a minute or two has
not filled them yet, on a busy machine least of all: it sees only that an image's frames
are not kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.orthanc.processes import Vitals

from .session import Sample

_MORE_THREADS = 1
_MORE_FILES = 2
_MORE_BYTES = 16_000_000
_MORE_BYTES_WARMING = 80_000_000
_WARMING_MINUTES = 3.0  # of the second half
_BYTES_PER_MINUTE = 500_000


@dataclass(frozen=True)
class Row:
    """One figure: after the warm-up, at the end, at most, its trend for a minute; what it may be.

    ``plain``: the trend of the Orthanc beside it that has no plugin.
    """

    name: str
    first: float
    last: float
    most: float
    trend: float
    plain: float
    limit: float

    @property
    def steady(self) -> bool:
        """Whether it is within its limit."""
        return self.last <= self.limit


def rows(samples: Sequence[Sample]) -> list[Row]:
    """The three figures; none where there are too few samples."""
    kept = samples[max(1, len(samples) // 2) - 1 :]
    if len(kept) < 2:
        return []
    minutes = kept[-1].minutes - kept[0].minutes
    first = kept[0].vitals
    more = _MORE_BYTES if minutes >= _WARMING_MINUTES else _MORE_BYTES_WARMING
    more += int(_BYTES_PER_MINUTE * minutes)
    return [
        _row("threads", kept, lambda one: one.threads, first.threads + _MORE_THREADS),
        _row("descriptors", kept, lambda one: one.open_files, first.open_files + _MORE_FILES),
        _row("RSS, kB", kept, _kilobytes, (first.resident_bytes + more) / 1000),
    ]


def _row(name: str, kept: Sequence[Sample], figure: Callable[[Vitals], float], limit: float) -> Row:
    ours = [figure(sample.vitals) for sample in kept]
    minutes = [sample.minutes for sample in kept]
    plain = _slope(minutes, [figure(sample.plain) for sample in kept])
    return Row(name, ours[0], ours[-1], max(ours), _slope(minutes, ours), plain, limit)


def _kilobytes(one: Vitals) -> float:
    return one.resident_bytes / 1000


def _slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Of the line with the least squares."""
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    spread = sum((each - mean_x) ** 2 for each in x)
    return sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / spread
