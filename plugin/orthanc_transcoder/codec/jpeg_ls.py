"""JPEG-LS (PS3.5 A.4.3, 8.2.3) by CharLS, in imagecodecs.

- imagecodecs before 2026.10 declares 16 bits for 9 to 15, which readers take
  for other data. Where it does, pyjpegls encodes; the codec's name says so.
- pyjpegls gives CharLS a buffer of twice the source, too small for a few
  samples and their headers: its source is lengthened, which CharLS ignores.
- Signed data is its two's complement pattern. Near-lossless, a value within
  NEAR of the two ends of the signed range could come back on the other side:
  such a frame is refused.
- NEAR from ``quality``: (100 - quality) / 20 per mille of the frame's actual
  range, at least 1, so that quality 90 allows an error of 0.5%.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import NamedTuple

import imagecodecs
import numpy as np

from ..errors import CodecError, Declined
from . import checks, jpeg_codestream, lossy, uids
from .contract import Codec, Decoded, Encoded, EncodeOptions, PixelFormat, Samples
from .jpeg_codestream import Codestream

_MIN_BITS, _MAX_BITS = 2, 16
_INTERLEAVE_NONE, _INTERLEAVE_SAMPLE = 0, 2
_SPARE = bytes(1024)
_PROBE_BITS = 12


class Encoder(NamedTuple):
    """The library that encodes.

    ``encode`` takes unsigned samples, Bits Stored and NEAR, and raises
    RuntimeError or ValueError.
    """

    name: str
    version: str
    encode: Callable[[Samples, int, int], bytes]


class JpegLs:
    """The codec of .80 and .81.

    Parameters
    ----------
    encoder
        Chosen by ``codec``; imagecodecs always decodes.
    """

    decodes = frozenset((uids.JPEGLSLossless, uids.JPEGLSNearLossless))
    encodes = frozenset((uids.JPEGLSLossless, uids.JPEGLSNearLossless))

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    @property
    def name(self) -> str:
        """Which library encodes, where that is not the one that decodes."""
        return f"{self._also(self._encoder.name)}imagecodecs/charls"

    @property
    def version(self) -> str:
        """Versions of the library that encodes, if another, of imagecodecs and of its CharLS."""
        decoder = f"{imagecodecs.__version__}/{imagecodecs.jpegls_version()}"
        return f"{self._also(self._encoder.version)}{decoder}"

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
            return self._encode(samples, pixels, -round(setting))

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

    def decode(self, frame: bytes, pixels: PixelFormat, syntax: str, threads: int = 1) -> Decoded:
        """Decode one frame (see ``contract.Codec``)."""
        return decode(frame, pixels, _samples)

    def _encode(self, samples: Samples, pixels: PixelFormat, near: int) -> bytes:
        if near and pixels.signed:
            _require_distance(samples, pixels.bits_stored, near)
        pattern = checks.to_pattern(samples, pixels.bits_stored)
        try:
            return self._encoder.encode(pattern, pixels.bits_stored, near)
        except (RuntimeError, ValueError) as error:
            raise CodecError("codec_failed", f"CharLS: {error}") from error

    def _also(self, label: str) -> str:
        return "" if self._encoder.name == "imagecodecs" else f"{label}+"


def decode(frame: bytes, pixels: PixelFormat, library: Callable[[Codestream], Samples]) -> Decoded:
    """Decode one frame with ``library``, which gives unsigned samples.

    Raises
    ------
    CodecError
        If it is damaged, truncated or no JPEG-LS.
    """
    stream = jpeg_codestream.parse(frame)
    if stream.process != jpeg_codestream.SOF_LS:
        raise CodecError("damaged_codestream", "not a JPEG-LS codestream")
    checks.require_plausible(stream.format, pixels)
    pattern = checks.require_declared(library(stream), stream.format)
    samples = checks.without_sign(pattern, stream.format.bits, pixels)
    return Decoded(
        samples=samples,
        bits=stream.format.bits,
        signed=samples.dtype.kind == "i",
        photometric=_photometric(stream.format.components, pixels),
        lossy=stream.selection > 0,
        notes=(*stream.notes, *checks.disagreements(stream.format, pixels, sign=False)),
    )


def _samples(stream: Codestream) -> Samples:
    try:
        return imagecodecs.jpegls_decode(stream.data)
    except (imagecodecs.JpeglsError, ValueError) as error:
        raise CodecError("damaged_codestream", f"CharLS: {error}") from error


def _photometric(components: int, pixels: PixelFormat) -> str:
    if components == pixels.samples_per_pixel:
        return pixels.photometric
    return "MONOCHROME2" if components == 1 else "RGB"


def _require_distance(samples: Samples, bits: int, near: int) -> None:
    """Decline where an error of ``near`` could change a value's sign."""
    half = 1 << (bits - 1)
    if int(samples.min()) - near < -half or int(samples.max()) + near > half - 1:
        raise Declined("codec_refuses", f"signed samples lie within {near} of the range's ends")


def codec() -> Codec:
    """Return the codec; ImportError where a library is missing."""
    if not imagecodecs.JPEGLS.available:
        raise ImportError("imagecodecs was built without CharLS")
    return JpegLs(_imagecodecs() or _pyjpegls())


def _imagecodecs() -> Encoder | None:
    """Return imagecodecs' encoder if it declares the precision that it is told."""
    library: Callable[..., bytes | bytearray | memoryview] = imagecodecs.jpegls_encode

    def encode(pattern: Samples, bits: int, near: int) -> bytes:
        return bytes(library(pattern, level=near, bitspersample=bits, spiff=False))

    try:
        probe = encode(np.zeros((2, 2), np.uint16), _PROBE_BITS, 0)
    except TypeError:  # it has no such options
        return None
    if jpeg_codestream.parse(probe).format.bits != _PROBE_BITS:
        return None
    return Encoder("imagecodecs", imagecodecs.__version__, encode)


def _pyjpegls() -> Encoder:
    """Return pyjpegls' encoder."""
    try:
        library = importlib.import_module("jpeg_ls")
        extension = importlib.import_module("_CharLS")
    except ImportError as error:
        reason = "imagecodecs is too old to encode JPEG-LS as DICOM asks, and pyjpegls is missing"
        raise ImportError(f"{reason} ({error})") from error

    def encode(pattern: Samples, bits: int, near: int) -> bytes:
        rows, columns, *rest = pattern.shape
        samples = rest[0] if rest else 1
        interleave = _INTERLEAVE_SAMPLE if samples > 1 else _INTERLEAVE_NONE
        source = pattern.astype(pattern.dtype.newbyteorder("<"), copy=False).tobytes() + _SPARE
        # What jpeg_ls.encode_buffer calls, which insists on the exact source length.
        return bytes(
            extension._encode(source, near, interleave, rows, columns, samples, bits)  # noqa: SLF001
        )

    return Encoder("pyjpegls", library.__version__, encode)
