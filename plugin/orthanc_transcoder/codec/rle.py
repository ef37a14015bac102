"""RLE Lossless (PS3.5 A.4.2 and Annex G), segments by imagecodecs' PackBits.

- One segment per byte plane: the first sample's most significant byte first,
  then its less significant ones, then the next sample's (G.2).
- Every row is encoded on its own (G.3.1) and every segment has an even length.
- RLE carries whole containers of Bits Allocated, as native pixel data does, and
  nothing in it says size, depth or sign. ``decode`` gives the stored samples,
  taking High Bit to be Bits Stored - 1; ``decode_containers`` gives everything.
- A segment must give exactly one plane; what follows in it must be zeros, its padding.
"""

from __future__ import annotations

import struct

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from ..errors import CodecError
from . import checks, uids
from .contract import Cells, Codec, Decoded, Encoded, EncodeOptions, PixelFormat, Samples

_HEADER = struct.Struct("<16L")
_MAX_SEGMENTS = 15


class Rle:
    """The codec of .5."""

    name = "imagecodecs/packbits"
    decodes = frozenset((uids.RLELossless,))
    encodes = frozenset((uids.RLELossless,))

    @property
    def version(self) -> str:
        """Version of imagecodecs."""
        return str(imagecodecs.__version__)

    def refuses(self, pixels: PixelFormat, syntax: str) -> str | None:
        """Say why such frames cannot be encoded."""
        return checks.refuses_common(pixels, max_bits=32)

    def encode(
        self, samples: Samples, pixels: PixelFormat, syntax: str, options: EncodeOptions
    ) -> Encoded:
        """Encode one frame (see ``contract.Codec``)."""
        container = f">{'i' if pixels.signed else 'u'}{pixels.bits_allocated // 8}"
        values = np.ascontiguousarray(samples, dtype=container)
        planes = values.view(np.uint8).reshape(pixels.rows, pixels.columns, -1)
        segments = [_segment(planes[:, :, index]) for index in range(planes.shape[2])]
        return Encoded(_joined(segments), pixels.photometric)

    def decode(self, frame: bytes, pixels: PixelFormat, syntax: str, threads: int = 1) -> Decoded:
        """Decode one frame to its stored samples (see ``contract.Codec``)."""
        return stored_samples(decode_containers(frame, pixels), pixels)

    def decode_cells(self, frame: bytes, pixels: PixelFormat) -> Cells:
        """Decode one frame to its cells (see ``contract.CellDecoder``)."""
        return decode_containers(frame, pixels)


def stored_samples(containers: Cells, pixels: PixelFormat) -> Decoded:
    """Take the stored samples out of whole cells."""
    bits, signed = pixels.bits_stored, pixels.signed
    stored = containers & containers.dtype.type((1 << bits) - 1)
    values = checks.from_pattern(stored, bits, signed)
    extended = values.view(containers.dtype)
    stray = int(np.count_nonzero((containers != stored) & (containers != extended)))
    unused = (f"{stray} samples held something above Bits Stored; it is dropped",)
    return Decoded(
        samples=np.ascontiguousarray(values.astype(checks.dtype_of(bits, signed), copy=False)),
        bits=bits,
        signed=signed,
        photometric=pixels.photometric,
        lossy=False,
        notes=unused if stray else (),
    )


def decode_containers(frame: bytes, pixels: PixelFormat) -> Cells:
    """Decode one frame to what RLE carries: all the bits that are allocated.

    Returns
    -------
    ndarray
        Unsigned, native byte order, shaped as ``Decoded.samples``; embedded
        overlays and a High Bit elsewhere are found in it as in native pixel data.

    Raises
    ------
    CodecError
        If the frame is damaged or truncated.
    """
    if pixels.bits_allocated not in (8, 16, 32):
        raise CodecError("unsupported_codestream", f"RLE of {pixels.bits_allocated}-bit samples")
    size = pixels.bits_allocated // 8
    segments = _split(frame, size * pixels.samples_per_pixel)
    planes = np.stack([_plane(one, pixels.rows * pixels.columns) for one in segments], axis=-1)
    cells = planes.view(f">u{size}").astype(f"=u{size}")
    shape = (pixels.rows, pixels.columns, pixels.samples_per_pixel)
    return cells.reshape(shape if pixels.samples_per_pixel > 1 else shape[:2])


def _segment(plane: NDArray[np.uint8]) -> bytes:
    """Encode one byte plane, row by row, to an even number of bytes."""
    try:
        data = bytes(imagecodecs.packbits_encode(plane.copy(), axis=-1))
    except (imagecodecs.PackbitsError, ValueError) as error:
        raise CodecError("codec_failed", f"PackBits: {error}") from error
    return data + bytes(len(data) & 1)


def _joined(segments: list[bytes]) -> bytes:
    """Write the header that names the segments, and them (G.5)."""
    offsets = [_HEADER.size]
    for segment in segments[:-1]:
        offsets.append(offsets[-1] + len(segment))
    unused = [0] * (_MAX_SEGMENTS - len(segments))
    return _HEADER.pack(len(segments), *offsets, *unused) + b"".join(segments)


def _split(frame: bytes, expected: int) -> list[bytes]:
    """Cut a frame into the segments that its header names (G.5)."""
    if len(frame) < _HEADER.size:
        raise CodecError("truncated_codestream", "the RLE header is cut off")
    count, *offsets = _HEADER.unpack_from(frame)
    if count != expected:
        raise CodecError("damaged_codestream", f"{count} RLE segments where {expected} are due")
    ends = [*offsets[1:count], len(frame)]
    if offsets[0] < _HEADER.size or any(
        end <= start or end > len(frame) for start, end in zip(offsets, ends, strict=False)
    ):
        raise CodecError("damaged_codestream", "the RLE segment offsets are not in order")
    return [frame[start:end] for start, end in zip(offsets, ends, strict=False)]


def _plane(segment: bytes, size: int) -> NDArray[np.uint8]:
    """Decode one segment to exactly ``size`` bytes."""
    data = _unpacked(segment)
    surplus = data.size - size
    if surplus < 0:
        raise CodecError("truncated_codestream", f"an RLE segment gives {data.size} of {size}")
    if surplus:
        # Each two zeros of padding read as one more byte.
        padding = segment[-2 * surplus :]
        if padding.strip(b"\0") or _unpacked(segment[: -2 * surplus]).size != size:
            raise CodecError("damaged_codestream", f"an RLE segment gives {data.size} for {size}")
    return data[:size]


def without_padding(frame: bytes, pixels: PixelFormat) -> bytes:
    """The frame, each segment cut to what gives one plane, for decoders that bear no padding.

    Raises
    ------
    CodecError
        If the frame is damaged or truncated.
    """
    size = pixels.rows * pixels.columns
    count = pixels.bits_allocated // 8 * pixels.samples_per_pixel
    segments = []
    for segment in _split(frame, count):
        surplus = max(0, _unpacked(segment).size - size)
        padding = segment[len(segment) - 2 * surplus :]
        segments.append(segment if padding.strip(b"\0") else segment[: len(segment) - 2 * surplus])
    return _joined(segments)


def _unpacked(segment: bytes) -> NDArray[np.uint8]:
    try:
        return np.frombuffer(imagecodecs.packbits_decode(segment), np.uint8)
    except (imagecodecs.PackbitsError, ValueError) as error:
        raise CodecError("damaged_codestream", f"PackBits: {error}") from error


def codec() -> Codec:
    """Return the codec; ImportError where imagecodecs lacks PackBits."""
    if not imagecodecs.PACKBITS.available:
        raise ImportError("imagecodecs was built without PackBits")
    return Rle()
