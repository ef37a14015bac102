"""Programs that are not ours: Debian's DCMTK, GDCM, OpenJPEG, OpenJPH, libjxl and dicom3tools.

A program that this machine lacks skips the test that needs it, by name, with the
package that has it: a Debian release may lack one, and then says so in every run.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.synthesis import Samples

PACKAGES = {
    "cjxl": "libjxl-tools",
    "dciodvfy": "dicom3tools",
    "dcmcjpeg": "dcmtk",
    "dcmcjpls": "dcmtk",
    "dcmconv": "dcmtk",
    "dcmcrle": "dcmtk",
    "dcmdjpeg": "dcmtk",
    "dcmdjpls": "dcmtk",
    "dcmdrle": "dcmtk",
    "djxl": "libjxl-tools",
    "gdcmconv": "libgdcm-tools",
    "ojph_compress": "openjph-tools",
    "ojph_expand": "openjph-tools",
    "opj_compress": "libopenjp2-tools",
    "opj_decompress": "libopenjp2-tools",
}
_SECONDS = 60


def has(tool: str) -> bool:
    """Whether this machine has a program."""
    return shutil.which(tool) is not None


def require(tool: str) -> None:
    """Skip the test unless this machine has a program."""
    if not has(tool):
        pytest.skip(f"{tool} is missing: apt-get install {PACKAGES[tool]}")


def run(*command: str | Path, check: bool = True) -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end."""
    words = [str(word) for word in command]
    return subprocess.run(words, capture_output=True, timeout=_SECONDS, check=check)


def convert(command: Sequence[str], content: bytes, folder: Path) -> bytes:
    """Hand a file to a program that writes another; raise CalledProcessError if it fails."""
    source, target = folder / "source.dcm", folder / "target.dcm"
    source.write_bytes(content)
    target.unlink(missing_ok=True)
    run(*command, source, target)
    return target.read_bytes()


def write_netpbm(samples: Samples, bits: int, path: Path) -> Path:
    """Write unsigned samples ``(rows, columns, samples)`` as a binary PGM or PPM."""
    rows, columns, count = samples.shape
    magic = "P5" if count == 1 else "P6"
    header = f"{magic}\n{columns} {rows}\n{(1 << bits) - 1}\n".encode()
    path.write_bytes(header + samples.astype(">u2" if bits > 8 else "u1").tobytes())
    return path


def read_netpbm(path: Path) -> tuple[Samples, int]:
    """Read a binary PGM or PPM: samples ``(rows, columns, samples)`` and the maximum value."""
    raw = path.read_bytes()
    header = re.match(rb"(P[56])\s+(\d+)\s+(\d+)\s+(\d+)\s", raw)
    if header is None:
        raise ValueError(f"{raw[:20]!r} is no binary PGM or PPM")
    columns, rows, top = (int(header[index]) for index in (2, 3, 4))
    shape = (rows, columns, 1 if header[1] == b"P5" else 3)
    kind = ">u2" if top > 255 else "u1"
    values = np.frombuffer(raw[header.end() :], kind, int(np.prod(shape)))
    return values.reshape(shape).astype(np.int64), top
