"""The worker process: one job after another, until Orthanc's side hangs up.

It needs no watching of its parent: when Orthanc ends, however it ends, the
socket does, and with it the next read or write. A codec that never returns is
ended by the kernel (SIGALRM, whose default action needs no cooperation) even
if Orthanc is gone; so is one of a job that has a limit of processor time
("cpu_seconds") and exceeds it (SIGPROF). It gives up its privileges before it loads any codec.
"""

from __future__ import annotations

import math
import os
import platform
import signal
import socket
import sys
from typing import Any

from .. import __version__
from ..fingerprint import PACKAGE, fingerprint
from . import memory
from .channel import Channel
from .confinement import confine, interpreter_files

_GRACE_SECONDS = 5


def main(memory_bytes: int, nice: int, descriptor: int) -> None:
    """Serve the connection that was inherited as ``descriptor``.

    Parameters
    ----------
    memory_bytes
        Data that this process may allocate; 0 means any.
    nice
        Its niceness.
    """
    channel = Channel(socket.socket(fileno=descriptor))
    os.nice(nice)
    confined = confine(memory_bytes, (PACKAGE, *interpreter_files()))
    # Only now: the codecs are what is not to be trusted.
    from . import tasks  # noqa: PLC0415

    channel.send({**hello(), "codecs": tasks.codecs(), "confinement": confined})
    while True:
        try:
            message = channel.receive()
        except (EOFError, OSError):
            return
        signal.alarm(math.ceil(message.header["seconds"]) + _GRACE_SECONDS)
        signal.setitimer(signal.ITIMER_PROF, message.header.get("cpu_seconds", 0.0))
        payload = memoryview(message.payload)
        if message.descriptor >= 0:
            payload = memory.view(message.descriptor, message.size)
        reply, result = tasks.do(message.header, payload)
        del payload, message  # nothing of a job is kept while idle
        try:
            channel.send(reply, result)
        except OSError:
            return
        del result
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.alarm(0)
        if "retired" in reply:
            return


def hello() -> dict[str, Any]:
    """Who this worker is."""
    return {
        "version": __version__,
        "fingerprint": fingerprint(),
        "python": platform.python_version(),
        "interpreter": sys.executable,
    }
