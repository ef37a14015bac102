"""One worker process: how it is started, proven, asked and ended.

The process is a fresh interpreter, the one that the settings name: inside
Orthanc ``sys.executable`` is Orthanc, and forking a threaded server is not
safe. It inherits nothing but one socket and a file in memory for what its
libraries print, which explains a death; its environment is empty.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from ..errors import PoolError
from ..fingerprint import PACKAGE
from ..payload import Payload
from .channel import Channel
from .memory import SealedPayload
from .wire import WireError

# The package's folder is given, not found: -I keeps the working folder and
# PYTHONPATH out, so that no other file can pose as the package.
BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from orthanc_transcoder.pool.worker import main; main(*map(int, sys.argv[2:]))"
)
START_SECONDS = 60.0
# What ends a process from outside: an administrator, or a system without memory.
_FROM_OUTSIDE = (-signal.SIGKILL, -signal.SIGTERM)
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"}


class WorkerProcess:
    """A started worker that has proven to run the same package files.

    Parameters
    ----------
    memory_bytes
        Data that the process may allocate; 0 means any.
    nice
        Its niceness.

    Raises
    ------
    PoolError
        If it cannot be started, or is not what it should be; ``worker_killed`` if it
        was ended from outside before it was ready.
    """

    def __init__(
        self, python: Path, fingerprint: str, *, memory_bytes: int = 0, nice: int = 0
    ) -> None:
        self._output = os.memfd_create("worker-output")
        ours, theirs = socket.socketpair()
        self._channel = Channel(ours)
        try:
            self._process = self._launch(python, theirs, memory_bytes, nice)
        except OSError as error:
            self._close()
            raise PoolError(
                "workers_unavailable", f"the interpreter {python} cannot be started: {error}"
            ) from error
        finally:
            theirs.close()
        self.hello = self._greet(python, fingerprint)

    @property
    def pid(self) -> int:
        """Process identifier."""
        return self._process.pid

    def alive(self) -> bool:
        """Whether the process is still running."""
        return self._process.poll() is None

    def ask(
        self, header: dict[str, Any], payload: memoryview, deadline: float
    ) -> tuple[dict[str, Any], bytearray | Payload]:
        """Send a job and wait for the answer.

        Raises
        ------
        PoolError
            If the process dies (``worker_killed`` if it was ended from outside),
            breaks the protocol or misses the deadline. It must be ended then.
        """
        self._forget_old_output()
        try:
            self._channel.send(header, payload, deadline)
            message = self._channel.receive(deadline)
            if message.descriptor < 0:
                return message.header, message.payload
            return message.header, SealedPayload(message.descriptor, message.size)
        except TimeoutError:
            raise PoolError("deadline", f"worker {self.pid} overran its deadline") from None
        except MemoryError as error:
            raise PoolError("no_memory", f"no memory for worker {self.pid}: {error}") from None
        except (EOFError, OSError):
            raise self._death() from None
        except (WireError, ValueError) as error:
            raise PoolError("worker_broken", f"worker {self.pid} wrote garbage: {error}") from None

    def end(self) -> None:
        """End the process, whatever it is doing, and wait until it is gone."""
        self._process.kill()
        self._process.wait()
        self._close()

    def kill(self) -> None:
        """Kill the process from another thread; its owner sees it die."""
        self._process.kill()

    def _launch(
        self, python: Path, theirs: socket.socket, memory_bytes: int, nice: int
    ) -> subprocess.Popen[bytes]:
        numbers = (memory_bytes, nice, theirs.fileno())
        command = [str(python), "-I", "-c", BOOT, str(PACKAGE.parent), *map(str, numbers)]
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
            pass_fds=(theirs.fileno(),),
            env=_ENVIRONMENT,
            cwd="/",
            # Ctrl-C is for Orthanc alone. Not a session of its own: Linux may share the
            # processors among sessions first (sched(7), autogroup), and would give each
            # worker as much as Orthanc, whatever its niceness.
            process_group=0,
        )

    def _greet(self, python: Path, fingerprint: str) -> dict[str, Any]:
        try:
            hello = self._channel.receive(time.monotonic() + START_SECONDS).header
        except TimeoutError:
            problem = "did not answer"
        except (EOFError, OSError):
            problem = self._cause()
        except WireError as error:
            problem = f"wrote garbage: {error}"
        else:
            if hello.get("fingerprint") == fingerprint:
                return hello
            problem = "runs other package files than Orthanc does: restart Orthanc after an upgrade"
        code = "worker_killed" if self._was_killed() else "workers_unavailable"
        self.end()
        raise PoolError(code, f"a worker of {python} {problem}")

    def _death(self) -> PoolError:
        reason = f"worker {self.pid} {self._cause()}"
        if self._process.returncode == -signal.SIGPROF:
            return PoolError("deadline", f"worker {self.pid} overran its processor time")
        return PoolError("worker_killed" if self._was_killed() else "worker_died", reason)

    def _was_killed(self) -> bool:
        return self._process.returncode in _FROM_OUTSIDE

    def _cause(self) -> str:
        """Say how the process ended; it has closed its socket already."""
        try:
            status = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "closed its connection"
        if status < 0:
            cause = f"was ended by {_signal_name(-status)}"
        else:
            cause = f"exited with status {status}"
        last_words = self._last_line()
        return f"{cause}: {last_words}" if last_words else cause

    def _last_line(self) -> str:
        size = os.fstat(self._output).st_size
        tail = os.pread(self._output, 4096, max(0, size - 4096))
        lines = tail.decode(errors="replace").strip().splitlines()
        return lines[-1].strip()[:300] if lines else ""

    def _forget_old_output(self) -> None:
        """Keep a chatty library from filling memory, and old words from explaining new deaths."""
        if os.fstat(self._output).st_size:
            os.ftruncate(self._output, 0)
            os.lseek(self._output, 0, os.SEEK_SET)

    def _close(self) -> None:
        self._channel.close()
        os.close(self._output)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
