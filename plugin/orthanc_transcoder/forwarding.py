"""A transcoding buffer: what is stored here is transcoded and sent on to an Orthanc peer.

- Orthanc's own log of changes is followed, so that nothing is missed across
  restarts; how far it was followed is kept in Orthanc's database, after each
  step. A step that was interrupted is repeated: the peer gets an instance twice
  rather than never.
- While the peer cannot be reached, the same step is tried again, with growing
  pauses. What the peer refuses while it is there is set aside after a few
  attempts, and tried again later.
- An instance is deleted here, if the settings say so, only after the peer has
  answered that it stored it, and never before.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from .problems import Problems
from .records import RestError
from .threads import Keeper

_log = logging.getLogger(__name__)

_POLL_SECONDS = 1.0
_LONGEST_PAUSE = 30.0
_ATTEMPTS = 3
_SET_ASIDE_SECONDS = 300.0
_CHANGES_AT_ONCE = 100
_CHANGE_OF_LEVEL = {"Series": "StableSeries", "Instance": "NewInstance"}
_FOLDER_OF_LEVEL = {"Series": "series", "Instance": "instances"}


class Rest(Protocol):
    """Orthanc's REST API and database, as far as forwarding needs them."""

    def rest_get(self, uri: str) -> bytes:
        """GET; raises ``RestError``."""

    def rest_post(self, uri: str, body: bytes) -> bytes:
        """POST; raises ``RestError``."""

    def rest_delete(self, uri: str) -> None:
        """DELETE; raises ``RestError``."""

    def read_property(self) -> str:
        """The state that was kept, or an empty string."""

    def write_property(self, value: str) -> None:
        """Keep the state."""


@dataclass(frozen=True, slots=True)
class Forwarding:
    """Where to, and how.

    Attributes
    ----------
    level
        ``Series`` (once a series is stable) or ``Instance`` (at once).
    transcode
        Transfer syntax UID to send in; empty sends what is stored.
    delete
        Whether to delete what the peer has stored.
    """

    peer: str
    level: str
    transcode: str
    delete: bool


