"""The dashboard in a browser: its numbers, its liveliness, and what it says of troubles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.servers import OrthancServer, free_port
from tests.samples import sample_path
from tests.web.browsing import APP, Watcher, legend, numbers, rows, tiles
from tests.web.conftest import Visit, transcoding
from tests.web.filling import TRUNCATED, until_checked

DASHBOARD = APP + "index.html"
OUTCOMES = {
    "transcoded": "Transcoded",
    "kept": "Kept",
    "unasked": "Not asked",
    "declined": "Declined",
    "failed": "Failed",
}
VERDICTS = {"PASS": "Pass", "WARN": "Warning", "FAIL": "Fail", "NONE": "Not checked"}


@pytest.fixture(scope="module")
def totals(server: OrthancServer) -> Any:
    found = server.get("/transcoder/report")
    # Else the pages would not be looked at with what they are there for.
    assert {"transcoded", "declined", "failed"} <= set(found["by_outcome"])
    assert {"PASS", "WARN", "FAIL"} <= set(found["by_verdict"])
    assert found["noted"]
    assert found["received"]
    return found


@pytest.fixture
def page(visit: Visit) -> Page:
    return visit(DASHBOARD)


def counted(page: Page, selector: str) -> dict[str, float]:
    """A table of counts, by the code or UID that a tooltip or the small print gives."""
    return {
        (row[0].titles or (row[0].text.splitlines()[-1],))[0]: row[-1].values[0]
        if row[-1].values
        else row[1].values[0]
        for row in rows(page, selector)
    }


def test_storage(page: Page, totals: Any) -> None:
    before, after = totals["source_bytes"], totals["result_bytes"]
    assert numbers(page, "#saved") == [before - after, before, after]
    by_modality = {row[0].text: [v for cell in row for v in cell.values] for row in
                   rows(page, "#modalities")}  # fmt: skip
    assert by_modality == {
        name or "none": [
            one["instances"],
            one["source_bytes"],
            one["result_bytes"],
            one["source_bytes"] - one["result_bytes"],
        ]
        for name, one in totals["by_modality"].items()
    }


def test_totals(page: Page, totals: Any) -> None:
    shown = tiles(page, "#tiles")
    outcomes = totals["by_outcome"]
    assert shown["Instances"] == [totals["instances"]]
    assert shown["Transcoded and verified"] == [outcomes["transcoded"]]
    assert shown["Declined"] == [outcomes["declined"]]
    assert shown["Transcoding failed"] == [outcomes["failed"]]
    assert shown["Verdict “Fail”"] == [totals["by_verdict"]["FAIL"]]
    assert shown["Waiting"] == [0]


def test_outcomes_and_reasons(page: Page, totals: Any) -> None:
    assert legend(page, "#outcomes") == {
        OUTCOMES[name]: count for name, count in totals["by_outcome"].items()
    }
    assert counted(page, "#outcomes") == totals["by_code"]
    (today,) = totals["by_day"]
    page.get_by_text("Numbers by day").click()
    ((day, *shown),) = rows(page, "#over-time-numbers")
    assert day.text == today["day"]
    assert [cell.values[0] for cell in shown] == [today[name] for name in OUTCOMES]


def test_syntaxes(page: Page, totals: Any) -> None:
    assert counted(page, "#syntaxes") == totals["by_syntax"]


def test_verdicts_and_findings(page: Page, totals: Any) -> None:
    assert legend(page, "#verdicts") == {
        VERDICTS[name]: count for name, count in totals["by_verdict"].items()
    }
    checks = page.request.get(page.url.replace("index.html", "checks.json")).json()
    notes = {code for code, check in checks.items() if check["severity"] == "NOTE"}
    found = totals["findings"]
    assert instances(page, "#found") == {code: found[code] for code in found.keys() - notes}
    assert instances(page, "#notes") == {code: found[code] for code in found.keys() & notes}
    assert instances(page, "#received") == totals["received"]
    assert page.locator("#verdicts > p data").get_attribute("value") == str(totals["noted"])


def instances(page: Page, selector: str) -> dict[str, float]:
    """How many have each finding."""
    return {row[0].text.splitlines()[-1]: row[2].values[0] for row in rows(page, selector)}


def test_workers(page: Page, server: OrthancServer) -> None:
    workers = server.get("/transcoder/status")["workers"]
    idle = workers["alive"] - workers["busy"]
    shown = numbers(page, "#workers > p")
    assert shown == [workers["busy"], idle, workers["configured"] - workers["alive"]]
    assert page.locator("#workers .slot").count() == workers["configured"]
    waiting = [row for row in rows(page, "#workers") if row[0].text.startswith("Waiting")]
    assert [row[1].values[0] for row in waiting] == list(workers["waiting"].values())


def test_failures_lead_to_their_reports(page: Page, totals: Any) -> None:
    links = page.locator("#failures tbody th a")
    expected = [f"instance.html?id={one['id']}" for one in totals["failures"]]
    assert links.evaluate_all("all => all.map(one => one.getAttribute('href'))") == expected
    links.first.click()
    page.wait_for_url("**/instance.html?id=*")
    page.locator("body.ready").wait_for()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Fail")


def test_findings_lead_to_what_they_mean(page: Page) -> None:
    page.locator("#findings tbody a").first.click()
    page.wait_for_url("**/checks.html#*")
    marked = page.locator("tr.marked")
    expect(marked).to_be_visible()
    assert page.url.rpartition("#")[2] in marked.inner_text()


def test_every_check_is_explained(visit: Visit, server: OrthancServer) -> None:
    checks = server.get(APP + "checks.json")
    page = visit(APP + "checks.html", "#checks tbody tr")
    shown = {row[0].text.splitlines()[-1]: row for row in rows(page, "#checks")}
    assert shown.keys() == checks.keys()
    for code, check in checks.items():
        assert check["meaning"] in shown[code][0].text
        assert [cell.text for cell in shown[code][2:4]] == [check["readers"], check["advice"]]


def test_the_dashboard_follows_what_is_stored(
    watch: Callable[[OrthancServer], Watcher], start_orthanc: StartOrthanc
) -> None:
    server = start_orthanc(**transcoding())
    page = watch(server).open(DASHBOARD)
    assert tiles(page, "#tiles")["Instances"] == [0]
    expect(page.locator("#failures")).to_contain_text("None")
    page.evaluate("window.same = true")
    for count, name in enumerate(("CT_small.dcm", "MR_small.dcm"), start=1):
        server.store(sample_path(name).read_bytes())
        totals = until_checked(server)
        first = page.locator("#tiles data").first
        expect(first).to_have_attribute("value", str(count), timeout=15000)
        saved = totals["source_bytes"] - totals["result_bytes"]
        expect(page.locator("#saved data").first).to_have_attribute("value", str(saved))
    assert page.evaluate("window.same"), "it was loaded anew"


def test_a_server_that_goes_away(
    watch: Callable[[OrthancServer], Watcher], start_orthanc: StartOrthanc
) -> None:
    server = start_orthanc(**transcoding())
    watcher = watch(server)
    page = watcher.open(DASHBOARD)
    server.stop()
    expect(page.get_by_role("alert")).to_contain_text("Orthanc does not answer", timeout=15000)
    expect(page.locator("#live")).to_have_text("Not live")
    expect(page.locator("#tiles")).to_contain_text("Instances")  # what was known before
    watcher.expect("net::ERR_CONNECTION_REFUSED")


def test_what_keeps_the_server_from_working_is_said(
    watch: Callable[[OrthancServer], Watcher], start_orthanc: StartOrthanc
) -> None:
    server = start_orthanc(**transcoding(Transcoder={"Python": "/bin/false"}))
    server.store(sample_path("CT_small.dcm").read_bytes())
    page = watch(server).open(DASHBOARD)
    expect(page.locator("#alerts")).to_contain_text("nothing is transcoded", timeout=20000)


def test_problems_are_seen_while_they_stand(
    watch: Callable[[OrthancServer], Watcher], start_orthanc: StartOrthanc
) -> None:
    port = free_port()
    config = {
        "OrthancPeers": {"quarantine": [f"http://127.0.0.1:{port}/"]},
        "HttpTimeout": 5,
        "Transcoder": {"QualityFailure": {"Peer": "quarantine"}},
    }
    server = start_orthanc(**transcoding(**config))
    page = watch(server).open(DASHBOARD)
    notice = page.locator("#alerts").get_by_role("alert")
    expect(notice).to_have_count(0)
    identifier = server.store(TRUNCATED)["ID"]
    expect(notice).to_contain_text(
        f"Quarantine: failed instance {identifier} was not sent to quarantine", timeout=20000
    )
    expect(notice).to_contain_text("Since ")
    failed = [row for row in rows(page, "#workers") if "not labelled, sent" in row[0].text]
    assert [row[1].values for row in failed] == [(1,)]
    start_orthanc(config={"HttpPort": port})
    server.post(f"/transcoder/instances/{identifier}/check", b"")
    expect(notice).to_have_count(0, timeout=20000)
    page.close()  # before the servers end
