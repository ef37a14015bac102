"""An index of all reports, so that totals are quick at a million instances.

It is derived: the reports lie with the instances in Orthanc, and whatever
database Orthanc uses, this SQLite file can be deleted and is made anew. Totals
are not counted when they are asked for: triggers keep them, in the transaction
that changes an instance's row, so that they always agree with the rows.
"""

# What is put into a statement's text are names of this module; values are parameters.
# ruff: noqa: S608

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

_log = logging.getLogger(__name__)

_VERSION = 2
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
_LISTS = ("findings", "received")
_TALLY = "day, modality, syntax, outcome, code, verdict"


def _noted(row: str) -> str:
    """Whether nothing worse than a note was found, but a note."""
    return f"({row}.verdict = 'PASS' AND {row}.findings <> '[]')"


def _tallied(row: str, sign: str) -> str:
    """The statements that count a row in, or out."""
    keys = ", ".join(f"{row}.{name}" for name in _TALLY.split(", "))
    counted = "".join(
        f"""
        INSERT INTO finding SELECT '{kind}', value, {sign}1 FROM json_each({row}.{kind}) WHERE true
        ON CONFLICT (kind, code) DO UPDATE SET instances = instances + excluded.instances;
        """
        for kind in _LISTS
    )
    return f"""
        INSERT INTO tally VALUES ({keys}, {sign}1, {sign}{_noted(row)},
            {sign}{row}.source_bytes, {sign}{row}.result_bytes)
        ON CONFLICT ({_TALLY}) DO UPDATE SET instances = instances + excluded.instances,
            noted = noted + excluded.noted,
            source_bytes = source_bytes + excluded.source_bytes,
            result_bytes = result_bytes + excluded.result_bytes;
        {counted}
    """


_SCHEMA = f"""
    CREATE TABLE instance (
        id TEXT PRIMARY KEY, series TEXT, study TEXT, patient TEXT, modality TEXT, syntax TEXT,
        outcome TEXT, code TEXT, verdict TEXT, source_bytes INTEGER, result_bytes INTEGER,
        psnr REAL, error INTEGER, findings TEXT, received TEXT, number INTEGER,
        sop_instance_uid TEXT, pixel_digest TEXT, day TEXT) WITHOUT ROWID;
    CREATE INDEX by_series ON instance (series, number);
    CREATE INDEX by_study ON instance (study, series, number);
    CREATE INDEX by_patient ON instance (patient, series, number);
    CREATE INDEX by_uid ON instance (sop_instance_uid);
    CREATE INDEX by_psnr ON instance (psnr) WHERE psnr IS NOT NULL;
    CREATE INDEX by_error ON instance (error) WHERE error > 0;
    CREATE INDEX by_failure ON instance (day) WHERE outcome = 'failed' OR verdict = 'FAIL';
    CREATE TABLE tally (
        day TEXT, modality TEXT, syntax TEXT, outcome TEXT, code TEXT, verdict TEXT,
        instances INTEGER, noted INTEGER, source_bytes INTEGER, result_bytes INTEGER,
        PRIMARY KEY ({_TALLY})) WITHOUT ROWID;
    CREATE TABLE finding (kind TEXT, code TEXT, instances INTEGER,
        PRIMARY KEY (kind, code)) WITHOUT ROWID;
    CREATE TRIGGER counted_in AFTER INSERT ON instance BEGIN {_tallied("new", "+")} END;
    CREATE TRIGGER counted_out AFTER DELETE ON instance BEGIN {_tallied("old", "-")}
        DELETE FROM tally WHERE instances = 0;
    END;
"""


