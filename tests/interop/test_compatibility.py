"""No file of the four packages makes a defect; and docs/compatibility.md says what becomes of it.

`make compat` checks the pixels by other decoders, too, which takes minutes.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator

import pytest

from scripts import compat
from tests.interop.corpus import shipped

LARGEST = 300_000  # the larger files would cost a minute, and are in `make compat`


@pytest.fixture(scope="module")
def found() -> Iterator[list[compat.Row]]:
    logging.disable()  # a line for each refusal
    yield list(compat.rows([one for one in shipped() if one.size <= LARGEST], check=False))
    logging.disable(logging.NOTSET)


@pytest.mark.slow
def test_no_file_makes_a_defect_to_any_target(found: list[compat.Row]) -> None:
    assert len(found) > 5000
    assert [row for row in found if row.code in compat.FORBIDDEN] == []


@pytest.mark.slow
def test_every_reason_is_explained(found: list[compat.Row]) -> None:
    assert {row.code for row in found if row.code} <= compat.REASONS.keys()


@pytest.mark.slow
def test_the_page_is_up_to_date(found: list[compat.Row]) -> None:
    page = compat.PAGE.read_text(encoding="utf-8").splitlines()
    missing = [line for line in compat.by_file(found) if line and line not in page]
    assert missing == [], "run make compat"


def test_the_page_has_all_files_and_confirms_what_it_can() -> None:
    page = compat.PAGE.read_text(encoding="utf-8")
    for package, count in Counter(one.package for one in shipped()).items():
        assert f"{count} of {package}" in page
    for target in compat.targets():
        (row,) = [line for line in page.splitlines() if line.startswith(f"| {target} |")]
        _, transcoded, confirmed, contradicted, *_ = [
            int(cell) if cell.strip().isdigit() else 0 for cell in row.strip("|").split("|")
        ]
        assert contradicted == 0
        assert confirmed > transcoded // 2 or transcoded == 0
