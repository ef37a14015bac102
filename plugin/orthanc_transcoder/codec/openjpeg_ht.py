"""HTJ2K read by imagecodecs' OpenJPEG: a witness of OpenJPH, whose code it does not share."""

from __future__ import annotations

import imagecodecs

from ..errors import Declined
from . import j2k_decode, jpeg2000, uids
from .contract import Decoded, PixelFormat, Samples, Witness
from .j2k_codestream import Codestream

MAX_BITS = 16  # that OpenJPEG takes in HTJ2K


class OpenJpegHt:
    """Reads .201, .202 and .203."""

    name = "imagecodecs/openjpeg"
    decodes = frozenset((uids.HTJ2KLossless, uids.HTJ2KLosslessRPCL, uids.HTJ2K))
    holds_lock = False
    sound_only = False

    @property
    def version(self) -> str:
        """Versions of imagecodecs and OpenJPEG."""
        return f"{imagecodecs.__version__}/{imagecodecs.jpeg2k_version()}"

    def cannot_read(self, pixels: PixelFormat, syntax: str) -> str | None:
        """Say why sound frames are beyond it."""
        return why_not(pixels.bits_stored)

    def decode(self, frame: bytes, pixels: PixelFormat, syntax: str, threads: int = 1) -> Decoded:
        """Decode one frame (see ``contract.Witness``)."""

        def library(stream: Codestream) -> Samples:
            if reason := why_not(stream.format.bits):
                raise Declined("codec_refuses", reason)
            return jpeg2000.samples_of(stream.data, threads)

        return j2k_decode.decode(frame, pixels, library, high_throughput=True)


def why_not(bits: int) -> str | None:
    """Say why OpenJPEG does not read HTJ2K of so many bits."""
    return f"OpenJPEG reads no HTJ2K of {bits} bits" if bits > MAX_BITS else None


def witness() -> Witness:
    """Return the witness; ImportError where imagecodecs was built without OpenJPEG."""
    if not imagecodecs.JPEG2K.available:
        raise ImportError("imagecodecs was built without OpenJPEG")
    return OpenJpegHt()
