"""Whether the peers that the settings name are there, where Orthanc keeps them in its database.

They can then be added while Orthanc runs, and cannot be looked up before it serves. So
one that is not there is told, and looked for until it is; it stops nothing.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Protocol

from .problems import Problems
from .records import RestError
from .startup import unknown_peer
from .threads import Keeper

_log = logging.getLogger(__name__)

_POLL_SECONDS = 2.0


class Rest(Protocol):
    """Orthanc's REST API, as far as this needs it."""

    def rest_get(self, uri: str) -> bytes:
        """GET; raises ``RestError``."""


class PeerWatch:
    """Looks for peers on a thread of its own, which ends once all are there.

    Parameters
    ----------
    named
        The peers, by the options that name them.
    is_closed
        Whether Orthanc does not serve: not yet, or not any more.
    """

    def __init__(
        self,
        rest: Rest,
        named: Mapping[str, str],
        problems: Problems,
        is_closed: Callable[[], bool],
        seconds: float = _POLL_SECONDS,
        keeper: Keeper | None = None,
    ) -> None:
        self._rest, self._problems, self._is_closed = rest, problems, is_closed
        self._seconds = seconds
        self._missing = dict(named)
        self._told: set[str] = set()
        self._stop = threading.Event()
        self._thread = (keeper or Keeper()).keep("peers", self._turn, self._stop.wait)

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join()

    def _turn(self) -> bool:
        if not self._missing or self._stop.wait(self._seconds):
            return False
        if not self._is_closed():
            self._look()
        return True

    def _look(self) -> None:
        try:
            known = json.loads(self._rest.rest_get("/peers"))
        except RestError:
            return  # Orthanc's database opens a little after its plugins are loaded
        for option, peer in list(self._missing.items()):
            if peer in known:
                self._problems.clear("configuration", option)
                del self._missing[option]
            elif option not in self._told:
                self._tell(option, unknown_peer(option, peer, known, in_database=True))

    def _tell(self, option: str, sentence: str) -> None:
        self._told.add(option)
        self._problems.report("configuration", sentence, option)
        _log.error("%s", sentence)
