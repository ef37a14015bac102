"""What all pages have in common: nothing goes wrong, and everyone can read and use them."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.orthanc.servers import OrthancServer
from tests.web.browsing import APP, address, pressed
from tests.web.conftest import Visit

PAGES = ("dashboard", "study", "patient", "pass", "warn", "fail", "checks")

# The contrast of each piece of text with the ground that it stands on (WCAG 2.2, 1.4.3).
_CONTRAST = """() => {
    const parse = text => text.match(/[\\d.]+/g).map(Number);
    const part = one => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4;
    const light = ([r, g, b]) =>
        0.2126 * part(r / 255) + 0.7152 * part(g / 255) + 0.0722 * part(b / 255);
    const ground = element => {
        for (let one = element; one; one = one.parentElement) {
            const colour = parse(getComputedStyle(one).backgroundColor);
            if (colour.length === 3 || colour[3] === 1) { return colour; }
        }
        return [255, 255, 255];
    };
    const found = [];
    let seen = 0;
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        const text = walker.currentNode.textContent.trim();
        if (!text || !element.checkVisibility() || element.closest('noscript, title')) { continue; }
        const style = getComputedStyle(element);
        const ink = parse(element instanceof SVGElement ? style.fill : style.color);
        const [high, low] = [light(ink), light(ground(element))].sort((a, b) => b - a);
        const large = parseFloat(style.fontSize) >= 24 ||
            (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
        const contrast = (high + 0.05) / (low + 0.05);
        seen += 1;
        if (contrast < (large ? 3 : 4.5)) { found.push([text.slice(0, 40), contrast]); }
    }
    return [found, seen];
}"""

# What a screen reader stumbles over.
_STUMBLES = """() => {
    const found = [];
    const complain = (what, element) => found.push(what + ': ' + element.outerHTML.slice(0, 120));
    const name = one => one.getAttribute('aria-label') || one.innerText.trim() ||
        document.getElementById(one.getAttribute('aria-labelledby'))?.innerText;
    const all = selector => [...document.querySelectorAll(selector)];
    all('a, button, summary, [role=img], [role=region]').forEach(one =>
        name(one) || complain('no name', one));
    all('a').forEach(one => one.getAttribute('href') || complain('leads nowhere', one));
    all('img').forEach(one => one.hasAttribute('alt') || complain('no alternative', one));
    all('input').forEach(one => one.labels.length || complain('no label', one));
    all('table').forEach(one => one.caption?.textContent || complain('no caption', one));
    all('thead th').forEach(one => one.scope === 'col' && one.textContent.trim() ||
        complain('no heading', one));
    all('tbody tr').forEach(one => one.querySelector('th[scope=row], td[colspan]') ||
        complain('no row heading', one));
    all('section').forEach(one => one.querySelector('h2, h3') || one.getAttribute('aria-label') ||
        complain('no heading', one));
    const ids = all('[id]').map(one => one.id);
    all('[id]').forEach((one, at) => ids.indexOf(one.id) === at || complain('ID twice', one));
    all('[aria-labelledby]').forEach(one => ids.includes(one.getAttribute('aria-labelledby')) ||
        complain('no such label', one));
    let level = 0;
    all('h1, h2, h3').forEach(one => {
        const now = Number(one.tagName[1]);
        if (now > level + 1) { complain('a level is missing', one); }
        level = now;
    });
    if (all('h1').length !== 1 || all('main').length !== 1) { found.push('h1 or main'); }
    if (!document.documentElement.lang || !document.title) { found.push('lang or title'); }
    return found;
}"""

# What is wider than the window, and does not scroll by itself.
_OVERFLOW = """() => [...document.querySelectorAll('main *')].filter(one =>
    one.getBoundingClientRect().right > document.documentElement.clientWidth + 1 &&
    !one.closest('.scroll, .unseen, pre')).map(one => one.outerHTML.slice(0, 120))"""


@pytest.fixture(scope="module")
def paths(server: OrthancServer) -> dict[str, tuple[str, str]]:
    """Each page's address, and what it shows when it is ready."""
    query = {"Level": "Study", "Query": {"PatientID": "0815"}}
    (study,) = server.post("/tools/find", query)
    patient = server.get(f"/studies/{study}")["ParentPatient"]
    found = {
        "dashboard": (APP, "body.ready"),
        "study": (address("studies", study), "body.ready"),
        "patient": (address("patients", patient), "body.ready"),
        "checks": (APP + "checks.html", "#checks tbody tr"),
    }
    for identifier in server.instances():
        report = server.get(f"/transcoder/instances/{identifier}/report")
        page = (address("instances", identifier), "body.ready")
        found.setdefault(report["verdict"].lower(), page)
    return found


