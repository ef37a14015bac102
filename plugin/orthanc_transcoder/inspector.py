"""Every stored instance is checked and entered into the index, when nobody waits for it.

- Orthanc's own log of changes is followed, and how far is kept in its database:
  what was pending when Orthanc ended is checked after the next start, whatever
  database that is, and storing an instance costs nothing more than before.
- One instance at a time, by a worker of the lowest priority. While there are no
  workers, it waits and tries again; what ends its worker has failed.
- The index is derived from the reports that lie with the instances. It is made
  to agree with Orthanc after each start, and when it had to be made anew, between
  the changes.
- What is deleted is not in Orthanc's log, and the callback for changes cannot be
  used (see ``host.lifetime``). So the index is compared with Orthanc again when
  something was entered, or when Orthanc's statistics are not what they were.
- Nothing is begun, and nothing is written, unless Orthanc serves.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import logging
import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol

from .errors import PoolError
from .index import Entry, Index
from .model import Outcome, Report
from .records import Records, RestError
from .threads import Keeper

_log = logging.getLogger(__name__)

_READY_SECONDS = 0.1
_LATE_SECONDS = 600.0
_POLL_SECONDS = 1.0
_PAUSE_SECONDS = 5.0
# Orthanc logs that it has stored an instance before it tells us, who then write the report.
_SETTLE_SECONDS = 0.5
# Between two comparisons of the index with Orthanc: at least, and in times of what one took.
_COMPARE_SECONDS = 2.0
_COMPARE_TIMES = 100
_STORED = "NewInstance"
_AT_ONCE = 100
_PAGE = 10_000
_REMEMBERED_SERIES = 1000
# Of the pool, not of the file: the same file is tried again.
_NOT_THE_FILE = frozenset(("workers_unavailable", "overloaded", "stopping", "no_memory"))

Examine = Callable[[bytes, str, bool], dict[str, Any]]


class Rest(Protocol):
    """Orthanc's REST API and database, as far as checks need them."""

    def rest_get(self, uri: str) -> bytes:
        """GET; raises ``RestError``."""

    def read_property(self) -> str:
        """The state that was kept, or an empty string; raises ``RestError``."""

    def write_property(self, value: str) -> None:
        """Keep the state; raises ``RestError``."""


