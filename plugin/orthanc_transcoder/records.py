"""The report of each stored instance, kept in Orthanc with the instance.

What was done to it, and the verdict of the checks, is user-defined metadata; the
findings in words, the measures of each frame and the pictures of a lossy result
are a user-defined attachment of the same number, compressed.

A report is thereby stored in whatever database Orthanc uses, survives restarts, and
is deleted with the instance. A report is matched to the instance that is
stored next on the same thread, which is how Orthanc works: it transcodes, then
stores, then tells us, one instance after the other. The SOP Instance UID and
the transfer syntax must agree, since a thread may also have transcoded for
another purpose and stored nothing; and what was stored before the transcoding is
not its result: Orthanc tells of what it refuses, since it has it, too.
"""

from __future__ import annotations

import calendar
import dataclasses
import json
import logging
import re
import threading
import time
import uuid
import zlib
from collections.abc import Mapping
from typing import Any, Protocol

from . import syntaxes
from .dicom.syntaxes import VIDEO
from .model import Outcome, Report
from .originals import uid_as_read

_log = logging.getLogger(__name__)

# What is large, and only wanted when someone looks at one instance. Of what was wrong with
# the received file, the codes stay with the rest.
_DETAILS = ("frame_measures", "evidence", "received")
_NOTHING: dict[str, Any] = {
    "quality": None,
    "frame_measures": [],
    "evidence": None,
    "verdict": "NONE",
    "key": "",
}


# What metadata "ReceptionDate" looks like. Not for ``strptime``: what that imports lives on
# from before ``/tools/reset``, and is of no use then.
_RECEPTION = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)", re.ASCII)
# Orthanc takes the seconds of a clock that lags behind Python's by a tick of the kernel.
_CLOCKS_APART = 0.1


class RestError(Exception):
    """Orthanc's REST API answered with an error."""


class Rest(Protocol):
    """Orthanc's REST API, as far as records need it."""

    def rest_get(self, uri: str) -> bytes:
        """GET; raises ``RestError``."""

    def rest_put(self, uri: str, body: bytes) -> None:
        """PUT; raises ``RestError``."""


