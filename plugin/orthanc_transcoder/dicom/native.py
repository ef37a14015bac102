"""Native pixel data: cells to samples and back (PS3.3 C.7.6.3.1, PS3.5 8.1, 8.2, annex D).

The rule: what comes out are the *stored samples*, the Bits Stored bits below
and with High Bit, sign-extended where signed, in native byte order and colour
by pixel, whatever the file's byte order, VR and Planar Configuration are. Bits
beside them are no part of the image: they are counted, so that nobody loses
them unknowingly, and dropped.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import overload

import numpy as np
from numpy.typing import NDArray

from ..codec.contract import Samples
from ..errors import Declined, DicomError
from .elements import PIXEL_DATA, UNDEFINED, Buffer, Element
from .file import DicomFile
from .frames import EXTENDED_LENGTHS, EXTENDED_OFFSETS, TOTAL_LENGTH
from .image import Image
from .vr import resolve

Cells = NDArray[np.unsignedinteger]


class CellFrames(Sequence[Samples], ABC):
    """Frames that are there as whole cells; as a sequence, their stored samples."""

    image: Image

    @overload
    def __getitem__(self, index: int) -> Samples: ...
    @overload
    def __getitem__(self, index: slice) -> list[Samples]: ...
    def __getitem__(self, index: int | slice) -> Samples | list[Samples]:
        """One frame's stored samples.

        Returns
        -------
        ndarray
            Shape ``(rows, columns)`` or ``(rows, columns, samples)``, C-contiguous,
            the smallest of (u)int8/16/32 that holds Bits Stored; maybe read-only.
        """
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        return stored(self.cells(index), self.image)

    def __len__(self) -> int:
        """Number of Frames."""
        return self.image.frames

    @abstractmethod
    def cells(self, index: int) -> Cells:
        """One frame as it is allocated, unused bits and all, colour by pixel."""

    @cached_property
    def unused_bits(self) -> int:
        """Samples of all frames with bits set beside the stored ones.

        Neither sign extension nor a declared embedded overlay counts.
        """
        return sum(stray(self.cells(index), self.image) for index in range(len(self)))


@dataclass(frozen=True)
class DecodedCells(CellFrames):
    """Cells that came out of codestreams."""

    image: Image
    frames: Sequence[Cells]

    def cells(self, index: int) -> Cells:
        """One frame (see ``CellFrames``)."""
        return self.frames[index]


@dataclass(frozen=True)
class NativeFrames(CellFrames):
    """The frames of native pixel data, unpacked one by one when asked for."""

    image: Image
    data: Buffer
    little: bool
    word_swapped: bool  # 8-bit samples in big-endian words

    def cells(self, index: int) -> Cells:
        """One frame (see ``CellFrames``)."""
        position = range(len(self))[index]
        raw = np.frombuffer(self._bytes(position), _cell_type(self.image, self.little))
        cells = raw.astype(raw.dtype.newbyteorder("="), copy=False)
        return _by_pixel(cells, self.image)

    def _bytes(self, index: int) -> Buffer:
        size = self.image.frame_bytes
        start, end = index * size, (index + 1) * size
        if not self.word_swapped:
            return memoryview(self.data)[start:end]
        words = memoryview(self.data)[start - start % 2 : end + end % 2]
        swapped = np.frombuffer(words, np.uint16).byteswap().tobytes()
        return swapped[start % 2 : start % 2 + size]


def unpack(file: DicomFile, image: Image) -> NativeFrames:
    """Open native pixel data.

    Parameters
    ----------
    file, image
        The file, and what ``describe`` said of it.

    Raises
    ------
    Declined
        If the chroma is subsampled: it cannot be a sample per pixel and stay exact.
    DicomError
        If the VR contradicts Bits Allocated.
    """
    element = file.element(PIXEL_DATA)
    if element is None or element.undefined_length:
        raise DicomError("not_native", "The pixel data is not native.")
    if image.subsampled:
        raise Declined(
            "subsampled_native", "Native YBR_FULL_422 has no sample of its own per pixel."
        )
    little = element.encoding.little
    words = resolve(element, file.context) == "OW"
    if not little and not words and image.bits_allocated > 8:
        raise DicomError(
            "bad_pixel_data_vr", "Big-endian pixel data of over 8 bits must be OW, and is not."
        )
    swapped = not little and words and image.bits_allocated == 8
    if swapped and len(element.value) % 2:
        raise DicomError("odd_pixel_data", "Pixel Data of words has an odd number of bytes.")
    return NativeFrames(image, element.value, little, swapped)


def pack(frames: Sequence[Samples], bits_allocated: int, *, implicit: bool = False) -> Element:
    """Make native Pixel Data, colour by pixel, in the form of ``DicomFile.write``'s changes.

    Parameters
    ----------
    frames
        Stored samples, shaped as ``NativeFrames`` gives them.
    bits_allocated
        8, 16 or 32; it must hold the samples.
    implicit
        Whether the target is Implicit VR, where the VR is always OW (PS3.5 A.1).

    Raises
    ------
    Declined
        If the pixel data would be longer than 32 bits can say.
    """
    kind = np.dtype(f"<u{bits_allocated // 8}")
    size = sum(frame.size for frame in frames) * kind.itemsize
    if size >= UNDEFINED:
        raise Declined("native_too_large", f"Native pixel data would be {size} bytes long.")
    chunks = [frame.astype(f"<{frame.dtype.kind}{kind.itemsize}").tobytes() for frame in frames]
    vr = "OW" if implicit or bits_allocated > 8 else "OB"  # PS3.5 A.2
    return Element(PIXEL_DATA, vr, b"".join([*chunks, bytes(size % 2)]))


def native_pixels(
    frames: Sequence[Samples], bits_allocated: int, *, implicit: bool = False
) -> dict[int, Element | None]:
    """All the changes that native pixel data needs: no offset tables stay behind."""
    return {
        EXTENDED_OFFSETS: None,
        EXTENDED_LENGTHS: None,
        TOTAL_LENGTH: None,
        PIXEL_DATA: pack(frames, bits_allocated, implicit=implicit),
    }


def _cell_type(image: Image, little: bool) -> np.dtype[np.unsignedinteger]:
    return np.dtype(f"{'<' if little else '>'}u{image.bits_allocated // 8}")


def _by_pixel(cells: Cells, image: Image) -> Cells:
    rows, columns, samples = image.rows, image.columns, image.samples_per_pixel
    if samples == 1:
        return cells.reshape(rows, columns)
    if image.planar_configuration == 0:
        return cells.reshape(rows, columns, samples)
    return np.ascontiguousarray(cells.reshape(samples, rows, columns).transpose(1, 2, 0))


def stored(cells: Cells, image: Image) -> Samples:
    """Cut the stored bits of a frame out of its cells."""
    signed = image.pixel_representation == 1
    stored, allocated = image.bits_stored, image.bits_allocated
    if stored < allocated:
        # Up against the top, so that the way down extends the sign.
        cells = cells << cells.dtype.type(allocated - image.high_bit - 1)
    values = cells.view(f"i{allocated // 8}") if signed else cells
    if stored < allocated:
        values = values >> values.dtype.type(allocated - stored)
    return values.astype(sample_type(stored, signed), copy=False)


def sample_type(bits: int, signed: bool) -> np.dtype[np.integer]:
    """The smallest type of ``codec.contract.Decoded.samples`` that holds ``bits`` bits."""
    size = 1 if bits <= 8 else 2 if bits <= 16 else 4
    return np.dtype(f"{'i' if signed else 'u'}{size}")


def stray(cells: Cells, image: Image) -> int:
    """Count a frame's cells with bits set that are no sample, sign or declared overlay."""
    if image.bits_stored == image.bits_allocated:
        return 0
    kind = cells.dtype.type
    above = (1 << image.bits_allocated) - (1 << (image.high_bit + 1))
    below = (1 << (image.high_bit + 1 - image.bits_stored)) - 1
    beside = (above | below) & ~image.overlay_mask
    extra = cells & kind(beside)
    beyond = extra != 0
    if image.overlay_mask and cells.ndim > 2:  # an overlay is one plane: the first sample's
        beyond[..., 1:] |= (cells[..., 1:] & kind(image.overlay_mask)) != 0
    if image.pixel_representation == 1:
        negative = (cells >> kind(image.high_bit)) & kind(1) == 1
        beyond &= ~(negative & (extra == kind(beside & above)))
    return int(np.count_nonzero(beyond))
