"""What the core reads of a job, read as the core does; ``tests/orthanc`` has the rest."""

from __future__ import annotations

import ctypes
import json
import struct

import pytest

from orthanc_transcoder.errors import HostError
from orthanc_transcoder.host import abi, jobs


def read_progress(text: jobs._Text) -> float:
    return float(ctypes.cast(jobs._GET_PROGRESS, abi.JOB_PROGRESS)(text.address))


def read_content(text: jobs._Text) -> object:
    address = ctypes.cast(jobs._GET_CONTENT, abi.JOB_CONTENT)(text.address)
    return json.loads(ctypes.string_at(address))


@pytest.mark.parametrize("value", [0.0, 1e-45, 1e-6, 1 / 3, 0.5, 0.99999994, 1.0])
def test_the_progress_is_exact_to_the_bits_of_a_float(value: float) -> None:
    text = jobs._Text()
    text.write(value, {})
    assert struct.pack("<f", read_progress(text)) == struct.pack("<f", value)


@pytest.mark.parametrize(
    ("value", "shown"), [(-0.5, 0.0), (1.5, 1.0), (float("inf"), 1.0), (float("nan"), 0.0)]
)
def test_the_progress_stays_between_0_and_1(value: float, shown: float) -> None:
    text = jobs._Text()
    text.write(value, {})
    assert read_progress(text) == shown


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"a": "/"},
        {"a/b": ["\\/", "\\\\/", "/\\"]},
        {"ä": "\0\n/\U0001f600"},
        {"x": "y" * 9_000_000},
    ],
)
def test_the_content_comes_back_whatever_is_in_it(content: dict[str, object]) -> None:
    text = jobs._Text()
    text.write(0.25, {"longer": "than the next one" * 100})
    text.write(0.5, content)
    assert read_content(text) == content
    assert not text.is_deleted


def test_a_content_too_large_is_an_error_and_the_former_stays() -> None:
    text = jobs._Text()
    text.write(0.5, {"Done": 1})
    with pytest.raises(ValueError, match="bytes"):
        text.write(0.6, {"Done": "x" * jobs._TEXT_BYTES})
    assert (read_progress(text), read_content(text)) == (0.5, {"Done": 1})


def test_deleting_marks_the_text() -> None:
    text = jobs._Text()
    text.write(0.0, {})
    ctypes.cast(jobs._FINALIZE, abi.FREE)(text.address)
    assert text.is_deleted


def test_another_c_library_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs._prove()
    monkeypatch.setattr(jobs, "_GET_PROGRESS", ctypes.cast(jobs._libc.labs, ctypes.c_void_p))
    with pytest.raises(HostError, match="text of a job"):
        jobs._prove()


@pytest.mark.parametrize("content", [{"Type": "mine"}, {"Ended": 1}, {"number": float("nan")}])
def test_what_the_core_could_not_save_is_an_error(content: dict[str, object]) -> None:
    class Wrong:
        def step(self) -> abi.Step:
            return "success"

        def progress(self) -> float:
            return 0.0

        def content(self) -> dict[str, object]:
            return content

        def stop(self, reason: abi.StopReason) -> None:
            raise NotImplementedError(reason)

        def reset(self) -> None:
            raise NotImplementedError

    with pytest.raises(ValueError, match=r"content of a job|JSON"):
        jobs._Entry(Wrong(), ended=False)
