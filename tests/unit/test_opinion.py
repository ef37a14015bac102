"""A second opinion on sources that would be replaced."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from orthanc_transcoder import cli, opinion, syntaxes
from orthanc_transcoder.codec import uids
from orthanc_transcoder.codec.contract import Decoded
from orthanc_transcoder.codec.registry import Registry
from orthanc_transcoder.codec.witnesses import CHEAP, Seat
from orthanc_transcoder.errors import CodecError, Declined
from orthanc_transcoder.model import Outcome, Report, Request, Rules
from orthanc_transcoder.pipeline import transcode
from orthanc_transcoder.policy import kept_if_in_doubt
from orthanc_transcoder.quality.findings import Inspection
from orthanc_transcoder.quality.inspection import inspect
from tests.damage.anatomy import parts
from tests.damage.harm import Kind, damaged
from tests.rules.whole import codestreams
from tests.support.decoders import (
    REAL,
    Told,
    one_sample_off,
    raising,
    registry_with,
    with_offset_beyond,
)
from tests.synthesis import Image, encapsulated_file, native_file, texture

GREY = Image(60, 70, bits_stored=12, frames=2)
SOURCES = (uids.RLELossless, uids.JPEGLosslessSV1, uids.HTJ2KLossless)
EVERY = pytest.mark.parametrize("source", SOURCES)
NATIVE = syntaxes.EXPLICIT_LE
CODE = "decoders_disagree"


def coded(source: str, image: Image = GREY) -> bytes:
    result, _ = transcode(native_file(image, texture(image)), Request((source,)), Rules(), REAL)
    assert result is not None
    return result


def asked(
    content: bytes,
    registry: Registry,
    second_opinion: str = "cheap",
    *,
    replaces: bool = True,
    target: str = NATIVE,
) -> Report:
    rules = Rules(second_opinion=second_opinion)
    result, report = transcode(content, Request((target,), replaces=replaces), rules, registry)
    assert result is not None
    assert report.outcome is Outcome.TRANSCODED
    return report


@EVERY
@pytest.mark.parametrize("target", [NATIVE, uids.JPEG2000Lossless])
def test_two_that_agree_are_named(source: str, target: str) -> None:
    told = Told(source)
    report = asked(coded(source), registry_with(told, source), target=target)
    assert report.doubts == {}
    assert report.second_opinion == {
        "by": "told",
        "version": "7",
        "independence": "implementation",
        "frames": 2,
        "disagreements": 0,
    }
    assert len(told.asked) == 2


@EVERY
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (one_sample_off, "Frame 1: told reads 1 of 4200 samples otherwise."),
        (
            raising(CodecError("damaged_codestream", "a run too long")),
            "Frame 1: told finds it damaged: a run too long.",
        ),
    ],
)
def test_two_that_disagree_make_a_doubt_and_the_original_stays(
    source: str, answer: Callable[[Decoded], Decoded], said: str
) -> None:
    report = asked(coded(source), registry_with(Told(source, answer), source))
    assert report.doubts == {CODE: said}
    assert report.second_opinion["disagreements"] == 2
    kept = kept_if_in_doubt(report)
    assert (kept.outcome, kept.code, kept.reason) == (Outcome.DECLINED, CODE, said)
    assert kept.second_opinion == report.second_opinion


@EVERY
@pytest.mark.parametrize(
    "refusal",
    [
        Declined("codec_refuses", "too deep for me"),
        CodecError("unsupported_codestream", "too deep for me"),
    ],
)
def test_what_the_second_cannot_read_at_all_is_no_disagreement(
    source: str, refusal: CodecError | Declined
) -> None:
    report = asked(coded(source), registry_with(Told(source, raising(refusal)), source))
    assert report.doubts == {}
    assert (report.second_opinion["frames"], report.second_opinion["reason"]) == (
        0,
        "too deep for me",
    )


@EVERY
def test_a_copy_that_somebody_asks_for_costs_no_second_decoding(source: str) -> None:
    told = Told(source, one_sample_off)
    report = asked(coded(source), registry_with(told, source), replaces=False)
    assert (told.asked, report.doubts, report.second_opinion) == ([], {}, {})


@pytest.mark.parametrize(
    ("source", "second_opinion", "is_asked"),
    [
        *((source, "cheap", True) for source in SOURCES),
        *((source, "none", False) for source in SOURCES),
        (uids.JPEG2000Lossless, "cheap", False),
        (uids.JPEG2000Lossless, "all", True),
        (uids.JPEGLSLossless, "cheap", False),
        (uids.JPEGLSLossless, "all", True),
    ],
)
def test_the_settings_say_where(source: str, second_opinion: str, is_asked: bool) -> None:
    told = Told(source)
    asked(coded(source), registry_with(told, source), second_opinion)
    assert bool(told.asked) is is_asked


def test_where_there_is_none_the_report_says_why() -> None:
    registry = registry_with("libfoo", uids.RLELossless)
    report = asked(coded(uids.RLELossless), registry)
    assert (report.doubts, report.second_opinion) == ({}, {"reason": "libfoo: libfoo"})


def test_one_that_crashes_on_damage_is_not_asked() -> None:
    told = Told(uids.JPEGLosslessSV1, sound_only=True)
    report = asked(coded(told.syntax), registry_with(told, told.syntax))
    assert told.asked == []
    assert "crash" in report.second_opinion["reason"]


def test_lossy_codestreams_are_not_compared() -> None:
    source = uids.HTJ2K
    request, rules = Request((source,)), Rules(lossy=True)
    content, _ = transcode(native_file(GREY, texture(GREY)), request, rules, REAL)
    assert content is not None
    told = Told(source, one_sample_off)
    report = asked(content, registry_with(told, source))
    assert (told.asked, report.doubts) == ([], {})
    assert "round differently" in report.second_opinion["reason"]


def test_native_images_are_read_once() -> None:
    report = asked(native_file(GREY), REAL, target=uids.RLELossless)
    assert report.second_opinion == {}


@pytest.mark.parametrize("source", sorted(CHEAP))
def test_real_decoders_agree_on_what_is_sound(source: str) -> None:
    seat = opinion.wanted(source, "cheap", REAL)
    if not isinstance(seat, Seat):
        pytest.skip(seat)
    report = asked(coded(source), REAL)
    assert report.doubts == {}
    assert (report.second_opinion["by"], report.second_opinion["frames"]) == (seat.witness.name, 2)


def spoilt(source: str, image: Image) -> list[bytes]:
    """Files with some bytes changed, which the codec reads all the same."""
    (frame,) = codestreams(coded(source, image))
    pieces = parts(frame, source)
    files = (
        encapsulated_file(image, [damaged(pieces, kind, source, index)], source)
        for kind in (Kind.CHANGED, Kind.FLIPPED, Kind.ZEROED)
        for index in range(60)
    )
    return [one for one in files if is_read(one)]


def is_read(content: bytes) -> bool:
    request = Request((NATIVE,))
    return transcode(content, request, Rules(), REAL)[0] is not None


def test_real_decoders_disagree_on_some_of_what_is_damaged() -> None:
    """OpenJPH lets samples beyond the range wrap around, OpenJPEG clips them."""
    image = Image(64, 64, samples=3, bits_allocated=8, photometric="RGB")
    files = spoilt(uids.HTJ2KLossless, image)
    reports = [asked(one, REAL) for one in files]
    doubtful = [one for one, report in zip(files, reports, strict=True) if CODE in report.doubts]
    assert doubtful
    assert len(doubtful) < len(files)  # no decoder can see all of it
    inspection = inspect(doubtful[0], REAL, second_opinion="cheap")
    assert CODE in {one.code for one in inspection.findings}


def test_the_command_line_writes_nothing_in_doubt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there, result = tmp_path / "in.dcm", tmp_path / "out.dcm"
    there.write_bytes(with_offset_beyond(Image(20, 30)))
    arguments = ["transcode", str(there), str(result), "--to", "JPEG2000Lossless"]
    assert cli.main(arguments) == cli.DECLINED
    assert CODE in capsys.readouterr().out
    assert not result.exists()
    assert cli.main([*arguments, "--doubtful"]) == cli.DONE
    assert result.exists()


def test_the_checks_say_it_where_they_are_told_to_look() -> None:
    content = with_offset_beyond(Image(20, 30, bits_stored=12))

    def found(**options: str) -> set[str]:
        inspection: Inspection = inspect(content, REAL, **options)
        return {one.code for one in inspection.findings}

    assert CODE not in found()
    assert CODE in found(second_opinion="cheap")
    assert CODE not in found(second_opinion="none")