class Forwarder:
    """Follows Orthanc's changes on a thread of its own."""

    def __init__(
        self,
        rest: Rest,
        forwarding: Forwarding,
        is_closed: Callable[[], bool],
        problems: Problems,
        keeper: Keeper | None = None,
    ) -> None:
        self._rest, self._problems = rest, problems
        self._is_closed = is_closed
        self._to = forwarding
        self._stop = threading.Event()
        self._loaded = False
        self._since = 0
        self._set_aside: dict[str, float] = {}
        self._sent = 0
        self._problem = ""
        self._thread = (keeper or Keeper()).keep("forwarder", self._turn, self._stop.wait)

    def state(self) -> dict[str, Any]:
        """For the status page."""
        return {
            "peer": self._to.peer,
            "sent": self._sent,
            "set_aside": sorted(self._set_aside),
            "problem": self._problem,
        }

    def stop(self) -> None:
        """End the thread; a transfer that runs is finished first."""
        self._stop.set()
        self._thread.join()

    def _is_over(self) -> bool:
        return self._stop.is_set() or self._is_closed()

    def _turn(self) -> bool:
        if not self._loaded:
            self._loaded = self._load_when_ready()
        elif self._is_closed() or not self._go_on():
            self._stop.wait(_POLL_SECONDS)
        return not self._stop.is_set()

    def _go_on(self) -> bool:
        try:
            progress = self._follow()
            self._retry_set_aside()
        except RestError as error:
            _log.warning("forwarding cannot read Orthanc's changes: %s", error)
            return False
        return progress

    def _load_when_ready(self) -> bool:
        """Read the state; Orthanc's database opens a little after its plugins are loaded."""
        while not self._stop.is_set():
            if self._is_closed():
                self._stop.wait(_POLL_SECONDS)
                continue
            try:
                self._rest.rest_get("/system")
                state = json.loads(self._rest.read_property() or "{}")
            except RestError:
                self._stop.wait(_POLL_SECONDS)
                continue
            self._since = int(state.get("since", 0))
            # What was set aside is tried again soon after a start.
            self._set_aside = dict.fromkeys(state.get("set_aside", []), 0.0)
            return True
        return False

    def _save(self) -> None:
        state = {"since": self._since, "set_aside": sorted(self._set_aside)}
        self._rest.write_property(json.dumps(state))

    def _follow(self) -> bool:
        """Work off the next changes; gives whether there were any."""
        uri = f"/changes?since={self._since}&limit={_CHANGES_AT_ONCE}"
        answer = json.loads(self._rest.rest_get(uri))
        for change in answer["Changes"]:
            wanted = change["ChangeType"] == _CHANGE_OF_LEVEL[self._to.level]
            if (wanted and not self._deliver(change["ID"])) or self._is_over():
                return False
            self._since = change["Seq"]
            self._save()
        return bool(answer["Changes"])

    def _deliver(self, resource: str) -> bool:
        """Send one resource, however long it takes the peer to come back.

        Gives whether it was sent or set aside, and not given up because of the end.
        """
        pause, refusals = 1.0, 0
        while not self._is_over():
            try:
                self._send(resource)
            except RestError as error:
                self._complain(f"{resource} was not forwarded to {self._to.peer}: {error}")
                refusals += self._peer_answers()
            else:
                self._recover()
                return True
            if refusals >= _ATTEMPTS:
                self._set_aside[resource] = time.monotonic() + _SET_ASIDE_SECONDS
                return True
            self._stop.wait(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        return False

    def _retry_set_aside(self) -> None:
        due = [one for one, when in self._set_aside.items() if when <= time.monotonic()]
        for resource in due:
            if self._is_over():
                return
            try:
                self._send(resource)
            except RestError as error:
                self._complain(f"{resource} was not forwarded to {self._to.peer}: {error}")
                self._set_aside[resource] = time.monotonic() + _SET_ASIDE_SECONDS
            else:
                del self._set_aside[resource]
                self._recover()
            self._save()

    def _send(self, resource: str) -> None:
        """Send what is there of a resource; nothing if it was deleted meanwhile.

        Raises
        ------
        RestError
            If the peer has not confirmed every instance.
        """
        instances = self._instances(resource)
        if not instances:
            return
        body: dict[str, Any] = {"Resources": instances, "Synchronous": True}
        if self._to.transcode:
            body["Transcode"] = self._to.transcode
        uri = f"/peers/{self._to.peer}/store"
        answer = json.loads(self._rest.rest_post(uri, json.dumps(body).encode()))
        if answer.get("FailedInstancesCount") != 0:
            raise RestError(f"the peer confirmed only a part: {answer}")
        self._sent += len(instances)
        if self._to.delete:
            if self._is_closed():
                raise RestError("Orthanc ends: it is sent again, and then deleted")
            for instance in instances:
                self._rest.rest_delete(f"/instances/{instance}")

    def _instances(self, resource: str) -> list[str]:
        uri = f"/{_FOLDER_OF_LEVEL[self._to.level]}/{resource}"
        try:
            values = json.loads(self._rest.rest_get(uri))
        except RestError:
            return []
        if self._to.level == "Instance":
            return [resource]
        return list(values["Instances"])

    def _peer_answers(self) -> bool:
        try:
            self._rest.rest_get(f"/peers/{self._to.peer}/system")
        except RestError:
            return False
        return True

    def _complain(self, problem: str) -> None:
        """Say a thing once, not at each attempt."""
        if problem != self._problem:
            self._problem = problem
            self._problems.report("forwarding", problem)
            _log.warning("%s", problem)

    def _recover(self) -> None:
        self._problem = ""
        self._problems.clear("forwarding")
