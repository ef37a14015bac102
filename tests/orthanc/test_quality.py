"""Quality control on a real Orthanc: what is stored is checked, and its reports are served."""

from __future__ import annotations

import csv
import io
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from orthanc_transcoder import syntaxes
from orthanc_transcoder.codec import uids
from orthanc_transcoder.codec.uids import JPEG2000Lossless
from tests.orthanc.conftest import JPEG2000_LOSSLESS, StartOrthanc
from tests.orthanc.servers import SCRIPT, OrthancServer, free_port, orthanc_version, python_plugin
from tests.quality.making import colour, ct, edited, with_frames
from tests.quality.spoiling import signed, wrong_offsets
from tests.samples import sample_path
from tests.synthesis import Image, encapsulated_file, native_file

NOBODY = "-".join(["00000000"] * 5)
TRUNCATED = encapsulated_file(Image(), [b"\xff\x4f\xff\x51"], JPEG2000Lossless)


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


def start(start_orthanc: StartOrthanc, ingest: str = "", **settings: Any) -> OrthancServer:
    config: dict[str, Any] = {"Transcoder": {"Workers": 1, **settings}}
    if ingest:
        config["IngestTranscoding"] = ingest
    return start_orthanc(plugins=[python_plugin()], script=SCRIPT, config=config)


def report(server: OrthancServer, identifier: str, level: str = "instances") -> Any:
    return server.get(f"/transcoder/{level}/{identifier}/report")


def totals(server: OrthancServer) -> Any:
    return server.get("/transcoder/report")


def checked(server: OrthancServer, count: int) -> None:
    """Wait until so many instances are in the index, and none is pending."""
    until(lambda: totals(server)["instances"] == count and totals(server)["pending"] == 0)


@pytest.fixture(scope="module")
def server(start_module_orthanc: StartOrthanc) -> OrthancServer:
    return start(start_module_orthanc, JPEG2000_LOSSLESS)


