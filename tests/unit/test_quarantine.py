"""What becomes of failed instances: nothing is deleted that a peer has not confirmed."""

import json
from typing import Any

import pytest

from orthanc_transcoder.problems import Problems
from orthanc_transcoder.quarantine import Quarantine
from orthanc_transcoder.records import RestError


class FakeRest:
    def __init__(self, answer: object = None, fails: str = "") -> None:
        self.answer = {"FailedInstancesCount": 0} if answer is None else answer
        self.fails = fails
        self.calls: list[tuple[str, str]] = []
        self.sent: list[str] = []

    def _call(self, method: str, uri: str) -> None:
        self.calls.append((method, uri))
        if self.fails and self.fails in uri:
            raise RestError("503")

    def rest_put(self, uri: str, body: bytes) -> None:
        self._call("PUT", uri)

    def rest_post(self, uri: str, body: bytes) -> bytes:
        self._call("POST", uri)
        self.sent += json.loads(body)["Resources"]
        return json.dumps(self.answer).encode()

    def rest_delete(self, uri: str) -> None:
        self._call("DELETE", uri)


def made(rest: FakeRest, setting: dict[str, Any], problems: Problems | None = None) -> Quarantine:
    return Quarantine(rest, setting, problems or Problems())


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
        ({"Delete": False}, []),
    ],
)
def test_it_does_what_the_setting_says(
    setting: dict[str, Any], calls: list[tuple[str, str]]
) -> None:
    rest = FakeRest()
    made(rest, setting).take("i")
    assert rest.calls == calls


@pytest.mark.parametrize("answer", [{"FailedInstancesCount": 1}, {}])
def test_nothing_is_deleted_that_the_peer_has_not_confirmed(
    answer: object, caplog: pytest.LogCaptureFixture
) -> None:
    rest = FakeRest(answer)
    made(rest, {"Peer": "pacs", "Delete": True}).take("i")
    assert rest.calls == [SEND]
    assert "was not sent to pacs" in caplog.text


def test_a_peer_that_is_away_leaves_the_instance(caplog: pytest.LogCaptureFixture) -> None:
    rest = FakeRest(fails="peers")
    made(rest, {"Label": "bad", "Peer": "pacs", "Delete": True}).take("i")
    assert rest.calls == [LABEL, SEND]
    assert "was not sent to pacs" in caplog.text


def test_an_orthanc_without_labels_still_sends(caplog: pytest.LogCaptureFixture) -> None:
    rest = FakeRest(fails="labels")
    made(rest, {"Label": "bad", "Peer": "pacs"}).take("i")
    assert rest.calls == [LABEL, SEND]
    assert "was not labelled" in caplog.text


ALL = {"Label": "bad", "Peer": "pacs", "Delete": True}


@pytest.mark.parametrize(
    ("fails", "counts", "says"),
    [
        ("", (1, 1, 1, 0), ""),
        ("labels", (0, 1, 1, 1), "failed instance i was not labelled: 503"),
        ("peers", (1, 0, 0, 1), "failed instance i was not sent to pacs: 503"),
        (
            "instances/i",
            (0, 1, 0, 1),
            "failed instance i was not deleted although pacs has it: 503",
        ),
    ],
)
def test_what_fails_is_counted_and_a_problem(
    fails: str, counts: tuple[int, ...], says: str
) -> None:
    problems = Problems()
    quarantine = made(FakeRest(fails=fails), ALL, problems)
    quarantine.take("i")
    names = ("labelled", "sent", "deleted", "failed")
    assert quarantine.state() == {
        "peer": "pacs",
        "label": "bad",
        **dict(zip(names, counts, strict=True)),
    }
    assert [one["sentence"] for one in problems.standing()] == [says] * bool(says)


def test_a_problem_stands_until_it_works_again() -> None:
    rest, problems = FakeRest(fails="peers"), Problems()
    quarantine = made(rest, ALL, problems)
    quarantine.take("i")
    quarantine.take("i")
    assert [one["count"] for one in problems.standing()] == [2]
    rest.fails = ""
    quarantine.take("i")
    assert problems.standing() == []


@pytest.mark.parametrize("setting", [{}, {"Delete": False}])
def test_without_a_setting_there_is_no_state(setting: dict[str, Any]) -> None:
    assert made(FakeRest(), setting).state() is None


def test_what_was_not_sent_is_a_problem_until_it_is_and_is_tried_again() -> None:
    rest, problems, sound = FakeRest(fails="peers"), Problems(), set[str]()
    setting = {"Peer": "pacs", "Delete": True}
    quarantine = Quarantine(rest, setting, problems, lambda one: one not in sound)
    for one in ("a", "b", "c"):
        quarantine.take(one)
    (told,) = problems.standing()
    assert "instance c was not sent" in str(told["sentence"])
    assert "(and 2 others)" in str(told["sentence"])
    rest.fails, rest.sent = "", []
    sound.add("b")
    quarantine.take("d")
    assert rest.sent == ["d", "c", "a"]
    assert [uri for method, uri in rest.calls if method == "DELETE"] == [
        "/instances/d", "/instances/c", "/instances/a",
    ]  # fmt: skip
    assert problems.standing() == []


def test_while_the_peer_is_away_each_instance_is_tried_once() -> None:
    rest, problems = FakeRest(fails="peers"), Problems()
    quarantine = Quarantine(rest, {"Peer": "pacs"}, problems)
    for one in ("a", "b", "c"):
        quarantine.take(one)
    assert rest.calls == [SEND] * 3
