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

from . import answers, peek
from .errors import PoolError
from .model import Outcome, Report, Request, Rules
from .originals import Originals
from .payload import Payload
from .policy import kept_if_in_doubt, kept_unless_smaller
from .pool.jobs import Answer
from .pool.supervisor import Pool

_log = logging.getLogger(__name__)

# A job's deadline grows by a second for each so many bytes of the file.
_BYTES_PER_SECOND = 4_000_000
_NO_ORIGINALS = Originals()


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
    originals
        Tells which answers would take an original's place.
    drops
        Whether Orthanc leaves out of archives and media, without a word, what no
        transcoder takes (1.13 and later; older ones add the original). The original
        must not be handed back instead: Orthanc would serve it elsewhere as if it
        had the syntax that was asked for. So what may pass is waited for, and what
        does not is an error in the log.
    """

    def __init__(
        self,
        pool: Pool,
        rules: Rules,
        deadline: int,
        remember: Callable[[int, Report], None],
        originals: Originals = _NO_ORIGINALS,
        *,
        drops: bool = False,
    ) -> None:
        self._pool = pool
        self._rules = dataclasses.asdict(rules)
        self._only_if_smaller = rules.only_if_smaller
        self._maximum_image_bytes = rules.maximum_image_bytes
        self._deadline = deadline
        self._remember = remember
        self._originals = originals
        self._drops = drops
        self._lock = threading.Lock()
        self._tallies: dict[tuple[str, str], Tally] = {}
        self._notable: Counter[str] = Counter()

    def transcode(self, data: memoryview, request: Request) -> bytearray | Payload | None:
        """The transcoded file, or None if Orthanc must go on without us.

        Parameters
        ----------
        data
            A DICOM file; must stay valid until this returns.
        """
        copy = not self._originals.may_be_ingest(request)
        replaces = self._originals.may_be_replaced(request)
        # Where Orthanc drops what it is refused, it asks for no such file at ingest.
        asked = dataclasses.replace(request, relabel=copy or self._drops, replaces=replaces)
        call = _Call(self, data, asked)
        patient = self._drops and copy
        most = answers.most_of_result(len(data), self._maximum_image_bytes)
        self._pool.run(
            call.header(),
            data,
            call.seconds,
            call.conclude,
            patient=patient,
            examine=call.examine,
            most=most,
        )
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
        with self._lock:
            counters.update(self._notable)
        return dict(counters)

    @property
    def rules(self) -> dict[str, object]:
        """The rules, as plain values."""
        return self._rules

    def seconds(self, size: int) -> float:
        """The deadline of a job on a file of ``size`` bytes."""
        return self._deadline + size / _BYTES_PER_SECOND

    def settle(self, request: Request, report: Report) -> tuple[Report, bool]:
        """What becomes of a worker's report, where it would take an original's place.

        Returns
        -------
        tuple
            The report, and whether the original itself is the answer.
        """
        kept = self._kept(request, report)
        if kept is report:
            return report, report.outcome is Outcome.KEPT
        return kept, self._originals.must_be_handed_back(request, report.instance)

    def _kept(self, request: Request, report: Report) -> Report:
        """The report of a kept original, where it must be kept; else the very same."""
        kept = kept_if_in_doubt(report)
        if kept is not report and self._originals.are_replaced(request, report.instance):
            return kept
        kept = kept_unless_smaller(report, self._only_if_smaller)
        if kept is not report and self._originals.are_received(request, report.instance):
            return kept
        return report

    def finish(self, thread: int, request: Request, report: Report) -> None:
        """Account for a finished call of the thread ``thread``."""
        asked = report.target_syntax or ",".join(request.allowed[:1])
        key = (str(report.outcome), asked)
        refused = report.outcome in (Outcome.DECLINED, Outcome.FAILED)
        # At ingest nothing is lost: the original is kept.
        dropped = refused and self._drops
        lost = dropped and not self._originals.are_new(request, report.instance)
        with self._lock:
            self._tallies[key] = self._tallies.get(key, Tally()).plus(report)
            if report.doubts and not refused:
                self._notable["in_doubt"] += 1
            if lost:
                self._notable["unanswered"] += 1
        _tell(report)
        if lost:
            _log.error(
                "%s: there is no %s of it from here; unless Orthanc's own transcoder makes one, "
                "it is missing in archives and media, which Orthanc does not tell",
                _name(report),
                asked,
            )
        self._remember(thread, dataclasses.replace(report, instance=""))


class _Call:
    """One call of ``transcode``, from an Orthanc thread to the pool and back."""

    def __init__(self, service: TranscodingService, data: memoryview, request: Request) -> None:
        self.result: bytearray | Payload | None = None
        self.seconds = service.seconds(len(data))
        self._service = service
        self._data = data
        self._request = request
        self._thread = threading.get_ident()
        self._started = time.monotonic()
        self._answered: Report | None = None

    def header(self) -> dict[str, object]:
        """The job's message to the worker."""
        return {
            "job": "transcode",
            "allowed": self._request.allowed,
            "allow_new_sop_instance_uid": self._request.allow_new_sop_instance_uid,
            "relabel": self._request.relabel,
            "replaces": self._request.replaces,
            "rules": self._service.rules,
            "seconds": self.seconds,
        }

    def examine(self, answer: Answer) -> None:
        """Look at what a worker answered; raises ``PoolError`` if it is not to be believed."""
        self._answered = answers.report(answer, self._request, self._data)

    def conclude(self, answer: Answer) -> None:
        """Take the pool's answer, on one of its threads."""
        report, unchanged = self._service.settle(self._request, self._report(answer))
        elapsed = (time.monotonic() - self._started) * 1000
        report = dataclasses.replace(report, milliseconds=round(elapsed, 1))
        if report.outcome is Outcome.TRANSCODED:
            self.result = answer.payload
        elif unchanged:
            self.result = bytearray(self._data)
        self._service.finish(self._thread, self._request, report)

    def _report(self, answer: Answer) -> Report:
        if answer.error is not None:
            return self._failure(answer.error)
        report = self._answered
        if report is None:
            return self._failure(PoolError("internal_error", "an answer was not looked at"))
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
    name = _name(report)
    if report.outcome is Outcome.TRANSCODED:
        for code, sentence in report.doubts.items():
            _log.warning("%s is in doubt (%s), and was asked for: %s", name, code, sentence)
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
    else:
        level = logging.INFO if report.outcome is Outcome.KEPT else logging.WARNING
        _log.log(level, "%s %s (%s): %s", name, report.outcome, report.code, report.reason)


def _name(report: Report) -> str:
    return report.sop_instance_uid or "an unidentified instance"
