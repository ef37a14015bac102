"""What surrounds the data set, and the few values that are decoded."""

from __future__ import annotations

import io

import pydicom
import pytest

from orthanc_transcoder.dicom.elements import PIXEL_DATA, Element
from orthanc_transcoder.dicom.file import DicomFile
from orthanc_transcoder.dicom.group2 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from orthanc_transcoder.errors import Declined, DicomError
from orthanc_transcoder.syntaxes import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE
from tests.synthesis import Image, blank, native_file, nest, to_bytes
from tests.unit.dicom.corpus import oracle, parse, read

PREAMBLE = 132
META = 144  # preamble and group length


def body(content: bytes) -> bytes:
    """The data set alone."""
    return content[META + int.from_bytes(content[140:144], "little") :]


def test_identity() -> None:
    content = read("CT_small.dcm")
    file, expected = parse("CT_small.dcm"), oracle(content)
    assert file.sop_class_uid == expected.SOPClassUID
    assert file.sop_instance_uid == expected.SOPInstanceUID
    assert file.syntax == expected.file_meta.TransferSyntaxUID
    assert file.size == len(content)


def test_meta_without_preamble() -> None:
    content = read("CT_small.dcm")
    file = DicomFile.parse(memoryview(content)[PREAMBLE:])
    assert file.syntax == EXPLICIT_LE
    assert file.write(EXPLICIT_LE, {})[:PREAMBLE] == bytes(128) + b"DICM"


@pytest.mark.parametrize("syntax", [IMPLICIT_LE, EXPLICIT_LE, EXPLICIT_BE])
def test_a_bare_data_set(syntax: str) -> None:
    content = native_file(Image(), syntax=syntax)
    file = DicomFile.parse(body(content))
    assert (file.syntax, len(file.notes)) == (syntax, 1)
    assert oracle(file.write(syntax, {})) == oracle(content)


def test_an_explicit_data_set_under_an_implicit_syntax() -> None:
    content = native_file(Image()).replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2\0\0\0")
    file = DicomFile.parse(content)
    assert (file.syntax, file.encoding.implicit, len(file.notes)) == (IMPLICIT_LE, False, 1)


@pytest.mark.parametrize("content", [b"", b"\0", b"DICM", bytes(132), b"\2\0" * 3])
def test_next_to_nothing(content: bytes) -> None:
    try:
        file = DicomFile.parse(content)
    except DicomError:
        return
    assert not any(tag >> 16 for tag in file.elements)


def test_group_2() -> None:
    source = parse("CT_small.dcm")
    changes = {0x00080018: Element(0x00080018, "UI", b"1.2.3\0")}
    meta = pydicom.dcmread(io.BytesIO(source.write(IMPLICIT_LE, changes))).file_meta
    assert meta.FileMetaInformationVersion == b"\0\1"
    assert meta.MediaStorageSOPClassUID == source.sop_class_uid
    assert meta.MediaStorageSOPInstanceUID == "1.2.3"
    assert meta.TransferSyntaxUID == IMPLICIT_LE
    assert meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert meta.ImplementationVersionName == IMPLEMENTATION_VERSION_NAME
    assert meta.SourceApplicationEntityTitle == "CLUNIE1"


def test_own_identifiers_are_valid() -> None:
    assert pydicom.uid.UID(IMPLEMENTATION_CLASS_UID).is_valid
    assert len(IMPLEMENTATION_VERSION_NAME) <= 16


def test_the_preamble_and_private_information_stay() -> None:
    dataset = blank(Image())
    content = bytearray(to_bytes(dataset, EXPLICIT_LE))
    content[:4] = b"II*\0"
    private = bytes.fromhex("0200 0001 5549 0600") + b"1.2.3\0"
    private += bytes.fromhex("0200 0201 4f42 0000 0200 0000 0102")
    end = len(content) - len(body(bytes(content)))
    file = DicomFile.parse(bytes(content[:end]) + private + bytes(content[end:]))
    written = file.write(EXPLICIT_LE, {})
    assert written[:4] == b"II*\0"
    meta = oracle(written).file_meta
    assert (meta[0x00020100].value, meta[0x00020102].value) == ("1.2.3", b"\1\2")


def test_changes_replace_add_and_remove() -> None:
    source = parse("CT_small.dcm")
    changes = {
        0x00080060: Element(0x00080060, "CS", b"MR"),
        0x00100010: None,
        0x00081195: None,
        0x0020000E: Element(0x0020000E, "UI", b"1.20"),
        0x00182003: Element(0x00182003, "DS", b"7 "),
    }
    dataset = oracle(source.write(EXPLICIT_BE, changes))
    assert (dataset.Modality, dataset.SeriesInstanceUID) == ("MR", "1.20")
    assert 0x00100010 not in dataset
    tags = [int(tag) for tag in list(dataset.keys())]
    assert 0x00182003 in tags
    assert tags == sorted(tags)


