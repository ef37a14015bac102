"""Real DICOM files that installed packages carry. Nothing is ever downloaded.

pydicom ships small files of its own, pydicom-data the larger ones. Both packages
also have functions that fetch what is missing from the network: here, only their
folders are looked up.
"""

from __future__ import annotations

import functools
import importlib.util
import math
import warnings
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
)

NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)
_JPEG2000 = (JPEG2000Lossless, UID("1.2.840.10008.1.2.4.91"))
_PLAIN_COLOURS = ("MONOCHROME1", "MONOCHROME2", "RGB", "PALETTE COLOR", "YBR_FULL")
_FOLDERS = (("pydicom", "data/test_files"), ("data_store", "data"))

# Their pixel data is damaged on purpose, or contradicts the header.
_BROKEN = frozenset(
    {
        "J2K_pixelrep_mismatch.dcm",
        "JPEG2000-embedded-sequence-delimiter.dcm",
        "MR_truncated.dcm",
        "emri_small_jpeg_2k_lossless_too_short.dcm",
    }
)


@dataclass(frozen=True)
class Sample:
    """A real file, and what its header says of the image."""

    path: Path
    syntax: UID
    sop_class_uid: str
    sop_instance_uid: str
    modality: str
    rows: int
    columns: int
    frames: int
    samples: int
    bits_allocated: int
    bits_stored: int
    signed: bool
    photometric: str
    pixel_bytes: int

    @property
    def name(self) -> str:
        """The file's name, as a test's ID."""
        return self.path.name

    @property
    def expected_bytes(self) -> int:
        """The length of native pixel data, without padding (PS3.5 8.1.1)."""
        cells = self.frames * self.rows * self.columns * self.samples
        return math.ceil(cells * self.bits_allocated / 8)

    def read(self) -> bytes:
        """The whole file."""
        return self.path.read_bytes()


def sample_path(name: str) -> Path:
    """The path of a file by its name (below its package's folder).

    Raises
    ------
    FileNotFoundError
        If no installed package has it.
    """
    for folder in _folders():
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"{name}: in none of {', '.join(map(str, _folders()))}")


@functools.cache
def all_samples() -> tuple[Sample, ...]:
    """Every file with pixel data of integer samples, by name."""
    found = []
    for folder in _folders():
        for path in sorted(folder.glob("*.dcm")):
            sample = _describe(path)
            if sample:
                found.append(sample)
    return tuple(found)


def sample(name: str) -> Sample:
    """One of ``all_samples`` by its file's name."""
    return next(each for each in all_samples() if each.name == name)


def native_samples() -> tuple[Sample, ...]:
    """Sound native images of 8 or 16 bits allocated, in all three native syntaxes."""
    return tuple(
        each
        for each in all_samples()
        if each.syntax in NATIVE
        and each.bits_allocated in (8, 16)
        and each.photometric in _PLAIN_COLOURS
        and each.pixel_bytes >= each.expected_bytes
        and each.name not in _BROKEN
    )


def j2k_samples() -> tuple[Sample, ...]:
    """Sound JPEG 2000 images, lossless or not."""
    return tuple(
        each for each in all_samples() if each.syntax in _JPEG2000 and each.name not in _BROKEN
    )


def broken_j2k_samples() -> tuple[Sample, ...]:
    """JPEG 2000 images with something wrong; not all of them are beyond reading."""
    return tuple(
        each for each in all_samples() if each.syntax in _JPEG2000 and each.name in _BROKEN
    )


def untouchable_samples() -> tuple[Path, ...]:
    """Files that no transcoder may change: no image, 1-bit or 32-bit samples."""
    names = (
        "liver_1frame.dcm",
        "liver_expb_1frame.dcm",
        "reportsi.dcm",
        "rtdose_1frame.dcm",
        "rtplan.dcm",
        "test-SR.dcm",
        "waveform_ecg.dcm",
    )
    return tuple(sample_path(name) for name in names)


@functools.cache
def _folders() -> tuple[Path, ...]:
    found = []
    for package, below in _FOLDERS:
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(f"the package {package} is missing: run scripts/setup")
        found.append(Path(spec.origin).parent / below)
    return tuple(found)


def _describe(path: Path) -> Sample | None:
    with warnings.catch_warnings():
        # Some of these files are odd on purpose.
        warnings.simplefilter("ignore")
        try:
            dataset = pydicom.dcmread(path)
            return _describe_dataset(path, dataset)
        except (InvalidDicomError, AttributeError, ValueError):
            return None


def _describe_dataset(path: Path, dataset: Dataset) -> Sample:
    return Sample(
        path=path,
        syntax=dataset.file_meta.TransferSyntaxUID,
        sop_class_uid=dataset.SOPClassUID,
        sop_instance_uid=dataset.SOPInstanceUID,
        modality=dataset.get("Modality") or "",
        rows=dataset.Rows,
        columns=dataset.Columns,
        frames=int(dataset.get("NumberOfFrames") or 1),
        samples=dataset.SamplesPerPixel,
        bits_allocated=dataset.BitsAllocated,
        bits_stored=dataset.BitsStored,
        signed=bool(dataset.PixelRepresentation),
        photometric=dataset.PhotometricInterpretation,
        pixel_bytes=len(dataset.PixelData),
    )
