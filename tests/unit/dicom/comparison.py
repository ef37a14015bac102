"""Two data sets as pydicom reads them, compared element by element."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

WORDS = {"OW": 2, "OL": 4, "OF": 4, "OD": 8, "OV": 8}


def differences(
    one: Dataset, other: Dataset, *, swapped: bool = False, vrs: bool = True
) -> list[str]:
    """Say what differs; ``swapped``: ``one`` is big endian, ``other`` little."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(_differences(one, other, swapped, vrs, ""))


def _differences(one: Dataset, other: Dataset, swapped: bool, vrs: bool, where: str) -> Any:
    ours, theirs = _tags(one), _tags(other)
    if ours != theirs:
        yield f"{where}: {ours ^ theirs} in one only"
        return
    for tag in sorted(ours):
        yield from _element(one[tag], other[tag], swapped, vrs, f"{where}{tag:08X}")


def _tags(dataset: Dataset) -> set[int]:
    """Group lengths are retired, and may go."""
    return {int(tag) for tag in list(dataset.keys()) if tag & 0xFFFF}


def _element(one: DataElement, other: DataElement, swapped: bool, vrs: bool, where: str) -> Any:
    if vrs and one.VR != other.VR:
        yield f"{where}: VR {one.VR} and {other.VR}"
    if isinstance(one.value, Sequence):
        if len(one.value) != len(other.value):
            yield f"{where}: {len(one.value)} and {len(other.value)} items"
        for number, items in enumerate(zip(one.value, other.value, strict=False)):
            yield from _differences(*items, swapped, vrs, f"{where}[{number}].")
    elif not _equal(one, other, swapped):
        yield f"{where}: {str(one.value)[:40]!r} and {str(other.value)[:40]!r}"


def _equal(one: DataElement, other: DataElement, swapped: bool) -> bool:
    if swapped and one.VR in WORDS and isinstance(one.value, bytes):
        size = WORDS[one.VR]
        words = np.frombuffer(one.value, f">u{size}").astype(f"<u{size}")
        return words.tobytes() == bytes(other.value)
    return repr(one.value) == repr(other.value) or bool(one.value == other.value)
