"""What is in doubt takes no original's place; what somebody asks a copy of is answered."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from orthanc_transcoder import syntaxes
from orthanc_transcoder.codec import uids
from orthanc_transcoder.dicom.file import DicomFile
from orthanc_transcoder.dicom.identity import orthanc_identifier
from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.servers import SCRIPT, OrthancServer, python_plugin
from tests.quality.making import with_frames
from tests.rules.test_reading import coded_as, of_cells
from tests.rules.whole import LOSSY_RULES, to
from tests.support.decoders import with_offset_beyond
from tests.synthesis import Image, native_file, stored_samples, texture, to_bytes

TARGET = uids.JPEG2000Lossless
JPEG = uids.JPEGLosslessSV1
SMALL = Image(19, 23, bits_stored=12)
SIGNED = Image(19, 23, bits_stored=12, signed=True)


def of_another_size(syntax: str = JPEG) -> bytes:
    return coded_as(SMALL, texture(SMALL), Image(23, 19, bits_stored=12), syntax)


def of_undeclared_bits() -> bytes:
    return of_cells(SMALL, texture(SMALL) | 0x5000, JPEG)


def of_two_signs() -> bytes:
    content = coded_as(SMALL, texture(SMALL), SIGNED, TARGET)
    return content.replace(b"1.2.840.10008.1.2.4.90", b"1.2.840.10008.1.2.4.91")


DOUBTS: dict[str, Callable[[], bytes]] = {
    "size_disagrees": of_another_size,
    "unused_bits": of_undeclared_bits,
    "sign_disagrees": of_two_signs,
}


def start(
    factory: StartOrthanc, *, overwrite: bool, native: bool = True, smaller: object = None
) -> OrthancServer:
    return factory(
        plugins=[python_plugin()],
        script=SCRIPT,
        config={
            "IngestTranscoding": TARGET,
            "OverwriteInstances": overwrite,
            "BuiltinDecoderTranscoderOrder": "Disabled",
            "Transcoder": {"NativeCallbacks": native, "OnlyIfSmaller": smaller},
        },
    )


@pytest.fixture(scope="module")
def server(start_module_orthanc: StartOrthanc) -> OrthancServer:
    return start(start_module_orthanc, overwrite=False)


def by_rest(server: OrthancServer, content: bytes, _folder: Path) -> None:
    server.store(content)


def by_cstore(server: OrthancServer, content: bytes, folder: Path) -> None:
    path = folder / "image.dcm"
    path.write_bytes(content)
    proposed = {JPEG: "-xs", uids.JPEG2000: "-xw"}[pixel_data(content)[0]]
    run = server.storescu(path, options=[proposed])
    assert run.returncode == 0, run.stderr


def stored(server: OrthancServer) -> tuple[str, bytes]:
    (identifier,) = server.instances()
    return identifier, server.file(identifier)


def report_of(server: OrthancServer, identifier: str) -> dict[str, Any]:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        answer = server.request("GET", f"/instances/{identifier}/metadata/4206")
        if answer.status == 200:
            return dict(json.loads(answer.body))
        time.sleep(0.1)
    raise AssertionError("there is no report")


def counters(server: OrthancServer) -> dict[str, int]:
    return dict(server.get("/transcoder/status")["counters"])


def archived(server: OrthancServer, identifier: str, syntax: str) -> list[bytes]:
    study = server.get(f"/instances/{identifier}/study")["ID"]
    answer = server.request("GET", f"/studies/{study}/archive?transcode={syntax}")
    assert answer.status == 200
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        return [archive.read(name) for name in archive.namelist()]


def pixel_data(content: bytes) -> tuple[str, bytes]:
    found = pydicom.dcmread(io.BytesIO(content))
    return str(found.file_meta.TransferSyntaxUID), found.PixelData


@pytest.mark.parametrize("route", [by_rest, by_cstore])
@pytest.mark.parametrize("code", DOUBTS)
def test_at_ingest_the_original_is_kept_and_a_copy_is_answered(
    server: OrthancServer, code: str, route: Callable[..., None], tmp_path: Path
) -> None:
    server.clear()
    content = DOUBTS[code]()
    route(server, content, tmp_path)
    identifier, kept = stored(server)
    assert pixel_data(kept) == pixel_data(content)
    report = report_of(server, identifier)
    assert (report["outcome"], report["code"]) == ("declined", code)
    before = counters(server).get("in_doubt", 0)
    (copy,) = archived(server, identifier, syntaxes.EXPLICIT_LE)
    assert pixel_data(copy)[0] == syntaxes.EXPLICIT_LE
    mask = 0xFFF
    expected = texture(SMALL).astype(np.int64) & mask
    assert np.array_equal(stored_samples(copy) & mask, expected)
    # Native pixel data carries what nobody declared: of that there is no doubt.
    asked = code != "unused_bits"
    assert counters(server).get("in_doubt", 0) == before + asked
    assert server.told(f"is in doubt ({code})", expected=asked) is asked


def test_what_two_decoders_read_differently_is_kept_and_fails_the_checks(
    server: OrthancServer,
) -> None:
    server.clear()
    content = with_offset_beyond(SMALL)
    server.store(content)
    identifier, kept = stored(server)
    assert pixel_data(kept) == pixel_data(content)
    report = report_of(server, identifier)
    assert (report["outcome"], report["code"]) == ("declined", "decoders_disagree")
    assert report["second_opinion"]["disagreements"] == 1
    end = time.monotonic() + 20
    while time.monotonic() < end and "findings" not in report:
        time.sleep(0.1)
        report = report_of(server, identifier)
    assert (report["verdict"], report["findings"]) == ("FAIL", ["decoders_disagree"])
    (copy,) = archived(server, identifier, syntaxes.EXPLICIT_LE)
    assert np.array_equal(stored_samples(copy), texture(SMALL))


def test_a_copy_in_the_ingest_syntax_is_answered_once_the_instance_is_known(
    server: OrthancServer,
) -> None:
    server.clear()
    server.store(of_another_size())
    identifier, _ = stored(server)
    end = time.monotonic() + 30
    found: list[bytes] = []
    while time.monotonic() < end:
        found = archived(server, identifier, TARGET)
        if found and pixel_data(found[0])[0] == TARGET:
            break
        time.sleep(0.5)
    assert [pixel_data(one)[0] for one in found] == [TARGET]


@pytest.mark.parametrize("pause", [0, 0.5])
@pytest.mark.parametrize("code", DOUBTS)
def test_what_is_deleted_and_sent_again_is_new(
    server: OrthancServer, code: str, pause: float
) -> None:
    """The index hears of the deletion some seconds later."""
    server.clear()
    content = DOUBTS[code]()
    server.store(content)
    identifier, _ = stored(server)
    report_of(server, identifier)
    time.sleep(2)  # until the index knows it
    server.delete(f"/instances/{identifier}")
    time.sleep(pause)
    server.store(content)
    assert stored(server)[1] == content


@pytest.mark.parametrize(
    ("patient", "character_set"),
    [
        ("  lead", None),
        ("trail  ", None),
        ("caf\xe9", "ISO_IR 100"),
        ("\u5c71\u7530", "ISO_IR 192"),
        ("\u0418\u0432\u0430\u043d", "ISO_IR 144"),
        ("\u5c71\u7530", ["", "ISO 2022 IR 87"]),
        ("", None),
    ],
)
def test_the_identifier_is_orthancs(
    server: OrthancServer, patient: str, character_set: str | list[str] | None
) -> None:
    found = pydicom.dcmread(io.BytesIO(of_another_size()))
    if character_set is not None:
        found.SpecificCharacterSet = character_set
    found.PatientID = patient
    content = to_bytes(found, JPEG)
    identifier = server.store(content)["ID"]
    assert orthanc_identifier(DicomFile.parse(memoryview(content))) == identifier


@pytest.mark.parametrize("smaller", ["auto", None])
@pytest.mark.parametrize("native", [True, False], ids=["native", "fallback"])
def test_what_would_grow_is_kept(
    start_orthanc: StartOrthanc, native: bool, smaller: object
) -> None:
    """A lossy JPEG is several times larger in JPEG 2000 without loss."""
    server = start(start_orthanc, overwrite=False, native=native, smaller=smaller)
    colour = native_file(Image(64, 64, samples=3, bits_allocated=8))
    content, _ = to(colour, uids.JPEGBaseline8Bit, LOSSY_RULES)
    server.store(content)
    identifier, kept = stored(server)
    report = report_of(server, identifier)
    if smaller is None:
        assert pixel_data(kept)[0] == TARGET
        assert report["outcome"] == "transcoded"
        return
    assert kept == content
    assert (report["outcome"], report["code"]) == ("kept", "not_smaller")
    assert report["larger_bytes"] >= report["source_bytes"] == len(content)
    if native:  # who asks for a copy gets it; without the native transcoder nobody makes one
        copies = archived(server, identifier, uids.JPEGLSLossless)
        assert [pixel_data(one)[0] for one in copies] == [uids.JPEGLSLossless]


@pytest.mark.parametrize("native", [True, False], ids=["native", "fallback"])
def test_what_is_sent_again_and_overwritten_is_kept_too(
    start_orthanc: StartOrthanc, native: bool
) -> None:
    server = start(start_orthanc, overwrite=True, native=native)
    content = of_another_size()
    for _ in range(2):
        server.store(content)
        identifier, kept = stored(server)
        assert kept == content
        report = report_of(server, identifier)
        assert (report["outcome"], report["code"]) == ("declined", "size_disagrees")
        time.sleep(3 if native else 0)  # until the index knows it


@pytest.mark.parametrize("overwrite", [False, True], ids=["once", "overwrites"])
def test_who_asks_for_what_would_grow_gets_it(start_orthanc: StartOrthanc, overwrite: bool) -> None:
    """In the ingest syntax, too, and at once, whether or not the index knows it yet."""
    server = start(start_orthanc, overwrite=overwrite, smaller="auto")
    content, _ = to(COLOUR, uids.JPEGBaseline8Bit, LOSSY_RULES)
    server.store(content)
    identifier, kept = stored(server)
    assert kept == content
    copies = archived(server, identifier, TARGET)
    assert [pixel_data(one)[0] for one in copies] == [TARGET]


COLOUR = native_file(Image(64, 64, samples=3, bits_allocated=8))


@pytest.mark.parametrize("code", ["not_smaller", "size_disagrees"])
@pytest.mark.parametrize("target", [uids.JPEGLosslessSV1, uids.JPEGLSLossless])
def test_orthanc_s_own_transcoder_does_not_make_what_we_keep(
    start_orthanc: StartOrthanc, target: str, code: str
) -> None:
    """It comes after us by default, and would store what is larger, or guessed at."""
    server = start_orthanc(
        plugins=[python_plugin()],
        script=SCRIPT,
        config={"IngestTranscoding": target, "Transcoder": {"OnlyIfSmaller": "auto"}},
    )
    lossy, _ = to(COLOUR, uids.JPEGBaseline8Bit, LOSSY_RULES)
    source = uids.JPEGLSLossless if target == JPEG else JPEG
    content = lossy if code == "not_smaller" else of_another_size(source)
    server.store(content)
    identifier, kept = stored(server)
    assert pixel_data(kept) == pixel_data(content)
    report = report_of(server, identifier)
    assert (report["outcome"] in ("kept", "declined"), report["code"]) == (True, code)


@pytest.mark.parametrize("verdict", ["PASS", "FAIL"])
def test_what_is_sent_again_in_another_syntax_keeps_its_report(
    start_orthanc: StartOrthanc, verdict: str
) -> None:
    """Orthanc tells of what it refuses, since it has it already, as if it were stored."""
    server = start(start_orthanc, overwrite=False)
    native = native_file(Image(64, 64, bits_stored=12))
    first, _ = to(native, TARGET)
    if verdict == "FAIL":
        first = with_frames(first, lambda frame: frame[: len(frame) // 4 * 2])
    server.store(first)
    identifier, kept = stored(server)
    before = until_verdict(server, identifier)
    assert before["verdict"] == verdict
    time.sleep(1.3)  # Orthanc counts whole seconds
    server.store(native)
    time.sleep(2)
    assert stored(server)[1] == kept
    after = report_of(server, identifier)
    assert after == before


def until_verdict(server: OrthancServer, identifier: str) -> Any:
    end = time.monotonic() + 30
    while "verdict" not in (report := report_of(server, identifier)):
        assert time.monotonic() < end
        time.sleep(0.1)
    return report
