"""Makes the pictures of docs/screenshots: what the demo stores, looked at in Chromium.

Called by scripts/screenshots. What is seen are images that pydicom and pydicom-data carry,
with the names that they have there; they are free to publish.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pydicom
from playwright.sync_api import Browser, sync_playwright

from scripts.demo import IMAGES, LOSSY_IMAGE, send, send_lossy, transcoding_server, wait_for_checks
from tests.orthanc.servers import PROJECT, OrthancServer
from tests.samples import all_samples, sample_path

FOLDER = PROJECT / "docs" / "screenshots"
CHROMIUM = "/usr/bin/chromium"
WIDTH, HEIGHT = 1280, 900
APP = "/transcoder/app/"
PROVEN = "693_UNCR.dcm"


def main() -> int:
    """Fill a server, and take the pictures."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="orthanc-transcoder-pictures-") as folder:
        send_lossy(Path(folder))
        with transcoding_server(Path(folder)) as server, sync_playwright() as playwright:
            send(server)
            send_others(server)
            wait_for_checks(server)
            options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
            for name, path, ready in pages(server):
                take(browser, server.url + path, ready, FOLDER / f"{name}.png")
            browser.close()
    return 0


def send_others(server: OrthancServer) -> None:
    """The smaller ones of pydicom's images, sound or not, that the demo does not send."""
    sent = {name for _route, name, _what in IMAGES}
    for sample in all_samples():
        if sample.name not in sent and sample.path.stat().st_size < 1_000_000:
            server.request("POST", "/instances", sample.read())


def pages(server: OrthancServer) -> Iterator[tuple[str, str, str]]:
    """Names of pictures, addresses, and what is seen once the page is ready."""
    proven = find(server, PROVEN)
    study = server.get(f"/instances/{proven}/study")["ID"]
    yield "dashboard", APP + "index.html", "body.ready"
    yield "study", f"{APP}study.html?level=studies&id={study}", "body.ready"
    yield "instance-lossless", f"{APP}instance.html?id={proven}", "body.ready"
    yield "instance-lossy", f"{APP}instance.html?id={lossy(server)}", "body.ready"
    yield "explorer", f"/app/explorer.html#study?uuid={study}", ".transcoder-verdict:visible"


def find(server: OrthancServer, name: str) -> str:
    """Orthanc's identifier of a sample."""
    header = pydicom.dcmread(sample_path(name), stop_before_pixels=True)
    return server.find(header.SOPInstanceUID)[0]


def lossy(server: OrthancServer) -> str:
    """Orthanc's identifier of what was made lossily: it has another UID than the sample."""
    header = pydicom.dcmread(sample_path(LOSSY_IMAGE), stop_before_pixels=True)
    for identifier in server.instances():
        report = server.get(f"/transcoder/instances/{identifier}/report")
        if report["sop_instance_uid"] == header.SOPInstanceUID and report["lossy"]:
            return identifier
    sys.exit(f"{LOSSY_IMAGE} was not stored lossily")


def take(browser: Browser, address: str, ready: str, path: Path) -> None:
    """One picture of a whole page."""
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, reduced_motion="reduce")
    page.goto(address)
    page.locator(ready).first.wait_for()
    page.wait_for_load_state("networkidle")
    page.screenshot(path=path, full_page=True)
    page.close()
    print(f"{path.relative_to(PROJECT)}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    sys.exit(main())
