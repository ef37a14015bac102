"""Settings that contradict Orthanc's own options: what Orthanc's log says, and what goes on."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orthanc_transcoder.codec.uids import JPEG2000Lossless, JPEGBaseline8Bit
from tests.orthanc.conftest import JPEG2000_LOSSLESS, StartOrthanc
from tests.orthanc.servers import (
    PROJECT,
    SCRIPT,
    OrthancServer,
    StartError,
    free_port,
    orthanc_version,
    python_plugin,
)
from tests.orthanc.test_metrics import scrape
from tests.synthesis import Image, encapsulated_file, native_file

HAS_LABELS = orthanc_version() >= (1, 12, 0)
PEERS = {"pacs": ["http://127.0.0.1:9/"]}
TRUNCATED = encapsulated_file(Image(), [b"\xff\x4f\xff\x51"], JPEG2000Lossless)


def start(starter: StartOrthanc, **config: Any) -> OrthancServer:
    return starter(plugins=[python_plugin()], script=SCRIPT, config=config)


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


def problems(server: OrthancServer) -> dict[str, str]:
    found = server.get("/transcoder/status")["problems"]
    assert all(one["since"].endswith("Z") and one["count"] >= 1 for one in found)
    return {one["part"]: one["sentence"] for one in found}


WRONG = [
    (
        {"Transcoder": {"QualityFailure": {"Peer": "pasc"}}, "OrthancPeers": PEERS},
        (
            'option "Transcoder.QualityFailure" names the peer "pasc", which is not in '
            '"OrthancPeers"; known: pacs; add it there, or name one of those'
        ),
    ),
    (
        {"Transcoder": {"Forward": {"Peer": "pacs"}}},
        (
            'option "Transcoder.Forward" names the peer "pacs", which is not in "OrthancPeers"; '
            "known: none; add it there, or name one of those"
        ),
    ),
    (
        {"Transcoder": {"QualityFailure": {"Delete": True}}},
        (
            'option "Transcoder.QualityFailure" has "Delete": true without a "Peer"; nothing is '
            'deleted that no peer has stored: name a "Peer", or leave "Delete" out'
        ),
    ),
    (
        {"UserMetadata": {"reviewed": 4206}},
        (
            'option "Transcoder.ReportMetadata" is 4206, which "UserMetadata" names "reviewed": '
            "reports would overwrite what is kept there; give one of the two another number"
        ),
    ),
    (
        {
            "UserContentType": {"sound": [5000, "audio/mpeg"]},
            "Transcoder": {"ReportMetadata": 5000},
        },
        (
            'option "Transcoder.ReportMetadata" is 5000, which "UserContentType" names "sound": '
            "reports would overwrite what is kept there; give one of the two another number"
        ),
    ),
    (
        {"Transcoders": {"Lossy": True}},
        'section "Transcoders" is unknown; the transcoder\'s is "Transcoder": rename it so',
    ),
    pytest.param(
        {"Transcoder": {"QualityFailure": {"Label": "unsound"}}},
        'option "Transcoder.QualityFailure" has the "Label" "unsound", but this is Orthanc '
        f"{'.'.join(map(str, orthanc_version()))}, and labels need 1.12.0 or later; leave "
        '"Label" out (a "Peer" is possible), or upgrade Orthanc',
        marks=pytest.mark.skipif(HAS_LABELS, reason="this Orthanc has labels"),
    ),
]


@pytest.mark.parametrize(("config", "says"), WRONG)
def test_a_wrong_configuration_stops_the_start(
    start_orthanc: StartOrthanc, config: dict[str, Any], says: str
) -> None:
    with pytest.raises(StartError) as caught:
        start(start_orthanc, **config)
    lines = [line for line in str(caught.value).splitlines() if "orthanc_transcoder:" in line]
    assert {line[0] for line in lines} == {"E"}
    assert {line.partition("orthanc_transcoder: ")[2] for line in lines} == {says}


def test_all_mistakes_are_in_one_line(start_orthanc: StartOrthanc) -> None:
    section = {"QualityFailure": {"Delete": True}, "Forward": {"Peer": "pacs"}}
    with pytest.raises(StartError) as caught:
        start(start_orthanc, Transcoder=section, transcoder={})
    lines = [line for line in str(caught.value).splitlines() if "orthanc_transcoder:" in line]
    assert {line.count(" | ") for line in lines} == {2}


def test_peers_in_the_database_may_come_later(start_orthanc: StartOrthanc) -> None:
    port = free_port()
    start_orthanc(config={"HttpPort": port})
    server = start(
        start_orthanc,
        OrthancPeersInDatabase=True,
        Transcoder={"Forward": {"Peer": "pacs", "Level": "Instance"}},
    )
    until(lambda: "configuration" in problems(server))
    assert problems(server)["configuration"] == (
        'option "Transcoder.Forward" names the peer "pacs", which is not in Orthanc\'s database; '
        "known: none; add it (PUT /peers/pacs), or name one of those"
    )
    assert server.told(problems(server)["configuration"])
    server.store(native_file(Image(rows=16, columns=16)))
    until(lambda: "not forwarded" in problems(server).get("forwarding", ""))
    peer = json.dumps([f"http://127.0.0.1:{port}/"]).encode()
    server.request("PUT", "/peers/pacs", peer)
    until(lambda: problems(server) == {})
    until(lambda: server.get("/transcoder/status")["forwarding"]["sent"] == 1)


@pytest.mark.parametrize(
    ("order", "fate", "stored"),
    [
        ("Disabled", "stored as it came", "1.2.840.10008.1.2.1"),
        ("After", "goes on to Orthanc's own transcoder", JPEGBaseline8Bit),
        ("Before", "which comes first", JPEGBaseline8Bit),
    ],
)
def test_an_ingest_target_that_is_always_lossy(
    start_orthanc: StartOrthanc, order: str, fate: str, stored: str
) -> None:
    server = start(
        start_orthanc,
        IngestTranscoding=JPEGBaseline8Bit,
        BuiltinDecoderTranscoderOrder=order,
    )
    said = problems(server)["configuration"]
    assert 'option "Transcoder.Lossy" is false, but "IngestTranscoding" is ' in said
    assert fate in said
    assert server.told(f"orthanc_transcoder: {said}")
    identifier = server.store(native_file(Image(bits_allocated=8, bits_stored=8)))["ID"]
    syntax = server.get(f"/instances/{identifier}/metadata/TransferSyntax").decode()
    assert syntax == stored


def test_an_ingest_target_that_the_settings_exclude(start_orthanc: StartOrthanc) -> None:
    server = start(
        start_orthanc,
        IngestTranscoding=JPEG2000_LOSSLESS,
        BuiltinDecoderTranscoderOrder="Disabled",
        Transcoder={"RestrictTransferSyntaxes": ["RLELossless"]},
    )
    assert f"does not list {JPEG2000_LOSSLESS}" in problems(server)["configuration"]
    identifier = server.store(native_file(Image()))["ID"]
    report = server.get(f"/transcoder/instances/{identifier}/report")
    assert (report["outcome"], report["code"]) == ("declined", "no_target")


def test_a_quarantine_that_cannot_be_reached_is_seen(start_orthanc: StartOrthanc) -> None:
    port = free_port()
    server = start(
        start_orthanc,
        OrthancPeers={"quarantine": [f"http://127.0.0.1:{port}/"]},
        HttpTimeout=5,
        Transcoder={"QualityFailure": {"Peer": "quarantine", "Delete": True}},
    )
    values = scrape(server)
    assert float(values['orthanc_transcoder_problem{part="quarantine"}']) == 0
    identifier = server.store(TRUNCATED)["ID"]
    until(lambda: "quarantine" in problems(server))
    says = f"failed instance {identifier} was not sent to quarantine"
    assert problems(server)["quarantine"].startswith(says)
    assert problems(server)["quarantine"].endswith(
        "failed with error code 9: Error in the network protocol"
    )
    assert server.told(says)
    counts = {"labelled": 0, "sent": 0, "deleted": 0, "failed": 1}
    expected = {"peer": "quarantine", "label": "", **counts}
    until(lambda: server.get("/transcoder/status")["quarantine"] == expected)
    values = scrape(server)
    assert float(values['orthanc_transcoder_problem{part="quarantine"}']) == 1
    assert float(values['orthanc_transcoder_problems_total{part="quarantine"}']) == 1
    assert server.instances() == [identifier]
    start_orthanc(config={"HttpPort": port})
    server.post(f"/transcoder/instances/{identifier}/check", b"")
    until(lambda: server.instances() == [])
    until(lambda: problems(server) == {})
    values = scrape(server)
    assert float(values['orthanc_transcoder_problem{part="quarantine"}']) == 0
    assert float(values['orthanc_transcoder_problems_total{part="quarantine"}']) == 1
    found = server.get("/transcoder/status")["quarantine"]
    assert (found["sent"], found["deleted"], found["failed"]) == (1, 1, 1)


def test_without_the_native_interface_a_quarantine_is_said_not_to_work(
    start_orthanc: StartOrthanc,
) -> None:
    section = {"NativeCallbacks": False, "QualityFailure": {"Peer": "pacs"}}
    server = start(start_orthanc, OrthancPeers=PEERS, Transcoder=section)
    assert problems(server) == {
        "quarantine": "nothing is checked, because the native interface is not used"
    }
    assert server.get("/transcoder/status")["quarantine"] is None


def interpreter_without_landlock(folder: Path) -> Path:
    path = folder / "python"
    text = (PROJECT / "tests" / "support" / "without_landlock.py").read_text(encoding="utf-8")
    path.write_text(f"#!{sys.executable}\n{text}", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_workers_that_are_confined_less_than_they_should_be(
    start_orthanc: StartOrthanc, tmp_path: Path
) -> None:
    section = {"Workers": 2, "Python": str(interpreter_without_landlock(tmp_path))}
    server = start(start_orthanc, Transcoder=section)
    until(lambda: server.get("/transcoder/status")["workers"]["alive"] == 4)
    says = problems(server)["confinement"]
    assert "without landlock (Function not implemented)" in says
    assert server.log().count(says) == 1
    assert "seccomp" not in says
    metrics = server.get("/tools/metrics-prometheus").decode()
    assert 'orthanc_transcoder_problem{part="confinement"} 1' in metrics


def test_workers_that_are_confined_as_they_should_be(start_orthanc: StartOrthanc) -> None:
    server = start(start_orthanc, Transcoder={"Workers": 1})
    until(lambda: server.get("/transcoder/status")["workers"]["alive"] == 3)
    confinement = server.get("/transcoder/status")["workers"]["confinement"]
    if {why for name, why in confinement.items() if name != "own_network"} == {"on"}:
        assert "confinement" not in problems(server)
        assert "workers are confined less" not in server.log()