@pytest.fixture(autouse=True)
def _clean(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "server" in request.fixturenames:
        one: OrthancServer = request.getfixturevalue("server")
        one.clear()
        checked(one, 0)


def test_every_stored_instance_is_checked_transcoded_or_not(server: OrthancServer) -> None:
    names = ("CT_small.dcm", "rtplan.dcm", "JPEG2000.dcm")
    identifiers = [server.store(sample_path(name).read_bytes())["ID"] for name in names]
    damaged = server.store(TRUNCATED)["ID"]
    checked(server, 4)
    reports = [report(server, one) for one in identifiers]
    assert [one["outcome"] for one in reports] == ["transcoded", "declined", "kept"] or [
        one["outcome"] for one in reports
    ] == ["transcoded", "declined", "transcoded"]
    assert reports[0]["verdict"] == "PASS"  # with a note
    assert [one["code"] for one in reports[0]["quality"]["findings"]] == ["ct_window_missing"]
    assert reports[0]["quality"]["facts"]["modality"] == "CT"
    assert reports[1]["verdict"] == "PASS"
    failed = report(server, damaged)
    assert failed["verdict"] == "FAIL"
    assert "frame 1" in {one["where"] for one in failed["quality"]["findings"]}


def test_the_file_in_orthanc_is_not_touched_by_the_checks(server: OrthancServer) -> None:
    identifier = server.store(sample_path("CT_small.dcm").read_bytes())["ID"]
    before = server.file(identifier)
    checked(server, 1)
    assert server.file(identifier) == before
    assert b"ct_window_missing" not in before


def test_totals_agree_with_the_reports(server: OrthancServer) -> None:
    for rows in range(8, 12):
        server.store(native_file(Image(rows=rows), attributes={"Modality": "CT"}))
    server.store(sample_path("rtplan.dcm").read_bytes())
    checked(server, 5)
    found = totals(server)
    each = [report(server, one) for one in server.instances()]
    assert found["by_outcome"] == {"transcoded": 4, "declined": 1}
    assert found["source_bytes"] == sum(one["source_bytes"] for one in each)
    sizes = [one["result_bytes"] or one["source_bytes"] for one in each]
    assert found["result_bytes"] == sum(sizes)
    verdicts = [one["verdict"] for one in each]
    assert found["by_verdict"] == {one: verdicts.count(one) for one in set(verdicts)}
    (today,) = found["by_day"]
    assert (today["transcoded"], today["declined"]) == (4, 1)


def longer(dataset: Dataset) -> None:
    dataset.PixelData += bytes(10)


def test_what_was_wrong_with_what_was_received_is_told(server: OrthancServer) -> None:
    """What is stored has no byte too many, and no signature that could be verified."""
    identifier = server.store(edited(ct(), longer, signed(0x7FE00010)))["ID"]
    checked(server, 1)
    found = report(server, identifier)
    assert (found["outcome"], found["verdict"], found["quality"]["findings"]) == (
        "transcoded", "PASS", [],
    )  # fmt: skip
    wrong = {one["code"]: one for one in found["received"]}
    assert wrong.keys() == {"pixel_data_too_long", "digital_signature"}
    assert wrong["pixel_data_too_long"]["severity"] == "WARN"
    assert (wrong["digital_signature"]["severity"], wrong["digital_signature"]["where"]) == (
        "NOTE", "(7FE0,0010)",
    )  # fmt: skip
    assert totals(server)["received"] == dict.fromkeys(wrong, 1)
    answer = server.request("GET", f"/transcoder/instances/{identifier}/report?format=csv")
    (row,) = csv.DictReader(io.StringIO(answer.body.decode()))
    assert (row["findings"], row["received"]) == ("", " ".join(sorted(wrong)))


def test_what_was_kept_has_its_own_findings(server: OrthancServer) -> None:
    identifier = server.store(wrong_offsets())["ID"]
    checked(server, 1)
    found = report(server, identifier)
    assert found["outcome"] in ("kept", "unasked")  # Orthanc does not ask for what it has
    assert (found["verdict"], found["received"]) == ("FAIL", [])


def test_the_verdict_is_about_what_another_transcoder_made(start_orthanc: StartOrthanc) -> None:
    """We fail on a damaged JPEG; Orthanc's own transcoder stores what it guesses."""
    config = {
        "IngestTranscoding": syntaxes.EXPLICIT_LE,
        "BuiltinDecoderTranscoderOrder": "After",
        "Transcoder": {"Workers": 1, "QualityFailure": {"Peer": "nowhere"}},
        "OrthancPeers": {"nowhere": [f"http://localhost:{free_port()}/", "", ""]},
    }
    server = start_orthanc(plugins=[python_plugin()], script=SCRIPT, config=config)
    content = with_frames(colour(uids.JPEGBaseline8Bit), cut_short)
    stored = server.store(content)["ID"]
    checked(server, 1)
    found = report(server, stored)
    assert (found["outcome"], found["code"]) == ("failed", "damaged_codestream")
    metadata = server.get(f"/instances/{stored}/metadata?expand")
    assert metadata["TransferSyntax"] == syntaxes.EXPLICIT_LE
    assert found["verdict"] == found["quality"]["verdict"] != "FAIL"
    assert ("frame_undecodable", "FAIL") in {
        (one["code"], one["severity"]) for one in found["received"]
    }
    assert totals(server)["failures"][0]["id"] == stored  # a failed transcoding is one
    assert server.get("/transcoder/status")["quarantine"]["failed"] == 0


def cut_short(frame: bytes) -> bytes:
    """Without the last bytes of its data, and with an end marker all the same."""
    short = frame.rstrip(b"\0").removesuffix(b"\xff\xd9")[:-30] + b"\xff\xd9"
    return short + bytes(len(short) % 2)


@pytest.mark.parametrize("level", ["series", "studies", "patients"])
def test_a_resource_has_a_report_as_json_and_csv(server: OrthancServer, level: str) -> None:
    identifier = server.store(sample_path("CT_small.dcm").read_bytes())["ID"]
    checked(server, 1)
    above = server.get(
        f"/instances/{identifier}/{ {'studies': 'study', 'patients': 'patient'}.get(level, level) }"
    )["ID"]
    found = report(server, above, level)
    (series,) = found["series"]
    (instance,) = series["instances"]
    assert instance["id"] == identifier
    assert (found["verdict"], series["verdict"], instance["verdict"]) == ("PASS",) * 3
    assert found["noted"] == 1
    answer = server.request("GET", f"/transcoder/{level}/{above}/report?format=csv")
    (row,) = csv.DictReader(io.StringIO(answer.body.decode()))
    assert (row["id"], row["outcome"], row["findings"]) == (
        identifier, "transcoded", "ct_window_missing",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"/transcoder/instances/{NOBODY}/report", 404),
        ("GET", f"/transcoder/studies/{NOBODY}/report", 404),
        ("GET", "/transcoder/series/x/report", 404),
        ("POST", f"/transcoder/patients/{NOBODY}/check", 404),
        ("GET", f"/transcoder/patients/{NOBODY}/check", 405),
        ("POST", "/transcoder/report", 405),
        ("GET", "/transcoder/app/secret.py", 404),
        ("GET", "/transcoder/app/index.html", 200),
        ("GET", "/transcoder/app/", 200),
    ],
)
def test_errors_have_the_right_status(
    server: OrthancServer, method: str, path: str, status: int
) -> None:
    answer = server.request(method, path, b"" if method == "POST" else None)
    assert answer.status == status
    if status == 404:
        assert answer.json()["status"] == 404


