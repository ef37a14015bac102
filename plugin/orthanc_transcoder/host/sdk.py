"""Orthanc's services through its C interface.

Calls through ctypes release the GIL while the core works, which those through
the ``orthanc`` module do not.
"""

from __future__ import annotations

import ctypes
import re
from typing import Any

from ..errors import HostError
from . import abi
from .abi import Service
from .discovery import find_context


class ServiceError(Exception):
    """A service of the core answered with an error code."""

    def __init__(self, service: int, code: int, description: str) -> None:
        super().__init__(f"service {service} failed with error code {code}: {description}")
        self.code = code


class Sdk:
    """The core's services, once the context is proven.

    Parameters
    ----------
    orthanc
        The ``orthanc`` module, whose answers the context must match.

    Raises
    ------
    HostError
        If the context is not found, or its answers are not the module's.
    """

    def __init__(self, orthanc: Any) -> None:
        self._address = find_context()
        self._context = abi.Context.from_address(self._address)
        self._keep: list[object] = []  # callbacks live as long as the process
        self._prove(orthanc)

    @property
    def version(self) -> str:
        """Version of the Orthanc core."""
        return str(self._context.orthanc_version.decode())

    def is_at_least(self, *numbers: int) -> bool:
        """Whether the core has this version; what is built from its main line is the newest."""
        found = re.match(r"\d+(\.\d+)*", self.version)
        return found is None or tuple(map(int, found[0].split("."))) >= numbers

    @property
    def drops_what_is_declined(self) -> bool:
        """Whether archives and media lack what no transcoder takes."""
        return self.is_at_least(1, 13)

    @property
    def has_labels(self) -> bool:
        """Whether resources can have labels."""
        return self.is_at_least(1, 12)

    def configuration(self) -> str:
        """Orthanc's configuration, as JSON."""
        return self._text(Service.GET_CONFIGURATION)

    def rest_get(self, uri: str) -> bytes:
        """GET from Orthanc's REST API, without its plugins' routes.

        Raises
        ------
        ServiceError
            If the core answers with an error.
        """
        target = abi.MemoryBuffer()
        call = abi.RestApiGet(ctypes.pointer(target), uri.encode())
        self.invoke(Service.REST_API_GET, call)
        return self._take(target)

    def rest_put(self, uri: str, body: bytes) -> bytes:
        """PUT to Orthanc's REST API; raises like ``rest_get``."""
        return self._send(Service.REST_API_PUT, uri, body)

    def rest_post(self, uri: str, body: bytes) -> bytes:
        """POST to Orthanc's REST API; raises like ``rest_get``."""
        return self._send(Service.REST_API_POST, uri, body)

    def rest_delete(self, uri: str) -> None:
        """DELETE in Orthanc's REST API; raises like ``rest_get``."""
        text = ctypes.create_string_buffer(uri.encode())
        self.invoke(Service.REST_API_DELETE, text)

    def read_property(self, number: int) -> str:
        """A global property of Orthanc's database; empty where it is not set."""
        result = ctypes.c_void_p()
        call = abi.GlobalProperty(ctypes.pointer(result), number, b"")
        self.invoke(Service.GET_GLOBAL_PROPERTY, call)
        return self.take_text(result)

    def write_property(self, number: int, value: str) -> None:
        """Set a global property of Orthanc's database."""
        call = abi.GlobalProperty(None, number, value.encode())
        self.invoke(Service.SET_GLOBAL_PROPERTY, call)

    def invoke(self, service: int, parameters: ctypes.Structure | ctypes.Array[Any]) -> None:
        """Call any service; raises like ``rest_get``."""
        code = self._context.invoke_service(self._address, service, ctypes.addressof(parameters))
        if code != abi.SUCCESS:
            raise ServiceError(service, code, self._describe(code))

    def register(self, service: int, function: Any) -> None:
        """Register a callback, and keep it; raises like ``rest_get``."""
        self.invoke(service, abi.Callback(self.keep(function)))

    def keep(self, function: Any) -> int | None:
        """Keep a callback for the life of the process; gives its address."""
        self._keep.append(function)
        return ctypes.cast(function, ctypes.c_void_p).value

    def create_buffer(self, target: int, size: int) -> abi.MemoryBuffer:
        """Let the core allocate memory for the buffer structure at ``target``."""
        self.invoke(Service.CREATE_MEMORY_BUFFER, abi.CreateMemoryBuffer(target, size))
        return abi.MemoryBuffer.from_address(target)

    def free_buffer(self, buffer: abi.MemoryBuffer) -> None:
        """Free what ``create_buffer`` allocated, and leave nothing to be freed again."""
        self._context.free(buffer.data)
        buffer.data, buffer.size = None, 0

    def take_text(self, result: ctypes.c_void_p) -> str:
        """A text that the core handed over, which is freed."""
        try:
            return ctypes.string_at(result.value or 0).decode() if result.value else ""
        finally:
            self._context.free(result)

    def _send(self, service: int, uri: str, body: bytes) -> bytes:
        target = abi.MemoryBuffer()
        call = abi.RestApiPostPut(ctypes.pointer(target), uri.encode(), body, len(body))
        self.invoke(service, call)
        return self._take(target)

    def _prove(self, orthanc: Any) -> None:
        try:
            path = self._text(Service.GET_ORTHANC_PATH)
            configuration = self.configuration()
        except ServiceError as error:
            raise HostError(f"the context that was found does not answer: {error}") from error
        if path != orthanc.GetOrthancPath() or configuration != orthanc.GetConfiguration():
            raise HostError("the context that was found gives other answers than Orthanc")

    def _describe(self, code: int) -> str:
        """What an error code means, in the core's words."""
        text = ctypes.c_char_p()  # the core's own, not to be freed
        call = abi.GetErrorDescription(ctypes.pointer(text), code)
        self._context.invoke_service(
            self._address, Service.GET_ERROR_DESCRIPTION, ctypes.addressof(call)
        )
        return (text.value or b"unknown").decode()

    def _text(self, service: int) -> str:
        result = ctypes.c_void_p()
        self.invoke(service, abi.RetrieveDynamicString(ctypes.pointer(result), None))
        return self.take_text(result)

    def _take(self, buffer: abi.MemoryBuffer) -> bytes:
        try:
            return ctypes.string_at(buffer.data, buffer.size) if buffer.size else b""
        finally:
            self._context.free(buffer.data)
