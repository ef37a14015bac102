"""What was wrong with a file as it was received is told, although the result has it right."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from orthanc_transcoder import syntaxes
from orthanc_transcoder.codec import uids
from orthanc_transcoder.model import Outcome, Report, Request, Rules
from orthanc_transcoder.pipeline import transcode
from orthanc_transcoder.quality.findings import Severity, Verdict
from orthanc_transcoder.quality.inspection import inspect
from tests.quality.making import (
    REGISTRY,
    coded,
    colour,
    ct,
    edited,
    grey,
    having,
    with_cells,
    with_frames,
)
from tests.quality.spoiling import (
    in_jp2,
    odd_fragment,
    pixel_vr,
    replaced,
    signed,
    wrong_offsets,
)

J2K = uids.JPEG2000Lossless
TARGETS = (J2K, uids.HTJ2KLossless, uids.RLELossless, syntaxes.EXPLICIT_LE)


def received(content: bytes, target: str = J2K, **rules: Any) -> tuple[bytes | None, Report]:
    return transcode(content, Request((target,), replaces=True), Rules(**rules), REGISTRY)


def codes(report: Report) -> set[str]:
    return {finding.code for finding in report.received}


# Each is mended by any transcoding.
MENDED: dict[str, Callable[[], bytes]] = {
    "offset_table": wrong_offsets,
    "pixel_data_vr": lambda: edited(coded(), pixel_vr("OW")),
    "odd_length": lambda: replaced(*odd_fragment()),
    "codestream_wrapped": lambda: with_frames(coded(J2K), in_jp2),
    "colour_label": lambda: edited(colour(J2K), having(PhotometricInterpretation="RGB")),
    "lossy_flag_missing": lambda: edited(
        colour(uids.JPEGBaseline8Bit), having(LossyImageCompression=None)
    ),
    "pixel_data_too_long": lambda: edited(ct(), longer),
    "high_bit": lambda: edited(grey(bits=12), having(HighBit=13)),
}


def longer(dataset: Dataset) -> None:
    dataset.PixelData += bytes(10)


@pytest.mark.parametrize("code", MENDED)
@pytest.mark.parametrize("target", TARGETS)
def test_what_is_mended_is_told(code: str, target: str) -> None:
    content = MENDED[code]()
    assert code in {one.code for one in inspect(content, REGISTRY).findings}
    result, report = received(content, target)
    if result is None:  # such as JPEG 2000 to JPEG 2000
        assert (report.outcome, report.received) == (Outcome.KEPT, ())
        return
    assert code in codes(report)
    assert Report.from_json(report.to_json()) == report


def test_it_is_what_the_checks_find_but_for_the_look_of_the_samples() -> None:
    """Words, places and severities are the checks'."""
    content = edited(MENDED["lossy_flag_missing"](), having(WindowCenter=1, WindowWidth=0))
    findings = inspect(content, REGISTRY).findings
    assert set(received(content)[1].received) == set(findings)
    blank = with_cells(grey(), lambda cells: cells * 0)
    assert codes(received(blank)[1]) == set()  # what is stored is blank, too


