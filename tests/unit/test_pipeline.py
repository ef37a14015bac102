"""The pipeline as a whole: the ways that the rules' tests do not take."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest

from orthanc_transcoder import syntaxes
from orthanc_transcoder.codec import uids
from orthanc_transcoder.codec.registry import default_registry
from orthanc_transcoder.model import Outcome, Request, Rules
from orthanc_transcoder.pipeline import transcode
from orthanc_transcoder.quality.inspection import inspect
from tests.codec import jpeg_samples
from tests.samples import sample, sample_path
from tests.support.independent import decoded_by_gdcm
from tests.synthesis import Image, encapsulated_file, native_file, stored_samples

REGISTRY = default_registry()


@pytest.mark.parametrize(
    "name", ["reportsi.dcm", "test-SR.dcm", "waveform_ecg.dcm", "rtplan.dcm", "liver_1frame.dcm"]
)
@pytest.mark.parametrize(
    "target", [syntaxes.IMPLICIT_LE, syntaxes.EXPLICIT_LE, syntaxes.DEFLATED_LE]
)
def test_a_file_without_an_image_is_rewritten_whole(name: str, target: str) -> None:
    content = sample_path(name).read_bytes()
    result, report = transcode(content, Request((target,)), Rules(), REGISTRY)
    before = pydicom.dcmread(io.BytesIO(content))
    if before.file_meta.TransferSyntaxUID == target:
        assert report.outcome is Outcome.KEPT
        return
    assert result is not None, report.reason
    after = pydicom.dcmread(io.BytesIO(result))
    assert after.file_meta.TransferSyntaxUID == target
    assert report.verified
    assert [element.tag for element in after] == [element.tag for element in before]
    for element in before:
        if element.VR not in ("UN", "SQ") and not element.tag.is_private:
            assert after[element.tag].value == element.value, element


def test_a_file_without_an_image_is_not_compressed() -> None:
    content = sample_path("test-SR.dcm").read_bytes()
    result, report = transcode(content, Request((uids.JPEG2000Lossless,)), Rules(), REGISTRY)
    assert (result, report.outcome, report.code) == (None, Outcome.DECLINED, "no_pixel_data")


def test_the_next_target_is_tried_where_a_codec_refuses() -> None:
    """JPEG 2000 does not carry 32 bits, RLE does."""
    content = native_file(Image(rows=8, columns=8, bits_allocated=32))
    allowed = (uids.JPEG2000Lossless, uids.RLELossless)
    result, report = transcode(content, Request(allowed), Rules(), REGISTRY)
    assert result is not None
    assert report.target_syntax == uids.RLELossless


def test_native_syntaxes_keep_every_bit() -> None:
    image = Image(rows=8, columns=8, bits_stored=12)
    dirty = np.full(image.shape, 0xF123, np.uint16)
    dataset = pydicom.dcmread(io.BytesIO(native_file(image)))
    dataset.PixelData = dirty.tobytes()
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    allowed = (syntaxes.EXPLICIT_BE,)
    there, _ = transcode(buffer.getvalue(), Request(allowed), Rules(), REGISTRY)
    assert there is not None
    rle, _ = transcode(there, Request((uids.RLELossless,)), Rules(), REGISTRY)
    assert rle is not None
    back, report = transcode(rle, Request((syntaxes.IMPLICIT_LE,)), Rules(), REGISTRY)
    assert back is not None
    assert pydicom.dcmread(io.BytesIO(back)).PixelData == dirty.tobytes()
    assert not report.notes


def test_other_syntaxes_drop_undeclared_bits_with_a_note_or_decline() -> None:
    image = Image(rows=8, columns=8, bits_stored=12)
    dataset = pydicom.dcmread(io.BytesIO(native_file(image)))
    dataset.PixelData = np.full(image.shape, 0xF123, np.uint16).tobytes()
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    request = Request((uids.JPEG2000Lossless,))
    result, report = transcode(buffer.getvalue(), request, Rules(), REGISTRY)
    assert result is not None
    assert "64 samples" in report.doubts["unused_bits"]
    result, report = transcode(buffer.getvalue(), request, Rules(unused_bits="mask"), REGISTRY)
    assert result is not None
    assert "64 samples" in report.notes[0]
    back, _ = transcode(result, Request((syntaxes.EXPLICIT_LE,)), Rules(), REGISTRY)
    assert back is not None
    assert (stored_samples(back) == 0x123).all()
    result, report = transcode(buffer.getvalue(), request, Rules(unused_bits="decline"), REGISTRY)
    assert (result, report.outcome, report.code) == (None, Outcome.DECLINED, "unused_bits")


def test_restricted_syntaxes_are_neither_read_nor_made() -> None:
    rules = Rules(restrict=(uids.JPEG2000Lossless,))
    jpeg = sample("SC_rgb_jpeg_dcmtk.dcm").read()
    result, report = transcode(jpeg, Request((syntaxes.EXPLICIT_LE,)), rules, REGISTRY)
    assert (result, report.code) == (None, "restricted")
    native = sample("CT_small.dcm").read()
    result, report = transcode(native, Request((uids.RLELossless,)), rules, REGISTRY)
    assert (result, report.code) == (None, "no_target")
    result, _ = transcode(native, Request((uids.JPEG2000Lossless,)), rules, REGISTRY)
    assert result is not None


def test_a_result_that_orthanc_cannot_take_is_declined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orthanc_transcoder.pipeline.MAX_RESULT_BYTES", 30_000)
    content = sample("MR2_J2KI.dcm").read()
    result, report = transcode(content, Request((syntaxes.EXPLICIT_LE,)), Rules(), REGISTRY)
    assert (result, report.outcome, report.code) == (None, Outcome.DECLINED, "result_too_large")


def test_a_sign_that_only_the_header_knows_is_kept(tmp_path: Path) -> None:
    """As GDCM and pydicom read it: air is -2000, not 6192."""
    content = sample_path("J2K_pixelrep_mismatch.dcm").read_bytes()
    result, report = transcode(content, Request((syntaxes.EXPLICIT_LE,)), Rules(), REGISTRY)
    assert result is not None
    expected = decoded_by_gdcm(content, tmp_path)
    assert expected.min() == -2000
    assert np.array_equal(stored_samples(result), expected)
    assert pydicom.dcmread(io.BytesIO(result)).PixelRepresentation == 1
    assert any("Pixel Representation" in note for note in report.notes)
    there, _ = transcode(result, Request((uids.JPEG2000Lossless,)), Rules(), REGISTRY)
    assert there is not None
    assert np.array_equal(decoded_by_gdcm(there, tmp_path), expected)


@pytest.mark.parametrize("change", jpeg_samples.DAMAGES)
@pytest.mark.parametrize(
    ("name", "source"),
    [("baseline grey", uids.JPEGBaseline8Bit), ("lossless 8", uids.JPEGLosslessSV1)],
)
def test_a_damaged_jpeg_is_neither_transcoded_nor_called_sound(
    name: str, source: str, change: Callable[[bytes], bytes]
) -> None:
    frame, pixels = jpeg_samples.STREAMS[name]
    image = Image(pixels.rows, pixels.columns, bits_allocated=8)
    content = encapsulated_file(image, [change(frame)], source)
    targets = (syntaxes.EXPLICIT_LE, uids.JPEG2000Lossless, uids.JPEGXLJPEGRecompression)
    for target in targets[: 3 if source == uids.JPEGBaseline8Bit else 2]:
        result, report = transcode(content, Request((target,)), Rules(), REGISTRY)
        assert (result, report.outcome, report.code) == (
            None,
            Outcome.FAILED,
            "damaged_codestream",
        )
    assert "frame_undecodable" in {one.code for one in inspect(content, REGISTRY).findings}
