"""What a decoded codestream means under its header (PS3.5 8.1.1, 8.2; PS3.3 C.7.6.3).

The data set describes the cells, the codestream carries them. With precision P:

- P up to Bits Stored: the samples, which fit; the header stays as it is.
- P above Bits Stored: the codestream carries cells, as native pixel data does (most
  encoders of lossless JPEG and JPEG-LS code all of Bits Allocated). The stored sample
  is the Bits Stored bits below High Bit; what lies beside them is an overlay, a sign
  extension, or unused.
- The sign is the header's. GDCM and DCMTK read all of this so.

Where a codestream that cannot declare a sign has fewer bits than are stored of signed
samples, its highest bit may be a sign or not: readers differ (see ``codec.checks``).

A reading is doubtful where another sound reader would give other values, and
nothing in the file decides. It is made all the same, as most readers make it, and
every doubt is named: who would replace the original must keep it instead. Where two
decoders of one codestream disagree is found by ``opinion``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from .codec import checks, uids
from .codec.contract import (
    Auditor,
    CellDecoder,
    Codec,
    Decoded,
    PixelFormat,
    Samples,
    Witness,
)
from .dicom import native
from .dicom.image import Image

DOUBTS = SIZE, COMPONENTS, DEPTH, SIGN, STRAY, DISAGREE = (
    "size_disagrees",
    "samples_disagree",
    "depth_contradicts",
    "sign_disagrees",
    "unused_bits",
    "decoders_disagree",
)


@dataclass(frozen=True, slots=True)
class Reading:
    """One frame, read.

    Attributes
    ----------
    samples
        The stored samples, shaped as ``contract.Decoded.samples``, in the smallest
        type that holds the Bits Stored of ``pixels``.
    pixels
        What they are; the header's word, but for what is in doubt or a colour space.
    cells
        The frame as allocated, where the codestream carries more than Bits Stored.
    doubts
        A sentence for each code.
    lossy, notes
        As in ``contract.Decoded``.
    """

    samples: Samples
    pixels: PixelFormat
    cells: native.Cells | None = None
    doubts: dict[str, str] = field(default_factory=dict)
    lossy: bool = False
    notes: tuple[str, ...] = ()


def decode(codec: Codec | Witness, frame: bytes, image: Image, threads: int = 1) -> Reading:
    """Decode one encapsulated frame and read it.

    Raises
    ------
    Refusal
        If it cannot be decoded (see ``contract.Codec.decode``).
    """
    if image.syntax == uids.RLELossless and isinstance(codec, CellDecoder):
        cells = codec.decode_cells(frame, image.format)
        return Reading(native.stored(cells, image), image.format, cells)
    decoded = codec.decode(frame, image.format, image.syntax, threads)
    return replace(read(decoded, image), lossy=decoded.lossy, notes=decoded.notes)


def salvage(codec: Codec, frame: bytes, image: Image) -> Reading:
    """Read what can be had of one frame, damaged or not: to be shown, and for nothing else.

    Raises
    ------
    Refusal
        If nothing can be had of it.
    """
    if not isinstance(codec, Auditor):
        return decode(codec, frame, image)
    return read(codec.salvage(frame, image.format, image.syntax), image)


def read(decoded: Decoded, image: Image) -> Reading:
    """Read one decoded frame as its header says."""
    pixels = _format(decoded, image)
    doubts = dict(_doubtful_shape(pixels, image.format))
    if decoded.bits <= image.bits_stored:
        samples = _fitted(decoded, pixels)
        doubts |= _doubtful_values(decoded, samples, pixels, 0)
        return Reading(samples, pixels, None, doubts)
    if decoded.bits > image.bits_allocated and not _within(decoded, image.bits_allocated):
        return _beyond(decoded, image, pixels, doubts)
    cells = _cells(decoded, image)
    samples = native.stored(cells, image)
    doubts |= _doubtful_values(decoded, samples, pixels, image.overlay_mask)
    if image.high_bit >= decoded.bits:
        doubts[DEPTH] = f"High Bit is {image.high_bit}, and the codestream has {decoded.bits} bits."
    return Reading(samples, pixels, cells, doubts)


def as_cells(reading: Reading, image: Image) -> native.Cells:
    """The frame as allocated, whether or not its codestream carried more than the samples.

    If it did not, there is nothing where overlays are declared: no sign is extended there.
    """
    if reading.cells is not None:
        return reading.cells
    size = reading.pixels.bits_allocated // 8
    wide = reading.samples.astype(f"{reading.samples.dtype.kind}{size}").view(f"u{size}")
    shift = image.high_bit + 1 - image.bits_stored
    beside = wide.dtype.type(((1 << reading.pixels.bits_allocated) - 1) & ~image.overlay_mask)
    cells: native.Cells = (wide << wide.dtype.type(shift)) & beside
    return cells


def _format(decoded: Decoded, image: Image) -> PixelFormat:
    """The header's format, in the codestream's size and colour space."""
    samples = decoded.samples
    return replace(
        image.format,
        rows=samples.shape[0],
        columns=samples.shape[1],
        samples_per_pixel=samples.shape[2] if samples.ndim > 2 else 1,
        photometric=decoded.photometric,
    )


def _doubtful_shape(found: PixelFormat, claimed: PixelFormat) -> Iterator[tuple[str, str]]:
    if (found.rows, found.columns) != (claimed.rows, claimed.columns):
        says, has = (f"{one.columns} x {one.rows}" for one in (claimed, found))
        yield SIZE, f"The header says {says} pixels, the codestream {has}."
    if found.samples_per_pixel != claimed.samples_per_pixel:
        says, has = (str(one.samples_per_pixel) for one in (claimed, found))
        yield COMPONENTS, f"The header says {says} samples per pixel, the codestream {has}."


def _fitted(decoded: Decoded, pixels: PixelFormat) -> Samples:
    """Samples of no more than Bits Stored, with the header's sign."""
    bits, kind = pixels.bits_stored, checks.dtype_of(pixels.bits_stored, pixels.signed)
    if decoded.signed == pixels.signed:
        return decoded.samples.astype(kind, copy=False)
    if decoded.signed:
        wide = decoded.samples.astype(checks.dtype_of(bits, signed=True), copy=False)
        return checks.to_pattern(wide, bits)
    wide = decoded.samples.astype(checks.dtype_of(bits, signed=False), copy=False)
    return checks.from_pattern(wide, bits, signed=True)


