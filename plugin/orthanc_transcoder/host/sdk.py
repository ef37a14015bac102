"""Orthanc's plugin SDK through its public C ABI (``OrthancCPlugin.h``).

Only the services that this plugin uses. Calls through ctypes release the GIL
while the core works, which those through the ``orthanc`` module do not.
"""

from __future__ import annotations

import contextlib
import ctypes
import re
from collections.abc import Callable
from typing import Any

from ..errors import HostError
from ..model import Picture
from .discovery import find_context

SUCCESS = 0
PLUGIN_ERROR = 1
NOT_IMPLEMENTED = 2

_GET_ORTHANC_PATH = 4
_GET_GLOBAL_PROPERTY = 8
_SET_GLOBAL_PROPERTY = 9
_GET_CONFIGURATION = 13
_CREATE_MEMORY_BUFFER = 38
_REGISTER_TRANSCODER_CALLBACK = 1015
_REGISTER_RECEIVED_INSTANCE_CALLBACK = 1018
_KEEP_AS_IS = 1  # of ``OrthancPluginReceivedInstanceAction``
_REGISTER_DECODE_IMAGE_CALLBACK = 1006
_GET_IMAGE_PITCH = 6003
_GET_IMAGE_BUFFER = 6004
_CREATE_IMAGE = 6012
_REST_API_GET = 3001
_REST_API_POST = 3002
_REST_API_DELETE = 3003
_REST_API_PUT = 3004
# ``OrthancPluginPixelFormat``, with the bytes of a pixel.
PIXEL_FORMATS = {
    "Grayscale8": (1, 1),
    "Grayscale16": (2, 2),
    "SignedGrayscale16": (3, 2),
    "RGB24": (4, 3),
    "RGB48": (7, 6),
    "Grayscale32": (8, 4),
}
_MAX_BUFFER_BYTES = 2**32 - 1
_PY_BUF_READ = 0x100


class MemoryBuffer(ctypes.Structure):
    """``OrthancPluginMemoryBuffer``."""

    _fields_ = (("data", ctypes.c_void_p), ("size", ctypes.c_uint32))


class _CreateMemoryBuffer(ctypes.Structure):
    _fields_ = (("target", ctypes.c_void_p), ("size", ctypes.c_uint32))


class _RetrieveDynamicString(ctypes.Structure):
    _fields_ = (("result", ctypes.POINTER(ctypes.c_void_p)), ("argument", ctypes.c_char_p))


class _RestApiGet(ctypes.Structure):
    _fields_ = (("target", ctypes.POINTER(MemoryBuffer)), ("uri", ctypes.c_char_p))


class _RestApiPut(ctypes.Structure):
    _fields_ = (
        ("target", ctypes.POINTER(MemoryBuffer)),
        ("uri", ctypes.c_char_p),
        ("body", ctypes.c_char_p),
        ("body_size", ctypes.c_uint32),
    )


class _GlobalProperty(ctypes.Structure):
    _fields_ = (
        ("result", ctypes.POINTER(ctypes.c_void_p)),
        ("property", ctypes.c_int32),
        ("value", ctypes.c_char_p),
    )


class _Callback(ctypes.Structure):
    _fields_ = (("callback", ctypes.c_void_p),)


class _CreateImage(ctypes.Structure):
    _fields_ = (
        ("target", ctypes.c_void_p),
        ("format", ctypes.c_int),
        ("width", ctypes.c_uint32),
        ("height", ctypes.c_uint32),
        ("pitch", ctypes.c_uint32),
        ("buffer", ctypes.c_void_p),
        ("const_buffer", ctypes.c_void_p),
        ("buffer_size", ctypes.c_uint32),
        ("frame_index", ctypes.c_uint32),
    )


class _GetImageInfo(ctypes.Structure):
    _fields_ = (
        ("image", ctypes.c_void_p),
        ("result_uint32", ctypes.POINTER(ctypes.c_uint32)),
        ("result_pixel_format", ctypes.c_void_p),
        ("result_buffer", ctypes.POINTER(ctypes.c_void_p)),
    )


_FREE = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_INVOKE_SERVICE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
_TRANSCODE = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_uint64,
    ctypes.POINTER(ctypes.c_char_p),
    ctypes.c_uint32,
    ctypes.c_uint8,
)


_DECODE = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32
)

_RECEIVED = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_int
)

# A read-only view of memory that the core owns, valid as long as that memory is.
_view = ctypes.pythonapi.PyMemoryView_FromMemory
_view.restype = ctypes.py_object
_view.argtypes = (ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int)


