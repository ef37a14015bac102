"""What becomes of instances that failed the checks: a label, a peer, a quarantine.

Nothing is deleted here before the peer has confirmed that it stored it. What
cannot be done is logged; the instance stays as it is.
"""

from __future__ import annotations

import json
import logging
from typing import Any, Protocol

from .records import RestError

_log = logging.getLogger(__name__)


class Rest(Protocol):
    """Orthanc's REST API, as far as this needs it."""

    def rest_put(self, uri: str, body: bytes) -> None:
        """PUT; raises ``RestError``."""

    def rest_post(self, uri: str, body: bytes) -> bytes:
        """POST; raises ``RestError``."""

    def rest_delete(self, uri: str) -> None:
        """DELETE; raises ``RestError``."""


class Quarantine:
    """Applies the setting ``QualityFailure``."""

    def __init__(self, rest: Rest, on_failure: dict[str, Any]) -> None:
        self._rest = rest
        self._label = str(on_failure.get("Label", ""))
        self._peer = str(on_failure.get("Peer", ""))
        self._delete = bool(on_failure.get("Delete", False))

    def take(self, instance: str) -> None:
        """See to one failed instance."""
        try:
            if self._label:
                self._rest.rest_put(f"/instances/{instance}/labels/{self._label}", b"")
        except RestError as error:
            _log.warning("failed instance %s was not labelled: %s", instance, error)
        try:
            if self._peer:
                self._send(instance)
        except RestError as error:
            _log.error("failed instance %s was not sent to %s: %s", instance, self._peer, error)

    def _send(self, instance: str) -> None:
        body = json.dumps({"Resources": [instance], "Synchronous": True}).encode()
        answer = json.loads(self._rest.rest_post(f"/peers/{self._peer}/store", body))
        if answer.get("FailedInstancesCount") != 0:
            raise RestError(f"the peer did not confirm it: {answer}")
        if self._delete:
            self._rest.rest_delete(f"/instances/{instance}")
            _log.warning("failed instance %s was moved to %s", instance, self._peer)
