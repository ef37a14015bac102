"""Checking what is stored already, as a job of Orthanc's: with progress, across restarts."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Literal

from .errors import PoolError
from .records import RestError

_PAUSE_SECONDS = 0.2
KIND = "TranscoderCheck"

Step = Literal["continue", "success", "failure"]


class CheckJob:
    """Checks every instance below a resource, one at each step.

    Parameters
    ----------
    level, identifier
        Of the resource, as in Orthanc's REST API.
    list_instances
        Takes both; gives the identifiers of the instances, or None if there is
        no such resource any more.
    inspect
        Checks one instance; gives its verdict.
    is_closed
        Whether Orthanc has begun to end, which it does not while a job does something.
    done
        How many were checked before a restart.
    """

    def __init__(
        self,
        level: str,
        identifier: str,
        list_instances: Callable[[str, str], list[str] | None],
        inspect: Callable[[str], str],
        is_closed: Callable[[], bool],
        done: int = 0,
        verdicts: Mapping[str, int] | None = None,
    ) -> None:
        self._level, self._identifier = level, identifier
        self._list, self._inspect, self._is_closed = list_instances, inspect, is_closed
        self._instances: list[str] | None = None
        self._done = done
        self._verdicts = Counter(verdicts or {})

    def step(self) -> Step:
        """Check one instance; one that was deleted meanwhile is passed over."""
        if self._is_closed():
            time.sleep(_PAUSE_SECONDS)
            return "continue"
        if self._instances is None:
            self._instances = sorted(self._list(self._level, self._identifier) or [])
        if self._done < len(self._instances):
            try:
                self._verdicts[self._inspect(self._instances[self._done])] += 1
            except RestError:
                self._verdicts["gone"] += 1
            except PoolError:
                if self._is_closed():
                    return "continue"
                raise
            self._done += 1
        return "continue" if self._done < len(self._instances) else "success"

    def progress(self) -> float:
        """From 0 to 1."""
        return self._done / len(self._instances) if self._instances else 0.0

    def content(self) -> Mapping[str, object]:
        """What ``/jobs/{id}`` shows, and what ``restore`` takes."""
        return {
            "Level": self._level,
            "Resource": self._identifier,
            "Checked": self._done,
            "Instances": len(self._instances or ()),
            "Verdicts": dict(self._verdicts),
        }

    def stop(self, reason: object) -> None:
        """Nothing is under way between two steps."""

    def reset(self) -> None:
        """Begin anew."""
        self._done = 0
        self._verdicts.clear()
        self._instances = None
