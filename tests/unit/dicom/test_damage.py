"""Damaged files: whatever the bytes are, only our own exceptions come out."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydicom.uid import JPEGBaseline8Bit

from orthanc_transcoder.dicom.attributes import lossy_attributes, pixel_attributes
from orthanc_transcoder.dicom.file import DicomFile
from orthanc_transcoder.dicom.frames import encoded_frames
from orthanc_transcoder.dicom.image import describe
from orthanc_transcoder.dicom.native import unpack
from orthanc_transcoder.dicom.overlays import extract
from orthanc_transcoder.errors import Refusal
from orthanc_transcoder.syntaxes import DEFLATED_LE, EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE
from tests.synthesis import Image, blank, encapsulated_file, native_file, nest, to_bytes
from tests.unit.dicom.corpus import read

NAMES = (
    "CT_small.dcm",
    "MR_small_RLE.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_implicit.dcm",
    "UN_sequence.dcm",
    "examples_jpeg2k.dcm",
    "nested_priv_SQ.dcm",
    "rtplan.dcm",
    "rtdose_rle.dcm",
    "test-SR.dcm",
)
SYNTAXES = (IMPLICIT_LE, EXPLICIT_LE, EXPLICIT_BE, DEFLATED_LE, JPEGBaseline8Bit)


def made() -> list[bytes]:
    three = Image(rows=3, columns=5, frames=3, bits_stored=12)
    streams = [b"\xff\xd8\xff\xe0 12 \xff\xd9"] * 3
    tables = [
        encapsulated_file(three, streams, JPEGBaseline8Bit, table=table, fragments=count)
        for table, count in (("basic", 1), ("basic", 2), ("empty", 2), ("extended", 1))
    ]
    nested = nest(blank(Image()), 6)
    return [
        *tables,
        *(native_file(three, syntax=syntax) for syntax in SYNTAXES[:4]),
        *(to_bytes(nested, syntax) for syntax in SYNTAXES[:3]),
    ]


SOURCES = [*(read(name) for name in NAMES), *made()]
EDGES = (b"", b"\0", b"\xff" * 4, b"\xfe\xff\0\xe0", b"\xfe\xff\xdd\xe0", b"SQ\0\0", b"UN\0\0")


def use(content: bytes) -> None:
    """Everything that a file can go through; refusals at any step are fine."""
    try:
        file = DicomFile.parse(content, inflate_limit=1 << 22)
    except Refusal:
        return
    for syntax in SYNTAXES:
        attempt(functools.partial(file.write, syntax, {}))
    attempt(functools.partial(lossy, file))
    attempt(functools.partial(pixels, file))


def attempt(step: Callable[[], object]) -> None:
    try:
        step()
    except Refusal:
        return


def lossy(file: DicomFile) -> None:
    changes = lossy_attributes(
        file, ratio=1.5, method="M", description="d", new_sop_instance_uid="1.2"
    )
    file.write(EXPLICIT_LE, changes)


def pixels(file: DicomFile) -> None:
    image = describe(file)
    pixel = image.format
    pixel_attributes(file, **{name: getattr(pixel, name) for name in pixel.__slots__})
    if image.encapsulated:
        assert len(list(encoded_frames(file, image))) == image.frames
        return
    frames = unpack(file, image)
    assert all(isinstance(frame, np.ndarray) for frame in itertools.islice(frames, 10))
    assert frames.unused_bits >= 0
    extract(file, image)


@settings(max_examples=300)
@given(st.sampled_from(SOURCES), st.data())
def test_cut_anywhere(source: bytes, data: st.DataObject) -> None:
    use(source[: data.draw(st.integers(0, min(len(source), 20000)))])


@settings(max_examples=600)
@given(st.sampled_from(SOURCES), st.data())
def test_changed_anywhere(source: bytes, data: st.DataObject) -> None:
    content = bytearray(source)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(100, min(len(content), 6000)))
        new = data.draw(st.one_of(st.binary(min_size=1, max_size=4), st.sampled_from(EDGES)))
        replaced = data.draw(st.sampled_from([len(new), 0, 2]))
        content[at : at + replaced] = new
    use(bytes(content))


@settings(max_examples=200)
@given(st.binary(max_size=200))
@example(b"\2\0\0\0")
@example(bytes(128) + b"DICM" + b"\2\0\x10\0UI\x16\0" + b"1.2.840.10008.1.2.1.99")
def test_any_bytes(content: bytes) -> None:
    use(content)
    use(bytes(128) + b"DICM" + content)


@pytest.mark.parametrize("source", [native_file(Image(rows=2, columns=2, bits_allocated=8))])
def test_cut_everywhere(source: bytes) -> None:
    for end in range(len(source)):
        use(source[:end])
