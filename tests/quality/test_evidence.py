"""The pictures of a lossy result's worst frame."""

from __future__ import annotations

import base64
import dataclasses
import json
import math

import imagecodecs
import numpy as np
import pytest

from orthanc_transcoder.codec import uids
from orthanc_transcoder.codec.contract import PixelFormat
from orthanc_transcoder.errors import CodecError
from orthanc_transcoder.model import Report, Rules
from orthanc_transcoder.quality import evidence
from tests.rules.whole import KEYWORD, LOSSY, LOSSY_RULES, REGISTRY, to
from tests.synthesis import Image, Samples, native_file, texture

PICTURES = ("original", "result", "difference")


def form(samples: Samples, photometric: str = "MONOCHROME2", bits: int = 0) -> PixelFormat:
    allocated = samples.dtype.itemsize * 8
    return PixelFormat(
        rows=samples.shape[0],
        columns=samples.shape[1],
        samples_per_pixel=samples.shape[2] if samples.ndim > 2 else 1,
        bits_allocated=allocated,
        bits_stored=bits or allocated,
        signed=samples.dtype.kind == "i",
        photometric=photometric,
    )


def picture(found: dict[str, object] | None, name: str) -> Samples:
    assert found is not None
    head, _, text = str(found[name]).partition(",")
    assert head == "data:image/jpeg;base64"
    decoded: Samples = imagecodecs.jpeg8_decode(base64.b64decode(text, validate=True))
    return decoded.astype(np.int16)


def wave(rows: int, columns: int) -> Samples:
    down, across = np.mgrid[:rows, :columns]
    values: Samples = (2000 + 900 * np.sin(down / 20) + 900 * np.cos(across / 30)).astype(np.int16)
    return values


def test_grey_is_windowed_to_the_range_of_the_original() -> None:
    original = wave(200, 150)
    found = evidence.of_frame(3, original, original + np.int16(1), form(original))
    assert found["frame"] == 3
    low, span = int(original.min()), int(np.ptp(original))
    expected = (original - low) * (255 / span)
    assert np.abs(picture(found, "original") - expected).max() < 12
    assert np.abs(picture(found, "result") - expected).max() < 12


def test_monochrome1_is_shown_as_a_viewer_does() -> None:
    original = wave(60, 60)
    usual = evidence.of_frame(1, original, original, form(original))
    other = evidence.of_frame(1, original, original, form(original, "MONOCHROME1"))
    assert np.abs(picture(usual, "result") + picture(other, "result") - 255).max() < 20
    assert usual["difference"] == other["difference"]


@pytest.mark.parametrize(("error", "amplification"), [(1, 2048), (3, 1024), (100, 32), (2000, 2)])
def test_the_difference_is_amplified_by_the_greatest_power_of_two_that_fits(
    error: int, amplification: int
) -> None:
    original = wave(64, 64)
    original[0, :2] = 0, 4095
    decoded = original.copy()
    decoded[16:32, 16:48] -= np.int16(error)
    found = evidence.of_frame(1, original, decoded, form(original))
    assert found["amplification"] == amplification
    shown = picture(found, "difference")
    level = round(error * amplification * 255 / 4095)
    assert 127 <= level <= 255
    assert np.abs(shown[18:30, 18:46] - level).max() < 12
    assert shown[40:].max() < 12


