"""The speeds to reach, row by row, and whether this run reached them.

Ratios of several images are combined by their geometric mean; the worst is told, too.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from .loads import C_GET, C_STORE, MANY
from .measure import Figures

START = "start of Orthanc"
WORKERS = "workers: "
CHECKS = "checks: "
PROOFS = "proofs: "
SLICES = ("ct", "ct-noisy", "mr", "mr-noisy", "cr", "us")
LOOP = "rgb100"

Typical = Callable[[str, str], float | None]
Ratio = Callable[[str], float | None]

# They are about time that passes: the processor time is the same.
_WALL = ("two workers", f"{START}, added ms")


@dataclass(frozen=True)
class Row:
    """One line of the table of targets.

    ``by_fastest`` is the same of each one's fastest round, ``by_cpu`` of the servers'
    processor time instead of the time that passed; 0 if there is none. Others that use
    the machine hardly change those two.
    """

    what: str
    against: str
    measured: float
    worst: str
    target: str
    met: bool
    by_fastest: float = 0.0
    by_cpu: float = 0.0


class _Judge:
    def __init__(self, typical: Typical) -> None:
        self._median = typical

    def whole(self, route: str, slow: str, fast: str, clients: int, group: str = "") -> Ratio:
        """How many times faster the whole is."""

        def ratio(image: str) -> float | None:
            load = f"{group}{image} {route} x{clients}"
            one, other = self._median(load, slow), self._median(load, fast)
            return one / other if one and other else None

        return ratio

    def added(self, route: str, slow: str, fast: str, clients: int = 1) -> Ratio:
        """How many times less time is added to what an Orthanc without a transcoder takes."""

        def ratio(image: str) -> float | None:
            load = f"{image} {route} x{clients}"
            base = self._median(load, "plain")
            one, other = self._median(load, slow), self._median(load, fast)
            if not (base and one and other):
                return None
            return (one - base) / max(other - base, 1e-6)

        return ratio

    def share_of_limit(self, limit: str, subject: str, clients: int) -> Ratio:
        """What the codec alone takes, of what is added to plain storing."""

        def ratio(image: str) -> float | None:
            load = f"{image} {C_STORE} x{clients}"
            base, bare = self._median(load, "plain"), self._median(load, limit)
            whole = self._median(load, subject)
            return bare / max(whole - base, 1e-6) if base and bare and whole else None

        return ratio

    def start(self) -> float | None:
        """Milliseconds that the plugin adds to the start of Orthanc."""
        without, with_it = self._median(START, "plain"), self._median(START, "ours90")
        return (with_it - without) * 1000 if without and with_it else None


def rows(figures: Figures) -> list[Row]:
    """Every row that this run has figures for."""
    by_fastest = _measured(figures.fastest)
    by_cpu = {what: value for what, value in _measured(figures.cpu).items() if what not in _WALL}
    return [
        dataclasses.replace(
            row, by_fastest=by_fastest.get(row.what, 0.0), by_cpu=by_cpu.get(row.what, 0.0)
        )
        for row in _rows(_Judge(figures.median))
    ]


def _measured(typical: Typical) -> dict[str, float]:
    return {row.what: row.measured for row in _rows(_Judge(typical))}


def _rows(judge: _Judge) -> Iterator[Row]:
    added, whole = judge.added, judge.whole
    for ours, bypass in (("ours90", "bypass off"), ("ours90bypass", "bypass on")):
        one, four = f"ingest to .90, one client, added ({bypass})", f"four clients ({bypass})"
        limit = 1.0 if bypass == "bypass on" else 0.8
        yield from _row(one, "GDCM", added(C_STORE, "gdcm90", ours), SLICES, 1.5)
        yield from _row(
            f"ingest to .90, {four}", "GDCM", whole(C_STORE, "gdcm90", ours, MANY), SLICES, limit
        )
    yield from _row(
        "ingest to .201, added", "GDCM to .90", added(C_STORE, "gdcm90", "ours201"), SLICES, 6.0
    )
    yield from _row(
        "ingest to .201, four clients, whole time",
        "plain storing",
        whole(C_STORE, "ours201", "plain", MANY),
        SLICES,
        1.15,
        at_most=True,
    )
    loop = whole(C_STORE, "gdcm90", "ours90", 1)
    yield from _row("RGB, 100 frames, to .90, one client", "GDCM", loop, [LOOP], 3.0)
    decode, against = added(C_GET, "gdcm90core", "ours90"), "GDCM on one core"
    yield from _row("decode .90 to native by C-GET, added", against, decode, SLICES, 1.5)
    busy = whole(C_STORE, "bare90", "ours90", MANY)
    yield from _row("whole path, busy, .90", "bare codec", busy, SLICES, 0.85)
    share = judge.share_of_limit("bare90", "ours90", MANY)
    yield from _row("the same, less plain storing", "bare codec", share, SLICES, 0.85)
    workers = whole(C_STORE, "ours90one", "ours90", MANY, WORKERS)
    yield from _row("two workers", "one worker", workers, SLICES, 1.9)
    for clients in (1, MANY):
        checked = whole(C_STORE, "ours90", "ours90unchecked", clients, CHECKS)
        what = f"storing with checks, {'one client' if clients == 1 else 'four clients'}"
        yield from _row(what, "without checks", checked, SLICES, 1.05, at_most=True)
    for ours, limit in (("ours90", 1.18), ("ours70", 1.0), ("ours201", 1.5)):
        proof = whole(C_STORE, ours, f"{ours}own", 1, PROOFS)
        what = f"ingest to .{ours[4:]}, proven by a witness"
        yield from _row(what, "by the codec", proof, (*SLICES, LOOP), limit, at_most=True)
    if (milliseconds := judge.start()) is not None:
        met = milliseconds <= 300
        yield Row(f"{START}, added ms", "no plugin", milliseconds, "", "at most 300", met)


def _row(
    what: str,
    against: str,
    ratio: Ratio,
    images: Sequence[str],
    target: float,
    at_most: bool = False,
) -> Iterator[Row]:
    found = {image: value for image in images if (value := ratio(image)) is not None}
    if not found or min(found.values()) <= 0:
        return
    mean = statistics.geometric_mean(found.values())
    image = (max if at_most else min)(found, key=lambda name: found[name])
    worst = f"{image} {found[image]:.2f}" if len(found) > 1 else ""
    limit = f"at most {target:g}" if at_most else f"at least {target:g}"
    yield Row(what, against, mean, worst, limit, mean <= target if at_most else mean >= target)
