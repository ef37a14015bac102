"""The plugin in a fake Orthanc, without native callbacks: what an official module alone gives."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from orthanc_transcoder import app
from orthanc_transcoder.codec.uids import JPEG2000Lossless
from orthanc_transcoder.errors import SettingsError
from orthanc_transcoder.host import seam
from tests.host.fake_orthanc import FakeOrthanc, Instance, ReceivedInstanceAction
from tests.synthesis import Image, native_file

EXPLICIT = "1.2.840.10008.1.2.1"


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOrthanc]:
    stops: list[Any] = []
    monkeypatch.setattr("atexit.register", stops.append)
    fake = FakeOrthanc(
        {
            "IngestTranscoding": JPEG2000Lossless,
            "Transcoder": {"NativeCallbacks": False, "Workers": 1, "OnlyIfSmaller": None},
        }
    )
    app.start(fake)
    yield fake
    for stop in stops:
        stop()


def received(host: FakeOrthanc, content: bytes) -> tuple[Any, bytes | None]:
    assert host.received is not None
    return host.received(content, None)


def test_a_received_image_is_replaced_and_its_report_kept(host: FakeOrthanc) -> None:
    action, result = received(host, native_file(Image(rows=9, columns=9)))
    assert action is ReceivedInstanceAction.MODIFY
    assert result is not None
    uid = uid_of(result)
    instance = "-".join(["01234567"] * 5)
    host.resources[f"/instances/{instance}"] = {"MainDicomTags": {"SOPInstanceUID": uid}}
    host.metadata[f"/instances/{instance}/metadata/TransferSyntax"] = JPEG2000Lossless.encode()
    assert host.stored is not None
    host.stored(Instance(JPEG2000Lossless, len(result)), instance)
    output = host.call(f"/transcoder/instances/{instance}/report")
    assert output.status == 200
    report = json.loads(output.body)
    assert (report["outcome"], report["verified"]) == ("transcoded", True)
    assert report["sop_instance_uid"] == uid


def uid_of(content: bytes) -> str:
    from orthanc_transcoder import peek  # noqa: PLC0415

    return peek.sop_instance_uid(memoryview(content))


def test_a_report_is_not_kept_with_another_instance(host: FakeOrthanc) -> None:
    assert host.stored is not None
    received(host, native_file(Image(rows=9, columns=9)))
    instance = "-".join(["01234567"] * 5)
    host.resources[f"/instances/{instance}"] = {"MainDicomTags": {"SOPInstanceUID": "1.2.3"}}
    host.stored(Instance(JPEG2000Lossless, 1), instance)
    assert host.call(f"/transcoder/instances/{instance}/report").status == 404
    assert not host.metadata


def test_what_is_declined_is_kept_as_it_is_with_one_line(host: FakeOrthanc) -> None:
    host.log.clear()
    action, result = received(host, b"no DICOM file at all, but bytes")
    assert (action, result) == (ReceivedInstanceAction.KEEP_AS_IS, None)
    assert [level for level, _ in host.log] == ["warning"]


def test_the_fallback_is_announced_in_one_error_line(host: FakeOrthanc) -> None:
    errors = [message for level, message in host.log if level == "error"]
    assert len(errors) == 1
    assert "NativeCallbacks" in errors[0]


def test_the_status_is_json(host: FakeOrthanc) -> None:
    output = host.call("/transcoder/status")
    assert output.headers["Content-Type"] == "application/json"
    status = json.loads(output.body)
    assert status["native_callbacks"]["registered"] is False
    assert status["orthanc"]["version"] == "1.10.1"


def test_other_methods_are_refused(host: FakeOrthanc) -> None:
    output = host.call("/transcoder/status", "POST")
    assert (output.status, output.headers["Allow"]) == (405, "GET")


def test_a_wrong_option_is_logged_and_raised() -> None:
    fake = FakeOrthanc({"Transcoder": {"Workers": -1}})
    with pytest.raises(SettingsError):
        app.start(fake)
    assert [level for level, _ in fake.log] == ["error"]
    assert "Transcoder.Workers" in fake.log[0][1]


def test_a_process_that_is_no_orthanc_has_no_context() -> None:
    sdk, reason = seam.find_sdk(FakeOrthanc({}), wanted=True)
    assert sdk is None
    assert "0 libraries of the Python plugin" in reason


@pytest.mark.parametrize(
    ("options", "syntax", "applies"),
    [
        ({}, EXPLICIT, False),
        ({"IngestTranscoding": JPEG2000Lossless}, EXPLICIT, True),
        ({"IngestTranscoding": JPEG2000Lossless}, "", True),
        ({"IngestTranscoding": JPEG2000Lossless}, JPEG2000Lossless, False),
        ({"IngestTranscoding": JPEG2000Lossless, "IngestTranscodingOfUncompressed": False},
         EXPLICIT, False),
        ({"IngestTranscoding": EXPLICIT, "IngestTranscodingOfCompressed": False},
         JPEG2000Lossless, False),
        ({"IngestTranscoding": EXPLICIT}, JPEG2000Lossless, True),
    ],
)  # fmt: skip
def test_the_rule_of_ingest(options: dict[str, Any], syntax: str, applies: bool) -> None:
    assert seam.IngestRule(options).applies(syntax) is applies
