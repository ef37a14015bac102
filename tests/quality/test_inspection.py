"""The inspection as a whole: what it says, what it survives, what it costs."""

from __future__ import annotations

import io
import json
import tracemalloc

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orthanc_transcoder import syntaxes
from orthanc_transcoder.codec import uids
from orthanc_transcoder.codec.registry import Registry, default_registry
from orthanc_transcoder.model import Request, Rules
from orthanc_transcoder.pipeline import transcode
from orthanc_transcoder.quality.findings import Facts, Inspection, Verdict
from orthanc_transcoder.quality.inspection import inspect
from tests.quality.making import REGISTRY, coded, ct, edited, grey, having, named, noise, shipped
from tests.synthesis import Image, native_file, texture
from tests.unit.dicom import corpus

LOSSLESS = sorted(syntaxes.LOSSLESS - {uids.JPEGLossless})


# What a result may have that its source had not, and why.
NEW = {
    # The attributes are still the source's; lossy samples may leave them by a few.
    ("declared_range", "lossy"),
    # The flag is set where it was missing; the ratio of back then is not.
    ("lossy_ratio_missing", "lossless"),
    # libjxl codes any three components in XYB.
    ("colour_disagrees", "lossy"),
    # The codestream's 16 bits are followed, where 12 would do.
    ("unused_high_bits", "lossless"),
    ("unused_high_bits", "lossy"),
}


DECODED_ONLY = {uids.JPEG2000MCLossless, uids.JPEG2000MC}


@pytest.mark.slow
@pytest.mark.parametrize("target", sorted(set(syntaxes.KEYWORDS.values()) - DECODED_ONLY))
def test_transcoding_adds_nothing_but_what_is_known(target: str) -> None:
    done = 0
    for path in corpus.paths():
        content = path.read_bytes()
        before = inspect(content, REGISTRY) if len(content) < 600_000 else Inspection()
        if before.facts.unchecked or not before.facts.frames:
            continue
        result, report = transcode(content, Request((target,)), Rules(lossy=True), REGISTRY)
        if result is None:
            continue
        done += 1
        after = inspect(result, REGISTRY)
        new = {one.code for one in after.findings} - {one.code for one in before.findings}
        kind = "lossy" if report.lossy else "lossless"
        assert {(code, kind) for code in new} <= NEW, (path.name, after.findings)
        assert report.lossy or after.pixel_digest == before.pixel_digest, path.name
    assert done > 0


def test_facts_are_the_header_s() -> None:
    inspection = inspect(coded(), REGISTRY)
    dataset = pydicom.dcmread(io.BytesIO(ct()))
    samples = np.frombuffer(dataset.PixelData, np.int16)
    encapsulated = len(pydicom.dcmread(io.BytesIO(coded())).PixelData)
    assert inspection.facts == Facts(
        modality="CT",
        sop_class_uid=dataset.SOPClassUID,
        sop_instance_uid=dataset.SOPInstanceUID,
        transfer_syntax=uids.JPEG2000Lossless,
        rows=128,
        columns=128,
        frames=1,
        samples_per_pixel=1,
        bits_allocated=16,
        bits_stored=16,
        signed=True,
        photometric="MONOCHROME2",
        encapsulated_bytes=inspection.facts.encapsulated_bytes,
        native_bytes=len(dataset.PixelData),
        minimum=int(samples.min()),
        maximum=int(samples.max()),
    )
    # pydicom counts the sequence delimiter, too.
    assert 0 <= encapsulated - inspection.facts.encapsulated_bytes <= 8


def test_each_frame_has_a_range() -> None:
    facts = inspect(grey(frames=3), REGISTRY).facts
    frames = noise(3, 8)
    assert facts.ranges == tuple((int(one.min()), int(one.max())) for one in frames)
    assert (facts.minimum, facts.maximum) == (0, 255)
    assert (facts.encapsulated_bytes, facts.native_bytes) == (0, 3 * 32 * 32)


