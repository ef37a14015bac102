"""The reports of studies, series and patients in a browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.servers import OrthancServer
from tests.samples import sample_path
from tests.web.browsing import APP, Watcher, address, numbers, pressed, rows, tab_to, tiles
from tests.web.conftest import Visit, transcoding
from tests.web.filling import MANY, STUDY, until_checked

NOBODY = "-".join(["00000000"] * 5)


@pytest.fixture(scope="module")
def study(server: OrthancServer) -> str:
    query = {"Level": "Study", "Query": {"PatientID": STUDY["PatientID"]}}
    (found,) = server.post("/tools/find", query)
    return str(found)


@pytest.fixture
def page(visit: Visit, study: str) -> Page:
    return visit(address("studies", study))


def of_series(report: Any, number: str) -> Any:
    return next(one for one in report["series"] if one["number"] == number)


def section(report: Any, number: str) -> str:
    return f"#series-{of_series(report, number)['id']}"


@pytest.fixture
def report(server: OrthancServer, study: str) -> Any:
    return server.get(f"/transcoder/studies/{study}/report")


def test_who_and_what_it_is_of(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_contain_text("Grün, Ada, Dr")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Fail")
    expect(page.locator(".title")).to_contain_text("Thorax & Abdomen · 2026-01-02")
    expect(page.locator(".title")).to_contain_text("ID 0815")
    assert page.title() == "Grün, Ada, Dr: study report"


def test_totals(page: Page, report: Any) -> None:
    before, after = report["source_bytes"], report["result_bytes"]
    shown = tiles(page, "#report")
    assert shown["Instances"] == [report["instances"]]
    assert shown["Received"] == [before]
    assert shown["Stored"] == [after]
    assert shown["Saved"] == [before - after]
    verdicts = numbers(page, "#report .legend")
    assert sorted(verdicts) == sorted(
        {"PASS": 0, "WARN": 0, "FAIL": 0, **report["by_verdict"]}.values()
    )


def test_series_by_series(page: Page, report: Any) -> None:
    shown = [
        (row[0].text, row[1].text, row[4].values, row[5].values, row[6].values)
        for row in rows(page, "section[aria-label=Series]")
    ]
    assert shown == [
        (
            one["number"],
            one["modality"],
            (one["totals"]["instances"],),
            (one["totals"]["source_bytes"],),
            (one["totals"]["result_bytes"],),
        )
        for one in report["series"]
    ]


def test_instances(page: Page, report: Any) -> None:
    for number in ("1", "10"):
        (line,) = of_series(report, number)["instances"]
        (row,) = rows(page, section(report, number))
        assert row[1].text == str(line["number"])
        assert line["syntax"] in row[4].titles
        assert row[5].values + row[6].values == (line["source_bytes"], line["result_bytes"])
        assert [code for code in row[-1].titles if code] == line["findings"] + line["received"]
    link = page.locator(f"{section(report, '10')} tbody a")
    link.click()
    page.wait_for_url("**/instance.html?id=*")


def test_long_series_are_leafed_through(page: Page, report: Any) -> None:
    place = section(report, "2")
    expect(page.locator(f"{place} tbody tr")).to_have_count(50)
    seen = [row[1].text for row in rows(page, place)]
    following = page.locator(place).get_by_role("button", name="Next")
    previous = page.locator(place).get_by_role("button", name="Previous")
    assert previous.get_attribute("aria-disabled") == "true"
    for _ in range(2):
        following.click()
        seen += [row[1].text for row in rows(page, place)]
    assert sorted(map(int, seen)) == list(range(1, MANY + 1))
    assert following.get_attribute("aria-disabled") == "true"
    expect(page.locator(f"{place} .pager")).to_contain_text(f"101 to {MANY} of {MANY}")
    previous.click()
    expect(page.locator(f"{place} .pager")).to_contain_text("51 to 100")


def test_sorting_with_the_keyboard_alone(page: Page, report: Any) -> None:
    place = section(report, "2")
    lines = of_series(report, "2")["instances"]
    heading = page.locator(place).get_by_role("button", name="Received")
    name = heading.get_attribute("id") or ""
    tab_to(page, name)
    column = page.locator(f"{place} th[aria-sort]")
    for descending in (False, True):
        assert pressed(page, "Enter") == name, "the focus stays where it was"
        expected = sorted((one["source_bytes"] for one in lines), reverse=descending)[:50]
        assert [row[5].values[0] for row in rows(page, place)] == expected
        expect(column).to_have_count(1)
        expect(column).to_have_attribute("aria-sort", "descending" if descending else "ascending")
        expect(column).to_contain_text("Received")


def test_the_worst_verdict_is_sorted_first(page: Page) -> None:
    series = page.locator("section[aria-label=Series]")
    series.get_by_role("button", name="Verdict").click()
    expect(series.locator("tbody tr").first).to_contain_text("Fail")


def test_filter(page: Page, report: Any) -> None:
    box = page.get_by_label("Only instances with findings")
    box.focus()
    page.keyboard.press("Space")
    noteworthy = [
        one
        for series in report["series"]
        for one in series["instances"]
        if one["findings"]
        or one["received"]
        or one["verdict"] != "PASS"
        or one["outcome"] == "failed"
    ]
    shown = sum(
        len([row for row in rows(page, section(report, one["number"])) if len(row) > 1])
        for one in report["series"]
    )
    assert 0 < shown == len(noteworthy) < report["instances"]
    box.uncheck()
    expect(page.locator(f"{section(report, '2')} tbody tr")).to_have_count(50)


def test_pictures_are_those_of_the_instances(page: Page, report: Any) -> None:
    place = section(report, "10")
    (line,) = of_series(report, "10")["instances"]
    picture = page.locator(f"{place} td.preview img")
    picture.scroll_into_view_if_needed()
    expect(picture).to_have_js_property("complete", True)
    assert f"/instances/{line['id']}/preview" in picture.evaluate("one => one.src")
    assert picture.evaluate("one => one.naturalWidth") == 64


@pytest.mark.parametrize("level", ["series", "patients"])
def test_other_levels(visit: Visit, server: OrthancServer, study: str, level: str) -> None:
    resource = server.get(f"/studies/{study}")
    identifier = resource["Series"][0] if level == "series" else resource["ParentPatient"]
    found = server.get(f"/transcoder/{level}/{identifier}/report")
    page = visit(address(level, identifier))
    assert tiles(page, "#report")["Instances"] == [found["instances"]]
    expect(page.get_by_role("heading", level=1)).to_contain_text("Grün, Ada, Dr")


def test_what_is_printed(page: Page, report: Any) -> None:
    place = section(report, "2")
    page.emulate_media(media="print")
    expect(page.locator("body > header")).to_be_hidden()
    expect(page.get_by_role("button", name="Check again")).to_be_hidden()
    expect(page.locator(".printed")).to_contain_text("Printed")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.evaluate("""window.addEventListener('beforeprint', () => {
        window.printed = document.querySelectorAll('section.series tbody tr').length; })""")
    assert page.pdf(format="A4").startswith(b"%PDF-")
    assert page.evaluate("window.printed") == report["instances"]
    expect(page.locator(f"{place} tbody tr")).to_have_count(50)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (address("studies", NOBODY), 404),
        (address("instances", NOBODY), 404),
        (APP + "study.html", 0),
        (APP + "study.html?level=studies&id=../../system", 0),
        (APP + "study.html?level=constructor&id=" + NOBODY, 0),
        (APP + "instance.html?id=<script>alert(1)</script>", 0),
    ],
)
def test_what_is_not_there(
    watch: Callable[[OrthancServer], Watcher], server: OrthancServer, path: str, status: int
) -> None:
    watcher = watch(server)
    page = watcher.open(path, "[role=alert]")
    expect(page.get_by_role("heading", level=1)).to_have_text("Not found")
    expect(page.get_by_role("link", name="To the dashboard")).to_be_visible()
    if status:
        watcher.expect("404")


def test_a_study_that_is_deleted_while_it_is_looked_at(
    watch: Callable[[OrthancServer], Watcher], start_orthanc: StartOrthanc
) -> None:
    server = start_orthanc(**transcoding())
    stored = server.store(sample_path("CT_small.dcm").read_bytes())
    until_checked(server)
    watcher = watch(server)
    page = watcher.open(address("studies", stored["ParentStudy"]))
    server.delete(f"/studies/{stored['ParentStudy']}")
    page.get_by_role("button", name="Check again").click()
    expect(page.get_by_role("status").first).to_contain_text("there is no such study")
    watcher.expect("404")
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("there is no such study")
    watcher.expect("404")


def test_checking_again(watch: Callable[[OrthancServer], Watcher], tmp_path: Path) -> None:
    """What was stored while the checks were off is checked when the button is pressed."""
    with OrthancServer(tmp_path, **transcoding(Transcoder={"QualityChecks": False})) as server:
        stored = server.store(sample_path("CT_small.dcm").read_bytes())
        until_checked(server)
        watcher = watch(server)
        page = watcher.open(address("instances", stored["ID"]))
        expect(page.get_by_role("heading", level=1)).to_contain_text("Not checked")
        page.get_by_role("button", name="Check again").click()
        expect(page.get_by_role("status").first).to_contain_text("switched off")
        watcher.expect("409")
        page.close()
    with OrthancServer(tmp_path, **transcoding()) as server:
        page = watch(server).open(address("studies", stored["ParentStudy"]))
        expect(page.get_by_role("heading", level=1)).to_contain_text("Not checked")
        tab_to(page, "check")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_contain_text("Pass", timeout=20000)
        expect(page.get_by_role("status").first).to_have_text("Checked.")
        assert page.evaluate("document.activeElement.id") == "check"
        (job,) = server.get("/jobs?expand")
        assert (job["State"], job["Content"]["Checked"]) == ("Success", 1)
