"""The servers that are compared: one stock Orthanc each, alike but for the transcoder."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.orthanc.servers import (
    SCRIPT,
    OrthancServer,
    StartError,
    gdcm_plugin,
    python_plugin,
)

JPEG2000 = "1.2.840.10008.1.2.4.90"
_CHECKED_SECONDS = 120.0
NATIVE = "1.2.840.10008.1.2.1"

# Both ends of DCMTK read it. Without it each C-STORE waits 40 ms, idle, for a delayed TCP
# acknowledgement, in which what a transcoder adds drowns.
NO_DELAY = {"TCP_NODELAY": "1"}


@dataclass(frozen=True)
class Kind:
    """What a server is: its transcoder, and what it ingests into (empty: as it comes)."""

    name: str
    transcoder: str  # "", "gdcm" or "ours"
    target: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)  # of the section "Transcoder"
    cores: int = 0  # that it may use; 0 means all

    @property
    def stored_as(self) -> str:
        """The transfer syntax that sent images, which are native, must end in."""
        return self.target or NATIVE


class BenchServer(OrthancServer):
    """A server of one kind, which can be started again after it crashed."""

    def __init__(self, folder: Path, kind: Kind) -> None:
        self.kind = kind
        ours = kind.transcoder == "ours"
        plugins = {"": [], "gdcm": [gdcm_plugin], "ours": [python_plugin]}[kind.transcoder]
        super().__init__(
            folder,
            config={
                **({"IngestTranscoding": kind.target} if kind.target else {}),
                **({"Transcoder": dict(kind.options)} if ours else {}),
            },
            plugins=[plugin() for plugin in plugins],
            script=SCRIPT if ours else None,
            environment={**os.environ, **NO_DELAY},
        )
        self.start_seconds = 0.0

    def _launch(self) -> None:
        """As in the tests, on as many cores as the kind may use."""
        allowed = os.sched_getaffinity(0)
        os.sched_setaffinity(0, sorted(allowed)[: self.kind.cores or None])
        try:
            super()._launch()
        finally:
            os.sched_setaffinity(0, allowed)

    def _wait_until_ready(self, timeout: float) -> None:
        """As in the tests, but seen within milliseconds."""
        began = time.perf_counter()
        while time.perf_counter() - began < timeout:
            if not self.running:
                raise StartError(f"Orthanc stopped with status {self.exit_status}:\n{self.log()}")
            try:
                self.request("GET", "/system", timeout=5)
            except OSError:
                time.sleep(0.002)
            else:
                self.start_seconds = time.perf_counter() - began
                return
        raise StartError(f"no answer after {timeout} s:\n{self.log()}")

    def check_seconds(self, count: int) -> list[float]:
        """Wait until the ``count`` instances that lie there were checked; gives what each took."""
        end = time.monotonic() + _CHECKED_SECONDS
        while True:
            # The index may still hold as many that have just been deleted.
            totals = self.get("/transcoder/report")
            if (totals["instances"], totals["pending"]) == (count, 0):
                stored = self.instances()
                reports = [self.get(f"/transcoder/instances/{one}/report") for one in stored]
                if len(reports) == count and all(report["quality"] for report in reports):
                    break
            if time.monotonic() > end:
                raise WrongResultError(f"not all of {count} instances were checked: {totals}")
            time.sleep(0.1)
        return [report["quality"]["milliseconds"] / 1000 for report in reports]

    def stop(self, timeout: float = 0.2) -> int:
        """End the process soon: Orthanc takes seconds, and all it holds is thrown away."""
        return super().stop(timeout)


class WrongResultError(RuntimeError):
    """A server stored something else than it was to: its time would say nothing."""


def check_and_clear(server: BenchServer, count: int) -> None:
    """Make sure that ``count`` instances lie there, all transcoded, and delete them.

    Raises
    ------
    WrongResultError
        If any is missing, or was kept as it came.
    """
    found = server.instances()
    if len(found) != count:
        raise WrongResultError(f"{server.kind.name}: {len(found)} instances instead of {count}")
    for identifier in found:
        syntax = bytes(server.get(f"/instances/{identifier}/metadata/TransferSyntax")).decode()
        if syntax != server.kind.stored_as:
            raise WrongResultError(f"{server.kind.name}: an image was stored as {syntax}")
    server.clear()
