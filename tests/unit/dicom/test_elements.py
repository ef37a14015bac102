"""The walker and the converter, on bytes made by hand."""

from __future__ import annotations

from struct import pack

import pytest
from pydicom.datadict import dictionary_VR

from orthanc_transcoder.dicom.convert import convert
from orthanc_transcoder.dicom.elements import (
    EXPLICIT_BE,
    EXPLICIT_LE,
    IMPLICIT_LE,
    MAX_DEPTH,
    UNDEFINED,
    Element,
    walk,
)
from orthanc_transcoder.dicom.vr import dictionary
from orthanc_transcoder.errors import Declined, DicomError

ITEM_END = bytes.fromhex("feff0de000000000")
SEQUENCE_END = bytes.fromhex("feffdde000000000")


def implicit(tag: int, value: bytes, length: int | None = None) -> bytes:
    return pack("<HHL", tag >> 16, tag & 0xFFFF, len(value) if length is None else length) + value


def explicit(tag: int, vr: bytes, value: bytes) -> bytes:
    return pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, len(value)) + value


def long(tag: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    size = len(value) if length is None else length
    return pack("<HH2sHL", tag >> 16, tag & 0xFFFF, vr, 0, size) + value


def item(value: bytes) -> bytes:
    return implicit(0xFFFEE000, value)


def open_item(value: bytes) -> bytes:
    return implicit(0xFFFEE000, value, UNDEFINED) + ITEM_END


def open_sequence(tag: int, value: bytes, vr: bytes = b"SQ") -> bytes:
    return long(tag, vr, value, UNDEFINED) + SEQUENCE_END


def to_explicit(data: bytes) -> bytes:
    return convert(walk(data, IMPLICIT_LE), EXPLICIT_LE)


def test_values_are_slices() -> None:
    first, second = walk(
        explicit(0x00100020, b"LO", b"ID") + long(0x7FE00010, b"OW", b"\1\2\3\4"), EXPLICIT_LE
    )
    assert (first.tag, first.vr, bytes(first.value)) == (0x00100020, "LO", b"ID")
    assert (second.tag, second.vr, bytes(second.value)) == (0x7FE00010, "OW", b"\1\2\3\4")


def test_big_endian() -> None:
    (element,) = walk(bytes.fromhex("0028 0010 5553 0002 0102"), EXPLICIT_BE)
    assert (element.tag, element.vr, bytes(element.value)) == (0x00280010, "US", b"\1\2")
    assert convert([element], EXPLICIT_LE) == explicit(0x00280010, b"US", b"\2\1")


def test_zeros_at_the_end_are_padding() -> None:
    data = explicit(0x00100020, b"LO", b"ID")
    for count in (1, 7, 8, 1000):
        assert len(walk(data + bytes(count), EXPLICIT_LE)) == 1
    with pytest.raises(DicomError):
        walk(data + bytes(1000) + b"\1", EXPLICIT_LE)


def test_trailing_padding_element() -> None:
    assert walk(long(0xFFFCFFFC, b"OB", bytes(6)), EXPLICIT_LE)[0].tag == 0xFFFCFFFC


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (explicit(0x00100020, b"LO", b"ID")[:-1], "truncated"),
        (explicit(0x00100020, b"LO", b"ID")[:5], "truncated"),
        (long(0x00100020, b"UT", b"")[:10], "truncated"),
        (long(0x7FE00010, b"OW", b"12", 4), "pixel_data_too_short"),
        (long(0x00081140, b"SQ", b"", UNDEFINED), "truncated"),
        (open_sequence(0x00081140, explicit(0x00100020, b"LO", b"ID")), "not_an_item"),
        (open_sequence(0x00081140, open_item(SEQUENCE_END)), "misplaced_delimiter"),
        (ITEM_END, "misplaced_delimiter"),
    ],
)
def test_damage_names_the_tag_and_the_offset(data: bytes, code: str) -> None:
    with pytest.raises(DicomError, match="offset") as caught:
        walk(data, EXPLICIT_LE)
    assert caught.value.code == code


def test_a_superfluous_delimiter_is_harmless_at_the_end_alone() -> None:
    data = implicit(0x00081140, item(b"") + SEQUENCE_END)
    assert to_explicit(data) == long(0x00081140, b"SQ", item(b""))
    with pytest.raises(DicomError):
        to_explicit(implicit(0x00081140, SEQUENCE_END + item(b"")))


def nested(depth: int, data: bytes = b"") -> bytes:
    for _ in range(depth):
        data = open_sequence(0x00081140, open_item(data))
    return data


def closed(depth: int, data: bytes = b"") -> bytes:
    for _ in range(depth):
        data = implicit(0x00081140, item(data))
    return data


def test_nesting_is_bounded() -> None:
    assert len(walk(nested(MAX_DEPTH), EXPLICIT_LE)) == 1
    with pytest.raises(DicomError) as caught:
        walk(nested(MAX_DEPTH + 1), EXPLICIT_LE)
    assert caught.value.code == "too_deep"
    with pytest.raises(DicomError):
        walk(nested(20000), EXPLICIT_LE)


def test_nesting_is_bounded_in_what_is_rewritten() -> None:
    assert walk(to_explicit(closed(MAX_DEPTH)), EXPLICIT_LE)
    with pytest.raises(DicomError) as caught:
        to_explicit(closed(MAX_DEPTH + 1))
    assert caught.value.code == "too_deep"


def test_vrs_come_from_the_dictionary() -> None:
    assert to_explicit(implicit(0x00100010, b"A^B ")) == explicit(0x00100010, b"PN", b"A^B ")


