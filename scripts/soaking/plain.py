"""The Orthanc without plugins that runs beside the other, for comparison."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from tests.orthanc.servers import OrthancServer

from .files import File
from .ledger import Ledger

Answer = TypeVar("Answer")


class PlainOrthanc:
    """Asked from any thread. It crashes over some files, and is started again then."""

    def __init__(self, server: OrthancServer, ledger: Ledger) -> None:
        self._server, self._ledger = server, ledger
        self._lock = threading.Lock()

    def ask(self, question: Callable[[OrthancServer], Answer], file: File) -> Answer | None:
        """The answer; None if it crashed meanwhile, over this file or another."""
        try:
            return question(self._server)
        except OSError:
            self._revive(file)
            return None

    def _revive(self, file: File) -> None:
        with self._lock:
            time.sleep(1)  # the client may notice before the kernel is done with the process
            if self._server.running:
                return
            self._ledger.count("plain Orthanc", "crashed")
            self._ledger.note(f"plain Orthanc crashed, perhaps over {file.what}", sent=file.content)
            self._server.start()
