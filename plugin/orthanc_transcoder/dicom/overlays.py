"""Overlays that lie in unused bits of the pixels, moved to Overlay Data (PS3.3 C.9.2).

The rule: encoders carry Bits Stored bits, so an overlay beside them would be
lost; it becomes what the standard has asked for since 2004, Overlay Data of one
bit per pixel, first pixel in the lowest bit, frames without gaps (PS3.5 8.1.2).
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import pack

import numpy as np

from .elements import Element
from .file import DicomFile
from .image import Image
from .native import Cells, unpack


def extract(
    file: DicomFile, image: Image, cells: Iterable[Cells] | None = None
) -> dict[int, Element | None]:
    """Move the embedded overlays.

    Parameters
    ----------
    file, image
        The file, and what ``describe`` said of it.
    cells
        Each frame as allocated, unused bits included, where the pixel data is
        encapsulated; native pixel data is read from the file.

    Returns
    -------
    dict
        Changes for ``DicomFile.write``; empty where no overlay is embedded.
    """
    if not image.embedded_overlays or (cells is None and image.encapsulated):
        return {}
    if cells is None:
        native = unpack(file, image)
        cells = (native.cells(index) for index in range(len(native)))
    positions = [file.ints(group << 16 | 0x0102)[0] for group in image.embedded_overlays]
    planes: list[list[Cells]] = [[] for _ in positions]
    for frame in cells:
        for plane, position in zip(planes, positions, strict=True):
            plane.append(_bit(frame, position))
    changes: dict[int, Element | None] = {}
    for group, plane in zip(image.embedded_overlays, planes, strict=True):
        changes |= _overlay(file, image, group << 16, np.concatenate(plane))
    return changes


def _bit(frame: Cells, position: int) -> Cells:
    """One bit of each pixel as 0 or 1; of colour, the first sample's."""
    plane = frame if frame.ndim == 2 else frame[..., 0]
    kind = plane.dtype.type
    return ((plane >> kind(position)) & kind(1)).astype(np.uint8).ravel()


def _overlay(file: DicomFile, image: Image, group: int, bits: Cells) -> dict[int, Element | None]:
    data = np.packbits(bits, bitorder="little").tobytes()
    changes: dict[int, Element | None] = {
        group | 0x0010: _short(group | 0x0010, image.rows),
        group | 0x0011: _short(group | 0x0011, image.columns),
        group | 0x0100: _short(group | 0x0100, 1),
        group | 0x0102: _short(group | 0x0102, 0),
        group | 0x3000: Element(group | 0x3000, "OW", data + bytes(len(data) % 2)),
    }
    if file.element(group | 0x0050) is None:
        changes[group | 0x0050] = Element(group | 0x0050, "SS", pack("<hh", 1, 1))
    if image.frames > 1:
        count = str(image.frames).encode()
        changes[group | 0x0015] = Element(group | 0x0015, "IS", count + b" " * (len(count) % 2))
        changes[group | 0x0051] = _short(group | 0x0051, 1)
    return changes


def _short(tag: int, value: int) -> Element:
    return Element(tag, "US", pack("<H", value))
