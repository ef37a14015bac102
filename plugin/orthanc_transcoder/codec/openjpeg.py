"""OpenJPEG's own encoder, for what imagecodecs' wrapper does not expose: the bypass mode.

It uses the OpenJPEG that imagecodecs' wheel brings, never another one: without
it, the reason is kept and nothing falls back.

- Nothing is encoded unless the library's defaults lie where ``openjpeg_abi``
  says that they do.
- OpenJPEG calls back with what it writes. Nothing in the callbacks can fail but
  for want of memory; ctypes then returns 0, which OpenJPEG takes for an error.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
from collections.abc import Iterator
from ctypes import POINTER, c_char_p, c_int, c_int64, c_size_t, c_uint32, c_void_p
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np

from ..errors import CodecError
from .contract import Samples
from .openjpeg_abi import ComponentParameters, Image, Parameters

_CODEC_J2K = 0
_COLOUR_SPACES = {1: 2, 3: 1}  # grey, sRGB: asked for, but no part of a codestream
_BYPASS = 1  # code-block style: selective arithmetic coding bypass (ISO/IEC 15444-1 D.6)
_STREAM_BUFFER = 1 << 20
_RESOLUTIONS = 6

_Message = ctypes.CFUNCTYPE(None, c_char_p, c_void_p)
_Write = ctypes.CFUNCTYPE(c_size_t, c_void_p, c_size_t, c_void_p)
_Skip = ctypes.CFUNCTYPE(c_int64, c_int64, c_void_p)
_Seek = ctypes.CFUNCTYPE(c_int, c_int64, c_void_p)


class _Output:
    """What OpenJPEG writes, and the callbacks that it writes by."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.messages: list[str] = []
        self._position = 0
        self.write = _Write(self._write)
        self.skip = _Skip(self._skip)
        self.seek = _Seek(self._seek)
        self.message = _Message(self._message)

    def _write(self, buffer: int, size: int, _: int | None) -> int:
        end = self._position + size
        self.data[self._position : end] = ctypes.string_at(buffer, size)
        self._position = end
        return size

    def _skip(self, size: int, _: int | None) -> int:
        self._seek(self._position + size, _)
        return size

    def _seek(self, position: int, _: int | None) -> int:
        self.data.extend(bytes(max(0, position - len(self.data))))
        self._position = position
        return 1

    def _message(self, text: bytes, _: int | None) -> None:
        self.messages.append(text.decode("utf-8", "replace").strip())


@functools.cache
def library() -> ctypes.CDLL:
    """Load the OpenJPEG of imagecodecs' wheel.

    Raises
    ------
    ImportError
        If imagecodecs has none of its own, or one of another ABI.
    """
    folder = Path(imagecodecs.__file__).parent.parent / "imagecodecs.libs"
    found = sorted(folder.glob("libopenjp2-*.so*"))
    if len(found) != 1:
        raise ImportError(f"{len(found)} OpenJPEG libraries in {folder}")
    loaded = ctypes.CDLL(str(found[0]))
    for name, arguments in _ARGUMENTS.items():
        getattr(loaded, name).argtypes = arguments
    for name in ("opj_image_create", "opj_create_compress", "opj_stream_create"):
        getattr(loaded, name).restype = c_void_p
    _check_abi(loaded)
    return loaded


_ARGUMENTS: dict[str, list[Any]] = {
    "opj_set_default_encoder_parameters": [POINTER(Parameters)],
    "opj_image_create": [c_uint32, POINTER(ComponentParameters), c_int],
    "opj_image_destroy": [c_void_p],
    "opj_create_compress": [c_int],
    "opj_destroy_codec": [c_void_p],
    "opj_set_error_handler": [c_void_p, _Message, c_void_p],
    "opj_setup_encoder": [c_void_p, POINTER(Parameters), c_void_p],
    "opj_codec_set_threads": [c_void_p, c_int],
    "opj_start_compress": [c_void_p, c_void_p, c_void_p],
    "opj_encode": [c_void_p, c_void_p],
    "opj_end_compress": [c_void_p, c_void_p],
    "opj_stream_create": [c_size_t, c_int],
    "opj_stream_destroy": [c_void_p],
    "opj_stream_set_user_data": [c_void_p, c_void_p, c_void_p],
    "opj_stream_set_write_function": [c_void_p, _Write],
    "opj_stream_set_skip_function": [c_void_p, _Skip],
    "opj_stream_set_seek_function": [c_void_p, _Seek],
}