class Context(ctypes.Structure):
    """``OrthancPluginContext``."""

    _fields_ = (
        ("plugins_manager", ctypes.c_void_p),
        ("orthanc_version", ctypes.c_char_p),
        ("free", _FREE),
        ("invoke_service", _INVOKE_SERVICE),
    )


class ServiceError(Exception):
    """A service of the core answered with an error code."""

    def __init__(self, service: int, code: int) -> None:
        super().__init__(f"service {service} failed with error code {code}")
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
        self._context = Context.from_address(self._address)
        self._keep: list[object] = []  # callbacks live as long as the process
        self._prove(orthanc)

    @property
    def version(self) -> str:
        """Version of the Orthanc core."""
        return str(self._context.orthanc_version.decode())

    @property
    def drops_what_is_declined(self) -> bool:
        """Whether archives and media lack what no transcoder takes."""
        numbers = re.match(r"(\d+)\.(\d+)", self.version)
        return numbers is None or tuple(map(int, numbers.groups())) >= (1, 13)

    def configuration(self) -> str:
        """Orthanc's configuration, as JSON."""
        return self._text(_GET_CONFIGURATION)

    def rest_get(self, uri: str) -> bytes:
        """GET from Orthanc's REST API, without its plugins' routes.

        Raises
        ------
        ServiceError
            If the core answers with an error.
        """
        target = MemoryBuffer()
        self._invoke(_REST_API_GET, _RestApiGet(ctypes.pointer(target), uri.encode()))
        return self._take(target)

    def rest_put(self, uri: str, body: bytes) -> bytes:
        """PUT to Orthanc's REST API; raises like ``rest_get``."""
        return self._send(_REST_API_PUT, uri, body)

    def rest_post(self, uri: str, body: bytes) -> bytes:
        """POST to Orthanc's REST API; raises like ``rest_get``."""
        return self._send(_REST_API_POST, uri, body)

    def rest_delete(self, uri: str) -> None:
        """DELETE in Orthanc's REST API; raises like ``rest_get``."""
        text = ctypes.create_string_buffer(uri.encode())
        self._invoke(_REST_API_DELETE, text)

    def read_property(self, number: int) -> str:
        """A global property of Orthanc's database; empty where it is not set."""
        result = ctypes.c_void_p()
        call = _GlobalProperty(ctypes.pointer(result), number, b"")
        self._invoke(_GET_GLOBAL_PROPERTY, call)
        return self._taken_text(result)

    def write_property(self, number: int, value: str) -> None:
        """Set a global property of Orthanc's database."""
        self._invoke(_SET_GLOBAL_PROPERTY, _GlobalProperty(None, number, value.encode()))

    def _send(self, service: int, uri: str, body: bytes) -> bytes:
        target = MemoryBuffer()
        call = _RestApiPut(ctypes.pointer(target), uri.encode(), body, len(body))
        self._invoke(service, call)
        return self._take(target)

    def register_transcoder(
        self,
        transcode: Callable[[memoryview, tuple[str, ...], bool], bytearray | None],
        report: Callable[[BaseException], None],
    ) -> None:
        """Register a transcoder with the core.

        Parameters
        ----------
        transcode
            Takes the file (valid during the call only), the allowed transfer
            syntaxes and whether a new SOP Instance UID is allowed; gives the
            new file, or None to decline. It is called on Orthanc's threads.
        report
            Takes what ``transcode`` should not have raised; must not raise.
        """

        def callback(
            target: int, data: int, size: int, syntaxes: Any, count: int, new_uid: int
        ) -> int:
            # The one border: an exception that leaves a ctypes callback makes it
            # return 0, which is success, with garbage as the result.
            try:
                allowed = tuple(syntaxes[index].decode() for index in range(count))
                result = transcode(_view(data, size, _PY_BUF_READ), allowed, bool(new_uid))
                if result is None:
                    return NOT_IMPLEMENTED
                return self._give(target, result)
            except BaseException as error:  # noqa: BLE001
                report(error)
                return PLUGIN_ERROR

        function = _TRANSCODE(callback)
        self._keep.append(function)
        address = ctypes.cast(function, ctypes.c_void_p)
        self._invoke(_REGISTER_TRANSCODER_CALLBACK, _Callback(address))

    def register_received(self, received: Callable[[memoryview], None]) -> None:
        """Be told of received files before they are transcoded; they are kept as they are.

        Raises
        ------
        ServiceError
            If another plugin has registered: Orthanc allows one only.
        """

        def callback(_target: int, data: int, size: int, _origin: int) -> int:
            # Whatever happens here, nothing must happen to the file.
            with contextlib.suppress(BaseException):
                received(_view(data, size, _PY_BUF_READ))
            return _KEEP_AS_IS

        function = _RECEIVED(callback)
        self._keep.append(function)
        address = ctypes.cast(function, ctypes.c_void_p)
        self._invoke(_REGISTER_RECEIVED_INSTANCE_CALLBACK, _Callback(address))

    def register_decoder(
        self,
        decode: Callable[[memoryview, int], Picture | None],
        report: Callable[[BaseException], None],
    ) -> None:
        """Register an image decoder with the core.

        Parameters
        ----------
        decode
            Takes the file (valid during the call only) and the number of the
            frame; gives the picture, or None to decline. It is called on
            Orthanc's threads.
        report
            Takes what ``decode`` should not have raised; must not raise.
        """

        def callback(target: int, data: int, size: int, frame: int) -> int:
            try:
                picture = decode(_view(data, size, _PY_BUF_READ), frame)
                if picture is None:
                    return NOT_IMPLEMENTED
                self._show(target, picture)
            except BaseException as error:  # noqa: BLE001  as in the transcoder
                report(error)
                return PLUGIN_ERROR
            return SUCCESS

        function = _DECODE(callback)
        self._keep.append(function)
        address = ctypes.cast(function, ctypes.c_void_p)
        self._invoke(_REGISTER_DECODE_IMAGE_CALLBACK, _Callback(address))

    def _show(self, target: int, picture: Picture) -> None:
        """Copy a picture, row by row, into an image that the core owns."""
        number, pixel_bytes = PIXEL_FORMATS[picture.format]
        row_bytes = picture.width * pixel_bytes
        if len(picture.data) != row_bytes * picture.height:
            raise ValueError("the picture has another size than it says")
        image = ctypes.c_void_p()
        create = _CreateImage(ctypes.addressof(image), number, picture.width, picture.height)
        self._invoke(_CREATE_IMAGE, create)
        pitch, buffer = ctypes.c_uint32(), ctypes.c_void_p()
        self._invoke(_GET_IMAGE_PITCH, _GetImageInfo(image, ctypes.pointer(pitch)))
        self._invoke(_GET_IMAGE_BUFFER, _GetImageInfo(image, None, None, ctypes.pointer(buffer)))
        source = ctypes.addressof((ctypes.c_char * 1).from_buffer(picture.data))
        start = buffer.value or 0
        if pitch.value == row_bytes:
            ctypes.memmove(start, source, len(picture.data))
        else:
            for row in range(picture.height):
                ctypes.memmove(start + row * pitch.value, source + row * row_bytes, row_bytes)
        ctypes.c_void_p.from_address(target).value = image.value

    def _prove(self, orthanc: Any) -> None:
        try:
            path = self._text(_GET_ORTHANC_PATH)
            configuration = self.configuration()
        except ServiceError as error:
            raise HostError(f"the context that was found does not answer: {error}") from error
        if path != orthanc.GetOrthancPath() or configuration != orthanc.GetConfiguration():
            raise HostError("the context that was found gives other answers than Orthanc")

    def _invoke(self, service: int, parameters: ctypes.Structure | ctypes.Array[Any]) -> None:
        code = self._context.invoke_service(self._address, service, ctypes.addressof(parameters))
        if code != SUCCESS:
            raise ServiceError(service, code)

    def _text(self, service: int) -> str:
        result = ctypes.c_void_p()
        self._invoke(service, _RetrieveDynamicString(ctypes.pointer(result), None))
        return self._taken_text(result)

    def _taken_text(self, result: ctypes.c_void_p) -> str:
        try:
            return ctypes.string_at(result.value or 0).decode() if result.value else ""
        finally:
            self._context.free(result)

    def _take(self, buffer: MemoryBuffer) -> bytes:
        try:
            return ctypes.string_at(buffer.data, buffer.size) if buffer.size else b""
        finally:
            self._context.free(buffer.data)

    def _give(self, target: int, result: bytearray) -> int:
        """Copy a result into memory that the core owns."""
        if not 0 < len(result) <= _MAX_BUFFER_BYTES:
            return PLUGIN_ERROR
        self._invoke(_CREATE_MEMORY_BUFFER, _CreateMemoryBuffer(target, len(result)))
        source = (ctypes.c_char * 1).from_buffer(result)
        buffer = MemoryBuffer.from_address(target)
        ctypes.memmove(buffer.data, ctypes.addressof(source), len(result))
        return SUCCESS
