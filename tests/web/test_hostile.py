"""Attributes that are meant to do harm do none, and are shown as what they are: text."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.servers import OrthancServer
from tests.web.browsing import APP, Watcher, address
from tests.web.conftest import Visit, transcoding
from tests.web.filling import HOSTILE, MARKUP, store_hostile, until_checked

LEVELS = {"instances": "ID", "series": "ParentSeries", "studies": "ParentStudy",
          "patients": "ParentPatient"}  # fmt: skip


@pytest.fixture(scope="module")
def server(start_module_orthanc: StartOrthanc) -> OrthancServer:
    return start_module_orthanc(**transcoding())


@pytest.fixture(scope="module")
def stored(server: OrthancServer) -> dict[str, str]:
    found = store_hostile(server)
    until_checked(server)
    return found


def unharmed(page: Page) -> None:
    """Touch everything, as a reader might, and see that nothing ran."""
    for place in page.locator("main a:visible, main td:visible, main th:visible").all():
        place.hover()
    page.wait_for_load_state("networkidle")
    assert page.evaluate("typeof window.hacked") == "undefined"
    assert page.locator("#hacked, #X, main script, main [onload], main [onmouseover]").count() == 0
    elsewhere = "all => all.filter(one => one.protocol !== 'http:').map(one => one.href)"
    assert page.locator("a").evaluate_all(elsewhere) == []


@pytest.mark.parametrize("level", LEVELS)
def test_reports(visit: Visit, stored: dict[str, str], level: str) -> None:
    page = visit(address(level, stored[LEVELS[level]]))
    text = page.locator("main").inner_text()
    assert MARKUP in text
    expected = {"patients": ("PatientID",), "series": ("SeriesDescription",), "studies": (
        "StudyDescription", "PatientID", "AccessionNumber", "Modality"), "instances": (
        "StudyDescription", "SeriesDescription", "Modality")}  # fmt: skip
    assert [name for name in expected[level] if HOSTILE[name] not in text] == []
    assert "javascript" not in page.title()
    unharmed(page)


@pytest.mark.usefixtures("stored")
def test_dashboard(visit: Visit) -> None:
    page = visit(APP)
    expect(page.locator("#modalities")).to_contain_text(HOSTILE["Modality"])
    unharmed(page)


def test_the_policy_holds_even_if_markup_got_in(
    watch: Callable[[OrthancServer], Watcher], server: OrthancServer, stored: dict[str, str]
) -> None:
    watcher = watch(server)
    page = watcher.open(address("studies", stored["ParentStudy"]))
    page.evaluate(
        """() => { document.querySelector('main').insertAdjacentHTML('beforeend',
        '<img src="data:," onerror="hacked=1"><a id=trap href="javascript:hacked=1">x</a>'); }"""
    )
    page.locator("#trap").click()
    page.wait_for_load_state("networkidle")
    assert page.evaluate("typeof window.hacked") == "undefined"
    watcher.expect("Content Security Policy")
