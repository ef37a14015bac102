"""A server that for some seconds can open nothing, while its workers are killed."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.orthanc.conftest import JPEG2000_LOSSLESS, StartOrthanc
from tests.orthanc.servers import SCRIPT, OrthancServer, python_plugin
from tests.synthesis import Image, native_file

_SECONDS = 8


def test_threads_outlive_a_shortage_of_descriptors(start_orthanc: StartOrthanc) -> None:
    config = {
        "IngestTranscoding": JPEG2000_LOSSLESS,
        "Transcoder": {"Python": sys.executable, "Workers": 1},
    }
    server = start_orthanc(plugins=[python_plugin()], script=SCRIPT, config=config)
    assert outcome(server, 20) == "transcoded"
    before = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    # None is free: all below the greatest that is open are counted, used or not.
    used = {int(one.name) for one in Path(f"/proc/{server.pid}/fd").iterdir()}
    free = next(number for number in range(len(used) + 1) if number not in used)
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (free, before[1]))
    for worker in server.children():
        os.kill(worker, signal.SIGKILL)
    time.sleep(_SECONDS)
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, before)
    wait_until(lambda: server.get("/transcoder/status")["workers"]["unavailable"] == "")
    wait_until(lambda: outcome(server, 21) == "transcoded")
    wait_until(lambda: server.get("/transcoder/status")["checks"]["pending"] == 0)
    status = server.get("/transcoder/status")
    assert set(status["threads"].values()) == {"works"}
    assert [one for one in status["problems"] if one["part"] == "threads"] == []
    assert "[Errno 24] Too many open files" in server.log()


def outcome(server: OrthancServer, rows: int) -> str:
    content = native_file(Image(rows=rows, columns=20))
    identifier = server.store(content)["ID"]
    report: dict[str, str] = server.get(f"/transcoder/instances/{identifier}/report")
    server.delete(f"/instances/{identifier}")
    return report["outcome"]


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.2)
