"""Orthanc's side of a transcoding: ask the pool, count, log, remember the report.

``transcode`` is called on Orthanc's threads and does next to nothing there:
everything else happens on the pool's threads, in ``_conclude``.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable

from . import peek
from .errors import PoolError
from .model import Outcome, Report, Request, Rules
from .payload import Payload
from .pool.jobs import Answer
from .pool.supervisor import Pool

_log = logging.getLogger(__name__)

# A job's deadline grows by a second for each so many bytes of the file.
_BYTES_PER_SECOND = 4_000_000


class Ingests:
    """Which threads are about to transcode what they have just received.

    Parameters
    ----------
    applies
        Whether Orthanc transcodes received files of a transfer syntax.
    """

    def __init__(self, applies: Callable[[str], bool]) -> None:
        self._applies = applies
        self._lock = threading.Lock()
        self._received: dict[int, str] = {}

    def expect(self, data: memoryview) -> None:
        """Note what the calling thread has received, if it will be transcoded next."""
        if self._applies(peek.transfer_syntax(data)):
            with self._lock:
                self._received[threading.get_ident()] = peek.sop_instance_uid(data)

    def take(self, data: memoryview) -> bool:
        """Whether this is what the calling thread has received."""
        with self._lock:
            expected = self._received.pop(threading.get_ident(), "")
        return expected != "" and expected == peek.sop_instance_uid(data)


@dataclasses.dataclass(frozen=True, slots=True)
class Tally:
    """Transcodings of one kind since the start; sizes of whole files in bytes."""

    count: int = 0
    seconds: float = 0.0
    source_bytes: int = 0
    result_bytes: int = 0

    def plus(self, report: Report) -> Tally:
        """One more."""
        return Tally(
            self.count + 1,
            self.seconds + report.milliseconds / 1000,
            self.source_bytes + report.source_bytes,
            self.result_bytes + report.result_bytes,
        )


class TranscodingService:
    """Transcodes files in the pool.

    Parameters
    ----------
    remember
        Takes the calling thread's identifier and the report.
    ingests
        Where Orthanc leaves out of archives and media, without a word, what no
        transcoder takes (1.13 and later; older ones add the original): the
        original is handed back then. Not at ingest, where it would be stored
        after another passage through DCMTK instead of as it came.
    """

    def __init__(
        self,
        pool: Pool,
        rules: Rules,
        deadline: int,
        remember: Callable[[int, Report], None],
        ingests: Ingests | None = None,
    ) -> None:
        self._ingests = ingests
        self._pool = pool
        self._rules = dataclasses.asdict(rules)
        self._deadline = deadline
        self._remember = remember
        self._lock = threading.Lock()
        self._tallies: dict[tuple[str, str], Tally] = {}

    def transcode(self, data: memoryview, request: Request) -> bytearray | Payload | None:
        """The transcoded file, or None if Orthanc must go on without us.

        Parameters
        ----------
        data
            A DICOM file; must stay valid until this returns.
        """
        hand_back = self._ingests is not None and not self._ingests.take(data)
        call = _Call(self, data, request, hand_back)
        self._pool.run(call.header(), data, call.seconds, call.conclude)
        return call.result

    @property
    def tallies(self) -> dict[tuple[str, str], Tally]:
        """What was done so far, by outcome and the transfer syntax that was asked for."""
        with self._lock:
            return dict(self._tallies)

    @property
    def counters(self) -> dict[str, int]:
        """Outcomes so far, and bytes in and out of what was transcoded."""
        counters: Counter[str] = Counter()
        for (outcome, _), tally in self.tallies.items():
            counters[outcome] += tally.count
            if outcome == Outcome.TRANSCODED:
                counters["source_bytes"] += tally.source_bytes
                counters["result_bytes"] += tally.result_bytes
        return dict(counters)

    @property
    def rules(self) -> dict[str, object]:
        """The rules, as plain values."""
        return self._rules

    def seconds(self, size: int) -> float:
        """The deadline of a job on a file of ``size`` bytes."""
        return self._deadline + size / _BYTES_PER_SECOND

    def finish(self, thread: int, request: Request, report: Report) -> None:
        """Account for a finished call of the thread ``thread``."""
        asked = report.target_syntax or ",".join(request.allowed[:1])
        key = (str(report.outcome), asked)
        with self._lock:
            self._tallies[key] = self._tallies.get(key, Tally()).plus(report)
        _tell(report)
        self._remember(thread, report)


class _Call:
    """One call of ``transcode``, from an Orthanc thread to the pool and back."""

    def __init__(
        self, service: TranscodingService, data: memoryview, request: Request, hand_back: bool
    ) -> None:
        self._hand_back = hand_back
        self.result: bytearray | Payload | None = None
        self.seconds = service.seconds(len(data))
        self._service = service
        self._data = data
        self._request = request
        self._thread = threading.get_ident()
        self._started = time.monotonic()

    def header(self) -> dict[str, object]:
        """The job's message to the worker."""
        return {
            "job": "transcode",
            "allowed": self._request.allowed,
            "allow_new_sop_instance_uid": self._request.allow_new_sop_instance_uid,
            "rules": self._service.rules,
            "seconds": self.seconds,
        }

    def conclude(self, answer: Answer) -> None:
        """Take the pool's answer, on one of its threads."""
        report = self._report(answer)
        elapsed = (time.monotonic() - self._started) * 1000
        report = dataclasses.replace(report, milliseconds=round(elapsed, 1))
        if report.outcome is Outcome.TRANSCODED:
            self.result = answer.payload
        elif report.outcome is Outcome.KEPT or self._hand_back:
            self.result = bytearray(self._data)
        self._service.finish(self._thread, self._request, report)

    def _report(self, answer: Answer) -> Report:
        if answer.error is not None:
            return self._failure(answer.error)
        try:
            report = Report.from_json(answer.header["report"])
        except (TypeError, ValueError, KeyError) as error:
            return self._failure(PoolError("worker_broken", f"a worker's report is odd: {error}"))
        return report if report.sop_instance_uid else self._identified(report)

    def _failure(self, error: PoolError) -> Report:
        size = len(self._data)
        return self._identified(
            Report(Outcome.FAILED, code=error.code, reason=error.reason, source_bytes=size)
        )

    def _identified(self, report: Report) -> Report:
        """Name an instance that no worker could: Orthanc may read what we cannot."""
        uid = peek.sop_instance_uid(self._data)
        return dataclasses.replace(
            report,
            sop_instance_uid=uid,
            result_sop_instance_uid=uid,
            source_syntax=peek.transfer_syntax(self._data),
        )


def _tell(report: Report) -> None:
    """One line for each transcoding; what kept the original is a warning."""
    name = report.sop_instance_uid or "an unidentified instance"
    if report.outcome is Outcome.TRANSCODED:
        _log.info(
            "%s: %s to %s, %d to %d bytes, %s, %.0f ms",
            name,
            report.source_syntax,
            report.target_syntax,
            report.source_bytes,
            report.result_bytes,
            "verified" if report.verified else "not verified",
            report.milliseconds,
        )
    elif report.outcome is not Outcome.KEPT:
        _log.warning("%s %s (%s): %s", name, report.outcome, report.code, report.reason)
