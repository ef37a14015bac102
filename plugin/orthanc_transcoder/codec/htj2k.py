"""HTJ2K (PS3.5 A.4.9, 8.2.14, 10.18) by imagecodecs' OpenJPH.

- Encoded: a raw codestream, one tile, RPCL progression, 64x64 code-blocks.
  .202 also has TLM marker segments.
- Five decompositions, or enough for a base resolution of at most 64 pixels a
  side, which .202 requires. imagecodecs from 2026.10 makes of a number that it is
  told no more than the shorter side allows, down to none, where OpenJPH then codes
  the most negative sample wrong; left to OpenJPH, five are always made. So more
  are asked for only where both versions make them; .202 refuses what remains:
  frames more than 2048 pixels long, less than 64 wide.
- imagecodecs declares the container's 8, 16 or 32 bits as precision. Bits
  Stored is written instead, after preparing the samples so that a decoder finds
  the same coefficients (``_prepare``); OpenJPEG agrees with the result.
- 1 to 16 bits are encoded: OpenJPH codes and reads up to 32, but no other decoder
  (OpenJPEG, Debian's OpenJPH) reads more. RGB is coded by RCT or ICT, as in JPEG 2000.
- .203 aims at a PSNR over the frame's actual range: asked for, or mapped from
  ``quality`` (see ``lossy``), searched for over the quantisation step.
- imagecodecs drops errors of OpenJPH and returns part of the image: they are
  caught where Python reports them.
- imagecodecs lets lossy samples beyond the range wrap around: they are decoded
  as deeper ones and clipped.
- OpenJPH hangs on a damaged SIZ, returns part of a truncated image and crashes
  on irreversible sub-bands of over 30 bit-planes (none needs as many): the
  codestream is walked to its end and all this checked before OpenJPH sees it.
"""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Iterator

import imagecodecs
import numpy as np

from ..errors import CodecError, Declined
from . import checks, j2k_codestream, j2k_decode, lossy, uids
from .contract import Codec, Decoded, Encoded, EncodeOptions, PixelFormat, Samples
from .j2k_codestream import Codestream

_MAX_BITS = 16
_MAX_LOSSY_PLANES = 30
_DEEP = 24  # bits; a 32-bit container, and what a float holds exactly
_BASE_RESOLUTION = 64
_USUAL_DECOMPOSITIONS = 5  # OpenJPH's default
_STEP_RANGE = (1.0, 20.0)  # minus log2 of the quantisation step


class HtJ2k:
    """The codec of .201, .202 and .203."""

    name = "imagecodecs/openjph"
    decodes = frozenset((uids.HTJ2KLossless, uids.HTJ2KLosslessRPCL, uids.HTJ2K))
    encodes = frozenset((uids.HTJ2KLossless, uids.HTJ2KLosslessRPCL, uids.HTJ2K))

    @property
    def version(self) -> str:
        """Versions of imagecodecs and OpenJPH."""
        return f"{imagecodecs.__version__}/{imagecodecs.htj2k_version()}"

    def refuses(self, pixels: PixelFormat, syntax: str) -> str | None:
        """Say why such frames cannot be encoded."""
        if syntax == uids.HTJ2K:
            return checks.refuses_lossy(pixels) or checks.refuses_common(pixels, _MAX_BITS)
        if reason := checks.refuses_common(pixels, _MAX_BITS):
            return reason
        if syntax == uids.HTJ2KLosslessRPCL and not _has_small_base(pixels):
            return "the frame is too long and narrow for a base resolution of 64 pixels a side"
        return None

    def encode(
        self, samples: Samples, pixels: PixelFormat, syntax: str, options: EncodeOptions
    ) -> Encoded:
        """Encode one frame (see ``contract.Codec``)."""
        transform = checks.is_rgb(pixels)
        if syntax == uids.HTJ2K:
            data = self._encode_lossy(samples, pixels, options)
            return Encoded(data, "YBR_ICT" if transform else pixels.photometric)
        data = _encode(samples, pixels, step=None, tlm=syntax == uids.HTJ2KLosslessRPCL)
        return Encoded(data, "YBR_RCT" if transform else pixels.photometric)

    def decode(self, frame: bytes, pixels: PixelFormat, syntax: str, threads: int = 1) -> Decoded:
        """Decode one frame (see ``contract.Codec``)."""

        def library(stream: Codestream) -> Samples:
            exact = stream.reversible and syntax != uids.HTJ2K
            return _samples(stream.data) if exact else _clipped(stream)

        return j2k_decode.decode(
            frame, pixels, library, high_throughput=True, max_lossy_bits=_MAX_LOSSY_PLANES
        )

    def _encode_lossy(self, samples: Samples, pixels: PixelFormat, options: EncodeOptions) -> bytes:
        def encode_at(setting: float) -> bytes:
            return _encode(samples, pixels, step=2.0**-setting, tlm=False)

        def decode(data: bytes) -> Samples:
            return _clipped(j2k_codestream.parse(data))

        if options.ratio is not None:
            return lossy.within_ratio(encode_at, pixels, options.ratio, *_STEP_RANGE)
        target = options.psnr
        if target is None:
            target = lossy.psnr_of_quality(options.quality, samples)
        return lossy.reaching_psnr(encode_at, decode, samples, target, *_STEP_RANGE)


