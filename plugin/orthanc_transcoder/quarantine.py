"""What becomes of instances that failed the checks: a label, a peer, a quarantine.

Nothing is deleted here before the peer has confirmed that it stored it. What
cannot be done is logged, counted and a problem, which stands until it is done with
that instance, or need not be any more; the instance stays as it is. It is tried again
when it could be done with another one. Only as long as Orthanc runs: after a restart,
``/transcoder/report`` has what failed the checks.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

from .problems import Problems
from .records import RestError

_log = logging.getLogger(__name__)

_REMEMBERED = 10_000


class Rest(Protocol):
    """Orthanc's REST API, as far as this needs it."""

    def rest_put(self, uri: str, body: bytes) -> None:
        """PUT; raises ``RestError``."""

    def rest_post(self, uri: str, body: bytes) -> bytes:
        """POST; raises ``RestError``."""

    def rest_delete(self, uri: str) -> None:
        """DELETE; raises ``RestError``."""


class Quarantine:
    """Applies the setting ``QualityFailure``.

    Parameters
    ----------
    is_failed
        Whether an instance is still there, with the verdict FAIL.
    """

    def __init__(
        self,
        rest: Rest,
        on_failure: dict[str, Any],
        problems: Problems,
        is_failed: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self._rest, self._problems, self._is_failed = rest, problems, is_failed
        self._undone: dict[str, str] = {}
        self._label = str(on_failure.get("Label", ""))
        self._peer = str(on_failure.get("Peer", ""))
        self._delete = bool(on_failure.get("Delete", False))
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def state(self) -> dict[str, Any] | None:
        """For the status page: counts of instances since the start; None without a setting."""
        if not (self._label or self._peer):
            return None
        with self._lock:
            counts = {
                name: self._counts[name] for name in ("labelled", "sent", "deleted", "failed")
            }
        return {"peer": self._peer, "label": self._label, **counts}

    def take(self, instance: str) -> None:
        """See to one failed instance, and then to those with which it was not done yet."""
        others = self._others(instance)
        while self._see_to(instance) and others:
            instance = others.pop()
        self._tell_problem()

    def _others(self, instance: str) -> list[str]:
        """What is still to be done; what need not be any more is forgotten."""
        with self._lock:
            undone = [one for one in self._undone if one != instance]
        over = [one for one in undone if not self._is_failed(one)]
        with self._lock:
            for one in over:
                self._undone.pop(one, None)
        return [one for one in undone if one not in over]

    def _see_to(self, instance: str) -> bool:
        labelled = not self._label or self._try("labelled", instance, self._put_label)
        moved = not self._peer or self._move(instance)
        done = labelled and moved
        if done:
            with self._lock:
                self._undone.pop(instance, None)
        else:
            self._count("failed")
        return done

    def _tell_problem(self) -> None:
        """What was last; of the others, how many they are."""
        with self._lock:
            sentences = list(self._undone.values())
        if not sentences:
            self._problems.clear("quarantine")
            return
        others = f" (and {len(sentences) - 1} others)" if len(sentences) > 1 else ""
        self._problems.report("quarantine", sentences[-1] + others)

    def _move(self, instance: str) -> bool:
        sent = self._try("sent", instance, self._send, f" to {self._peer}")
        if not (sent and self._delete):
            return sent
        deleted = self._try("deleted", instance, self._remove, f" although {self._peer} has it")
        if deleted:
            _log.warning("failed instance %s was moved to %s", instance, self._peer)
        return deleted

    def _try(self, done: str, instance: str, step: Callable[[str], None], how: str = "") -> bool:
        """Make one step; gives whether it could be made."""
        try:
            step(instance)
        except RestError as error:
            sentence = f"failed instance {instance} was not {done}{how}: {error}"
            _log.error("%s", sentence)
            with self._lock:
                self._undone.pop(instance, None)
                self._undone[instance] = sentence
                while len(self._undone) > _REMEMBERED:
                    del self._undone[next(iter(self._undone))]
            return False
        self._count(done)
        return True

    def _put_label(self, instance: str) -> None:
        self._rest.rest_put(f"/instances/{instance}/labels/{self._label}", b"")

    def _send(self, instance: str) -> None:
        body = json.dumps({"Resources": [instance], "Synchronous": True}).encode()
        answer = json.loads(self._rest.rest_post(f"/peers/{self._peer}/store", body))
        if answer.get("FailedInstancesCount") != 0:
            raise RestError(f"the peer did not confirm it: {answer}")

    def _remove(self, instance: str) -> None:
        self._rest.rest_delete(f"/instances/{instance}")

    def _count(self, what: str) -> None:
        with self._lock:
            self._counts[what] += 1
