"""JPEG Baseline and Extended (PS3.5 A.4.1, 8.2.1) by imagecodecs' libjpeg-turbo.

- .50: 8 bits. RGB becomes YCbCr with real 4:2:2 sampling, labelled YBR_FULL_422.
- .51: 12 bits, one sample per pixel.
- No depth in between: a quantised 10-bit image decodes to values above 1023, so
  Bits Stored could not stay what it was.
- No signed data: the codestream has no sign, and a quantised two's complement
  pattern would turn 0 into the greatest value.
- ``quality`` is libjpeg's own scale; a ratio or PSNR is searched for over it.
"""

from __future__ import annotations

import imagecodecs

from ..errors import CodecError
from . import checks, jpeg_decode, lossy, uids
from .contract import Codec, Decoded, Encoded, EncodeOptions, PixelFormat, Samples
from .jpeg_codestream import SOF_BASELINE, SOF_EXTENDED

EXPECTED = {
    uids.JPEGBaseline8Bit: frozenset((SOF_BASELINE,)),
    # Process 2 with 8 bits may be written with a baseline frame header.
    uids.JPEGExtended12Bit: frozenset((SOF_BASELINE, SOF_EXTENDED)),
}
_BITS = {uids.JPEGBaseline8Bit: 8, uids.JPEGExtended12Bit: 12}


class Jpeg:
    """The codec of .50 and .51."""

    name = "imagecodecs/libjpeg-turbo"
    decodes = frozenset(EXPECTED)
    encodes = frozenset(EXPECTED)

    @property
    def version(self) -> str:
        """Versions of imagecodecs and libjpeg-turbo."""
        return jpeg_decode.version()

    def refuses(self, pixels: PixelFormat, syntax: str) -> str | None:
        """Say why such frames cannot be encoded."""
        bits = _BITS[syntax]
        if reason := checks.refuses_common(pixels, bits) or checks.refuses_lossy(pixels):
            return reason
        if pixels.signed:
            return "lossy JPEG carries no signed samples"
        if pixels.bits_stored != bits:
            return f"Bits Stored {pixels.bits_stored} is not the {bits} that this syntax carries"
        if max(pixels.rows, pixels.columns) > 65500:
            return "libjpeg carries at most 65500 rows and columns"
        if pixels.samples_per_pixel == 3 and (pixels.photometric != "RGB" or bits > 8):
            return f"{bits}-bit {pixels.photometric} colour has no form in this syntax"
        return None

    def encode(
        self, samples: Samples, pixels: PixelFormat, syntax: str, options: EncodeOptions
    ) -> Encoded:
        """Encode one frame (see ``contract.Codec``)."""
        colour = pixels.samples_per_pixel == 3
        photometric = "YBR_FULL_422" if colour else pixels.photometric

        def encode_at(quality: float) -> bytes:
            return _encode(samples, round(quality), _BITS[syntax])

        def decode(data: bytes) -> Samples:
            return self.decode_own(data, pixels, syntax).samples

        data = lossy.to_target(
            encode_at, decode, samples, pixels, options, (1, 100), options.quality
        )
        return Encoded(data, photometric)

    def decode(self, frame: bytes, pixels: PixelFormat, syntax: str, threads: int = 1) -> Decoded:
        """Decode one frame (see ``contract.Codec``)."""
        return jpeg_decode.decode(frame, pixels, EXPECTED[syntax])

    def decode_own(
        self, frame: bytes, pixels: PixelFormat, syntax: str, threads: int = 1
    ) -> Decoded:
        """Decode one frame that was encoded here (see ``contract.Auditor``)."""
        return jpeg_decode.decode(frame, pixels, EXPECTED[syntax], audit=False)

    def salvage(self, frame: bytes, pixels: PixelFormat, syntax: str) -> Decoded:
        """Decode what there is of one frame (see ``contract.Auditor``)."""
        return jpeg_decode.salvage(frame, pixels, EXPECTED[syntax])


def _encode(samples: Samples, quality: int, bits: int) -> bytes:
    try:
        if samples.ndim == 3:
            return bytes(
                imagecodecs.jpeg8_encode(
                    samples,
                    level=quality,
                    colorspace="rgb",
                    outcolorspace="ycbcr",
                    subsampling="422",
                    optimize=True,
                )
            )
        return bytes(
            imagecodecs.jpeg8_encode(samples, level=quality, bitspersample=bits, optimize=True)
        )
    except (imagecodecs.Jpeg8Error, ValueError) as error:
        raise CodecError("codec_failed", f"libjpeg-turbo: {error}") from error


def codec() -> Codec:
    """Return the codec; ImportError where the library cannot serve it."""
    jpeg_decode.require_library()
    return Jpeg()
