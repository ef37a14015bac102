"""A browser, and servers as in ``tests/orthanc``. Whatever lies here is marked ``orthanc``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.orthanc.conftest import (
    JPEG2000_LOSSLESS,
    StartOrthanc,
    start_module_orthanc,
    start_orthanc,
)
from tests.orthanc.servers import SCRIPT, OrthancServer, python_plugin
from tests.web.browsing import Watcher
from tests.web.filling import store_real, store_study, until_checked

__all__ = ["start_module_orthanc", "start_orthanc"]  # fixtures

CHROMIUM = "/usr/bin/chromium"
_OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
_HERE = Path(__file__).parent

Visit = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.orthanc)


def transcoding(**config: Any) -> dict[str, Any]:
    """For a server with the plugin, that stores JPEG 2000 lossless unless told otherwise."""
    return {
        "plugins": [python_plugin()],
        "script": SCRIPT,
        "config": {"IngestTranscoding": JPEG2000_LOSSLESS, **config},
    }


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=_OPTIONS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def server(start_module_orthanc: StartOrthanc) -> OrthancServer:
    """Filled with real images, and with a study of many instances; all of it is checked."""
    filled = start_module_orthanc(**transcoding())
    store_real(filled)
    store_study(filled)
    until_checked(filled)
    return filled


@pytest.fixture
def watch(browser: Browser) -> Iterator[Callable[[OrthancServer], Watcher]]:
    """Makes watchers of servers; at the end nothing may be left that went wrong."""
    made: list[Watcher] = []

    def watcher(server: OrthancServer) -> Watcher:
        made.append(Watcher(browser, server))
        return made[-1]

    yield watcher
    for one in made:
        one.close()
    assert [line for one in made for line in one.problems] == []


@pytest.fixture
def visit(watch: Callable[[OrthancServer], Watcher], server: OrthancServer) -> Visit:
    """Opens a page of the module's server, watched."""
    return watch(server).open
