"""Lossy (PS3.3 C.7.6.1.1.5, C.12.4), and the limits that a lossy result must keep."""

from __future__ import annotations

import math

import numpy as np
import pytest

from orthanc_transcoder import syntaxes
from orthanc_transcoder.codec import uids
from orthanc_transcoder.codec.lossy import actual_range
from orthanc_transcoder.model import Report, Rules
from tests.rules import whole
from tests.rules.whole import (
    EXPLICIT,
    KEYWORD,
    LOSSLESS,
    LOSSY,
    LOSSY_RULES,
    REVERSIBLE_TOO,
    ask,
    dataset,
    items_of,
    native,
    refused,
    require_same_samples,
    to,
)
from tests.synthesis import Image, Samples, encapsulated_file, native_file, texture

GREY = Image(rows=64, columns=72, frames=2, bits_allocated=8)
DEEP = Image(rows=64, columns=72, bits_stored=12)
ALWAYS_LOSSY = tuple(uid for uid in LOSSY if uid not in REVERSIBLE_TOO)
METHODS = {
    uids.JPEGBaseline8Bit: "ISO_10918_1",
    uids.JPEGExtended12Bit: "ISO_10918_1",
    uids.JPEGLSNearLossless: "ISO_14495_1",
    uids.JPEG2000: "ISO_15444_1",
    uids.HTJ2K: "ISO_15444_15",
    uids.JPEGXL: "ISO_18181_1",
}


def image_for(syntax: str) -> Image:
    return DEEP if syntax == uids.JPEGExtended12Bit else GREY


def smooth(image: Image) -> Samples:
    """A wave with little noise, away from the range's ends: no codec gives up on it."""
    top = (1 << image.depth) - 1
    rows, columns = np.mgrid[: image.rows, : image.columns]
    wave = 0.5 + 0.2 * np.sin(rows / 9) + 0.2 * np.cos(columns / 7)
    noise = np.random.default_rng(3).normal(scale=0.01, size=image.shape)
    values = (wave[None, :, :, None] + noise) * top
    cells: Samples = values.astype(image.dtype)
    return cells


def source(syntax: str, **attributes: object) -> bytes:
    image = image_for(syntax)
    return native_file(image, smooth(image), attributes=attributes)


def encoded_bytes(content: bytes) -> int:
    """Of the codestreams, without what pads a fragment (at most one byte each)."""
    return sum(len(item) for item in items_of(content)[1:])


@pytest.mark.parametrize("syntax", LOSSY, ids=KEYWORD.get)
def test_a_lossy_image_is_a_derived_one_with_a_new_uid(syntax: str) -> None:
    content = source(syntax, ImageType=["ORIGINAL", "PRIMARY", "AXIAL"])
    result, report = to(content, syntax, LOSSY_RULES)
    before, after = dataset(content), dataset(result)
    assert report.lossy
    assert after.SOPInstanceUID != before.SOPInstanceUID
    assert report.sop_instance_uid == before.SOPInstanceUID
    assert report.result_sop_instance_uid == after.SOPInstanceUID
    assert after.ImageType == ["DERIVED", "PRIMARY", "AXIAL"]
    assert after.LossyImageCompression == "01"
    assert after.LossyImageCompressionMethod == METHODS[syntax]
    assert METHODS[syntax] in after.DerivationDescription
    stated = after.DerivationDescription.rpartition("ratio ")[2].removesuffix(":1")
    assert float(stated) == pytest.approx(report.measures["ratio"], rel=5e-3)
    (code,) = after.DerivationCodeSequence
    assert (code.CodeValue, code.CodingSchemeDesignator) == ("113040", "DCM")
    (origin,) = after.SourceImageSequence
    assert origin.ReferencedSOPClassUID == before.SOPClassUID
    assert origin.ReferencedSOPInstanceUID == before.SOPInstanceUID
    (purpose,) = origin.PurposeOfReferenceCodeSequence
    assert (purpose.CodeValue, purpose.CodingSchemeDesignator) == ("121320", "DCM")


@pytest.mark.parametrize("syntax", LOSSY, ids=KEYWORD.get)
def test_the_ratio_is_native_over_encoded_size_as_measured(syntax: str) -> None:
    content = source(syntax)
    result, report = to(content, syntax, LOSSY_RULES)
    size = len(dataset(content).PixelData)
    padding = len(items_of(result)) - 1
    stated = float(dataset(result).LossyImageCompressionRatio)
    encoded = encoded_bytes(result)
    assert size / encoded * (1 - 1e-5) <= stated <= size / (encoded - padding) * (1 + 1e-5)
    assert report.measures["ratio"] == pytest.approx(stated, abs=1e-3)


