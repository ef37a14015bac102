"""``docs/answers.md`` is whole; that it is true is for ``tests/orthanc/test_answers.py`` to say."""

from __future__ import annotations

from tests.orthanc.answers import judging, page
from tests.orthanc.answers.cases import CASES
from tests.orthanc.answers.other_routes import INGEST, OUT

TEXT = page.PAGE.read_text(encoding="utf-8")
WORDS = (judging.YES, judging.GUESS, judging.ORIGINAL, judging.LEFT_OUT, judging.REFUSED,
         judging.ABSENT, "the video")  # fmt: skip


def test_each_table_has_every_route_and_case_and_says_nothing_else() -> None:
    listed = page.tables(TEXT)
    assert {(1, 10, 1), (1, 12, 7), (1, 13, 0)} <= set(listed)
    for content in listed.values():
        answers = page.parsed(content)
        assert len(answers) == len(page.ORDERS) * len(CASES) * len({**INGEST, **OUT})
        assert page.table(answers) == content
        assert all(answer in WORDS or answer.isdecimal() for answer in answers.values())


def test_the_page_explains_its_words() -> None:
    for word in WORDS:
        assert f"- `{word}`:" in TEXT


def test_with_the_shipped_order_nothing_is_guessed_and_no_original_is_lost() -> None:
    for version, content in page.tables(TEXT).items():
        for (order, case, route), answer in page.parsed(content).items():
            if order == "Disabled":
                assert answer != judging.GUESS, (version, case, route)
            if route in INGEST:
                assert answer in (judging.YES, judging.ORIGINAL, judging.GUESS)


def test_a_table_is_put_in_its_place() -> None:
    answers = page.parsed(page.tables(TEXT)[1, 13, 0])
    key = ("Disabled", "damaged", "preview")
    changed = {**answers, key: "200"}
    text = page.renewed(TEXT, "1.13.0", changed)
    assert page.parsed(page.tables(text)[1, 13, 0]) == changed
    assert page.renewed(text, "1.13.0", answers) == TEXT
