"""One frame as Orthanc shows it: previews, rendered frames, viewers.

- Greyscale is given as it is stored, signed or not; Orthanc itself inverts
  MONOCHROME1 and applies windows.
- Of a damaged frame, what there is of it is shown where the codec can say (JPEG), as
  Orthanc itself does: a viewer is no place to hide an image.
- Colour is given as RGB: palettes are applied (PS3.3 C.7.9), YBR is converted
  (PS3.3 C.7.6.3.1.2).

A file is taken apart once, into ``FrameIndex``: where each frame's bytes lie
and what they are. Every later frame needs its own bytes only, however large
the file is.
"""

from __future__ import annotations

import base64
import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import reading, syntaxes
from .codec.contract import PixelFormat, Samples
from .codec.registry import Registry
from .dicom import bits, frames, native
from .dicom.elements import PIXEL_DATA
from .dicom.file import DicomFile
from .dicom.image import Image, describe
from .errors import Declined, DicomError
from .model import Picture

_PALETTE = tuple(
    (0x00281101 + channel, 0x00281201 + channel) for channel in range(3)
)  # descriptors and data of red, green, blue

Spans = list[list[tuple[int, int]]]
Palette = tuple[tuple[int, NDArray[np.uint16]], ...]
# Of files whose frames cannot be had one by one, but all the same be shown.
WHOLE = frozenset(("deflated", "odd_words", "single_bit"))


@dataclass(frozen=True, slots=True)
class FrameIndex:
    """What is needed to decode any frame of a file from that frame's bytes alone.

    Attributes
    ----------
    spans
        Offset and length in the file of each fragment of each frame.
    palette
        For each of red, green and blue: first value mapped, and the entries.
    """

    image: Image
    spans: Spans
    little: bool
    word_swapped: bool
    palette: Palette = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the way to Orthanc's side and back."""
        return {
            "image": dataclasses.asdict(self.image),
            "spans": self.spans,
            "little": self.little,
            "word_swapped": self.word_swapped,
            "palette": [
                (first, base64.b64encode(entries.tobytes()).decode())
                for first, entries in self.palette
            ],
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> FrameIndex:
        """The inverse of ``to_json``; spans may be left out."""
        image: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in values["image"].items()
        }
        palette = tuple(
            (first, np.frombuffer(base64.b64decode(entries), np.uint16))
            for first, entries in values["palette"]
        )
        spans = values.get("spans", [])
        return cls(Image(**image), spans, values["little"], values["word_swapped"], palette)


def index(data: memoryview) -> FrameIndex:
    """Take a file apart.

    Raises
    ------
    Refusal
        If it holds no image that can be decoded.
    """
    file = DicomFile.parse(data)
    if file.syntax == syntaxes.DEFLATED_LE:
        raise Declined("deflated", "Frames of a deflated data set cannot be had one by one.")
    image = describe(file)
    palette = _palette(file) if image.photometric == "PALETTE COLOR" else ()
    if image.encapsulated:
        encoded = frames.encoded_frames(file, image)
        spans = [[_span(data, part) for part in encoded.parts(n)] for n in range(len(encoded))]
        return FrameIndex(image, spans, little=True, word_swapped=False, palette=palette)
    return _native_index(data, file, image, palette)


def _native_index(data: memoryview, file: DicomFile, image: Image, palette: Palette) -> FrameIndex:
    element = file.element(PIXEL_DATA)
    if element is None:
        raise DicomError("no_pixel_data", "The file has no pixel data.")
    start, _ = _span(data, memoryview(element.value))
    little, swapped = True, False
    if not image.subsampled:
        unpacked = native.unpack(file, image)
        little, swapped = unpacked.little, unpacked.word_swapped
    if swapped and image.frame_bytes % 2:
        raise Declined("odd_words", "Frames that begin inside a swapped word are not shown.")
    size = image.frame_bytes
    spans = [[(start + number * size, size)] for number in range(image.frames)]
    return FrameIndex(image, spans, little, swapped, palette)


def _span(data: memoryview, part: memoryview) -> tuple[int, int]:
    """Where a part of a buffer lies in it."""
    whole = np.frombuffer(data, np.uint8)
    piece = np.frombuffer(part, np.uint8)
    if not part.nbytes:
        return 0, 0
    address: int = piece.__array_interface__["data"][0]
    offset = address - whole.__array_interface__["data"][0]
    if not 0 <= offset <= len(data) - part.nbytes:
        raise Declined("copied", "The pixel data does not lie in the file as it is.")
    return offset, part.nbytes


def render(frame: bytes, about: FrameIndex, registry: Registry) -> Picture:
    """Decode one frame for display.

    Parameters
    ----------
    frame
        The frame's bytes, its fragments joined.

    Raises
    ------
    Refusal
        If it cannot be decoded or shown.
    """
    return _shown(*_samples(frame, about, registry), about.palette)


def render_whole(data: memoryview, frame: int) -> Picture:
    """Show one frame of a file whose frames cannot be had one by one.

    Deflated data sets, single bits, and frames that begin inside a big-endian word.

    Parameters
    ----------
    frame
        From 0.

    Raises
    ------
    Refusal
        If it cannot be shown.
    """
    file = DicomFile.parse(data)
    if file.ints(0x00280100) == (1,):
        white = np.where(bits.frame_of(file, frame), np.uint8(255), np.uint8(0))
        return _picture(white, signed=False)
    image = describe(file)
    if frame >= image.frames:
        raise Declined("no_such_frame", f"There are {image.frames} frames.")
    palette = _palette(file) if image.photometric == "PALETTE COLOR" else ()
    if not image.subsampled:
        return _shown(native.unpack(file, image)[frame], image.format, palette)
    element = file.element(PIXEL_DATA)
    start = frame * image.frame_bytes
    part = bytes(element.value[start : start + image.frame_bytes]) if element else b""
    return _shown(_upsampled(part, image), image.format, palette)


