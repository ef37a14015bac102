"""What happened: counted, timed, and every defect with the files that show it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path

_SHOWN = 50  # whose files are kept


class Ledger:
    """Takes notes from any thread.

    Parameters
    ----------
    folder
        For the files of the defects.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._counts: dict[str, Counter[str]] = {}
        self.defects: list[str] = []
        self.notes: list[str] = []
        # Of ``time.monotonic``: when a transcoded instance's sender was answered.
        self.transcoded_at: list[float] = []
        # Seconds from a failed attempt to the one that succeeded.
        self.recoveries: list[float] = []

    def count(self, subject: str, what: str, number: int = 1) -> None:
        """Note that something of a subject happened."""
        with self._lock:
            self._counts.setdefault(subject, Counter())[what] += number

    def transcoded(self) -> None:
        """Note that an instance was transcoded just now."""
        with self._lock:
            self.transcoded_at.append(time.monotonic())

    def recovered(self, seconds: float) -> None:
        """Note how long it took until something succeeded that had failed."""
        with self._lock:
            self.recoveries.append(seconds)

    def defect(self, text: str, **files: bytes) -> None:
        """Note what must not happen."""
        with self._lock:
            self.defects.append(text)
            number = len(self.defects)
        self._keep(f"defect-{number:03}", text, files)

    def note(self, text: str, **files: bytes) -> None:
        """Note what is no defect, but worth a look."""
        with self._lock:
            self.notes.append(text)
            number = len(self.notes)
        self._keep(f"note-{number:03}", text, files)

    def _keep(self, name: str, text: str, files: dict[str, bytes]) -> None:
        folder = self._folder / name
        if int(name[-3:]) <= _SHOWN:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "what.txt").write_text(text + "\n", encoding="utf-8")
            for part, content in files.items():
                (folder / f"{part}.dcm").write_bytes(content)

    def of(self, subject: str) -> Counter[str]:
        """What happened of a subject, and how often."""
        with self._lock:
            return Counter(self._counts.get(subject, {}))

    def subjects(self) -> list[str]:
        """All of them, in the order of their first appearance."""
        with self._lock:
            return list(self._counts)
