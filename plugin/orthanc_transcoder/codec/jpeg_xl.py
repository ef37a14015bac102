"""JPEG XL (PS3.5 A.4.12, 8.2.15) by imagecodecs' libjxl.

- .110: modular, lossless, up to 16 bits, precision Bits Stored; signed data as
  its two's complement pattern. ``effort`` 1 is fastest by far, 9 smallest.
- .111: a JPEG repacked so that the identical JPEG comes back. It is made from
  and turned back to .50 by ``recompress``, which proves that; ``decode`` gives
  the samples that the JPEG itself decodes to.
- .112: lossy by distance, mapped from ``quality`` as libjxl's own tools do; a
  ratio or PSNR is searched for over it. RGB is coded in XYB and labelled so; no
  signed data, whose pattern would wrap around.
- libjxl 0.11 goes down to a distance of 0.01, 0.12 to 0.05 only. A PSNR out of
  reach there is tried with more effort. Coding without perceptual heuristics, which
  imagecodecs offers from 2026.10, would come closer at times, but not in XYB.
- Lossy is what is coded in XYB. A .112 of another colour space may be either,
  and its headers do not say.
"""

from __future__ import annotations

import imagecodecs

from ..errors import CodecError
from . import checks, jpeg_codestream, jpeg_decode, jxl_codestream, lossy, uids
from .contract import Decoded, Encoded, EncodeOptions, PixelFormat, Samples
from .jpeg_codestream import SOF_BASELINE
from .jxl_codestream import JxlImage

_MAX_BITS = 16
_DISTANCES = (-25.0, -0.01)  # negated: higher is better
_MORE_EFFORT = 5  # still more gains a few tenths of a dB
_JPEG = frozenset((SOF_BASELINE,))
_ERRORS = (imagecodecs.JpegxlError, RuntimeError, ValueError)


class JpegXl:
    """The codec of .110 and .112, and the recompressor between .50 and .111."""

    name = "imagecodecs/libjxl"
    decodes = frozenset((uids.JPEGXLLossless, uids.JPEGXLJPEGRecompression, uids.JPEGXL))
    encodes = frozenset((uids.JPEGXLLossless, uids.JPEGXL))
    recompresses = frozenset(
        (
            (uids.JPEGBaseline8Bit, uids.JPEGXLJPEGRecompression),
            (uids.JPEGXLJPEGRecompression, uids.JPEGBaseline8Bit),
        )
    )

    @property
    def version(self) -> str:
        """Versions of imagecodecs and libjxl."""
        return f"{imagecodecs.__version__}/{imagecodecs.jpegxl_version()}"

    def refuses(self, pixels: PixelFormat, syntax: str) -> str | None:
        """Say why such frames cannot be encoded."""
        if reason := checks.refuses_common(pixels, _MAX_BITS):
            return reason
        if syntax == uids.JPEGXL and pixels.signed:
            return "lossy JPEG XL carries no signed samples"
        return checks.refuses_lossy(pixels) if syntax == uids.JPEGXL else None

    def encode(
        self, samples: Samples, pixels: PixelFormat, syntax: str, options: EncodeOptions
    ) -> Encoded:
        """Encode one frame (see ``contract.Codec``)."""
        if syntax == uids.JPEGXLLossless:
            pattern = checks.to_pattern(samples, pixels.bits_stored)
            data = _encode(pattern, pixels, options.effort, None, options.threads)
            return Encoded(data, pixels.photometric)

        effort = _effort(samples, pixels, options)

        def encode_at(setting: float) -> bytes:
            return _encode(samples, pixels, effort, -setting)

        default = -_distance(options.quality)
        data = lossy.to_target(encode_at, _samples, samples, pixels, options, _DISTANCES, default)
        return Encoded(data, "XYB" if checks.is_rgb(pixels) else pixels.photometric)

    def decode(self, frame: bytes, pixels: PixelFormat, syntax: str, threads: int = 1) -> Decoded:
        """Decode one frame (see ``contract.Codec``)."""
        image = jxl_codestream.parse(frame)
        checks.require_plausible(image.format, pixels)
        if image.from_jpeg:
            return jpeg_decode.decode(_unpack(image.data), pixels, _JPEG)
        return _decoded(image, pixels, _samples(image.data, threads))

    def decode_own(
        self, frame: bytes, pixels: PixelFormat, syntax: str, threads: int = 1
    ) -> Decoded:
        """Decode one frame that was encoded here (see ``contract.Auditor``)."""
        return self.decode(frame, pixels, syntax, threads)  # a JPEG is repacked, not encoded

    def salvage(self, frame: bytes, pixels: PixelFormat, syntax: str) -> Decoded:
        """Decode what there is of one frame (see ``contract.Auditor``)."""
        image = jxl_codestream.parse(frame)
        if not image.from_jpeg:
            return self.decode(frame, pixels, syntax)
        checks.require_plausible(image.format, pixels)
        return jpeg_decode.salvage(_unpack(image.data), pixels, _JPEG)

    def recompress(self, frame: bytes, source: str, target: str) -> bytes:
        """Repack one frame (see ``contract.Recompressor``)."""
        if target == uids.JPEGBaseline8Bit:
            return _sound(_unpack(jxl_codestream.parse(frame).data))
        jpeg = _sound(frame)
        try:
            packed = bytes(imagecodecs.jpegxl_encode_jpeg(jpeg, usecontainer=True, numthreads=1))
        except _ERRORS as error:
            raise CodecError("codec_failed", f"libjxl: {error}") from error
        if _unpack(packed) != jpeg:
            raise CodecError("not_lossless", "the JPEG does not come back identical")
        return packed


