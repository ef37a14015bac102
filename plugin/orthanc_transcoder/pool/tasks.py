"""The jobs that a worker does, by name."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from .. import rendering
from ..codec.registry import default_registry
from ..errors import Declined, Refusal
from ..model import Picture, Request, Rules
from ..payload import whole
from ..pipeline import transcode
from ..policy import check_size
from ..quality.inspection import inspect

Reply = tuple[dict[str, Any], bytes | bytearray]

_REGISTRY = default_registry()


def codecs() -> dict[str, Any]:
    """What this worker can do; loads every codec and witness."""
    witnesses = _REGISTRY.witnesses
    return {
        "available": _REGISTRY.available,
        "unavailable": _REGISTRY.unavailable,
        "witnesses": {"available": witnesses.available, "unavailable": witnesses.unavailable},
    }


def do(header: dict[str, Any], payload: memoryview) -> Reply:
    """Do one job.

    Where memory ran out the reply says ``retired``, and why: what is left of it
    is not to be relied on, and the worker ends.
    """
    try:
        return _TASKS[header["job"]](header, payload)
    except MemoryError:
        return {"retired": "it takes more memory than WorkerMemory allows"}, b""


def _transcode(header: dict[str, Any], payload: memoryview) -> Reply:
    request = Request(
        tuple(header["allowed"]),
        header["allow_new_sop_instance_uid"],
        header["relabel"],
        header["replaces"],
    )
    rules = Rules(**header["rules"])
    result, report = transcode(payload, request, rules, _REGISTRY, header["threads"])
    return {"report": report.to_json()}, result or b""


def _open(header: dict[str, Any], payload: memoryview) -> Reply:
    """Take a file apart, and render one of its frames."""
    found: dict[str, Any] = {}

    def picture() -> Picture:
        try:
            about = rendering.index(payload)
        except Declined as refusal:
            if refusal.code not in rendering.WHOLE:
                raise
            return rendering.render_whole(payload, header["frame"])
        check_size(about.image.frame_bytes, header["maximum_image_bytes"])
        found["index"] = about.to_json()
        if header["frame"] >= len(about.spans):
            raise Declined("no_such_frame", f"There are {len(about.spans)} frames.")
        spans = about.spans[header["frame"]]
        frame = b"".join(payload[offset : offset + length] for offset, length in spans)
        return rendering.render(frame, about, _REGISTRY)

    reply, data = _answered(picture)
    return {**found, **reply}, data


def _render(header: dict[str, Any], payload: memoryview) -> Reply:
    """Render a frame of a file that was taken apart before."""

    def picture() -> Picture:  # the index came from another worker, and may be odd
        about = rendering.FrameIndex.from_json(header["index"])
        return rendering.render(bytes(payload), about, _REGISTRY)

    return _answered(picture)


def _inspect(header: dict[str, Any], payload: memoryview) -> Reply:
    """Check a file."""
    started = time.monotonic()
    found = inspect(
        payload,
        _REGISTRY,
        earlier_digest=header["earlier_digest"],
        second_opinion=header["second_opinion"],
    ).to_json()
    elapsed = (time.monotonic() - started) * 1000
    return {"inspection": {**found, "milliseconds": round(elapsed, 1)}}, b""


def _answered(make: Callable[[], Picture]) -> Reply:
    try:
        picture = make()
    except Refusal as refusal:
        return {"code": refusal.code, "reason": refusal.reason}, b""
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  as in the pipeline: it costs this job only
        return {"code": "internal_error", "reason": f"{type(error).__name__}: {error}"}, b""
    values = {"format": picture.format, "width": picture.width, "height": picture.height}
    return values, whole(picture.data)


_TASKS = {"transcode": _transcode, "open": _open, "render": _render, "inspect": _inspect}
