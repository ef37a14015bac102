"""The whole pipeline as the rules see it: bytes in, bytes and a report out.

What comes out is read here by code of its own (``items_of``, ``body_of``) or by
pydicom, never by the code under test.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import pydicom
from pydicom._uid_dict import UID_dictionary
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames

from orthanc_transcoder import syntaxes
from orthanc_transcoder.codec import uids
from orthanc_transcoder.codec.registry import default_registry
from orthanc_transcoder.model import Outcome, Report, Request, Rules
from orthanc_transcoder.pipeline import transcode
from tests.synthesis import Samples, stored_samples

REGISTRY = default_registry()

IMPLICIT, EXPLICIT = syntaxes.IMPLICIT_LE, syntaxes.EXPLICIT_LE
BIG, DEFLATED = syntaxes.EXPLICIT_BE, syntaxes.DEFLATED_LE
NATIVE = (IMPLICIT, EXPLICIT, BIG, DEFLATED)
LOSSLESS = (
    uids.RLELossless,
    uids.JPEGLossless,
    uids.JPEGLosslessSV1,
    uids.JPEGLSLossless,
    uids.JPEG2000Lossless,
    uids.HTJ2KLossless,
    uids.HTJ2KLosslessRPCL,
    uids.JPEGXLLossless,
)


def teach_pydicom(*syntaxes_of: str) -> None:
    """Make pydicom write what it does not know."""
    for uid in syntaxes_of:
        UID_dictionary.setdefault(uid, (uid, "Transfer Syntax", "", "", ""))


teach_pydicom(uids.JPEGXLLossless, uids.JPEGXLJPEGRecompression, uids.JPEGXL)

# What writes stored samples alone; RLE carries whole cells.
CODED = LOSSLESS[1:]
LOSSY = tuple(syntaxes.LOSSY_METHODS)
REVERSIBLE_TOO = tuple(syntaxes.REVERSIBLE_TWIN)
KEYWORD = {uid: keyword for keyword, uid in syntaxes.KEYWORDS.items()}
LOSSY_RULES = Rules(lossy=True)


def ask(
    content: bytes, *allowed: str, rules: Rules | None = None, new_uid: bool = True
) -> tuple[bytes | None, Report]:
    """What the pipeline answers."""
    return transcode(content, Request(allowed, new_uid), rules or Rules(), REGISTRY)


def to(content: bytes, syntax: str, rules: Rules | None = None) -> tuple[bytes, Report]:
    """The transcoded file, which there must be."""
    result, report = ask(content, syntax, rules=rules)
    assert report.outcome is Outcome.TRANSCODED, (KEYWORD[syntax], report)
    assert result is not None
    assert report.verified
    assert (report.target_syntax, report.result_bytes) == (syntax, len(result))
    return result, report


def refused(content: bytes, *allowed: str, rules: Rules | None = None) -> Report:
    """The report of what must not be transcoded."""
    result, report = ask(content, *allowed, rules=rules)
    assert result is None
    assert report.outcome in (Outcome.DECLINED, Outcome.FAILED), report
    assert report.reason
    return report


def dataset(content: bytes) -> Dataset:
    """What pydicom reads."""
    return pydicom.dcmread(io.BytesIO(content))


def native(content: bytes) -> Samples:
    """The stored samples of any file, by way of the pipeline to Explicit Little Endian."""
    syntax = dataset(content).file_meta.TransferSyntaxUID
    return stored_samples(content if syntax in NATIVE else to(content, EXPLICIT)[0])


def require_same_samples(one: bytes, other: bytes) -> None:
    """Both files hold the same stored samples."""
    assert np.array_equal(native(one), native(other))


def pixel_module(content: bytes) -> tuple[int, ...]:
    """Rows, columns, samples, bits allocated and stored, high bit, sign."""
    found = dataset(content)
    return (
        found.Rows,
        found.Columns,
        found.SamplesPerPixel,
        found.BitsAllocated,
        found.BitsStored,
        found.HighBit,
        found.PixelRepresentation,
    )


def codestreams(content: bytes) -> list[bytes]:
    """The frames as they are encoded, padding included."""
    found = dataset(content)
    count = int(found.get("NumberOfFrames") or 1)
    return list(generate_frames(found.PixelData, number_of_frames=count))


def items_of(content: bytes) -> list[bytes]:
    """The items of encapsulated pixel data, offset table first, found in the raw bytes.

    Asserts that the element has VR OB and undefined length, and ends with its delimiter.
    """
    header = struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF)
    assert content.count(header) == 1
    position = content.index(header) + len(header)
    found: list[bytes] = []
    while True:
        group, number, length = struct.unpack_from("<HHL", content, position)
        position += 8
        if (group, number) == (0xFFFE, 0xE0DD):
            assert length == 0
            return found
        assert (group, number) == (0xFFFE, 0xE000)
        found.append(content[position : position + length])
        position += length


def body_of(content: bytes) -> bytes:
    """The data set's bytes: everything after group 2, inflated."""
    assert content[128:132] == b"DICM"
    assert content[132:138] == b"\2\0\0\0UL"
    (length,) = struct.unpack_from("<L", content, 140)
    body = content[144 + length :]
    deflated = f"\0{DEFLATED}".encode()[1:] in content[132 : 144 + length]
    return zlib.decompressobj(-15).decompress(body) if deflated else body


def raw_elements(content: bytes) -> dict[int, bytes]:
    """Value fields of the top level as they lie in the file; sequences written again."""
    found = pydicom.dcmread(io.BytesIO(content), force=True)
    return dict(_raw(found))


def _raw(found: Dataset) -> Iterator[tuple[int, bytes]]:
    for tag in sorted(found.keys()):
        element: object = found.get_item(tag)
        if tag & 0xFFFF == 0:
            continue  # group lengths are retired, and may go
        if isinstance(element, RawDataElement):
            yield int(tag), bytes(element.value or b"")
        else:  # a sequence, or what pydicom has looked at already
            value = getattr(element, "value", None)
            yield int(tag), str(value).encode() if value else b""
