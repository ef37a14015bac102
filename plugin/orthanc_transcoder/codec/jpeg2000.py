"""JPEG 2000 (PS3.5 A.4.4, 8.2.4) by imagecodecs' OpenJPEG.

- Encoded: a raw codestream, one tile, the precision Bits Stored; .90 with the
  5-3 filter, .91 with the 9-7. RGB goes through the colour transform and is then
  labelled YBR_RCT or YBR_ICT; every other colour space is stored as it is.
- At most 22 bits, 16 if lossy: OpenJPEG, which counts in 32 bits, does not give
  back the same samples of 24-bit RGB and 25-bit grey, and imagecodecs clamps to
  26 without a word.
- .91 aims at a PSNR over the frame's actual range: asked for, or mapped from
  ``quality`` (see ``lossy``). OpenJPEG's own estimate is low by some dB at small
  sizes, so the result is measured and the aim raised. A ratio is searched for.
- ``bypass`` (.90 only) leaves the wrapper for ``openjpeg``. It is off by default:
  encoding gains 1.1 to 1.5 and decoding 1.1 to 1.7 times the speed, at -2% to +9%
  of the size (CT and ultrasound +9%, radiographs and MR less than 0); where speed
  counts HTJ2K gives ten times, and what JPEG 2000 is chosen for is size. Small
  frames and 1 or 2 bits are coded without it.
- OpenJPEG's output buffer is too small for large noise of 1 to 3 bits: a
  CodecError, and the original is kept.
- Part 2 (.92, .93) is decoded where the codestream uses nothing beyond Part 1.
- OpenJPEG takes damaged data for whatever they decode to. ``j2k_packets`` and
  ``openjpeg_decode`` find what can be found: missing or inserted bytes nearly
  always, changed ones mostly. Without the library of the latter imagecodecs
  decodes, which looks at no code-block, and ``version`` says so.
"""

from __future__ import annotations

import math

import imagecodecs

from ..errors import CodecError, Declined
from . import (
    checks,
    j2k_decode,
    j2k_packets,
    lossy,
    openjpeg,
    openjpeg_decode,
    openjpeg_library,
    uids,
)
from .contract import Codec, Decoded, Encoded, EncodeOptions, PixelFormat, Samples
from .j2k_codestream import Codestream

_MAX_BITS, _MAX_BITS_LOSSY = 22, 16
_BYPASS_BITS = range(3, 17)
_BYPASS_PIXELS = 64 * 64
_PSNR_RANGE = (10.0, 120.0)  # of OpenJPEG's own, over the nominal range
_ATTEMPTS = 5


class Jpeg2000:
    """The codec of .90 and .91, and the decoder of .92 and .93."""

    name = "imagecodecs/openjpeg"
    decodes = frozenset(
        (uids.JPEG2000Lossless, uids.JPEG2000, uids.JPEG2000MCLossless, uids.JPEG2000MC)
    )
    encodes = frozenset((uids.JPEG2000Lossless, uids.JPEG2000))

    @property
    def version(self) -> str:
        """Versions of imagecodecs and OpenJPEG."""
        missing = _no_library()
        unchecked = f" (code-blocks are not checked: {missing})" if missing else ""
        return f"{imagecodecs.__version__}/{imagecodecs.jpeg2k_version()}{unchecked}"

    def refuses(self, pixels: PixelFormat, syntax: str) -> str | None:
        """Say why such frames cannot be encoded."""
        if syntax == uids.JPEG2000:
            return checks.refuses_lossy(pixels) or checks.refuses_common(pixels, _MAX_BITS_LOSSY)
        return checks.refuses_common(pixels, _MAX_BITS)

    def encode(
        self, samples: Samples, pixels: PixelFormat, syntax: str, options: EncodeOptions
    ) -> Encoded:
        """Encode one frame (see ``contract.Codec``)."""
        transform = checks.is_rgb(pixels)
        if syntax == uids.JPEG2000Lossless:
            bypass = options.bypass and _suits_bypass(pixels)
            encode = _encode_bypass if bypass else _encode
            data = encode(samples, pixels, threads=options.threads)
            return Encoded(data, "YBR_RCT" if transform else pixels.photometric)
        data = _encode_lossy(samples, pixels, options)
        return Encoded(data, "YBR_ICT" if transform else pixels.photometric)

    def decode(self, frame: bytes, pixels: PixelFormat, syntax: str, threads: int = 1) -> Decoded:
        """Decode one frame (see ``contract.Codec``)."""
        return j2k_decode.decode(
            frame, pixels, lambda stream: _checked_samples(stream, threads), high_throughput=False
        )

    def decode_own(
        self, frame: bytes, pixels: PixelFormat, syntax: str, threads: int = 1
    ) -> Decoded:
        """Decode what was encoded here (see ``contract.Auditor``)."""
        return j2k_decode.decode(
            frame, pixels, lambda stream: samples_of(stream.data, threads), high_throughput=False
        )

    def salvage(self, frame: bytes, pixels: PixelFormat, syntax: str) -> Decoded:
        """Decode what there is of a frame (see ``contract.Auditor``)."""
        return self.decode_own(frame, pixels, syntax)


