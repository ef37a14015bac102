"""The Orthanc without plugins that runs beside the other, for comparison."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from tests.orthanc.servers import OrthancServer

from .files import File
from .ledger import Ledger
from .turns import Turns

Answer = TypeVar("Answer")


class PlainOrthanc:
    """Asked from any thread. It crashes or hangs over some files, and is started again then."""

    def __init__(self, server: OrthancServer, ledger: Ledger, turns: Turns) -> None:
        self._server, self._ledger, self._turns = server, ledger, turns
        self._lock = threading.Lock()
        self._starts = 1

    def ask(self, question: Callable[[OrthancServer], Answer], file: File) -> Answer | None:
        """The answer; None if it crashed or hung meanwhile, over this file or another."""
        starts = self._starts
        try:
            with self._turns.to_delete():  # as most questions end with
                return question(self._server)
        except OSError as error:
            self._revive(file, starts, "hung" if isinstance(error, TimeoutError) else "crashed")
            return None

    def _revive(self, file: File, starts: int, what: str) -> None:
        with self._lock:
            time.sleep(1)  # the client may notice before the kernel is done with the process
            if starts != self._starts or (what == "crashed" and self._server.running):
                return
            self._starts += 1
            self._ledger.count("plain Orthanc", what)
            self._ledger.note(f"plain Orthanc {what}, perhaps over {file.what}", sent=file.content)
            self._server.kill()
            self._server.start()
