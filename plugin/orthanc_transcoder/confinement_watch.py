"""What confines the workers, told as soon as one has started with less than everything."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping

from . import advice
from .problems import Problems

_log = logging.getLogger(__name__)

_PART = "confinement"


class ConfinementWatch:
    """Hears of every worker that starts, on any thread.

    A problem stands until a worker starts with nothing missing; each is logged once, not
    with each worker.
    """

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._lock = threading.Lock()
        self._told = ""

    def started(self, measures: Mapping[str, str]) -> None:
        """A worker has said what it is confined by."""
        sentence = advice.on_confinement(measures)
        with self._lock:
            is_known, self._told = sentence == self._told, sentence
        if is_known:
            return
        if not sentence:
            self._problems.clear(_PART)
            return
        self._problems.report(_PART, sentence)
        _log.warning("%s", sentence)
