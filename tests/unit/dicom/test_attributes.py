"""The attributes after a transcoding."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from orthanc_transcoder.dicom.attributes import lossy_attributes, pixel_attributes
from orthanc_transcoder.dicom.elements import Element
from orthanc_transcoder.dicom.file import DicomFile
from orthanc_transcoder.dicom.image import describe
from orthanc_transcoder.syntaxes import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE
from tests.synthesis import Image, native_file
from tests.unit.dicom.comparison import differences
from tests.unit.dicom.corpus import oracle, parse

SYNTAXES = [IMPLICIT_LE, EXPLICIT_LE, EXPLICIT_BE]
COLOUR = Image(rows=7, columns=5, samples=3, bits_allocated=8)


def attributes_of(file: DicomFile, **different: Any) -> dict[int, Element | None]:
    pixels = describe(file).format
    wanted = {name: getattr(pixels, name) for name in pixels.__slots__}
    return pixel_attributes(file, **(wanted | different))


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("image", [Image(), COLOUR, Image(bits_stored=12, signed=True)])
def test_nothing_changes_that_is_right(image: Image, syntax: str) -> None:
    assert attributes_of(DicomFile.parse(native_file(image, syntax=syntax))) == {}


def test_what_differs_is_written() -> None:
    file = parse("CT_small.dcm")
    changes = attributes_of(file, rows=1, columns=2, bits_stored=12, photometric="MONOCHROME1")
    dataset = oracle(file.write(EXPLICIT_LE, changes))
    assert (dataset.Rows, dataset.Columns, dataset.BitsStored, dataset.HighBit) == (1, 2, 12, 11)
    assert dataset.PhotometricInterpretation == "MONOCHROME1"
    assert set(changes) == {0x00280010, 0x00280011, 0x00280101, 0x00280102, 0x00280004}


def test_planar_configuration() -> None:
    planar = DicomFile.parse(native_file(Image(samples=3, bits_allocated=8, planar=1)))
    assert attributes_of(planar) == {0x00280006: Element(0x00280006, "US", b"\0\0")}
    one = attributes_of(planar, samples_per_pixel=1)
    assert one[0x00280006] is None


def test_a_corrected_sign_relabels_and_keeps_the_bytes() -> None:
    extra = {"PixelPaddingValue": 0xF830, "SmallestImagePixelValue": 1}
    file = DicomFile.parse(native_file(Image(), attributes=extra))
    dataset = oracle(file.write(EXPLICIT_LE, attributes_of(file, signed=True)))
    assert dataset["PixelPaddingValue"].VR == "SS"
    assert dataset.PixelPaddingValue == -2000
    assert dataset["SmallestImagePixelValue"].VR == "SS"


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_lossy(syntax: str) -> None:
    file = parse("CT_small.dcm")
    before = oracle(file.write(EXPLICIT_LE, {}))
    changes = lossy_attributes(
        file,
        ratio=12.3456789,
        method="ISO_15444_1",
        description="Lossy JPEG 2000, ratio 12.3",
        new_sop_instance_uid="1.2.3",
    )
    dataset = oracle(file.write(syntax, changes))
    assert dataset.SOPInstanceUID == dataset.file_meta.MediaStorageSOPInstanceUID == "1.2.3"
    assert dataset.SOPClassUID == before.SOPClassUID
    assert dataset.ImageType == ["DERIVED", *before.ImageType[1:]]
    assert dataset.LossyImageCompression == "01"
    assert str(dataset.LossyImageCompressionRatio) == "12.3457"
    assert dataset.LossyImageCompressionMethod == "ISO_15444_1"
    assert dataset.DerivationDescription == "Lossy JPEG 2000, ratio 12.3"
    (code,) = dataset.DerivationCodeSequence
    assert (code.CodeValue, code.CodingSchemeDesignator) == ("113040", "DCM")
    (source,) = dataset.SourceImageSequence
    assert source.ReferencedSOPClassUID == before.SOPClassUID
    assert source.ReferencedSOPInstanceUID == before.SOPInstanceUID
    assert source.PurposeOfReferenceCodeSequence[0].CodeValue == "121320"


def generation(file: DicomFile, number: int) -> DicomFile:
    changes = lossy_attributes(
        file,
        ratio=float(number),
        method=f"METHOD_{number}",
        description=f"step {number}",
        new_sop_instance_uid=f"1.2.{number}",
    )
    return DicomFile.parse(file.write(EXPLICIT_LE, changes))


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_the_second_generation_adds_to_the_first(syntax: str) -> None:
    first = generation(parse("CT_small.dcm"), 1)
    second = generation(DicomFile.parse(first.write(syntax, {})), 2)
    dataset = oracle(second.write(EXPLICIT_LE, {}))
    assert [float(each) for each in dataset.LossyImageCompressionRatio] == [1, 2]
    assert dataset.LossyImageCompressionMethod == ["METHOD_1", "METHOD_2"]
    assert dataset.DerivationDescription == "step 1; step 2"
    assert len(dataset.DerivationCodeSequence) == 1
    sources = [each.ReferencedSOPInstanceUID for each in dataset.SourceImageSequence]
    assert sources == [parse("CT_small.dcm").sop_instance_uid, "1.2.1"]
    before = oracle(first.write(EXPLICIT_LE, {}))
    touched = {0x00080018, 0x00082111, 0x00082112, 0x00282112, 0x00282114}
    for each in (dataset, before):
        for tag in touched:
            del each[tag]
    assert differences(before, dataset) == []


@pytest.mark.parametrize("undefined", [False, True])
def test_existing_items_stay(undefined: bool) -> None:
    former = Dataset()
    former.ReferencedSOPClassUID = "1.2"
    former.ReferencedSOPInstanceUID = "1.2.99"
    former.is_undefined_length_sequence_item = undefined
    image = Image(signed=True)
    content = native_file(
        image, syntax=IMPLICIT_LE, attributes={"SourceImageSequence": Sequence([former])}
    )
    dataset = oracle(generation(DicomFile.parse(content), 1).write(EXPLICIT_LE, {}))
    assert len(dataset.SourceImageSequence) == 2
    assert dataset.SourceImageSequence[0] == former


@pytest.mark.parametrize(
    ("ratios", "methods", "expected"),
    [
        (["9"], None, ["", "METHOD_1"]),
        (["9", "8"], ["OLD"], ["", "OLD", "METHOD_1"]),
        (None, None, "METHOD_1"),
    ],
)
def test_ratio_and_method_stay_in_step(ratios: Any, methods: Any, expected: Any) -> None:
    history = {
        "LossyImageCompressionRatio": ratios,
        "LossyImageCompressionMethod": methods,
    }
    present = {name: value for name, value in history.items() if value}
    file = generation(DicomFile.parse(native_file(Image(), attributes=present)), 1)
    dataset = oracle(file.write(EXPLICIT_LE, {}))
    assert dataset.LossyImageCompressionMethod == expected
    assert dataset["LossyImageCompressionRatio"].VM == dataset["LossyImageCompressionMethod"].VM


def test_a_long_description_makes_way() -> None:
    content = native_file(Image(), attributes={"DerivationDescription": "x" * 1020})
    dataset = oracle(generation(DicomFile.parse(content), 1).write(EXPLICIT_LE, {}))
    assert dataset.DerivationDescription == "step 1"


def test_an_absent_image_type() -> None:
    dataset = oracle(generation(DicomFile.parse(native_file(Image())), 1).write(EXPLICIT_LE, {}))
    assert dataset.ImageType == ["DERIVED", "PRIMARY"]
