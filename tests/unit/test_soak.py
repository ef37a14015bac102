"""The soak's verdict: it sees a leak, and takes no noise for one."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from scripts.soaking.session import Sample
from scripts.soaking.steadiness import rows
from scripts.soaking.turns import Turns
from tests.orthanc.processes import Vitals

PLAIN = Vitals(threads=66, open_files=8, resident_bytes=45_000_000)
FILE_BYTES, KILLS_A_MINUTE = 36_000, 60


def samples(minutes: int, leak: float = 0.0, files: int = 0, threads: int = 0) -> list[Sample]:
    """At rest once a minute; what leaks, in bytes, descriptors and threads a minute."""
    found = []
    for minute in range(minutes):
        # Fast at first, as caches and arenas fill; and never quite the same.
        warm = 60_000_000 * (1 - 0.7**minute) + minute % 2 * 4_000_000
        ours = Vitals(74 + threads * minute, 19 + files * minute, int(8e7 + warm + leak * minute))
        found.append(Sample(minute, ours, PLAIN))
    return found


def growing(found: list[Sample]) -> list[str]:
    return [row.name for row in rows(found) if not row.steady]


def test_a_server_that_warms_up_is_steady() -> None:
    assert growing(samples(30)) == []


@pytest.mark.parametrize(
    ("leak", "name"),
    [
        ({"leak": FILE_BYTES * KILLS_A_MINUTE}, "RSS, kB"),
        ({"files": 1}, "descriptors"),
        ({"threads": 1}, "threads"),
    ],
)
def test_a_leak_is_seen(leak: dict[str, int], name: str) -> None:
    assert growing(samples(30, **leak)) == [name]


def test_the_trend_is_that_of_a_minute() -> None:
    (row,) = [row for row in rows(samples(30, threads=2)) if row.name == "threads"]
    assert row.trend == pytest.approx(2)
    assert row.plain == 0


@pytest.mark.parametrize(
    ("version", "together"), [((1, 10, 1), 2), ((1, 12, 7), 1), ((1, 13, 0), 2)]
)
def test_reading_and_deleting_at_once_only_where_orthanc_survives_it(
    version: tuple[int, ...], together: int
) -> None:
    turns = Turns(version)
    inside: Counter[str] = Counter()
    most = 0

    def stay(kind: str, turn: Callable[[], AbstractContextManager[None]]) -> None:
        nonlocal most
        for _ in range(20):
            with turn():
                inside[kind] += 1
                time.sleep(0.002)
                most = max(most, sum(count > 0 for count in inside.values()))
                inside[kind] -= 1

    threads = [threading.Thread(target=stay, args=("read", turns.to_read)) for _ in range(3)]
    threads.append(threading.Thread(target=stay, args=("delete", turns.to_delete)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert most == together
