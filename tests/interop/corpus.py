"""Every file that four packages ship: pydicom, pydicom-data, highdicom and wsidicom-data.

wsidicom-data holds bare codestreams of one tile: each is put into a file under
the syntax that its name says. highdicom's wheel ships no DICOM file. Nothing is
ever downloaded.
"""

from __future__ import annotations

import functools
import importlib.util
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.uid import UID

from tests.synthesis import Image, Samples, encapsulated_file, native_file
from tests.unit.dicom import corpus as pydicom_corpus

PACKAGES = ("pydicom", "pydicom-data", "highdicom", "wsidicom-data")
_TILE = 240
_SYNTAXES = {
    "Explicit_VR_Big_Endian": "1.2.840.10008.1.2.2",
    "Explicit_VR_Little_Endian": "1.2.840.10008.1.2.1",
    "Implicit_VR_Little_Endian": "1.2.840.10008.1.2",
    "JPEG-LS_Lossless_Image_Compression": "1.2.840.10008.1.2.4.80",
    "JPEG-LS_Lossy_(Near-Lossless)_Image_Compression": "1.2.840.10008.1.2.4.81",
    "JPEG_2000_Image_Compression": "1.2.840.10008.1.2.4.91",
    "JPEG_2000_Image_Compression_(Lossless_Only)": "1.2.840.10008.1.2.4.90",
    "JPEG_Baseline_(Process_1)": "1.2.840.10008.1.2.4.50",
    "JPEG_Extended_(Process_2_and_4)": "1.2.840.10008.1.2.4.51",
    # Its predictor is 7, which is .57; what the file's name leaves out.
    "JPEG_Lossless,_Non-Hierarchical_(Process_14)": "1.2.840.10008.1.2.4.57",
    "RLE_Lossless": "1.2.840.10008.1.2.5",
}
_NAME = re.compile(r"(.+)-(GRAYSCALE|RGB|YBR)-(\d+)\.\w+")


@dataclass(frozen=True)
class Shipped:
    """One file of one package."""

    package: str
    name: str
    size: int
    read: Callable[[], bytes]


@functools.cache
def shipped() -> tuple[Shipped, ...]:
    """All of them, by package and name."""
    found = [
        Shipped(_package_of(path), path.name, path.stat().st_size, path.read_bytes)
        for path in pydicom_corpus.paths()
    ]
    found += [
        Shipped("highdicom", path.name, path.stat().st_size, path.read_bytes)
        for path in sorted(_folder("highdicom").rglob("*.dcm"))
    ]
    found += [
        Shipped(
            "wsidicom-data", path.name, path.stat().st_size, functools.partial(_tile_file, path)
        )
        for path in sorted((_folder("wsidicom_data") / "data" / "encoded").iterdir())
    ]
    return tuple(found)


def _package_of(path: Path) -> str:
    return "pydicom" if "pydicom" in path.parts else "pydicom-data"


def _folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"the package {package} is missing: run scripts/setup")
    return Path(spec.origin).parent


def _tile_file(path: Path) -> bytes:
    """A file around one codestream, or around raw samples."""
    match = _NAME.fullmatch(path.name)
    if match is None:
        raise ValueError(f"{path.name}: no codestream that is known here")
    syntax, channels, bits = _SYNTAXES[match[1]], match[2], int(match[3])
    image = Image(
        rows=_TILE,
        columns=_TILE,
        samples=1 if channels == "GRAYSCALE" else 3,
        bits_allocated=8 if bits == 8 else 16,
        bits_stored=bits,
        photometric=_photometric(syntax, channels),
    )
    data = path.read_bytes()
    if UID(syntax).is_compressed and "Deflated" not in UID(syntax).name:
        return encapsulated_file(image, [data], syntax)
    return native_file(image, _raw(data, image, syntax), syntax=syntax)


def _photometric(syntax: str, channels: str) -> str:
    """What wsidicom writes beside such codestreams."""
    if channels == "YBR":
        if syntax.endswith((".90", ".91")):
            return "YBR_RCT" if syntax.endswith(".90") else "YBR_ICT"
        return "YBR_FULL_422" if syntax.endswith(".50") else "RGB"
    return "RGB" if channels == "RGB" else "MONOCHROME2"


def _raw(data: bytes, image: Image, syntax: str) -> Samples:
    order = ">" if syntax.endswith(".2.2") else "<"
    return np.frombuffer(data, f"{order}u{image.bits_allocated // 8}").reshape(image.shape)
