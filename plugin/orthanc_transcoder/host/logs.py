"""Orthanc's log: one line for each record, with nothing in it that a terminal would obey.

What files and peers say of themselves gets into sentences: an escape sequence could hide
or forge lines for whoever reads the log, a surrogate or NUL would lose the whole record.
"""

from __future__ import annotations

import logging
from typing import Protocol

# A UID of a gigabyte is possible; a traceback, whose end says most, is shorter.
_LONGEST = 16_000


class Log(Protocol):
    """Of the ``orthanc`` module, what writes."""

    def LogError(self, message: str, /) -> None:
        """Write to Orthanc's log."""

    def LogWarning(self, message: str, /) -> None:
        """Write to Orthanc's log."""

    def LogInfo(self, message: str, /) -> None:
        """Write to Orthanc's log, if it is verbose."""


class LogHandler(logging.Handler):
    """Writes the package's log records into Orthanc's log, one line each."""

    def __init__(self, orthanc: Log) -> None:
        super().__init__()
        self._orthanc = orthanc
        self.setFormatter(logging.Formatter("orthanc_transcoder: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record, its traceback included."""
        line = harmless(self.format(record))
        if record.levelno >= logging.ERROR:
            self._orthanc.LogError(line)
        elif record.levelno >= logging.WARNING:
            self._orthanc.LogWarning(line)
        else:
            self._orthanc.LogInfo(line)


def harmless(text: str) -> str:
    r"""One line of printable characters: others as Python writes them, such as ``\x1b``.

    The lines of a traceback are joined by `` | ``. What is too long loses its middle.
    """
    text = _shortened(text)
    if text.isprintable():
        return text
    return " | ".join("".join(map(_visible, line)) for line in text.split("\n"))


def _shortened(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    half = _LONGEST // 2
    return f"{text[:half]} ... {text[-half:]}"


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")
