"""DICOM files of any pixel format, made with pydicom alone.

    image = Image(rows=7, columns=5, bits_stored=12, signed=True)
    content = native_file(image, texture(image), syntax=ExplicitVRBigEndian)

Samples are arrays of shape ``(frames, rows, columns, samples)``, one cell of
Bits Allocated each, and are written as they are: set bits above Bits Stored for
an overlay or for rubbish. Nothing here uses the code under test.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
    generate_uid,
)

Samples = npt.NDArray[Any]


@dataclass(frozen=True)
class Image:
    """The Image Pixel module's attributes (PS3.3 C.7.6.3); ``bits_stored`` 0: as allocated."""

    rows: int = 16
    columns: int = 16
    frames: int = 1
    samples: int = 1
    bits_allocated: int = 16
    bits_stored: int = 0
    signed: bool = False
    photometric: str = ""
    planar: int = 0
    number_of_frames: bool | None = None  # whether written; None: where there are several

    @property
    def depth(self) -> int:
        """Bits Stored, the default filled in."""
        return self.bits_stored or self.bits_allocated

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of one cell, in native byte order."""
        return np.dtype(f"{'i' if self.signed else 'u'}{self.bits_allocated // 8}")

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of the samples of all frames."""
        return (self.frames, self.rows, self.columns, self.samples)


def texture(image: Image, seed: int = 0) -> Samples:
    """Noise on a slope, reaching both ends of the stored range (where there are two cells)."""
    low = -(1 << (image.depth - 1)) if image.signed else 0
    high = low + (1 << image.depth) - 1
    rng = np.random.default_rng(seed)
    count = int(np.prod(image.shape))
    slope = np.linspace(low, high, count)
    noise = rng.normal(scale=(high - low) / 50, size=count)
    cells = np.clip(np.rint(slope + noise), low, high)
    cells[:1], cells[-1:] = low, high
    return cells.astype(image.dtype).reshape(image.shape)


def native_file(
    image: Image,
    samples: Samples | None = None,
    *,
    syntax: str = ExplicitVRLittleEndian,
    vr: str = "",
    attributes: Mapping[str, Any] | None = None,
) -> bytes:
    """A file with native pixel data (any native syntax, the deflated one included)."""
    dataset = blank(image, attributes)
    cells = texture(image) if samples is None else samples
    big_endian = syntax == ExplicitVRBigEndian
    dataset.PixelData = _native_bytes(image, cells, big_endian, vr)
    dataset["PixelData"].VR = vr or ("OB" if image.bits_allocated <= 8 else "OW")
    return to_bytes(dataset, syntax)


def encapsulated_file(
    image: Image,
    codestreams: Sequence[bytes],
    syntax: str,
    *,
    table: str = "basic",
    fragments: int = 1,
    attributes: Mapping[str, Any] | None = None,
) -> bytes:
    """A file with encapsulated pixel data (PS3.5 A.4), one codestream for each frame.

    ``table``: ``basic``, ``empty`` or ``extended``; ``fragments``: for each frame.
    """
    dataset = blank(image, attributes)
    if table == "extended":
        value, offsets, lengths = encapsulate_extended(list(codestreams))
        dataset.PixelData = value
        dataset.ExtendedOffsetTable = offsets
        dataset.ExtendedOffsetTableLengths = lengths
    else:
        dataset.PixelData = encapsulate(
            list(codestreams), fragments_per_frame=fragments, has_bot=table == "basic"
        )
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    return to_bytes(dataset, syntax)


def blank(image: Image, attributes: Mapping[str, Any] | None = None) -> Dataset:
    """A valid secondary capture without pixel data; attributes are set last, by keyword."""
    dataset = Dataset()
    dataset.SOPClassUID = SecondaryCaptureImageStorage
    dataset.SOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID = generate_uid()
    dataset.SeriesInstanceUID = generate_uid()
    dataset.PatientID = "TEST"
    dataset.PatientName = "Test^Image"
    dataset.Modality = "OT"
    dataset.ConversionType = "SYN"
    dataset.StudyID = dataset.AccessionNumber = ""
    dataset.SeriesNumber = dataset.InstanceNumber = 1
    _set_pixel_module(dataset, image)
    for keyword, value in (attributes or {}).items():
        setattr(dataset, keyword, value)
    return dataset


