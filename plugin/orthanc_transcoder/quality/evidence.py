"""What a lossy compression did to its worst frame, as pictures small enough to keep.

The frame before and after, reduced by averaging, and their absolute
difference, reduced to the greatest of each block so that one wrong sample is
still seen, and amplified by a power of two. Greyscale is windowed to the range
of the original, as the measures are; colour is as it is stored.
"""

from __future__ import annotations

import base64
import math
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from ..codec.contract import PixelFormat, Samples
from ..codec.lossy import actual_range
from ..errors import CodecError

_SIDES = (256, 192, 128, 96, 64)  # pixels; noise does not compress, and gets a smaller picture
_BYTES = 40_000  # of all three, as text
_QUALITY = 85

Values = NDArray[np.float64]


def of_frame(
    number: int, original: Samples, decoded: Samples, pixels: PixelFormat
) -> dict[str, Any]:
    """Draw a frame, its lossy result and their difference.

    Parameters
    ----------
    number
        Of the frame, from 1.
    original, decoded
        Of one shape, in the colour space that ``pixels`` says.

    Returns
    -------
    dict
        ``frame``, ``amplification``, and ``original``, ``result`` and
        ``difference`` as data URIs of JPEG.

    Raises
    ------
    CodecError
        If a picture cannot be encoded.
    """
    for side in _SIDES:
        step = math.ceil(max(original.shape[:2]) / side)
        drawn = _drawn(original, decoded, pixels, step)
        if sum(len(value) for value in drawn.values() if isinstance(value, str)) <= _BYTES:
            break
    return {"frame": number, **drawn}


def _drawn(original: Samples, decoded: Samples, pixels: PixelFormat, step: int) -> dict[str, Any]:
    low, span = _window(original, pixels)
    difference = _greatest_difference(original, decoded, step)
    amplification = _amplification(float(difference.max()), span)
    inverted = pixels.photometric == "MONOCHROME1"
    before, after = (
        _levels(_average(frame, step) - low, span, inverted) for frame in (original, decoded)
    )
    ycbcr = pixels.photometric.startswith("YBR")
    return {
        "amplification": amplification,
        "original": _jpeg(before, ycbcr),
        "result": _jpeg(after, ycbcr),
        "difference": _jpeg(_levels(difference * amplification, span), ycbcr),
    }


def _window(original: Samples, pixels: PixelFormat) -> tuple[int, int]:
    """What is shown as black, and how far from it white is."""
    if pixels.samples_per_pixel > 1:
        return 0, (1 << pixels.bits_stored) - 1
    return int(original.min()), actual_range(original)


def _amplification(greatest: float, span: int) -> int:
    """The greatest power of two that takes no error beyond white."""
    return 1 << int(math.log2(span / greatest)) if 0 < greatest <= span else 1


def _average(frame: Samples, step: int) -> Values:
    """The mean of each block of so many pixels a side."""
    rows, columns = (np.arange(0, length, step) for length in frame.shape[:2])
    sums = np.add.reduceat(np.add.reduceat(frame, rows, 0, np.float64), columns, 1)
    heights, widths = (
        np.diff(starts, append=length)
        for starts, length in zip((rows, columns), frame.shape[:2], strict=True)
    )
    sizes = np.outer(heights, widths)
    means: Values = sums / sizes.reshape(sizes.shape + (1,) * (frame.ndim - 2))
    return means


def _greatest_difference(original: Samples, decoded: Samples, step: int) -> Values:
    """The greatest difference of each block, whatever the channel."""
    bands = []
    for top in range(0, len(original), step):  # the whole frame would be copied thrice
        some = slice(top, top + step)
        wide = original[some].astype(np.int64) - decoded[some].astype(np.int64)
        bands.append(np.abs(wide).reshape(*wide.shape[:2], -1).max(axis=(0, 2)))
    starts = np.arange(0, original.shape[1], step)
    greatest: Values = np.maximum.reduceat(np.stack(bands), starts, 1).astype(np.float64)
    return greatest


def _levels(values: Values, span: int, inverted: bool = False) -> NDArray[np.uint8]:
    levels = np.clip(np.rint(values * (255 / span)), 0, 255).astype(np.uint8)
    return 255 - levels if inverted else levels


def _jpeg(picture: NDArray[np.uint8], ycbcr: bool) -> str:
    """A data URI; JPEG's own colour space is YBR_FULL, which needs no conversion then."""
    colour = picture.ndim > 2
    try:
        data = imagecodecs.jpeg8_encode(
            picture,
            level=_QUALITY,
            colorspace="ycbcr" if colour and ycbcr else "rgb" if colour else None,
            outcolorspace="ycbcr" if colour else None,
        )
    except (imagecodecs.Jpeg8Error, ValueError) as error:
        raise CodecError("codec_failed", f"libjpeg-turbo: {error}") from error
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