class Records:
    """Reports on their way into Orthanc, and those that are there."""

    def __init__(self, rest: Rest, metadata: int) -> None:
        self._rest = rest
        self._metadata = metadata
        self._lock = threading.Lock()
        self._latest: dict[int, tuple[Report, float]] = {}

    def remember(self, thread: int, report: Report) -> None:
        """Keep the report of the latest transcoding on a thread."""
        with self._lock:
            self._latest[thread] = (report, time.time())

    def take(
        self, thread: int, syntax: str, ingest_target: str
    ) -> tuple[Report, str, float] | None:
        """The report that belongs to the instance which ``thread`` has just stored.

        With it come what ``write`` wants to know.

        Parameters
        ----------
        syntax
            Transfer syntax that was stored.
        ingest_target
            Transfer syntax that Orthanc wants to store. What we decline, its
            own transcoder may do: lossily, too, with a new SOP Instance UID. A
            syntax that is lossless keeps the UID: another image that came in it is
            no result of ours, if Orthanc has refused what we declined.
        """
        with self._lock:
            report, since = self._latest.pop(thread, (None, 0.0))
        ours = report and _belonging(report, syntax, ingest_target)
        return (ours, syntax, since) if ours else None

    def write(self, instance: str, report: Report, syntax: str = "", since: float = 0.0) -> None:
        """Keep a report with an instance, if it is about that one; not on an Orthanc thread.

        Parameters
        ----------
        syntax, since
            Transfer syntax that Orthanc told of, and when the report was made, in the time
            of ``time.time``: what it has in another one, or had before, is another file.
        """
        try:
            uid = self._sop_instance_uid(instance)
            ours = _may_be(report.result_sop_instance_uid, uid) and not self._is_recorded(instance)
            if ours and self._is_stored(instance, syntax) and not self._is_older(instance, since):
                self._put(instance, dataclasses.replace(report, result_sop_instance_uid=uid))
        except RestError as error:
            _log.warning("the report of instance %s could not be stored: %s", instance, error)

    def _is_stored(self, instance: str, syntax: str) -> bool:
        """Whether an instance is in this syntax; what was refused may have been in another."""
        if not syntax:
            return True
        stored = self._rest.rest_get(f"/instances/{instance}/metadata/TransferSyntax")
        return stored.decode(errors="replace").strip() == syntax

    def _is_older(self, instance: str, since: float) -> bool:
        """Whether Orthanc had the instance before; it counts whole seconds of UTC."""
        uri = f"/instances/{instance}/metadata/ReceptionDate"
        try:
            parts = _RECEPTION.match(self._rest.rest_get(uri).decode(errors="replace"))
        except RestError:
            return False
        if parts is None:
            return False
        received = calendar.timegm(tuple(map(int, parts.groups())))
        return received < int(since - _CLOCKS_APART)

    def write_unasked(self, instance: str, syntax: str, size: int) -> None:
        """Keep a report with an instance that Orthanc stored without asking us.

        The core leaves video alone, and newer ones what has no pixel data.
        """
        if self.read_record(instance) is not None:
            return
        code = "video" if syntax in VIDEO else "not_asked"
        what = "video" if syntax in VIDEO else "this instance"
        try:
            uid = self._sop_instance_uid(instance)
            report = Report(
                Outcome.DECLINED,
                code=code,
                reason=f"Orthanc does not ask for {what} (syntax {syntax}) to be transcoded.",
                sop_instance_uid=uid,
                result_sop_instance_uid=uid,
                source_syntax=syntax,
                source_bytes=size,
            )
            self._put(instance, report)
            _log.warning("%s %s (%s): %s", uid, report.outcome, code, report.reason)
        except RestError as error:
            _log.warning("the report of instance %s could not be stored: %s", instance, error)

    def _is_recorded(self, instance: str) -> bool:
        """Whether it was stored before: what was sent again is not stored, yet announced.

        Where it takes the place of the earlier one, Orthanc has deleted that one's report.
        """
        record = self.read_record(instance)
        return record is not None and record["outcome"] != Outcome.UNASKED

    def _sop_instance_uid(self, instance: str) -> str:
        tags = json.loads(self._rest.rest_get(f"/instances/{instance}"))["MainDicomTags"]
        return str(tags.get("SOPInstanceUID", ""))

    def _put(self, instance: str, report: Report) -> None:
        record = {**report.to_json(), "key": uuid.uuid4().hex}
        details = {name: record.pop(name) for name in _DETAILS if name in record}
        record["received"] = sorted({finding.code for finding in report.received})
        self._put_record(instance, record)
        if any(details.values()):
            self._put_details(instance, {**details, "key": record["key"]})

    def write_quality(self, instance: str, record: dict[str, Any], quality: dict[str, Any]) -> None:
        """Keep what the checks found; raises ``RestError``.

        Parameters
        ----------
        record
            What ``read_record`` gave, with the verdict.
        quality
            The inspection, as plain values.
        """
        key = record.get("key", uuid.uuid4().hex)
        details = self._read_details(instance, record)
        self._put_details(instance, {**details, "quality": quality, "key": key})
        self._put_record(instance, {**record, "key": key})

    def read(self, instance: str) -> dict[str, Any] | None:
        """The whole report of an instance, if it has one; not on an Orthanc thread."""
        record = self.read_record(instance)
        if record is None:
            return None
        details = self._read_details(instance, record)
        whole = {**_NOTHING, **record, "received": [], **details}
        del whole["key"]
        return whole

    def read_record(self, instance: str) -> dict[str, Any] | None:
        """The report without its details, if there is one."""
        try:
            text = self._rest.rest_get(self._uri(instance))
        except RestError:
            return None
        return self.parse({str(self._metadata): text.decode(errors="replace")})

    def parse(self, metadata: Mapping[str, str]) -> dict[str, Any] | None:
        """The report among an instance's metadata; None if there is none that can be read."""
        try:
            report = json.loads(metadata[str(self._metadata)])
        except (KeyError, ValueError):
            return None
        return report if isinstance(report, dict) and "outcome" in report else None

    def _put_record(self, instance: str, record: dict[str, Any]) -> None:
        self._rest.rest_put(self._uri(instance), _compact(record))

    def _put_details(self, instance: str, details: dict[str, Any]) -> None:
        uri = f"/instances/{instance}/attachments/{self._metadata}"
        self._rest.rest_put(uri, zlib.compress(_compact(details)))

    def _read_details(self, instance: str, record: dict[str, Any]) -> dict[str, Any]:
        """The attachment; empty where it belongs to what was stored under this UID before."""
        uri = f"/instances/{instance}/attachments/{self._metadata}/data"
        try:
            details = json.loads(zlib.decompress(self._rest.rest_get(uri)))
        except (RestError, zlib.error, ValueError):
            return {}
        same = isinstance(details, dict) and details.get("key") == record.get("key", "")
        return details if same else {}

    def _uri(self, instance: str) -> str:
        return f"/instances/{instance}/metadata/{self._metadata}"


def _belonging(report: Report, syntax: str, ingest_target: str) -> Report | None:
    """The report of what was stored in ``syntax`` (see ``Records.take``), if it is."""
    if syntax == report.target_syntax:
        return report
    if syntax == report.source_syntax and not report.target_syntax:
        return dataclasses.replace(report, received=())  # it is what is stored
    if syntax == ingest_target and not report.target_syntax:
        reason = f"{report.reason} Another transcoder of Orthanc made this {syntax} of it."
        uid = report.sop_instance_uid if syntax in syntaxes.LOSSLESS else ""
        return dataclasses.replace(report, reason=reason, result_sop_instance_uid=uid)
    return None


def _may_be(reported: str, stored: str) -> bool:
    """Whether a report's UID, if it has one, is that of an instance in Orthanc."""
    return reported == "" or uid_as_read(reported) == uid_as_read(stored)


def _compact(values: dict[str, Any]) -> bytes:
    return json.dumps(values, separators=(",", ":")).encode()
