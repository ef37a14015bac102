"""A client: sends a few files, looks at what was stored, reads it on other routes, deletes it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from orthanc_transcoder.model import Outcome
from tests.orthanc.servers import OrthancServer

from .expecting import Expectations
from .files import File, Files
from .judging import Judge, same_data_set, syntax_of, uid_of
from .ledger import Ledger
from .plain import PlainOrthanc
from .reading import ERROR, RIGHT, WRONG, Reading, Stored
from .sending import SECONDS, Route, Sent, by_c_store, by_rest
from .turns import Turns

_DAMAGED = 0.25
_BY_C_STORE = 0.35
_UNCOMPRESSED = 0.4  # of the images that are fetched uncompressed, too
_PATIENCE = 30.0  # seconds until what a killed worker spoilt must succeed
_PAUSE = 0.2
# What becomes of a file whose worker is ended by somebody else, or cannot start for that.
_BY_A_DEATH = frozenset(("worker_killed", "worker_died", "deadline", "workers_unavailable"))
_REMEMBERED = "ended_a_worker"


@dataclass(frozen=True)
class Tools:
    """What the clients share."""

    server: OrthancServer
    plain: PlainOrthanc
    ledger: Ledger
    judge: Judge
    expectations: Expectations
    target: str
    turns: Turns


class Client:
    """One of several, each with files of its own."""

    def __init__(self, tools: Tools, seed: int) -> None:
        self._tools, self._ledger = tools, tools.ledger
        self._server = tools.server
        self._reading = Reading(tools.server, tools.plain, tools.judge)
        self._files = Files(seed)
        self._rng = random.Random(seed)
        self._left: list[Stored] = []

    def run(self, end: float) -> None:
        """Work until a time of ``time.monotonic``; the last few instances are left there."""
        while time.monotonic() < end:
            self._delete_left()
            self._turn()

    def inspect_left(self) -> None:
        """See to the instances that were left, after a rest, and delete them."""
        for stored in self._left:
            answer = self._server.request("GET", f"/instances/{stored.identifier}/file")
            if answer.body != stored.content:
                self._defect("an instance changed or was lost later", stored.file, answer.body)
            self._look_at_verdict(stored)
        self._delete_left()

    def _turn(self) -> None:
        files = self._files.batch(_DAMAGED)
        route: Route = by_rest
        if self._rng.random() < _BY_C_STORE:
            # Orthanc is asked by its UID for what was sent.
            route, files = by_c_store, [file for file in files if file.uid]
        name = route.__name__.removeprefix("by_").replace("_", "-").upper()
        for sent in route(self._server, files):
            kind = "sound" if sent.file.sound else "damaged"
            self._ledger.count("sent", f"{kind}, {name}")
            if sent.identifier:
                self._accepted(sent)
            else:
                self._refused(sent, route)
        with self._tools.turns.to_read():
            for stored in self._left:
                self._read(stored)

    def _refused(self, sent: Sent, route: Route) -> None:
        """An Orthanc without the plugin must refuse it, too."""
        again = self._sent_to_plain(sent.file, route)
        what = sent.answer or "not sent by the client"
        self._ledger.count("refused, and by plain Orthanc, too", what)
        if again is not None and again.identifier:
            self._defect(f"refused ({what}), but not by plain Orthanc", sent.file)
        uid = uid_of(sent.file.content)
        for identifier in self._server.find(uid) if uid else ():
            # Orthanc stores what a transcoder made of it before it fails to read the original.
            self._ledger.count("refused, and by plain Orthanc, too", "but transcoded and stored")
            self._look_at_stored(sent.file, identifier)
            self._delete(identifier, sent.file)

    def _sent_to_plain(self, file: File, route: Route) -> Sent | None:
        def send(plain: OrthancServer) -> Sent:
            (sent,) = route(plain, [file])
            if sent.identifier:
                plain.delete(f"/instances/{sent.identifier}")
            return sent

        return self._tools.plain.ask(send, file)

    def _accepted(self, sent: Sent) -> None:
        file, identifier = sent.file, sent.identifier
        stored = self._look_at_stored(file, identifier)
        report = self._report(identifier)
        unasked = syntax_of(stored.content) == self._tools.target
        none = "not asked: in the target syntax already" if unasked else "no report"
        outcome, code = str(report.get("outcome", none)), str(report.get("code", ""))
        self._ledger.count("ingest", f"{outcome} {code}".strip())
        if outcome == Outcome.TRANSCODED:
            self._ledger.transcoded()
        elif file.sound and self._is_expected(file):
            stored = self._send_again(stored, code)
        self._left.append(stored)

    def _is_expected(self, file: File) -> bool:
        expected = self._tools.expectations.outcome(file, self._tools.target)
        return expected == Outcome.TRANSCODED

    def _look_at_stored(self, file: File, identifier: str) -> Stored:
        content = self._server.file(identifier)
        kind = self._kind(file, content)
        self._ledger.count("stored", f"{'sound' if file.sound else 'damaged'}, {kind}")
        wrong = kind == "contradicted" and (file.sound or file.made is not None)
        if wrong or kind == "altered":
            self._defect(f"stored {kind}", file, content)
        elif kind == "contradicted" or (file.made is not None and kind == "not comparable"):
            self._ledger.note(f"{kind}: {file.what}", original=file.content, stored=content)
        return Stored(file, identifier, content)

    def _kind(self, file: File, content: bytes) -> str:
        if content == file.content:
            return "byte-identical"
        if same_data_set(file.content, content):
            return "the same data set"
        found = self._tools.judge.compare(file, content)
        if found:
            return found
        return "not comparable" if syntax_of(content) == self._tools.target else "altered"

    def _report(self, identifier: str) -> dict[str, Any]:
        answer = self._server.request("GET", f"/transcoder/instances/{identifier}/report")
        found: dict[str, Any] = answer.json()
        return found

    def _send_again(self, stored: Stored, code: str) -> Stored:
        """What a death has spoilt succeeds when it is sent again; unless it is blamed for it."""
        file, began = stored.file, time.monotonic()
        while code in _BY_A_DEATH and time.monotonic() - began < _PATIENCE:
            self._delete(stored.identifier, file)
            time.sleep(_PAUSE)
            (sent,) = by_rest(self._server, [file])
            if not sent.identifier:
                self._defect(f"refused when sent again: {sent.answer}", file)
            stored = self._look_at_stored(file, sent.identifier)
            report = self._report(sent.identifier)
            code = str(report.get("code", "no report"))
            if report.get("outcome") == Outcome.TRANSCODED:
                self._ledger.transcoded()
                self._ledger.recovered(time.monotonic() - began)
                self._ledger.count("sent again", "transcoded")
                return stored
        if code != _REMEMBERED:
            self._defect(f"not transcoded: {code}", file, stored.content)
        self._ledger.count("sent again", f"declined: {code}")
        return stored

    def _read(self, stored: Stored) -> None:
        file = stored.file
        frame = self._rng.randrange(len(file.made)) if file.made is not None else 0
        expected = self._reading.expected(file, frame) if file.sound else {}
        for view, attempt in self._reading.of_image(stored, frame, expected).items():
            self._attempt(f"read, {view}", attempt, stored, must=view in expected)
        if not file.sound or self._rng.random() > _UNCOMPRESSED:
            return
        for route, attempt in self._reading.uncompressed(stored).items():
            # DCMTK's client accepts no more than some SOP classes.
            if file.made is not None or route != "C-GET":
                must = self._tools.expectations.uncompressed(file)
                self._attempt(f"read, {route}", attempt, stored, must=must)

    def _attempt(
        self, name: str, attempt: Callable[[], tuple[str, bytes]], stored: Stored, *, must: bool
    ) -> None:
        """Read once; or, where it must be there, until it is."""
        began = time.monotonic()
        verdict, content = attempt()
        again = ""
        while must and verdict == ERROR and time.monotonic() - began < _PATIENCE:
            again = ", tried again"
            if self._is_remembered(stored):
                again, must = ", remembered", False
                break
            time.sleep(_PAUSE)
            verdict, content = attempt()
        if again and verdict == RIGHT:
            self._ledger.recovered(time.monotonic() - began)
        kind = "sound" if stored.file.sound else "damaged"
        if verdict == ERROR and not must and not again:
            again = ", none other expected"
        self._ledger.count(name, f"{kind}, {verdict}{again}")
        if verdict == WRONG or (must and verdict == ERROR):
            self._defect(f"{name}: {verdict}", stored.file, stored.content, content)

    def _is_remembered(self, stored: Stored) -> bool:
        """Whether the file is blamed for a worker's death, as only the log tells."""
        log = self._server.log()
        lines = [line for line in log.splitlines() if stored.file.uid in line]
        return any("ended a worker within" in line for line in lines)

    def _look_at_verdict(self, stored: Stored) -> None:
        report = self._report(stored.identifier)
        findings = [each["code"] for each in (report.get("quality") or {}).get("findings", [])]
        kind = "made" if stored.file.made is not None else "real"
        kind = kind if stored.file.sound else "damaged"
        blamed = ", ended a worker" if _REMEMBERED in findings else ""
        verdict = str(report.get("verdict"))
        self._ledger.count("checks of what was left", f"{kind}, {verdict}{blamed}")
        failed = verdict == "FAIL" and report.get("outcome") == Outcome.TRANSCODED and not blamed
        if kind == "made" and (failed or verdict not in ("PASS", "WARN", "FAIL")):
            self._defect(f"verdict {verdict}: {findings}", stored.file, stored.content)

    def _delete_left(self) -> None:
        for stored in self._left:
            self._delete(stored.identifier, stored.file)
        self._left = []

    def _delete(self, identifier: str, file: File) -> None:
        with self._tools.turns.to_delete():
            path = f"/instances/{identifier}"
            answer = self._server.request("DELETE", path, timeout=SECONDS)
        if answer.status != 200:
            self._defect("an instance was not there when it was deleted", file)

    def _defect(self, text: str, file: File, *found: bytes) -> None:
        files = {f"found{number}": content for number, content in enumerate(found)}
        self._ledger.defect(f"{text} ({file.what}, {file.uid})", sent=file.content, **files)
