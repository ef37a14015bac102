"""What the plugin adds to Orthanc Explorer: buttons with the verdict, and the link."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.servers import OrthancServer
from tests.samples import sample_path
from tests.web.browsing import Watcher, address
from tests.web.conftest import transcoding
from tests.web.filling import store_hostile, store_study, until_checked

EXPLORER = "/app/explorer.html"
LEVELS = {"instance": "instances", "series": "series", "study": "studies"}
WORDS = {"PASS": "Pass", "WARN": "Warning", "FAIL": "Fail"}


@pytest.fixture(scope="module")
def server(start_module_orthanc: StartOrthanc) -> OrthancServer:
    filled = start_module_orthanc(**transcoding())
    for name in ("CT_small.dcm", "MR_small.dcm"):
        filled.store(sample_path(name).read_bytes())
        until_checked(filled)
    store_study(filled, 2)
    until_checked(filled)
    return filled


@pytest.fixture
def explorer(watch: Callable[[OrthancServer], Watcher], server: OrthancServer) -> Any:
    watcher = watch(server)

    def opened(hash_: str, wanted: str) -> Page:
        return watcher.open(f"{EXPLORER}#{hash_}", f"{wanted}:visible")

    yield opened
    # Orthanc Explorer's own: a font that the browser misses, a deprecated call ...
    ours = ("transcoder", "error:", "dialog", "elsewhere")
    watcher.problems[:] = [one for one in watcher.problems if any(part in one for part in ours)]


def badge(page: Page, name: str, verdict: str) -> None:
    expect(page.locator(f"#transcoder-{name} .transcoder-verdict")).to_contain_text(WORDS[verdict])


@pytest.mark.parametrize("name", LEVELS)
def test_a_button_with_the_verdict(server: OrthancServer, explorer: Any, name: str) -> None:
    level = LEVELS[name]
    verdicts = set()
    for identifier in server.get(f"/{level}"):
        verdict = server.get(f"/transcoder/{level}/{identifier}/report")["verdict"]
        verdicts.add(verdict)
        page = explorer(f"{name}?uuid={identifier}", f"#transcoder-{name}")
        badge(page, name, verdict)
        page.locator(f"#transcoder-{name}").click()
        page.wait_for_url("**" + address(level, identifier))
        page.locator("body.ready").wait_for()
        expect(page.get_by_role("heading", level=1)).to_contain_text(WORDS[verdict])
    assert len(verdicts) > 1


def test_the_button_of_another_study(server: OrthancServer, explorer: Any) -> None:
    """The page of Orthanc Explorer stays; what it shows, and so the button, does not."""
    first, *others = server.get("/studies")
    page = explorer(f"study?uuid={first}", "#transcoder-study")
    for other in others:
        page.evaluate("id => { window.location.hash = '#study?uuid=' + id; }", other)
        button = page.locator("#transcoder-study")
        expect(button).to_have_attribute("href", f"..{address('studies', other)}")
        badge(page, "study", server.get(f"/transcoder/studies/{other}/report")["verdict"])
        expect(button).to_have_count(1)


def test_the_start_page_leads_to_the_dashboard(explorer: Any) -> None:
    page = explorer("", "#transcoder-dashboard")
    page.locator("#transcoder-dashboard").click()
    page.wait_for_url("**/transcoder/app/index.html")
    page.locator("body.ready").wait_for()
    page.locator("header").get_by_role("link", name="Orthanc Explorer").click()
    page.wait_for_url("**" + EXPLORER)
    expect(page.locator("#transcoder-dashboard")).to_be_visible()


def test_the_keyboard_reaches_the_button(server: OrthancServer, explorer: Any) -> None:
    identifier = server.get("/studies")[0]
    page = explorer(f"study?uuid={identifier}", "#transcoder-study")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "transcoder-study":
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/study.html?level=studies*")


def test_what_is_not_checked_yet_is_no_pass(
    watch: Callable[[OrthancServer], Watcher], start_orthanc: StartOrthanc
) -> None:
    server = start_orthanc(**transcoding(Transcoder={"QualityChecks": False}))
    stored = server.store(sample_path("CT_small.dcm").read_bytes())
    until_checked(server)
    watcher = watch(server)
    page = watcher.open(f"{EXPLORER}#study?uuid={stored['ParentStudy']}", "#transcoder-study")
    expect(page.locator(".transcoder-verdict").first).to_contain_text("not checked")
    watcher.problems.clear()  # Orthanc Explorer's own


def test_hostile_attributes_do_not_reach_the_button(
    watch: Callable[[OrthancServer], Watcher], start_orthanc: StartOrthanc
) -> None:
    server = start_orthanc(**transcoding())
    stored = store_hostile(server)
    until_checked(server)
    levels = {"instance": "ID", "series": "ParentSeries", "study": "ParentStudy"}
    for name, key in levels.items():
        watcher = watch(server)
        page = watcher.open(f"{EXPLORER}#{name}?uuid={stored[key]}", f"#transcoder-{name}")
        button = page.locator(f"#transcoder-{name}")
        expect(button).to_contain_text("Quality report")
        assert button.locator("img, svg, script, i").count() == 0
        assert page.evaluate("typeof window.hacked") == "undefined"
        watcher.problems.clear()  # Orthanc Explorer's own


def test_an_address_that_is_none_gives_no_link(explorer: Any) -> None:
    page = explorer("study?uuid=javascript:hacked=1", "body")
    page.wait_for_load_state("networkidle")
    assert "javascript" not in str(page.locator("#transcoder-study").get_attribute("href"))
    assert page.evaluate("typeof window.hacked") == "undefined"