def _cells(decoded: Decoded, image: Image) -> native.Cells:
    """Cells of Bits Allocated; a sign extension goes on above the codestream's precision."""
    size = image.bits_allocated // 8
    kind = "i" if decoded.signed else "u"
    cells: native.Cells = decoded.samples.astype(f"{kind}{size}", copy=False).view(f"u{size}")
    extends = image.pixel_representation == 1 and not decoded.signed
    if not extends or not image.high_bit < decoded.bits < image.bits_allocated:
        return cells
    bits = cells.dtype.type
    carried = (1 << decoded.bits) - (1 << image.high_bit)  # the sign, and what was coded above it
    extension = carried & ~image.overlay_mask
    above = ((1 << image.bits_allocated) - (1 << decoded.bits)) & ~image.overlay_mask
    extended = (cells & bits(extension)) == bits(extension)
    return np.where(extended, cells | bits(above), cells)


def _within(decoded: Decoded, bits: int) -> bool:
    """Whether cells of so many bits hold the samples, sign and all."""
    low, high = int(decoded.samples.min()), int(decoded.samples.max())
    least = -(1 << (bits - 1)) if decoded.signed else 0
    return least <= low and high < least + (1 << bits)


def _beyond(decoded: Decoded, image: Image, pixels: PixelFormat, doubts: dict[str, str]) -> Reading:
    """Samples that the header's cells cannot hold: then the codestream is followed."""
    sentence = (
        f"The codestream has samples of {decoded.bits} bits, which {image.bits_allocated} "
        "allocated ones cannot hold."
    )
    found = replace(
        pixels,
        bits_allocated=decoded.samples.dtype.itemsize * 8,
        bits_stored=decoded.bits,
        signed=decoded.signed,
    )
    return Reading(decoded.samples, found, None, {**doubts, DEPTH: sentence})


def _doubtful_values(
    decoded: Decoded, samples: Samples, pixels: PixelFormat, overlays: int
) -> dict[str, str]:
    """Where the codestream itself may mean other values than the header's reading of it."""
    if not decoded.sign_declared:
        return _doubtful_pattern(decoded, pixels)
    own = decoded.samples.astype(np.int64)
    if decoded.signed == pixels.signed:
        return _beyond_bits_stored(own, samples, pixels, overlays)
    low = -(1 << (pixels.bits_stored - 1)) if decoded.signed else 0
    plausible = (own >= low) & (own < low + (1 << pixels.bits_stored))
    count = int(np.count_nonzero(plausible & (own != samples)))
    return _two_signs(pixels, count, signed=decoded.signed)


def _doubtful_pattern(decoded: Decoded, pixels: PixelFormat) -> dict[str, str]:
    """Signed samples of fewer bits than are stored, whose highest one is set."""
    if not pixels.signed or decoded.bits >= pixels.bits_stored:
        return {}
    top = np.int64(1 << (decoded.bits - 1))
    count = int(np.count_nonzero(decoded.samples.astype(np.int64) & top))
    return _two_signs(pixels, count, signed=False)


def _two_signs(pixels: PixelFormat, count: int, *, signed: bool) -> dict[str, str]:
    if not count:
        return {}
    names = {True: "signed", False: "unsigned"}
    return {
        SIGN: f"The header says {names[pixels.signed]} samples of {pixels.bits_stored} bits, "
        f"the codestream has {names[signed]} ones: {count} have two readings."
    }


def _beyond_bits_stored(
    own: NDArray[np.int64], samples: Samples, pixels: PixelFormat, overlays: int
) -> dict[str, str]:
    """Signed samples that the codestream declares, and Bits Stored cannot hold."""
    if not pixels.signed:
        return {}  # what is above Bits Stored counts as unused bits
    shown = np.int64(~overlays)
    count = int(np.count_nonzero((own & shown) != (samples.astype(np.int64) & shown)))
    if not count:
        return {}
    return {DEPTH: f"{count} samples of the codestream do not fit {pixels.bits_stored} bits."}
