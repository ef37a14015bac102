"""Deflated data sets (PS3.5 A.5): a raw deflate stream around everything after group 2.

The rule: what inflates past the limit is an attack or an accident, and is
refused before it fills the memory.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from ..errors import DicomError
from .elements import Buffer


def inflated(body: memoryview, limit: int) -> bytes:
    """Inflate to at most ``limit`` bytes; a larger or damaged stream is a ``DicomError``."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)  # PS3.5 A.5: no zlib header
    try:
        data = inflater.decompress(body, limit)
    except zlib.error as problem:
        reason = f"The deflated data set is damaged: {problem}."
        raise DicomError("bad_deflate", reason) from problem
    if inflater.unconsumed_tail:
        raise DicomError("deflate_too_large", f"The data set inflates to over {limit} bytes.")
    if not inflater.eof:
        raise DicomError("truncated", "The deflated data set ends before its end.")
    return data


def deflated(body: Iterable[Buffer]) -> bytes:
    """Deflate, padded to an even length."""
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    data = b"".join([deflater.compress(piece) for piece in body]) + deflater.flush()
    return data + bytes(len(data) % 2)
