"""What was stored, compared with what was sent, by decoders that are not ours."""

from __future__ import annotations

import hashlib
import io
import struct
import tempfile
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError

from orthanc_transcoder import syntaxes
from orthanc_transcoder.model import Outcome, Report
from tests.interop.agreement import Reference, agreement
from tests.interop.elsewhere import FAILURES, decoded
from tests.synthesis import Samples

from .files import File

# How pydicom fails on damage.
UNREADABLE = (
    *FAILURES,
    ArithmeticError,
    BytesLengthException,
    EOFError,
    InvalidDicomError,
    LookupError,
    MemoryError,
    RecursionError,
    struct.error,
    zlib.error,
)

_MODULE = (
    "NumberOfFrames",
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PlanarConfiguration",
    "PhotometricInterpretation",
)


class Judge:
    """Says whether two files hold the same samples; from any thread.

    The same two images are decoded once: what was found out about them is
    remembered, by a digest of all that a decoder reads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[bytes, str] = {}

    def compare(self, sent: File, stored: bytes) -> str:
        """``confirmed``, ``contradicted``, or nothing where no other decoder can say."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return self._compare(sent, stored)
            except UNREADABLE:
                return ""

    def _compare(self, sent: File, stored: bytes) -> str:
        key = _digest(sent.content) + _digest(stored)
        with self._lock:
            known = self._known.get(key)
        if known is None:
            known = _compare(sent, stored)
            with self._lock:
                self._known[key] = known
        return known


def same_data_set(one: bytes, other: bytes) -> bool:
    """Whether two files differ in group 2 or in how they are written down at most."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            # Sequences may be written with lengths or delimiters.
            return syntax_of(one) == syntax_of(other) and _read(one) == _read(other)
        except UNREADABLE:
            return False


def syntax_of(content: bytes) -> str:
    """Transfer syntax UID; empty where it can't be read."""
    try:
        return str(
            pydicom.dcmread(io.BytesIO(content), specific_tags=[]).file_meta.TransferSyntaxUID
        )
    except UNREADABLE:
        return ""


def uid_of(content: bytes) -> str:
    """SOP Instance UID; empty where it can't be read."""
    try:
        dataset = pydicom.dcmread(io.BytesIO(content), specific_tags=["SOPInstanceUID"])
        return str(dataset.SOPInstanceUID)
    except UNREADABLE:
        return ""


def _digest(content: bytes) -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(content), force=True)
    header = [str(dataset.get(name)) for name in _MODULE]
    header.append(dataset.file_meta.TransferSyntaxUID)
    digest = hashlib.sha256(repr(header).encode())
    digest.update(dataset.PixelData)
    return digest.digest()


def _compare(sent: File, stored: bytes) -> str:
    with tempfile.TemporaryDirectory(prefix="orthanc-soak-") as name:
        folder = Path(name)
        syntax = syntax_of(sent.content)
        if sent.made is None and syntax not in syntaxes.LOSSLESS | syntaxes.NATIVE:
            reference = Reference.of(sent.content, syntax, sent.content, folder)
            report = Report(Outcome.TRANSCODED, target_syntax=syntax_of(stored))
            return agreement(reference, stored, report, folder)
        return _compare_exactly(sent, stored, folder)


def _compare_exactly(sent: File, stored: bytes, folder: Path) -> str:
    """Stops at the first two decoders that agree."""
    verdict = ""
    period = 1 << _read(stored).BitsStored
    made = sent.made
    sources = decoded(sent.content, folder) if made is None else [("", made)]
    for _, expected in sources:
        for _, found in decoded(stored, folder):
            if _same(expected, found, period):
                return "confirmed"
            verdict = "contradicted"
    return verdict


def _read(content: bytes) -> Dataset:
    return pydicom.dcmread(io.BytesIO(content))


def _same(one: Samples, other: Samples, period: int) -> bool:
    """The same bits, whatever sign a decoder reads them with; of the frames that both have."""
    if one.shape[1:] != other.shape[1:]:
        return False
    count = min(len(one), len(other))
    first, second = (cells[:count].astype(np.int64) % period for cells in (one, other))
    return bool(np.array_equal(first, second))
