"""The table of a soak, as Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Sequence

from .session import Session
from .steadiness import rows

_MOST_DEFECTS = 20


def lines(session: Session) -> Iterator[str]:
    """All of it."""
    yield from _table(("figure", "", ""), _figures(session))
    yield ""
    yield from _table(
        (
            "Orthanc at rest",
            "after warm-up",
            "end",
            "most",
            "trend per minute",
            "plain Orthanc's trend",
            "limit",
            "",
        ),
        _vitals(session),
    )
    yield ""
    defects = session.ledger.defects
    yield f"{len(defects)} defects, {len(session.ledger.notes)} notes"
    yield from defects[:_MOST_DEFECTS]


def unsteady(session: Session) -> list[str]:
    """What has grown beyond its limit, in words."""
    return [
        f"{row.name} grew from {row.first:.0f} to {row.last:.0f}"
        for row in rows(session.samples)
        if not row.steady
    ]


def _figures(session: Session) -> Iterator[tuple[str, str, str]]:
    for subject in session.ledger.subjects():
        for what, number in sorted(session.ledger.of(subject).items()):
            yield subject, what, str(number)
    yield from _workers(session)
    sent = session.ledger.of("sent").total()
    seconds = session.loaded_seconds
    yield "speed", "instances a second, all clients, checked and read", f"{sent / seconds:.1f}"
    yield "speed", "minutes of load", f"{seconds / 60:.1f}"
    yield "Orthanc", "exit status", str(session.exit_status)


def _workers(session: Session) -> Iterator[tuple[str, str, str]]:
    killer, workers = session.killer, session.status["workers"]
    for name, number in killer.signals.most_common():
        yield "workers", f"hit by {name}", str(number)
    yield "workers", "deaths on the status page", str(workers["deaths"])
    yield "workers", "started again", str(len(killer.workers) - workers["configured"])
    yield "workers", "files remembered for a death", str(workers["remembered_files"])
    yield "workers", "declined for that", str(workers["declined_again"])
    yield "recovery", "seconds from a kill to the next transcoded instance", _spread(session.waits)
    recoveries = session.ledger.recoveries
    yield "recovery", "seconds until what a death spoilt succeeded", _spread(recoveries)


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "none"
    return f"median {statistics.median(values):.2f}, most {max(values):.1f} ({len(values)})"


def _vitals(session: Session) -> Iterator[tuple[str, ...]]:
    for row in rows(session.samples):
        numbers = (row.first, row.last, row.most)
        trends = (f"{row.trend:+.1f}", f"{row.plain:+.1f}")
        verdict = "flat" if row.steady else "GROWS"
        yield row.name, *(f"{each:.0f}" for each in numbers), *trends, f"{row.limit:.0f}", verdict


def _table(head: Sequence[str], body: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in body:
        yield f"| {' | '.join(row)} |"
