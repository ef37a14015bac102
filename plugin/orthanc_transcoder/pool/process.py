"""One worker process: how it is started, proven, asked and ended.

The process is a fresh interpreter, the one that the settings name: inside
Orthanc ``sys.executable`` is Orthanc, and forking a threaded server is not
safe. It inherits nothing but one socket and a file in memory for what its
libraries print, which explains a death, and which cannot grow past ``OUTPUT_BYTES``;
its environment is empty.

A worker may have been taken over by a file: what it sends is taken for nothing but
what it is shown to be, and one that breaks a rule is ended by whoever sees it.
"""

from __future__ import annotations

import fcntl
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
from .hello import checked
from .memory import SealedPayload
from .wire import MAX_PAYLOAD_BYTES, WireError

# The package's folder is given, not found: -I keeps the working folder and
# PYTHONPATH out, so that no other file can pose as the package.
BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from orthanc_transcoder.pool.worker import main; main(*map(int, sys.argv[2:]))"
)
START_SECONDS = 60.0
OUTPUT_BYTES = 1024 * 1024  # from the start of each job
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
        theirs = self._open()
        try:
            self._process = self._launch(python, theirs, memory_bytes, nice)
        except BaseException as error:
            self._close()
            if not isinstance(error, OSError | subprocess.SubprocessError):
                raise
            raise PoolError(
                "workers_unavailable", f"the interpreter {python} cannot be started: {error}"
            ) from error
        finally:
            theirs.close()
        try:
            self.hello = self._greet(python, fingerprint)
        except BaseException:
            self.end()
            raise

    @property
    def pid(self) -> int:
        """Process identifier."""
        return self._process.pid

    def alive(self) -> bool:
        """Whether the process is still running."""
        return self._process.poll() is None

    def is_quiet(self) -> bool:
        """Whether it waits for a job: an answer that is there already is no answer to it."""
        return self._channel.is_quiet()

    def ask(
        self,
        header: dict[str, Any],
        payload: memoryview,
        deadline: float,
        most: int = MAX_PAYLOAD_BYTES,
    ) -> tuple[dict[str, Any], bytearray | Payload]:
        """Send a job and wait for the answer, whose payload has at most so many bytes.

        Raises
        ------
        PoolError
            If the process dies (``worker_killed`` if it was ended from outside),
            breaks the protocol or misses the deadline. It must be ended then.
        """
        self._forget_old_output()
        try:
            self._channel.send(header, payload, deadline)
            message = self._channel.receive(deadline, most)
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
        if self._closed:
            return
        self._process.kill()
        self._process.wait()
        self._close()

    def kill(self) -> None:
        """Kill the process from another thread; its owner sees it die."""
        self._process.kill()

    def _open(self) -> socket.socket:
        """Make what this process and the worker share; gives the worker's end."""
        self._closed = False
        try:
            self._output = _bounded_output()
        except OSError as error:
            raise PoolError("workers_unavailable", f"no worker can be started: {error}") from error
        try:
            ours, theirs = socket.socketpair()
        except OSError as error:
            os.close(self._output)
            raise PoolError("workers_unavailable", f"no worker can be started: {error}") from error
        self._channel = Channel(ours)
        return theirs

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
            said = self._channel.receive(time.monotonic() + START_SECONDS, most=0).header
            if said.get("fingerprint") == fingerprint:
                return checked(said)
            problem = "runs other package files than Orthanc does: restart Orthanc after an upgrade"
        except TimeoutError:
            problem = "did not answer"
        except (EOFError, OSError):
            problem = self._cause()
        except (WireError, ValueError) as error:
            problem = f"wrote garbage: {error}"
        code = "worker_killed" if self._was_killed() else "workers_unavailable"
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
        end = min(max(0, os.lseek(self._output, 0, os.SEEK_CUR)), OUTPUT_BYTES)
        tail = os.pread(self._output, min(end, 4096), max(0, end - 4096))
        lines = tail.decode(errors="replace").strip().splitlines()
        return lines[-1].strip()[:300] if lines else ""

    def _forget_old_output(self) -> None:
        """Old words explain no new death, and leave no room; the worker shares the position."""
        os.lseek(self._output, 0, os.SEEK_SET)

    def _close(self) -> None:
        self._closed = True
        self._channel.close()
        os.close(self._output)


def _bounded_output() -> int:
    """Descriptor of a file in memory that cannot grow: what does not fit is not written."""
    output = os.memfd_create("worker-output", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(output, OUTPUT_BYTES)
        seals = fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
        fcntl.fcntl(output, fcntl.F_ADD_SEALS, seals)
    except BaseException:
        os.close(output)
        raise
    return output


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
