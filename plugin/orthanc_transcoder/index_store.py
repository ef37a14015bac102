"""The file of the index of reports: opened, asked, and made anew where it is damaged.

Nothing in it is lost for good, as it is derived. So:

- A file that is damaged or lacks a table is removed and made anew, once in a minute, and
  whoever asked is answered from the new one. Where it was deleted, another is made. That
  it must be filled again, ``made_anew`` tells.
- Any other trouble (a full disk, a file that cannot be written) is no fault of the file:
  it is kept, and whoever asked gets the error and may ask again.
- Trouble is logged when it begins, and stands as a problem until the same succeeds.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from .index_schema import SCHEMA, VERSION
from .problems import Problems

_log = logging.getLogger(__name__)

_PART = "index"
_ANEW_SECONDS = 60.0  # between two times that it is made anew, at least
_LOOK_SECONDS = 1.0  # between two looks whether the file is still there
_BAD = frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT))
# Said of a table that is not there, and of text and lists that are none.
_BAD_TEXTS = ("no such ", "Could not decode to UTF-8", "malformed JSON")
_FULL = frozenset((sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE))

Result = TypeVar("Result")
Work = Callable[[sqlite3.Connection], Result]


class Damaged(sqlite3.DatabaseError):
    """What is in the file cannot be meant."""


class Store:
    """May be used from any thread.

    Parameters
    ----------
    path
        Of the file; None keeps it in memory.

    Raises
    ------
    OSError
        If there can be no such file.
    """

    def __init__(self, path: Path | None, problems: Problems) -> None:
        self._lock = threading.Lock()
        self._path, self._problems = path, problems
        self._db: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._next_look = 0.0
        self._not_before = float("-inf")
        self._failing: set[bool] = set()  # writing, or not
        self.made_anew = 0
        try:
            self._run(lambda _: None)
        except sqlite3.Error as error:
            raise OSError(f"{path}: {error}") from error
        self.made_anew = 0

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._close()

    def read(self, work: Work[Result]) -> Result:
        """Ask something; may raise ``sqlite3.Error``."""
        with self._lock:
            return self._reported(work, writing=False)

    def write(self, work: Work[object]) -> None:
        """Change something in one transaction; may raise ``sqlite3.Error``."""

        def change(db: sqlite3.Connection) -> None:
            with db:
                work(db)

        with self._lock:
            self._reported(change, writing=True)

    def _reported(self, work: Work[Result], *, writing: bool) -> Result:
        try:
            result = self._run(work)
        except sqlite3.Error as error:
            self._report(error, writing=writing)
            raise
        if self._failing:
            # That it can be read does not say that it can be written.
            self._failing -= {False, writing}
            if not self._failing:
                self._problems.clear(_PART)
                _log.warning("the index of reports can be used again")
        return result

    def _report(self, error: sqlite3.Error, *, writing: bool) -> None:
        what = "the disk is full" if _code(error) in _FULL else str(error)
        sentence = f"the index of reports cannot be used, and is behind meanwhile: {what}"
        if not self._failing:
            _log.error("%s", sentence)
        self._failing.add(writing)
        self._problems.report(_PART, sentence)

    def _run(self, work: Work[Result]) -> Result:
        try:
            return work(self._opened())
        except sqlite3.Error as error:
            if not self._is_to_be_made_anew(error):
                raise
            _log.warning("the index of reports, %s, is made anew: %s", self._path, error)
        self._remove()
        self.made_anew += 1
        return work(self._opened())

    def _is_to_be_made_anew(self, error: sqlite3.Error) -> bool:
        now = time.monotonic()
        if not _is_bad(error) or now < self._not_before:
            return False
        self._not_before = now + _ANEW_SECONDS
        return True

    def _opened(self) -> sqlite3.Connection:
        if self._db is not None and time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + _LOOK_SECONDS
            if _identity(self._path) != self._file:
                _log.warning("the index of reports, %s, is not there any more", self._path)
                self._close()
                self.made_anew += 1
        if self._db is None:
            self._db = _open(self._path)
            self._file = _identity(self._path)
        return self._db

    def _close(self) -> None:
        if self._db is not None:
            # A damaged file cannot be put in order; closed it is all the same.
            with contextlib.suppress(sqlite3.Error):
                self._db.close()
        self._db = None

    def _remove(self) -> None:
        self._close()
        if self._path is None:
            return
        try:
            for suffix in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        except OSError as error:
            raise sqlite3.OperationalError(f"it cannot be removed: {error}") from error


def _identity(path: Path | None) -> tuple[int, int] | None:
    """Which file it is; None where there is none."""
    try:
        found = path.stat() if path else None
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if found else None


def _code(error: sqlite3.Error) -> int:
    """SQLite's own, if it is SQLite that says it."""
    return getattr(error, "sqlite_errorcode", 0)


def _is_bad(error: sqlite3.Error) -> bool:
    """Whether it is the file's fault."""
    code = _code(error)
    if code & 0xFF in _BAD or code == sqlite3.SQLITE_IOERR_SHORT_READ:
        return True
    return isinstance(error, Damaged) or str(error).startswith(_BAD_TEXTS)


def _open(path: Path | None) -> sqlite3.Connection:
    db = sqlite3.connect(path or ":memory:", check_same_thread=False)
    with contextlib.ExitStack() as stack:
        stack.callback(db.close)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            db.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
        elif version != VERSION:
            raise Damaged(f"it is of version {version}, not {VERSION}")
        db.executescript("BEGIN IMMEDIATE; ROLLBACK")  # which shows whether it can be written
        stack.pop_all()
    return db
