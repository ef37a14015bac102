"""What becomes of failed instances: nothing is deleted that a peer has not confirmed."""

import json
from typing import Any

import pytest

from orthanc_transcoder.quarantine import Quarantine
from orthanc_transcoder.records import RestError


class FakeRest:
    def __init__(self, answer: object = None, fails: str = "") -> None:
        self.answer = {"FailedInstancesCount": 0} if answer is None else answer
        self.fails = fails
        self.calls: list[tuple[str, str]] = []

    def _call(self, method: str, uri: str) -> None:
        self.calls.append((method, uri))
        if self.fails and self.fails in uri:
            raise RestError("503")

    def rest_put(self, uri: str, body: bytes) -> None:
        self._call("PUT", uri)

    def rest_post(self, uri: str, body: bytes) -> bytes:
        self._call("POST", uri)
        assert json.loads(body) == {"Resources": ["i"], "Synchronous": True}
        return json.dumps(self.answer).encode()

    def rest_delete(self, uri: str) -> None:
        self._call("DELETE", uri)


LABEL = ("PUT", "/instances/i/labels/bad")
SEND = ("POST", "/peers/pacs/store")
DELETE = ("DELETE", "/instances/i")


@pytest.mark.parametrize(
    ("setting", "calls"),
    [
        ({}, []),
        ({"Label": "bad"}, [LABEL]),
        ({"Peer": "pacs"}, [SEND]),
        ({"Label": "bad", "Peer": "pacs", "Delete": True}, [LABEL, SEND, DELETE]),
        ({"Peer": "pacs", "Delete": False}, [SEND]),
    ],
)
def test_it_does_what_the_setting_says(
    setting: dict[str, Any], calls: list[tuple[str, str]]
) -> None:
    rest = FakeRest()
    Quarantine(rest, setting).take("i")
    assert rest.calls == calls


@pytest.mark.parametrize("answer", [{"FailedInstancesCount": 1}, {}])
def test_nothing_is_deleted_that_the_peer_has_not_confirmed(
    answer: object, caplog: pytest.LogCaptureFixture
) -> None:
    rest = FakeRest(answer)
    Quarantine(rest, {"Peer": "pacs", "Delete": True}).take("i")
    assert rest.calls == [SEND]
    assert "was not sent to pacs" in caplog.text


def test_a_peer_that_is_away_leaves_the_instance(caplog: pytest.LogCaptureFixture) -> None:
    rest = FakeRest(fails="peers")
    Quarantine(rest, {"Label": "bad", "Peer": "pacs", "Delete": True}).take("i")
    assert rest.calls == [LABEL, SEND]
    assert "was not sent to pacs" in caplog.text


def test_an_orthanc_without_labels_still_sends(caplog: pytest.LogCaptureFixture) -> None:
    rest = FakeRest(fails="labels")
    Quarantine(rest, {"Label": "bad", "Peer": "pacs"}).take("i")
    assert rest.calls == [LABEL, SEND]
    assert "was not labelled" in caplog.text
