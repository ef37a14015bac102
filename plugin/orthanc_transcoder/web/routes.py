"""What ``/transcoder/...`` answers; knows nothing of how Orthanc serves it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

_INSTANCE_REPORT = re.compile(r"/transcoder/instances/([0-9a-f-]{44})/report")

# The routes as Orthanc's regular expressions.
PATTERNS = ("/transcoder/status", "/transcoder/instances/([^/]+)/report")


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP answer; the body is JSON in ASCII."""

    status: int
    body: str


def answer(
    path: str,
    method: str,
    status: Callable[[], object],
    report: Callable[[str], object | None],
) -> Response:
    """Answer one request.

    Parameters
    ----------
    status
        Gives the status page's values.
    report
        Gives the report of an instance, or None if it has none.
    """
    if method != "GET":
        return _error(405, "only GET is allowed here")
    if path == "/transcoder/status":
        return _json(200, status())
    found = _INSTANCE_REPORT.fullmatch(path)
    values = report(found.group(1)) if found else None
    if values is None:
        return _error(404, "there is no such instance, or it has no report")
    return _json(200, values)


def _json(status: int, values: object) -> Response:
    return Response(status, json.dumps(values, indent=2) + "\n")


def _error(status: int, message: str) -> Response:
    return _json(status, {"error": message, "status": status})