def _shown(samples: Samples, pixels: PixelFormat, palette: Palette) -> Picture:
    if pixels.photometric == "PALETTE COLOR":
        return _picture(_apply(samples, palette), signed=False)
    if pixels.samples_per_pixel > 1 and pixels.photometric.startswith("YBR"):
        samples = _to_rgb(samples, pixels)
    if pixels.samples_per_pixel > 1 and pixels.bits_stored > 16:
        raise _no_format()
    if pixels.samples_per_pixel > 1 and pixels.bits_stored not in (8, 16):
        # Orthanc shows colour as if all the allocated bits were used.
        wide = samples.astype(np.uint16)
        samples = wide << np.uint16(16 - pixels.bits_stored)
    return _picture(samples, pixels.signed)


def _samples(frame: bytes, about: FrameIndex, registry: Registry) -> tuple[Samples, PixelFormat]:
    image = about.image
    if image.encapsulated:
        found = reading.salvage(registry.decoder(image.syntax), frame, image)
        return found.samples, found.pixels
    if image.subsampled:
        return _upsampled(frame, image), image.format
    one = dataclasses.replace(image, frames=1)
    return native.NativeFrames(one, frame, about.little, about.word_swapped)[0], image.format


def _upsampled(frame: bytes, image: Image) -> Samples:
    """Y1 Y2 Cb Cr to a pixel each; for display only (PS3.3 C.7.6.3.1.2)."""
    if image.bits_allocated != 8:
        raise Declined("subsampled_native", "Subsampled chroma of more than 8 bits is not shown.")
    quads = np.frombuffer(frame, np.uint8).reshape(-1, 4)
    pixels = np.empty((len(quads), 2, 3), np.uint8)
    pixels[:, :, 0] = quads[:, :2]
    pixels[:, :, 1:] = quads[:, None, 2:]
    picture: NDArray[np.uint8] = pixels.reshape(image.rows, image.columns, 3)
    return picture


def _to_rgb(samples: Samples, pixels: PixelFormat) -> Samples:
    if pixels.signed or samples.dtype != np.uint8:
        raise Declined("ybr_depth", "YBR of more than 8 bits, or signed, is not shown.")
    y, cb, cr = (samples[..., channel].astype(np.float32) for channel in range(3))
    if pixels.photometric.startswith("YBR_PARTIAL"):
        y = (y - 16) * (255 / 219)
        cb, cr = ((chroma - 128) * (255 / 224) for chroma in (cb, cr))
    else:
        cb, cr = cb - 128, cr - 128
    rgb = np.stack((y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb), axis=-1)
    # Cut off, not rounded: as Orthanc itself shows YBR_FULL in RLE.
    picture: NDArray[np.uint8] = np.clip(rgb, 0, 255).astype(np.uint8)
    return picture


def _palette(file: DicomFile) -> Palette:
    tables = []
    for descriptor_tag, data_tag in _PALETTE:
        descriptor = file.ints(descriptor_tag)
        element = file.element(data_tag)
        if len(descriptor) != 3 or element is None:
            raise DicomError("bad_palette", "A palette's descriptor or data is missing.")
        tables.append((descriptor[1], _entries(descriptor, bytes(element.value), file)))
    return tuple(tables)


def _entries(descriptor: tuple[int, ...], data: bytes, file: DicomFile) -> NDArray[np.uint16]:
    """The table's entries as 16 bits, whatever they are stored in."""
    count = descriptor[0] % 65536 or 65536  # 0 means 65536; an SS may call it negative
    order = "<" if file.encoding.little else ">"
    if len(data) >= count * 2:
        entries = np.frombuffer(data, f"{order}u2", count).astype(np.uint16)
    elif len(data) >= count:
        entries = np.frombuffer(data, np.uint8, count).astype(np.uint16)
    else:
        raise DicomError("bad_palette", f"A palette has {len(data)} bytes for {count} entries.")
    # Entries of 16 bits may hold 8: then nothing is above 255.
    return entries if descriptor[2] == 16 and entries.max(initial=0) > 255 else entries * 257


def _apply(samples: Samples, palette: Palette) -> Samples:
    """Look up each index; those outside the table get its first or last entry."""
    channels = []
    for first, entries in palette:
        positions = np.clip(samples.astype(np.int64) - first, 0, len(entries) - 1)
        channels.append((entries[positions] >> 8).astype(np.uint8))
    return np.stack(channels, axis=-1)


def _picture(samples: Samples, signed: bool) -> Picture:
    height, width = samples.shape[:2]
    if samples.ndim > 2:
        formats = {1: ("RGB24", "u1"), 2: ("RGB48", "u2")}
    elif signed:
        formats = {1: ("SignedGrayscale16", "i2"), 2: ("SignedGrayscale16", "i2")}
    else:
        formats = {1: ("Grayscale8", "u1"), 2: ("Grayscale16", "u2"), 4: ("Grayscale32", "u4")}
    size = samples.dtype.itemsize
    if size not in formats or (signed and samples.ndim > 2):
        raise _no_format()
    name, kind = formats[size]
    return Picture(name, width, height, bytearray(samples.astype(kind, copy=False).tobytes()))


def _no_format() -> Declined:
    return Declined("no_pixel_format", "Orthanc has no pixel format for such samples.")
