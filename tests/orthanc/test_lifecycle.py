"""Start, reset, stop: what an administrator does to the server."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydicom.encaps import encapsulate

from tests.orthanc.conftest import JPEG2000_LOSSLESS, StartOrthanc
from tests.orthanc.processes import alive
from tests.orthanc.rest import HttpError
from tests.orthanc.servers import SCRIPT, OrthancServer, StartError, python_plugin
from tests.support.faulty_worker import FAULTS, ROWS
from tests.support.workers import faulty_python
from tests.synthesis import Image, blank, native_file, nest, texture, to_bytes

SLOW = Image(rows=ROWS, columns=FAULTS["sleep"])


def start(starter: StartOrthanc, **options: Any) -> OrthancServer:
    return starter(
        plugins=[python_plugin()],
        script=SCRIPT,
        config={"IngestTranscoding": JPEG2000_LOSSLESS, "Transcoder": options},
    )


def test_the_status_says_what_there_is(start_orthanc: StartOrthanc) -> None:
    server = start(start_orthanc, Workers=3)
    server.store(native_file(Image(rows=9, columns=9)))
    status = server.get("/transcoder/status")
    system = server.get("/system")
    assert status["orthanc"]["version"] == system["Version"]
    assert status["orthanc"]["python_plugin"] == server.get("/plugins/python")["Version"]
    assert status["native_callbacks"] == {"registered": True, "reason": ""}
    # One more for interactive work alone, and one for the checks.
    assert status["workers"]["configured"] == 5
    assert status["workers"]["unavailable"] == ""
    assert JPEG2000_LOSSLESS in status["codecs"]["available"]["imagecodecs/openjpeg"]["encodes"]
    witnesses = status["codecs"]["witnesses"]
    assert JPEG2000_LOSSLESS in witnesses["available"]["pylibjpeg/openjpeg"]["decodes"]
    assert set(witnesses["unavailable"]) <= {"pylibjpeg/libjpeg"}
    assert status["counters"]["transcoded"] == 1


def test_the_fallback_says_what_is_unavailable_and_why(start_orthanc: StartOrthanc) -> None:
    server = start(start_orthanc, NativeCallbacks=False)
    callbacks = server.get("/transcoder/status")["native_callbacks"]
    assert callbacks["registered"] is False
    assert "NativeCallbacks" in callbacks["reason"]
    lines = [line for line in server.log().splitlines() if "orthanc_transcoder" in line]
    assert len(lines) == 1
    assert lines[0].startswith("E")
    assert "C-MOVE" in lines[0]
    assert callbacks["reason"] in lines[0]


def test_unknown_instances_and_methods_are_refused_in_json(start_orthanc: StartOrthanc) -> None:
    server = start(start_orthanc)
    unknown = "/transcoder/instances/" + "-".join(["0" * 8] * 5) + "/report"
    for path in (unknown, "/transcoder/instances/x/report"):
        answer = server.request("GET", path)
        assert answer.status == 404
        assert answer.json()["status"] == 404
    assert server.request("DELETE", "/transcoder/status").status == 405


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"Wrokers": 1}, ['"Transcoder.Wrokers"', "Workers"]),
        ({"Workers": "two"}, ['"Transcoder.Workers"', "'two'", "0 to 256"]),
        ({"Deadline": 0}, ['"Transcoder.Deadline"', "1 to 86400"]),
    ],
)
def test_a_wrong_option_stops_the_start(
    start_orthanc: StartOrthanc, options: dict[str, object], says: list[str]
) -> None:
    with pytest.raises(StartError) as caught:
        start(start_orthanc, **options)
    for words in says:
        assert words in str(caught.value)


def test_it_stops_cleanly_when_idle(start_orthanc: StartOrthanc) -> None:
    server = start(start_orthanc)
    server.store(native_file(Image(rows=9, columns=9)))
    workers = server.children()
    assert len(workers) >= 1
    assert server.stop() == 0
    assert not any(alive(pid) for pid in workers)
    assert "Traceback" not in server.log()


def test_it_stops_cleanly_while_transcoding(start_orthanc: StartOrthanc, tmp_path: Path) -> None:
    server = start(start_orthanc, Python=str(faulty_python(tmp_path)), Workers=2, Deadline=4)
    contents = [native_file(SLOW) for _ in range(3)]
    threads = [threading.Thread(target=store_quietly, args=(server, each)) for each in contents]
    for thread in threads:
        thread.start()
    until(lambda: server.get("/transcoder/status")["workers"]["busy"] == 2)
    workers = server.children()
    server.process.terminate()
    assert server.process.wait(60) == 0
    for thread in threads:
        thread.join()
    assert not any(alive(pid) for pid in workers)
    assert "Traceback" not in server.log()


def store_quietly(server: OrthancServer, content: bytes) -> None:
    """Store; that the server goes away meanwhile is what is tested."""
    with contextlib.suppress(OSError, HttpError):
        server.store(content)


def test_it_stops_soon_and_cleanly_while_many_checks_are_pending(
    start_orthanc: StartOrthanc,
) -> None:
    server = start_orthanc(plugins=[python_plugin()], script=SCRIPT)
    server.store(native_file(Image(rows=9, columns=9)))
    until(lambda: server.get("/transcoder/report")["instances"] == 1)
    with ThreadPoolExecutor(4) as clients:
        contents = [native_file(Image(rows=256, columns=256)) for _ in range(1000)]
        list(clients.map(lambda content: server.store(content, timeout=60), contents))
    before = server.get("/transcoder/report")["instances"]
    started = time.monotonic()
    assert server.stop(60) == 0
    # As long as what fills Orthanc's queue of events goes on, Orthanc does not end.
    assert time.monotonic() - started < 15
    server.start()
    until(lambda: server.get("/transcoder/report")["instances"] > 0)
    after = server.get("/transcoder/report")["instances"]
    assert after < 900, f"{before} before, {after} after: the checks were not pending"


def test_workers_end_by_themselves_when_orthanc_is_killed(
    start_orthanc: StartOrthanc, tmp_path: Path
) -> None:
    server = start(start_orthanc, Python=str(faulty_python(tmp_path)), Workers=2, Deadline=1)
    thread = threading.Thread(target=store_quietly, args=(server, native_file(SLOW)))
    thread.start()
    until(lambda: server.get("/transcoder/status")["workers"]["busy"] == 1)
    until(lambda: server.get("/transcoder/status")["workers"]["alive"] == 4)
    workers = server.children()
    assert len(workers) == 4
    os.kill(server.pid, signal.SIGKILL)
    server.process.wait()
    thread.join()
    # The idle ones at once, the busy one when the kernel's alarm rings.
    until(lambda: not any(alive(pid) for pid in workers), 30)


def test_reset_starts_everything_again(start_orthanc: StartOrthanc) -> None:
    server = start(start_orthanc)
    for round_number in range(3):
        identifier = server.store(native_file(Image(rows=9, columns=9)))["ID"]
        report = server.get(f"/transcoder/instances/{identifier}/report")
        assert report["outcome"] == "transcoded", round_number
        old = server.children()
        server.post("/tools/reset", b"")
        until(lambda old=old: not any(alive(pid) for pid in old))
        until(lambda: answers(server))
    # What was recorded before is still there.
    assert server.get(f"/transcoder/instances/{identifier}/report")["verified"] is True
    assert server.stop() == 0
    assert "Traceback" not in server.log()


def answers(server: OrthancServer) -> bool:
    try:
        server.get("/system", timeout=5)
    except OSError:
        return False
    return True


def test_a_small_stack_is_enough(start_orthanc: StartOrthanc) -> None:
    """HTTP threads have 100 KiB: many frames, deep sequences, and errors at the bottom of both."""
    server = start(start_orthanc)
    image = Image(rows=16, columns=16, frames=60)
    # Forty levels are about what Orthanc's own parser survives on that stack.
    deep = nest(blank(image), 40)
    deep.PixelData = texture(image).astype("<u2").tobytes()
    deep["PixelData"].VR = "OW"
    sound = to_bytes(deep, "1.2.840.10008.1.2.1")
    deep.PixelData = encapsulate([b"\xff\x4f\xff\x51 no codestream"] * 60)
    deep["PixelData"].VR = "OB"
    broken = to_bytes(deep, "1.2.840.10008.1.2.4.91")
    for _ in range(10):
        for content, outcome in ((sound, "transcoded"), (broken, "failed")):
            server.clear()
            identifier = server.store(content)["ID"]
            report = server.get(f"/transcoder/instances/{identifier}/report")
            assert report["outcome"] == outcome
            assert report["code"] != "internal_error"
    assert server.running


def until(condition: Any, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
