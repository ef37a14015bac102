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
from collections.abc import Callable
from typing import Any

from .. import __version__, rendering
from ..codec.registry import Registry, default_registry
from ..errors import Declined, Refusal
from ..fingerprint import fingerprint
from ..model import Picture, Request, Rules
from ..pipeline import transcode
from .channel import Channel

_GRACE_SECONDS = 5

Reply = tuple[dict[str, Any], bytes | bytearray]


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


def serve(registry: Registry, header: dict[str, Any], payload: bytearray) -> Reply:
    """Do one job."""
    return _JOBS[header["job"]](registry, header, memoryview(payload))


def _transcode(registry: Registry, header: dict[str, Any], payload: memoryview) -> Reply:
    request = Request(tuple(header["allowed"]), header["allow_new_sop_instance_uid"])
    result, report = transcode(payload, request, Rules(**header["rules"]), registry)
    return {"report": report.to_json()}, result or b""


def _open(registry: Registry, header: dict[str, Any], payload: memoryview) -> Reply:
    """Take a file apart, and render one of its frames."""
    found: dict[str, Any] = {}

    def picture() -> Picture:
        about = rendering.index(payload)
        found["index"] = about.to_json()
        if header["frame"] >= len(about.spans):
            raise Declined("no_such_frame", f"There are {len(about.spans)} frames.")
        spans = about.spans[header["frame"]]
        frame = b"".join(payload[offset : offset + length] for offset, length in spans)
        return rendering.render(frame, about, registry)

    reply, data = _answered(picture)
    return {**found, **reply}, data


def _render(registry: Registry, header: dict[str, Any], payload: memoryview) -> Reply:
    """Render a frame of a file that was taken apart before."""
    about = rendering.FrameIndex.from_json(header["index"])
    return _answered(lambda: rendering.render(bytes(payload), about, registry))


def _answered(make: Callable[[], Picture]) -> Reply:
    try:
        picture = make()
    except Refusal as refusal:
        return {"code": refusal.code, "reason": refusal.reason}, b""
    except Exception as error:  # noqa: BLE001  as in the pipeline: it costs this job only
        return {"code": "internal_error", "reason": f"{type(error).__name__}: {error}"}, b""
    values = {"format": picture.format, "width": picture.width, "height": picture.height}
    return values, picture.data


_JOBS = {"transcode": _transcode, "open": _open, "render": _render}
