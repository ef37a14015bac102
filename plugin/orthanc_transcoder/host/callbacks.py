"""Callbacks that Orthanc's core calls for images, on its own threads.

Each is a border: an exception that leaves a ctypes callback makes it return 0,
which is success, with garbage as the result. So everything is caught here.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

from ..model import Picture
from ..payload import Payload
from . import abi
from .abi import Service
from .sdk import Sdk

Report = Callable[[BaseException], None]

_MAX_BUFFER_BYTES = 2**32 - 1
_PY_BUF_READ, _PY_BUF_WRITE = 0x100, 0x200

# A view of memory that the core owns, valid as long as that memory is.
_view = ctypes.pythonapi.PyMemoryView_FromMemory
_view.restype = ctypes.py_object
_view.argtypes = (ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int)


def register_transcoder(
    sdk: Sdk,
    transcode: Callable[[memoryview, tuple[str, ...], bool], bytearray | Payload | None],
    report: Report,
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

    def callback(target: int, data: int, size: int, syntaxes: Any, count: int, new_uid: int) -> int:
        try:
            allowed = tuple(syntaxes[index].decode() for index in range(count))
            result = transcode(_view(data, size, _PY_BUF_READ), allowed, bool(new_uid))
            if result is None:
                return abi.NOT_IMPLEMENTED
            _give(sdk, target, result)
        except BaseException as error:  # noqa: BLE001
            report(error)
            return abi.PLUGIN_ERROR
        return abi.SUCCESS

    sdk.register(Service.REGISTER_TRANSCODER_CALLBACK, abi.TRANSCODER(callback))


def register_decoder(
    sdk: Sdk, decode: Callable[[memoryview, int], Picture | None], report: Report
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
                return abi.NOT_IMPLEMENTED
            _show(sdk, target, picture)
        except BaseException as error:  # noqa: BLE001
            report(error)
            return _show_nothing(sdk, target, report)
        return abi.SUCCESS

    sdk.register(Service.REGISTER_DECODE_IMAGE_CALLBACK, abi.DECODE_IMAGE(callback))


def _give(sdk: Sdk, target: int, result: bytearray | Payload) -> None:
    """Copy a result into memory that the core owns."""
    size = len(result)
    if not 0 < size <= _MAX_BUFFER_BYTES:
        raise ValueError(f"a result of {size} bytes cannot be handed to Orthanc")
    buffer = sdk.create_buffer(target, size)
    try:
        _fill(buffer.data, size, result)
    except BaseException:
        sdk.free_buffer(buffer)
        raise


def _fill(address: int, size: int, source: bytearray | Payload) -> None:
    if isinstance(source, bytearray):
        ctypes.memmove(address, _address_of(source), size)  # without the GIL
        return
    with _view(address, size, _PY_BUF_WRITE) as buffer:
        source.read_into(buffer)


def _address_of(data: bytearray) -> int:
    return ctypes.addressof((ctypes.c_char * 1).from_buffer(data))


def _show(sdk: Sdk, target: int, picture: Picture) -> None:
    """Copy a picture into an image that the core owns, once it is complete."""
    number, pixel_bytes = abi.PIXEL_FORMATS[picture.format]
    row_bytes = picture.width * pixel_bytes
    if len(picture.data) != row_bytes * picture.height:
        raise ValueError("the picture has another size than it says")
    image = ctypes.c_void_p()
    create = abi.CreateImage(ctypes.addressof(image), number, picture.width, picture.height)
    sdk.invoke(Service.CREATE_IMAGE, create)
    try:
        _paint(sdk, image, row_bytes, picture.data)
    except BaseException:
        sdk.invoke(Service.FREE_IMAGE, abi.FreeImage(image))
        raise
    ctypes.c_void_p.from_address(target).value = image.value


def _show_nothing(sdk: Sdk, target: int, report: Report) -> int:
    """After a failure of ours: an error would hand the file to the core's own decoder."""
    try:
        _show(sdk, target, Picture.nothing())
    except BaseException as error:  # noqa: BLE001
        report(error)
        return abi.PLUGIN_ERROR
    return abi.SUCCESS


def _paint(sdk: Sdk, image: ctypes.c_void_p, row_bytes: int, source: bytearray | Payload) -> None:
    """Fill an image, row by row where the core's rows are longer."""
    pitch, buffer = ctypes.c_uint32(), ctypes.c_void_p()
    sdk.invoke(Service.GET_IMAGE_PITCH, abi.GetImageInfo(image, ctypes.pointer(pitch)))
    sdk.invoke(
        Service.GET_IMAGE_BUFFER, abi.GetImageInfo(image, None, None, ctypes.pointer(buffer))
    )
    start, size = buffer.value or 0, len(source)
    if pitch.value == row_bytes:
        _fill(start, size, source)
        return
    rows = bytearray(size)
    _fill(_address_of(rows), size, source)
    for row, offset in enumerate(range(0, size, row_bytes)):
        ctypes.memmove(start + row * pitch.value, _address_of(rows) + offset, row_bytes)
