"""What the transcoder does with a file when nobody kills its workers.

It says what to expect of it, never what is right: that is for other decoders.
"""

from __future__ import annotations

import threading

from orthanc_transcoder import syntaxes
from orthanc_transcoder.model import Outcome
from tests.rules.whole import ask

from .files import File


class Expectations:
    """Asks the pipeline in this process; once for each real file. From any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], str] = {}

    def outcome(self, file: File, target: str) -> str:
        """``transcoded``, ``kept``, ``declined`` or ``failed``, of a sound file."""
        if file.made is not None:
            return Outcome.TRANSCODED
        key = (file.what, target)
        with self._lock:
            if key not in self._known:
                _, report = ask(file.content, target)
                self._known[key] = report.outcome
            return self._known[key]

    def uncompressed(self, file: File) -> bool:
        """Whether a sound file can be had in Explicit VR Little Endian."""
        found = self.outcome(file, syntaxes.EXPLICIT_LE)
        return found in (Outcome.TRANSCODED, Outcome.KEPT)
