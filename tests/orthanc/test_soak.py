"""Mixed load while a random worker is killed every second: see ``docs/soak.md``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scripts.soaking import report
from scripts.soaking.session import Session

SECONDS = float(os.environ.get("SOAK_SECONDS", "120"))


@pytest.mark.slow
@pytest.mark.timeout(3 * SECONDS + 600)
def test_nothing_is_lost_wrong_or_leaked_while_workers_are_killed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = Session(tmp_path, SECONDS, seed=1)
    session.run()
    with capsys.disabled():
        print("", *report.lines(session), sep="\n")  # noqa: T201  the figures are part of the result
    assert session.ledger.defects == []
    assert report.unsteady(session) == []
    # There was something to survive, and it was survived.
    assert len(session.killer.times) > session.loaded_seconds / 2
    assert session.status["workers"]["deaths"] > len(session.killer.times) / 2
    assert len(session.ledger.transcoded_at) > session.loaded_seconds / 2
    assert session.exit_status == 0
