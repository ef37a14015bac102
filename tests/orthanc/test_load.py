"""Many clients at once: nothing lost, no deadlock, nothing that grows."""

from __future__ import annotations

import os
import threading
import time

import pytest

from tests.orthanc.conftest import JPEG2000_LOSSLESS, StartOrthanc
from tests.orthanc.servers import SCRIPT, OrthancServer, python_plugin
from tests.synthesis import Image, native_file

SECONDS = float(os.environ.get("LOAD_SECONDS", "30"))
CLIENTS = 8
IMAGES = [
    Image(rows=64, columns=64),
    Image(rows=128, columns=96, bits_stored=12, signed=True),
    Image(rows=31, columns=33, samples=3, bits_allocated=8),
    Image(rows=40, columns=40, bits_stored=10, frames=5),
]


class Client(threading.Thread):
    """Stores images of its own until the time is over."""

    def __init__(self, server: OrthancServer, end: float, number: int) -> None:
        super().__init__()
        self.server = server
        self.end = end
        self.number = number
        self.stored: list[str] = []
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            while time.monotonic() < self.end:
                image = IMAGES[(self.number + len(self.stored)) % len(IMAGES)]
                answer = self.server.store(native_file(image), timeout=60)
                assert answer["Status"] == "Success"
                self.stored.append(answer["ID"])
        except Exception as error:  # noqa: BLE001  told to the test's own thread
            self.error = error


def load(server: OrthancServer, seconds: float) -> list[str]:
    end = time.monotonic() + seconds
    clients = [Client(server, end, number) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join(seconds + 90)
        assert not client.is_alive(), "a client hangs"
        assert client.error is None
    return [identifier for client in clients for identifier in client.stored]


@pytest.mark.slow
@pytest.mark.parametrize("native", [True, False], ids=["native", "fallback"])
def test_eight_clients_lose_nothing_and_leave_nothing_behind(
    start_orthanc: StartOrthanc, native: bool
) -> None:
    server = start_orthanc(
        plugins=[python_plugin()],
        script=SCRIPT,
        config={
            "IngestTranscoding": JPEG2000_LOSSLESS,
            # Caches that are filled are no leak; the latter two are new in Orthanc 1.13.
            "MaximumStorageCacheSize": 16,
            "DicomParserCacheSize": 16,
            "TranscoderCacheSize": 16,
            "Transcoder": {"NativeCallbacks": native},
        },
    )
    stored = load(server, 3)
    before = server.vitals()
    stored += load(server, SECONDS if native else SECONDS / 3)
    after = server.vitals()
    assert len(stored) == len(set(stored)) == len(server.instances())
    assert set(stored) == set(server.instances())
    counters = server.get("/transcoder/status")["counters"]
    assert counters["transcoded"] == len(stored)
    for identifier in stored[:: max(1, len(stored) // 50)]:
        assert server.get(f"/transcoder/instances/{identifier}/report")["verified"] is True
    figures = f"{len(stored)} instances; {before} before, {after} after"
    assert after.threads <= before.threads, figures
    assert after.open_files <= before.open_files + 4, figures
    # What Orthanc itself keeps (SQLite's cache, malloc's arenas) grows a little.
    assert after.resident_bytes <= before.resident_bytes + 100_000_000, figures
    assert len(server.children()) == server.get("/transcoder/status")["workers"]["configured"]
    assert server.get("/transcoder/status")["workers"]["deaths"] == 0
    assert server.stop() == 0
