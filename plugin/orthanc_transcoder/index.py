"""An index of all reports, so that totals are quick at a million instances.

It is derived: the reports lie with the instances in Orthanc, and whatever
database Orthanc uses, this SQLite file can be deleted and is made anew (see
``index_store``). Totals are not counted when they are asked for: triggers keep
them, in the transaction that changes an instance's row, so that they always
agree with the rows.
"""

# What is put into a statement's text are names of this module; values are parameters.
# ruff: noqa: S608

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from .index_schema import LISTS, TALLY, noted, totals
from .index_store import Damaged, Store
from .problems import Problems

_LEVELS = ("series", "study", "patient")
_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One instance.

    Attributes
    ----------
    id, series, study, patient
        Orthanc's identifiers.
    syntax
        Transfer syntax UID that is stored.
    outcome, code
        As in ``model.Report``.
    verdict
        Of the checks; ``NONE`` where there were none.
    source_bytes, result_bytes
        Sizes of the file before and after; equal if it was not transcoded.
    psnr, error
        Of a lossy result: in dB, and in stored units.
    findings, received
        Codes of what is wrong with what is stored, and with what it was made from.
    number
        Position in the series.
    day
        When it was stored, as YYYY-MM-DD.
    """

    id: str
    series: str
    study: str
    patient: str
    modality: str
    syntax: str
    outcome: str
    code: str
    verdict: str
    source_bytes: int
    result_bytes: int
    psnr: float | None
    error: int
    findings: tuple[str, ...]
    received: tuple[str, ...]
    number: int
    sop_instance_uid: str
    pixel_digest: str
    day: str


_NAMES = [field.name for field in fields(Entry)]


class Index:
    """May be used from any thread.

    Whatever it is asked may raise ``sqlite3.Error``: while the disk is full, for instance.

    Parameters
    ----------
    path
        Of the file; None keeps it in memory. A file of another version, or a
        damaged one, is made anew.
    problems
        Told while it cannot be used.

    Raises
    ------
    OSError
        If there can be no such file.
    """

    def __init__(self, path: Path | None, problems: Problems | None = None) -> None:
        self._store = Store(path, problems or Problems())
        self.kept_in = str(path) if path else "memory"

    @property
    def made_anew(self) -> int:
        """How often it was made anew since it was opened: what was in it is lacking then."""
        return self._store.made_anew

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    def put(self, entry: Entry) -> None:
        """Enter an instance, in the place of what was entered of it before."""
        self.put_many([entry])

    def put_many(self, entries: Iterable[Entry]) -> None:
        """Enter instances, in one transaction."""
        places = ", ".join("?" * len(_NAMES))
        rows = [_row(entry) for entry in entries]

        def enter(db: sqlite3.Connection) -> None:
            for row in rows:
                db.execute("DELETE FROM instance WHERE id = ?", row[:1])
                db.execute(f"INSERT INTO instance VALUES ({places})", row)

        self._store.write(enter)

    def remove(self, identifier: str) -> None:
        """Take an instance out, if it is in."""
        self._store.write(lambda db: db.execute("DELETE FROM instance WHERE id = ?", (identifier,)))

    def get(self, identifier: str) -> Entry | None:
        """One instance."""
        return next(iter(self._entries("WHERE id = ?", identifier)), None)

    def differences(self, identifiers: Iterable[str]) -> tuple[list[str], list[str]]:
        """What is missing here of all that Orthanc has, and what is here and gone there."""
        missing, gone = set(identifiers), []
        for identifier in self._identifiers():
            if identifier in missing:
                missing.remove(identifier)
            else:
                gone.append(identifier)
        return sorted(missing), gone

    def _identifiers(self) -> Iterator[str]:
        """All, some at a time: nobody else waits long meanwhile."""
        last = ""
        while rows := self._select(
            "SELECT id FROM instance WHERE id > ? ORDER BY id LIMIT ?", last, _AT_ONCE
        ):
            yield from (identifier for (identifier,) in rows)
            last = rows[-1][0]

    def digest_of(self, sop_instance_uid: str) -> str:
        """Pixel digest of an instance of this UID, or empty."""
        rows = self._select(
            "SELECT pixel_digest FROM instance WHERE sop_instance_uid = ? AND pixel_digest <> ''",
            sop_instance_uid,
        )
        return str(rows[0][0]) if rows else ""

    def totals(self) -> dict[str, Any]:
        """Of the whole server: the contract's Totals."""
        rows = self._select(
            f"SELECT {TALLY}, instances, noted, source_bytes, result_bytes FROM tally"
        )
        findings = self._select("SELECT kind, code, instances FROM finding WHERE instances > 0")
        (worst,) = self._select("SELECT min(psnr) FROM instance WHERE psnr IS NOT NULL")
        (greatest,) = self._select("SELECT max(error) FROM instance WHERE error > 0")
        return totals(rows, findings, worst[0], greatest[0] or 0)

    def totals_of(self, level: str, identifier: str) -> dict[str, Any]:
        """Of a ``series``, ``study`` or ``patient``."""
        if level not in _LEVELS:
            raise ValueError(level)
        where = f"FROM instance WHERE {level} = ?"
        rows = self._select(
            f"SELECT {TALLY}, count(*), sum({noted('instance')}), sum(source_bytes), "
            f"sum(result_bytes) {where} GROUP BY {TALLY}",
            identifier,
        )
        findings = [
            (kind, code, count)
            for kind in LISTS
            for code, count in self._select(
                f"SELECT value, count(*) FROM instance, json_each(instance.{kind}) "
                f"WHERE instance.{level} = ? GROUP BY value",
                identifier,
            )
        ]
        ((worst, greatest),) = self._select(f"SELECT min(psnr), max(error) {where}", identifier)
        return totals(rows, findings, worst, greatest or 0)

    def instances_of(self, level: str, identifier: str) -> list[Entry]:
        """The instances of a ``series``, ``study`` or ``patient``, by series and number."""
        if level not in _LEVELS:
            raise ValueError(level)
        return self._entries(f"WHERE {level} = ? ORDER BY series, number", identifier)

    def by_day(self, days: int) -> list[dict[str, Any]]:
        """Outcomes of the latest days on which something was stored, oldest first."""
        rows = self._select(
            "SELECT day, outcome, sum(instances) FROM tally WHERE day IN "
            "(SELECT DISTINCT day FROM tally ORDER BY day DESC LIMIT ?) "
            "GROUP BY day, outcome ORDER BY day",
            days,
        )
        outcomes = ("transcoded", "kept", "declined", "failed", "unasked")
        found: dict[str, dict[str, Any]] = {}
        for day, outcome, count in rows:
            found.setdefault(day, {"day": day, **dict.fromkeys(outcomes, 0)})[outcome] = count
        return list(found.values())

    def failures(self, count: int) -> list[Entry]:
        """The latest that failed, or have the verdict FAIL."""
        failed = "WHERE outcome = 'failed' OR verdict = 'FAIL' ORDER BY day DESC LIMIT ?"
        return self._entries(failed, count)

    def _entries(self, where: str, *values: object) -> list[Entry]:
        query = f"SELECT * FROM instance {where}"
        return self._store.read(lambda db: [_entry(row) for row in db.execute(query, values)])

    def _select(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self._store.read(lambda db: db.execute(query, values).fetchall())


def _row(entry: Entry) -> tuple[Any, ...]:
    lists = {name: json.dumps(getattr(entry, name)) for name in LISTS}
    return tuple({**asdict(entry), **lists}.values())


def _entry(row: tuple[Any, ...]) -> Entry:
    try:
        values = dict(zip(_NAMES, row, strict=True))
        return Entry(**{**values, **{name: tuple(json.loads(values[name])) for name in LISTS}})
    except (TypeError, ValueError) as error:
        raise Damaged(f"a row of it is none: {error}") from error
