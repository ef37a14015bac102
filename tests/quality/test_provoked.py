"""Every check finds what it is for, in a file that is otherwise sound.

``PROVOKED`` has a line per code of the table: a file, and where the finding
points. The file before it was spoilt does not have the finding.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate, generate_frames

from orthanc_transcoder import syntaxes
from orthanc_transcoder.codec import uids
from orthanc_transcoder.codec.registry import Registry
from orthanc_transcoder.quality.checks.table import BY_CODE
from orthanc_transcoder.quality.findings import Finding, Inspection
from orthanc_transcoder.quality.inspection import inspect
from tests.quality.making import (
    REGISTRY,
    coded,
    colour,
    ct,
    edited,
    grey,
    having,
    named,
    palette,
    shipped,
    with_cells,
    with_frames,
)
from tests.quality.spoiling import (
    another,
    both_tables,
    called_rgb,
    damaged,
    damaged_sequence,
    extended,
    extreme,
    functional_groups,
    group2,
    hp_transformed,
    in_jp2,
    labelled_rct,
    lossless_under_lossless_uid,
    odd_fragment,
    odd_native,
    other_predictor,
    other_progression,
    overlay,
    pixel_vr,
    pixels,
    point_transformed,
    pointer,
    replaced,
    several_frames,
    short_table,
    swapped_offsets,
    two_components,
    unsigned,
    unsigned_cells,
    without_fragments,
    without_last_packet,
    without_tlm,
    wrong_offsets,
)

J2K = uids.JPEG2000Lossless
MPEG2 = "1.2.840.10008.1.2.4.100"
RED = "RedPaletteColorLookupTable"
SOUND: dict[str, Callable[[], bytes]] = {
    "CT": ct,
    "CT in JPEG 2000": coded,
    "CT in RLE": lambda: coded(uids.RLELossless),
    "CT in JPEG-LS": lambda: coded(uids.JPEGLSLossless),
    "CT in lossless JPEG": lambda: coded(uids.JPEGLosslessSV1),
    "CT in HTJ2K": lambda: coded(uids.HTJ2KLosslessRPCL),
    "CT in JPEG XL": lambda: coded(uids.JPEGXLLossless),
    "CT in lossy JPEG 2000": lambda: coded(uids.JPEG2000),
    "grey": grey,
    "12 bits": lambda: grey(bits=12),
    "frames": lambda: grey(frames=3),
    "frames in JPEG 2000": lambda: coded(J2K, grey(frames=3)),
    "colour": colour,
    "colour in JPEG": lambda: colour(uids.JPEGBaseline8Bit),
    "colour in JPEG 2000": lambda: colour(J2K),
    "colour in lossy JPEG XL": lambda: colour(uids.JPEGXL),
    "colour in repacked JPEG": lambda: coded(
        uids.JPEGXLJPEGRecompression, colour(uids.JPEGBaseline8Bit)
    ),
    "palette": palette,
}


PROVOKED: dict[str, tuple[Callable[[], bytes], str]] = {
    "unreadable_file": (lambda: ct()[:600], ""),
    "missing_uid": (lambda: edited(ct(), having(StudyInstanceUID=None)), "StudyInstanceUID"),
    "bad_uid": (lambda: edited(ct(), having(SeriesInstanceUID="1.02.x")), "SeriesInstanceUID"),
    "meta_disagrees": (
        lambda: edited(ct(), group2(MediaStorageSOPInstanceUID="1.2.3")),
        "MediaStorageSOPInstanceUID",
    ),
    "encoding_disagrees": (
        lambda: replaced(ct(), b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2\0\0\0"),
        "TransferSyntaxUID",
    ),
    "missing_pixel_attribute": (lambda: edited(ct(), having(Rows=None)), "Rows"),
    "impossible_size": (lambda: edited(ct(), having(Columns=0)), "Columns"),
    "impossible_bits": (lambda: edited(ct(), having(BitsStored=17)), "BitsStored"),
    "high_bit": (lambda: edited(grey(bits=12), having(HighBit=15)), "HighBit"),
    "photometric_contradicts": (
        lambda: edited(ct(), having(PhotometricInterpretation="RGB")),
        "PhotometricInterpretation",
    ),
    "photometric_impossible": (
        lambda: edited(colour(), having(PhotometricInterpretation="YBR_RCT")),
        "PhotometricInterpretation",
    ),
    "planar_configuration": (
        lambda: edited(colour(), having(PlanarConfiguration=None)),
        "PlanarConfiguration",
    ),
    "image_contradicts": (
        lambda: edited(colour(), having(PlanarConfiguration=2)),
        "",
    ),
    "pixel_data_too_short": (lambda: edited(ct(), pixels(lambda value: value[:-2])), "PixelData"),
    "pixel_data_too_long": (lambda: edited(ct(), pixels(lambda v: v + b"\1\2")), "PixelData"),
    "frame_count_disagrees": (lambda: edited(ct(), pixels(lambda v: v * 2)), "NumberOfFrames"),
    "pixel_data_vr": (lambda: edited(coded(), pixel_vr("OW")), "PixelData"),
    "odd_length": (lambda: replaced(*odd_fragment()), "PixelData"),
    "pixel_encoding_disagrees": (lambda: named(ct(), J2K), "PixelData"),
    "bad_fragments": (without_fragments, "PixelData"),
    "offset_table": (wrong_offsets, "PixelData"),
    "extended_offset_table": (
        lambda: extended(ExtendedOffsetTableLengths=bytes(24)),
        "ExtendedOffsetTableLengths",
    ),
    "frame_truncated": (lambda: with_frames(coded(), without_last_packet), "frame 1"),
    "frame_undecodable": (lambda: with_frames(coded(), damaged), "frame 1"),
    "no_decoder": (lambda: named(coded(), "1.2.840.10008.1.2.4.55"), "TransferSyntaxUID"),
    "size_disagrees": (lambda: edited(coded(), having(Rows=64)), "frame 1"),
    "samples_disagree": (
        lambda: edited(colour(J2K), having(SamplesPerPixel=1)),
        "frame 1",
    ),
    "depth_disagrees": (lambda: edited(coded(), having(BitsStored=15, HighBit=14)), "frame 1"),
    "depth_contradicts": (
        lambda: edited(coded(), having(BitsAllocated=8, BitsStored=8, HighBit=7)),
        "frame 1",
    ),
    "private_transform": (
        lambda: with_frames(colour(uids.JPEGLSLossless), hp_transformed),
        "frame 1",
    ),
    "colour_label": (
        lambda: edited(colour(J2K), having(PhotometricInterpretation="RGB")),
        "frame 1",
    ),
    "sign_disagrees": (lambda: with_frames(coded(), unsigned), "frame 1"),
    "sign_label": (lambda: with_frames(coded(), unsigned_cells), "frame 1"),
    "point_transform": (
        lambda: with_frames(coded(uids.JPEGLosslessSV1), point_transformed),
        "frame 1",
    ),
    "colour_disagrees": (
        lambda: edited(colour(uids.JPEGBaseline8Bit), having(PhotometricInterpretation="RGB")),
        "frame 1",
    ),
    "codestream_kind": (lambda: named(coded(uids.HTJ2KLossless), J2K), "frame 1"),
    "lossy_in_lossless": (lossless_under_lossless_uid, "frame 1"),
    "codestream_wrapped": (lambda: with_frames(coded(), in_jp2), "frame 1"),
    "trailing_bytes": (lambda: with_frames(coded(), lambda frame: frame + b"tail"), "frame 1"),
    "lossy_flag_missing": (
        lambda: edited(coded(uids.JPEG2000), having(LossyImageCompression="00")),
        "LossyImageCompression",
    ),
    "lossy_method_missing": (
        lambda: edited(coded(uids.JPEG2000), having(LossyImageCompressionMethod=None)),
        "LossyImageCompressionMethod",
    ),
    "lossy_ratio_missing": (
        lambda: edited(coded(uids.JPEG2000), having(LossyImageCompressionRatio=None)),
        "LossyImageCompressionRatio",
    ),
    "lossy_history": (
        lambda: edited(coded(uids.JPEG2000), having(LossyImageCompressionRatio="-3")),
        "LossyImageCompressionRatio",
    ),
    "palette_missing": (lambda: edited(palette(), having(**{f"{RED}Data": None})), f"{RED}Data"),
    "palette_descriptor": (
        lambda: edited(palette(), having(**{f"{RED}Descriptor": [256, 0, 12]})),
        f"{RED}Descriptor",
    ),
    "ct_rescale_missing": (
        lambda: edited(ct(), having(RescaleSlope=None, RescaleIntercept=None)),
        "RescaleSlope",
    ),
    "rescale_absurd": (lambda: edited(ct(), having(RescaleSlope=0)), "RescaleSlope"),
    "ct_window_missing": (lambda: shipped("CT_small.dcm"), "WindowCenter"),
    "window_absurd": (lambda: edited(ct(), having(WindowWidth=0)), "WindowWidth"),
    "window_outside_values": (lambda: edited(ct(), having(WindowCenter=-9000)), "WindowCenter"),
    "geometry_absurd": (lambda: edited(ct(), having(PixelSpacing=[0, 0])), "PixelSpacing"),
    "missing_type_1": (
        lambda: edited(ct(), having(FrameOfReferenceUID=None)),
        "FrameOfReferenceUID",
    ),
    "modality_disagrees": (lambda: edited(ct(), having(Modality="MR")), "Modality"),
    "image_type": (lambda: edited(ct(), having(ImageType="AXIAL")), "ImageType"),
    "functional_groups": (
        lambda: edited(grey(frames=3), functional_groups),
        "PerFrameFunctionalGroupsSequence",
    ),
    "frame_pointer": (lambda: edited(grey(frames=3), pointer), "FrameIncrementPointer"),
    "overlay_too_short": (lambda: edited(grey(), overlay), "(6000,3000)"),
    "frame_constant": (lambda: several_frames(lambda cells: cells[1].fill(7)), "frame 2"),
    "frame_duplicated": (
        lambda: several_frames(lambda cells: np.copyto(cells[2], cells[0])),
        "frame 3",
    ),
    "values_outside_bits_stored": (
        lambda: with_cells(grey(bits=12), lambda cells: cells | 0x4000),
        "BitsStored",
    ),
    "unused_high_bits": (lambda: with_cells(grey(), lambda cells: cells % 16), "BitsStored"),
    "declared_range": (
        lambda: edited(grey(), extreme("Largest", 3)),
        "LargestImagePixelValue",
    ),
}
# These need more than a file; see the tests at the end.
# The inspector's own is provoked in tests/unit/test_inspector.py, that of two decoders in
# tests/unit/test_opinion.py.
APART = {
    "internal_error", "sop_instance_reused", "ended_a_worker", "decoders_disagree",
    "digital_signature",
}  # fmt: skip


def codes(inspection: Inspection) -> set[str]:
    return {finding.code for finding in inspection.findings}


def test_every_check_is_provoked() -> None:
    assert set(PROVOKED) | APART == set(BY_CODE)


@pytest.mark.parametrize("name", SOUND)
def test_nothing_is_found_in_what_is_sound(name: str) -> None:
    inspection = inspect(SOUND[name](), REGISTRY)
    assert inspection.findings == ()
    assert inspection.verdict == "PASS"


@pytest.mark.parametrize("code", PROVOKED)
def test_provoked(code: str) -> None:
    make, where = PROVOKED[code]
    inspection = inspect(make(), REGISTRY)
    found = [finding for finding in inspection.findings if finding.code == code]
    assert [finding.where for finding in found] == [where], inspection.findings
    assert found[0].severity == BY_CODE[code].severity
    assert found[0].sentence.endswith(".")
    assert "internal_error" not in codes(inspection)


def test_provoked_internal_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_syntax: str) -> None:
        raise RuntimeError("a defect")

    registry = Registry([])
    monkeypatch.setattr(registry, "decoder", broken)
    content = edited(coded(), having(WindowWidth=0))
    inspection = inspect(content, registry)
    assert codes(inspection) == {"internal_error", "window_absurd"}
    sentences = {finding.sentence for finding in inspection.findings}
    assert "RuntimeError: a defect" in sentences


def test_provoked_sop_instance_reused() -> None:
    earlier = inspect(ct(), REGISTRY).pixel_digest
    same = inspect(coded(), REGISTRY, earlier_digest=earlier)
    assert same.findings == ()
    other = inspect(
        edited(ct(), pixels(lambda value: b"\1\1" + value[2:])), REGISTRY, earlier_digest=earlier
    )
    assert [(one.code, one.where) for one in other.findings] == [
        ("sop_instance_reused", "SOPInstanceUID")
    ]


SLOPE = b"\x28\x00\x53\x10DS\x02\x00"

ALSO: list[tuple[str, Callable[[], bytes], str]] = [
    ("encoding_disagrees", lambda: shipped("OT-PAL-8-face.dcm"), "TransferSyntaxUID"),
    ("impossible_size", lambda: edited(grey(3), having(NumberOfFrames=0)), "NumberOfFrames"),
    ("impossible_bits", lambda: edited(ct(), having(BitsAllocated=12)), "BitsAllocated"),
    ("impossible_bits", lambda: edited(ct(), having(HighBit=16)), "HighBit"),
    ("photometric_contradicts", lambda: edited(ct(), having(PhotometricInterpretation="GREEN")),
     "PhotometricInterpretation"),
    ("planar_configuration", lambda: edited(colour(J2K), having(PlanarConfiguration=1)),
     "PlanarConfiguration"),
    ("planar_configuration", lambda: edited(colour(), having(PlanarConfiguration=2)),
     "PlanarConfiguration"),
    ("pixel_data_too_short", lambda: ct()[:-200], "PixelData"),
    ("frame_count_disagrees", lambda: edited(coded(), having(NumberOfFrames=2)), "NumberOfFrames"),
    ("pixel_encoding_disagrees", lambda: named(coded(), syntaxes.EXPLICIT_LE), "PixelData"),
    ("pixel_data_vr", lambda: edited(ct(), pixel_vr("OB")), "PixelData"),
    ("offset_table", lambda: edited(coded(J2K, grey(3)), having(NumberOfFrames=2)), "PixelData"),
    ("offset_table", short_table, "PixelData"),
    ("offset_table", swapped_offsets, "PixelData"),
    ("extended_offset_table", both_tables, "ExtendedOffsetTable"),
    ("extended_offset_table", lambda: extended(ExtendedOffsetTableLengths=None),
     "ExtendedOffsetTable"),
    ("extended_offset_table", lambda: extended(NumberOfFrames=2), "ExtendedOffsetTable"),
    ("odd_length", odd_native, "PixelData"),
    ("unreadable_file", damaged_sequence, ""),
    ("no_decoder", lambda: with_frames(coded(), two_components), "frame 1"),
    ("samples_disagree", lambda: with_frames(coded(), two_components), "frame 1"),
    ("colour_disagrees", labelled_rct, "frame 1"),
    ("colour_disagrees", lambda: with_frames(colour(uids.JPEGBaseline8Bit), called_rgb), "frame 1"),
    ("codestream_kind", lambda: with_frames(coded(uids.HTJ2KLosslessRPCL), without_tlm), "frame 1"),
    ("codestream_kind", lambda: with_frames(coded(uids.HTJ2KLosslessRPCL), other_progression),
     "frame 1"),
    ("codestream_kind", lambda: with_frames(coded(uids.JPEGLosslessSV1), other_predictor),
     "frame 1"),
    ("palette_descriptor", lambda: edited(palette(), having(**{f"{RED}Descriptor": [128, 0, 16]})),
     f"{RED}Descriptor"),
    ("rescale_absurd", lambda: replaced(ct(), SLOPE + b"1 ", SLOPE + b"x "), "RescaleSlope"),
    ("geometry_absurd", lambda: edited(ct(), having(ImageOrientationPatient=[1, 0, 0])),
     "ImageOrientationPatient"),
    ("no_decoder", lambda: named(coded(), "1.2.3.4"), "TransferSyntaxUID"),
    ("frame_undecodable", lambda: with_frames(coded(uids.RLELossless), lambda f: b"\7" + f[1:]),
     "frame 1"),
    ("depth_disagrees", lambda: shipped("693_J2KI.dcm"), "frame 1"),
    ("sign_disagrees", lambda: shipped("J2K_pixelrep_mismatch.dcm"), "frame 1"),
    ("codestream_wrapped", lambda: shipped("GDCMJ2K_TextGBR.dcm"), "frame 1"),
    ("size_disagrees", lambda: with_frames(coded(), another), "frame 1"),
    ("colour_label", lambda: edited(colour(J2K), having(PhotometricInterpretation="YBR_ICT")),
     "frame 1"),
    ("colour_disagrees",
     lambda: edited(colour(J2K), having(PhotometricInterpretation="YBR_FULL")), "frame 1"),
    ("colour_disagrees",
     lambda: replaced(colour(uids.JPEGXL), b"XYB ", b"RGB "), "frame 1"),
    ("codestream_kind", lambda: named(coded(), uids.HTJ2KLossless), "frame 1"),
    ("codestream_kind", lambda: named(coded(uids.HTJ2KLossless), uids.HTJ2KLosslessRPCL),
     "frame 1"),
    ("codestream_kind", lambda: named(coded(uids.JPEGLSLossless), uids.JPEGLosslessSV1),
     "frame 1"),
    ("codestream_kind", lambda: named(colour(uids.JPEGXL), uids.JPEGXLJPEGRecompression),
     "frame 1"),
    ("lossy_flag_missing", lambda: named(coded(), "1.2.840.10008.1.2.4.55"),
     "LossyImageCompression"),
    ("lossy_flag_missing", lambda: named(coded(), MPEG2), "LossyImageCompression"),
    ("lossy_flag_missing",
     lambda: edited(colour(uids.JPEGBaseline8Bit), having(LossyImageCompression=None)),
     "LossyImageCompression"),
    ("lossy_method_missing",
     lambda: named(edited(ct(), having(LossyImageCompression="01")), MPEG2),
     "LossyImageCompressionMethod"),
    ("lossy_in_lossless", lambda: named(shipped("JPEGLSNearLossless_16.dcm"), uids.JPEGLSLossless),
     "frame 1"),
    ("lossy_in_lossless", lambda: named(colour(uids.JPEGXL), uids.JPEGXLLossless), "frame 1"),
    ("lossy_history", lambda: edited(coded(uids.JPEG2000), having(LossyImageCompression="YES")),
     "LossyImageCompression"),
    ("lossy_history", lambda: edited(ct(), having(LossyImageCompression="00",
                                                  LossyImageCompressionMethod="ISO_10918_1")),
     "LossyImageCompressionMethod"),
    ("lossy_history", lambda: edited(coded(uids.JPEG2000),
                                     having(LossyImageCompressionRatio=["3", "4"])),
     "LossyImageCompressionRatio"),
    ("lossy_history", lambda: edited(coded(uids.JPEG2000),
                                     having(LossyImageCompressionMethod="ISO_10918_1")),
     "LossyImageCompressionMethod"),
    ("modality_disagrees",
     lambda: edited(named_class(grey(), "1.2.840.10008.5.1.4.1.1.1.1"), having(Modality="CT")),
     "Modality"),
    ("palette_missing", lambda: edited(palette(), having(**{f"{RED}Descriptor": None})),
     f"{RED}Descriptor"),
    ("palette_descriptor", lambda: edited(palette(), having(**{f"{RED}Data": bytes(100)})),
     f"{RED}Data"),
    ("rescale_absurd", lambda: edited(ct(), having(RescaleSlope=None)), "RescaleIntercept"),
    ("rescale_absurd", lambda: edited(ct(), having(RescaleIntercept=100000)), "RescaleIntercept"),
    ("rescale_absurd", lambda: edited(ct(), having(RescaleSlope=-1)), "RescaleSlope"),
    ("window_absurd", lambda: edited(ct(), having(WindowCenter=[40, 50])), "WindowWidth"),
    ("geometry_absurd", lambda: edited(ct(), having(ImageOrientationPatient=[1, 0, 0, 1, 0, 0])),
     "ImageOrientationPatient"),
    ("missing_type_1", lambda: edited(grey(), having(Modality="")), "Modality"),
    ("declared_range", lambda: edited(grey(), extreme("Smallest", 3)),
     "SmallestImagePixelValue"),
    ("values_outside_bits_stored",
     lambda: coded(uids.RLELossless, with_cells(grey(bits=12), lambda cells: cells | 0x4000)),
     "BitsStored"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "make", "where"), ALSO)
def test_also_provoked(code: str, make: Callable[[], bytes], where: str) -> None:
    inspection = inspect(make(), REGISTRY)
    found = {(finding.code, finding.where) for finding in inspection.findings}
    assert "internal_error" not in codes(inspection)
    assert (code, where) in found


@pytest.mark.parametrize("modality", ["DX", "PX", "IO", "MG"])
def test_a_dx_image_may_be_of_several_modalities(modality: str) -> None:
    content = edited(named_class(grey(), "1.2.840.10008.5.1.4.1.1.1.1"), having(Modality=modality))
    assert "modality_disagrees" not in codes(inspect(content, REGISTRY))


def named_class(content: bytes, uid: str) -> bytes:
    return edited(content, having(SOPClassUID=uid), group2(MediaStorageSOPClassUID=uid))


def test_what_is_quoted_is_short_and_printable() -> None:
    hostile = "<script>\x07" + "A" * 900
    content = edited(ct(), having(PhotometricInterpretation=hostile))
    findings: tuple[Finding, ...] = inspect(content, REGISTRY).findings
    sentence = next(one.sentence for one in findings if one.code == "photometric_contradicts")
    assert len(sentence) < 200
    assert sentence.isprintable()


def test_frames_are_named_and_counted() -> None:
    content = with_cells(grey(frames=12), lambda cells: cells * 0)
    inspection = inspect(content, REGISTRY)
    assert codes(inspection) == {"frame_constant"}
    assert inspection.findings[0].where == "frames 1, 2, 3, 4, 5, 6, 7, 8 and 4 more"


def test_one_damaged_frame_spoils_no_other() -> None:
    content = coded(J2K, grey(frames=3))
    frames = list(
        generate_frames(pydicom.dcmread(io.BytesIO(content)).PixelData, number_of_frames=3)
    )
    frames[1] = damaged(frames[1])
    inspection = inspect(edited(content, having(PixelData=encapsulate(frames))), REGISTRY)
    assert [(one.code, one.where) for one in inspection.findings] == [
        ("frame_undecodable", "frame 2")
    ]
    assert inspection.facts.minimum == 0
    assert inspection.pixel_digest == ""
