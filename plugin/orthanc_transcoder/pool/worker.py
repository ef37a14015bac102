"""The worker process: one job after another, until Orthanc's side hangs up.

It needs no watching of its parent: when Orthanc ends, however it ends, the
socket does, and with it the next read or write. A codec that never returns is
ended by the kernel (SIGALRM, whose default action needs no cooperation) even
if Orthanc is gone.
"""

from __future__ import annotations

import math
import platform
import signal
import socket
import sys
from typing import Any

from .. import __version__
from ..codec.registry import Registry, default_registry
from ..fingerprint import fingerprint
from ..model import Request, Rules
from ..pipeline import transcode
from .channel import Channel

_GRACE_SECONDS = 5


def main(descriptor: int) -> None:
    """Serve the connection that was inherited as ``descriptor``."""
    channel = Channel(socket.socket(fileno=descriptor))
    registry = default_registry()
    channel.send(hello(registry))
    while True:
        try:
            header, payload = channel.receive()
        except (EOFError, OSError):
            return
        signal.alarm(math.ceil(header["seconds"]) + _GRACE_SECONDS)
        reply, result = serve(registry, header, payload)
        try:
            channel.send(reply, result)
        except OSError:
            return
        signal.alarm(0)


def hello(registry: Registry) -> dict[str, Any]:
    """Who this worker is, and what it can do."""
    return {
        "version": __version__,
        "fingerprint": fingerprint(),
        "python": platform.python_version(),
        "interpreter": sys.executable,
        "codecs": {"available": registry.available, "unavailable": registry.unavailable},
    }


def serve(
    registry: Registry, header: dict[str, Any], payload: bytearray
) -> tuple[dict[str, Any], bytes]:
    """Do one job."""
    request = Request(tuple(header["allowed"]), header["allow_new_sop_instance_uid"])
    result, report = transcode(payload, request, Rules(**header["rules"]), registry)
    return {"report": report.to_json()}, result or b""
