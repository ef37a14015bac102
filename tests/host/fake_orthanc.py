"""A stand-in for the ``orthanc`` module: as much of it as the package uses, and no more.

``tests/orthanc/test_names.py`` compares its names with those of the real module.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from enum import Enum
from typing import Any


class OrthancException(Exception):
    """What the module raises when the core answers with an error."""


class ReceivedInstanceAction(Enum):
    """What to do with a received instance."""

    KEEP_AS_IS = 1
    MODIFY = 2
    DISCARD = 3


class Output:
    """Takes the answer to an HTTP request."""

    def __init__(self) -> None:
        self.status = 0
        self.body: str | bytes = ""
        self.headers: dict[str, str] = {}

    def AnswerBuffer(self, body: bytes, mime: str, /) -> None:
        self.status, self.body = 200, body
        self.headers["Content-Type"] = mime

    def SendMethodNotAllowed(self, allowed: str, /) -> None:
        self.status = 405
        self.headers["Allow"] = allowed

    def SetHttpHeader(self, name: str, value: str, /) -> None:
        self.headers[name] = value

    def SendHttpStatus(self, status: int, body: str, size: int | None = None, /) -> None:
        assert size in (None, len(body.encode()))
        self.status, self.body = status, body


class Instance:
    """A stored instance."""

    def __init__(self, syntax: str, size: int) -> None:
        self._syntax, self._size = syntax, size

    def GetInstanceTransferSyntaxUid(self) -> str:
        return self._syntax

    def GetInstanceSize(self) -> int:
        return self._size


class FakeOrthanc:
    """The module; what is registered can be called by the test."""

    ReceivedInstanceAction = ReceivedInstanceAction
    OrthancException = OrthancException

    def __init__(self, configuration: dict[str, Any]) -> None:
        self.configuration = configuration
        self.log: list[tuple[str, str]] = []
        self.routes: dict[str, Callable[..., None]] = {}
        self.received: Callable[[bytes, Any], tuple[Any, bytes | None]] | None = None
        self.stored: Callable[[Any, str], None] | None = None
        self.metadata: dict[str, bytes] = {}
        self.resources: dict[str, dict[str, Any]] = {
            "/system": {"Version": "1.10.1"},
            "/plugins/python": {"Version": "4.0"},
        }

    def GetConfiguration(self) -> str:
        return json.dumps(self.configuration)

    def GetConfigurationPath(self) -> str:
        return "/etc/orthanc/orthanc.json"

    def GetOrthancPath(self) -> str:
        return "/usr/sbin/Orthanc"

    def ExtendOrthancExplorer(self, script: str, /) -> None:
        self.explorer = script

    def LogError(self, message: str, /) -> None:
        self.log.append(("error", message))

    def LogWarning(self, message: str, /) -> None:
        self.log.append(("warning", message))

    def LogInfo(self, message: str, /) -> None:
        self.log.append(("info", message))

    def RegisterRestCallback(self, pattern: str, callback: Callable[..., None], /) -> None:
        self.routes[pattern] = callback

    def RegisterOnStoredInstanceCallback(self, callback: Callable[[Any, str], None], /) -> None:
        self.stored = callback

    def RegisterReceivedInstanceCallback(
        self, callback: Callable[[bytes, Any], tuple[Any, bytes | None]], /
    ) -> None:
        self.received = callback

    def RestApiGet(self, uri: str, /) -> bytes:
        if uri in self.resources:
            return json.dumps(self.resources[uri]).encode()
        if uri in self.metadata:
            return self.metadata[uri]
        raise OrthancException("Unknown resource")

    def RestApiPut(self, uri: str, body: bytes, /) -> bytes:
        self.metadata[uri] = body
        return b""

    def call(self, uri: str, method: str = "GET") -> Output:
        output = Output()
        (callback,) = (each for pattern, each in self.routes.items() if re.fullmatch(pattern, uri))
        callback(output, uri, method=method, groups=(), get={}, headers={})
        return output
