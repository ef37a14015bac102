"""What the image's SOP Class asks for: Type 1 attributes, modality, frames (PS3.3 A, C.8).

The table holds Type 1 attributes of the mandatory modules at the top level of the
data set, of the classes that archives mostly hold. What ``image_module``,
``identity`` and ``display`` report by themselves is not repeated in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ...dicom.elements import items, tag_name
from ...dictionaries import datadict
from ..findings import Finding
from .header import Header, quoted
from .table import found

_IMAGE: Final = "1.2.840.10008.5.1.4.1.1."

_PLANE: Final = (
    "FrameOfReferenceUID", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing",
)  # fmt: skip
_DX: Final = (
    "ImageType", "PresentationIntentType", "ImageLaterality", "BurnedInAnnotation",
    "PixelIntensityRelationship", "PixelIntensityRelationshipSign", "RescaleIntercept",
    "RescaleSlope", "RescaleType", "LossyImageCompression", "PresentationLUTShape",
    "ImagerPixelSpacing",
)  # fmt: skip
_MG: Final = (*_DX, "AnatomicRegionSequence", "PositionerType", "OrganExposed", "ViewCodeSequence")
_IO: Final = (*_DX, "AnatomicRegionSequence", "PositionerType")
_X_RAY: Final = ("ImageType", "PixelIntensityRelationship", "RadiationSetting")
_PET: Final = (
    *_PLANE, "ImageType", "SeriesDate", "SeriesTime", "NumberOfSlices", "SeriesType", "Units",
    "CountsSource", "DecayCorrection", "RescaleIntercept", "RescaleSlope", "FrameReferenceTime",
    "ImageIndex",
)  # fmt: skip
_MULTI_FRAME: Final = ("NumberOfFrames", "FrameIncrementPointer")
_NM: Final = ("ImageType", *_MULTI_FRAME, "NumberOfEnergyWindows", "NumberOfDetectors")
_MULTI_FRAME_SC: Final = (*_MULTI_FRAME, "ConversionType", "BurnedInAnnotation")
_ENHANCED: Final = (
    "ImageType", "ContentDate", "ContentTime", "InstanceNumber", "NumberOfFrames", "Manufacturer",
    "ManufacturerModelName", "DeviceSerialNumber", "SoftwareVersions",
)  # fmt: skip
_ENHANCED_VOLUME: Final = (
    *_ENHANCED, "FrameOfReferenceUID", "PixelPresentation", "VolumetricProperties",
    "VolumeBasedCalculationTechnique",
)  # fmt: skip
_ENHANCED_3D: Final = (*_ENHANCED_VOLUME, "DimensionOrganizationSequence")
_SLIDE: Final = (
    *_ENHANCED, "DimensionOrganizationSequence", "TotalPixelMatrixColumns", "TotalPixelMatrixRows",
    "TotalPixelMatrixOriginSequence", "ContainerIdentifier", "SpecimenDescriptionSequence",
    "AcquisitionDateTime", "VolumetricProperties", "BurnedInAnnotation", "LossyImageCompression",
    "SpecimenLabelInImage", "FocusMethod", "ExtendedDepthOfField", "OpticalPathSequence",
)  # fmt: skip

_POINTERS: Final = 8  # that are looked at; files have one or two

TYPE_1: Final = {
    _IMAGE + suffix: keywords
    for suffix, keywords in {
        "1": (),  # CR
        "1.1": _DX,
        "1.1.1": _DX,
        "1.2": _MG,
        "1.2.1": _MG,
        "1.3": _IO,
        "1.3.1": _IO,
        "2": (*_PLANE, "ImageType"),  # CT
        "2.1": (*_ENHANCED_3D, "PresentationLUTShape"),
        "3.1": _MULTI_FRAME,  # US
        "4": (*_PLANE, "ImageType", "ScanningSequence", "SequenceVariant"),  # MR
        "4.1": _ENHANCED_3D,
        "6.1": (),  # US
        "7": ("ConversionType",),  # SC
        "7.1": _MULTI_FRAME_SC,
        "7.2": _MULTI_FRAME_SC,
        "7.3": _MULTI_FRAME_SC,
        "7.4": _MULTI_FRAME_SC,
        "12.1": _X_RAY,  # XA
        "12.1.1": (*_ENHANCED, "ContentQualification", "LossyImageCompression"),
        "12.2": _X_RAY,  # RF
        "13.1.3": (*_ENHANCED_VOLUME, "LossyImageCompression", "ViewCodeSequence"),
        "20": _NM,
        "66.4": (*_ENHANCED, "SegmentationType", "SegmentSequence"),
        "77.1.1": ("ImageType",),
        "77.1.2": ("ImageType",),
        "77.1.4": ("ImageType",),
        "77.1.6": _SLIDE,
        "128": _PET,
        "130": (*_ENHANCED_3D, "RadiopharmaceuticalInformationSequence"),
        "481.1": ("ImageType", "RTImageLabel", "RTImagePlane"),
        "481.2": ("FrameOfReferenceUID", "DoseUnits", "DoseType", "DoseSummationType"),
    }.items()
}

MODALITIES: Final = {
    _IMAGE + suffix: tuple(modalities.split())
    for suffix, modalities in {
        # A DX image may be any projection that has a modality of its own (C.8.11.1).
        "1": "CR", "1.1": "DX PX IO MG", "1.1.1": "DX PX IO MG", "1.2": "MG", "1.2.1": "MG",
        "1.3": "IO", "1.3.1": "IO", "2": "CT", "2.1": "CT", "4": "MR", "4.1": "MR",
        "12.1.1": "XA RF", "12.2": "RF XA", "13.1.3": "MG", "20": "NM", "66.4": "SEG",
        "77.1.6": "SM", "128": "PT", "130": "PT", "481.1": "RTIMAGE", "481.2": "RTDOSE",
    }.items()
}  # fmt: skip


def type_1(header: Header) -> Iterator[Finding]:
    """Report mandatory attributes that are missing or empty."""
    for keyword in ("Modality", *TYPE_1.get(header.file.sop_class_uid, ())):
        if not header.has(keyword):
            sentence = "It is missing or empty, and the SOP Class makes it mandatory."
            yield found("missing_type_1", sentence, keyword)


def modality(header: Header) -> Iterator[Finding]:
    """Compare Modality with what the SOP Class defines."""
    expected, actual = MODALITIES.get(header.file.sop_class_uid), header.text("Modality")
    if expected and actual and actual not in expected:
        sentence = f"It is {quoted(actual)}, where the SOP Class says {' or '.join(expected)}."
        yield found("modality_disagrees", sentence, "Modality")


def image_type(header: Header) -> Iterator[Finding]:
    """Report an Image Type whose first two values are not the defined ones."""
    values = header.texts("ImageType")
    if not any(values):
        return
    proper = len(values) > 1 and values[0] in ("ORIGINAL", "DERIVED", "MIXED")
    if not proper or values[1] not in ("PRIMARY", "SECONDARY"):
        yield found("image_type", f"It is {quoted(header.text('ImageType'))}.", "ImageType")


def functional_groups(header: Header) -> Iterator[Finding]:
    """Compare the number of per-frame items with Number of Frames."""
    keyword = "PerFrameFunctionalGroupsSequence"
    element = header.element(keyword)
    if element is None:
        return
    count = sum(1 for _ in items(element))
    if count and count != header.frames:
        sentence = f"It has {count} items for {header.frames} frames."
        yield found("functional_groups", sentence, keyword)


def frame_pointer(header: Header) -> Iterator[Finding]:
    """Look for what Frame Increment Pointer points at."""
    for tag in header.numbers("FrameIncrementPointer")[:_POINTERS]:
        if header.file.element(tag) is None:
            name = datadict.keyword_for_tag(tag) or tag_name(tag)
            sentence = f"It points at {name}, which is not there."
            yield found("frame_pointer", sentence, "FrameIncrementPointer")


def overlays(header: Header) -> Iterator[Finding]:
    """Compare Overlay Data with the overlay's size."""
    for group in range(0x60000000, 0x60200000, 0x20000):
        data = header.file.element(group | 0x3000)
        if data is None:
            continue
        shape = [_number(header, group | number) for number in (0x0010, 0x0011)]
        needed = -(-shape[0] * shape[1] * (_number(header, group | 0x0015) or 1) // 8)
        if len(data.value) < needed:
            sentence = f"It has {len(data.value)} bytes where {needed} are needed."
            yield found("overlay_too_short", sentence, tag_name(group | 0x3000))


def _number(header: Header, tag: int) -> int:
    return next(iter(header.integers(header.file.element(tag))), 0)


CHECKS: Final = (type_1, modality, image_type, functional_groups, frame_pointer, overlays)
