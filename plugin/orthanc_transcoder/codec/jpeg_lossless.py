"""JPEG Lossless, process 14 (PS3.5 A.4.1, 8.2.1) by imagecodecs' libjpeg-turbo.

- .70 is selection value 1, the left neighbour. .57 allows all seven; 1 is kept
  there too, so that readers made for .70 alone take it.
- Point transform 0, always: another would drop bits.
- Precision Bits Stored; signed data as its two's complement pattern.
- Components are the samples, in any colour space, none sub-sampled.
"""

from __future__ import annotations

import imagecodecs

from ..errors import CodecError
from . import checks, jpeg_decode, uids
from .contract import Codec, Decoded, Encoded, EncodeOptions, PixelFormat, Samples

_MIN_BITS, _MAX_BITS = 2, 16
_PREDICTOR = 1


class JpegLossless:
    """The codec of .57 and .70."""

    name = "imagecodecs/libjpeg-turbo lossless"
    decodes = frozenset((uids.JPEGLossless, uids.JPEGLosslessSV1))
    encodes = frozenset((uids.JPEGLossless, uids.JPEGLosslessSV1))

    @property
    def version(self) -> str:
        """Versions of imagecodecs and libjpeg-turbo."""
        return jpeg_decode.version()

    def refuses(self, pixels: PixelFormat, syntax: str) -> str | None:
        """Say why such frames cannot be encoded."""
        if pixels.bits_stored < _MIN_BITS:
            return "JPEG Lossless carries no 1-bit samples"
        if max(pixels.rows, pixels.columns) > 65500:
            return "libjpeg carries at most 65500 rows and columns"
        return checks.refuses_common(pixels, _MAX_BITS)

    def encode(
        self, samples: Samples, pixels: PixelFormat, syntax: str, options: EncodeOptions
    ) -> Encoded:
        """Encode one frame (see ``contract.Codec``)."""
        space = "rgb" if pixels.samples_per_pixel == 3 else None
        try:
            data = imagecodecs.jpeg8_encode(
                checks.to_pattern(samples, pixels.bits_stored),
                lossless=True,
                predictor=_PREDICTOR,
                bitspersample=pixels.bits_stored,
                colorspace=space,
                outcolorspace=space,
            )
        except (imagecodecs.Jpeg8Error, ValueError) as error:
            raise CodecError("codec_failed", f"libjpeg-turbo: {error}") from error
        return Encoded(bytes(data), pixels.photometric)

    def decode(self, frame: bytes, pixels: PixelFormat, syntax: str, threads: int = 1) -> Decoded:
        """Decode one frame (see ``contract.Codec``)."""
        return jpeg_decode.decode(frame, pixels, jpeg_decode.LOSSLESS)

    def decode_own(
        self, frame: bytes, pixels: PixelFormat, syntax: str, threads: int = 1
    ) -> Decoded:
        """Decode one frame that was encoded here (see ``contract.Auditor``)."""
        return jpeg_decode.decode(frame, pixels, jpeg_decode.LOSSLESS, audit=False)

    def salvage(self, frame: bytes, pixels: PixelFormat, syntax: str) -> Decoded:
        """Decode what there is of one frame (see ``contract.Auditor``)."""
        return jpeg_decode.salvage(frame, pixels, jpeg_decode.LOSSLESS)


def codec() -> Codec:
    """Return the codec; ImportError where the library cannot serve it."""
    jpeg_decode.require_library()
    return JpegLossless()