@pytest.mark.parametrize("syntax", [IMPLICIT_LE, EXPLICIT_LE, EXPLICIT_BE])
def test_changes_are_little_endian_whatever_the_target(syntax: str) -> None:
    source = DicomFile.parse(native_file(Image(), syntax=EXPLICIT_BE))
    changes = {0x00280120: Element(0x00280120, "US", b"\1\2")}
    assert DicomFile.parse(source.write(syntax, changes)).ints(0x00280120) == (0x0201,)


@pytest.mark.parametrize("syntax", [IMPLICIT_LE, EXPLICIT_LE, EXPLICIT_BE])
def test_ints(syntax: str) -> None:
    attributes = {
        "NumberOfFrames": 7,
        "SmallestImagePixelValue": -5,
        "FrameIncrementPointer": 0x00181065,
        "SimpleFrameList": [1, 2, 70000],
        "ReferencedFrameNumber": [3, 4],
        "ExtendedOffsetTable": bytes(8) + b"\1" + bytes(7),
    }
    content = native_file(Image(signed=True), syntax=syntax, attributes=attributes)
    file = DicomFile.parse(content)
    assert file.ints(0x00280008) == (7,)
    assert file.ints(0x00280106) == (-5,)
    assert file.ints(0x00280009) == (0x00181065,)
    assert file.ints(0x00081161) == (1, 2, 70000)
    assert file.ints(0x00081160) == (3, 4)
    assert file.ints(0x00280010) == (16,)
    assert file.ints(0x00280099) == ()


def test_a_known_element_under_un_is_understood() -> None:
    source = DicomFile.parse(native_file(Image(rows=7)))
    changes = {0x00280010: Element(0x00280010, "UN", b"\7\0")}
    file = DicomFile.parse(source.write(EXPLICIT_BE, changes))
    assert file.ints(0x00280010) == (7,)
    explicit = file.explicit(0x00280010)
    assert explicit == Element(0x00280010, "US", b"\7\0")


@pytest.mark.parametrize("value", [b"1A", b"1.5 ", b"1_0 ", b"- ", b"9" * 40])
def test_no_integer(value: bytes) -> None:
    source = parse("CT_small.dcm")
    written = source.write(EXPLICIT_LE, {0x00280008: Element(0x00280008, "IS", value)})
    with pytest.raises(DicomError):
        DicomFile.parse(written).ints(0x00280008)


def test_an_element_twice() -> None:
    content = native_file(Image())
    twice = b"\x08\0\x60\0CS\2\0OT"
    assert oracle(DicomFile.parse(content + twice).write(EXPLICIT_LE, {})) == oracle(content)
    with pytest.raises(DicomError) as caught:
        DicomFile.parse(content + twice[:-2] + b"CT")
    assert caught.value.code == "duplicate_element"


def test_group_2_in_the_data_set() -> None:
    with pytest.raises(DicomError) as caught:
        DicomFile.parse(native_file(Image()) + b"\2\0\x10\0UI\2\0" + b"1\0")
    assert caught.value.code == "misplaced_group"


@pytest.mark.parametrize("syntax", [IMPLICIT_LE, EXPLICIT_LE, EXPLICIT_BE])
def test_nested_icons_and_private_elements(syntax: str) -> None:
    content = to_bytes(nest(blank(Image()), 5), EXPLICIT_LE)
    there = DicomFile.parse(content).write(syntax, {})
    back = DicomFile.parse(there).write(EXPLICIT_LE, {})
    if syntax == EXPLICIT_BE:
        assert body(back) == body(content)
    else:
        assert b"\x10\x20\x30\x40" in back
        assert b"\5\6\7\x08" in back


def test_an_encapsulated_icon_cannot_change_syntax() -> None:
    icon = bytes.fromhex("feff 00e0 ffffffff e07f 1000 4f42 0000 ffffffff")
    icon += bytes.fromhex("feff 00e0 00000000 feff dde0 00000000 feff 0de0 00000000")
    source = DicomFile.parse(native_file(Image()))
    changes = {0x00880200: Element(0x00880200, "SQ", icon)}
    file = DicomFile.parse(source.write(EXPLICIT_LE, changes))
    file.write(EXPLICIT_LE, {})
    with pytest.raises(Declined) as caught:
        file.write(IMPLICIT_LE, {PIXEL_DATA: None})
    assert caught.value.code == "encapsulated_icon"