def _set_pixel_module(dataset: Dataset, image: Image) -> None:
    dataset.SamplesPerPixel = image.samples
    colour = "RGB" if image.samples == 3 else "MONOCHROME2"
    dataset.PhotometricInterpretation = image.photometric or colour
    if image.samples > 1:
        dataset.PlanarConfiguration = image.planar
    several = image.frames > 1 if image.number_of_frames is None else image.number_of_frames
    if several:
        dataset.NumberOfFrames = image.frames
    dataset.Rows = image.rows
    dataset.Columns = image.columns
    dataset.BitsAllocated = image.bits_allocated
    dataset.BitsStored = image.depth
    dataset.HighBit = image.depth - 1
    dataset.PixelRepresentation = int(image.signed)
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        _set_palette(dataset, image)


def _set_palette(dataset: Dataset, image: Image) -> None:
    entries = min(1 << image.depth, 256)
    for step, colour in enumerate(("Red", "Green", "Blue"), start=1):
        table = (np.arange(entries) * step * 256 % 65536).astype("<u2")
        # The VR of the middle value depends on Pixel Representation; 0 reads the same in both.
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [entries, 0, 16])
        setattr(dataset, f"{colour}PaletteColorLookupTableData", table.tobytes())


def _native_bytes(image: Image, samples: Samples, big_endian: bool, vr: str) -> bytes:
    cells = samples.reshape(image.shape).astype(image.dtype)
    if image.samples > 1 and image.planar:
        cells = cells.transpose(0, 3, 1, 2)
    value = cells.astype(image.dtype.newbyteorder(">" if big_endian else "<")).tobytes()
    value += b"\0" * (len(value) % 2)
    if big_endian and vr == "OW" and image.bits_allocated == 8:
        # OW is swapped word by word, whatever the cells are (PS3.5 8.1.1).
        value = np.frombuffer(value, "<u2").astype(">u2").tobytes()
    return value


def nest(dataset: Dataset, depth: int) -> Dataset:
    """Add sequences within sequences, with an icon, a private element and a UN at the bottom."""
    inner = Dataset()
    inner.IconImageSequence = DicomSequence([_icon()])
    block = inner.private_block(0x0029, "ORTHANC TRANSCODER TEST", create=True)
    block.add_new(0x01, "UN", b"\1\2\3\4")
    block.add_new(0x02, "OW", b"\5\6\7\x08")
    for level in range(depth):
        outer = Dataset()
        outer.ReferencedSOPInstanceUID = generate_uid(entropy_srcs=[str(level)])
        outer.DerivationImageSequence = DicomSequence([inner])
        inner = outer
    dataset.update(inner)
    return dataset


def _icon() -> Dataset:
    icon = Dataset()
    _set_pixel_module(icon, Image(rows=2, columns=2, bits_allocated=8))
    icon.PixelData = b"\x10\x20\x30\x40"
    icon["PixelData"].VR = "OW"
    return icon


def to_bytes(dataset: Dataset, syntax: str) -> bytes:
    """Write a whole file (PS3.10), group 2 included."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    dataset.file_meta = meta
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def stored_samples(content: bytes | Dataset) -> Samples:
    """The stored samples of a native file, without what lies above Bits Stored.

    Returns an int64 array of shape ``(frames, rows, columns, samples)``: raw, with
    no colour conversion, palette or rescaling.
    """
    dataset = pydicom.dcmread(io.BytesIO(content)) if isinstance(content, bytes) else content
    frames = int(dataset.get("NumberOfFrames") or 1)
    rows, columns, samples = dataset.Rows, dataset.Columns, dataset.SamplesPerPixel
    big_endian = dataset.file_meta.TransferSyntaxUID == ExplicitVRBigEndian
    value = dataset.PixelData
    if big_endian and dataset["PixelData"].VR == "OW" and dataset.BitsAllocated == 8:
        value = np.frombuffer(value, ">u2").astype("<u2").tobytes()
    cell = np.dtype(f"{'>' if big_endian else '<'}u{dataset.BitsAllocated // 8}")
    count = frames * rows * columns * samples
    cells: Samples = np.frombuffer(value, cell, count).astype(np.int64)
    if samples > 1 and dataset.PlanarConfiguration:
        cells = cells.reshape(frames, samples, rows, columns).transpose(0, 2, 3, 1)
    else:
        cells = cells.reshape(frames, rows, columns, samples)
    # The stored bits end at High Bit; pydicom's array keeps whatever lies around them.
    cells = cells >> (dataset.HighBit + 1 - dataset.BitsStored) & ((1 << dataset.BitsStored) - 1)
    if dataset.PixelRepresentation:
        sign = 1 << (dataset.BitsStored - 1)
        cells = (cells ^ sign) - sign
    return cells
