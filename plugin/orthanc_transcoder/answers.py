"""What a worker answers, taken for what it is shown to be, and for nothing else.

The border of ``pool``: whatever interprets an answer stands here, and raises
``PoolError`` (``worker_broken``) at what no sound worker sends, which costs the worker.
Called on threads of the pool.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from . import peek, result, typed
from .errors import PoolError
from .model import PIXEL_BYTES, Outcome, Picture, Report, Request
from .pool.jobs import Answer
from .quality.findings import Inspection

Made = TypeVar("Made")

_CODE = re.compile(r"[a-z0-9_]{0,64}")
_PICTURE = frozenset(("format", "width", "height"))
_REFUSAL = frozenset(("code", "reason"))
_INDEX = frozenset(("image", "spans", "little", "word_swapped", "palette"))
_INFLATED = 2**30  # what the data set of a deflated source may become
# From a bit of the source to a byte of a picture; from a byte to red, green and blue.
_BYTES_PER_SHOWN = 8


def most_of_result(source_bytes: int, maximum_image_bytes: int) -> int:
    """Bytes that a transcoded file may have: twice its pixel data, and all around them."""
    return 2 * maximum_image_bytes + 2 * source_bytes + _INFLATED


def most_of_picture(maximum_image_bytes: int) -> int:
    """Bytes that a frame may have as it is shown."""
    return _BYTES_PER_SHOWN * maximum_image_bytes


def report(answer: Answer, request: Request, source: memoryview) -> Report:
    """The report of a transcoding, whose result is as it says."""
    return _checked("report", lambda: _report(answer, request, source))


def picture(answer: Answer) -> Picture | None:
    """The picture, or None where the answer is a refusal, and says why."""
    return _checked("picture", lambda: _picture(answer))


def index(answer: Answer, file_bytes: int) -> dict[str, Any] | None:
    """Where a file's frames lie, if the answer says so."""
    return _checked("index", lambda: _index(answer.header.get("index"), file_bytes))


def inspection(answer: Answer) -> dict[str, Any]:
    """What the checks found, as plain values."""
    return _checked("inspection", lambda: _inspection(answer))


def _checked(what: str, make: Callable[[], Made]) -> Made:
    try:
        return make()
    except (ValueError, TypeError, KeyError, OSError, EOFError, RecursionError) as error:
        raise PoolError("worker_broken", f"a worker's {what} is odd: {error}"[:300]) from error


def _report(answer: Answer, request: Request, source: memoryview) -> Report:
    _require(answer.header.keys() == {"report"}, "it has other parts")
    found = Report.from_json(answer.header["report"])
    codes = (found.code, *found.doubts, *(one.code for one in found.received))
    _require(all(map(_CODE.fullmatch, codes)), "a code is none")
    _require(found.target_syntax in (*request.allowed, ""), "the target was not asked for")
    if found.outcome is Outcome.TRANSCODED:
        result.check(answer.payload, found, request, source)
    elif found.outcome is Outcome.KEPT:
        # The source is handed back as what was asked for.
        seen = peek.transfer_syntax(source) or found.source_syntax
        _require(seen == found.source_syntax, "the source has another transfer syntax")
        _require(seen in request.allowed, "the source's syntax was not asked for")
    return found


def _picture(answer: Answer) -> Picture | None:
    header = {name: value for name, value in answer.header.items() if name != "index"}
    if header.keys() == _REFUSAL:
        _require(all(isinstance(value, str) for value in header.values()), "it says no reason")
        _require(bool(_CODE.fullmatch(header["code"])), "a code is none")
        return None
    _require(header.keys() == _PICTURE, "it has other parts")
    kind, width, height = header["format"], header["width"], header["height"]
    _require(isinstance(kind, str) and kind in PIXEL_BYTES, "it has no known format")
    _require(type(width) is int and type(height) is int, "its sizes are no numbers")
    _require(0 < width <= 0xFFFF and 0 < height <= 0xFFFF, "its sizes are impossible")
    size = PIXEL_BYTES[kind] * width * height
    _require(len(answer.payload) == size, "it has another size than it says")
    return Picture(kind, width, height, answer.payload)


def _index(value: Any, file_bytes: int) -> dict[str, Any] | None:
    if value is None:
        return None
    _require(isinstance(value, dict) and value.keys() == _INDEX, "it has other parts")
    _require(isinstance(value["image"], dict), "it has no image")
    typed.plain({name: part for name, part in value.items() if name != "spans"}, 5)
    for frame in value["spans"]:
        _require(_lies_within(frame, file_bytes), "a frame lies outside the file")
    return dict(value)


def _lies_within(frame: Any, file_bytes: int) -> bool:
    """Whether a frame's spans are parts of the file, and not more than it all together."""
    total = 0
    for offset, length in frame:
        if type(offset) is not int or type(length) is not int or offset < 0 or length < 0:
            return False
        total += length
        if offset + length > file_bytes or total > file_bytes:
            return False
    return True


def _inspection(answer: Answer) -> dict[str, Any]:
    _require(answer.header.keys() == {"inspection"}, "it has other parts")
    values: dict[str, Any] = answer.header["inspection"]
    _require(isinstance(values, dict), "it is no object")
    rest = dict(values)
    milliseconds, verdict = rest.pop("milliseconds"), rest.pop("verdict")
    _require(type(milliseconds) in (int, float), "it has no duration")
    found = Inspection.from_json(rest)
    _require(str(found.verdict) == verdict, "its verdict is not that of its findings")
    _require(all(_CODE.fullmatch(one.code) for one in found.findings), "a code is none")
    return values


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise ValueError(otherwise)
