"""Quality control, put together: index, checks, quarantine, jobs, reports."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import answers
from .check_job import KIND, CheckJob
from .host import seam
from .host.sdk import Sdk
from .index import Index
from .inspector import Inspector
from .pool.jobs import Answer, Lane
from .pool.supervisor import Pool
from .problems import Problems
from .quarantine import Quarantine
from .records import Records
from .reports import Reports
from .settings import Settings
from .threads import Deputy, Keeper

_log = logging.getLogger(__name__)

# A check has the lowest priority: while others need the processors it gets a sixtieth of
# one or so. Its time is measured on the processor, and by the clock against what hangs.
_SLOWNESS = 60

_INDEX_NAME = "orthanc-transcoder.db"


class QualityControl:
    """Everything about reports that needs the native interface.

    Parameters
    ----------
    folder
        Where Orthanc keeps its own index; None if that is not known.
    seconds
        Gives the deadline of a job by the bytes of its file.
    is_closed
        Whether Orthanc does not serve: not yet, or not any more.
    """

    def __init__(
        self,
        sdk: Sdk,
        settings: Settings,
        records: Records,
        pool: Pool,
        deputy: Deputy,
        folder: Path | None,
        seconds: Callable[[int], float],
        is_closed: Callable[[], bool],
        problems: Problems,
        keeper: Keeper,
    ) -> None:
        rest = seam.inspector_rest(sdk)
        self._pool, self._seconds, self._is_closed = pool, seconds, is_closed
        self._second_opinion = settings.second_opinion
        self.index = open_index(folder, problems)
        self.reports = Reports(rest, records, self.index, settings.checks)
        self.quarantine = Quarantine(rest, settings.on_failure, problems, self._is_failed)
        self._inspector = Inspector(
            rest,
            records,
            self.index,
            self._examine if settings.checks else None,
            self.quarantine.take,
            is_closed,
            keeper,
        )
        self._submit = seam.register_jobs(sdk, KIND, self._restore, deputy)
        self.check = self._start_check if settings.checks else None

    def _is_failed(self, instance: str) -> bool:
        entry = self.index.get(instance)
        return entry is not None and entry.verdict == "FAIL"

    def pending(self) -> int:
        """How many instances are still to be checked."""
        return self._inspector.pending

    def stop(self) -> None:
        """Take up no instance any more; before the pool ends."""
        self._inspector.stop()

    def close(self) -> None:
        """Wait for the end, after the pool's."""
        self._inspector.join()
        self.index.close()

    def _start_check(self, level: str, identifier: str) -> str:
        return self._submit(self._job(level, identifier))

    def _restore(self, content: dict[str, Any]) -> CheckJob:
        done, verdicts = content["Checked"], content["Verdicts"]
        return self._job(content["Level"], content["Resource"], done, verdicts)

    def _job(self, level: str, identifier: str, *done: Any) -> CheckJob:
        below, inspect = self.reports.instances_below, self._inspector.inspect
        return CheckJob(level, identifier, below, inspect, self._is_closed, *done)

    def _examine(self, content: bytes, earlier_digest: str, made_here: bool) -> dict[str, Any]:
        """Have a worker check a file; raises ``PoolError``.

        What was made here was read by two decoders, as far as there are two.
        """
        concluded: list[Answer] = []
        found: list[dict[str, Any]] = []
        seconds = self._seconds(len(content))
        patience = seconds * _SLOWNESS
        header = {
            "job": "inspect",
            "earlier_digest": earlier_digest,
            "second_opinion": "none" if made_here else self._second_opinion,
            "seconds": patience,
            "cpu_seconds": seconds,
        }
        self._pool.run(
            header,
            memoryview(content),
            patience,
            concluded.append,
            Lane.BACKGROUND,
            examine=lambda answer: found.append(answers.inspection(answer)),
            most=0,
        )
        (answer,) = concluded
        if answer.error is not None:
            raise answer.error
        return found[-1]


def open_index(folder: Path | None, problems: Problems) -> Index:
    """The index beside Orthanc's own; in memory where that is not to be had."""
    if folder is not None:
        try:
            return Index(folder / _INDEX_NAME, problems)
        except OSError as error:
            _log.warning("the index of reports is made anew at each start: %s", error)
    return Index(None, problems)
