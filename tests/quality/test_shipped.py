"""What is found in every file that four packages ship: all of it, and no more.

Each line was reviewed: why the finding is right stands above it. Any file that
is not named here must pass.
"""

from __future__ import annotations

import functools

import pytest

from orthanc_transcoder.quality.findings import Inspection, Verdict
from orthanc_transcoder.quality.inspection import inspect
from tests.interop.corpus import Shipped, shipped
from tests.quality.making import REGISTRY

EXPECTED: tuple[tuple[str, str], ...] = (
    # Damaged on purpose: cut off in Pixel Data or elsewhere; bytes swapped in the first tag.
    ("pixel_data_too_short", "MR_truncated.dcm"),
    ("unreadable_file", "rtplan_truncated.dcm emri_small_jpeg_2k_lossless_too_short.dcm"),
    ("unreadable_file", "no_meta.dcm"),
    # Bytes of the codestream were overwritten with a delimiter: a tile is missing.
    ("frame_truncated lossy_method_missing", "JPEG2000-embedded-sequence-delimiter.dcm"),
    # Air is -2000 or 6192, as one reads it.
    ("sign_disagrees", "J2K_pixelrep_mismatch.dcm"),
    # Pixel Data of a few bytes, without any attribute.
    ("missing_pixel_attribute missing_uid missing_type_1", "nested_priv_SQ.dcm"),
    (
        "missing_pixel_attribute missing_uid missing_type_1 encoding_disagrees",
        "meta_missing_tsyntax.dcm",
    ),
    # Number of Frames has the VR of a text that is no number.
    ("impossible_size meta_disagrees", "badVR.dcm"),
    # One frame of three was kept, and the items of all three.
    ("functional_groups missing_type_1", "liver_1frame.dcm liver_expb_1frame.dcm"),
    # Made by hand, without Study and Series Instance UID.
    (
        "missing_uid missing_type_1 lossy_flag_missing",
        (
            "JPEGLSNearLossless_08.dcm JPEGLSNearLossless_16.dcm SC_rgb_jls_lossy_line.dcm "
            "SC_rgb_jls_lossy_sample.dcm"
        ),
    ),
    # Only warnings from here on. Hashes as UIDs.
    ("bad_uid meta_disagrees missing_type_1 depth_disagrees", "bad_sequence.dcm"),
    # Anonymised in the data set alone.
    (
        "meta_disagrees",
        "rtdose.dcm rtdose_1frame.dcm rtdose_expb.dcm rtdose_expb_1frame.dcm",
    ),
    # Implicit VRs under a compressed syntax; no group 2.
    ("encoding_disagrees", "SC_rgb_jpeg.dcm OT-PAL-8-face.dcm"),
    # OW where it must be OB, and OB where it must be OW.
    (
        "pixel_data_vr",
        (
            "MR_small_jp2klossless.dcm MR_small_jpeg_ls_lossless.dcm SC_rgb_rle_16bit.dcm "
            "SC_rgb_rle_16bit_2frame.dcm rtdose_rle.dcm rtdose_rle_1frame.dcm SC_rgb_16bit.dcm "
            "SC_rgb_16bit_2frame.dcm SC_rgb_32bit.dcm SC_rgb_32bit_2frame.dcm "
            "SC_rgb_expb_16bit.dcm SC_rgb_expb_16bit_2frame.dcm SC_rgb_expb_32bit.dcm "
            "SC_rgb_expb_32bit_2frame.dcm"
        ),
    ),
    ("pixel_data_vr ct_window_missing", "explicit_VR-UN.dcm"),
    ("pixel_data_too_long", "MR_small_padded.dcm"),
    ("ct_window_missing", "CT_small.dcm"),
    # Bone and brain windows of crops that lie wholly above them.
    ("window_outside_values", "17166 17196"),
    # 0, where samples are up to 2836.
    ("declared_range", "6154 6247 6278"),
    # No window; 9 or 10 of 16 bits are used; 0, where samples go down to -30.
    ("unused_high_bits", "JPEG-LL.dcm"),
    ("unused_high_bits declared_range", "JPEG2000_UNC.dcm"),
    ("unused_high_bits declared_range lossy_method_missing", "JPEG2000.dcm"),
    # Pixel Spacing 0.000.
    ("geometry_absurd", "RG1_J2KR.dcm RG1_UNCI.dcm RG1_UNCR.dcm"),
    ("geometry_absurd lossy_method_missing", "RG1_J2KI.dcm"),
    # A clip of 30 frames, and its loop, in which the picture stands still twice.
    (
        "frame_duplicated lossy_method_missing",
        "examples_ybr_color.dcm color3d_jpeg_baseline.dcm",
    ),
    # The flag without method or ratio.
    (
        "lossy_method_missing",
        (
            "JPEG-lossy.dcm JPGExtended.dcm SC_rgb_gdcm_KY.dcm SC_rgb_jpeg_lossy_gdcm.dcm "
            "MR2_J2KI.dcm RG3_J2KI.dcm US1_J2KI.dcm"
        ),
    ),
    (
        "lossy_ratio_missing missing_type_1",
        (
            "SC_jpeg_no_color_transform.dcm SC_jpeg_no_color_transform_2.dcm "
            "SC_rgb_jpeg_app14_dcmd.dcm"
        ),
    ),
    # A JP2 file in Pixel Data.
    ("codestream_wrapped missing_type_1", "GDCMJ2K_TextGBR.dcm"),
    # Codestreams of 16 bits for 12 or 14 stored, or the other way round.
    (
        "depth_disagrees missing_type_1 pixel_data_vr",
        "emri_small_jpeg_2k_lossless.dcm emri_small_jpeg_ls_lossless.dcm",
    ),
    ("depth_disagrees missing_type_1 pixel_data_vr lossy_method_missing", "693_J2KI.dcm"),
    ("depth_disagrees missing_type_1", "693_J2KR.dcm"),
    # CT without Frame of Reference UID; enhanced MR without Manufacturer; Frame Increment Pointer.
    ("missing_type_1", "693_UNCI.dcm 693_UNCR.dcm OBXXXX1A_rle_2frame.dcm"),
    ("missing_type_1", "emri_small.dcm emri_small_RLE.dcm emri_small_big_endian.dcm"),
)
LOSSY_TILES = ("JPEG_Baseline", "JPEG_Extended", "JPEG-LS_Lossy", "JPEG_2000_Image_Compression-")


def expected(file: Shipped) -> set[str]:
    if file.package == "wsidicom-data":
        # Codestreams without data set: the one that is put around them says nothing of loss.
        return {"lossy_flag_missing"} if file.name.startswith(LOSSY_TILES) else set()
    return {
        code for codes, names in EXPECTED if file.name in names.split() for code in codes.split()
    }


@functools.cache
def inspected(file: Shipped) -> Inspection:
    return inspect(file.read(), REGISTRY)


@pytest.mark.parametrize("file", shipped(), ids=lambda file: f"{file.package}-{file.name}")
def test_exactly_this_is_found(file: Shipped) -> None:
    assert {finding.code for finding in inspected(file).findings} == expected(file)


def test_the_list_names_no_other_files() -> None:
    names = [name for _, listed in EXPECTED for name in listed.split()]
    assert len(set(names)) == len(names)
    assert set(names) <= {file.name for file in shipped()}


def test_few_fail() -> None:
    verdicts = [inspected(file).verdict for file in shipped()]
    counted = {verdict: verdicts.count(verdict) for verdict in Verdict}
    assert counted[Verdict.FAIL] == 15
    assert counted[Verdict.PASS] > 150
