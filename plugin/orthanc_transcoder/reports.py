"""The reports as the REST API gives them (``docs/rest.md``): of an instance, of what is
above it, of the server; as JSON values or CSV.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

from .index import Entry, Index
from .records import Records, Rest, RestError

_DAYS = 90
_FAILURES = 100
# Worst first.
_VERDICTS = ("FAIL", "PENDING", "WARN", "PASS", "NONE")
_SINGULAR = {"series": "series", "studies": "study", "patients": "patient"}
_EXPLORER = "/app/explorer.html#instance?uuid="
_COLUMNS = (
    "id", "patient", "study", "series", "number", "sop_instance_uid", "modality", "day",
    "syntax", "outcome", "code", "verdict", "findings", "received", "source_bytes", "result_bytes",
    "psnr", "error",
)  # fmt: skip


class Reports:
    """Reads the records that lie with the instances, and the index of them all.

    Parameters
    ----------
    checks
        Whether stored instances are checked.
    """

    def __init__(self, rest: Rest, records: Records, index: Index, checks: bool) -> None:
        self._rest, self._records, self._index = rest, records, index
        self._checks = checks

    def of_instance(self, identifier: str) -> dict[str, Any] | None:
        """The report of one instance; None if it has none."""
        report = self._records.read(identifier)
        if report and report["verdict"] == "NONE" and self._checks:
            # What is in the index without a verdict was stored when there were no checks.
            report["verdict"] = "NONE" if self._index.get(identifier) else "PENDING"
        return report

    def of_resource(self, level: str, identifier: str) -> dict[str, Any] | None:
        """Totals of a series, study or patient, and its series; None if it is not there."""
        resource = self._resource(level, identifier)
        if resource is None:
            return None
        name = _SINGULAR[level]
        tags = resource["MainDicomTags"]
        series = self._series_of(self._index.instances_of(name, identifier))
        return {
            "level": name,
            "id": identifier,
            "verdict": _worst(one["verdict"] for one in series),
            "description": tags.get("StudyDescription") or tags.get("SeriesDescription", ""),
            "date": tags.get("StudyDate") or tags.get("SeriesDate", ""),
            **self._index.totals_of(name, identifier),
            "series": series,
        }

    def of_server(self, pending: int) -> dict[str, Any]:
        """Totals of the server."""
        failures = [
            {
                "id": entry.id,
                "study": entry.study,
                "outcome": entry.outcome,
                "verdict": entry.verdict,
                "codes": [code for code in (entry.code, *entry.findings) if code],
                "link": _EXPLORER + entry.id,
            }
            for entry in self._index.failures(_FAILURES)
        ]
        return {
            **self._index.totals(),
            "by_day": self._index.by_day(_DAYS),
            "failures": failures,
            "pending": pending,
        }

    def entries(self, level: str, identifier: str) -> list[Entry]:
        """What the index has of a resource, for CSV."""
        if level == "instances":
            entry = self._index.get(identifier)
            return [entry] if entry else []
        return self._index.instances_of(_SINGULAR[level], identifier)

    def instances_below(self, level: str, identifier: str) -> list[str] | None:
        """Orthanc's identifiers of the instances of a resource; None if it is not there."""
        resource = self._resource(level, identifier)
        if resource is None or level == "instances":
            return [identifier] if resource else None
        if level == "series":
            return list(resource["Instances"])
        below = json.loads(self._rest.rest_get(f"/{level}/{identifier}/instances"))
        return [str(one["ID"]) for one in below]

    def _resource(self, level: str, identifier: str) -> dict[str, Any] | None:
        try:
            return dict(json.loads(self._rest.rest_get(f"/{level}/{identifier}")))
        except RestError:
            return None

    def _series_of(self, entries: Iterable[Entry]) -> list[dict[str, Any]]:
        by_series: dict[str, list[Entry]] = {}
        for entry in entries:
            by_series.setdefault(entry.series, []).append(entry)
        found = [self._series(identifier, members) for identifier, members in by_series.items()]
        return sorted(found, key=lambda one: (one["number"].zfill(12), one["id"]))

    def _series(self, identifier: str, entries: list[Entry]) -> dict[str, Any]:
        resource = self._resource("series", identifier) or {"MainDicomTags": {}}
        tags = resource["MainDicomTags"]
        return {
            "id": identifier,
            "modality": tags.get("Modality", ""),
            "description": tags.get("SeriesDescription", ""),
            "number": tags.get("SeriesNumber", ""),
            "verdict": _worst(entry.verdict for entry in entries),
            "totals": self._index.totals_of("series", identifier),
            "instances": [_line(entry) for entry in entries],
        }


def as_csv(entries: Iterable[Entry]) -> str:
    """One line per instance, under the names of the columns."""
    rows = io.StringIO()
    writer = csv.writer(rows)
    writer.writerow(_COLUMNS)
    for entry in entries:
        values = [getattr(entry, name) for name in _COLUMNS]
        writer.writerow([_cell(value) for value in values])
    return rows.getvalue()


def totals_as_csv(totals: Mapping[str, Any]) -> str:
    """One line per figure: what it is, of what, and the value."""
    rows = io.StringIO()
    writer = csv.writer(rows)
    writer.writerow(("figure", "of", "value"))
    for name, value in totals.items():
        if isinstance(value, Mapping):
            writer.writerows(
                (f"{name}.{inner}" if inner else name, _cell(key), number)
                for key, one in value.items()
                for inner, number in (one.items() if isinstance(one, Mapping) else [("", one)])
            )
        elif not isinstance(value, list):
            writer.writerow((name, "", "" if value is None else value))
    return rows.getvalue()


def _cell(value: object) -> str:
    """A value as text; what a spreadsheet would take for a formula is not one."""
    if isinstance(value, tuple):
        value = " ".join(value)
    text = "" if value is None else str(value)
    formula = isinstance(value, str) and text[:1] in ("=", "+", "-", "@", "\t", "\r")
    return f"'{text}" if formula else text


def _worst(verdicts: Iterable[str]) -> str:
    found = set(verdicts)
    return next((verdict for verdict in _VERDICTS if verdict in found), "NONE")


def _line(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "number": entry.number,
        "verdict": entry.verdict,
        "outcome": entry.outcome,
        "code": entry.code,
        "syntax": entry.syntax,
        "source_bytes": entry.source_bytes,
        "result_bytes": entry.result_bytes,
        "psnr": entry.psnr,
        "error": entry.error,
        "findings": list(entry.findings),
        "received": list(entry.received),
    }
