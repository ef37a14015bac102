"""The index of reports on a real Orthanc: what is done to its file is mended by itself."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.orthanc.conftest import JPEG2000_LOSSLESS, StartOrthanc
from tests.orthanc.test_quality import checked, start, totals, until
from tests.synthesis import Image, native_file

PAGE = 4096


def overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(PAGE)
        file.write(os.urandom(path.stat().st_size - PAGE))


def drop(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DROP TABLE instance")


@pytest.mark.parametrize("harm", [overwrite, drop, Path.unlink])
def test_the_totals_come_back(start_orthanc: StartOrthanc, harm: Callable[[Path], None]) -> None:
    server = start(start_orthanc, JPEG2000_LOSSLESS)
    for rows in range(8, 13):
        server.store(native_file(Image(rows=rows), attributes={"Modality": "CT"}))
    checked(server, 5)
    before = totals(server)
    path = server.folder / "storage" / "orthanc-transcoder.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # so that all is in the file itself
    harm(path)
    until(lambda: bool(totals(server) == before))
    assert server.told("the index of reports")
    assert server.get("/transcoder/status")["problems"] == []
    server.store(native_file(Image(rows=20), attributes={"Modality": "CT"}))
    checked(server, 6)
