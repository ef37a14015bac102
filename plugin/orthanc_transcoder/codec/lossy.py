"""How a lossy codec reaches a target: one bisection for all of them.

Each codec has one setting (a quality, a quantisation step, a distance). It is
passed here so that a higher value means a better and larger result.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from .contract import EncodeOptions, PixelFormat, Samples

_STEPS = 8

EncodeAt = Callable[[float], bytes]


def psnr(original: Samples, decoded: Samples) -> float:
    """Return the PSNR in dB over the original's actual range; infinite where equal.

    On the nominal range of 16 bits any CT would look perfect.
    """
    wide = np.float64
    error = float(np.mean(np.square(original.astype(wide) - decoded.astype(wide))))
    return math.inf if error == 0 else 20 * math.log10(actual_range(original) / math.sqrt(error))


def actual_range(samples: Samples) -> int:
    """Return maximum minus minimum, at least 1."""
    return max(1, int(samples.max()) - int(samples.min()))


def psnr_of_quality(quality: int, samples: Samples) -> float:
    """Map quality 1 to 100 to a PSNR, for codecs that aim at one.

    Linear from 25 dB to 65 dB, an RMS error of 0.06% of the image's range; or
    to half a grey level, below which lossless coding is smaller: 54 dB where
    the range is 255. Quality 90 gives 61 dB, and 51 dB of 255.
    """
    best = min(65.0, 20 * math.log10(actual_range(samples) / 0.5))
    return 25 + max(0.0, best - 25) * quality / 100


def native_size(pixels: PixelFormat) -> int:
    """Return the size of one native frame in bytes."""
    samples = pixels.rows * pixels.columns * pixels.samples_per_pixel
    return samples * pixels.bits_allocated // 8


def within_ratio(
    encode_at: EncodeAt, pixels: PixelFormat, ratio: float, low: float, high: float
) -> bytes:
    """Return the best result that is no larger than the ratio asks.

    Where not even ``low`` is small enough, its result: what was reached is for
    the caller to measure.
    """
    limit = native_size(pixels) / ratio
    best = encode_at(low)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        data = encode_at(middle)
        if len(data) <= limit:
            best, low = data, middle
        else:
            high = middle
    return best


def reaching_psnr(
    encode_at: EncodeAt,
    decode: Callable[[bytes], Samples],
    samples: Samples,
    target: float,
    low: float,
    high: float,
) -> bytes:
    """Return the smallest result whose PSNR is at least ``target``, else ``high``'s."""
    best = encode_at(high)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        data = encode_at(middle)
        if psnr(samples, decode(data)) >= target:
            best, high = data, middle
        else:
            low = middle
    return best


def to_target(
    encode_at: EncodeAt,
    decode: Callable[[bytes], Samples],
    samples: Samples,
    pixels: PixelFormat,
    options: EncodeOptions,
    bounds: tuple[float, float],
    default: float,
) -> bytes:
    """Encode as the options ask: by ratio, by PSNR, else at ``default``."""
    if options.ratio is not None:
        return within_ratio(encode_at, pixels, options.ratio, *bounds)
    if options.psnr is not None:
        return reaching_psnr(encode_at, decode, samples, options.psnr, *bounds)
    return encode_at(default)