def _check_abi(loaded: ctypes.CDLL) -> None:
    """Raise ImportError where the library's defaults are not where they should be."""
    parameters = _defaults(loaded)
    found = (
        parameters.numresolution,
        parameters.cblockw_init,
        parameters.cblockh_init,
        parameters.roi_compno,
        parameters.subsampling_dx,
        parameters.subsampling_dy,
        parameters.formats[1],
    )
    if found != (_RESOLUTIONS, 64, 64, -1, 1, 1, -1):
        raise ImportError(f"OpenJPEG's defaults are not those of its known ABI: {found}")


def _defaults(loaded: ctypes.CDLL) -> Parameters:
    parameters = Parameters()
    loaded.opj_set_default_encoder_parameters(ctypes.byref(parameters))
    return parameters


def encode(
    samples: Samples, bits: int, *, transform: bool, bypass: bool, threads: int = 1
) -> bytes:
    """Encode one frame reversibly.

    Parameters
    ----------
    samples
        Shape ``(rows, columns)`` or ``(rows, columns, 3)``; at most 22 bits.
    bits
        Precision to declare.
    transform
        Whether to apply the reversible colour transform.
    bypass
        Whether less significant bit-planes bypass the arithmetic coder.
    threads
        That OpenJPEG may use.

    Raises
    ------
    CodecError
        If OpenJPEG fails.
    """
    opj, output = library(), _Output()
    parameters = _defaults(opj)
    parameters.tcp_numlayers = 1
    parameters.tcp_rates[0] = 0
    parameters.cp_disto_alloc = 1
    parameters.tcp_mct = int(transform)
    parameters.mode = _BYPASS if bypass else 0
    smaller_side = min(samples.shape[:2])
    parameters.numresolution = min(_RESOLUTIONS, smaller_side.bit_length())
    with (
        _image(opj, samples, bits) as image,
        _codec(opj, output) as codec,
        _stream(opj, output) as stream,
    ):
        done = (
            opj.opj_setup_encoder(codec, ctypes.byref(parameters), image)
            and (threads == 1 or opj.opj_codec_set_threads(codec, threads))
            and opj.opj_start_compress(codec, image, stream)
            and opj.opj_encode(codec, stream)
            and opj.opj_end_compress(codec, stream)
        )
    if not done:
        raise CodecError("codec_failed", f"OpenJPEG: {'; '.join(output.messages)}")
    return bytes(output.data)


@contextlib.contextmanager
def _image(opj: ctypes.CDLL, samples: Samples, bits: int) -> Iterator[int]:
    """Make OpenJPEG's image: one plane of 32-bit integers per component."""
    rows, columns = samples.shape[:2]
    planes = samples.reshape(rows, columns, -1)
    count, signed = planes.shape[2], int(samples.dtype.kind == "i")
    components = (ComponentParameters * count)(
        *[ComponentParameters(1, 1, columns, rows, 0, 0, bits, bits, signed)] * count
    )
    address = _made(opj.opj_image_create(count, components, _COLOUR_SPACES[count]))
    try:
        image = Image.from_address(address)
        image.x1, image.y1 = columns, rows
        for index in range(count):
            data = ctypes.cast(image.comps[index].data, POINTER(ctypes.c_int32))
            np.ctypeslib.as_array(data, (rows, columns))[:] = planes[:, :, index]
        yield address
    finally:
        opj.opj_image_destroy(address)


@contextlib.contextmanager
def _codec(opj: ctypes.CDLL, output: _Output) -> Iterator[int]:
    codec = _made(opj.opj_create_compress(_CODEC_J2K))
    try:
        opj.opj_set_error_handler(codec, output.message, None)
        yield codec
    finally:
        opj.opj_destroy_codec(codec)


@contextlib.contextmanager
def _stream(opj: ctypes.CDLL, output: _Output) -> Iterator[int]:
    stream = _made(opj.opj_stream_create(_STREAM_BUFFER, 0))
    try:
        opj.opj_stream_set_write_function(stream, output.write)
        opj.opj_stream_set_skip_function(stream, output.skip)
        opj.opj_stream_set_seek_function(stream, output.seek)
        yield stream
    finally:
        opj.opj_stream_destroy(stream)


def _made(address: int | None) -> int:
    if not address:
        raise CodecError("codec_failed", "OpenJPEG: out of memory")
    return address