def everything_open(page: Page) -> Page:
    """With all that can be unfolded, and all pictures that come when they are looked at."""
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    page.evaluate("document.querySelectorAll('img').forEach(one => { one.loading = 'eager'; })")
    page.wait_for_load_state("networkidle")
    return page


@pytest.mark.parametrize("name", PAGES)
def test_nothing_goes_wrong(visit: Visit, paths: Any, name: str) -> None:
    page = everything_open(visit(*paths[name]))
    broken = "all => all.filter(one => !one.naturalWidth).map(one => one.src)"
    assert page.locator("img").evaluate_all(broken) == []
    assert "undefined" not in page.locator("body").inner_text()
    assert "NaN" not in page.locator("body").inner_text()


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("name", PAGES)
def test_contrast(visit: Visit, paths: Any, name: str, scheme: str) -> None:
    page = everything_open(visit(*paths[name], color_scheme=scheme))
    poor, seen = page.evaluate(_CONTRAST)
    assert poor == []
    assert seen > 30
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"dark": "rgb(14, 18, 22)", "light": "rgb(243, 245, 247)"}[scheme]


@pytest.mark.parametrize("name", PAGES)
def test_a_screen_reader_finds_its_way(visit: Visit, paths: Any, name: str) -> None:
    assert everything_open(visit(*paths[name])).evaluate(_STUMBLES) == []


@pytest.mark.parametrize("width", [320, 400, 1000, 1600])
@pytest.mark.parametrize("name", PAGES)
def test_nothing_juts_out(visit: Visit, paths: Any, name: str, width: int) -> None:
    page = visit(*paths[name], viewport={"width": width, "height": 800})
    assert everything_open(page).evaluate(_OVERFLOW) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", PAGES)
def test_the_keyboard_goes_straight_to_the_content(visit: Visit, paths: Any, name: str) -> None:
    page = visit(*paths[name])
    assert pressed(page, "Tab") == "To the content"
    expect(page.get_by_role("link", name="To the content")).to_be_in_viewport()
    assert pressed(page, "Enter") == "main"
    inside = "document.querySelector('main').contains(document.activeElement)"
    if name != "checks":  # where there is nothing but text
        pressed(page, "Tab")
        assert page.evaluate(inside)


def test_what_has_the_focus_is_seen(visit: Visit, paths: Any) -> None:
    page = visit(*paths["study"])
    for _ in range(12):
        pressed(page, "Tab")
        style = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert style == "solid"


def test_the_reader_chooses_the_colours(visit: Visit, paths: Any) -> None:
    page = visit(*paths["dashboard"], color_scheme="light")
    scheme = "getComputedStyle(document.documentElement).colorScheme"
    assert page.evaluate(scheme) == "light"
    page.get_by_role("button", name="Use dark colours").click()
    assert page.evaluate(scheme) == "dark"
    page.get_by_role("link", name="Checks", exact=True).click()
    page.wait_for_url("**/checks.html")
    assert page.evaluate(scheme) == "dark"
    page.get_by_role("button", name="Use light colours").click()
    assert page.evaluate(scheme) == "light"


def test_charts_say_what_they_show(visit: Visit, paths: Any) -> None:
    page = visit(*paths["dashboard"])
    charts = page.get_by_role("img").filter(has_not=page.locator("img"))
    names = charts.evaluate_all("all => all.map(one => one.getAttribute('aria-label'))")
    assert any(name and "by day" in name for name in names)
    assert any(name and "by verdict" in name for name in names)
