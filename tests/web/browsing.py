"""Pages in a browser, watched: whatever goes wrong on one is kept, and fails the test.

page = visit(server, "/transcoder/app/index.html")
assert numbers(page, "#saved") == [...]
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response

from tests.orthanc.rest import RestClient

APP = "/transcoder/app/"
_SECONDS = 30

# What is in the cells of a table: the text, the exact values, the tooltips.
_CELLS = """tables => tables.flatMap(table => [...table.tBodies[0].rows]).map(row =>
    [...row.cells].map(cell => ({
    text: cell.innerText.trim(),
    values: [...cell.querySelectorAll('data')].map(one => Number(one.value)),
    titles: [...cell.querySelectorAll('[title]')].map(one => one.title),
})))"""

_LEGEND = """list => Object.fromEntries([...list.children].map(one => [
    one.childNodes[1].textContent.trim(), Number(one.querySelector('data').value)]))"""

_TILES = """list => Object.fromEntries([...list.querySelectorAll('.tile')].map(one => [
    one.querySelector('dt').textContent,
    [...one.querySelectorAll('data')].map(found => Number(found.value))]))"""


@dataclasses.dataclass(frozen=True)
class Cell:
    """A cell of a table as it is shown."""

    text: str
    values: tuple[float, ...]
    titles: tuple[str, ...]


class Watcher:
    """Opens pages of one server, each in a context of its own, and keeps what goes wrong."""

    def __init__(self, browser: Browser, server: RestClient) -> None:
        self._browser, self.server = browser, server
        self._contexts: list[BrowserContext] = []
        self.problems: list[str] = []

    def blank(self, **options: Any) -> Page:
        """An empty page."""
        context = self._browser.new_context(locale="en-GB", reduced_motion="reduce", **options)
        self._contexts.append(context)
        context.set_default_timeout(_SECONDS * 1000)
        context.on("request", self._request)
        context.on("response", self._response)
        context.on("requestfailed", self._failed)
        page = context.new_page()
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        page.on("dialog", lambda dialog: self._dialog(dialog.message, dialog.dismiss))
        return page

    def open(self, path: str, ready: str = "body.ready", **options: Any) -> Page:
        """A page of the server, once it shows ``ready``."""
        page = self.blank(**options)
        page.goto(self.server.url + path)
        page.locator(ready).first.wait_for()
        return page

    def expect(self, *parts: str) -> None:
        """Something did go wrong, as it should: each part in at least one line, and no others."""
        for part in parts:
            assert any(part in line for line in self.problems), (part, self.problems)
        others = [line for line in self.problems if not any(part in line for part in parts)]
        assert others == []
        self.problems.clear()

    def close(self) -> None:
        """Close all pages."""
        for context in self._contexts:
            context.close()

    def _console(self, message: ConsoleMessage) -> None:
        # What the browser's policy for scripts, styles and pictures forbids is among them.
        if message.type in ("error", "warning"):
            self.problems.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.server.url + "/", "data:")):
            self.problems.append(f"elsewhere: {request.url}")

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self.problems.append(f"status {response.status}: {response.url}")

    def _failed(self, request: Request) -> None:
        # A page that is left, or drawn anew, does not wait for its pictures.
        if request.failure != "net::ERR_ABORTED":
            self.problems.append(f"failed: {request.url} {request.failure}")

    def _dialog(self, message: str, dismiss: Any) -> None:
        self.problems.append(f"dialog: {message}")
        dismiss()


def address(level: str, identifier: str) -> str:
    """Where the report of a resource is shown."""
    if level == "instances":
        return f"{APP}instance.html?id={identifier}"
    return f"{APP}study.html?level={level}&id={identifier}"


def numbers(page: Page, selector: str) -> list[float]:
    """The exact values in a part of a page."""
    found: list[float] = page.locator(f"{selector} data").evaluate_all(
        "all => all.map(one => Number(one.value))"
    )
    return found


def rows(page: Page, selector: str) -> list[list[Cell]]:
    """The rows of the tables in a part of a page."""
    found = page.locator(f"{selector} table").evaluate_all(_CELLS)
    return [
        [Cell(one["text"], tuple(one["values"]), tuple(one["titles"])) for one in row]
        for row in found
    ]


def legend(page: Page, selector: str) -> dict[str, int]:
    """The names and numbers of a chart's legend, without those that are zero."""
    found = page.locator(f"{selector} .legend").first.evaluate(_LEGEND)
    return {name: count for name, count in found.items() if count}


def tiles(page: Page, selector: str) -> dict[str, list[float]]:
    """The totals at the top of a page."""
    found: dict[str, list[float]] = page.locator(f"{selector} .tiles").evaluate(_TILES)
    return found


def pressed(page: Page, *keys: str) -> str:
    """Press keys; what then has the focus, as its ID or text."""
    for key in keys:
        page.keyboard.press(key)
    focused: str = page.evaluate(
        "document.activeElement.id || document.activeElement.innerText || ''"
    )
    return focused


def tab_to(page: Page, wanted: str, most: int = 200) -> Sequence[str]:
    """Press Tab until something has the focus, by its ID or text; what was passed on the way."""
    passed: list[str] = []
    for _ in range(most):
        passed.append(pressed(page, "Tab").strip())
        if passed[-1] == wanted:
            return passed
    raise AssertionError(f"Tab does not reach {wanted!r}: {passed}")
