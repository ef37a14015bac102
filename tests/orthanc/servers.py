"""Real Orthanc processes for the tests: any configuration, any plugin, one folder each.

    with OrthancServer(folder, plugins=[python_plugin()], script=SCRIPT) as server:
        identifier = server.store(content)["ID"]

A server listens on free ports of 127.0.0.1 and answers this machine only. It is
stopped by SIGTERM to its own process, and killed if that takes too long.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.orthanc.processes import Vitals, descendants, vitals
from tests.orthanc.rest import RestClient

PROJECT = Path(__file__).resolve().parents[2]
SCRIPT = PROJECT / "plugin" / "transcoder_plugin.py"
READY_LINE = "orthanc_transcoder: native transcoder registered"

_BINARY = "/usr/sbin/Orthanc"
_PLUGIN_FOLDER = Path("/usr/share/orthanc/plugins")
# Local tools only, as in orthanc-config/orthanc.json: Orthanc's DICOM port is open to the network.
_TITLES = ("STORESCU", "DCMSEND", "ECHOSCU", "FINDSCU", "GETSCU", "MOVESCU")
_STARTS = 3
# Options for every server of a run, as JSON: the suite is to hold with each of them.
_OPTIONS: dict[str, Any] = json.loads(os.environ.get("ORTHANC_TEST_OPTIONS") or "{}")


class StartError(RuntimeError):
    """Orthanc stopped, or gave no answer, before it was ready; its log is in the message."""


def python_plugin() -> Path:
    """Debian's Python plugin."""
    return _plugin("libOrthancPython.so")


def gdcm_plugin() -> Path:
    """Debian's GDCM plugin."""
    return _plugin("libOrthancGdcm.so")


def _plugin(name: str) -> Path:
    path = _PLUGIN_FOLDER / name
    if not path.exists():
        raise StartError(f"{path} is missing: run scripts/setup")
    return path


def orthanc_version() -> tuple[int, ...]:
    """The version of the installed Orthanc; what is built from its main line is the newest."""
    done = subprocess.run([_BINARY, "--version"], capture_output=True, text=True, check=True)
    numbers = re.findall(r"\d+", done.stdout.splitlines()[0])
    return tuple(map(int, numbers)) or (99,)


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        # The server itself binds all addresses: a port free on 127.0.0.1 alone may not do.
        probe.bind(("", 0))
        port: int = probe.getsockname()[1]
        return port


class OrthancServer(RestClient):
    """One Orthanc process in a folder of its own.

    Parameters
    ----------
    folder
        For the configuration, the log and the storage; made if missing. A second
        server in the same folder finds what the first one stored.
    config
        Options that replace the defaults below, one by one.
    plugins, script
        Paths of shared libraries, and of the ``PythonScript``.
    environment
        The whole environment of the process; by default, this one's.
    options
        Of the command line, such as ``--verbose``.
    """

    def __init__(
        self,
        folder: Path,
        *,
        config: Mapping[str, Any] | None = None,
        plugins: Iterable[Path] = (),
        script: Path | None = None,
        environment: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        super().__init__()
        self.dicom_port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._environment = environment
        self._options = tuple(options)
        self._config: dict[str, Any] = {
            "Name": "Test",
            "StorageDirectory": str(folder / "storage"),
            "IndexDirectory": str(folder / "storage"),
            "TemporaryDirectory": str(folder / "tmp"),
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "HttpBindAddresses": ["127.0.0.1"],
            "DicomAlwaysAllowEcho": False,
            "DicomAlwaysAllowStore": False,
            "DicomCheckModalityHost": True,
            "DicomModalities": {title: [title, "127.0.0.1", 2000] for title in _TITLES},
            "SyncStorageArea": False,  # temporary data needs no fsync
            "StableAge": 1,
            "Plugins": [str(path) for path in plugins],
            **({"PythonScript": str(script), "PythonVerbose": False} if script else {}),
            **_OPTIONS,
            **(config or {}),
        }
        if script and "IngestTranscoding" in self._config:
            # Tests send tiny images, which compression makes larger.
            section = {"OnlyIfSmaller": None, **self._config.get("Transcoder", {})}
            self._config["Transcoder"] = section

    def start(self, timeout: float = 60.0) -> Self:
        """Start, and wait until HTTP answers.

        Raises
        ------
        StartError
            If Orthanc stops first, or the time is over.
        """
        for name in ("storage", "tmp"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        for attempt in range(_STARTS):
            self._launch()
            try:
                self._wait_until_ready(timeout)
            except StartError:
                self.stop()
                # Another process may have taken the port since it was found free.
                if attempt + 1 == _STARTS or "in use" not in self.log():
                    raise
            else:
                break
        return self

    def _launch(self) -> None:
        # A port of the configuration stays the same over several starts.
        self.http_port = self._config.get("HttpPort") or free_port()
        self.dicom_port = free_port()
        ports = {"HttpPort": self.http_port, "DicomPort": self.dicom_port}
        config = self.folder / "orthanc.json"
        config.write_text(json.dumps({**ports, **self._config}, indent=2))
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [_BINARY, *self._options, str(config)],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for pytest, which then stops the servers in order.
                start_new_session=True,
            )

    def _wait_until_ready(self, timeout: float) -> None:
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if not self.running:
                raise StartError(f"Orthanc stopped with status {self.exit_status}:\n{self.log()}")
            try:
                self.request("GET", "/system", timeout=5)
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise StartError(f"no answer after {timeout} s:\n{self.log()}")

    def stop(self, timeout: float = 30.0) -> int:
        """End the process with SIGTERM, or SIGKILL after the timeout; return its exit status."""
        process = self.process
        process.terminate()
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def kill(self) -> None:
        """End the process with SIGKILL, as the kernel would for want of memory."""
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as on_failure:
            on_failure.callback(self._end)
            if self._process is None:
                self.start()
            on_failure.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end()

    def _end(self) -> None:
        if self._process:
            self.stop()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process, once started."""
        if self._process is None:
            raise StartError("this server was not started")
        return self._process

    @property
    def pid(self) -> int:
        """The process ID."""
        return self.process.pid

    @property
    def running(self) -> bool:
        """Whether the process has not ended yet."""
        return self.process.poll() is None

    @property
    def exit_status(self) -> int | None:
        """The exit status (negative: the signal), None while it runs."""
        return self.process.poll()

    def children(self) -> list[int]:
        """Process IDs of all living descendants."""
        return descendants(self.pid)

    def vitals(self) -> Vitals:
        """Threads, open files and memory of the process."""
        return vitals(self.pid)

    @property
    def log_path(self) -> Path:
        """The file that holds what Orthanc printed."""
        return self.folder / "orthanc.log"

    def log(self) -> str:
        """What Orthanc has printed so far, all starts in this folder together."""
        return self.log_path.read_text(errors="replace")

    def told(self, text: str, *, expected: bool = True) -> bool:
        """Whether Orthanc has printed this; what is expected may come a moment later."""
        end = time.monotonic() + (10.0 if expected else 0.5)
        while text not in self.log() and time.monotonic() < end:
            time.sleep(0.05)
        return text in self.log()

    def storescu(
        self, *paths: Path, options: Sequence[str] = (), timeout: float = 120.0
    ) -> subprocess.CompletedProcess[str]:
        """Send files by DICOM C-STORE with DCMTK; options choose what it proposes (``-xs`` ...)."""
        program = shutil.which("storescu")
        if program is None:
            raise StartError("storescu is missing: run scripts/setup")
        command = [program, *options, "127.0.0.1", str(self.dicom_port), *map(str, paths)]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