@pytest.mark.parametrize(
    "image",
    [
        Image(rows=33, columns=31, bits_stored=12),
        Image(rows=33, columns=31, bits_stored=12, signed=True),
        Image(rows=20, columns=30, bits_stored=8),
        Image(rows=20, columns=30, samples=3, bits_allocated=8, planar=1),
        Image(rows=20, columns=30, frames=3, bits_allocated=8),
    ],
    ids=str,
)
def test_the_digest_survives_every_lossless_transcoding(image: Image) -> None:
    content = native_file(image)
    digests = {inspect(content, REGISTRY).pixel_digest}
    for syntax in LOSSLESS:
        result, report = transcode(content, Request((syntax,)), Rules(), REGISTRY)
        if result is not None:
            digests.add(inspect(result, REGISTRY).pixel_digest)
        else:
            assert report.code in ("same_syntax", "codec_refuses", "no_target"), report
    assert len(digests) == 1
    assert len(digests.pop()) == 32


def test_the_digest_differs_where_one_sample_or_the_shape_does() -> None:
    image = Image(rows=8, columns=16)
    samples = texture(image)
    other = samples.copy()
    other[0, 3, 3, 0] ^= 1
    turned = Image(rows=16, columns=8)
    files = (native_file(image), native_file(image, other), native_file(turned, texture(image)))
    assert len({inspect(content, REGISTRY).pixel_digest for content in files}) == 3


def test_the_digest_is_of_the_samples_not_of_their_allocation() -> None:
    wide = Image(rows=8, columns=8, bits_allocated=16, bits_stored=8)
    narrow = Image(rows=8, columns=8, bits_allocated=8)
    files = (native_file(image) for image in (wide, narrow))
    assert len({inspect(content, REGISTRY).pixel_digest for content in files}) == 1


@pytest.mark.parametrize("name", ["reportsi.dcm", "rtplan.dcm", "waveform_ecg.dcm", "test-SR.dcm"])
def test_a_file_without_pixel_data_passes(name: str) -> None:
    inspection = inspect(shipped(name), REGISTRY)
    assert (inspection.verdict, inspection.findings) == (Verdict.PASS, ())
    assert inspection.facts.unchecked == "no_pixel_data"


def test_what_is_no_image_by_its_nature_is_named_and_passes() -> None:
    single = inspect(shipped("liver.dcm"), REGISTRY)
    assert (single.verdict, single.facts.unchecked) == (Verdict.PASS, "single_bit")
    assert single.pixel_digest == ""


@pytest.mark.parametrize("content", [b"", b"DICM", b"\0" * 200, b"nothing like DICOM" * 99])
def test_what_is_no_dicom_is_answered(content: bytes) -> None:
    inspection = inspect(content, REGISTRY)
    assert [finding.code for finding in inspection.findings] == ["unreadable_file"]
    assert inspection.verdict == Verdict.FAIL
    assert inspection.facts.unchecked


def test_a_truncated_file_is_still_named() -> None:
    facts = inspect(ct()[:-200], REGISTRY).facts
    assert facts.sop_instance_uid == pydicom.dcmread(io.BytesIO(ct())).SOPInstanceUID
    assert facts.transfer_syntax == syntaxes.EXPLICIT_LE


def test_video_is_not_taken_for_frames() -> None:
    """All frames lie in one fragment, and the offset table has one entry (PS3.5 8.2.5)."""
    values = {"LossyImageCompression": "01", "LossyImageCompressionMethod": "ISO_13818_2"}
    movie = edited(coded(), having(NumberOfFrames=50, LossyImageCompressionRatio="20", **values))
    inspection = inspect(named(movie, "1.2.840.10008.1.2.4.100"), REGISTRY)
    assert (inspection.findings, inspection.facts.unchecked) == ((), "video")


def test_other_pixels_than_integers_are_named() -> None:
    def as_floats(dataset: pydicom.Dataset) -> None:
        del dataset.PixelData
        dataset.FloatPixelData = bytes(4 * 128 * 128)

    inspection = inspect(edited(ct(), as_floats), REGISTRY)
    assert (inspection.findings, inspection.facts.unchecked) == ((), "float_pixel_data")


