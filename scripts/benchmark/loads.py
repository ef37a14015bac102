"""What is measured: a load on a subject, which is a server or the bare codec."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import statistics
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol

import pydicom

from . import bare, clients
from .images import Image
from .servers import NATIVE, BenchServer, WrongResultError, check_and_clear
from .watch import Measurement, watched

C_STORE, REST = "C-STORE", "REST"
C_GET, ARCHIVE, PREVIEW, FILE = "C-GET", "archive", "preview", "file?transcode"
MANY = 4  # clients at once

_STORE: dict[str, Callable[[BenchServer, Sequence[Sequence[bytes]]], float]] = {
    C_STORE: clients.c_store,
    REST: clients.rest_store,
}


@dataclass(frozen=True)
class Load:
    """Some images over one route, from one or several clients at once."""

    route: str
    image: Image
    clients: int
    group: str = ""  # tells loads apart that are measured in rounds of their own

    @property
    def name(self) -> str:
        """As the table calls it."""
        return f"{self.group}{self.image.name} {self.route} x{self.clients}"

    @property
    def batch(self) -> int:
        """Instances for each client: fewer where there are more clients."""
        return self.image.batch if self.clients == 1 else -(-self.image.batch // 2)

    @property
    def instances(self) -> int:
        """Of all clients together."""
        return self.batch * self.clients


class Subject(Protocol):
    """What a load is put on."""

    name: str

    def measure(self, load: Load) -> Measurement | None:
        """What an instance takes; None if it crashed."""


class Server:
    """A server as a subject. It is started again after a crash."""

    def __init__(self, server: BenchServer) -> None:
        self.server = server
        self.name = server.kind.name
        # What a reading load reads, by image, if it is not the image as it is sent.
        self.readable: dict[str, Image] = {}

    def measure(self, load: Load) -> Measurement | None:
        """What an instance takes; None if the server crashed.

        Raises
        ------
        ClientError, WrongResultError
            If it failed otherwise.
        """
        try:
            return self._measure(load)
        except clients.ClientError:
            if not self._has_crashed():
                raise
            self.server.start()
            if load.route in _STORE:
                self.server.clear()
            return None

    def transcoded(self, content: bytes) -> bytes:
        """The file as this server stores it."""
        self.server.clear()
        return self.server.file(self.server.store(content)["ID"])

    def check(self, load: Load) -> Measurement:
        """What the checks of an instance take, when nothing else is to be done: the median."""
        batch = [load.image.fresh() for _ in range(load.batch)]
        taken: list[float] = []

        def work() -> float:
            clients.rest_store(self.server, [batch])
            taken.extend(self.server.check_seconds(len(batch)))
            return sum(taken)

        found = self._watched(load, work)
        self.server.clear()
        return dataclasses.replace(found, seconds=statistics.median(taken))

    def _has_crashed(self) -> bool:
        # The client may notice before the kernel is done with the process.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.server.process.wait(5)
        return not self.server.running

    def _measure(self, load: Load) -> Measurement:
        if load.route not in _STORE:
            return self._read(load)
        one = range(load.batch)
        batches = [[load.image.fresh() for _ in one] for _ in range(load.clients)]
        store = _STORE[load.route]
        found = self._watched(load, lambda: store(self.server, batches))
        check_and_clear(self.server, load.instances)
        return found

    def _watched(self, load: Load, work: Callable[[], float]) -> Measurement:
        return watched(work, self.server.pid, load.instances)

    def _read(self, load: Load) -> Measurement:
        # New ones each time: Orthanc has a cache of what was transcoded, whatever its settings.
        self.server.clear()
        content = self.readable.get(load.image.name, load.image)
        clients.rest_store(self.server, [[content.fresh() for _ in range(load.batch)]])
        if load.route == C_GET:
            return self._c_get(load)
        paths = self._paths(load)
        bodies: list[bytes] = []
        found = self._watched(load, lambda: clients.rest_get(self.server, paths, bodies))
        if load.route != PREVIEW:
            self._check(load, bodies if load.route == FILE else unzipped(bodies))
        return found

    def _paths(self, load: Load) -> list[str]:
        if load.route == ARCHIVE:
            (study,) = self.server.get("/studies")
            return [f"/studies/{study}/archive?transcode={NATIVE}"]
        what = "preview" if load.route == PREVIEW else f"file?transcode={NATIVE}"
        return [f"/instances/{each}/{what}" for each in self.server.instances()]

    def _c_get(self, load: Load) -> Measurement:
        (study,) = self.server.get("/studies")
        uid = self.server.get(f"/studies/{study}")["MainDicomTags"]["StudyInstanceUID"]
        with tempfile.TemporaryDirectory(dir=self.server.folder) as name:
            folder = Path(name)
            found = self._watched(load, lambda: clients.c_get(self.server, uid, folder))
            self._check(load, [path.read_bytes() for path in folder.iterdir()])
        return found

    def _check(self, load: Load, got: Sequence[bytes]) -> None:
        files = [pydicom.dcmread(io.BytesIO(each), stop_before_pixels=True) for each in got]
        syntaxes = {str(file.file_meta.TransferSyntaxUID) for file in files}
        if len(got) != load.instances or syntaxes != {NATIVE}:
            raise WrongResultError(f"{self.name}: {load.name} gave {len(got)} of {syntaxes}")


def unzipped(archives: Sequence[bytes]) -> list[bytes]:
    """The files in archives."""
    opened = [zipfile.ZipFile(io.BytesIO(each)) for each in archives]
    return [archive.read(name) for archive in opened for name in archive.namelist()]


class BareCodec:
    """The codec's own calls on samples in memory, with or without the proof: the limit.

    One client: on one core. Several: on all cores, whatever the number of clients.
    """

    def __init__(self, name: str, target: str, proven: bool, images: Sequence[Image]) -> None:
        self.name = name
        files = {image.name: image.template for image in images}
        start = (files, target, proven)
        context = get_context("spawn")
        self._cores = os.cpu_count() or 1
        self._one = ProcessPoolExecutor(1, context, bare.prepare, start)
        self._all = ProcessPoolExecutor(self._cores, context, bare.prepare, start)
        self._frames: dict[str, int] = {}

    def measure(self, load: Load) -> Measurement | None:
        """What an instance takes."""
        name = load.image.name
        if name not in self._frames:
            self._frames[name] = self._one.submit(bare.count_frames, name).result()
            list(self._all.map(bare.code, [(name, 0)] * self._cores * 2))
        pool = self._one if load.clients == 1 else self._all
        work = [(name, frame) for frame in range(self._frames[name])] * load.instances
        return watched(lambda: bare.timed(pool, work), os.getpid(), load.instances)

    def close(self) -> None:
        """End the processes."""
        self._one.shutdown()
        self._all.shutdown()
