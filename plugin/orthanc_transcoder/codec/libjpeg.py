"""What libjpeg warns of and imagecodecs keeps to itself: missing, bad and skipped data.

libjpeg fills in what a scan lacks, passes over what it has too much of, and
goes on. Here the library of imagecodecs' wheel, never another one, decodes the
entropy-coded data once more, and what it warns of is heard.

- No samples are made: buffered-image mode takes in all scans before it makes any.
- Every warning means damage but for the few of ``_HARMLESS``, and bytes before a
  marker that were not needed.
- Those may be padding. Where they are not, libjpeg may say nothing, because it reads
  up to eight bytes ahead. So the data is decoded again, each piece of it without its
  last byte that cannot be padding (see ``jpeg_scans``), and each must be missed.
- libjpeg tells the first warning only, and counts. Its count is set back for as long
  as it shall tell.
- An error, unlike a warning, must not return to libjpeg, and Python cannot jump
  over C. So what may meet one runs on a thread without any frame of Python's, and
  the error handler is ``pthread_exit``. All memory is the decompressor's, which is
  then destroyed, as after any error.
- Two calls are made on our own thread. They fail only where there is no memory for
  a few kB; their error handler is ``abort``, as Python itself would end there.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
from collections.abc import Callable, Iterable, Iterator
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_ulong, c_void_p
from pathlib import Path
from typing import Any, NamedTuple

import imagecodecs
import numpy as np

from ..errors import CodecError
from .jpeg_codestream import END
from .jpeg_scans import Shortened
from .libjpeg_abi import (
    MESSAGE_LENGTH,
    ONE_ARGUMENT,
    VERSION,
    Decompressor,
    ErrorManager,
)

_HARMLESS = (
    "Invalid SOS parameters for sequential JPEG",  # they have no meaning there
    "Unknown Adobe color transform code",
    "Warning: unknown JFIF revision number",
)
_MISSED = "Corrupt JPEG data: premature end of data segment"  # once a piece
_NOT_NEEDED = "extraneous bytes before marker"
_ONLY_WARNINGS = -1  # trace level
_DONE = 1  # JPEG_REACHED_SOS of the first step, TRUE of the others
_UNTOUCHED = b"\xa5"
_ROOM = 4096  # for structures that may be larger than those declared


class _Library(NamedTuple):
    """libjpeg, and the threads of libc."""

    jpeg: ctypes.CDLL
    libc: ctypes.CDLL


@functools.cache
def library() -> _Library:
    """Load the libjpeg-turbo of imagecodecs' wheel.

    Raises
    ------
    ImportError
        If imagecodecs has none of its own, or one of another ABI, or one that does
        not warn of what it should.
    """
    folder = Path(imagecodecs.__file__).parent.parent / "imagecodecs.libs"
    found = sorted(folder.glob("libjpeg-*.so.8*"))
    if len(found) != 1:
        raise ImportError(f"{len(found)} libjpeg libraries of version 8 in {folder}")
    loaded = _Library(ctypes.CDLL(str(found[0])), ctypes.CDLL(None))
    try:
        ctypes.CDLL("libgcc_s.so.1")  # without it pthread_exit ends the process
        _declare(loaded)
    except (AttributeError, OSError) as error:
        raise ImportError(f"what libjpeg needs is missing: {error}") from error
    _check_abi(loaded.jpeg)
    _check_warnings(loaded)
    return loaded


_JPEG: dict[str, list[Any]] = {
    "jpeg_std_error": [c_void_p],
    "jpeg_CreateDecompress": [c_void_p, c_int, c_size_t],
    "jpeg_mem_src": [c_void_p, c_char_p, c_ulong],
    "jpeg_consume_input": [c_void_p],
    "jpeg_start_decompress": [c_void_p],
    "jpeg_finish_decompress": [c_void_p],
    "jpeg_destroy_decompress": [c_void_p],
}
_LIBC: dict[str, list[Any]] = {
    "pthread_create": [POINTER(c_ulong), c_void_p, c_void_p, c_void_p],
    "pthread_join": [c_ulong, POINTER(c_void_p)],
    "pthread_exit": [c_void_p],
    "abort": [],
}


def _declare(loaded: _Library) -> None:
    for one, functions in zip(loaded, (_JPEG, _LIBC), strict=True):
        for name, arguments in functions.items():
            getattr(one, name).argtypes = arguments


def _check_abi(jpeg: ctypes.CDLL) -> None:
    """Raise ImportError where the library's structures are not those declared.

    libjpeg is told a version and a size of 0, and answers with its own. It does so
    before it writes, and is let go on: there is room for whatever it writes.
    """
    room = bytearray(_UNTOUCHED * _ROOM)
    errors = ErrorManager.from_buffer(room)
    decompressor = Decompressor.from_buffer(bytearray(_ROOM))
    jpeg.jpeg_std_error(byref(errors))
    if room[ctypes.sizeof(errors) :].strip(_UNTOUCHED):
        raise ImportError("libjpeg's error manager is larger than in its known ABI")
    found = list[tuple[int, int]]()
    handler = ONE_ARGUMENT(lambda _: found.append((errors.msg_parm[0], errors.msg_parm[1])))
    errors.error_exit = _address(handler)
    decompressor.err = ctypes.addressof(errors)
    jpeg.jpeg_CreateDecompress(byref(decompressor), 0, 0)
    jpeg.jpeg_destroy_decompress(byref(decompressor))
    if found != [(VERSION, 0), (ctypes.sizeof(Decompressor), 0)]:
        raise ImportError(f"libjpeg is not of its known ABI: version and size {found}")


def _check_warnings(loaded: _Library) -> None:
    """Raise ImportError unless a sound stream passes, a cut one warns, and no stream fails."""
    samples = np.arange(1024, dtype=np.uint16).reshape(32, 32) * np.uint16(40503) >> np.uint16(4)
    lossy = imagecodecs.jpeg8_encode(samples, bitspersample=12, level=90)
    for whole in (lossy, imagecodecs.jpeg8_encode(samples, bitspersample=12, lossless=True)):
        told = _told(loaded, bytes(whole)), _told(loaded, bytes(whole[: len(whole) // 2]) + END)
        if told[0] is not None or "premature end" not in str(told[1]):
            raise ImportError(f"libjpeg's warnings are not as they should be: {told}")
    if "Not a JPEG file" not in str(_told(loaded, b"none")):
        raise ImportError("libjpeg's errors are not as they should be")


def _told(loaded: _Library, data: bytes) -> str | None:
    try:
        return _warning(loaded, data)
    except CodecError as error:
        return error.reason


def damage(data: bytes, shortened: Iterable[Shortened]) -> str | None:
    """Return what is wrong with a codestream's entropy-coded data, or None.

    Parameters
    ----------
    data
        From SOI to EOI.
    shortened
        The same without the last bytes of its pieces, which must be needed.

    Raises
    ------
    CodecError
        If libjpeg fails; after imagecodecs has decoded the same, it does not.
    MemoryError
        If there is too little.
    """
    if told := _warning(library(), data):
        return told
    if any(_missed(library(), each.data) < each.pieces for each in shortened):
        return "data is left over at the end of a scan or restart interval"
    return None


def _warning(loaded: _Library, data: bytes) -> str | None:
    """Return the first warning that means damage, or None."""
    warnings = list[str]()

    def hear(text: str) -> bool:
        harmless = text.startswith(_HARMLESS) or _NOT_NEEDED in text
        if not harmless:
            warnings.append(text)
        return harmless

    unsettled = _decode(loaded, data, hear)
    return " ".join(warnings) or "a warning" if unsettled else None


def _missed(loaded: _Library, data: bytes) -> int:
    """Count the pieces that lack data.

    Each is heard, which takes 10 us. libjpeg's own count is of all warnings: where one
    piece is not missed, another for the bytes left over would stand in for it.
    """
    heard = list[str]()

    def hear(text: str) -> bool:
        heard.append(text)
        return True

    _decode(loaded, data, hear)
    return heard.count(_MISSED)


def _decode(loaded: _Library, data: bytes, hear: Callable[[str], bool]) -> int:
    """Decode, let each warning be heard until that returns False, and count from there."""
    errors = ErrorManager()

    def note(address: int) -> None:
        if hear(_message(errors, address)):
            errors.num_warnings = -1  # to which libjpeg adds one

    loaded.jpeg.jpeg_std_error(byref(errors))
    errors.output_message = ONE_ARGUMENT(note)
    errors.trace_level = _ONLY_WARNINGS
    with _decompressor(loaded, errors, data) as decompressor:
        _run(loaded.jpeg.jpeg_consume_input, loaded, decompressor, errors)
        decompressor.buffered_image = 1
        decompressor.out_color_space = decompressor.jpeg_color_space
        _run(loaded.jpeg.jpeg_start_decompress, loaded, decompressor, errors)
        _run(loaded.jpeg.jpeg_finish_decompress, loaded, decompressor, errors)
    return int(errors.num_warnings)


@contextlib.contextmanager
def _decompressor(loaded: _Library, errors: ErrorManager, data: bytes) -> Iterator[Decompressor]:
    decompressor = Decompressor(err=ctypes.addressof(errors))
    errors.error_exit = _address(loaded.libc.abort)
    size = ctypes.sizeof(decompressor)
    loaded.jpeg.jpeg_CreateDecompress(byref(decompressor), VERSION, size)
    try:
        loaded.jpeg.jpeg_mem_src(byref(decompressor), data, len(data))
        errors.error_exit = _address(loaded.libc.pthread_exit)
        yield decompressor
    finally:
        loaded.jpeg.jpeg_destroy_decompress(byref(decompressor))


def _run(step: Any, loaded: _Library, decompressor: Decompressor, errors: ErrorManager) -> None:
    """Call a function of libjpeg's on a thread of its own.

    What it returns is the thread's result; after an error that is the address which
    the handler was called with, whose last bits are those of no ``_DONE``.
    """
    thread, result = c_ulong(), c_void_p()
    address = ctypes.addressof(decompressor)
    if loaded.libc.pthread_create(byref(thread), None, _address(step), address):
        raise MemoryError("no thread could be started")
    loaded.libc.pthread_join(thread, byref(result))
    if c_int(result.value or 0).value != _DONE:
        raise _as_exception(_message(errors, address))


def _as_exception(text: str) -> CodecError | MemoryError:
    if text.startswith("Insufficient memory"):
        return MemoryError(text)
    return CodecError("damaged_codestream", f"libjpeg-turbo: {text}")


def _message(errors: ErrorManager, address: int) -> str:
    text = ctypes.create_string_buffer(MESSAGE_LENGTH)
    errors.format_message(address, text)
    return text.value.decode("ascii", "replace")


def _address(function: Any) -> int:
    return ctypes.cast(function, c_void_p).value or 0