def test_private_is_un_and_its_creator_lo() -> None:
    data = implicit(0x00090010, b"ME") + implicit(0x00091001, b"\1\2")
    expected = explicit(0x00090010, b"LO", b"ME") + long(0x00091001, b"UN", b"\1\2")
    assert to_explicit(data) == expected


def test_unknown_is_un() -> None:
    assert to_explicit(implicit(0x00080003, b"12")) == long(0x00080003, b"UN", b"12")


def test_private_sequences_stay_untouched_under_un() -> None:
    content = open_item(implicit(0x00100010, b"A^B "))
    data = implicit(0x00091001, content, UNDEFINED) + SEQUENCE_END
    assert to_explicit(data) == open_sequence(0x00091001, content, b"UN")
    assert convert(walk(to_explicit(data), EXPLICIT_LE), IMPLICIT_LE) == data


def test_un_with_explicit_items_becomes_a_sequence() -> None:
    content = open_item(explicit(0x00100010, b"PN", b"A^B "))
    data = open_sequence(0x00091001, content, b"UN")
    assert convert(walk(data, EXPLICIT_LE), EXPLICIT_LE) == data
    there = convert(walk(data, EXPLICIT_LE), IMPLICIT_LE)
    assert there[8:] == open_item(implicit(0x00100010, b"A^B ")) + SEQUENCE_END


def test_group_lengths_go() -> None:
    data = implicit(0x00080000, b"\x0a\0\0\0") + implicit(0x00080060, b"CT")
    assert to_explicit(data) == explicit(0x00080060, b"CS", b"CT")


@pytest.mark.parametrize(("sign", "vr"), [(b"\0\0", b"US"), (b"\1\0", b"SS")])
def test_us_or_ss_follows_pixel_representation(sign: bytes, vr: bytes) -> None:
    data = implicit(0x00280103, sign) + implicit(0x00280120, b"\x30\xf8")
    assert to_explicit(data).endswith(explicit(0x00280120, vr, b"\x30\xf8"))


def test_us_without_pixel_representation() -> None:
    assert to_explicit(implicit(0x00280120, b"12")) == explicit(0x00280120, b"US", b"12")


def test_nested_us_or_ss_follows_the_nearest_pixel_representation() -> None:
    value = implicit(0x00280120, b"12")
    inherited = implicit(0x00089092, item(value))
    own = implicit(0x00089092, item(implicit(0x00280103, b"\0\0") + value))
    data = implicit(0x00280103, b"\1\0")
    assert explicit(0x00280120, b"SS", b"12") in to_explicit(inherited + data)
    assert explicit(0x00280120, b"US", b"12") in to_explicit(own + data)


@pytest.mark.parametrize(("entries", "vr"), [(1, "US"), (256, "OW")])
def test_lut_data_follows_its_descriptor(entries: int, vr: str) -> None:
    data = implicit(0x00283002, pack("<3H", entries, 0, 16)) + implicit(0x00283006, b"12")
    assert walk(to_explicit(data), EXPLICIT_LE)[1].vr == vr


def test_a_text_too_long_for_16_bits_is_un() -> None:
    value = b"x" * 65536
    data = implicit(0x00081155, value)
    assert to_explicit(data) == long(0x00081155, b"UN", value)
    kept = implicit(0x00081155, value[:65534])
    assert to_explicit(kept) == explicit(0x00081155, b"UI", value[:65534])


def test_an_implicit_element_in_an_explicit_data_set() -> None:
    data = explicit(0x00080060, b"CS", b"CT") + implicit(0x00100010, b"A^B ")
    second = walk(data, EXPLICIT_LE)[1]
    assert (second.tag, second.vr, second.encoding) == (0x00100010, "", IMPLICIT_LE)
    assert convert([second], EXPLICIT_LE) == explicit(0x00100010, b"PN", b"A^B ")


def test_implicit_items_in_an_explicit_sequence() -> None:
    data = open_sequence(0x00081140, open_item(implicit(0x00081155, b"1.20")))
    assert len(walk(data, EXPLICIT_LE)) == 1
    swapped = convert(walk(data, EXPLICIT_LE), EXPLICIT_BE)
    back = convert(walk(swapped, EXPLICIT_BE), EXPLICIT_LE)
    assert back == open_sequence(0x00081140, open_item(explicit(0x00081155, b"UI", b"1.20")))


@pytest.mark.parametrize(
    ("vr", "size"),
    [
        *(("OW", 2), ("US", 2), ("SS", 2), ("AT", 2)),
        *(("UL", 4), ("SL", 4), ("FL", 4), ("OL", 4), ("OF", 4)),
        *(("FD", 8), ("OD", 8), ("SV", 8), ("UV", 8), ("OV", 8)),
        *(("OB", 1), ("UN", 1), ("LO", 1), ("UT", 1)),
    ],
)
def test_byte_order_by_vr(vr: str, size: int) -> None:
    value = bytes(range(16))
    swapped = b"".join(value[at : at + size][::-1] for at in range(0, 16, size))
    written = convert([Element(0x00091001, vr, value)], EXPLICIT_BE)
    assert bytes(walk(written, EXPLICIT_BE)[0].value) == swapped


def test_a_value_that_is_no_whole_number() -> None:
    with pytest.raises(DicomError):
        convert([Element(0x00280010, "US", b"123")], EXPLICIT_BE)


def test_big_endian_has_no_fragments() -> None:
    with pytest.raises(Declined):
        convert([Element(0x7FE00010, "OB", item(b""), undefined_length=True)], EXPLICIT_BE)


def test_the_dictionary_is_pydicoms() -> None:
    assert dictionary(0x00100010) == dictionary_VR(0x00100010)
    assert dictionary(0x60020010) == "US"
    assert dictionary(0x00280106) == "US or SS"
