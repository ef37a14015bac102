"""What is told at the start, and does not stop it."""

from __future__ import annotations

from typing import Any

import pytest

from orthanc_transcoder import advice
from orthanc_transcoder.codec import uids
from orthanc_transcoder.confinement_watch import ConfinementWatch
from orthanc_transcoder.host.seam import Configuration
from orthanc_transcoder.options import SECTION
from orthanc_transcoder.problems import Problems
from orthanc_transcoder.settings import Settings
from orthanc_transcoder.syntaxes import EXPLICIT_LE
from tests.host.fake_orthanc import FakeOrthanc


def told(target: str, order: str = "Disabled", section: Any = None, **values: Any) -> Any:
    values |= {"IngestTranscoding": target, "BuiltinDecoderTranscoderOrder": order}
    configuration = Configuration(FakeOrthanc({"Transcoder": section or {}, **values}), SECTION)
    return advice.on_ingest(Settings.parse(configuration.section), configuration)


LOSSY_ONLY = [uids.JPEGBaseline8Bit, uids.JPEGExtended12Bit, uids.JPEGLSNearLossless]


@pytest.mark.parametrize("target", LOSSY_ONLY)
def test_a_target_that_is_always_lossy_needs_lossy(target: str) -> None:
    found = told(target)
    assert list(found) == ["Lossy"]
    assert f'"IngestTranscoding" is {target}, which is always lossy' in found["Lossy"]
    assert 'set "Transcoder.Lossy" to true' in found["Lossy"]
    assert told(target, section={"Lossy": True}) == {}
    never: Any = {"IngestTranscodingOfUncompressed": False, "IngestTranscodingOfCompressed": False}
    assert told(target, **never) == {}


@pytest.mark.parametrize(
    "target", ["", EXPLICIT_LE, uids.JPEG2000, uids.HTJ2K, uids.JPEGXL, uids.JPEG2000Lossless]
)
def test_other_targets_do_not(target: str) -> None:
    assert told(target) == {}


@pytest.mark.parametrize(
    ("order", "fate"),
    [
        ("Disabled", "every image is declined, and stored as it came"),
        ("After", "every image is declined, and goes on to Orthanc's own transcoder"),
        ("Before", "Orthanc's own transcoder, which comes first, makes what it can"),
    ],
)
def test_it_is_said_what_becomes_of_the_images(order: str, fate: str) -> None:
    assert fate in told(uids.JPEGBaseline8Bit, order)["Lossy"]


@pytest.mark.parametrize("target", ["1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.53", "1.2.3"])
def test_a_target_that_is_not_written_here(target: str) -> None:
    found = told(target, section={"RestrictTransferSyntaxes": ["JPEGLSLossless"]})
    assert list(found) == ["IngestTranscoding"]
    assert (
        f'"IngestTranscoding" is {target}, which is not written here' in found["IngestTranscoding"]
    )


@pytest.mark.parametrize("target", LOSSY_ONLY)
def test_forwarding_in_a_syntax_that_is_always_lossy_needs_lossy(target: str) -> None:
    section: dict[str, Any] = {"Forward": {"Peer": "pacs", "Transcode": target}}
    assert list(advice.on_forwarding(Settings.parse(section))) == ["Forward"]
    assert advice.on_forwarding(Settings.parse({**section, "Lossy": True})) == {}
    assert advice.on_forwarding(Settings.parse({"Forward": {"Peer": "pacs"}})) == {}
    assert advice.on_forwarding(Settings()) == {}


def test_a_target_that_the_settings_exclude() -> None:
    section = {"RestrictTransferSyntaxes": ["JPEGLSLossless"]}
    found = told(uids.JPEG2000Lossless, section=section)
    assert list(found) == ["RestrictTransferSyntaxes"]
    assert f"does not list {uids.JPEG2000Lossless}" in found["RestrictTransferSyntaxes"]
    assert told(uids.JPEGLSLossless, section=section) == {}
    assert told(EXPLICIT_LE, section=section) == {}
    assert len(told(uids.JPEGBaseline8Bit, section=section)) == 2


@pytest.mark.parametrize("order", ["Before", "After"])
def test_the_builtin_transcoder_is_warned_of(order: str) -> None:
    assert f'"BuiltinDecoderTranscoderOrder" is "{order}"' in advice.on_builtin(order)
    assert advice.on_builtin("Disabled") == ""


ALL = {"memory_limit": "on", "own_network": "on", "landlock": "on", "seccomp": "on"}
NOT = "Operation not permitted"


def test_confinement_that_is_whole() -> None:
    assert advice.on_confinement(ALL) == ""
    assert advice.on_confinement({**ALL, "own_network": NOT}) == ""


def test_confinement_that_is_not() -> None:
    said = advice.on_confinement({**ALL, "landlock": "Function not implemented"})
    assert "without landlock (Function not implemented): " in said
    said = advice.on_confinement({**ALL, "own_network": NOT, "seccomp": "Invalid argument"})
    assert f"without own network ({NOT}), seccomp (Invalid argument): " in said


def test_what_confines_less_is_told_once_and_as_long_as_it_is_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    board = Problems()
    watch = ConfinementWatch(board)
    watch.started(ALL)
    assert board.standing() == []
    for _ in range(3):
        watch.started({**ALL, "landlock": NOT})
    (one,) = board.standing()
    assert (one["part"], one["count"]) == ("confinement", 1)
    assert [record.getMessage() for record in caplog.records] == [one["sentence"]]
    watch.started(ALL)
    assert board.standing() == []
    watch.started({**ALL, "landlock": NOT})
    assert len(caplog.records) == 2
