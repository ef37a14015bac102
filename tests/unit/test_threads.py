"""Threads that live long: no error ends one, each is told, and what was held is concluded."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from orthanc_transcoder import threads
from orthanc_transcoder.problems import Problems
from orthanc_transcoder.threads import Deputy, Keeper


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(threads, "_LONGEST_PAUSE", 0.04)


def recursion() -> None:
    recursion()


def raising(error: BaseException) -> Callable[[], None]:
    def call() -> None:
        raise error

    return call


ERRORS = {
    "descriptors": raising(OSError(24, "Too many open files")),
    "nesting": recursion,
    "memory": raising(MemoryError()),
    "database": raising(sqlite3.DatabaseError("file is not a database")),
    "value": raising(ValueError("odd")),
    "key": raising(KeyError("Changes")),
    "exit": raising(SystemExit(1)),
}


class Turns:
    """A thread whose turns fail until they are mended."""

    def __init__(self, keeper: Keeper, fault: Callable[[], None]) -> None:
        self.fault: Callable[[], None] | None = fault
        self.count = 0
        self.end = threading.Event()
        self.pauses: list[float] = []
        self.thread = keeper.keep("patient", self.turn, self.wait)

    def turn(self) -> bool:
        self.count += 1
        if self.fault:
            self.fault()
        return not self.end.wait(0.005)

    def wait(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        return self.end.wait(seconds)


@pytest.fixture
def problems() -> Problems:
    return Problems()


@pytest.fixture
def keeper(problems: Problems) -> Keeper:
    return Keeper(problems)


@pytest.fixture
def start(keeper: Keeper) -> Iterator[Callable[[Callable[[], None]], Turns]]:
    made: list[Turns] = []

    def begin(fault: Callable[[], None]) -> Turns:
        made.append(Turns(keeper, fault))
        return made[-1]

    yield begin
    for turns in made:
        turns.end.set()
        turns.thread.join(10)
        assert not turns.thread.is_alive()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


@pytest.mark.parametrize("fault", ERRORS.values(), ids=ERRORS)
def test_whatever_escapes_is_told_once_and_stands_until_it_works_again(
    start: Callable[[Callable[[], None]], Turns],
    fault: Callable[[], None],
    problems: Problems,
    keeper: Keeper,
    caplog: pytest.LogCaptureFixture,
) -> None:
    turns = start(fault)
    until(lambda: turns.count > 4)
    assert keeper.state()["patient"].startswith("backs off: ")
    (one,) = problems.standing()
    assert one["part"] == "threads"
    assert str(one["sentence"]).startswith("patient backs off: ")
    assert caplog.text.count("backs off, and goes on") == 1
    assert turns.pauses[:4] == [0.01, 0.02, 0.04, 0.04]
    turns.fault = None
    until(lambda: not problems.standing())
    assert keeper.state() == {"patient": "works"}
    assert problems.totals()["threads"].count >= 4
    pauses = len(turns.pauses)
    before = turns.count
    until(lambda: turns.count > before + 3)
    assert len(turns.pauses) == pauses


def test_one_that_ends_by_itself_is_not_dead(keeper: Keeper) -> None:
    thread = keeper.keep("short", lambda: False, lambda _: False)
    thread.join()
    assert keeper.state() == {"short": "ended"}


def test_where_even_telling_fails_it_goes_on(
    start: Callable[[Callable[[], None]], Turns],
    keeper: Keeper,
    problems: Problems,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(problems, "report", raising(MemoryError()))
    turns = start(ERRORS["value"])
    until(lambda: turns.count > 4)
    turns.fault = None
    until(lambda: keeper.state() == {"patient": "works"})


def test_what_an_errand_raises_its_caller_gets(keeper: Keeper) -> None:
    deputy = Deputy(1, keeper)
    for fault in ERRORS.values():
        with pytest.raises(BaseException):  # noqa: B017, PT011
            deputy.ask(fault, 10)
    assert deputy.ask(lambda: 3, 10) == 3
    assert keeper.state() == {"deputy-0": "works"}
    deputy.stop()
