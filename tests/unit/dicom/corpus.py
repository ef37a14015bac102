"""Every DICOM file that the installed packages carry, sound or not, images or not."""

from __future__ import annotations

import functools
import io
import warnings
from pathlib import Path

import data_store  # type: ignore[import-untyped]
import pydicom
import pydicom.data
from pydicom.dataset import Dataset

from orthanc_transcoder.dicom.file import DicomFile

_NO_DICOM = (".txt", ".py", ".json", ".icc", ".gz", ".dump", ".pyc", ".md", ".csv")


def _folders() -> tuple[Path, ...]:
    own = Path(pydicom.data.__file__).parent
    named = (own / name for name in ("test_files", "charset_files", "palettes"))
    return (*named, *(Path(folder) / "data" for folder in data_store.__path__))


@functools.cache
def paths() -> tuple[Path, ...]:
    """All files, by folder and name."""
    found = [
        path
        for folder in _folders()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix not in _NO_DICOM and "README" not in path.name
    ]
    return tuple(found)


def path(name: str) -> Path:
    """One file by its name."""
    return next(each for each in paths() if each.name == name)


def read(name: str) -> bytes:
    """One file's bytes."""
    return path(name).read_bytes()


def parse(name: str) -> DicomFile:
    """One file, parsed by the code under test."""
    return DicomFile.parse(read(name))


def oracle(content: bytes) -> Dataset:
    """What pydicom reads, however odd it finds it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(io.BytesIO(content), force=True)
        dataset.walk(lambda _dataset, _element: None)  # decodes every value now
    return dataset
