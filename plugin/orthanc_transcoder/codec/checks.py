"""What every codec asks of a frame before and after its library has touched it.

The codestream is followed, not the header: a disagreement becomes a note. What
no header can be that wrong about is refused before anything is allocated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import CodecError
from .contract import PixelFormat, Samples

_ALWAYS_PLAUSIBLE = 1 << 20  # samples; small enough to allocate whatever the header says
_PLAUSIBLE_FACTOR = 4  # a codestream larger than so many times its header is damage


@dataclass(frozen=True, slots=True)
class StreamFormat:
    """What a codestream's own header declares."""

    rows: int
    columns: int
    components: int
    bits: int
    signed: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape that ``Decoded.samples`` must have."""
        plane = (self.rows, self.columns)
        return plane if self.components == 1 else (*plane, self.components)


def dtype_of(bits: int, signed: bool) -> np.dtype[np.generic]:
    """Return the smallest native dtype that holds ``bits`` bits."""
    size = 1 if bits <= 8 else 2 if bits <= 16 else 4
    return np.dtype(f"{'i' if signed else 'u'}{size}")


def require_plausible(stream: StreamFormat, pixels: PixelFormat) -> None:
    """Raise CodecError where the codestream's size cannot be meant.

    A damaged size would otherwise allocate gigabytes, or keep a decoder busy
    for minutes.
    """
    if min(stream.rows, stream.columns, stream.components, stream.bits) < 1:
        raise CodecError("implausible_size", f"the codestream declares an empty image: {stream}")
    if stream.components not in (1, 3, 4):
        raise CodecError("unsupported_codestream", f"{stream.components} components per pixel")
    samples = stream.rows * stream.columns * stream.components
    claimed = pixels.rows * pixels.columns * pixels.samples_per_pixel
    if samples > max(_ALWAYS_PLAUSIBLE, _PLAUSIBLE_FACTOR * claimed):
        raise CodecError(
            "implausible_size",
            f"the codestream declares {stream.columns}x{stream.rows}x{stream.components}, "
            f"the header {pixels.columns}x{pixels.rows}x{pixels.samples_per_pixel}",
        )


def disagreements(
    stream: StreamFormat, pixels: PixelFormat, *, sign: bool = True
) -> tuple[str, ...]:
    """Return a sentence for each property in which codestream and header differ.

    ``sign`` is false for codestreams that cannot declare one.
    """
    pairs: list[tuple[str, object, object]] = [
        ("Rows", pixels.rows, stream.rows),
        ("Columns", pixels.columns, stream.columns),
        ("Samples per Pixel", pixels.samples_per_pixel, stream.components),
        ("Bits Stored", pixels.bits_stored, stream.bits),
    ]
    if sign:
        pairs.append(("Pixel Representation", int(pixels.signed), int(stream.signed)))
    return tuple(
        f"{name} is {claimed} in the header and {declared} in the codestream"
        for name, claimed, declared in pairs
        if claimed != declared
    )


def require_declared(samples: Samples, stream: StreamFormat) -> Samples:
    """Return the samples in the contract's dtype and layout.

    Raises
    ------
    CodecError
        If the library gave another shape or type than the codestream declares,
        or samples beyond its depth, as some do of damage.
    """
    dtype = dtype_of(stream.bits, stream.signed)
    squeezed = samples[..., 0] if samples.ndim == 3 and samples.shape[2] == 1 else samples
    if squeezed.shape != stream.shape or squeezed.dtype != dtype:
        raise CodecError(
            "codec_failed",
            f"decoded {squeezed.shape} {squeezed.dtype}, declared {stream.shape} {dtype}",
        )
    if stream.bits < 8 * dtype.itemsize and not _within_depth(squeezed, stream):
        raise CodecError("damaged_codestream", f"decoded samples of more than {stream.bits} bits")
    return np.ascontiguousarray(squeezed)


def _within_depth(samples: Samples, stream: StreamFormat) -> bool:
    low = -(1 << (stream.bits - 1)) if stream.signed else 0
    return low <= int(samples.min()) and int(samples.max()) < low + (1 << stream.bits)


def is_rgb(pixels: PixelFormat) -> bool:
    """Say whether JPEG 2000's colour transform applies: to RGB and nothing else."""
    return pixels.photometric == "RGB" and pixels.samples_per_pixel == 3


def refuses_common(pixels: PixelFormat, max_bits: int) -> str | None:
    """Return why no codec, or none of this depth, can take such frames, or None."""
    if pixels.bits_allocated not in (8, 16, 32):
        return f"Bits Allocated {pixels.bits_allocated} is not 8, 16 or 32"
    if not 1 <= pixels.bits_stored <= min(max_bits, pixels.bits_allocated):
        return f"Bits Stored {pixels.bits_stored} is more than the {max_bits} this codec carries"
    if pixels.samples_per_pixel not in (1, 3):
        return f"Samples per Pixel {pixels.samples_per_pixel} is neither 1 nor 3"
    if pixels.photometric in ("YBR_RCT", "YBR_ICT", "YBR_FULL_422", "YBR_PARTIAL_420"):
        return f"samples in memory are never {pixels.photometric}: it describes a codestream"
    if min(pixels.rows, pixels.columns) < 1:
        return "the image is empty"
    return None


def refuses_lossy(pixels: PixelFormat) -> str | None:
    """Return why no lossy codec can take such frames, or None."""
    if pixels.photometric == "PALETTE COLOR":
        return "a lossy palette index names another colour (PS3.5 8.2)"
    return None


def to_pattern(samples: Samples, bits: int) -> Samples:
    """Return signed samples as the two's complement bit pattern of ``bits`` bits.

    What an unsigned codestream carries of signed data (PS3.5 8.2.1, 8.2.3):
    Pixel Representation alone says the sign.
    """
    if samples.dtype.kind == "u":
        return samples
    unsigned = np.dtype(f"u{samples.dtype.itemsize}")
    pattern = np.ascontiguousarray(samples).view(unsigned)
    masked: Samples = pattern & unsigned.type((1 << bits) - 1)
    return masked


def from_pattern(pattern: Samples, bits: int, signed: bool) -> Samples:
    """Undo ``to_pattern``: extend the sign from bit ``bits - 1`` upwards."""
    if not signed:
        return pattern
    spare = pattern.dtype.itemsize * 8 - bits
    values = pattern.view(np.dtype(f"i{pattern.dtype.itemsize}"))
    extended: Samples = (values << spare) >> spare
    return extended


def without_sign(
    pattern: Samples, bits: int, pixels: PixelFormat, *, extends: bool = False
) -> Samples:
    """Samples of a codestream that cannot declare a sign (see ``contract.Decoded.signed``).

    ``extends`` says that readers of such codestreams extend the sign of fewer bits
    than are stored (GDCM and DCMTK do of JPEG, and do not of JPEG-LS).
    """
    extended = bits <= pixels.bits_stored if extends else bits == pixels.bits_stored
    return from_pattern(pattern, bits, pixels.signed and extended)
