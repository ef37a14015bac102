"""The servers between which answers travel: one that is asked, and those that receive."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orthanc_transcoder import syntaxes
from tests.orthanc.answers.cases import GREY, J2K, LEFT_TO_ORTHANC, RLE, SLOW, compressed
from tests.orthanc.rest import Answer
from tests.orthanc.servers import (
    SCRIPT,
    OrthancServer,
    StartError,
    free_port,
    orthanc_version,
    python_plugin,
)
from tests.support.workers import faulty_python
from tests.synthesis import native_file

DICOMWEB = "libOrthancDicomWeb.so"
# All compressed syntaxes but those that are left to Orthanc.
_OURS = sorted(set(syntaxes.KEYWORDS.values()) - syntaxes.NATIVE - set(LEFT_TO_ORTHANC))
_OPTIONS: dict[str, dict[str, Any]] = {
    "usual": {},
    "busy": {"QueueLimit": 0},
    "hasty": {"Deadline": 1},
}


@dataclass(frozen=True)
class Kind:
    """A configuration: the order of the built-in transcoder, the options, and the ingest's."""

    order: str
    options: str = "usual"
    ingest: str = ""


class Receiver:
    """DCMTK's ``storescp``, which takes uncompressed files only, and keeps them in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        program = shutil.which("storescp")
        if program is None:
            raise StartError("storescp is missing: run scripts/setup")
        self._process = subprocess.Popen(
            [program, "-od", str(folder), str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def wait_until_ready(self) -> None:
        """Return once it listens."""
        end = time.monotonic() + 10
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise StartError("storescp does not listen")

    def take(self) -> list[bytes]:
        """What came since the last call."""
        found = []
        for path in self.folder.iterdir():
            found.append(path.read_bytes())
            path.unlink()
        return found

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()


class Stage:
    """One server at a time that is asked, and two that receive.

    Another kind of server ends the one before: there are many kinds, and each has
    worker processes.
    """

    def __init__(self, folder: Path, remote: OrthancServer, receiver: Receiver) -> None:
        self.remote = remote
        self.receiver = receiver
        self._folder = folder
        self._kind: Kind | None = None
        self._server: OrthancServer | None = None

    def server(self, kind: Kind) -> OrthancServer:
        """The server of a kind, started if it is not there."""
        if self._server is None or kind != self._kind or not self._server.running:
            self.close()
            name = f"{kind.order}-{kind.options}-{kind.ingest or 'none'}-{time.monotonic_ns()}"
            self._server = OrthancServer(
                self._folder / name,
                plugins=[python_plugin(), python_plugin().with_name(DICOMWEB)],
                script=SCRIPT,
                config=self._config(kind),
            ).start()
            self._kind = kind
        return self._server

    def close(self) -> None:
        """End the server that is asked, which must end well."""
        server, self._server = self._server, None
        if server is None:
            return
        died = not server.running
        status = server.stop()
        if died or status != 0:
            pytest.fail(f"Orthanc ended with {status}:\n{server.log()[-4000:]}")

    def _config(self, kind: Kind) -> dict[str, Any]:
        here = {"Host": "127.0.0.1", "AllowGet": True, "AllowMove": True, "AllowFind": True,
                "AllowStore": True}  # fmt: skip
        titles = ("STORESCU", "GETSCU", "MOVESCU")
        receiver = {"AET": "RECEIVER", "Host": "127.0.0.1", "Port": self.receiver.port}
        return {
            "BuiltinDecoderTranscoderOrder": kind.order,
            **({"IngestTranscoding": kind.ingest} if kind.ingest else {}),
            "DicomModalities": {
                **{title: {**here, "AET": title, "Port": 2000} for title in titles},
                "receiver": receiver,
            },
            "OrthancPeers": {"remote": [self.remote.url + "/"]},
            "DicomWeb": {"Enable": True},
            "Transcoder": {
                "Python": str(faulty_python(self._folder)),
                "Workers": 1,
                "QualityChecks": False,
                "RestrictTransferSyntaxes": _OURS,
                **_OPTIONS[kind.options],
            },
        }


@contextlib.contextmanager
def make_stage(folder: Path) -> Iterator[Stage]:
    """The stage, until the block ends."""
    (folder / "received").mkdir()
    receiver = Receiver(folder / "received")
    with contextlib.ExitStack() as stack:
        stack.callback(receiver.stop)
        receiver.wait_until_ready()
        remote = stack.enter_context(OrthancServer(folder / "remote", config={"Name": "Remote"}))
        stage = Stage(folder, remote, receiver)
        stack.callback(stage.close)
        yield stage


@contextlib.contextmanager
def occupied(server: OrthancServer, *, frames: bool) -> Iterator[None]:
    """While every worker that could take a file (or a frame, too) has something slow to do."""
    _wait_until_idle(server)
    # What is native is not touched when it is stored, whatever the syntax of the ingest.
    make = compressed(SLOW, J2K) if frames else lambda: native_file(SLOW)
    slow = [server.store(make())["ID"] for _ in range(2 if frames else 1)]

    def ask(identifier: str) -> None:
        if frames:
            server.request("GET", f"/instances/{identifier}/preview")
        else:
            modified(server, identifier, J2K)

    threads = [threading.Thread(target=ask, args=(each,)) for each in slow]
    for thread in threads:
        thread.start()
    _wait_until(lambda: _busy(server) == len(slow), "the workers do not get busy")
    yield
    for thread in threads:
        thread.join()


def modified(server: OrthancServer, identifier: str, syntax: str) -> Answer:
    """An instance in another syntax, by the only way that every Orthanc has."""
    body = json.dumps({"Transcode": syntax, "Force": True}).encode()
    return server.request("POST", f"/instances/{identifier}/modify", body)


def _busy(server: OrthancServer) -> int:
    return int(server.get("/transcoder/status")["workers"]["busy"])


def _wait_until_idle(server: OrthancServer) -> None:
    """Where nothing may wait, a worker that is still starting makes the queue a full one."""
    identifier = server.store(native_file(GREY))["ID"]
    done = lambda: modified(server, identifier, RLE).status == 200  # noqa: E731
    _wait_until(done, "the workers do not start")
    _wait_until(lambda: _busy(server) == 0, "the workers do not end")


def _wait_until(condition: Callable[[], bool], complaint: str) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, complaint
        time.sleep(0.02)


def knows_file_transcode() -> bool:
    """Whether ``/instances/{id}/file`` knows ``?transcode=``, which older ones ignore."""
    return orthanc_version() >= (1, 12, 2)
