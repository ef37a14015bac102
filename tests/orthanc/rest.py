"""Orthanc's REST API, as the tests use it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any

# A proxy of the environment has nothing to do with servers on this machine.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class HttpError(RuntimeError):
    """Orthanc answered with an error status."""

    def __init__(self, method: str, path: str, status: int, body: bytes) -> None:
        super().__init__(f"{method} {path}: {status} {body[:500]!r}")
        self.status = status
        self.body = body


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, whatever its status."""

    status: int
    body: bytes
    headers: Message

    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


class RestClient:
    """Requests to a server on this machine; ``http_port`` may change with each start."""

    def __init__(self, http_port: int = 0) -> None:
        self.http_port = http_port

    @property
    def url(self) -> str:
        """The root of the API, without a slash at the end."""
        return f"http://127.0.0.1:{self.http_port}"

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 120.0,
    ) -> Answer:
        """One HTTP request; an error status is an answer like any other."""
        request = urllib.request.Request(  # noqa: S310  always http, always this machine
            self.url + path, data=body, headers=dict(headers or {}), method=method
        )
        try:
            with _OPENER.open(request, timeout=timeout) as answer:
                return Answer(answer.status, answer.read(), answer.headers)
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.read(), error.headers)

    def _checked(self, method: str, path: str, body: object, timeout: float) -> Any:
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        answer = self.request(method, path, content, timeout=timeout)
        if answer.status >= 400:
            raise HttpError(method, path, answer.status, answer.body)
        kind = answer.headers.get("Content-Type") or ""
        return answer.json() if kind.startswith("application/json") else answer.body

    def get(self, path: str, timeout: float = 120.0) -> Any:
        """The JSON value, or the bytes, at a path."""
        return self._checked("GET", path, None, timeout)

    def post(self, path: str, body: object, timeout: float = 120.0) -> Any:
        """Post bytes as they are, anything else as JSON."""
        return self._checked("POST", path, body, timeout)

    def put(self, path: str, body: object, timeout: float = 120.0) -> Any:
        """Put bytes as they are, anything else as JSON."""
        return self._checked("PUT", path, body, timeout)

    def delete(self, path: str, timeout: float = 120.0) -> Any:
        """Delete a resource."""
        return self._checked("DELETE", path, None, timeout)

    def store(self, content: bytes, timeout: float = 120.0) -> Any:
        """Store a DICOM file (an object with its ``ID``), or a ZIP of them (a list of such)."""
        return self.post("/instances", content, timeout)

    def instances(self) -> list[str]:
        """Orthanc's identifiers of all stored instances."""
        found: list[str] = self.get("/instances")
        return found

    def find(self, sop_instance_uid: str) -> list[str]:
        """Orthanc's identifiers of the stored instances with this SOP Instance UID."""
        query = {"Level": "Instance", "Query": {"SOPInstanceUID": sop_instance_uid}}
        found: list[str] = self.post("/tools/find", query)
        return found

    def file(self, identifier: str) -> bytes:
        """The stored file."""
        return bytes(self.get(f"/instances/{identifier}/file"))

    def clear(self) -> None:
        """Delete all that is stored."""
        for patient in self.get("/patients"):
            self.delete(f"/patients/{patient}")
