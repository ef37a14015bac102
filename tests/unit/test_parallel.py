"""How many frames are at work at once."""

import resource

import pytest

from orthanc_transcoder import parallel

MIB = 2**20


@pytest.mark.parametrize(
    ("threads", "frames", "frame", "expected"),
    [
        (4, 100, MIB // 2, 4),  # 512 MiB for frames at work: 34 of these
        (64, 100, MIB // 2, 34),
        (31, 32, 8 * MIB, 4),
        (31, 4, 8 * MIB, 31),  # the rest works within the four frames
        (31, 100, 100 * MIB, 1),
        (1, 1, 1000 * MIB, 1),
    ],
)
def test_there_is_memory_for_them(
    monkeypatch: pytest.MonkeyPatch, threads: int, frames: int, frame: int, expected: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (2048 * MIB, 2048 * MIB))
    assert parallel.affordable(threads, frames, frame) == expected


def test_without_a_limit_all_are(monkeypatch: pytest.MonkeyPatch) -> None:
    endless = resource.RLIM_INFINITY
    monkeypatch.setattr(resource, "getrlimit", lambda _: (endless, endless))
    assert parallel.affordable(31, 32, 100 * MIB) == 31
