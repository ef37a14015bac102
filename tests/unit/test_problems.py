"""The board of problems: what stands, since when, how often; and its metrics."""

import re
import threading

import pytest

from orthanc_transcoder import metrics, problems
from orthanc_transcoder.problems import Problems, Total


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    times = ["3", "2", "1"]
    monkeypatch.setattr(problems, "_now", times.pop)
    return times


def test_a_problem_stands_until_it_is_cleared(clock: list[str]) -> None:
    board = Problems()
    assert board.standing() == []
    board.report("quarantine", "one was not sent")
    board.report("quarantine", "two was not sent")
    assert board.standing() == [
        {"part": "quarantine", "sentence": "two was not sent", "since": "1", "count": 2}
    ]
    board.clear("quarantine")
    assert board.standing() == []
    board.report("quarantine", "three was not sent")
    (again,) = board.standing()
    assert (again["since"], again["count"]) == ("2", 3)
    assert clock == ["3"]


def test_what_it_is_about_tells_them_apart() -> None:
    board = Problems()
    board.report("configuration", "no peer", "Forward")
    board.report("configuration", "always lossy", "Lossy")
    assert [one["sentence"] for one in board.standing()] == ["no peer", "always lossy"]
    board.clear("configuration", "Forward")
    board.clear("configuration", "nothing of this name")
    assert [one["sentence"] for one in board.standing()] == ["always lossy"]
    assert board.totals()["configuration"] == Total(2, stands=True)


def test_since_is_a_time_in_utc() -> None:
    board = Problems()
    board.report("forwarding", "away")
    (one,) = board.standing()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", str(one["since"]))


def test_the_metrics_have_every_part_from_the_start() -> None:
    board = Problems()
    assert set(metrics.of_problems(board.totals()).values()) == {0}
    board.report("forwarding", "away")
    board.report("forwarding", "still away")
    board.report("another", "of a part that is not listed")
    board.clear("another")
    values = metrics.of_problems(board.totals())
    assert values['orthanc_transcoder_problems_total{part="forwarding"}'] == 2
    assert values['orthanc_transcoder_problem{part="forwarding"}'] == 1
    assert values['orthanc_transcoder_problems_total{part="another"}'] == 1
    assert values['orthanc_transcoder_problem{part="another"}'] == 0
    assert values['orthanc_transcoder_problem{part="quarantine"}'] == 0
    assert all(type(value) is int for value in values.values())


def test_many_threads_at_once_are_all_counted() -> None:
    board = Problems()

    def report() -> None:
        for _ in range(500):
            board.report("quarantine", "again")
            board.clear("quarantine")

    threads = [threading.Thread(target=report) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert board.totals()["quarantine"] == Total(2000, stands=False)
