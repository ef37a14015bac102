"""Tables, triggers and totals of the index of reports."""

# What is put into a statement's text are names of this module.
# ruff: noqa: S608

from __future__ import annotations

from typing import Any

VERSION = 2
LISTS = ("findings", "received")
TALLY = "day, modality, syntax, outcome, code, verdict"


def noted(row: str) -> str:
    """Whether nothing worse than a note was found, but a note."""
    return f"({row}.verdict = 'PASS' AND {row}.findings <> '[]')"


def _tallied(row: str, sign: str) -> str:
    """The statements that count a row in, or out."""
    keys = ", ".join(f"{row}.{name}" for name in TALLY.split(", "))
    counted = "".join(
        f"""
        INSERT INTO finding SELECT '{kind}', value, {sign}1 FROM json_each({row}.{kind}) WHERE true
        ON CONFLICT (kind, code) DO UPDATE SET instances = instances + excluded.instances;
        """
        for kind in LISTS
    )
    return f"""
        INSERT INTO tally VALUES ({keys}, {sign}1, {sign}{noted(row)},
            {sign}{row}.source_bytes, {sign}{row}.result_bytes)
        ON CONFLICT ({TALLY}) DO UPDATE SET instances = instances + excluded.instances,
            noted = noted + excluded.noted,
            source_bytes = source_bytes + excluded.source_bytes,
            result_bytes = result_bytes + excluded.result_bytes;
        {counted}
    """


SCHEMA = f"""
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
        PRIMARY KEY ({TALLY})) WITHOUT ROWID;
    CREATE TABLE finding (kind TEXT, code TEXT, instances INTEGER,
        PRIMARY KEY (kind, code)) WITHOUT ROWID;
    CREATE TRIGGER counted_in AFTER INSERT ON instance BEGIN {_tallied("new", "+")} END;
    CREATE TRIGGER counted_out AFTER DELETE ON instance BEGIN {_tallied("old", "-")}
        DELETE FROM tally WHERE instances = 0;
    END;
"""


def totals(
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
        **{name: {code: n for kind, code, n in findings if kind == name} for name in LISTS},
        "worst_psnr": psnr,
        "greatest_error": error,
    }
