"""The soak: rounds of load under fire, each followed by a rest in which Orthanc is measured."""

from __future__ import annotations

import bisect
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.orthanc.processes import Vitals, alive
from tests.orthanc.servers import SCRIPT, OrthancServer, orthanc_version, python_plugin

from .client import Client, Tools
from .expecting import Expectations
from .judging import Judge
from .killing import Killer
from .ledger import Ledger
from .plain import PlainOrthanc
from .turns import Turns

CLIENTS = 4
TARGET = "1.2.840.10008.1.2.4.90"  # JPEG 2000 lossless
DEADLINE = 5  # seconds, that a stopped worker costs

_SHORTEST, _LONGEST = 10.0, 120.0  # of a round
_ROUNDS = 10
_HANG = 300.0  # seconds after its end that a round may take
_REST = 180.0  # seconds that Orthanc may take to come to rest
_CALM = 3.0  # seconds at a stretch: Orthanc's changes are looked for once a second
_POLL = 0.2
# Of both Orthancs. The caches are filled during the warm-up, not for half an hour. The plain one
# cannot make what it is to ingest into, but newer ones refuse some headers when they shall.
_CONFIG = {
    "MaximumStorageCacheSize": 16,
    "DicomParserCacheSize": 16,  # this and the next are new in Orthanc 1.13
    "TranscoderCacheSize": 16,
    "IngestTranscoding": TARGET,
}


@dataclass(frozen=True)
class Sample:
    """Orthanc at rest, with nothing stored; and the plain one beside it."""

    minutes: float
    vitals: Vitals
    plain: Vitals


class Session:
    """One soak. ``run`` it once; what it found is in the ``ledger`` and the ``samples``."""

    def __init__(self, folder: Path, seconds: float, seed: int) -> None:
        self._seconds = seconds
        self._round = min(_LONGEST, max(_SHORTEST, seconds / _ROUNDS))
        self._seed = seed
        self.ledger = Ledger(folder / "findings")
        self.samples: list[Sample] = []
        self.status: dict[str, Any] = {}
        self.exit_status: int | None = None
        self.loaded_seconds = 0.0
        # Seconds from each kill to the next transcoded instance.
        self.waits: list[float] = []
        self.server = OrthancServer(
            folder / "server",
            plugins=[python_plugin()],
            script=SCRIPT,
            config={
                **_CONFIG,
                "Transcoder": {"Python": sys.executable, "Deadline": DEADLINE},
            },
        )
        self._plain = OrthancServer(folder / "plain", config=_CONFIG)
        self.killer = Killer(self.server, seed)

    def run(self) -> None:
        """Soak for the time that was asked for, or until Orthanc is gone."""
        with self.server, self._plain:
            clients = self._clients()
            began = time.monotonic()
            while time.monotonic() - began < self._seconds and self.server.running:
                self._load(clients)
                if self._rests():
                    self._end_round(clients, began)
            self._stop()

    def _clients(self) -> list[Client]:
        version = orthanc_version()
        plain = PlainOrthanc(self._plain, self.ledger, Turns(version))
        turns = Turns(version)
        tools = Tools(self.server, plain, self.ledger, Judge(), Expectations(), TARGET, turns)
        return [Client(tools, 1000 * self._seed + number) for number in range(CLIENTS)]

    def _load(self, clients: list[Client]) -> None:
        began = time.monotonic()
        with self._under_fire(), ThreadPoolExecutor(len(clients)) as threads:
            working = [threads.submit(client.run, began + self._round) for client in clients]
            done, hung = wait(working, self._round + _HANG)
            self.loaded_seconds += time.monotonic() - began
            self.waits += _waits(
                [kill for kill in self.killer.times if kill > began], self.ledger.transcoded_at
            )
            for each in hung:
                self.ledger.defect(f"a client hangs: {each}")
            for each in done:
                if error := each.exception():
                    self.ledger.defect(f"a client failed: {error!r}")

    @contextmanager
    def _under_fire(self) -> Iterator[None]:
        shooting = threading.Thread(target=self.killer.run)
        shooting.start()
        try:
            yield
        finally:
            self.killer.stop()
            shooting.join()

    def _rests(self) -> bool:
        """Wait until all workers are back and nothing is left to be done."""
        end = time.monotonic() + _REST
        calm = 0.0
        while time.monotonic() < end and self.server.running:
            self.status = self.server.get("/transcoder/status")
            calm = calm + _POLL if _is_at_rest(self.status) else 0.0
            if calm > _CALM:
                return True
            time.sleep(_POLL)
        self.ledger.defect(f"Orthanc does not come to rest: {self.status}")
        return False

    def _end_round(self, clients: list[Client], began: float) -> None:
        for client in clients:
            client.inspect_left()
        for left in self.server.instances():
            content = self.server.file(left)
            self.ledger.defect(f"an instance that nobody was told of: {left}", found=content)
            self.server.delete(f"/instances/{left}")
        self.killer.note_workers()
        minutes = (time.monotonic() - began) / 60
        self.samples.append(Sample(minutes, self.server.vitals(), self._plain.vitals()))

    def _stop(self) -> None:
        workers = self.server.children()
        self.exit_status = self.server.stop()
        if self.exit_status != 0:
            self.ledger.defect(f"Orthanc ended with status {self.exit_status}")
        time.sleep(1)
        if any(map(alive, workers)):
            self.ledger.defect("workers outlived Orthanc")


def _waits(kills: Iterable[float], successes: Iterable[float]) -> list[float]:
    ordered = sorted(successes)
    found = ((kill, bisect.bisect(ordered, kill)) for kill in kills)
    return [ordered[index] - kill for kill, index in found if index < len(ordered)]


def _is_at_rest(status: dict[str, Any]) -> bool:
    workers = status["workers"]
    all_there = workers["alive"] == workers["configured"]
    idle = not workers["busy"] and not any(workers["waiting"].values())
    return all_there and idle and not status["checks"]["pending"]
