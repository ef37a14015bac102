"""The structures of openjpeg.h that its encoder needs, as ctypes.

libopenjp2.so.7 has kept this ABI since version 2.1. ``Parameters`` ends with
the last field of 2.5; the library writes its defaults into it, and what it
writes is checked by whoever loads it.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_char, c_char_p, c_float, c_int, c_int32, c_uint16, c_uint32, c_void_p

_PATH = 4096
_PLANE = tuple(
    (name, c_uint32) for name in ("dx", "dy", "w", "h", "x0", "y0", "prec", "bpp", "sgnd")
)


class Component(ctypes.Structure):
    """``opj_image_comp_t``."""

    _fields_ = (
        *_PLANE,
        ("resno_decoded", c_uint32),
        ("factor", c_uint32),
        ("data", POINTER(c_int32)),
        ("alpha", c_uint16),
    )


class ComponentParameters(ctypes.Structure):
    """``opj_image_cmptparm_t``."""

    _fields_ = _PLANE


class Image(ctypes.Structure):
    """``opj_image_t``."""

    _fields_ = (
        *((name, c_uint32) for name in ("x0", "y0", "x1", "y1", "numcomps")),
        ("color_space", c_int),
        ("comps", POINTER(Component)),
        ("icc_profile_buf", c_void_p),
        ("icc_profile_len", c_uint32),
    )


class _ProgressionChange(ctypes.Structure):
    """``opj_poc_t``, of which nothing is used but its size."""

    _fields_ = (
        ("numbers", c_uint32 * 8),
        ("prg1", c_int),
        ("prg", c_int),
        ("progorder", c_char * 5),
        ("others", c_uint32 * 25),
    )


class Parameters(ctypes.Structure):
    """``opj_cparameters_t``."""

    _fields_ = (
        ("tile_size_on", c_int),
        ("tile", c_int * 4),
        ("cp_disto_alloc", c_int),
        ("cp_fixed_alloc", c_int),
        ("cp_fixed_quality", c_int),
        ("cp_matrice", c_void_p),
        ("cp_comment", c_char_p),
        ("csty", c_int),
        ("prog_order", c_int),
        ("POC", _ProgressionChange * 32),
        ("numpocs", c_uint32),
        ("tcp_numlayers", c_int),
        ("tcp_rates", c_float * 100),
        ("tcp_distoratio", c_float * 100),
        ("numresolution", c_int),
        ("cblockw_init", c_int),
        ("cblockh_init", c_int),
        ("mode", c_int),
        ("irreversible", c_int),
        ("roi_compno", c_int),
        ("roi_shift", c_int),
        ("res_spec", c_int),
        ("prcw_init", c_int * 33),
        ("prch_init", c_int * 33),
        ("infile", c_char * _PATH),
        ("outfile", c_char * _PATH),
        ("index_on", c_int),
        ("index", c_char * _PATH),
        ("image_offset", c_int * 2),
        ("subsampling_dx", c_int),
        ("subsampling_dy", c_int),
        ("formats", c_int * 2),
        ("jpwl", c_int * (2 + 16 * 5 + 4 + 16 * 2)),
        ("cp_cinema", c_int),
        ("max_comp_size", c_int),
        ("cp_rsiz", c_int),
        ("tp_on", c_char),
        ("tp_flag", c_char),
        ("tcp_mct", c_char),
        ("jpip_on", c_int),
        ("mct_data", c_void_p),
        ("max_cs_size", c_int),
        ("rsiz", c_uint16),
    )
