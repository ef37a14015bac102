"""Whether decoders that are not ours agree with a result.

Lossless: any decoder of the result gives the samples that any decoder of the
source gave, as bit patterns of Bits Stored (decoders differ in what they make of
the sign). Lossy, or from a lossy source: it comes near, since decoders differ by
rounding and by how they interpolate chroma; what is wrong by more than that is
another image. A repacked JPEG is the identical JPEG again when djxl unpacks it.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from pydicom.encaps import generate_frames

from orthanc_transcoder import syntaxes
from orthanc_transcoder.codec import uids
from orthanc_transcoder.model import Report
from tests.interop import tools
from tests.interop.elsewhere import FAILURES, decoded
from tests.synthesis import Samples

_SLACK = 6.0  # dB that another decoder may be worse
_LEAST = 30.0  # dB between two decoders of the same lossy codestream
_ROUNDING = 2.0  # RMS, in stored units


@dataclass(frozen=True)
class Reference:
    """What other decoders make of the source (``ours``: of our native form of it)."""

    content: bytes
    syntax: str
    source: tuple[Samples, ...]
    ours: Samples | None

    @classmethod
    def of(cls, content: bytes, syntax: str, native: bytes, folder: Path) -> Reference:
        """Decode a source and our own native form of it."""
        ours = next((samples for _, samples in decoded(native, folder)), None)
        return cls(content, syntax, tuple(samples for _, samples in decoded(content, folder)), ours)


def agreement(reference: Reference, result: bytes, report: Report, folder: Path) -> str:
    """``confirmed``, ``contradicted``, or nothing where no other decoder can say."""
    if report.target_syntax == uids.JPEGXLJPEGRecompression:
        return _verdict(_unpacks_alike(reference.content, result, folder))
    lossless = reference.syntax in syntaxes.LOSSLESS
    expected = reference.source
    if (report.lossy or not lossless) and reference.ours is not None:
        expected = (reference.ours,)
    found = tuple(samples for _, samples in decoded(result, folder))
    if not found or not expected:
        return ""
    period = 1 << int(pydicom.dcmread(io.BytesIO(result)).BitsStored)
    errors = [_difference(one, other, period) for one in expected for other in found]
    if not report.lossy and any(error is not None and not error.any() for error in errors):
        return "confirmed"
    if not report.lossy and lossless:
        return "contradicted"
    least = (report.measures.get("psnr") or _LEAST) - _SLACK if report.lossy else _LEAST
    spread = max(1, int(expected[0].max()) - int(expected[0].min()))
    return _verdict(any(error is not None and _near(error, spread, least) for error in errors))


def _verdict(agree: bool) -> str:
    return "confirmed" if agree else "contradicted"


def _difference(one: Samples, other: Samples, period: int) -> Samples | None:
    """Sample by sample of the frames that both have; a pattern is equal with and without sign."""
    if one.shape[1:] != other.shape[1:]:
        return None
    count = min(len(one), len(other))
    error = (one[:count] - other[:count]) % period
    signed: Samples = np.where(error > period // 2, error - period, error)
    return signed


def _near(error: Samples, spread: int, least: float) -> bool:
    rms = float(np.sqrt(np.mean(np.square(error.astype(float)))))
    return rms <= _ROUNDING or 20 * np.log10(spread / rms) >= least


def _unpacks_alike(content: bytes, result: bytes, folder: Path) -> bool:
    packed, jpeg = folder / "packed.jxl", folder / "unpacked.jpg"
    for original, repacked in zip(_frames(content), _frames(result), strict=True):
        packed.write_bytes(repacked)
        try:
            tools.run("djxl", packed, jpeg)
        except FAILURES:
            return False
        if not original.startswith(jpeg.read_bytes()):
            return False
    return True


def _frames(content: bytes) -> list[bytes]:
    dataset = pydicom.dcmread(io.BytesIO(content))
    count = int(dataset.get("NumberOfFrames") or 1)
    return list(generate_frames(dataset.PixelData, number_of_frames=count))
