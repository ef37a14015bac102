"""The two ways from here to Orthanc's REST API and its database."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ..records import RestError
from .sdk import Sdk, ServiceError

_FORWARDER_PROPERTY = 4206
INSPECTOR_PROPERTY = 4207


@contextlib.contextmanager
def _as_rest_error(kind: type[Exception]) -> Iterator[None]:
    """Turn the errors of one way to the REST API into ``RestError``."""
    try:
        yield
    except kind as error:
        raise RestError(str(error)) from error


class OfficialRest:
    """Orthanc's REST API through the ``orthanc`` module, which holds the GIL meanwhile.

    Only for requests that need no transcoding to be answered.
    """

    def __init__(self, orthanc: Any) -> None:
        self._orthanc = orthanc

    def rest_get(self, uri: str) -> bytes:
        """GET; raises ``RestError``."""
        with _as_rest_error(self._orthanc.OrthancException):
            return bytes(self._orthanc.RestApiGet(uri))

    def rest_put(self, uri: str, body: bytes) -> None:
        """PUT; raises ``RestError``."""
        with _as_rest_error(self._orthanc.OrthancException):
            self._orthanc.RestApiPut(uri, body)


class NativeRest:
    """Orthanc's REST API through the SDK, which releases the GIL meanwhile.

    Parameters
    ----------
    global_property
        Where ``write_property`` keeps its value; from 1024 on, they are the plugins'.
    """

    def __init__(self, sdk: Sdk, global_property: int = _FORWARDER_PROPERTY) -> None:
        self._sdk = sdk
        self._property = global_property

    def rest_get(self, uri: str) -> bytes:
        """GET; raises ``RestError``."""
        with _as_rest_error(ServiceError):
            return self._sdk.rest_get(uri)

    def rest_put(self, uri: str, body: bytes) -> None:
        """PUT; raises ``RestError``."""
        with _as_rest_error(ServiceError):
            self._sdk.rest_put(uri, body)

    def rest_post(self, uri: str, body: bytes) -> bytes:
        """POST; raises ``RestError``."""
        with _as_rest_error(ServiceError):
            return self._sdk.rest_post(uri, body)

    def rest_delete(self, uri: str) -> None:
        """DELETE; raises ``RestError``."""
        with _as_rest_error(ServiceError):
            self._sdk.rest_delete(uri)

    def read_property(self) -> str:
        """What was kept in Orthanc's database; raises ``RestError``."""
        with _as_rest_error(ServiceError):
            return self._sdk.read_property(self._property)

    def write_property(self, value: str) -> None:
        """Keep something in Orthanc's database; raises ``RestError``."""
        with _as_rest_error(ServiceError):
            self._sdk.write_property(self._property, value)
