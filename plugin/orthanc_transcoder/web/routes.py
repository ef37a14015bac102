"""What ``/transcoder/...`` answers (``docs/rest.md``); knows nothing of how Orthanc serves it."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..records import RestError
from ..reports import Reports, as_csv, totals_as_csv
from . import origin, pages

_SINGULAR = {
    "instances": "instance",
    "series": "series",
    "studies": "study",
    "patients": "patient",
}
_LEVELS = "|".join(_SINGULAR)
_IDENTIFIER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{8}){4}")
_OF_RESOURCE = re.compile(rf"/transcoder/({_LEVELS})/([^/]+)/(report|check)")
_APP = "/transcoder/app/"
# No browser shall take a value in a report for a page.
_HEADERS = {"X-Content-Type-Options": "nosniff"}

# The routes as Orthanc's regular expressions.
PATTERNS = (
    "/transcoder/status",
    "/transcoder/report",
    f"/transcoder/({_LEVELS})/([^/]+)/(report|check)",
    "/transcoder/app/?(.*)",
)


@dataclass(frozen=True, slots=True)
class WebRequest:
    """An HTTP request; names of headers in lower case."""

    path: str
    method: str = "GET"
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def wants_csv(self) -> bool:
        """Whether CSV is asked for, by the query or the header."""
        accepted = self.headers.get("accept", "")
        return self.query.get("format", "csv" if "text/csv" in accepted else "") == "csv"


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP answer; 405 names the method that is allowed in its body."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


class Site:
    """Answers requests.

    Parameters
    ----------
    status
        Gives the status page's values.
    pending
        Gives the number of instances whose checks have not run.
    check
        Takes a resource's level and identifier, has its instances checked, and gives
        the identifier of Orthanc's job. None where there are no checks.
    """

    def __init__(
        self,
        status: Callable[[], object],
        reports: Reports,
        pending: Callable[[], int] = int,
        check: Callable[[str, str], str] | None = None,
    ) -> None:
        self._status, self._reports, self._pending = status, reports, pending
        self._check = check

    def answer(self, request: WebRequest) -> Response:
        """Answer one request."""
        response = self._answer(request)
        return dataclasses.replace(response, headers={**_HEADERS, **response.headers})

    def _answer(self, request: WebRequest) -> Response:
        if found := _OF_RESOURCE.fullmatch(request.path):
            return self._of_resource(found[1], found[2], found[3], request)
        if request.method != "GET":
            return Response(405, b"GET")
        if request.path == "/transcoder/status":
            return _json(200, self._status())
        if request.path == "/transcoder/report":
            return self._server_report(request)
        return _page(request.path)

    def _of_resource(self, level: str, identifier: str, what: str, request: WebRequest) -> Response:
        method, answer = ("POST", self._start_check) if what == "check" else ("GET", self._report)
        if request.method != method:
            return Response(405, method.encode())
        if method != "GET" and origin.is_foreign(request.headers):
            return error(403, "this was asked for by a page of another site")
        if not _IDENTIFIER.fullmatch(identifier):
            return error(404, "this is no identifier of Orthanc")
        return answer(level, identifier, request)

    def _report(self, level: str, identifier: str, request: WebRequest) -> Response:
        if level == "instances":
            values = self._reports.of_instance(identifier)
        else:
            values = self._reports.of_resource(level, identifier)
        if values is None:
            return error(404, f"there is no such {_SINGULAR[level]}, or it has no report")
        if request.wants_csv:
            return _csv(as_csv(self._reports.entries(level, identifier)))
        return _json(200, values)

    def _server_report(self, request: WebRequest) -> Response:
        values = self._reports.of_server(self._pending())
        return _csv(totals_as_csv(values)) if request.wants_csv else _json(200, values)

    def _start_check(self, level: str, identifier: str, _: WebRequest) -> Response:
        if self._check is None:
            return error(409, "the checks are switched off by Transcoder.QualityChecks")
        try:
            instances = self._reports.instances_below(level, identifier)
        except RestError:
            instances = None  # deleted meanwhile
        if instances is None:
            return error(404, f"there is no such {_SINGULAR[level]}")
        job = self._check(level, identifier)
        return _json(200, {"ID": job, "Path": f"/jobs/{job}"})


def error(status: int, message: str) -> Response:
    """An error as the REST API gives it."""
    return _json(status, {"error": message, "status": status})


def _page(path: str) -> Response:
    name = path.removeprefix(_APP.rstrip("/")).removeprefix("/")
    page = pages.page(name)
    if page is None:
        return error(404, "there is no such page")
    return Response(200, page.content, page.content_type, page.headers)


def _json(status: int, values: Any) -> Response:
    return Response(status, json.dumps(values, indent=2).encode() + b"\n")


def _csv(text: str) -> Response:
    headers = {"Content-Disposition": 'attachment; filename="report.csv"'}
    return Response(200, text.encode(), "text/csv", headers)
