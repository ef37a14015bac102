"""Workers that a file has taken over: a row for each way in which one may lie.

Whatever it does, the job is concluded in time and with an error, the next one succeeds,
and this process takes no memory for what it was promised.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orthanc_transcoder.fingerprint import fingerprint
from orthanc_transcoder.model import Outcome, Report, Request, Rules
from orthanc_transcoder.payload import whole
from orthanc_transcoder.pool.process import OUTPUT_BYTES, WorkerProcess
from orthanc_transcoder.pool.supervisor import Pool
from orthanc_transcoder.problems import Problems
from orthanc_transcoder.service import TranscodingService
from orthanc_transcoder.threads import Keeper
from tests.support.results import named_file
from tests.support.workers import evil_python

SYNTAX = "1.2.840.10008.1.2.4.90"
SOURCE = named_file("1.2.840.10008.1.2.1", "1.2.3.4")
GOOD = named_file(SYNTAX, "1.2.3.4")
SECONDS = 2
MOST_BYTES = 200 * 2**20

BROKEN, DEADLINE, DIED = "worker_broken", "deadline", "worker_died"
ROWS = {
    "promises_4_gib": DEADLINE,
    "promises_more": BROKEN,
    "promises_header": BROKEN,
    "half_header": DEADLINE,
    "sparse": BROKEN,
    "unsealed": BROKEN,
    "other_length_in_memory": BROKEN,
    "descriptor_without_payload": BROKEN,
    "two_descriptors": BROKEN,
    "garbage": BROKEN,
    "empty": BROKEN,
    "garbage_on_the_wire": BROKEN,
    "no_preamble": BROKEN,
    "other_syntax": BROKEN,
    "unasked_syntax": BROKEN,
    "other_uid": BROKEN,
    "other_uid_said": BROKEN,
    "two_uids": BROKEN,
    "lossy_same_uid": BROKEN,
    "wrong_length": BROKEN,
    "kept_in_another_syntax": BROKEN,
    "list_report": BROKEN,
    "no_report": BROKEN,
    "two_reports": BROKEN,
    "list_header": BROKEN,
    "nested": BROKEN,
    "nested_a_little": BROKEN,
    "many_lists": BROKEN,
    "nan": BROKEN,
    "infinity": BROKEN,
    "half_a_character": BROKEN,
    "missing_key": BROKEN,
    "surplus_key": BROKEN,
    "number_for_text": BROKEN,
    "text_for_number": BROKEN,
    "boolean_for_number": BROKEN,
    "huge_number": BROKEN,
    "odd_outcome": BROKEN,
    "odd_code": BROKEN,
    "hang_up": DIED,
    "drip": DEADLINE,
    "silence": DEADLINE,
}


class Bench:
    """A pool of evil workers, and who asks it."""

    def __init__(self, folder: Path) -> None:
        python, files = evil_python(folder), fingerprint()
        self.problems = Problems()
        self.pool = Pool(
            lambda nice: WorkerProcess(python, files, nice=nice), 1, keeper=Keeper(self.problems)
        )
        self.reports: list[Report] = []
        self.service = TranscodingService(
            self.pool, Rules(), SECONDS, lambda _, report: self.reports.append(report)
        )

    def ask(self, evil: str = "") -> bytes | None:
        mark = f"EVIL={evil};".encode() if evil else b""
        result = self.service.transcode(memoryview(SOURCE + mark), Request((SYNTAX,)))
        return None if result is None else bytes(whole(result))

    @property
    def workers(self) -> list[WorkerProcess]:
        slots = [slot._worker for slot in self.pool._slots]
        return [worker for worker in slots if isinstance(worker, WorkerProcess)]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("python"))
    yield made
    made.pool.stop()


def peak_since(reset: bool) -> int:
    """Bytes that this process had at most since the last reset."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    return _kib("/proc/self/status", "VmHWM")


def _kib(path: str, name: str) -> int:
    found = re.search(rf"^{name}:\s*(\d+) kB", Path(path).read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


@pytest.mark.parametrize(("evil", "code"), ROWS.items(), ids=ROWS)
def test_the_original_is_kept_and_the_next_job_succeeds(bench: Bench, evil: str, code: str) -> None:
    bench.ask()
    deaths = bench.pool.state().deaths
    before = peak_since(reset=True)
    started = time.monotonic()
    assert bench.ask(evil) is None
    assert time.monotonic() - started < SECONDS + 8  # the end of a worker is waited for
    assert peak_since(reset=False) - before < MOST_BYTES
    report = bench.reports[-1]
    assert (report.outcome, report.code) == (Outcome.FAILED, code), report.reason
    assert bench.pool.state().deaths == deaths + 1
    assert bench.ask() == GOOD
    assert bench.problems.standing() == []


def test_what_is_no_file_in_memory_costs_the_worker(bench: Bench) -> None:
    assert bench.ask("no_memory_file") is None
    assert bench.reports[-1].outcome is Outcome.FAILED
    assert bench.ask() == GOOD


def test_an_answer_ahead_is_not_the_next_jobs(bench: Bench) -> None:
    bench.ask()
    (pid,) = {worker.pid for worker in bench.workers[:1]}
    assert bench.ask("answer_ahead") == GOOD
    assert bench.ask() == GOOD
    assert bench.reports[-1].codec != "forged"
    assert pid not in [worker.pid for worker in bench.workers]


def test_what_is_printed_is_bounded(bench: Bench) -> None:
    before = _kib("/proc/meminfo", "Shmem")
    assert bench.ask("chatter") == GOOD
    assert _kib("/proc/meminfo", "Shmem") - before < MOST_BYTES
    assert bench.ask() == GOOD


def test_no_descriptors_are_left(bench: Bench) -> None:
    bench.ask()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for evil in ("sparse", "two_descriptors", "garbage", "descriptor_without_payload"):
        mark = f"{evil};again"  # another file, or it would be declined
        bench.ask(mark)
        assert bench.ask() == GOOD
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert OUTPUT_BYTES <= 2**20