def test_pages_are_served_with_a_strict_policy(server: OrthancServer) -> None:
    answer = server.request("GET", "/transcoder/app/index.html")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_a_deleted_instance_leaves_the_totals(server: OrthancServer) -> None:
    identifier = server.store(sample_path("CT_small.dcm").read_bytes())["ID"]
    checked(server, 1)
    server.delete(f"/instances/{identifier}")
    checked(server, 0)
    assert totals(server)["findings"] == {}


def test_what_is_sent_again_keeps_its_report(server: OrthancServer) -> None:
    content = sample_path("CT_small.dcm").read_bytes()
    identifier = server.store(content)["ID"]
    checked(server, 1)
    before = report(server, identifier)
    assert server.store(content)["Status"] == "AlreadyStored"
    # The report of another one comes after that of the first.
    other = server.store(sample_path("MR_small.dcm").read_bytes())["ID"]
    checked(server, 2)
    assert report(server, other)["outcome"] == "transcoded"
    assert report(server, identifier) == before


def test_another_image_under_the_same_uid_is_found_out(start_orthanc: StartOrthanc) -> None:
    server = start(start_orthanc, JPEG2000_LOSSLESS)
    attributes = {"SOPInstanceUID": "1.2.3.4", "StudyInstanceUID": "1.2.3", "PatientID": "a"}
    server.store(native_file(Image(), attributes=attributes))
    checked(server, 1)
    other = np.full(Image().shape, 7, Image().dtype)
    again = server.store(native_file(Image(), other, attributes={**attributes, "PatientID": "b"}))
    checked(server, 2)
    codes = [one["code"] for one in report(server, again["ID"])["quality"]["findings"]]
    assert "sop_instance_reused" in codes


