"""Decoders that are not ours, to compare with."""

import io
import subprocess
from pathlib import Path

import numpy as np
import pydicom
from pydicom.encaps import generate_frames

from tests.synthesis import Samples, stored_samples


def decoded_by_gdcm(content: bytes, folder: Path) -> Samples:
    """The stored samples of a file, as GDCM's own JPEG 2000 decoder gives them."""
    source, target = folder / "source.dcm", folder / "raw.dcm"
    source.write_bytes(content)
    target.unlink(missing_ok=True)
    subprocess.run(
        ["gdcmconv", "--raw", str(source), str(target)],
        check=True,
        capture_output=True,
        timeout=120,
    )
    return stored_samples(target.read_bytes())


def decoded_by_openjpeg(content: bytes, folder: Path) -> Samples:
    """The stored samples of a JPEG 2000 file, as OpenJPEG's own tool gives them.

    An int64 array of shape ``(frames, rows, columns, samples)``.
    """
    dataset = pydicom.dcmread(io.BytesIO(content))
    count = int(dataset.get("NumberOfFrames") or 1)
    frames = generate_frames(dataset.PixelData, number_of_frames=count)
    return np.stack([_frame_by_openjpeg(frame, dataset, folder) for frame in frames])


def _frame_by_openjpeg(codestream: bytes, dataset: pydicom.Dataset, folder: Path) -> Samples:
    source, target = folder / "frame.j2k", folder / "frame.rawl"
    source.write_bytes(codestream)
    subprocess.run(
        ["opj_decompress", "-i", str(source), "-o", str(target)],
        check=True,
        capture_output=True,
        timeout=120,
    )
    size = 1 if dataset.BitsStored <= 8 else 2
    kind = f"<{'i' if dataset.PixelRepresentation else 'u'}{size}"
    planes = np.frombuffer(target.read_bytes(), kind).astype(np.int64)
    if dataset.PixelRepresentation:
        # The tool writes the stored bits alone: the sign is the highest of them.
        half = 1 << (dataset.BitsStored - 1)
        planes = (planes + half) % (2 * half) - half
    shape = (dataset.SamplesPerPixel, dataset.Rows, dataset.Columns)
    return planes.reshape(shape).transpose(1, 2, 0)
