"""OpenJPEG's decoder, asked to say of each code-block whether its bytes were used up.

An arithmetic decoder takes damaged bytes for whatever they decode to, and then
needs more or fewer of them than the code-block has: the one trace that damage
within it leaves. OpenJPEG counts them, but speaks of it only where the encoder
promised a predictable termination (ISO/IEC 15444-1 D.4.2). So the promise is
written into the copy that it decodes: no sample changes, nor does the speed.

- Of 5,000 sound streams of seven encoders, none left more than one byte of what
  OpenJPEG counts (all but the last two of a block); damage leaves tens or hundreds.
- Bytes that are missing count only where nothing was cut off to save bytes: OpenJPEG
  and others then cut some code-blocks too short, once by 100 bytes.
- Where a code-block has several segments (bypass, termination of each pass), the
  last one alone is counted.
- OpenJPEG calls back from its own threads as well; ctypes takes the lock.
"""

from __future__ import annotations

import contextlib
import ctypes
import re
from collections.abc import Iterator
from ctypes import POINTER, c_char_p, c_int32, c_void_p

import numpy as np

from ..errors import CodecError
from . import checks, j2k_codestream, openjpeg_library
from .contract import Samples
from .j2k_codestream import Codestream
from .j2k_packets import Packets
from .openjpeg_abi import Component, Image

_PARAMETERS = 1 << 14  # bytes; opj_dparameters_t has half as many
_END = (1 << 64) - 1  # what a reader answers at the end
_PREDICTABLE = 0x10  # code-block style: predictable termination (Table A.19)
_SOT, _COD, _COC = b"\xff\x90", 0xFF52, 0xFF53
_STYLE_IN = {_COD: 8, _COC: 5}
_LEFT_OVER = re.compile(r"PTERM\D+(\d+) remaining")
_MISSING = re.compile(r"PTERM\D+(\d+) synth")
_TOLERATED = 8  # bytes


def decode(stream: Codestream, packets: Packets, threads: int = 1) -> Samples:
    """Decode one frame.

    Parameters
    ----------
    stream
        As ``j2k_codestream.parse`` gives it.
    packets
        What ``j2k_packets.audit`` found; where it could not read them, code-blocks
        are not counted either.
    threads
        That OpenJPEG may use.

    Returns
    -------
    Samples
        As ``contract.Decoded`` describes.

    Raises
    ------
    CodecError
        If OpenJPEG fails, or used another number of a code-block's bytes than it has.
    ImportError
        As ``openjpeg_library.library``.
    """
    opj, source = openjpeg_library.library(), _Input(_promising(stream.data))
    with _codec(opj, source, threads) as codec, _stream(opj, source) as reader:
        image = c_void_p()
        try:
            done = (
                opj.opj_read_header(reader, codec, ctypes.byref(image))
                and opj.opj_decode(codec, reader, image)
                and opj.opj_end_decompress(codec, reader)
            )
            if not done or not image.value:
                raise CodecError("damaged_codestream", f"OpenJPEG: {'; '.join(source.errors)}")
            if packets.unread is None:
                _require_used_up(source.warnings, complete=packets.complete)
            return _samples(Image.from_address(image.value), stream)
        finally:
            if image.value:
                opj.opj_image_destroy(image)


def _promising(data: bytes) -> bytes:
    """Return the codestream with predictable termination in every COD and COC."""
    changed = bytearray(data)
    for marker, start in _segments(data):
        if marker in _STYLE_IN:
            changed[start + _STYLE_IN[marker]] |= _PREDICTABLE
    return bytes(changed)


def _segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the marker of each header's segments, and where its content starts."""
    part = 2
    for marker, segment, after in j2k_codestream.segments(data, part):
        yield marker, after - len(segment)
        part = after
    while data[part : part + 2] == _SOT:
        for marker, segment, after in j2k_codestream.segments(data, part + 12):
            yield marker, after - len(segment)
        part += int.from_bytes(data[part + 6 : part + 10], "big") or len(data)