def test_doubts_and_damage_are_told() -> None:
    _, report = received(edited(coded(uids.JPEGLSLossless), having(Rows=64)))
    assert {"size_disagrees"} <= codes(report)
    cut = with_frames(coded(uids.JPEGLSLossless), lambda frame: frame[: len(frame) // 2])
    _, report = received(cut)
    assert report.outcome is Outcome.FAILED
    assert codes(report) & {"frame_truncated", "frame_undecodable"}


def test_a_file_that_cannot_be_parsed_is_told() -> None:
    """Orthanc's own transcoder may mend it, and store what looks sound."""
    _, report = received(ct()[:600])
    assert (report.outcome, codes(report)) == (Outcome.FAILED, {"unreadable_file"})


def test_bits_that_were_dropped_are_told() -> None:
    content = with_cells(grey(bits=12), lambda cells: cells | 0x4000)
    result, report = received(content, unused_bits="mask")
    assert result is not None
    assert codes(report) == {"values_outside_bits_stored"}
    assert inspect(result, REGISTRY).findings == ()
    _, report = received(content)
    assert (list(report.doubts), codes(report)) == (["unused_bits"], {"values_outside_bits_stored"})


def test_nothing_is_told_of_what_is_sound_or_not_asked_for() -> None:
    assert received(ct())[1].received == ()
    spoilt = MENDED["offset_table"]()
    assert received(spoilt, uids.RLELossless, checks=False)[1].received == ()
    _, copy = transcode(spoilt, Request((uids.RLELossless,)), Rules(), REGISTRY)
    assert copy.received == ()


def test_a_defect_of_a_check_costs_no_transcoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("no luck")

    monkeypatch.setattr("orthanc_transcoder.quality.inspection._CHECKS", (broken,))
    result, report = received(ct())
    assert result is not None
    assert [(one.code, one.sentence) for one in report.received] == [
        ("internal_error", "ZeroDivisionError: no luck")
    ]


PIXELS, PHOTOMETRIC, NAME = 0x7FE00010, 0x00280004, 0x00100010


@pytest.mark.parametrize(
    ("tags", "target", "broken"),
    [
        ((PIXELS,), J2K, "(7FE0,0010)"),
        ((NAME, PIXELS), uids.RLELossless, "(7FE0,0010)"),
        ((NAME,), J2K, ""),
        ((PHOTOMETRIC,), J2K, "(0028,0004)"),  # YBR_RCT
        ((PHOTOMETRIC, PIXELS), J2K, "(0028,0004), (7FE0,0010)"),
        ((PHOTOMETRIC,), uids.RLELossless, ""),
        ((PIXELS, PHOTOMETRIC, NAME), syntaxes.IMPLICIT_LE, ""),
        ((PIXELS, PHOTOMETRIC, NAME), syntaxes.DEFLATED_LE, ""),
        ((PIXELS, PHOTOMETRIC, NAME), syntaxes.EXPLICIT_BE, ""),
    ],
)
def test_a_signature_that_the_encoding_breaks_is_told(
    tags: tuple[int, ...], target: str, broken: str
) -> None:
    """Byte order and implicit VRs break none: it is over explicit VRs in little endian."""
    result, report = received(edited(colour(), signed(*tags)), target)
    assert result is not None
    told = [one for one in report.received if one.code == "digital_signature"]
    assert [one.where for one in told] == ([broken] if broken else [])
    assert all(one.severity is Severity.NOTE for one in told)
    assert inspect(result, REGISTRY).verdict is Verdict.PASS


def test_big_endian_words_are_the_same_words() -> None:
    sixteen = edited(grey(bits=12), signed(PIXELS))
    result, report = received(sixteen, syntaxes.EXPLICIT_BE)
    assert result is not None
    assert report.received == ()
    assert codes(received(result, J2K)[1]) == {"digital_signature"}
    back, report = received(result, syntaxes.EXPLICIT_LE)
    assert back is not None
    assert report.received == ()


def test_without_a_signature_that_uses_them_no_elements_are_signed() -> None:
    unused = edited(colour(), signed(PIXELS, used=2))
    assert received(unused)[1].received == ()
    unread = bytearray(edited(colour(), signed(PIXELS)))
    at = unread.index(b"\xfe\x4f\x01\x00SQ") + 12
    unread[at : at + 4] = b"odd!"
    result, report = received(bytes(unread))
    assert "digital_signature" not in codes(report)
    assert result is not None or report.code != "internal_error"


def test_it_comes_back_from_json() -> None:
    report = received(MENDED["offset_table"](), uids.RLELossless)[1]
    again = Report.from_json(report.to_json())
    assert again.received == report.received
    assert dataclasses.asdict(again) == dataclasses.asdict(report)
    assert np.all([isinstance(one.severity, Severity) for one in again.received])
