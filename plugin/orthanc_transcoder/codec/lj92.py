"""Lossless JPEG read by imagecodecs' liblj92: a witness of what libjpeg-turbo encoded.

It crashes on damaged codestreams and is never given any that was not encoded here.
"""

from __future__ import annotations

import imagecodecs

from ..errors import CodecError
from . import checks, jpeg_decode, uids
from .contract import Decoded, PixelFormat, Samples, Witness
from .jpeg_codestream import Codestream


class Lj92:
    """Reads .57 and .70."""

    name = "imagecodecs/liblj92"
    decodes = frozenset((uids.JPEGLossless, uids.JPEGLosslessSV1))
    holds_lock = False
    sound_only = True

    @property
    def version(self) -> str:
        """Versions of imagecodecs and liblj92."""
        return f"{imagecodecs.__version__}/{imagecodecs.ljpeg_version()}"

    def cannot_read(self, pixels: PixelFormat, syntax: str) -> str | None:
        """Say why sound frames are beyond it: none are."""
        return None

    def decode(self, frame: bytes, pixels: PixelFormat, syntax: str, threads: int = 1) -> Decoded:
        """Decode one frame (see ``contract.Witness``)."""
        return jpeg_decode.decode_by(
            lambda stream, _: _samples(stream), frame, pixels, jpeg_decode.LOSSLESS
        )


def _samples(stream: Codestream) -> Samples:
    declared = stream.format
    try:
        decoded: Samples = imagecodecs.ljpeg_decode(stream.data)
    except (imagecodecs.LjpegError, ValueError) as error:
        raise CodecError("damaged_codestream", f"liblj92: {error}") from error
    # liblj92 takes the components of a pixel for columns.
    if decoded.size != declared.rows * declared.columns * declared.components:
        raise CodecError("codec_failed", "liblj92 decoded another image than was declared")
    dtype = checks.dtype_of(declared.bits, signed=False)
    return decoded.reshape(declared.shape).astype(dtype, copy=False)


def witness() -> Witness:
    """Return the witness; ImportError where imagecodecs lacks liblj92."""
    if not imagecodecs.LJPEG.available:
        raise ImportError("imagecodecs was built without liblj92")
    return Lj92()
