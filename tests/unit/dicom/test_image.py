"""What is an image, what must stay untouched, and what contradicts itself."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.uid import JPEG2000Lossless, RLELossless

from orthanc_transcoder.codec.contract import PixelFormat
from orthanc_transcoder.dicom.elements import PIXEL_DATA, Element
from orthanc_transcoder.dicom.file import DicomFile
from orthanc_transcoder.dicom.image import Image, describe
from orthanc_transcoder.errors import Declined, DicomError
from orthanc_transcoder.syntaxes import EXPLICIT_BE, EXPLICIT_LE
from tests import synthesis
from tests.synthesis import blank, encapsulated_file, native_file, to_bytes
from tests.unit.dicom.corpus import parse, paths

SMALL = synthesis.Image(rows=4, columns=6, bits_allocated=8)


def image_of(source: synthesis.Image = SMALL, **attributes: Any) -> Image:
    return describe(DicomFile.parse(native_file(source, attributes=attributes)))


def changed(changes: dict[int, Element | None], source: synthesis.Image = SMALL) -> DicomFile:
    file = DicomFile.parse(native_file(source))
    return DicomFile.parse(file.write(EXPLICIT_LE, changes))


def us(tag: int, value: int) -> dict[int, Element | None]:
    return {tag: Element(tag, "US", value.to_bytes(2, "little"))}


def refusal(file: DicomFile, kind: type[Declined | DicomError]) -> str:
    with pytest.raises(kind) as caught:
        describe(file)
    assert caught.value.reason.endswith(".")
    return caught.value.code


def test_all_attributes() -> None:
    source = synthesis.Image(
        rows=7, columns=5, frames=3, samples=3, bits_allocated=8, planar=1, photometric="YBR_FULL"
    )
    found = image_of(source, LossyImageCompression="01")
    assert found.format == PixelFormat(7, 5, 3, 8, 8, False, "YBR_FULL")
    assert (found.frames, found.planar_configuration) == (3, 1)
    assert (found.frame_bytes, found.pixel_bytes) == (105, 316)
    assert (found.lossy, found.encapsulated, found.modality) == (True, False, "OT")
    assert (found.syntax, found.notes) == (EXPLICIT_LE, ())


def test_signed() -> None:
    found = image_of(synthesis.Image(signed=True, bits_stored=12))
    assert found.format == PixelFormat(16, 16, 1, 16, 12, True, "MONOCHROME2")


def test_real_files() -> None:
    found = []
    for path in paths():
        try:
            found.append(describe(DicomFile.parse(path.read_bytes())))
        except (Declined, DicomError):
            continue
    assert len(found) > 100
    assert {each.photometric for each in found} >= {"RGB", "PALETTE COLOR", "YBR_FULL_422"}


def test_subsampled_frames_are_smaller() -> None:
    found = describe(parse("SC_ybr_full_422_uncompressed.dcm"))
    assert found.frame_bytes == found.pixel_bytes == 20000


@pytest.mark.parametrize(
    ("syntax", "code"),
    [
        ("1.2.840.10008.1.2.4.100", "video"),
        ("1.2.840.10008.1.2.4.102.1", "video"),
        ("1.2.840.10008.1.2.4.108", "video"),
        ("1.2.840.10008.1.2.7.1", "video"),
        ("1.2.840.10008.1.2.4.94", "jpip"),
        ("1.2.840.10008.1.2.4.204", "jpip"),
        ("1.2.840.10008.1.2.1.98", "unknown_syntax"),
        ("1.2.840.10008.1.2.8.1", "unknown_syntax"),
        ("1.2.3", "unknown_syntax"),
    ],
)
def test_syntaxes_that_are_declined(syntax: str, code: str) -> None:
    content = encapsulated_file(SMALL, [b"1234"], JPEG2000Lossless)
    file = DicomFile.parse(DicomFile.parse(content).write(syntax, {}))
    assert refusal(file, Declined) == code


@pytest.mark.parametrize("syntax", [EXPLICIT_LE, "1.2.840.10008.1.2.8.1"])
def test_single_bits(syntax: str) -> None:
    file = changed(us(0x00280100, 1))
    assert refusal(DicomFile.parse(file.write(syntax, {})), Declined) == "single_bit"


def text(tag: int, vr: str, value: bytes) -> dict[int, Element | None]:
    return {tag: Element(tag, vr, value)}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, "no_pixel_data"),
        (text(0x7FE00008, "OF", bytes(4)), "float_pixel_data"),
        (text(0x7FE00009, "OD", bytes(8)), "double_float_pixel_data"),
        (text(0x00287FE0, "UR", b"http://x"), "pixel_data_provider_url"),
        (text(0x00420011, "OB", b"%PDF"), "encapsulated_document"),
        (text(0x7FE11010, "OB", b"1234"), "private_pixel_encoding"),
    ],
)
def test_no_pixel_data(changes: dict[int, Element | None], code: str) -> None:
    assert refusal(changed({PIXEL_DATA: None, **changes}), Declined) == code


@pytest.mark.parametrize("pixels", [True, False])
@pytest.mark.parametrize(("method", "declined"), [(b"PMSCT_RLE1", True), (b"NONE", False)])
def test_elscint(pixels: bool, method: bytes, declined: bool) -> None:
    changes = text(0x07A10010, "LO", b"ELSCINT1") | text(0x07A11011, "CS", method)
    file = changed(changes if pixels else {**changes, PIXEL_DATA: None})
    if pixels and not declined:
        assert describe(file).frames == 1
    else:
        code = "private_pixel_encoding" if declined else "no_pixel_data"
        assert refusal(file, Declined) == code


def test_a_document_with_pixel_data_is_an_image() -> None:
    assert describe(changed(text(0x00420011, "OB", b"%PDF"))).rows == 4


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        (0x00280002, "Samples per Pixel"),
        (0x00280004, "Photometric Interpretation"),
        (0x00280010, "Rows"),
        (0x00280011, "Columns"),
        (0x00280100, "Bits Allocated"),
        (0x00280101, "Bits Stored"),
        (0x00280102, "High Bit"),
        (0x00280103, "Pixel Representation"),
    ],
)
def test_missing_attributes_are_named(tag: int, name: str) -> None:
    with pytest.raises(DicomError, match=name) as caught:
        describe(changed({tag: None}))
    assert caught.value.code == "missing_attribute"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        (us(0x00280101, 9), "bad_bits_stored"),
        (us(0x00280101, 0), "bad_bits_stored"),
        (us(0x00280102, 6), "bad_high_bit"),
        (us(0x00280102, 8), "bad_high_bit"),
        (us(0x00280100, 12), "bad_bits_allocated"),
        (us(0x00280100, 0), "bad_bits_allocated"),
        (us(0x00280103, 2), "bad_pixel_representation"),
        (us(0x00280010, 0), "empty_image"),
        (us(0x00280011, 0), "empty_image"),
        (us(0x00280002, 0), "bad_samples"),
        (text(0x00280008, "IS", b"0 "), "bad_number_of_frames"),
        (text(0x00280008, "IS", b"-1"), "bad_number_of_frames"),
        (text(0x00280008, "IS", b"1A"), "bad_value"),
        (text(0x00280008, "IS", b"2 "), "pixel_data_too_short"),
        (us(0x00280010, 2), "frames_disagree"),
        (us(0x00280002, 3), "photometric_disagrees"),
        (text(0x00280004, "CS", b"YBR_RCT "), "photometric_disagrees"),
        (text(0x00280004, "CS", b"RGB "), "photometric_disagrees"),
    ],
)
def test_contradictions(changes: dict[int, Element | None], code: str) -> None:
    assert refusal(changed(changes), DicomError) == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        (us(0x00280100, 64), "bits_allocated"),
        (us(0x00280100, 24), "bits_allocated"),
        (us(0x00280002, 2), "samples_per_pixel"),
        (us(0x00280002, 4), "samples_per_pixel"),
    ],
)
def test_depths_and_samples_that_are_declined(
    changes: dict[int, Element | None], code: str
) -> None:
    assert refusal(changed(changes), Declined) == code


def test_pixel_data_too_short_names_both_numbers() -> None:
    with pytest.raises(DicomError, match=r"24 bytes .* 48"):
        describe(changed(text(0x00280008, "IS", b"2 ")))


@pytest.mark.parametrize(("surplus", "notes"), [(0, 0), (1, 1), (2, 1), (23, 1)])
def test_surplus_bytes_are_noted(surplus: int, notes: int) -> None:
    pixels = text(PIXEL_DATA, "OB", bytes(24 + surplus))
    assert len(describe(changed(pixels)).notes) == notes


def test_the_pad_byte_is_proper() -> None:
    source = synthesis.Image(rows=1, columns=1, bits_allocated=8)
    assert image_of(source).notes == ()
    assert describe(changed(text(PIXEL_DATA, "OB", b"1"), source)).notes == ()


def test_a_whole_frame_too_many() -> None:
    assert refusal(changed(text(PIXEL_DATA, "OB", bytes(48))), DicomError) == "frames_disagree"


def test_subsampled_by_name_only() -> None:
    source = synthesis.Image(samples=3, bits_allocated=8, photometric="YBR_FULL_422")
    content = native_file(source)
    assert refusal(DicomFile.parse(content), DicomError) == "frames_disagree"


def test_missing_planar_configuration_is_noted() -> None:
    source = synthesis.Image(samples=3, bits_allocated=8)
    found = describe(changed({0x00280006: None}, source))
    assert (found.planar_configuration, len(found.notes)) == (0, 1)


def test_native_pixels_under_a_compressed_syntax_and_the_reverse() -> None:
    file = DicomFile.parse(native_file(SMALL))
    compressed = DicomFile.parse(file.write(RLELossless, {}))
    assert refusal(compressed, DicomError) == "syntax_disagrees"
    content = encapsulated_file(SMALL, [b"1234"], RLELossless)
    native = DicomFile.parse(DicomFile.parse(content).write(EXPLICIT_LE, {}))
    assert refusal(native, DicomError) == "syntax_disagrees"


def test_32_bits_in_big_endian() -> None:
    assert refusal(parse("rtdose_expb.dcm"), Declined) == "big_endian_32_bit"
    little = DicomFile.parse(native_file(synthesis.Image(bits_allocated=32)))
    with pytest.raises(Declined):
        little.write(EXPLICIT_BE, {})


def test_an_icon_is_no_pixel_data() -> None:
    dataset = synthesis.nest(blank(SMALL), 0)
    file = DicomFile.parse(to_bytes(dataset, EXPLICIT_LE))
    assert refusal(file, Declined) == "no_pixel_data"