def _encode(samples: Samples, pixels: PixelFormat, *, step: float | None, tlm: bool) -> bytes:
    """Encode reversibly, or with a quantisation step relative to the nominal range."""
    try:
        data = imagecodecs.htj2k_encode(
            _prepare(samples, pixels.bits_stored, reversible=step is None),
            level=step,
            reversible=step is None,
            rgb=checks.is_rgb(pixels),
            resolutions=_decompositions(pixels) or None,
            tlm=tlm,
        )
    except (imagecodecs.Htj2kError, ValueError) as error:
        raise CodecError("codec_failed", f"OpenJPH: {error}") from error
    return j2k_codestream.with_precision(bytes(data), pixels.bits_stored)


def _prepare(samples: Samples, bits: int, *, reversible: bool) -> Samples:
    """Make the container's coefficients those of ``bits`` bits.

    A decoder adds half the declared range to unsigned samples, and scales
    irreversible ones by all of it (ISO/IEC 15444-1 Annexes E and G). So, of a
    container of w bits, reversible samples are moved by the difference of the
    two halves, and irreversible ones shifted to its top.
    """
    dtype = samples.dtype
    spare = dtype.itemsize * 8 - bits
    if spare == 0:
        return samples
    if not reversible:
        return np.left_shift(samples, dtype.type(spare))
    if dtype.kind == "i":
        return samples
    half = 1 << (dtype.itemsize * 8 - 1)
    return np.add(samples, dtype.type(half - (half >> spare)))


def _decompositions(pixels: PixelFormat) -> int:
    """Return the decompositions to ask for; 0 for the usual number."""
    needed = _needed_decompositions(pixels)
    possible = min(pixels.rows, pixels.columns).bit_length() - 1
    return needed if _USUAL_DECOMPOSITIONS < needed <= possible else 0


def _needed_decompositions(pixels: PixelFormat) -> int:
    """Return how many give a base resolution of at most 64 pixels a side."""
    longest = max(pixels.rows, pixels.columns)
    return max(0, math.ceil(math.log2(longest / _BASE_RESOLUTION)))


def _has_small_base(pixels: PixelFormat) -> bool:
    made = _decompositions(pixels) or _USUAL_DECOMPOSITIONS
    return made >= _needed_decompositions(pixels)


def _clipped(stream: Codestream) -> Samples:
    """Decode what may leave the declared range, and clip it (15444-1 Annex G).

    imagecodecs lets such samples wrap around: white becomes black. Declared
    as deeper, they all fit; a reversible sample is then higher by the
    difference of the two level shifts, an irreversible one is scaled.
    """
    bits, signed = stream.format.bits, stream.format.signed
    spare = _DEEP - bits
    if spare < 4:
        raise Declined("codec_refuses", f"no {bits} bits in HTJ2K that may be lossy")
    deep = _samples(j2k_codestream.with_precision(stream.data, _DEEP)).view(np.int32)
    if not stream.reversible:
        values = (deep + (1 << (spare - 1))) >> spare
    else:
        values = deep if signed else deep - ((1 << (_DEEP - 1)) - (1 << (bits - 1)))
    low = -(1 << (bits - 1)) if signed else 0
    return values.clip(low, low + (1 << bits) - 1).astype(checks.dtype_of(bits, signed))


def _samples(data: bytes) -> Samples:
    try:
        with _no_error_dropped():
            return imagecodecs.htj2k_decode(data, planar=False)
    except (imagecodecs.Htj2kError, ValueError, NotImplementedError) as error:
        raise CodecError("damaged_codestream", f"OpenJPH: {error}") from error


@contextlib.contextmanager
def _no_error_dropped() -> Iterator[None]:
    """Raise what imagecodecs drops: OpenJPH's errors while it copies the samples.

    Python hands such errors to ``sys.unraisablehook`` and the caller gets the
    part of the image that was there. One thread a process: nobody else is heard.
    """
    dropped: list[str] = []
    hooks = sys.unraisablehook, sys.excepthook
    sys.unraisablehook = lambda event: dropped.append(str(event.exc_value))
    sys.excepthook = lambda *_: None  # Cython also prints what it drops
    try:
        yield
    finally:
        sys.unraisablehook, sys.excepthook = hooks
    if dropped:
        raise CodecError("damaged_codestream", f"OpenJPH: {dropped[0]}")


def codec() -> Codec:
    """Return the codec; ImportError where imagecodecs was built without OpenJPH."""
    if not imagecodecs.HTJ2K.available:
        raise ImportError("imagecodecs was built without OpenJPH")
    return HtJ2k()