def _decoded(image: JxlImage, pixels: PixelFormat, decoded: Samples) -> Decoded:
    pattern = checks.require_declared(decoded, image.format)
    colour = image.format.components == 3
    kept = colour == (pixels.samples_per_pixel == 3) and pixels.photometric != "XYB"
    samples = checks.without_sign(pattern, image.format.bits, pixels)
    return Decoded(
        samples=samples,
        bits=image.format.bits,
        signed=samples.dtype.kind == "i",
        photometric=pixels.photometric if kept else "RGB" if colour else "MONOCHROME2",
        lossy=image.xyb,
        notes=checks.disagreements(image.format, pixels, sign=False),
    )


def _effort(samples: Samples, pixels: PixelFormat, options: EncodeOptions) -> int:
    """Return the effort asked for, or more where only that comes closer to the PSNR."""
    more = max(options.effort, _MORE_EFFORT)
    if options.ratio is not None or options.psnr is None or more == options.effort:
        return options.effort

    def closest(effort: int) -> float:
        return lossy.psnr(samples, _samples(_encode(samples, pixels, effort, -_DISTANCES[1])))

    usual = closest(options.effort)
    return more if usual < options.psnr and usual < closest(more) else options.effort


def _encode(
    samples: Samples,
    pixels: PixelFormat,
    effort: int,
    distance: float | None,
    threads: int = 1,
) -> bytes:
    """Encode losslessly (distance None) or to a distance."""
    try:
        data = imagecodecs.jpegxl_encode(
            samples,
            effort=effort,
            lossless=distance is None,
            distance=distance,
            photometric="rgb" if pixels.samples_per_pixel == 3 else "gray",
            bitspersample=pixels.bits_stored,
            usecontainer=False,
            numthreads=threads,
        )
    except _ERRORS as error:
        raise CodecError("codec_failed", f"libjxl: {error}") from error
    return bytes(data)


def _distance(quality: int) -> float:
    """Map quality 1 to 100 to a Butteraugli distance, as cjxl does."""
    if quality >= 30:
        return 0.1 + (100 - quality) * 0.09
    return 53 / 3000 * quality**2 - 23 / 20 * quality + 25


def _samples(data: bytes, threads: int = 1) -> Samples:
    try:
        return imagecodecs.jpegxl_decode(data, numthreads=threads)
    except _ERRORS as error:
        raise CodecError("damaged_codestream", f"libjxl: {error}") from error


def _sound(frame: bytes) -> bytes:
    """Return a JPEG, without padding, of which nothing is missing, bad or skipped."""
    stream = jpeg_codestream.parse(frame)
    jpeg_decode.require_sound(stream)
    return stream.data


def _unpack(data: bytes) -> bytes:
    """Return the JPEG that a recompressed image was made from."""
    try:
        return bytes(imagecodecs.jpegxl_decode_jpeg(data, numthreads=1))
    except _ERRORS as error:
        raise CodecError("damaged_codestream", f"libjxl: {error}") from error


def codec() -> JpegXl:
    """Return the codec; ImportError where a library is missing."""
    if not imagecodecs.JPEGXL.available:
        raise ImportError("imagecodecs was built without libjxl")
    jpeg_decode.require_library()
    return JpegXl()
