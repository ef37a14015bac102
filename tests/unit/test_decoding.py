"""What Orthanc's side remembers of files whose frames were decoded."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from orthanc_transcoder import decoding
from orthanc_transcoder.decoding import DecodingService
from orthanc_transcoder.errors import PoolError
from orthanc_transcoder.model import Rules
from orthanc_transcoder.pool.jobs import Answer


class FakePool:
    """Answers each job with the same header, and keeps what it was given."""

    def __init__(self) -> None:
        self.header: dict[str, Any] = {}
        self.jobs: list[tuple[dict[str, Any], bytes]] = []

    def run(
        self,
        header: Any,
        payload: memoryview,
        _seconds: float,
        done: Any,
        _lane: Any,
        *,
        examine: Any,
        most: int,
    ) -> None:
        self.jobs.append((header, bytes(payload)))
        answer = Answer(self.header, bytearray(b"p"))
        try:
            examine(answer)
        except PoolError as error:
            answer = Answer(error=error)
        assert most >= len(answer.payload)
        done(answer)


def index(spans: list[list[list[int]]]) -> dict[str, Any]:
    return {"image": {}, "spans": spans, "little": True, "word_swapped": False, "palette": []}


@pytest.fixture
def pool() -> FakePool:
    made = FakePool()
    made.header = {"format": "Grayscale8", "width": 1, "height": 1}
    return made


@pytest.fixture
def service(pool: FakePool) -> DecodingService:
    return DecodingService(pool, False, Rules(), lambda _: 1.0)  # type: ignore[arg-type]


def test_a_known_files_frames_are_sent_alone(pool: FakePool, service: DecodingService) -> None:
    data = memoryview(b"0123456789")
    pool.header = {**pool.header, "index": index([[[1, 2]], [[3, 1], [6, 2]], [[9, 1]]])}
    for number in range(3):
        service.decode(data, number)
    assert [one for _, one in pool.jobs] == [bytes(data), b"367", b"9"]
    assert pool.jobs[1][0]["index"] == {
        name: value for name, value in index([]).items() if name != "spans"
    }
    assert service.decode(data, 3) is not None
    assert len(pool.jobs) == 3


@pytest.mark.parametrize(
    "odd",
    [
        [],
        {},
        {"spans": 1},
        index([[[1, 2, 3]]]),
        index([[[-1, 2]]]),
        {**index([]), "spans": [[["a", 2]]]},
    ],
)
def test_an_odd_answer_is_not_remembered(
    pool: FakePool, service: DecodingService, odd: object
) -> None:
    pool.header = {**pool.header, "index": odd}
    data = memoryview(b"0123456789")
    for _ in range(2):
        assert service.decode(data, 0) is not None
    assert [one for _, one in pool.jobs] == [bytes(data)] * 2


def test_what_is_remembered_is_bounded_by_bytes(
    service: DecodingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "_REMEMBERED_BYTES", 4 << 20)
    tracemalloc.start()
    try:
        for number in range(40):
            service.remember(b"%d" % number, index([[[n, 2]] for n in range(20_000)]))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 6 << 20
    assert len(service._indexes) == (4 << 20) // (24 * 20_000 + 4096)
    service.remember(b"0", index([[[0, 1]] * 400_000]))  # more than all
    assert service._indexes == {}
    assert service._size == 0