def test_one_wrong_sample_of_a_large_frame_is_seen_where_it_is() -> None:
    original = wave(2000, 1500)
    decoded = original.copy()
    decoded[1601, 403] += 5
    shown = picture(evidence.of_frame(1, original, decoded, form(original)), "difference")
    assert shown.shape == (250, 188)
    assert divmod(int(shown.argmax()), 188) == (1601 // 8, 403 // 8)
    assert shown.max() > 100


def test_nothing_lost_is_black_and_not_amplified() -> None:
    flat = np.full((9, 9), 7, np.uint8)
    found = evidence.of_frame(1, flat, flat, form(flat))
    assert found["amplification"] == 1
    assert picture(found, "difference").max() < 3


def test_errors_beyond_the_range_are_white() -> None:
    flat = np.full((9, 9), 7, np.uint8)
    found = evidence.of_frame(1, flat, flat + np.uint8(9), form(flat))
    assert found["amplification"] == 1
    assert picture(found, "difference").min() > 250


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL"])
@pytest.mark.parametrize("bits", [8, 16])
def test_colour_is_shown_as_it_is(photometric: str, bits: int) -> None:
    rgb = np.zeros((64, 64, 3), np.uint8)
    rgb[:] = 200, 100, 50
    samples = jpeg_ycbcr(rgb) if photometric == "YBR_FULL" else rgb
    stored = samples if bits == 8 else samples.astype(np.uint16) * 257
    found = evidence.of_frame(1, stored, stored, form(stored, photometric))
    for name in ("original", "result"):
        assert np.abs(picture(found, name) - rgb.astype(np.int16)).max() < 6


def jpeg_ycbcr(rgb: Samples) -> Samples:
    """What JFIF says, rounded."""
    matrix = [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
    converted: Samples = np.rint(rgb @ np.array(matrix).T + [0, 128, 128]).astype(np.uint8)
    return converted


def test_an_error_in_any_channel_counts() -> None:
    original = np.full((16, 16, 3), 100, np.uint8)
    decoded = original.copy()
    decoded[..., 2] += 60
    found = evidence.of_frame(1, original, decoded, form(original, "RGB"))
    assert found["amplification"] == 4
    assert np.abs(picture(found, "difference") - 240).max() < 6


@pytest.mark.parametrize("shape", [(1, 1), (1, 9000), (9000, 1), (257, 3), (512, 511, 3), (5, 2)])
def test_any_shape_fits_and_noise_is_kept_small(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    original, decoded = (rng.integers(0, 256, shape, np.uint8) for _ in range(2))
    photometric = "RGB" if len(shape) > 2 else "MONOCHROME2"
    found = evidence.of_frame(1, original, decoded, form(original, photometric))
    assert len(json.dumps(found)) < 41_000
    sizes = {picture(found, name).shape[:2] for name in PICTURES}
    assert len(sizes) == 1
    assert 1 <= max(sizes.pop()) <= 256


@pytest.mark.parametrize("kind", ["i4", "u4", "i2", "i1"])
def test_any_depth_is_drawn(kind: str) -> None:
    limits = np.iinfo(kind)
    original = np.linspace(limits.min, limits.max, 900).reshape(30, 30).astype(kind)
    found = evidence.of_frame(1, original, original[::-1].copy(), form(original))
    assert found["amplification"] == 1
    assert picture(found, "difference").max() > 240


@pytest.mark.parametrize("syntax", LOSSY, ids=KEYWORD.get)
def test_a_lossy_report_shows_its_worst_frame(syntax: str) -> None:
    image = Image(rows=64, columns=72, frames=4, bits_stored=12)
    if syntax == uids.JPEGBaseline8Bit:
        image = dataclasses.replace(image, bits_allocated=8, bits_stored=8)
    samples = np.full(image.shape, 100, image.dtype)
    samples[1:3] = texture(dataclasses.replace(image, frames=2))
    samples[1] //= 2
    content = native_file(image, samples)
    _, report = to(content, syntax, dataclasses.replace(LOSSY_RULES, quality=40))
    assert report.lossy
    assert len(report.frame_measures) == 4
    psnrs = [one["psnr"] for one in report.frame_measures]
    quality = [math.inf if psnr is None else psnr for psnr in psnrs]
    assert report.evidence is not None
    assert report.evidence["frame"] == 1 + quality.index(min(quality))
    assert picture(report.evidence, "difference").shape == (64, 72)
    assert Report.from_json(json.loads(json.dumps(report.to_json()))) == report


def test_a_lossless_report_has_none() -> None:
    _, report = to(native_file(Image()), uids.JPEG2000Lossless)
    assert (report.measures, report.frame_measures, report.evidence) == ({}, (), None)


def test_a_picture_that_cannot_be_made_costs_a_note_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert uids.JPEGLSNearLossless in REGISTRY.encodable  # every codec is loaded

    def fails(*_arguments: object, **_options: object) -> bytes:
        raise imagecodecs.Jpeg8Error("no memory on the moon", 0)

    monkeypatch.setattr(imagecodecs, "jpeg8_encode", fails)
    image = Image(rows=40, columns=40)
    result, report = to(
        native_file(image, texture(image)), uids.JPEGLSNearLossless, Rules(lossy=True)
    )
    assert result
    assert report.lossy
    assert report.evidence is None
    assert any("picture of the worst frame" in note for note in report.notes)
    flat = np.zeros((4, 4), np.uint8)
    with pytest.raises(CodecError):
        evidence.of_frame(1, flat, flat, form(flat))
