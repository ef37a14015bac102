"""The transcoding buffer: two Orthancs, one of which may be away, and nothing is lost."""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from orthanc_transcoder import syntaxes
from orthanc_transcoder.settings import Settings
from tests.orthanc.servers import SCRIPT, OrthancServer, free_port, python_plugin
from tests.samples import j2k_samples, sample
from tests.synthesis import Image, native_file, stored_samples


class Pair:
    """A buffer, and the peer that it forwards to; both can be stopped and started again."""

    def __init__(self, folder: Path, **forward: Any) -> None:
        port = free_port()
        self.peer = OrthancServer(
            folder / "peer", config={"Name": "Peer", "HttpPort": port, "OverwriteInstances": False}
        )
        self.buffer = OrthancServer(
            folder / "buffer",
            plugins=[python_plugin()],
            script=SCRIPT,
            config={
                "Name": "Buffer",
                "OrthancPeers": {"peer": [f"http://127.0.0.1:{port}/"]},
                "HttpTimeout": 5,
                "Transcoder": {"Forward": {"Peer": "peer", **forward}},
            },
        )

    def forwarding(self) -> dict[str, Any]:
        found: dict[str, Any] = self.buffer.get("/transcoder/status")["forwarding"]
        return found

    def problems(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.buffer.get("/transcoder/status")["problems"]
        return found


MakePair = Callable[..., Pair]


@pytest.fixture
def make_pair(tmp_path: Path) -> Iterator[MakePair]:
    pairs: list[Pair] = []

    def make(**forward: Any) -> Pair:
        pairs.append(Pair(tmp_path, **forward))
        return pairs[-1]

    yield make
    for pair in pairs:
        for server in (pair.buffer, pair.peer):
            if server._process and server.running:
                server.stop()


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


def uids(server: OrthancServer) -> set[str]:
    found = server.get("/instances?expand")
    return {each["MainDicomTags"]["SOPInstanceUID"] for each in found}


def test_a_stable_series_is_sent_on_uncompressed_and_deleted(make_pair: MakePair) -> None:
    pair = make_pair(Transcode="ExplicitVRLittleEndian", Delete=True)
    pair.peer.start()
    pair.buffer.start()
    samples = {each.sop_instance_uid: each for each in j2k_samples()}
    for each in samples.values():
        pair.buffer.store(each.read())
    until(lambda: uids(pair.peer) == set(samples))
    until(lambda: pair.buffer.instances() == [])
    for uid, each in samples.items():
        (identifier,) = pair.peer.find(uid)
        content = pair.peer.file(identifier)
        dataset = pydicom.dcmread(io.BytesIO(content))
        assert dataset.file_meta.TransferSyntaxUID == syntaxes.EXPLICIT_LE, each.name
        assert stored_samples(content).size
    assert pair.forwarding()["sent"] == len(samples)


def test_what_cannot_be_transcoded_is_sent_on_as_it_is(make_pair: MakePair) -> None:
    pair = make_pair(Level="Instance", Transcode="JPEG2000Lossless")
    pair.peer.start()
    pair.buffer.start()
    content = sample("CT_small.dcm").read()
    pair.buffer.store(content)
    report = sample("rtdose_1frame.dcm").read()
    pair.buffer.store(report)
    until(lambda: len(pair.peer.instances()) == 2)
    (identifier,) = pair.peer.find(sample("CT_small.dcm").sop_instance_uid)
    syntax = pydicom.dcmread(io.BytesIO(pair.peer.file(identifier))).file_meta.TransferSyntaxUID
    assert syntax == syntaxes.KEYWORDS["JPEG2000Lossless"]
    assert len(pair.buffer.instances()) == 2


def test_nothing_is_lost_while_the_peer_is_away_or_killed(make_pair: MakePair) -> None:
    pair = make_pair(Level="Instance", Transcode="ExplicitVRLittleEndian", Delete=True)
    pair.buffer.start()
    sent = {}
    for _ in range(5):
        content = native_file(Image(rows=32, columns=32))
        sent[uid_of(content)] = content
        pair.buffer.store(content)
    until(lambda: "not forwarded" in pair.forwarding()["problem"])
    assert len(pair.buffer.instances()) == 5
    pair.peer.start()
    for number in range(20):
        content = native_file(Image(rows=32, columns=32))
        sent[uid_of(content)] = content
        pair.buffer.store(content)
        if number == 10:
            pair.peer.kill()
    until(lambda: "not forwarded" in pair.forwarding()["problem"])
    pair.peer.start()
    until(lambda: pair.buffer.instances() == [], 120)
    assert uids(pair.peer) == set(sent)
    for uid, content in sent.items():
        (identifier,) = pair.peer.find(uid)
        assert np.array_equal(stored_samples(pair.peer.file(identifier)), stored_samples(content))


def test_nothing_is_lost_over_a_restart_of_the_buffer(make_pair: MakePair) -> None:
    pair = make_pair(Level="Instance", Delete=True)
    pair.buffer.start()
    sent = set()
    for number in range(12):
        content = native_file(Image(rows=16, columns=16))
        sent.add(uid_of(content))
        pair.buffer.store(content)
        if number == 4:
            assert pair.buffer.stop() == 0
            pair.buffer.start()
        if number == 8:
            pair.buffer.kill()
            pair.buffer.start()
    pair.peer.start()
    until(lambda: pair.buffer.instances() == [], 120)
    assert uids(pair.peer) == sent


def test_what_is_kept_here_is_not_sent_again_after_a_restart(make_pair: MakePair) -> None:
    pair = make_pair(Level="Instance")
    pair.peer.start()
    pair.buffer.start()
    pair.buffer.store(native_file(Image(rows=16, columns=16)))
    until(lambda: len(pair.peer.instances()) == 1)
    until(lambda: pair.forwarding()["sent"] == 1)
    pair.peer.clear()
    assert pair.buffer.stop() == 0
    pair.buffer.start()
    pair.buffer.store(native_file(Image(rows=16, columns=16)))
    until(lambda: pair.forwarding()["sent"] == 1)
    assert len(pair.peer.instances()) == 1


def test_a_peer_that_is_away_is_a_problem_until_it_is_back(make_pair: MakePair) -> None:
    pair = make_pair(Level="Instance")
    pair.buffer.start()
    pair.buffer.store(native_file(Image(rows=16, columns=16)))
    until(lambda: pair.problems() != [])
    (problem,) = pair.problems()
    assert (problem["part"], problem["sentence"]) == ("forwarding", pair.forwarding()["problem"])
    pair.peer.start()
    until(lambda: pair.problems() == [])
    assert len(pair.peer.instances()) == 1


def uid_of(content: bytes) -> str:
    return str(pydicom.dcmread(io.BytesIO(content), stop_before_pixels=True).SOPInstanceUID)


def test_a_refused_syntax_is_still_refused(tmp_path: Path) -> None:
    """``AcceptedTransferSyntaxes`` is Orthanc's own affair, as the README shows it."""
    explicit, implicit = sample("CT_small.dcm").path, sample("MR_small_implicit.dcm").path
    with OrthancServer(
        tmp_path,
        plugins=[python_plugin()],
        script=SCRIPT,
        config={"AcceptedTransferSyntaxes": [syntaxes.EXPLICIT_LE]},
    ) as server:
        assert server.storescu(implicit, options=["-xi"]).returncode != 0
        assert server.storescu(explicit, options=["-xe"]).returncode == 0
        assert len(server.instances()) == 1


def test_the_example_configurations_fit_each_other() -> None:
    folder = SCRIPT.parents[1] / "orthanc-config"
    texts = [(folder / name).read_text() for name in ("buffer.json", "destination.json")]
    buffer, destination = (
        json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)) for text in texts
    )
    forwarding = Settings.parse(buffer["Transcoder"]).forwarding
    assert forwarding is not None
    assert buffer["OrthancPeers"][forwarding.peer] == [
        f"http://127.0.0.1:{destination['HttpPort']}/"
    ]
    for configuration in (buffer, destination):
        assert configuration["RemoteAccessAllowed"] is False
