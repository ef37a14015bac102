"""Jobs of ours in Orthanc's jobs engine.

The core holds a lock on all its jobs while it saves, resets or deletes one. A
Python function there would wait for the GIL, which a user's script may hold
while it waits, inside Orthanc, for that very lock: both for ever. So these
three are functions of the C library, which need no GIL. The handle of a job
is the address of its saved state, a text, and

- what gives the saved state for a handle is ``labs``: an address is positive;
- what deletes a job is ``time``, which writes over the start of the text, and
  so marks memory to be freed here later;
- what resets a job does nothing; ``Job.reset`` is called before the next step.

The text is written only while the job runs, when the core reads a copy.

While a job is submitted, the core asks for its progress and content under
another lock, which every call to Orthanc takes. There the GIL is held from
before, so that no other Python code can be on its way to that lock.
"""

from __future__ import annotations

import ctypes
import json
import mmap
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from . import abi
from .abi import Service, Step, StopReason
from .callbacks import Report
from .sdk import Sdk, ServiceError

_MAX_STATE_BYTES = 16 * 1024 * 1024  # of addresses; memory is taken as it is used
_START = b'{"Conten'

_libc = ctypes.CDLL(None)
_GET_SERIALIZED = ctypes.cast(_libc.labs, ctypes.c_void_p)
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
        """From 0 to 1; must not wait for anything."""

    def content(self) -> Mapping[str, object]:
        """What ``/jobs/{id}`` shows, as JSON; must not wait for anything."""

    def serialized(self) -> Mapping[str, object] | None:
        """What the job is restored from after a restart, whatever its state; None: it is not."""

    def stop(self, reason: StopReason) -> None:
        """There is no next step for now (paused), or ever, unless it is resubmitted."""

    def reset(self) -> None:
        """Begin anew: it failed or was cancelled while it ran, and was resubmitted."""


class _State:
    """The saved state of a job, at an address that stays the same."""

    def __init__(self) -> None:
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        self._memory = mmap.mmap(-1, _MAX_STATE_BYTES, flags)
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))

    def write(self, content: Mapping[str, object] | None, ended: bool) -> None:
        text = json.dumps({"Content": content, "Ended": ended}).encode() + b"\0"
        if len(text) > _MAX_STATE_BYTES:
            raise ValueError(f"the state of a job has {len(text)} bytes")
        self._memory[: len(text)] = text

    @property
    def is_finalized(self) -> bool:
        """Whether the core has deleted the job."""
        return self._memory[: len(_START)] != _START


class _Entry:
    """A job, and what the core has pointers to."""

    def __init__(self, job: Job, ended: bool) -> None:
        self.job = job
        self.ended = ended
        self.state = _State()
        self.content = ctypes.create_string_buffer(b"{}")
        self.save()

    def save(self) -> None:
        self.state.write(self.job.serialized(), self.ended)

    def step(self) -> Step:
        if self.ended:
            self.job.reset()
            self.ended = False
        result = self.job.step()
        self.save()
        return result

    def stop(self, reason: StopReason) -> None:
        self.job.stop(reason)
        self.ended = reason != "paused"
        self.save()


class Jobs:
    """The jobs of one type.

    Parameters
    ----------
    kind
        Name of the type, as ``/jobs`` shows it.
    report
        Takes what a job should not have raised; must not raise.
    """

    def __init__(self, sdk: Sdk, kind: str, report: Report) -> None:
        self._sdk = sdk
        self._kind = kind.encode()
        self._report = report
        self._entries: dict[int, _Entry] = {}
        self._progress = sdk.keep(abi.JOB_PROGRESS(self._on_progress))
        self._content = sdk.keep(abi.JOB_CONTENT(self._on_content))
        self._step = sdk.keep(abi.JOB_STEP(self._on_step))
        self._stop = sdk.keep(abi.JOB_STOP(self._on_stop))

    def register(self, restore: Callable[[dict[str, Any]], Job]) -> None:
        """Restore jobs after a restart: those that wait, and those that have ended."""

        def unserialize(kind: bytes, text: bytes) -> int | None:
            try:
                return self._restore(text, restore) if kind == self._kind else None
            except BaseException as error:  # noqa: BLE001
                self._report(error)
                return None

        self._sdk.register(Service.REGISTER_JOBS_UNSERIALIZER, abi.JOBS_UNSERIALIZER(unserialize))

    def _restore(self, text: bytes, restore: Callable[[dict[str, Any]], Job]) -> int | None:
        saved = json.loads(text)
        if saved["Content"] is None:
            return None
        return self._create(_Entry(restore(saved["Content"]), ended=saved["Ended"]))

    def submit(self, job: Job) -> str:
        """Hand a job over to Orthanc, which runs it when its turn comes; gives its identifier.

        Not on an HTTP thread, whose stack is too small.

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
            self._sdk.invoke_with_gil(Service.SUBMIT_JOB, call)
        except ServiceError:
            if not entry.state.is_finalized:
                self._sdk.invoke(Service.FREE_JOB, abi.FreeJob(handle))
            raise
        return self._sdk.take_text(identifier)

    def _create(self, entry: _Entry) -> int | None:
        """Make a job of the core's; gives its address."""
        for address, other in list(self._entries.items()):
            if other.state.is_finalized:
                del self._entries[address]
        self._entries[entry.state.address] = entry
        target = ctypes.c_void_p()
        self._sdk.invoke(
            Service.CREATE_JOB,
            abi.CreateJob(
                target=ctypes.addressof(target),
                job=entry.state.address,
                finalize=_FINALIZE,
                type=self._kind,
                get_progress=self._progress,
                get_content=self._content,
                get_serialized=_GET_SERIALIZED,
                step=self._step,
                stop=self._stop,
                reset=_RESET,
            ),
        )
        return target.value

    def _on_progress(self, handle: int) -> float:
        try:
            return min(max(float(self._entries[handle].job.progress()), 0.0), 1.0)
        except BaseException as error:  # noqa: BLE001
            self._report(error)
            return 0.0

    def _on_content(self, handle: int) -> int | None:
        try:
            entry = self._entries[handle]
            entry.content = ctypes.create_string_buffer(json.dumps(entry.job.content()).encode())
            return ctypes.addressof(entry.content)
        except BaseException as error:  # noqa: BLE001
            self._report(error)
            return None

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
