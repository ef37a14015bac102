"""Whatever a codec does, Orthanc lives, the original is stored, the next image succeeds.

The native transcoder is under load meanwhile: other clients' images must all succeed.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.orthanc.conftest import JPEG2000_LOSSLESS, StartOrthanc
from tests.orthanc.servers import SCRIPT, OrthancServer, python_plugin
from tests.support.faulty_worker import FAULTS, ROWS
from tests.support.workers import faulty_python, script
from tests.synthesis import Image, native_file

FINE = Image(rows=20, columns=20)


def config(python: Path, native: bool = True) -> dict[str, object]:
    return {
        "IngestTranscoding": JPEG2000_LOSSLESS,
        "Transcoder": {
            "Python": str(python),
            "Workers": 2,
            "Deadline": 2,
            "WorkerMemory": 1024,
            "NativeCallbacks": native,
        },
    }


class Others(threading.Thread):
    """A client that stores one sound image after another until it is told to stop."""

    def __init__(self, server: OrthancServer) -> None:
        super().__init__()
        self.server = server
        self.stored: list[str] = []
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.01):
            self.stored.append(self.server.store(native_file(FINE))["ID"])

    def end(self) -> None:
        """Stop."""
        self.ended.set()
        self.join()

    def check(self) -> None:
        """Look at what became of each image."""
        assert self.stored
        for identifier in self.stored:
            report = self.server.get(f"/transcoder/instances/{identifier}/report")
            assert (report["outcome"], report["verified"]) == ("transcoded", True), report


@pytest.fixture(scope="module", params=[True, False], ids=["native, under load", "fallback"])
def server(
    start_module_orthanc: StartOrthanc,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[OrthancServer]:
    python = faulty_python(tmp_path_factory.mktemp("python"))
    server = start_module_orthanc(
        plugins=[python_plugin()], script=SCRIPT, config=config(python, request.param)
    )
    if not request.param:
        yield server
        return
    others = [Others(server) for _ in range(2)]
    for each in others:
        each.start()
    yield server
    for each in others:
        each.end()
    for each in others:
        each.check()


@pytest.mark.parametrize(
    ("fault", "code", "says"),
    [
        ("segfault", "worker_died", "SIGSEGV"),
        ("abort", "worker_died", "SIGABRT"),
        ("kill", "worker_killed", "SIGKILL"),
        ("exit", "worker_died", "exited with status 3"),
        ("base_exception", "worker_died", "the test codec panicked"),
        ("garbage", "worker_broken", "garbage"),
        ("hang_up", "worker_died", "closed its connection"),
        ("memory_bomb", "out_of_memory", "WorkerMemory"),
        ("stop", "deadline", "deadline"),
        ("sleep", "deadline", "deadline"),
        ("spin", "deadline", "deadline"),
        ("raise", "internal_error", "RuntimeError: the test codec raised"),
        ("wrong_samples", "not_lossless", "not the same"),
    ],
)
def test_the_original_is_stored_and_the_next_image_succeeds(
    server: OrthancServer, fault: str, code: str, says: str
) -> None:
    content = native_file(Image(rows=ROWS, columns=FAULTS[fault]))
    log_before = len(server.log())
    started = time.monotonic()
    identifier = server.store(content)["ID"]
    assert time.monotonic() - started < 20
    assert server.file(identifier) == content
    report = server.get(f"/transcoder/instances/{identifier}/report")
    assert (report["outcome"], report["code"]) == ("failed", code)
    assert says in report["reason"]
    log = server.log()[log_before:]
    assert report["sop_instance_uid"] in log
    assert says in log
    assert "Traceback" not in log
    following = server.store(native_file(FINE))["ID"]
    report = server.get(f"/transcoder/instances/{following}/report")
    assert (report["outcome"], report["verified"]) == ("transcoded", True)
    assert server.running


def test_deaths_are_counted(server: OrthancServer) -> None:
    before = server.get("/transcoder/status")["workers"]["deaths"]
    server.store(native_file(Image(rows=ROWS, columns=FAULTS["exit"])))
    assert server.get("/transcoder/status")["workers"]["deaths"] == before + 1


def test_a_file_that_ended_a_worker_is_declined_at_once(server: OrthancServer) -> None:
    content = native_file(Image(rows=ROWS, columns=FAULTS["spin"]))
    assert report_of(server, content)["code"] == "deadline"
    before = server.get("/transcoder/status")["workers"]
    started = time.monotonic()
    server.delete(f"/instances/{server.store(content)['ID']}")
    report = report_of(server, content)
    assert time.monotonic() - started < 2
    assert report["code"] == "ended_a_worker"
    after = server.get("/transcoder/status")["workers"]
    assert after["deaths"] == before["deaths"]
    assert after["declined_again"] > before["declined_again"]


def test_a_worker_that_dies_idle_is_replaced_without_a_job(server: OrthancServer) -> None:
    before = server.children()
    os.kill(before[0], signal.SIGKILL)
    end = time.monotonic() + 20
    while len(server.children()) < len(before) or before[0] in server.children():
        assert time.monotonic() < end
        time.sleep(0.1)
    assert report_of(server, native_file(FINE))["outcome"] == "transcoded"


def test_without_a_worker_interpreter_originals_are_stored_until_it_is_there(
    start_orthanc: StartOrthanc, tmp_path: Path
) -> None:
    python = tmp_path / "faulty-python"
    server = start_orthanc(plugins=[python_plugin()], script=SCRIPT, config=config(python))
    content = native_file(FINE)
    identifier = server.store(content)["ID"]
    assert server.file(identifier) == content
    report = server.get(f"/transcoder/instances/{identifier}/report")
    assert report["code"] == "workers_unavailable"
    status = server.get("/transcoder/status")
    assert str(python) in status["workers"]["unavailable"]
    assert status["workers"]["alive"] == 0
    faulty_python(tmp_path)
    assert recovers(server)
    assert server.get("/transcoder/status")["workers"]["unavailable"] == ""


def test_a_worker_that_lacks_a_library_says_which(
    start_orthanc: StartOrthanc, tmp_path: Path
) -> None:
    python = script(tmp_path / "python", 'exec /usr/bin/python3 -S "$@"')
    server = start_orthanc(plugins=[python_plugin()], script=SCRIPT, config=config(python))
    report = report_of(server, native_file(FINE))
    assert report["code"] == "workers_unavailable"
    assert "No module named 'numpy'" in report["reason"]


def recovers(server: OrthancServer) -> bool:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if report_of(server, native_file(FINE))["outcome"] == "transcoded":
            return True
        time.sleep(0.5)
    return False


def report_of(server: OrthancServer, content: bytes) -> dict[str, str]:
    identifier = server.store(content)["ID"]
    report: dict[str, str] = server.get(f"/transcoder/instances/{identifier}/report")
    return report