def _require_used_up(warnings: list[str], *, complete: bool) -> None:
    """Raise CodecError for what is too far off to be an encoder's way to end."""
    missing = (("missing", _MISSING),) if complete else ()
    for kind, pattern in (("left over", _LEFT_OVER), *missing):
        counts = [int(found[1]) for text in warnings if (found := pattern.search(text))]
        bad = [count for count in counts if count > _TOLERATED]
        if bad:
            raise CodecError(
                "damaged_codestream",
                f"{len(bad)} code-blocks do not fit their data: up to {max(bad)} bytes are {kind}",
            )


def _samples(image: Image, stream: Codestream) -> Samples:
    """Copy OpenJPEG's planes of 32-bit integers."""
    declared = stream.format
    components = image.comps[: image.numcomps]
    if len(components) != declared.components or not all(
        _is_declared(component, stream) for component in components
    ):
        raise CodecError("codec_failed", "OpenJPEG decoded another image than was declared")
    samples = np.empty(declared.shape, checks.dtype_of(declared.bits, declared.signed))
    planes = samples.reshape(declared.rows, declared.columns, declared.components)
    for index, component in enumerate(components):
        data = ctypes.cast(component.data, POINTER(c_int32))
        planes[:, :, index] = np.ctypeslib.as_array(data, (declared.rows, declared.columns))
    return samples


def _is_declared(component: Component, stream: Codestream) -> bool:
    declared = stream.format
    found = (component.h, component.w, component.prec, bool(component.sgnd))
    expected = (declared.rows, declared.columns, declared.bits, declared.signed)
    return bool(component.data) and found == expected


class _Input:
    """What OpenJPEG reads, what it says, and the callbacks for both."""

    def __init__(self, data: bytes) -> None:
        self.size = len(data)
        self.warnings: list[str] = []
        self.errors: list[str] = []
        self._data, self._position = data, 0
        self._address = ctypes.cast(c_char_p(data), c_void_p).value or 0
        self.read = openjpeg_library.Transfer(self._read)
        self.skip = openjpeg_library.Skip(self._skip)
        self.seek = openjpeg_library.Seek(self._seek)
        self.warn, self.fail = _collector(self.warnings), _collector(self.errors)

    def _read(self, buffer: int, size: int, _: int | None) -> int:
        count = min(size, self.size - self._position)
        if count <= 0:
            return _END
        ctypes.memmove(buffer, self._address + self._position, count)
        self._position += count
        return count

    def _skip(self, size: int, _: int | None) -> int:
        self._position = min(self.size, self._position + size)
        return size

    def _seek(self, position: int, _: int | None) -> int:
        self._position = min(self.size, position)
        return 1


def _collector(messages: list[str]) -> ctypes._FuncPointer:
    return openjpeg_library.Message(
        lambda text, _: messages.append(text.decode("utf-8", "replace").strip())
    )


@contextlib.contextmanager
def _codec(opj: ctypes.CDLL, source: _Input, threads: int) -> Iterator[int]:
    codec = openjpeg_library.made(opj.opj_create_decompress(openjpeg_library.CODEC_J2K))
    try:
        opj.opj_set_warning_handler(codec, source.warn, None)
        opj.opj_set_error_handler(codec, source.fail, None)
        parameters = ctypes.create_string_buffer(_PARAMETERS)
        opj.opj_set_default_decoder_parameters(parameters)
        if not opj.opj_setup_decoder(codec, parameters):
            raise CodecError("codec_failed", "OpenJPEG: no decoder")
        if threads > 1:
            opj.opj_codec_set_threads(codec, threads)
        yield codec
    finally:
        opj.opj_destroy_codec(codec)


@contextlib.contextmanager
def _stream(opj: ctypes.CDLL, source: _Input) -> Iterator[int]:
    stream = openjpeg_library.made(opj.opj_stream_create(openjpeg_library.STREAM_BUFFER, 1))
    try:
        opj.opj_stream_set_user_data(stream, None, None)
        opj.opj_stream_set_user_data_length(stream, source.size)
        opj.opj_stream_set_read_function(stream, source.read)
        opj.opj_stream_set_skip_function(stream, source.skip)
        opj.opj_stream_set_seek_function(stream, source.seek)
        yield stream
    finally:
        opj.opj_stream_destroy(stream)