def test_what_is_stored_already_is_checked_by_a_job(start_orthanc: StartOrthanc) -> None:
    server = start(start_orthanc, QualityChecks=False)
    content = [native_file(Image(rows=rows), attributes={"StudyInstanceUID": "1.2.3",
               "PatientID": "a"}) for rows in range(8, 16)]  # fmt: skip
    identifiers = [server.store(one)["ID"] for one in content]
    checked(server, 8)
    assert totals(server)["by_verdict"] == {"NONE": 8}
    study = server.get(f"/instances/{identifiers[0]}/study")["ID"]
    assert server.request("POST", f"/transcoder/studies/{study}/check", b"").status == 409
    server.stop()
    with_checks = start_orthanc(
        plugins=[python_plugin()], script=SCRIPT,
        config={"StorageDirectory": str(server.folder / "storage"),
                "IndexDirectory": str(server.folder / "storage"), "Transcoder": {"Workers": 1}},
    )  # fmt: skip
    if not with_checks.instances():
        pytest.skip("this server's storage lies elsewhere")
    job = with_checks.post(f"/transcoder/studies/{study}/check", b"")
    until(lambda: with_checks.get(job["Path"])["State"] == "Success")
    content_of_job = with_checks.get(job["Path"])["Content"]
    assert (content_of_job["Checked"], content_of_job["Instances"]) == (8, 8)
    assert "NONE" not in totals(with_checks)["by_verdict"]


def test_checks_switched_off_cost_no_worker(start_orthanc: StartOrthanc) -> None:
    server = start(start_orthanc, JPEG2000_LOSSLESS, QualityChecks=False)
    identifier = server.store(sample_path("CT_small.dcm").read_bytes())["ID"]
    checked(server, 1)
    found = report(server, identifier)
    assert (found["outcome"], found["verdict"], found["quality"]) == ("transcoded", "NONE", None)
    assert server.get("/transcoder/status")["workers"]["configured"] == 2


def test_the_checks_do_not_keep_anyone_waiting(start_orthanc: StartOrthanc) -> None:
    """A file whose check takes seconds, and one that is stored meanwhile."""
    server = start(start_orthanc)
    server.store(native_file(Image(rows=64, columns=64, frames=4000)))
    until(lambda: totals(server)["pending"] > 0 or totals(server)["instances"] == 1)
    started = time.monotonic()
    server.store(native_file(Image()))
    assert time.monotonic() - started < 5
    checked(server, 2)


def test_a_failed_instance_goes_into_quarantine(start_orthanc: StartOrthanc) -> None:
    port = free_port()
    peer = start_orthanc(config={"HttpPort": port})
    server = start_orthanc(
        plugins=[python_plugin()],
        script=SCRIPT,
        config={
            "OrthancPeers": {"quarantine": [f"http://127.0.0.1:{port}/"]},
            "Transcoder": {"QualityFailure": {"Peer": "quarantine", "Delete": True}},
        },
    )
    server.store(TRUNCATED)
    sound = server.store(sample_path("MR_small.dcm").read_bytes())["ID"]
    until(lambda: len(peer.instances()) == 1)
    until(lambda: server.instances() == [sound])


@pytest.mark.skipif(orthanc_version() < (1, 12, 0), reason="labels are new in Orthanc 1.12.0")
def test_a_failed_instance_gets_a_label(start_orthanc: StartOrthanc) -> None:
    server = start(start_orthanc, QualityFailure={"Label": "unsound"})
    identifier = server.store(TRUNCATED)["ID"]
    until(lambda: server.get(f"/instances/{identifier}/labels") == ["unsound"])


def test_totals_survive_a_reset_of_orthanc(start_orthanc: StartOrthanc) -> None:
    """Python is started again in the same process, and with it everything here."""
    server = start(start_orthanc, JPEG2000_LOSSLESS)
    server.store(sample_path("CT_small.dcm").read_bytes())
    checked(server, 1)
    server.post("/tools/reset", b"")

    def answers() -> bool:
        try:
            return bool(server.get("/system"))
        except OSError:
            return False

    time.sleep(1)
    until(answers)
    checked(server, 1)
    server.store(sample_path("MR_small.dcm").read_bytes())
    checked(server, 2)


def test_many_clients_at_once_are_all_entered(server: OrthancServer) -> None:
    def send(start_at: int) -> None:
        for number in range(15):
            server.store(native_file(Image(rows=8 + start_at, columns=8 + number)))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    checked(server, 60)
    assert sum(totals(server)["by_outcome"].values()) == 60