@pytest.mark.parametrize("syntax", LOSSY, ids=KEYWORD.get)
def test_the_measures_are_what_the_decoded_result_shows(syntax: str) -> None:
    content = source(syntax)
    result, report = to(content, syntax, LOSSY_RULES)
    before, after = native(content), native(result)
    error = np.abs(before - after)
    rmse = max(math.sqrt(np.mean(np.square(frame.astype(float)))) for frame in error)
    psnr = min(
        20 * math.log10(actual_range(frame) / math.sqrt(np.mean(np.square(wrong.astype(float)))))
        for frame, wrong in zip(before, error, strict=True)
    )
    assert report.measures["maximum_error"] == error.max()
    assert report.measures["rmse"] == pytest.approx(rmse, abs=1e-3)
    assert report.measures["psnr"] == pytest.approx(psnr, abs=0.01)


def test_the_second_generation_appends_ratio_and_method_in_the_same_order() -> None:
    content = source(uids.JPEGBaseline8Bit)
    first, _ = to(content, uids.JPEGBaseline8Bit, LOSSY_RULES)
    second, _ = to(first, uids.JPEG2000, Rules(lossy=True, quality=40))
    found, before = dataset(second), dataset(first)
    assert list(found.LossyImageCompressionMethod) == ["ISO_10918_1", "ISO_15444_1"]
    assert found.LossyImageCompressionRatio[0] == before.LossyImageCompressionRatio
    size = len(dataset(content).PixelData)
    assert float(found.LossyImageCompressionRatio[1]) == pytest.approx(
        size / encoded_bytes(second), rel=5e-3
    )
    sources = [each.ReferencedSOPInstanceUID for each in found.SourceImageSequence]
    assert sources == [dataset(content).SOPInstanceUID, before.SOPInstanceUID]
    assert found.LossyImageCompression == "01"
    assert len({found.SOPInstanceUID, *sources}) == 3


HISTORY = (
    "LossyImageCompression",
    "LossyImageCompressionRatio",
    "LossyImageCompressionMethod",
    "DerivationDescription",
    "ImageType",
    "SOPInstanceUID",
)


@pytest.mark.parametrize("target", [*whole.NATIVE, *LOSSLESS], ids=KEYWORD.get)
def test_01_is_never_reset_by_decompression_or_by_lossless_transcoding(target: str) -> None:
    lossy, _ = to(source(uids.JPEG2000), uids.JPEG2000, LOSSY_RULES)
    result, report = to(lossy, target)
    before, after = dataset(lossy), dataset(result)
    assert not report.lossy
    for keyword in HISTORY:
        assert getattr(after, keyword) == getattr(before, keyword)
    assert after.SourceImageSequence == before.SourceImageSequence
    assert after.DerivationCodeSequence == before.DerivationCodeSequence


@pytest.mark.parametrize("target", [EXPLICIT, uids.RLELossless, uids.HTJ2KLossless],
                         ids=KEYWORD.get)  # fmt: skip
@pytest.mark.parametrize("syntax", [uids.JPEGBaseline8Bit, uids.JPEG2000, uids.HTJ2K],
                         ids=KEYWORD.get)  # fmt: skip
def test_01_is_set_by_decompressing_a_lossy_file_that_did_not_say_it(
    syntax: str, target: str
) -> None:
    frames = whole.codestreams(to(source(syntax), syntax, LOSSY_RULES)[0])
    silent = encapsulated_file(GREY, frames, syntax)
    found = dataset(to(silent, target)[0])
    assert found.LossyImageCompression == "01"
    assert found.LossyImageCompressionMethod == METHODS[syntax]
    assert found.SOPInstanceUID == dataset(silent).SOPInstanceUID


@pytest.mark.parametrize("source_flag", ["00", "01"])
@pytest.mark.parametrize("target", LOSSLESS, ids=KEYWORD.get)
def test_a_lossless_transcoding_leaves_the_flag_as_it_is(target: str, source_flag: str) -> None:
    result, _ = to(source(target, LossyImageCompression=source_flag), target)
    assert dataset(result).LossyImageCompression == source_flag


@pytest.mark.parametrize("syntax", LOSSY, ids=KEYWORD.get)
def test_lossy_is_off_by_default(syntax: str) -> None:
    content = source(syntax)
    if syntax in ALWAYS_LOSSY:
        assert refused(content, syntax).code == "lossy_off"
        return
    result, report = to(content, syntax)
    assert not report.lossy
    assert report.result_sop_instance_uid == report.sop_instance_uid
    assert "LossyImageCompression" not in dataset(result)
    require_same_samples(result, content)


@pytest.mark.parametrize("syntax", LOSSY, ids=KEYWORD.get)
def test_lossy_is_declined_where_the_uid_must_stay(syntax: str) -> None:
    content = source(syntax)
    result, report = ask(content, syntax, rules=LOSSY_RULES, new_uid=False)
    if syntax in ALWAYS_LOSSY:
        assert (result, report.code) == (None, "lossy_forbidden")
    else:
        assert not report.lossy
        assert report.result_sop_instance_uid == report.sop_instance_uid


@pytest.mark.parametrize("syntax", REVERSIBLE_TOO, ids=KEYWORD.get)
def test_what_lost_nothing_is_not_called_lossy(syntax: str) -> None:
    image = Image(rows=16, columns=16, bits_allocated=8)
    flat = native_file(image, np.full(image.shape, 77, np.uint8))
    result, report = to(flat, syntax, LOSSY_RULES)
    if not report.lossy:
        assert report.result_sop_instance_uid == report.sop_instance_uid
        assert "LossyImageCompression" not in dataset(result)
    else:
        assert report.measures["maximum_error"]


