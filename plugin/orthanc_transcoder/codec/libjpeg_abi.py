"""The structures of jpeglib.h that an audit needs, as ctypes.

libjpeg's API version 8, which libjpeg-turbo offers as libjpeg.so.8. The library
itself says whether version and size are right, and is asked by whoever loads it.
"""

from __future__ import annotations

import ctypes
from ctypes import c_char_p, c_double, c_int, c_long, c_ubyte, c_uint, c_void_p

VERSION = 80
MESSAGE_LENGTH = 200  # JMSG_LENGTH_MAX
ONE_ARGUMENT = ctypes.CFUNCTYPE(None, c_void_p)
FORMAT_MESSAGE = ctypes.CFUNCTYPE(None, c_void_p, c_char_p)


class ErrorManager(ctypes.Structure):
    """``struct jpeg_error_mgr``."""

    _fields_ = (
        ("error_exit", c_void_p),
        ("emit_message", c_void_p),
        ("output_message", ONE_ARGUMENT),
        ("format_message", FORMAT_MESSAGE),
        ("reset_error_mgr", c_void_p),
        ("msg_code", c_int),
        ("msg_parm", c_int * 20),
        ("trace_level", c_int),
        ("num_warnings", c_long),
        ("jpeg_message_table", c_void_p),
        ("last_jpeg_message", c_int),
        ("addon_message_table", c_void_p),
        ("first_addon_message", c_int),
        ("last_addon_message", c_int),
    )


class Decompressor(ctypes.Structure):
    """``struct jpeg_decompress_struct``: its first fields, and room for the others."""

    _fields_ = (
        ("err", c_void_p),
        ("mem", c_void_p),
        ("progress", c_void_p),
        ("client_data", c_void_p),
        ("is_decompressor", c_int),
        ("global_state", c_int),
        ("src", c_void_p),
        ("image_width", c_uint),
        ("image_height", c_uint),
        ("num_components", c_int),
        ("jpeg_color_space", c_int),
        ("out_color_space", c_int),
        ("scale_num", c_uint),
        ("scale_denom", c_uint),
        ("output_gamma", c_double),
        ("buffered_image", c_int),
        ("others", c_ubyte * 564),
    )
