"""The last check before a result leaves the worker: it is read again, as a stranger would.

What was proven of frames is of no use if the file around them is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from . import syntaxes
from .codec.contract import PixelFormat, Samples
from .dicom import frames, native
from .dicom.elements import PIXEL_DATA
from .dicom.file import DicomFile
from .dicom.image import Image, describe
from .errors import CodecError
from .proving import same


def prove_encapsulated(
    result: bytes, target: str, uid: str, pixels: PixelFormat, encoded: Sequence[bytes]
) -> None:
    """The file holds exactly these codestreams, and attributes that describe them."""
    written, image = _read(result, target, uid, pixels)
    found = frames.encoded_frames(written, image)
    if len(found) != len(encoded) or not all(map(_is_padded, found, encoded)):
        raise CodecError("wrong_frames", "The written frames are not the proven ones.")


def prove_native(
    result: bytes, target: str, uid: str, pixels: PixelFormat, expected: Sequence[Samples]
) -> None:
    """The file holds exactly these samples."""
    written, image = _read(result, target, uid, pixels)
    found = native.unpack(written, image)
    if len(found) != len(expected) or not all(map(same, found, expected)):
        raise CodecError("not_lossless", "The samples are not the same in the written file.")


def prove_cells(
    result: bytes,
    target: str,
    uid: str,
    pixels: PixelFormat,
    high_bit: int,
    cells: native.CellFrames,
) -> None:
    """The file holds exactly these whole cells, and attributes that describe them."""
    written, image = _read(result, target, uid, pixels)
    if (image.high_bit, image.frames) != (high_bit, len(cells)):
        raise CodecError("wrong_attributes", "High Bit or Number of Frames has changed.")
    found = native.unpack(written, image)
    if not all(np.array_equal(cells.cells(one), found.cells(one)) for one in range(len(cells))):
        raise CodecError("not_lossless", "The pixel data is not the same in the written file.")


def prove_same_bytes(result: bytes, target: str, file: DicomFile, image: Image) -> None:
    """Both files hold the same native pixel data, byte for byte, described alike."""
    written, new = _read(result, target, file.sop_instance_uid, image.format)
    if (new.high_bit, new.frames) != (image.high_bit, image.frames):
        raise CodecError("wrong_attributes", "High Bit or Number of Frames has changed.")
    here, there = file.element(PIXEL_DATA), written.element(PIXEL_DATA)
    if not (here and there and bytes(here.value) == bytes(there.value)):
        raise CodecError("not_lossless", "The pixel data is not the same in the written file.")


def prove_data_set(result: bytes, target: str, file: DicomFile) -> None:
    """Both files' data sets, written alike, are the same.

    Alike is Implicit VR where one of them is: it says no VR that could differ.
    """
    written = DicomFile.parse(result)
    if (written.syntax, written.sop_instance_uid) != (target, file.sop_instance_uid):
        raise CodecError("wrong_identity", "The written file has another identity.")
    alike = syntaxes.IMPLICIT_LE if syntaxes.IMPLICIT_LE in (target, file.syntax) else file.syntax
    if written.write(alike, {}) != file.write(alike, {}):
        raise CodecError("not_lossless", "The data set is not the same in the written file.")


def _read(result: bytes, target: str, uid: str, pixels: PixelFormat) -> tuple[DicomFile, Image]:
    written = DicomFile.parse(result)
    if (written.syntax, written.sop_instance_uid) != (target, uid):
        raise CodecError("wrong_identity", "The written file has another identity.")
    image = describe(written)
    if image.format != pixels:
        raise CodecError("wrong_attributes", f"{image.format} was written instead of {pixels}.")
    return written, image


def _is_padded(found: bytes, codestream: bytes) -> bool:
    return found == codestream or found == codestream + b"\0"
