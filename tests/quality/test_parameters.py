"""A report's parameters, as JSON, reproduce the codestreams that it is about."""

from __future__ import annotations

import json

import pytest

from orthanc_transcoder import syntaxes
from orthanc_transcoder.codec import uids
from orthanc_transcoder.codec.contract import EncodeOptions, PixelFormat
from orthanc_transcoder.model import Report, Rules
from tests.rules.whole import KEYWORD, LOSSLESS, LOSSY, REGISTRY, codestreams, to
from tests.synthesis import Image, Samples, native_file, texture

IMAGE = Image(rows=128, columns=130, frames=2, bits_stored=12)
BYTES = Image(rows=64, columns=72, frames=2, bits_allocated=8)
AIMS = [
    {"Quality": 35},
    {"PSNR": 44},
    {"Ratio": 5},
    {"Near": 3},
]


def again(samples: Samples, image: Image, report: Report) -> list[bytes]:
    """Encode as the report says, and by nothing else."""
    asked = json.loads(json.dumps(report.to_json()))["parameters"]
    syntax = report.target_syntax
    if asked.pop("reversible", False):
        syntax = syntaxes.REVERSIBLE_TWIN.get(syntax, syntax)
    codec = REGISTRY.encoder(syntax)
    assert f"{codec.name} {codec.version}" == f"{report.codec} {report.codec_version}"
    pixels = PixelFormat(
        image.rows, image.columns, 1, image.bits_allocated, image.depth, False, "MONOCHROME2"
    )
    frames = [frame[:, :, 0].copy() for frame in samples]
    options = EncodeOptions(**asked)
    return [codec.encode(frame, pixels, syntax, options).data for frame in frames]


def require_the_same(rules: Rules, syntax: str) -> Report:
    image = BYTES if syntax == uids.JPEGBaseline8Bit else IMAGE
    samples = texture(image)
    result, report = to(native_file(image, samples), syntax, rules)
    stored = codestreams(result)
    made = again(samples, image, report)
    assert len(stored) == len(made) == 2
    # A fragment is padded to an even length.
    assert all(old.startswith(new) for old, new in zip(stored, made, strict=True))
    return report


@pytest.mark.parametrize("syntax", LOSSLESS, ids=KEYWORD.get)
def test_lossless(syntax: str) -> None:
    assert require_the_same(Rules(), syntax).parameters["reversible"] is True


@pytest.mark.parametrize("syntax", tuple(syntaxes.REVERSIBLE_TWIN), ids=KEYWORD.get)
def test_lossless_in_a_syntax_that_may_be_lossy(syntax: str) -> None:
    assert require_the_same(Rules(), syntax).parameters["reversible"] is True


@pytest.mark.parametrize("bypass", [False, True])
def test_jpeg_2000s_bypass(bypass: bool) -> None:
    report = require_the_same(Rules(bypass=bypass), uids.JPEG2000Lossless)
    assert report.parameters == {"reversible": True, "bypass": bypass}


@pytest.mark.parametrize("effort", [1, 4])
@pytest.mark.parametrize("syntax", [uids.JPEGXLLossless, uids.JPEGXL], ids=KEYWORD.get)
def test_jpeg_xls_effort(syntax: str, effort: int) -> None:
    report = require_the_same(Rules(effort=effort, lossy=True), syntax)
    assert report.parameters["effort"] == effort


@pytest.mark.parametrize("aim", AIMS, ids=lambda aim: next(iter(aim)))
@pytest.mark.parametrize("syntax", LOSSY, ids=KEYWORD.get)
def test_lossy(syntax: str, aim: dict[str, float]) -> None:
    rules = Rules(lossy=True, lossy_targets={KEYWORD[syntax]: aim})
    report = require_the_same(rules, syntax)
    assert "reversible" not in report.parameters


@pytest.mark.parametrize("syntax", LOSSY, ids=KEYWORD.get)
def test_what_was_tried_again_says_what_was_asked_at_last(syntax: str) -> None:
    target: dict[str, dict[str, float]] = {KEYWORD[syntax]: {"Quality": 5}}
    first = require_the_same(Rules(lossy=True, lossy_targets=target), syntax)
    limit = (first.measures["psnr"] or 0) + 3
    rules = Rules(lossy=True, lossy_targets=target, minimum_psnr=limit)
    report = require_the_same(rules, syntax)
    assert report.lossy
    assert report.parameters["quality"] > 5