class Index:
    """May be used from any thread.

    Parameters
    ----------
    path
        Of the file; None keeps it in memory. A file of another version, or a
        damaged one, is made anew.

    Raises
    ------
    OSError
        If there can be no such file.
    """

    def __init__(self, path: Path | None) -> None:
        self._lock = threading.Lock()
        self.kept_in = str(path) if path else "memory"
        try:
            self._db = _open(path)
        except sqlite3.DatabaseError as error:
            if path is None or not path.is_file():
                raise OSError(f"{path}: {error}") from error
            _log.warning("the index of reports, %s, is made anew: %s", path, error)
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            self._db = _open(path)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def put(self, entry: Entry) -> None:
        """Enter an instance, in the place of what was entered of it before."""
        self.put_many([entry])

    def put_many(self, entries: Iterable[Entry]) -> None:
        """Enter instances, in one transaction."""
        places = ", ".join("?" * len(_NAMES))
        with self._lock, self._db:
            for entry in entries:
                self._db.execute("DELETE FROM instance WHERE id = ?", (entry.id,))
                self._db.execute(f"INSERT INTO instance VALUES ({places})", _row(entry))

    def remove(self, identifier: str) -> None:
        """Take an instance out, if it is in."""
        with self._lock, self._db:
            self._db.execute("DELETE FROM instance WHERE id = ?", (identifier,))

    def get(self, identifier: str) -> Entry | None:
        """One instance."""
        rows = self._select("SELECT * FROM instance WHERE id = ?", identifier)
        return _entry(rows[0]) if rows else None

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
            f"SELECT {_TALLY}, instances, noted, source_bytes, result_bytes FROM tally"
        )
        findings = self._select("SELECT kind, code, instances FROM finding WHERE instances > 0")
        (worst,) = self._select("SELECT min(psnr) FROM instance WHERE psnr IS NOT NULL")
        (greatest,) = self._select("SELECT max(error) FROM instance WHERE error > 0")
        return _totals(rows, findings, worst[0], greatest[0] or 0)

    def totals_of(self, level: str, identifier: str) -> dict[str, Any]:
        """Of a ``series``, ``study`` or ``patient``."""
        if level not in _LEVELS:
            raise ValueError(level)
        where = f"FROM instance WHERE {level} = ?"
        rows = self._select(
            f"SELECT {_TALLY}, count(*), sum({_noted('instance')}), sum(source_bytes), "
            f"sum(result_bytes) {where} GROUP BY {_TALLY}",
            identifier,
        )
        findings = [
            (kind, code, count)
            for kind in _LISTS
            for code, count in self._select(
                f"SELECT value, count(*) FROM instance, json_each(instance.{kind}) "
                f"WHERE instance.{level} = ? GROUP BY value",
                identifier,
            )
        ]
        ((worst, greatest),) = self._select(f"SELECT min(psnr), max(error) {where}", identifier)
        return _totals(rows, findings, worst, greatest or 0)

    def instances_of(self, level: str, identifier: str) -> list[Entry]:
        """The instances of a ``series``, ``study`` or ``patient``, by series and number."""
        if level not in _LEVELS:
            raise ValueError(level)
        rows = self._select(
            f"SELECT * FROM instance WHERE {level} = ? ORDER BY series, number",
            identifier,
        )
        return [_entry(row) for row in rows]

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
        rows = self._select(
            "SELECT * FROM instance WHERE outcome = 'failed' OR verdict = 'FAIL' "
            "ORDER BY day DESC LIMIT ?",
            count,
        )
        return [_entry(row) for row in rows]

    def _select(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._db.execute(query, values).fetchall()


def _open(path: Path | None) -> sqlite3.Connection:
    try:
        db = sqlite3.connect(path or ":memory:", check_same_thread=False)
    except sqlite3.Error as error:
        raise OSError(f"{path}: {error}") from error
    with contextlib.ExitStack() as stack:
        stack.callback(db.close)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")
        elif version != _VERSION:
            raise sqlite3.DatabaseError(f"it is of version {version}, not {_VERSION}")
        stack.pop_all()
    return db


def _row(entry: Entry) -> tuple[Any, ...]:
    lists = {name: json.dumps(getattr(entry, name)) for name in _LISTS}
    return tuple({**asdict(entry), **lists}.values())


def _entry(row: tuple[Any, ...]) -> Entry:
    values = dict(zip(_NAMES, row, strict=True))
    return Entry(**{**values, **{name: tuple(json.loads(values[name])) for name in _LISTS}})


def _totals(
    rows: list[tuple[Any, ...]],
    findings: list[tuple[str, str, int]],
    psnr: float | None,
    error: int,
) -> dict[str, Any]:
    """Sum up rows of day, modality, syntax, outcome, code, verdict, and four numbers."""
    by: dict[str, dict[str, int]] = {"outcome": {}, "verdict": {}, "syntax": {}, "code": {}}
    modalities: dict[str, dict[str, int]] = {}
    sums = {"instances": 0, "noted": 0, "source_bytes": 0, "result_bytes": 0}
    for _, modality, syntax, outcome, code, verdict, *numbers in rows:
        keys = {"outcome": outcome, "verdict": verdict, "syntax": syntax, "code": code}
        for name, key in keys.items():
            if key:
                by[name][key] = by[name].get(key, 0) + numbers[0]
        of_modality = modalities.setdefault(modality, dict.fromkeys(sums, 0))
        for name, number in zip(sums, numbers, strict=True):
            sums[name] += number
            of_modality[name] += number
    return {
        **sums,
        **{f"by_{name}": values for name, values in by.items()},
        "by_modality": modalities,
        **{name: {code: n for kind, code, n in findings if kind == name} for name in _LISTS},
        "worst_psnr": psnr,
        "greatest_error": error,
    }
