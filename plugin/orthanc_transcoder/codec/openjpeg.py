"""OpenJPEG's own encoder, for what imagecodecs' wrapper does not expose: the bypass mode.

- OpenJPEG calls back with what it writes. Nothing in the callbacks can fail but
  for want of memory; ctypes then returns 0, which OpenJPEG takes for an error.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator
from ctypes import POINTER

import numpy as np

from ..errors import CodecError
from .contract import Samples
from .openjpeg_abi import ComponentParameters, Image
from .openjpeg_library import (
    CODEC_J2K,
    RESOLUTIONS,
    STREAM_BUFFER,
    Message,
    Seek,
    Skip,
    Transfer,
    defaults,
    library,
    made,
)

_COLOUR_SPACES = {1: 2, 3: 1}  # grey, sRGB: asked for, but no part of a codestream
_BYPASS = 1  # code-block style: selective arithmetic coding bypass (ISO/IEC 15444-1 D.6)


class _Output:
    """What OpenJPEG writes, and the callbacks that it writes by."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.messages: list[str] = []
        self._position = 0
        self.write = Transfer(self._write)
        self.skip = Skip(self._skip)
        self.seek = Seek(self._seek)
        self.message = Message(self._message)

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
    parameters = defaults(opj)
    parameters.tcp_numlayers = 1
    parameters.tcp_rates[0] = 0
    parameters.cp_disto_alloc = 1
    parameters.tcp_mct = int(transform)
    parameters.mode = _BYPASS if bypass else 0
    smaller_side = min(samples.shape[:2])
    parameters.numresolution = min(RESOLUTIONS, smaller_side.bit_length())
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
    address = made(opj.opj_image_create(count, components, _COLOUR_SPACES[count]))
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
    codec = made(opj.opj_create_compress(CODEC_J2K))
    try:
        opj.opj_set_error_handler(codec, output.message, None)
        yield codec
    finally:
        opj.opj_destroy_codec(codec)


@contextlib.contextmanager
def _stream(opj: ctypes.CDLL, output: _Output) -> Iterator[int]:
    stream = made(opj.opj_stream_create(STREAM_BUFFER, 0))
    try:
        opj.opj_stream_set_write_function(stream, output.write)
        opj.opj_stream_set_skip_function(stream, output.skip)
        opj.opj_stream_set_seek_function(stream, output.seek)
        yield stream
    finally:
        opj.opj_stream_destroy(stream)
