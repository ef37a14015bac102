"""The report of each stored instance, kept in Orthanc as user-defined metadata.

It is thereby stored in whatever database Orthanc uses, survives restarts, and
is deleted with the instance. A report is matched to the instance that is
stored next on the same thread, which is how Orthanc works: it transcodes, then
stores, then tells us, one instance after the other. The SOP Instance UID and
the transfer syntax must agree, since a thread may also have transcoded for
another purpose and stored nothing.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import threading
from typing import Protocol

from .dicom.syntaxes import VIDEO
from .model import Outcome, Report

_log = logging.getLogger(__name__)


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
        self._latest: dict[int, Report] = {}

    def remember(self, thread: int, report: Report) -> None:
        """Keep the report of the latest transcoding on a thread."""
        with self._lock:
            self._latest[thread] = report

    def take(self, thread: int, syntax: str, ingest_target: str) -> Report | None:
        """The report that belongs to the instance which ``thread`` has just stored.

        Parameters
        ----------
        syntax
            Transfer syntax that was stored.
        ingest_target
            Transfer syntax that Orthanc wants to store. What we decline, its
            own transcoder may do: lossily, too, with a new SOP Instance UID.
        """
        with self._lock:
            report = self._latest.pop(thread, None)
        if report is None or syntax == (report.target_syntax or report.source_syntax):
            return report
        if syntax == ingest_target and not report.target_syntax:
            reason = f"{report.reason} Another transcoder of Orthanc made this {syntax} of it."
            return dataclasses.replace(report, reason=reason, result_sop_instance_uid="")
        return None

    def write(self, instance: str, report: Report, uid: str = "") -> None:
        """Keep a report with an instance; not on an Orthanc thread.

        Parameters
        ----------
        uid
            SOP Instance UID of what was stored, as far as it is known. Orthanc is
            asked for it unless it is the report's.
        """
        try:
            if not uid or uid != report.result_sop_instance_uid:
                uid = self._sop_instance_uid(instance)
            if report.result_sop_instance_uid in (uid, ""):
                self._put(instance, dataclasses.replace(report, result_sop_instance_uid=uid))
        except RestError as error:
            _log.warning("the report of instance %s could not be stored: %s", instance, error)

    def write_unasked(self, instance: str, syntax: str, size: int) -> None:
        """Keep a report with an instance that Orthanc stored without asking us.

        The core leaves video alone, and newer ones what has no pixel data.
        """
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

    def _sop_instance_uid(self, instance: str) -> str:
        tags = json.loads(self._rest.rest_get(f"/instances/{instance}"))["MainDicomTags"]
        return str(tags.get("SOPInstanceUID", ""))

    def _put(self, instance: str, report: Report) -> None:
        body = json.dumps(report.to_json(), separators=(",", ":")).encode()
        self._rest.rest_put(self._uri(instance), body)

    def read(self, instance: str) -> dict[str, object] | None:
        """The report that an instance has, if any; not on an Orthanc thread."""
        try:
            report = json.loads(self._rest.rest_get(self._uri(instance)))
        except RestError:
            return None
        return report if isinstance(report, dict) else None

    def _uri(self, instance: str) -> str:
        return f"/instances/{instance}/metadata/{self._metadata}"
