"""JPEG 2000 (PS3.5 A.4.4) by imagecodecs' OpenJPEG.

- Encoded: a raw codestream, 5-3 reversible, one tile, the precision Bits
  Stored. RGB goes through the reversible colour transform and is then labelled
  YBR_RCT; every other colour space is stored as it is (PS3.5 8.2.4).
- At most 24 bits: beyond, OpenJPEG does not give back the same samples (25
  fails on some sizes) and imagecodecs clamps to 26 without a word.
- Decoded: what the codestream declares. Its own colour transform, undone, gives
  RGB; a header that claims YBR_RCT or YBR_ICT of a codestream without one is
  wrong, and the samples are RGB.
- Part 2 (.92, .93) is decoded where the codestream uses nothing beyond Part 1.
"""

from __future__ import annotations

import imagecodecs

from ..errors import CodecError
from . import checks, j2k_codestream, uids
from .contract import Codec, Decoded, Encoded, EncodeOptions, PixelFormat, Samples
from .j2k_codestream import Codestream

_MAX_BITS = 24
_TRANSFORMED = ("YBR_RCT", "YBR_ICT")


class Jpeg2000:
    """The codec of .90 and .91, and the decoder of .92 and .93."""

    name = "imagecodecs/openjpeg"
    decodes = frozenset(
        (uids.JPEG2000Lossless, uids.JPEG2000, uids.JPEG2000MCLossless, uids.JPEG2000MC)
    )
    encodes = frozenset((uids.JPEG2000Lossless,))

    @property
    def version(self) -> str:
        """Versions of imagecodecs and OpenJPEG."""
        return f"{imagecodecs.__version__}/{imagecodecs.jpeg2k_version()}"

    def refuses(self, pixels: PixelFormat, syntax: str) -> str | None:
        """Say why such frames cannot be encoded."""
        return checks.refuses_common(pixels, _MAX_BITS)

    def encode(
        self, samples: Samples, pixels: PixelFormat, syntax: str, options: EncodeOptions
    ) -> Encoded:
        """Encode one frame losslessly (see ``contract.Codec``)."""
        transform = pixels.photometric == "RGB" and pixels.samples_per_pixel == 3
        try:
            data = imagecodecs.jpeg2k_encode(
                samples,
                level=0,
                codecformat="j2k",
                reversible=True,
                bitspersample=pixels.bits_stored,
                mct=transform,
                numthreads=1,
            )
        except (imagecodecs.Jpeg2kError, ValueError) as error:
            raise CodecError("codec_failed", f"OpenJPEG: {error}") from error
        return Encoded(bytes(data), "YBR_RCT" if transform else pixels.photometric)

    def decode(self, frame: bytes, pixels: PixelFormat, syntax: str) -> Decoded:
        """Decode one frame (see ``contract.Codec``)."""
        stream = j2k_codestream.parse(frame)
        checks.require_plausible(stream.format, pixels)
        if stream.multiple_component_transform > 1:
            raise CodecError("unsupported_codestream", "a Part 2 component transform")
        if stream.high_throughput:
            raise CodecError("unsupported_codestream", "an HTJ2K codestream labelled JPEG 2000")
        photometric, notes = colour(stream, pixels)
        return Decoded(
            samples=checks.require_declared(_samples(stream), stream.format),
            bits=stream.format.bits,
            signed=stream.format.signed,
            photometric=photometric,
            lossy=not stream.reversible,
            notes=(*stream.notes, *checks.disagreements(stream.format, pixels), *notes),
        )


def colour(stream: Codestream, pixels: PixelFormat) -> tuple[str, tuple[str, ...]]:
    """Return the samples' colour space, and a note where the header named another.

    ``multiple_component_transform`` decides: 1 says that the encoder was given
    RGB (ISO/IEC 15444-1 Annex G).
    """
    claimed = pixels.photometric
    if stream.format.components != 3:
        grey = claimed if pixels.samples_per_pixel == 1 else "MONOCHROME2"
        return grey, ()
    if stream.multiple_component_transform == 1:
        label = "YBR_RCT" if stream.reversible else "YBR_ICT"
        wrong = claimed != label
        return "RGB", (f"{claimed} in the header of a {label} codestream",) if wrong else ()
    if claimed in _TRANSFORMED or pixels.samples_per_pixel != 3:
        return "RGB", (f"{claimed} in the header of a codestream without colour transform",)
    return claimed, ()


def _samples(stream: Codestream) -> Samples:
    try:
        return imagecodecs.jpeg2k_decode(stream.data, numthreads=1)
    except (imagecodecs.Jpeg2kError, ValueError, NotImplementedError) as error:
        raise CodecError("damaged_codestream", f"OpenJPEG: {error}") from error


def codec() -> Codec:
    """Return the codec; ImportError where imagecodecs was built without OpenJPEG."""
    if not imagecodecs.JPEG2K.available:
        raise ImportError("imagecodecs was built without OpenJPEG")
    return Jpeg2000()
