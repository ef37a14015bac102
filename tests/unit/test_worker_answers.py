"""What is taken of a worker's answers, and what costs the worker; see also ``pool/test_evil``."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orthanc_transcoder import answers
from orthanc_transcoder.codec.registry import default_registry
from orthanc_transcoder.errors import PoolError
from orthanc_transcoder.host.abi import PIXEL_FORMATS
from orthanc_transcoder.model import PIXEL_BYTES, Request, Rules
from orthanc_transcoder.pipeline import transcode
from orthanc_transcoder.pool.jobs import Answer
from orthanc_transcoder.quality.inspection import inspect
from orthanc_transcoder.rendering import index
from tests.synthesis import Image, native_file

REGISTRY = default_registry()
FILE = native_file(Image(rows=6, columns=5))
SYNTAXES = (
    "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99",
)  # fmt: skip
TARGETS = ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.5", *SYNTAXES)

GREY = {"format": "Grayscale16", "width": 3, "height": 2}
INDEX = {
    "image": {"rows": 6},
    "spans": [[[0, 60]], [[60, 30], [90, 30]]],
    "little": True,
    "word_swapped": False,
    "palette": [],
}
INSPECTION = {**inspect(FILE, REGISTRY).to_json(), "milliseconds": 1.5}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_what_is_honest_is_taken(syntax: str, target: str) -> None:
    for bits in (8, 16):
        source = native_file(Image(rows=20, columns=20, bits_allocated=bits), syntax=syntax)
        request = Request((target,), relabel=True)
        result, report = transcode(source, request, Rules(lossy=True), REGISTRY)
        header = json.loads(json.dumps({"report": report.to_json()}))
        answer = Answer(header, bytearray(result or b""))
        assert answers.report(answer, request, memoryview(source)) == report


@pytest.mark.parametrize("larger", [0, 1])
def test_an_original_is_kept_only_in_a_syntax_that_was_asked_for(larger: int) -> None:
    """A larger result is for Orthanc's side to tell of: that a worker does changes nothing."""
    request = Request((TARGETS[0],))
    _, report = transcode(FILE, Request(("1.2.840.10008.1.2.1",)), Rules(), REGISTRY)
    kept = {**report.to_json(), "larger_bytes": larger}
    assert kept["outcome"] == "kept"
    with pytest.raises(PoolError, match="was not asked for"):
        answers.report(Answer({"report": kept}), request, memoryview(FILE))


def test_the_formats_are_orthancs() -> None:
    for name, size in PIXEL_BYTES.items():
        assert PIXEL_FORMATS[name][1] == size


def test_a_picture() -> None:
    picture = answers.picture(Answer(dict(GREY), bytearray(12)))
    assert picture is not None
    assert (picture.format, picture.width, picture.height) == ("Grayscale16", 3, 2)
    assert answers.picture(Answer({"code": "no_codec", "reason": "None."})) is None


@pytest.mark.parametrize(
    "header",
    [
        {},
        {**GREY, "width": 4},
        {**GREY, "width": 3.0},
        {**GREY, "width": True},
        {**GREY, "width": -3, "height": -2},
        {**GREY, "width": 2**40},
        {**GREY, "format": "Grayscale64"},
        {**GREY, "format": ["Grayscale16"]},
        {**GREY, "more": 1},
        {"code": "no_codec"},
        {"code": 1, "reason": "None."},
        {"code": "a b", "reason": "None."},
        {"code": "no_codec", "reason": ["None."]},
    ],
)
def test_an_odd_picture(header: dict[str, Any]) -> None:
    with pytest.raises(PoolError) as caught:
        answers.picture(Answer(header, bytearray(12)))
    assert caught.value.code == "worker_broken"


def test_an_index() -> None:
    assert answers.index(Answer({"index": INDEX}), 120) == INDEX
    assert answers.index(Answer({}), 120) is None
    real = json.loads(json.dumps(index(memoryview(FILE)).to_json()))
    assert answers.index(Answer({"index": real}), len(FILE)) == real


@pytest.mark.parametrize(
    "odd",
    [
        [],
        {**INDEX, "spans": [[[0, 121]]]},
        {**INDEX, "spans": [[[-1, 2]]]},
        {**INDEX, "spans": [[[0, 61], [0, 61]]]},  # more than the file, all together
        {**INDEX, "spans": [[[0, 1.0]]]},
        {**INDEX, "spans": [[[0]]]},
        {**INDEX, "spans": [[0, 1]]},
        {**INDEX, "spans": 7},
        {**INDEX, "spans": None},
        {**INDEX, "image": []},
        {**INDEX, "image": {"rows": [[[[[]]]]]}},
        {**INDEX, "image": {"rows": 10**30}},
        {**INDEX, "more": 1},
        {"image": {}},
    ],
)
def test_an_odd_index(odd: Any) -> None:
    with pytest.raises(PoolError) as caught:
        answers.index(Answer({"index": odd}), 120)
    assert caught.value.code == "worker_broken"


def test_an_inspection() -> None:
    values = json.loads(json.dumps(INSPECTION))
    assert answers.inspection(Answer({"inspection": values})) == values


@pytest.mark.parametrize(
    "odd",
    [
        [],
        {},
        {**INSPECTION, "verdict": "FAIL"},
        {**INSPECTION, "verdict": ["PASS"]},
        {**INSPECTION, "milliseconds": "1"},
        {**INSPECTION, "findings": [{"code": "x"}]},
        {**INSPECTION, "findings": [[]]},
        {**INSPECTION, "facts": []},
        {**INSPECTION, "facts": {"rows": "6"}},
        {**INSPECTION, "facts": {"ranges": [[1]]}},
        {**INSPECTION, "facts": {"more": 1}},
        {**INSPECTION, "pixel_digest": 1},
        {**INSPECTION, "more": 1},
        {name: value for name, value in INSPECTION.items() if name != "milliseconds"},
    ],
)
def test_an_odd_inspection(odd: Any) -> None:
    with pytest.raises(PoolError) as caught:
        answers.inspection(Answer({"inspection": odd}))
    assert caught.value.code == "worker_broken"
