"""Native pixel data of single bits (PS3.3 C.7.6.3.1.1, PS3.5 8.1.1, 8.2).

The first pixel is the lowest bit of the first byte; frames follow each other
without gaps; in big-endian words the two bytes of each are swapped.
"""

from __future__ import annotations

import numpy as np

from ..codec.contract import Samples
from ..errors import Declined, DicomError
from .elements import PIXEL_DATA
from .file import DicomFile
from .vr import resolve


def frame_of(file: DicomFile, frame: int) -> Samples:
    """One frame of zeros and ones.

    Parameters
    ----------
    frame
        From 0.

    Returns
    -------
    ndarray
        Shape ``(rows, columns)``, uint8.

    Raises
    ------
    Declined
        If there is no such frame, or it is not grey.
    DicomError
        If the pixel data is too short, or encapsulated.
    """
    element = file.element(PIXEL_DATA)
    if element is None or element.undefined_length:
        raise DicomError("not_native", "The pixel data is not native.")
    (rows,), (columns,) = (file.ints(tag)[:1] or (0,) for tag in (0x00280010, 0x00280011))
    if file.ints(0x00280002)[:1] != (1,) or min(rows, columns) < 1:
        raise Declined("single_bit", "Single bits are shown of grey images alone.")
    data = np.frombuffer(element.value, np.uint8)
    if not element.encoding.little and resolve(element, file.context) == "OW":
        data = data[: data.size // 2 * 2].view(np.uint16).byteswap().view(np.uint8)
    start = frame * rows * columns
    end = start + rows * columns
    if not 0 <= frame < (*file.ints(0x00280008), 1)[0]:
        raise Declined("no_such_frame", f"There is no frame {frame + 1}.")
    if end > data.size * 8:
        raise DicomError("pixel_data_too_short", f"Frame {frame + 1} is not there.")
    bits = np.unpackbits(data[start // 8 : -(-end // 8)], bitorder="little")
    return bits[start % 8 : start % 8 + rows * columns].reshape(rows, columns)
