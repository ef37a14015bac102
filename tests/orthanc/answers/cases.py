"""What is asked for: a file, the syntax that it shall have, and what there is to know of it.

Each call of a case's ``make`` gives another instance: newer Orthancs keep what was
transcoded, and would answer a second request for it without asking anybody.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import MPEG4HP41, BasicTextSRStorage

from orthanc_transcoder import syntaxes
from orthanc_transcoder.codec import uids
from tests.rules.whole import codestreams, to
from tests.support.faulty_worker import FAULTS, ROWS
from tests.synthesis import Image, Samples, blank, encapsulated_file, native_file, texture, to_bytes

NATIVE, IMPLICIT = syntaxes.EXPLICIT_LE, syntaxes.IMPLICIT_LE
J2K, JPEG_LS, RLE = uids.JPEG2000Lossless, uids.JPEGLSLossless, uids.RLELossless
BASELINE = uids.JPEGBaseline8Bit
# Syntaxes that the settings leave to Orthanc: what its own transcoder alone can do.
LEFT_TO_ORTHANC = (JPEG_LS, uids.JPEGLSNearLossless)

GREY = Image(rows=48, columns=40, bits_stored=12)
BYTES = Image(rows=48, columns=40, bits_allocated=8)
HANGING = Image(rows=ROWS, columns=FAULTS["sleep"])
SLOW = Image(rows=ROWS, columns=FAULTS["slow"])


@dataclass(frozen=True)
class Case:
    """A question.

    Attributes
    ----------
    title
        The column's, in the table.
    source, asked
        Transfer syntaxes of the file, and of the answer that is wanted.
    make
        Gives a new file.
    samples
        What an answer must hold; None where it is no image or a moving one.
    sound
        Whether the file is as it should be: else nobody knows what its samples are.
    server
        ``usual``, ``busy`` (its queue is full) or ``hasty`` (its deadline is short).
    tolerance
        By which samples may differ, where what is asked for is lossy.
    """

    title: str
    source: str
    asked: str
    make: Callable[[], bytes]
    samples: Samples | None = None
    sound: bool = True
    server: str = "usual"
    tolerance: int = 0


@functools.cache
def encoded(image: Image, syntax: str) -> bytes:
    """The codestream of an image of one frame."""
    return codestreams(to(native_file(image), syntax)[0])[0]


def compressed(image: Image, syntax: str) -> Callable[[], bytes]:
    """New files of one frame."""
    return lambda: encapsulated_file(image, [encoded(image, syntax)], syntax)


def cut_in_half() -> bytes:
    """The second segment of an RLE frame, which Orthanc's own decoder takes for zeros."""
    frame = encoded(GREY, RLE)
    return encapsulated_file(GREY, [frame[: len(frame) // 4 * 2]], RLE)


def video() -> bytes:
    """A file of a kind that nobody transcodes."""
    image = Image(rows=64, columns=64, samples=3, bits_allocated=8, frames=2)
    return encapsulated_file(image, [b"\0\0\0\x18ftypmp42 and so on"], MPEG4HP41)


def document() -> bytes:
    """A structured report."""
    template = blank(Image())
    dataset = Dataset()
    for element in template:
        if element.tag.group < 0x0028:
            dataset.add(element)
    dataset.SOPClassUID, dataset.Modality = BasicTextSRStorage, "SR"
    dataset.ValueType, dataset.CompletionFlag = "CONTAINER", "COMPLETE"
    text = Dataset()
    text.RelationshipType, text.ValueType, text.TextValue = "CONTAINS", "TEXT", "sound"
    dataset.ContentSequence = Sequence([text])
    return to_bytes(dataset, IMPLICIT)


CASES = {
    "decompress": Case("can be decompressed", J2K, NATIVE, compressed(GREY, J2K), texture(GREY)),
    "compress": Case("can be compressed", NATIVE, J2K, lambda: native_file(GREY), texture(GREY)),
    "left_decoding": Case(
        "to native, left to Orthanc by the settings",
        JPEG_LS,
        NATIVE,
        compressed(GREY, JPEG_LS),
        texture(GREY),
    ),
    "left_encoding": Case(
        "to lossy JPEG, which is switched off here",
        NATIVE,
        BASELINE,
        lambda: native_file(BYTES),
        texture(BYTES),
        tolerance=40,
    ),
    "nobody": Case("nobody can (video)", MPEG4HP41, NATIVE, video),
    "damaged": Case("damaged (RLE)", RLE, NATIVE, cut_in_half, texture(GREY), sound=False),
    "busy": Case(
        "the queue is full", J2K, NATIVE, compressed(GREY, J2K), texture(GREY), server="busy"
    ),
    "hanging": Case(
        "takes longer than the deadline",
        J2K,
        NATIVE,
        compressed(HANGING, J2K),
        texture(HANGING),
        server="hasty",
    ),
    "document": Case("no pixel data, to native", IMPLICIT, NATIVE, document),
    "labelled": Case("no pixel data, to JPEG 2000", IMPLICIT, J2K, document),
}


def read(content: bytes) -> Dataset:
    """What pydicom reads."""
    return pydicom.dcmread(io.BytesIO(content))


def same(found: Samples, expected: Samples, tolerance: int) -> bool:
    """Whether no sample differs by more than is allowed."""
    return found.shape == expected.shape and bool(
        np.abs(found.astype(np.int64) - expected.astype(np.int64)).max() <= tolerance
    )
