"""Formats, samples and syntaxes that every codec is tested with."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator

import numpy as np

from orthanc_transcoder.codec import uids
from orthanc_transcoder.codec.checks import dtype_of
from orthanc_transcoder.codec.contract import Encoded, EncodeOptions, PixelFormat, Samples
from orthanc_transcoder.codec.registry import default_registry

REGISTRY = default_registry()

# The depths that a lossless syntax must take, signed and unsigned.
LOSSLESS_BITS = {
    uids.RLELossless: range(1, 33),
    uids.JPEGLossless: range(2, 17),
    uids.JPEGLosslessSV1: range(2, 17),
    uids.JPEGLSLossless: range(2, 17),
    uids.JPEG2000Lossless: range(1, 23),
    uids.HTJ2KLossless: range(1, 17),
    uids.HTJ2KLosslessRPCL: range(1, 17),
    uids.JPEGXLLossless: range(1, 17),
}
LOSSLESS = sorted(LOSSLESS_BITS)

# The formats that a lossy syntax must take: depths, whether signed, whether RGB.
LOSSY_FORMATS = {
    uids.JPEGBaseline8Bit: [(8, False, 1), (8, False, 3)],
    uids.JPEGExtended12Bit: [(12, False, 1)],
    uids.JPEGLSNearLossless: [(8, False, 1), (8, False, 3), (12, False, 1), (12, True, 1)],
    uids.JPEG2000: [(8, False, 1), (8, False, 3), (12, True, 1), (16, False, 1)],
    uids.HTJ2K: [(8, False, 1), (8, False, 3), (12, True, 1), (12, False, 1), (16, True, 1)],
    uids.JPEGXL: [(8, False, 1), (8, False, 3), (12, False, 1), (16, False, 1)],
}
LOSSY = sorted(LOSSY_FORMATS)

SIZES = [(1, 1), (1, 7), (7, 1), (2, 2), (3, 3), (31, 33), (65, 5)]
KINDS = ("noise", "extremes", "smooth")


def pixel_format(
    rows: int,
    columns: int,
    bits: int,
    *,
    signed: bool = False,
    samples: int = 1,
    allocated: int = 0,
) -> PixelFormat:
    return PixelFormat(
        rows=rows,
        columns=columns,
        samples_per_pixel=samples,
        bits_allocated=allocated or dtype_of(bits, signed).itemsize * 8,
        bits_stored=bits,
        signed=signed,
        photometric="RGB" if samples == 3 else "MONOCHROME2",
    )


def samples_of(pixels: PixelFormat, kind: str = "smooth", seed: int = 0) -> Samples:
    """Make samples that use the whole range of Bits Stored."""
    rng = np.random.default_rng(seed)
    shape: tuple[int, ...] = (pixels.rows, pixels.columns)
    shape = shape if pixels.samples_per_pixel == 1 else (*shape, pixels.samples_per_pixel)
    low = -(1 << (pixels.bits_stored - 1)) if pixels.signed else 0
    high = low + (1 << pixels.bits_stored) - 1
    if kind == "noise":
        values = rng.integers(low, high + 1, shape)
    elif kind == "extremes":
        values = rng.choice(np.array([low, high]), shape)
    else:
        values = _smooth(shape, low, high, rng)
    return np.ascontiguousarray(values.astype(dtype_of(pixels.bits_stored, pixels.signed)))


def _smooth(
    shape: tuple[int, ...], low: int, high: int, rng: np.random.Generator
) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """A gradient with some noise, away from the range's ends."""
    rows, columns = shape[:2]
    ramp = np.add.outer(np.linspace(0, 1, rows), np.linspace(0, 1, columns)) / 2
    ramp = ramp if len(shape) == 2 else np.stack([ramp, ramp[::-1], 1 - ramp], axis=-1)
    noisy = 0.1 + 0.75 * ramp + 0.02 * rng.random(shape)
    return np.floor(low + (high - low) * noisy).astype(np.int64)


def formats(syntax_bits: range) -> Iterator[PixelFormat]:
    for bits, signed, samples, (rows, columns) in itertools.product(
        syntax_bits, (False, True), (1, 3), SIZES
    ):
        yield pixel_format(rows, columns, bits, signed=signed, samples=samples)


def encode(
    syntax: str, samples: Samples, pixels: PixelFormat, options: EncodeOptions | None = None
) -> tuple[Encoded, PixelFormat]:
    """Encode one frame; give also the format that its header then states."""
    encoded = REGISTRY.encoder(syntax).encode(samples, pixels, syntax, options or EncodeOptions())
    return encoded, dataclasses.replace(pixels, photometric=encoded.photometric)
