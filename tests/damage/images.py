"""Pieces of real images (pydicom-data), large enough for texture, small enough for thousands."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom

from orthanc_transcoder.codec.contract import PixelFormat, Samples
from tests.samples import sample

Cells = npt.NDArray[Any]

GREY = ("ct", "cr", "mr", "grey")
COLOUR = ("us",)


@functools.cache
def image(name: str) -> tuple[Samples, PixelFormat]:
    """Return a piece's samples, and what they are."""
    if name == "ct":  # abdomen: 14 bits, signed
        return _made(_piece("693_UNCR.dcm", 140, 140, 128, 128), 14)
    if name == "ct12":  # the same without a sign, in 12 bits
        return _made(image("ct")[0].astype(np.uint16).clip(0, 4095), 12)
    if name == "cr":
        return _made(_piece("RG1_UNCR.dcm", 700, 640, 90, 110), 15)
    if name == "mr":
        return _made(_piece("MR2_UNCR.dcm", 300, 300, 96, 112), 12)
    if name == "grey":
        return _made((_piece("MR2_UNCR.dcm", 400, 380, 64, 64) >> 2).clip(0, 255).astype("u1"), 8)
    return _made(_piece("US1_UNCR.dcm", 150, 200, 100, 84), 8)


def _piece(name: str, top: int, left: int, rows: int, columns: int) -> Cells:
    dataset = pydicom.dcmread(sample(name).path)
    cell = f"<{'i' if dataset.PixelRepresentation else 'u'}{dataset.BitsAllocated // 8}"
    shape = (dataset.Rows, dataset.Columns, dataset.SamplesPerPixel)
    whole = np.frombuffer(dataset.PixelData, cell, int(np.prod(shape))).reshape(shape)
    return np.squeeze(whole[top : top + rows, left : left + columns])


def _made(cells: Cells, bits: int) -> tuple[Samples, PixelFormat]:
    colour = cells.ndim == 3
    pixels = PixelFormat(
        rows=cells.shape[0],
        columns=cells.shape[1],
        samples_per_pixel=3 if colour else 1,
        bits_allocated=cells.itemsize * 8,
        bits_stored=bits,
        signed=cells.dtype.kind == "i",
        photometric="RGB" if colour else "MONOCHROME2",
    )
    return np.ascontiguousarray(cells), pixels
