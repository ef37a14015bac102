"""JPEG-LS (PS3.5 A.4.3, 8.2.3) by CharLS: pyjpegls encodes, imagecodecs decodes.

- pyjpegls writes the precision that it is told; imagecodecs before 2026.10
  declares 16 bits for 9 to 15, which readers take for other data.
- pyjpegls gives CharLS a buffer of twice the source, too small for a few
  samples and their headers: its source is lengthened, which CharLS ignores.
- Signed data is its two's complement pattern. Near-lossless, a value within
  NEAR of the two ends of the signed range could come back on the other side:
  such a frame is refused.
- NEAR from ``quality``: (100 - quality) / 20 per mille of the frame's actual
  range, at least 1, so that quality 90 allows an error of 0.5%.
"""

from __future__ import annotations

import _CharLS  # type: ignore[import-not-found]  # pyjpegls's extension module
import imagecodecs
import jpeg_ls  # type: ignore[import-untyped]

from ..errors import CodecError, Declined
from . import checks, jpeg_codestream, lossy, uids
from .contract import Codec, Decoded, Encoded, EncodeOptions, PixelFormat, Samples

_MIN_BITS, _MAX_BITS = 2, 16
_INTERLEAVE_NONE, _INTERLEAVE_SAMPLE = 0, 2
_SPARE = bytes(1024)


class JpegLs:
    """The codec of .80 and .81."""

    name = "pyjpegls+imagecodecs/charls"
    decodes = frozenset((uids.JPEGLSLossless, uids.JPEGLSNearLossless))
    encodes = frozenset((uids.JPEGLSLossless, uids.JPEGLSNearLossless))

    @property
    def version(self) -> str:
        """Versions of pyjpegls, imagecodecs and its CharLS."""
        decoder = f"{imagecodecs.__version__}/{imagecodecs.jpegls_version()}"
        return f"{jpeg_ls.__version__}+{decoder}"

    def refuses(self, pixels: PixelFormat, syntax: str) -> str | None:
        """Say why such frames cannot be encoded."""
        if pixels.bits_stored < _MIN_BITS:
            return "JPEG-LS carries no 1-bit samples"
        if max(pixels.rows, pixels.columns) > 65535:
            return "JPEG-LS carries at most 65535 rows and columns here"
        if syntax == uids.JPEGLSNearLossless and (reason := checks.refuses_lossy(pixels)):
            return reason
        return checks.refuses_common(pixels, _MAX_BITS)

    def encode(
        self, samples: Samples, pixels: PixelFormat, syntax: str, options: EncodeOptions
    ) -> Encoded:
        """Encode one frame (see ``contract.Codec``)."""

        def encode_at(setting: float) -> bytes:
            return _encode(samples, pixels, -round(setting))

        def decode(data: bytes) -> Samples:
            return self.decode(data, pixels, syntax).samples

        if syntax == uids.JPEGLSLossless:
            return Encoded(encode_at(0), pixels.photometric)
        top = min(255, (1 << pixels.bits_stored) // 2 - 1)  # T.87 C.2.3
        if options.near is not None:
            return Encoded(encode_at(-min(options.near, top)), pixels.photometric)
        near = min(top, max(1, lossy.actual_range(samples) * (100 - options.quality) // 2000))
        bounds = (-top, -min(1, top))
        data = lossy.to_target(encode_at, decode, samples, pixels, options, bounds, -near)
        return Encoded(data, pixels.photometric)

    def decode(self, frame: bytes, pixels: PixelFormat, syntax: str) -> Decoded:
        """Decode one frame (see ``contract.Codec``)."""
        stream = jpeg_codestream.parse(frame)
        if stream.process != jpeg_codestream.SOF_LS:
            raise CodecError("damaged_codestream", "not a JPEG-LS codestream")
        checks.require_plausible(stream.format, pixels)
        try:
            decoded = imagecodecs.jpegls_decode(stream.data)
        except (imagecodecs.JpeglsError, ValueError) as error:
            raise CodecError("damaged_codestream", f"CharLS: {error}") from error
        pattern = checks.require_declared(decoded, stream.format)
        return Decoded(
            samples=checks.from_pattern(pattern, stream.format.bits, pixels.signed),
            bits=stream.format.bits,
            signed=pixels.signed,
            photometric=_photometric(stream.format.components, pixels),
            lossy=stream.selection > 0,
            notes=(*stream.notes, *checks.disagreements(stream.format, pixels, sign=False)),
        )


def _photometric(components: int, pixels: PixelFormat) -> str:
    if components == pixels.samples_per_pixel:
        return pixels.photometric
    return "MONOCHROME2" if components == 1 else "RGB"


def _encode(samples: Samples, pixels: PixelFormat, near: int) -> bytes:
    if near and pixels.signed:
        _require_distance(samples, pixels.bits_stored, near)
    pattern = checks.to_pattern(samples, pixels.bits_stored)
    interleave = _INTERLEAVE_SAMPLE if pixels.samples_per_pixel > 1 else _INTERLEAVE_NONE
    little_endian = pattern.astype(pattern.dtype.newbyteorder("<"), copy=False)
    try:
        # What jpeg_ls.encode_buffer calls, which insists on the exact source length.
        data: bytearray = _CharLS._encode(  # noqa: SLF001
            little_endian.tobytes() + _SPARE,
            near,
            interleave,
            pixels.rows,
            pixels.columns,
            pixels.samples_per_pixel,
            pixels.bits_stored,
        )
    except RuntimeError as error:
        raise CodecError("codec_failed", f"CharLS: {error}") from error
    return bytes(data)


def _require_distance(samples: Samples, bits: int, near: int) -> None:
    """Decline where an error of ``near`` could change a value's sign."""
    half = 1 << (bits - 1)
    if int(samples.min()) - near < -half or int(samples.max()) + near > half - 1:
        raise Declined("codec_refuses", f"signed samples lie within {near} of the range's ends")


def codec() -> Codec:
    """Return the codec; ImportError where a library is missing."""
    if not imagecodecs.JPEGLS.available:
        raise ImportError("imagecodecs was built without CharLS")
    return JpegLs()
