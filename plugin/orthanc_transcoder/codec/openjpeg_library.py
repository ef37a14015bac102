"""The OpenJPEG that imagecodecs' wheel brings, loaded by ctypes.

``openjpeg`` and ``openjpeg_decode`` are the only ctypes of the workers. They use
this library, never another one: without it, the reason is kept.

Nothing is called unless the library's defaults lie where ``openjpeg_abi`` says
that they do.
"""

from __future__ import annotations

import ctypes
import functools
from ctypes import POINTER, c_char_p, c_int, c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from pathlib import Path
from typing import Any

import imagecodecs

from ..errors import CodecError
from .openjpeg_abi import ComponentParameters, Parameters

CODEC_J2K = 0
STREAM_BUFFER = 1 << 20
RESOLUTIONS = 6  # of an encoder that was told nothing

Message = ctypes.CFUNCTYPE(None, c_char_p, c_void_p)
Transfer = ctypes.CFUNCTYPE(c_size_t, c_void_p, c_size_t, c_void_p)
Skip = ctypes.CFUNCTYPE(c_int64, c_int64, c_void_p)
Seek = ctypes.CFUNCTYPE(c_int, c_int64, c_void_p)


@functools.cache
def library() -> ctypes.CDLL:
    """Load it.

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
    for name in _MAKERS:
        getattr(loaded, name).restype = c_void_p
    _check_abi(loaded)
    return loaded


_MAKERS = (
    "opj_image_create",
    "opj_create_compress",
    "opj_create_decompress",
    "opj_stream_create",
)
_ARGUMENTS: dict[str, list[Any]] = {
    "opj_set_default_encoder_parameters": [POINTER(Parameters)],
    "opj_image_create": [c_uint32, POINTER(ComponentParameters), c_int],
    "opj_image_destroy": [c_void_p],
    "opj_create_compress": [c_int],
    "opj_destroy_codec": [c_void_p],
    "opj_set_error_handler": [c_void_p, Message, c_void_p],
    "opj_setup_encoder": [c_void_p, POINTER(Parameters), c_void_p],
    "opj_codec_set_threads": [c_void_p, c_int],
    "opj_start_compress": [c_void_p, c_void_p, c_void_p],
    "opj_encode": [c_void_p, c_void_p],
    "opj_end_compress": [c_void_p, c_void_p],
    "opj_stream_create": [c_size_t, c_int],
    "opj_stream_destroy": [c_void_p],
    "opj_stream_set_user_data": [c_void_p, c_void_p, c_void_p],
    "opj_stream_set_write_function": [c_void_p, Transfer],
    "opj_stream_set_skip_function": [c_void_p, Skip],
    "opj_stream_set_seek_function": [c_void_p, Seek],
    "opj_create_decompress": [c_int],
    "opj_set_default_decoder_parameters": [c_void_p],
    "opj_setup_decoder": [c_void_p, c_void_p],
    "opj_set_warning_handler": [c_void_p, Message, c_void_p],
    "opj_read_header": [c_void_p, c_void_p, c_void_p],
    "opj_decode": [c_void_p, c_void_p, c_void_p],
    "opj_end_decompress": [c_void_p, c_void_p],
    "opj_stream_set_read_function": [c_void_p, Transfer],
    "opj_stream_set_user_data_length": [c_void_p, c_uint64],
}


def _check_abi(loaded: ctypes.CDLL) -> None:
    """Raise ImportError where the library's defaults are not where they should be."""
    parameters = defaults(loaded)
    found = (
        parameters.numresolution,
        parameters.cblockw_init,
        parameters.cblockh_init,
        parameters.roi_compno,
        parameters.subsampling_dx,
        parameters.subsampling_dy,
        parameters.formats[1],
    )
    if found != (RESOLUTIONS, 64, 64, -1, 1, 1, -1):
        raise ImportError(f"OpenJPEG's defaults are not those of its known ABI: {found}")


def defaults(loaded: ctypes.CDLL) -> Parameters:
    """Return the parameters of an encoder that was told nothing."""
    parameters = Parameters()
    loaded.opj_set_default_encoder_parameters(ctypes.byref(parameters))
    return parameters


def made(address: int | None) -> int:
    """Return the address of what OpenJPEG was asked to make.

    Raises
    ------
    CodecError
        If it made nothing.
    """
    if not address:
        raise CodecError("codec_failed", "OpenJPEG: out of memory")
    return address