def _suits_bypass(pixels: PixelFormat) -> bool:
    """Say whether bypass is worth it, and OpenJPEG's buffer large enough for noise."""
    enough = pixels.rows * pixels.columns >= _BYPASS_PIXELS
    return enough and pixels.bits_stored in _BYPASS_BITS


def _no_library() -> str | None:
    """Return why OpenJPEG cannot be reached but through imagecodecs, or None."""
    try:
        openjpeg_library.library()
    except ImportError as error:
        return str(error)
    return None


def _encode_bypass(samples: Samples, pixels: PixelFormat, *, threads: int) -> bytes:
    if missing := _no_library():
        raise Declined("no_bypass", f"no encoder for JPEG 2000's bypass mode: {missing}")
    return openjpeg.encode(
        samples,
        pixels.bits_stored,
        transform=checks.is_rgb(pixels),
        bypass=True,
        threads=threads,
    )


def _encode_lossy(samples: Samples, pixels: PixelFormat, options: EncodeOptions) -> bytes:
    if options.ratio is not None:
        return lossy.within_ratio(
            lambda level: _encode(samples, pixels, level, threads=options.threads),
            pixels,
            options.ratio,
            *_PSNR_RANGE,
        )
    target = options.psnr
    if target is None:
        target = lossy.psnr_of_quality(options.quality, samples)
    nominal = (1 << pixels.bits_stored) - 1
    offset = 20 * math.log10(nominal / lossy.actual_range(samples))
    level = target + offset
    data = b""
    for _ in range(_ATTEMPTS):
        previous, data = data, _encode(samples, pixels, level, threads=options.threads)
        missing = target - lossy.psnr(samples, samples_of(data))
        if missing <= 0 or len(data) == len(previous):  # the quantisation allows no more
            break
        level += 1.5 * missing + 0.1
    return data


def _encode(samples: Samples, pixels: PixelFormat, level: float = 0, *, threads: int = 1) -> bytes:
    """Encode losslessly (level 0) or to a PSNR over the nominal range."""
    try:
        data = imagecodecs.jpeg2k_encode(
            samples,
            level=level,  # type: ignore[arg-type]  # a fraction of a dB is taken, and counts
            codecformat="j2k",
            reversible=level == 0,
            bitspersample=pixels.bits_stored,
            mct=checks.is_rgb(pixels),
            numthreads=threads,
        )
    except (imagecodecs.Jpeg2kError, ValueError) as error:
        raise CodecError("codec_failed", f"OpenJPEG: {error}") from error
    return bytes(data)


def _checked_samples(stream: Codestream, threads: int) -> Samples:
    """Decode what is neither damaged nor incomplete, as far as can be seen."""
    packets = j2k_packets.audit(stream)
    if _no_library():
        return samples_of(stream.data, threads)
    return openjpeg_decode.decode(stream, packets, threads)


def samples_of(data: bytes, threads: int = 1) -> Samples:
    """Decode a codestream by OpenJPEG, HTJ2K included; raise CodecError if that fails."""
    try:
        return imagecodecs.jpeg2k_decode(data, numthreads=threads)
    except (imagecodecs.Jpeg2kError, ValueError, NotImplementedError) as error:
        raise CodecError("damaged_codestream", f"OpenJPEG: {error}") from error


def codec() -> Codec:
    """Return the codec; ImportError where imagecodecs was built without OpenJPEG."""
    if not imagecodecs.JPEG2K.available:
        raise ImportError("imagecodecs was built without OpenJPEG")
    return Jpeg2000()