def with_limits(syntax: str, **limits: object) -> tuple[bytes | None, Report]:
    rules = Rules(lossy=True, quality=5, **limits)  # type: ignore[arg-type]
    return ask(source(syntax, Modality="CT", BodyPartExamined="HEAD"), syntax, rules=rules)


LOOSE = Rules(lossy=True, quality=5)


@pytest.mark.parametrize("syntax", LOSSY, ids=KEYWORD.get)
def test_a_missed_maximum_error_is_retried_at_higher_quality(syntax: str) -> None:
    _, loose = to(source(syntax), syntax, LOOSE)
    worst = loose.measures["maximum_error"]
    assert worst
    limit = int(worst) // 2
    result, report = with_limits(syntax, maximum_error=limit)
    assert result
    assert report.lossy
    assert (report.measures["maximum_error"] or 0) <= limit
    assert np.abs(native(result) - native(source(syntax))).max() <= limit


@pytest.mark.parametrize("syntax", LOSSY, ids=KEYWORD.get)
def test_a_missed_minimum_psnr_is_retried_at_higher_quality(syntax: str) -> None:
    _, loose = to(source(syntax), syntax, LOOSE)
    limit = (loose.measures["psnr"] or 0) + 4
    result, report = with_limits(syntax, minimum_psnr=limit)
    assert result
    assert report.lossy
    assert (report.measures["psnr"] or 0) >= limit


@pytest.mark.parametrize("syntax", LOSSY, ids=KEYWORD.get)
@pytest.mark.parametrize("key", ["CT", "CT/HEAD"])
def test_a_missed_maximum_ratio_is_retried_at_higher_quality(syntax: str, key: str) -> None:
    _, loose = to(source(syntax), syntax, LOOSE)
    limit = (loose.measures["ratio"] or 0) * 0.8
    result, report = with_limits(syntax, maximum_ratio={key: limit, "CT/NECK": 1.0, "MR": 1.0})
    assert result
    assert report.lossy
    assert (report.measures["ratio"] or 0) <= limit


@pytest.mark.parametrize("syntax", LOSSY, ids=KEYWORD.get)
@pytest.mark.parametrize(
    "limits", [{"maximum_ratio": {"CT": 1.001}}, {"minimum_psnr": 199.0}], ids=["ratio", "psnr"]
)
def test_limits_that_nothing_keeps_lead_to_lossless_or_to_the_original(
    syntax: str, limits: dict[str, object]
) -> None:
    result, report = with_limits(syntax, **limits)
    if syntax in ALWAYS_LOSSY:
        assert (result, report.outcome, report.code) == (None, "declined", "lossy_limits")
        return
    assert result
    assert not report.lossy
    assert report.result_sop_instance_uid == report.sop_instance_uid
    require_same_samples(result, source(syntax, Modality="CT", BodyPartExamined="HEAD"))


AIMS = [
    *((uid, {"Quality": 50}) for uid in LOSSY),
    *((uid, {"PSNR": 45}) for uid in LOSSY),
    *((uid, {"Ratio": 6}) for uid in (uids.JPEG2000, uids.HTJ2K, uids.JPEGBaseline8Bit)),
    (uids.JPEGLSNearLossless, {"Near": 3}),
]


@pytest.mark.parametrize(("syntax", "aim"), AIMS)
def test_lossy_targets_aim_at_quality_psnr_ratio_or_near(
    syntax: str, aim: dict[str, float]
) -> None:
    rules = Rules(lossy=True, lossy_targets={KEYWORD[syntax]: aim})
    _, report = to(source(syntax), syntax, rules)
    measures = {name: value or 0 for name, value in report.measures.items()}
    if "PSNR" in aim:
        assert measures["psnr"] >= aim["PSNR"] - 0.01
    if "Ratio" in aim:
        assert measures["ratio"] >= aim["Ratio"]
    if "Near" in aim:
        assert measures["maximum_error"] <= aim["Near"]
    if "Quality" in aim:
        assert report.parameters["quality"] == aim["Quality"]


@pytest.mark.parametrize("frames", [1, 3])
def test_jpeg_and_jpeg_xl_recompression_give_the_identical_jpeg_back(frames: int) -> None:
    image = Image(rows=40, columns=56, frames=frames, samples=3, bits_allocated=8)
    jpeg, _ = to(native_file(image, texture(image)), uids.JPEGBaseline8Bit, LOSSY_RULES)
    packed, report = to(jpeg, uids.JPEGXLJPEGRecompression)
    back, _ = to(packed, uids.JPEGBaseline8Bit)
    assert not report.lossy
    assert whole.body_of(back) == whole.body_of(jpeg)
    assert dataset(packed).SOPInstanceUID == dataset(jpeg).SOPInstanceUID
    require_same_samples(packed, jpeg)


def test_every_lossy_syntax_has_its_defined_method() -> None:
    assert syntaxes.LOSSY_METHODS == METHODS
