"""What each route answers, in each case, on this Orthanc: ``docs/answers.md``, cell by cell.

Whatever the page says, an answer is in the syntax that was asked for or there is none
(``answers.judging.Mislabelled``), and a sound image's samples are what they were. Where
the environment's ``ORTHANC_ANSWERS`` names a folder, what is found is written there
instead, for ``python -m tests.orthanc.answers.page`` to make the page of.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.orthanc.answers import judging, page
from tests.orthanc.answers.cases import CASES
from tests.orthanc.answers.other_routes import INGEST, OF_FRAMES, OUT
from tests.orthanc.answers.routes import Question
from tests.orthanc.answers.stage import DICOMWEB, Kind, Stage, make_stage, occupied
from tests.orthanc.servers import OrthancServer, orthanc_version, python_plugin

_FOLDER = os.environ.get("ORTHANC_ANSWERS", "")
# One server at a time: those that share one follow each other.
CELLS = [
    (order, server, case, route)
    for order in page.ORDERS
    for server in ("usual", "busy", "hasty")
    for routes in (OUT, INGEST)
    for case in CASES
    if CASES[case].server == server
    for route in routes
]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    if not python_plugin().with_name(DICOMWEB).exists():
        pytest.skip("the DICOMweb plugin is missing: run scripts/setup")
    with make_stage(tmp_path_factory.mktemp("answers")) as made:
        yield made


@pytest.fixture(scope="module")
def found() -> Iterator[page.Answers]:
    """What each cell's test found, written down where that is asked for."""
    answers: page.Answers = {}
    yield answers
    if _FOLDER:
        version = ".".join(map(str, orthanc_version()))
        path = Path(_FOLDER) / f"answers-{version}.json"
        path.write_text(json.dumps([[*key, value] for key, value in answers.items()]))


def ask(stage: Stage, order: str, case: str, route: str, folder: Path) -> str:
    """A cell's question, of a new instance."""
    what = CASES[case]
    kind = Kind(order, what.server, what.asked if route in INGEST else "")
    server = stage.server(kind)
    stage.receiver.take()
    content = what.make()
    instance = "" if route in INGEST else server.store(content)["ID"]
    question = Question(what, content, server, stage, folder, instance)
    before = unanswered(server)
    with while_needed(server, what.server, frames=route in OF_FRAMES):
        answer = {**INGEST, **OUT}[route](question)
    assert server.running
    if answer == judging.LEFT_OUT:
        # Orthanc 1.13 and later do not tell of what is missing in an archive: we do.
        assert orthanc_version() >= (1, 13, 0)
        assert unanswered(server) > before
        told = f"{question.header.SOPInstanceUID}: there is no {what.asked} of it from here"
        assert server.told(told)
    return answer


def unanswered(server: OrthancServer) -> int:
    return int(server.get("/transcoder/status")["counters"].get("unanswered", 0))


@contextlib.contextmanager
def while_needed(server: OrthancServer, kind: str, *, frames: bool) -> Iterator[None]:
    with occupied(server, frames=frames) if kind == "busy" else contextlib.nullcontext():
        yield


@pytest.mark.parametrize(
    ("order", "case", "route"),
    [pytest.param(order, case, route, id=f"{order}-{case}-{route}")
     for order, _, case, route in CELLS],
)  # fmt: skip
def test_an_answer(
    stage: Stage, found: page.Answers, tmp_path: Path, order: str, case: str, route: str
) -> None:
    answer = ask(stage, order, case, route, tmp_path)
    found[order, case, route] = answer
    if CASES[case].sound:
        assert answer != judging.GUESS
    if not _FOLDER:
        assert answer == page.expected(orthanc_version())[order, case, route]
