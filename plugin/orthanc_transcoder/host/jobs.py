"""Jobs of ours in Orthanc's jobs engine.

The core asks a job for its progress and content, saves it and deletes it while
it holds a lock: its lock on all jobs, or the one that each call to Orthanc
takes. A Python function there would wait for the GIL, which a user's script may
hold while it waits, inside Orthanc, for that very lock: both for ever. (With
Python functions it took a script that reads ``/jobs`` some seconds.) So these
are functions of the C library, which need no GIL. They are given the job's
handle, which is the address of a text such as

    0x1000003f000000p-52/{"Done": 5}

- its progress is read by ``atof``. That gives a double where the core takes a
  float, which is the lower half of the same register, on x86-64 as on ARM64: so
  the number is one whose lower half is the progress, here 0.5;
- its content, and what is saved, is read by ``basename``, which gives what
  follows the last slash;
- ``time`` deletes it: it writes over the start of the text, and so marks memory
  that is freed here later;
- ``sched_yield`` resets it, and does nothing: ``Job.reset`` is called before
  the next step.

The text is written only before a job is submitted, and on the thread that runs
it while it does; then the core reads nothing, or a copy. Steps and stops are
Python functions: there the core holds no lock.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import struct
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ..errors import HostError
from . import abi
from .abi import Service, Step, StopReason
from .callbacks import Report
from .sdk import Sdk, ServiceError

_TEXT_BYTES = 16 * 1024 * 1024  # of addresses; memory is taken as it is used
_TIME_BYTES = 8
_ENDED = "Ended"
_RESERVED = ("Type", _ENDED)  # of the core and of this module

_libc = ctypes.CDLL(None)
_GET_PROGRESS = ctypes.cast(_libc.atof, ctypes.c_void_p)
_GET_CONTENT = ctypes.cast(_libc.basename, ctypes.c_void_p)
_FINALIZE = ctypes.cast(_libc.time, ctypes.c_void_p)
_RESET = ctypes.cast(_libc.sched_yield, ctypes.c_void_p)


class Job(Protocol):
    """A piece of work that Orthanc runs step by step, on one thread at a time.

    Between two steps it may be paused, cancelled, or interrupted by the end of
    Orthanc. What it raises makes it fail.
    """

    def step(self) -> Step:
        """Do a little; it may call the REST API through the SDK."""

    def progress(self) -> float:
        """From 0 to 1."""

    def content(self) -> Mapping[str, object]:
        """What ``/jobs/{id}`` shows, and what the job is restored from after a restart.

        For JSON, at most some megabytes, without the names ``Type`` and ``Ended``.
        """

    def stop(self, reason: StopReason) -> None:
        """There is no next step for now (paused), or ever, unless it is resubmitted."""

    def reset(self) -> None:
        """Begin anew: it ended, and was resubmitted."""


Restore = Callable[[dict[str, Any]], Job | None]


class _Text:
    """What the core reads of a job, at an address that stays the same."""

    def __init__(self) -> None:
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        self._memory = mmap.mmap(-1, _TEXT_BYTES, flags)
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))

    def write(self, progress: float, content: Mapping[str, object]) -> None:
        (number,) = struct.unpack("<I", struct.pack("<f", min(max(0.0, progress), 1.0)))
        shown = json.dumps(content, allow_nan=False).replace("/", "\\u002f")
        text = f"{hex(2**52 + number)}p-52/{shown}\0".encode()
        if len(text) > _TEXT_BYTES:
            raise ValueError(f"the content of a job has {len(text)} bytes")
        self._memory[: len(text)] = text

    @property
    def is_deleted(self) -> bool:
        """Whether the core has deleted the job."""
        return self._memory[_TIME_BYTES - 1] == 0  # as no byte of the text is


def _prove() -> None:
    """That this machine's C library reads a text as is described above; else ``HostError``."""
    text = _Text()
    text.write(0.375, {"path": "/"})
    progress = ctypes.cast(_GET_PROGRESS, abi.JOB_PROGRESS)(text.address)
    content = ctypes.string_at(ctypes.cast(_GET_CONTENT, abi.JOB_CONTENT)(text.address))
    deleted_before = text.is_deleted
    ctypes.cast(_FINALIZE, abi.FREE)(text.address)
    if (progress, json.loads(content)) != (0.375, {"path": "/"}):
        raise HostError("the C library does not read the text of a job")
    if deleted_before or not text.is_deleted:
        raise HostError("the C library does not mark the text of a job")