class Inspector:
    """Follows Orthanc's changes on a thread of its own.

    Parameters
    ----------
    examine
        Takes a file, the pixel digest of an earlier instance of the same UID, and
        whether the file was made here, and so proven; gives the inspection as plain
        values, or raises ``PoolError``. None where the checks are switched off: the
        transcodings are entered all the same.
    failed
        Takes the identifier of an instance with the verdict FAIL.
    is_closed
        Whether Orthanc does not serve: not yet, or not any more.
    """

    def __init__(
        self,
        rest: Rest,
        records: Records,
        index: Index,
        examine: Examine | None,
        failed: Callable[[str], None],
        is_closed: Callable[[], bool],
        keeper: Keeper | None = None,
    ) -> None:
        self._rest, self._records, self._index = rest, records, index
        self._examine, self._failed, self._is_closed = examine, failed, is_closed
        self._stop = threading.Event()
        self._loaded = False
        self._since = self._pending = 0
        self._started = _now().strftime("%Y%m%dT%H%M%S")
        self._lacking: list[str] | None = None
        self._made_anew = 0
        self._statistics = b""
        self._entered = False
        self._next_comparison = 0.0
        self._series: OrderedDict[str, dict[str, str]] = OrderedDict()
        self._thread = (keeper or Keeper()).keep("inspector", self._turn, self._stop.wait)

    @property
    def pending(self) -> int:
        """How many instances are to be checked; far behind, changes of any kind count."""
        return self._pending

    def stop(self) -> None:
        """End the thread; a check that runs is finished first, or fails with the pool."""
        self._stop.set()

    def join(self) -> None:
        """Wait for the thread's end."""
        self._thread.join()

    def _is_over(self) -> bool:
        return self._stop.is_set() or self._is_closed()

    def inspect(self, instance: str, *, anew: bool = True) -> str:
        """Check one instance, and enter it; gives the verdict.

        Parameters
        ----------
        anew
            Whether one that has been checked is checked again.

        Raises
        ------
        RestError
            If it is not there any more.
        PoolError
            If there are no workers, or Orthanc ends.
        """
        about = json.loads(self._rest.rest_get(f"/instances/{instance}"))
        metadata = json.loads(self._rest.rest_get(f"/instances/{instance}/metadata?expand"))
        record = self._records.parse(metadata) or _unasked(about, metadata)
        if anew or "verdict" not in record:
            record = self._check(instance, record)
        self._entered = True
        self._index.put(self._entry(instance, about, metadata, record))
        self._forget_if_gone(instance)
        return str(record.get("verdict", "NONE"))

    def _forget_if_gone(self, instance: str) -> None:
        """It may have been deleted before it was entered, by a quarantine for instance."""
        try:
            self._rest.rest_get(f"/instances/{instance}/metadata")
        except RestError:
            self._index.remove(instance)
            raise

    def _check(self, instance: str, record: dict[str, Any]) -> dict[str, Any]:
        if self._examine is None:
            return record
        content = self._rest.rest_get(f"/instances/{instance}/file")
        uid = str(record["result_sop_instance_uid"])
        try:
            made_here = record["outcome"] == Outcome.TRANSCODED
            quality = self._examine(content, self._index.digest_of(uid), made_here)
        except PoolError as error:
            if error.code in _NOT_THE_FILE or self._stop.is_set():
                raise
            quality = _fatal(error)
        if self._is_closed():
            raise PoolError("stopping", "Orthanc ends")
        if record["outcome"] == Outcome.UNASKED:
            record = self._records.read_record(instance) or record
        quality["checked"] = _now().isoformat(timespec="seconds").replace("+00:00", "Z")
        record = {
            **record,
            "verdict": quality["verdict"],
            "findings": sorted({finding["code"] for finding in quality["findings"]}),
            "pixel_digest": quality["pixel_digest"],
        }
        self._records.write_quality(instance, record, quality)
        if quality["verdict"] == "FAIL":
            self._failed(instance)
        return record

    def _entry(
        self, instance: str, about: dict[str, Any], metadata: dict[str, str], record: dict[str, Any]
    ) -> Entry:
        parents = self._parents(about["ParentSeries"])
        measures = record.get("measures", {})
        received = metadata.get("ReceptionDate", "")[:8] or _now().strftime("%Y%m%d")
        source_bytes = int(record["source_bytes"])
        return Entry(
            id=instance,
            series=about["ParentSeries"],
            study=parents["study"],
            patient=parents["patient"],
            modality=parents["modality"],
            syntax=metadata.get("TransferSyntax", ""),
            outcome=str(record["outcome"]),
            code=str(record["code"]),
            verdict=str(record.get("verdict", "NONE")),
            source_bytes=source_bytes,
            result_bytes=int(record["result_bytes"]) or source_bytes,
            psnr=measures.get("psnr"),
            error=int(measures.get("maximum_error", 0)),
            findings=tuple(record.get("findings", ())),
            number=int(about.get("IndexInSeries") or 0),
            sop_instance_uid=str(about["MainDicomTags"].get("SOPInstanceUID", "")),
            pixel_digest=str(record.get("pixel_digest", "")),
            received=tuple(record.get("received", ())),
            day=f"{received[:4]}-{received[4:6]}-{received[6:8]}",
        )

    def _parents(self, series: str) -> dict[str, str]:
        """Study, patient and modality of a series; the latest series are remembered."""
        if series not in self._series:
            found = json.loads(self._rest.rest_get(f"/series/{series}"))
            study = json.loads(self._rest.rest_get(f"/studies/{found['ParentStudy']}"))
            self._series[series] = {
                "study": found["ParentStudy"],
                "patient": study["ParentPatient"],
                "modality": str(found["MainDicomTags"].get("Modality", "")),
            }
            while len(self._series) > _REMEMBERED_SERIES:
                self._series.popitem(last=False)
        return self._series[series]

    def _turn(self) -> bool:
        if not self._loaded:
            self._loaded = self._load_when_ready()
        elif self._is_closed():
            self._stop.wait(_POLL_SECONDS)
        else:
            self._go_on()
        return not self._stop.is_set()

    def _go_on(self) -> None:
        try:
            progress = self._follow() or self._agree()
        except RestError as error:
            _log.warning("Orthanc's changes cannot be read: %s", error)
            progress = False
        except PoolError as error:
            if not self._is_closed():
                _log.warning("the checks wait: %s", error)
            self._stop.wait(_PAUSE_SECONDS)
            return
        except sqlite3.Error:  # which the index itself tells
            self._stop.wait(_PAUSE_SECONDS)
            return
        if not progress:
            self._stop.wait(_POLL_SECONDS)

    def _load_when_ready(self) -> bool:
        """Read the state; Orthanc's database opens a little after its plugins are loaded.

        At the very first start, what was stored before is not checked unasked.
        """
        late = time.monotonic() + _LATE_SECONDS
        while not self._stop.is_set():
            if self._is_closed():
                if time.monotonic() > late:
                    _log.warning("Orthanc does not seem to serve: nothing is checked yet")
                    late += _LATE_SECONDS
                self._stop.wait(_READY_SECONDS)
                continue
            try:
                kept = self._rest.read_property()
                last = json.loads(self._rest.rest_get("/changes?last"))["Last"]
                self._since = int(kept) if kept else self._before_start(int(last))
                self._rest.write_property(str(self._since))
            except RestError:
                self._stop.wait(_READY_SECONDS)
                continue
            self._pending = int(last) - self._since
            return True
        return False

    def _before_start(self, last: int) -> int:
        """Number of the last change before this start: some may have been made since."""
        uri = f"/changes?since={max(0, last - _PAGE)}&limit={_PAGE}"
        changes = json.loads(self._rest.rest_get(uri))["Changes"]
        return next(
            (int(change["Seq"]) - 1 for change in changes if change["Date"] >= self._started), last
        )

    def _follow(self) -> bool:
        """Work off the next changes; gives whether there were any."""
        answer = json.loads(self._rest.rest_get(f"/changes?since={self._since}&limit={_AT_ONCE}"))
        changes = answer["Changes"]
        stored = sum(change["ChangeType"] == _STORED for change in changes)
        if answer["Done"]:
            self._pending = stored
        else:
            last = int(json.loads(self._rest.rest_get("/changes?last"))["Last"])
            self._pending = stored + last - int(changes[-1]["Seq"])
        if stored and answer["Done"]:
            self._stop.wait(_SETTLE_SECONDS)
        for change in changes:
            if self._is_over():
                return False
            if change["ChangeType"] == _STORED:
                self._inspect_if_there(change["ID"])
                self._pending -= 1
            self._since = int(change["Seq"])
        if changes:
            self._rest.write_property(str(self._since))
        return bool(changes)

    def _inspect_if_there(self, instance: str, *, anew: bool = True) -> None:
        try:
            self.inspect(instance, anew=anew)
        except RestError as error:
            # Deleted meanwhile, as a rule; else it is seen in the log.
            _log.info("instance %s was not checked: %s", instance, error)
        except (PoolError, sqlite3.Error):
            raise  # neither is this instance's fault: it is tried again
        except Exception:  # noqa: BLE001
            # The border of one instance: an odd record, or a defect of ours, costs its
            # check, not those of all that come after it.
            _log.exception("instance %s was not checked", instance)

    def _agree(self) -> bool:
        """Have the index agree with Orthanc; gives whether more is left to be entered."""
        if self._index.made_anew != self._made_anew:
            self._made_anew = self._index.made_anew
            self._lacking, self._entered, self._next_comparison = None, True, 0.0
        if time.monotonic() >= self._next_comparison:
            self._compare_if_changed()
        if not self._lacking:
            return False
        for instance in self._lacking[-_AT_ONCE:]:
            if self._is_over():
                return False
            if self._records.read_record(instance) is not None:
                self._inspect_if_there(instance, anew=False)
        del self._lacking[-_AT_ONCE:]
        return bool(self._lacking)

    def _compare_if_changed(self) -> None:
        """What the index lacks is looked for once: the log of changes says the rest."""
        begun = time.monotonic()
        statistics = self._rest.rest_get("/statistics")
        if statistics != self._statistics or self._entered or self._lacking is None:
            self._entered, self._statistics = False, b""  # until it has been compared
            lacking = self._compare()
            if self._lacking is None:
                self._lacking = lacking
            self._statistics = statistics
        ended = time.monotonic()
        self._next_comparison = ended + max(_COMPARE_SECONDS, (ended - begun) * _COMPARE_TIMES)

    def _compare(self) -> list[str]:
        """What Orthanc has and the index lacks; what is gone from Orthanc is taken out."""
        identifiers: list[str] = []
        while page := self._page(len(identifiers)):
            identifiers += page
        lacking, gone = self._index.differences(identifiers)
        for instance in gone:
            if self._is_over():
                break
            # A deletion between two pages moves others to where nobody looks.
            with contextlib.suppress(RestError):
                self._forget_if_gone(instance)
        return lacking

    def _page(self, since: int) -> list[str]:
        uri = f"/instances?since={since}&limit={_PAGE}"
        return list(json.loads(self._rest.rest_get(uri)))


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _unasked(about: dict[str, Any], metadata: dict[str, str]) -> dict[str, Any]:
    """The record of an instance that was to be stored as it came."""
    uid = str(about["MainDicomTags"].get("SOPInstanceUID", ""))
    report = Report(
        Outcome.UNASKED,
        reason="Orthanc did not ask for a transcoding.",
        sop_instance_uid=uid,
        result_sop_instance_uid=uid,
        source_syntax=metadata.get("TransferSyntax", ""),
        source_bytes=int(about["FileSize"]),
    )
    return report.to_json()


def _fatal(error: PoolError) -> dict[str, Any]:
    """The inspection of a file that the checks did not survive."""
    finding = {
        "code": "ended_a_worker",
        "severity": "FAIL",
        "sentence": f"The checks could not be finished: {error.reason}.",
        "where": "",
    }
    return {
        "verdict": "FAIL",
        "findings": [finding],
        "facts": {},
        "pixel_digest": "",
        "milliseconds": 0.0,
    }
