"""Checking what is stored already, step by step."""

from collections.abc import Callable

import pytest

from orthanc_transcoder.check_job import CheckJob
from orthanc_transcoder.errors import PoolError
from orthanc_transcoder.records import RestError

INSTANCES = ["c", "a", "b"]


def make(
    inspect: Callable[[str], str], done: int = 0, is_closed: Callable[[], bool] = lambda: False
) -> CheckJob:
    verdicts = {"PASS": done}
    return CheckJob("series", "s", lambda *_: INSTANCES, inspect, is_closed, done, verdicts)


def test_each_instance_is_checked_at_a_step_of_its_own() -> None:
    seen: list[str] = []

    def inspect(instance: str) -> str:
        seen.append(instance)
        return "FAIL" if instance == "b" else "PASS"

    job = make(inspect)
    assert job.progress() == 0
    assert [job.step() for _ in range(3)] == ["continue", "continue", "success"]
    assert seen == ["a", "b", "c"]
    assert job.progress() == 1
    assert job.content() == {
        "Level": "series",
        "Resource": "s",
        "Checked": 3,
        "Instances": 3,
        "Verdicts": {"PASS": 2, "FAIL": 1},
    }


def test_after_a_restart_it_goes_on_where_it_was() -> None:
    seen: list[str] = []

    def inspect(instance: str) -> str:
        seen.append(instance)
        return "PASS"

    job = make(inspect, done=2)
    assert job.step() == "success"
    assert seen == ["c"]
    assert job.content()["Verdicts"] == {"PASS": 3}


def test_begun_anew_it_forgets_what_it_did() -> None:
    job = make(lambda _: "PASS")
    while job.step() == "continue":
        pass
    job.reset()
    assert job.progress() == 0
    assert job.content()["Verdicts"] == {}


def test_an_instance_that_is_gone_is_passed_over() -> None:
    def inspect(instance: str) -> str:
        if instance == "a":
            raise RestError("404")
        return "PASS"

    job = make(inspect)
    assert [job.step() for _ in range(3)] == ["continue", "continue", "success"]
    assert job.content()["Verdicts"] == {"gone": 1, "PASS": 2}


def test_without_workers_it_fails_with_the_reason() -> None:
    def inspect(_: str) -> str:
        raise PoolError("workers_unavailable", "no interpreter")

    with pytest.raises(PoolError, match="no interpreter"):
        make(inspect).step()


def test_a_resource_without_instances_is_done_at_once() -> None:
    job = CheckJob("series", "s", lambda *_: None, lambda _: "PASS", lambda: False)
    assert job.step() == "success"


def test_nothing_is_begun_once_orthanc_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orthanc_transcoder.check_job._PAUSE_SECONDS", 0)
    ends = [False, True, True, False, False]
    seen: list[str] = []

    def inspect(instance: str) -> str:
        seen.append(instance)
        return "PASS"

    job = make(inspect, is_closed=lambda: ends.pop(0))
    assert [job.step() for _ in range(5)] == ["continue"] * 4 + ["success"]
    assert seen == ["a", "b", "c"]


def test_what_the_end_interrupts_is_done_again_and_is_no_failure() -> None:
    ending = False

    def inspect(_: str) -> str:
        nonlocal ending
        if not ending:
            ending = True
            raise PoolError("stopping", "Orthanc ends")
        return "PASS"

    job = make(inspect, is_closed=lambda: ending)
    assert job.step() == "continue"
    assert job.content()["Checked"] == 0