class _Entry:
    """A job, and what the core has a pointer to."""

    def __init__(self, job: Job, ended: bool) -> None:
        self._job = job
        self._ended = ended
        self.text = _Text()
        self._show()

    def _show(self) -> None:
        content = self._job.content()
        if not content.keys().isdisjoint(_RESERVED):
            raise ValueError(f"the content of a job has one of the names {_RESERVED}")
        ended = {_ENDED: True} if self._ended else {}
        self.text.write(self._job.progress(), {**content, **ended})

    def step(self) -> Step:
        if self._ended:
            self._job.reset()
            self._ended = False
        result = self._job.step()
        self._show()
        return result

    def stop(self, reason: StopReason) -> None:
        self._ended = reason != "paused"
        try:
            self._job.stop(reason)
        finally:
            self._show()


class Jobs:
    """The jobs of one type.

    Parameters
    ----------
    kind
        Name of the type, as ``/jobs`` shows it.
    report
        Takes what a job should not have raised; must not raise.

    Raises
    ------
    HostError
        If this machine's C library is not as it is needed.
    """

    def __init__(self, sdk: Sdk, kind: str, report: Report) -> None:
        _prove()
        self._sdk = sdk
        self._kind = kind.encode()
        self._report = report
        self._entries: dict[int, _Entry] = {}
        self._step = sdk.keep(abi.JOB_STEP(self._on_step))
        self._stop = sdk.keep(abi.JOB_STOP(self._on_stop))

    def register(self, restore: Restore) -> None:
        """Restore jobs after a restart: those that wait, and those that have ended."""

        def unserialize(kind: bytes, text: bytes) -> int | None:
            try:
                return self._restore(text, restore) if kind == self._kind else None
            except BaseException as error:  # noqa: BLE001
                self._report(error)
                return None

        self._sdk.register(Service.REGISTER_JOBS_UNSERIALIZER, abi.JOBS_UNSERIALIZER(unserialize))

    def _restore(self, text: bytes, restore: Restore) -> int | None:
        content = json.loads(text)
        del content["Type"]  # the core's
        ended = content.pop(_ENDED, False)
        job = restore(content)
        return self._create(_Entry(job, ended)) if job else None

    def submit(self, job: Job) -> str:
        """Hand a job over to Orthanc, which runs it when its turn comes; gives its identifier.

        Raises
        ------
        ServiceError
            If the core refuses, as it does until it has started.
        """
        entry = _Entry(job, ended=False)
        handle = self._create(entry)
        identifier = ctypes.c_void_p()
        call = abi.SubmitJob(ctypes.addressof(identifier), handle, 0)
        try:
            self._sdk.invoke(Service.SUBMIT_JOB, call)
        except ServiceError:
            if not entry.text.is_deleted:
                self._sdk.invoke(Service.FREE_JOB, abi.FreeJob(handle))
            raise
        return self._sdk.take_text(identifier)

    def _create(self, entry: _Entry) -> int | None:
        """Make a job of the core's; gives its address."""
        for address, other in list(self._entries.items()):
            if other.text.is_deleted:
                self._entries.pop(address, None)
        self._entries[entry.text.address] = entry
        target = ctypes.c_void_p()
        self._sdk.invoke(
            Service.CREATE_JOB,
            abi.CreateJob(
                target=ctypes.addressof(target),
                job=entry.text.address,
                finalize=_FINALIZE,
                type=self._kind,
                get_progress=_GET_PROGRESS,
                get_content=_GET_CONTENT,
                get_serialized=_GET_CONTENT,
                step=self._step,
                stop=self._stop,
                reset=_RESET,
            ),
        )
        return target.value

    def _on_step(self, handle: int) -> int:
        try:
            return abi.STEP_STATUS[self._entries[handle].step()]
        except BaseException as error:  # noqa: BLE001
            self._report(error)
            return abi.STEP_STATUS["failure"]

    def _on_stop(self, handle: int, reason: int) -> int:
        try:
            self._entries[handle].stop(abi.STOP_REASONS[reason])
        except BaseException as error:  # noqa: BLE001
            self._report(error)
            return abi.PLUGIN_ERROR
        return abi.SUCCESS
