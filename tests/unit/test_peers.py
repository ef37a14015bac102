"""Peers in Orthanc's database: told if they are not there, and looked for until they are."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from orthanc_transcoder.peers import PeerWatch
from orthanc_transcoder.problems import Problems
from orthanc_transcoder.records import RestError


class FakeRest:
    def __init__(self, *peers: str) -> None:
        self.peers = list(peers)
        self.calls = self.errors = 0

    def rest_get(self, uri: str) -> bytes:
        assert uri == "/peers"
        self.calls += 1
        if self.errors:
            self.errors -= 1
            raise RestError("not yet")
        return json.dumps(self.peers).encode()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


def test_it_is_told_once_and_until_the_peer_appears(caplog: pytest.LogCaptureFixture) -> None:
    rest, problems = FakeRest("other"), Problems()
    rest.errors = 2
    named = {"Forward": "pacs", "QualityFailure": "other"}
    watch = PeerWatch(rest, named, problems, lambda: False, 0.005)
    until(lambda: rest.calls > 6)
    (one,) = problems.standing()
    assert one["part"] == "configuration"
    assert one["count"] == 1
    assert one["sentence"] == (
        'option "Transcoder.Forward" names the peer "pacs", which is not in Orthanc\'s database; '
        "known: other; add it (PUT /peers/pacs), or name one of those"
    )
    assert caplog.text.count("names the peer") == 1
    rest.peers.append("pacs")
    until(lambda: not problems.standing())
    until(lambda: not watch._thread.is_alive())
    watch.stop()


def test_nothing_is_asked_unless_orthanc_serves() -> None:
    rest, problems = FakeRest(), Problems()
    watch = PeerWatch(rest, {"Forward": "pacs"}, problems, lambda: True, 0.001)
    time.sleep(0.05)
    watch.stop()
    assert rest.calls == 0
    assert problems.standing() == []