def test_a_missing_codec_is_a_warning() -> None:
    inspection = inspect(coded(), Registry([]))
    assert [finding.code for finding in inspection.findings] == ["no_decoder"]
    assert inspection.facts.unchecked == "no_codec"


@given(st.data())
def test_no_damage_is_an_exception_or_a_defect(data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from((ct(), coded(), coded(uids.RLELossless), grey(3))))
    content = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 8))):
        position = data.draw(st.integers(0, len(content) - 1))
        content[position] = data.draw(st.integers(0, 255))
    inspection = inspect(bytes(content), REGISTRY)
    assert not [one for one in inspection.findings if one.code == "internal_error"]
    assert Inspection.from_json(json.loads(json.dumps(inspection.to_json()))) == inspection


@given(st.data())
def test_no_header_is_a_defect(data: st.DataObject) -> None:
    """Damage where it hurts: any value of any attribute before the pixels."""
    content = bytearray(data.draw(st.sampled_from((ct(), coded(), grey(3)))))
    start = content.index(b"\x28\x00\x02\x00US")
    for _ in range(data.draw(st.integers(1, 4))):
        position = start + data.draw(st.integers(0, 200))
        content[position] = data.draw(st.sampled_from((0, 1, 2, 0x30, 0x5C, 0x7F, 0xFF)))
    inspection = inspect(bytes(content), REGISTRY)
    assert not [one for one in inspection.findings if one.code == "internal_error"]


@pytest.mark.parametrize("name", ["CT_small.dcm", "examples_ybr_color.dcm", "badVR.dcm"])
def test_json_goes_there_and_back(name: str) -> None:
    inspection = inspect(shipped(name), default_registry())
    text = json.dumps(inspection.to_json())
    assert Inspection.from_json(json.loads(text)) == inspection
    assert json.loads(text)["verdict"] == inspection.verdict


@pytest.mark.parametrize("values", [{}, {"findings": [{"code": "x"}]}, {"findings": 1}])
def test_json_that_is_no_inspection_is_refused(values: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        Inspection.from_json(values)


@pytest.mark.parametrize("syntax", [uids.RLELossless, uids.JPEGLSLossless, syntaxes.EXPLICIT_LE])
def test_frames_are_not_held_together(syntax: str) -> None:
    """64 frames of half a MiB: what is needed at once is a few of them."""
    frame = np.tile(np.arange(512, dtype=np.uint16), (512, 1))
    samples = np.stack([frame + number for number in range(64)])[..., None]
    image = Image(rows=512, columns=512, frames=64)
    content = native_file(image, samples)
    if syntax != syntaxes.EXPLICIT_LE:
        result, _ = transcode(content, Request((syntax,)), Rules(), REGISTRY)
        assert result is not None
        content = result
    inspect(coded(syntax) if syntax != syntaxes.EXPLICIT_LE else ct(), REGISTRY)
    tracemalloc.start()
    inspection = inspect(content, REGISTRY)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert inspection.facts.frames == 64
    assert peak < 12 * frame.nbytes


def test_many_ranges_are_left_out() -> None:
    samples = np.arange(300 * 4, dtype=np.uint16).reshape(300, 2, 2, 1)
    image = Image(rows=2, columns=2, frames=300)
    facts = inspect(native_file(image, samples), REGISTRY).facts
    assert (facts.ranges, facts.minimum, facts.maximum) == ((), 0, 1199)


def test_notes_leave_the_verdict_a_pass() -> None:
    noted = inspect(edited(ct(), having(WindowWidth=None, WindowCenter=None)), REGISTRY)
    assert [(one.code, one.severity) for one in noted.findings] == [("ct_window_missing", "NOTE")]
    assert noted.verdict == Verdict.PASS
    assert Inspection.from_json(noted.to_json()) == noted


def test_the_verdict_is_the_worst() -> None:
    warned = inspect(edited(ct(), having(WindowWidth=0)), REGISTRY)
    failed = inspect(edited(ct(), having(WindowWidth=0, RescaleSlope=0)), REGISTRY)
    assert (warned.verdict, failed.verdict) == (Verdict.WARN, Verdict.FAIL)
    assert Inspection().verdict == Verdict.PASS
