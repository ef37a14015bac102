"""Who may ask: pages of other sites, users whom a filter of requests restricts."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tests.orthanc.conftest import JPEG2000_LOSSLESS, StartOrthanc
from tests.orthanc.rest import Answer
from tests.orthanc.servers import PROJECT, SCRIPT, OrthancServer, python_plugin
from tests.synthesis import Image, native_file

FILTER = PROJECT / "orthanc-config" / "filter.lua"
USERS = {"admin": "a", "reader": "b", "stranger": "c"}


@pytest.fixture(scope="module")
def stored(transcoding_orthanc: OrthancServer) -> str:
    return str(transcoding_orthanc.store(native_file(Image()))["ID"])


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "https://pacs.example"}, 403),
        ({"Origin": "https://pacs.example", "Host": "pacs.example"}, 200),
        ({"Origin": "https://pacs.example", "X-Forwarded-Host": "pacs.example"}, 200),
    ],
)
def test_checks_are_started_by_no_page_of_another_site(
    transcoding_orthanc: OrthancServer, stored: str, headers: dict[str, str], status: int
) -> None:
    uri = f"/transcoder/instances/{stored}/check"
    assert transcoding_orthanc.request("POST", uri, b"", headers).status == status


def test_checks_are_started_by_the_pages_of_this_server(
    transcoding_orthanc: OrthancServer, stored: str
) -> None:
    uri = f"/transcoder/instances/{stored}/check"
    url = transcoding_orthanc.url
    for origin in (url, url.replace("http:", "https:")):
        assert transcoding_orthanc.request("POST", uri, b"", {"Origin": origin}).status == 200
    other = {"Origin": "http://127.0.0.1:1"}
    assert transcoding_orthanc.request("POST", uri, b"", other).status == 403


def test_no_browser_takes_an_answer_for_something_else(
    transcoding_orthanc: OrthancServer, stored: str
) -> None:
    report = f"/transcoder/instances/{stored}/report"
    ways = ("/transcoder/status", "/transcoder/report", report, "/transcoder/app/")
    wrong = ("/transcoder/instances/0/report", "/transcoder/app/none")
    for uri in (*ways, *wrong, f"{report}?format=csv", "/transcoder/report?format=csv"):
        answer = transcoding_orthanc.request("GET", uri)
        assert answer.headers.get_all("X-Content-Type-Options") == ["nosniff"], uri


@pytest.fixture(scope="module")
def filtered(
    start_module_orthanc: StartOrthanc, tmp_path_factory: pytest.TempPathFactory
) -> tuple[OrthancServer, str, str]:
    """A server, an instance that the reader may read, and one that it may not."""
    contents = [native_file(Image()) for _ in range(2)]
    plain = start_module_orthanc()
    allowed, forbidden = (str(plain.store(content)["ID"]) for content in contents)
    server = start_module_orthanc(
        plugins=[python_plugin()],
        script=SCRIPT,
        config={
            "IngestTranscoding": JPEG2000_LOSSLESS,
            "AuthenticationEnabled": True,
            "RegisteredUsers": USERS,
            "LuaScripts": [str(adapted(tmp_path_factory.mktemp("lua"), allowed))],
        },
    )
    for content in contents:
        assert ask(server, "admin", "POST", "/instances", content).status == 200
    return server, allowed, forbidden


def adapted(folder: Path, instance: str) -> Path:
    """The example, in which the reader has an instance."""
    text = FILTER.read_text(encoding="utf-8")
    assert "-- '/studies/0123" in text
    path = folder / "filter.lua"
    path.write_text(text.replace("-- '/studies/0123", f"'/instances/{instance}', --"))
    return path


def ask(
    server: OrthancServer, user: str, method: str, uri: str, body: bytes | None = None
) -> Answer:
    secret = base64.b64encode(f"{user}:{USERS[user]}".encode()).decode()
    return server.request(method, uri, body, {"Authorization": f"Basic {secret}"})


def test_the_example_filter_forbids_the_report_with_the_instance(
    filtered: tuple[OrthancServer, str, str],
) -> None:
    server, allowed, forbidden = filtered
    for prefix in ("/instances", "/transcoder/instances"):
        suffix = "/report" if "transcoder" in prefix else "/tags"
        assert ask(server, "reader", "GET", f"{prefix}/{allowed}{suffix}").status == 200
        assert ask(server, "reader", "GET", f"{prefix}/{forbidden}{suffix}").status == 403
        assert ask(server, "stranger", "GET", f"{prefix}/{allowed}{suffix}").status == 403
        assert ask(server, "admin", "GET", f"{prefix}/{forbidden}{suffix}").status == 200


def test_the_example_filter_has_no_way_around(filtered: tuple[OrthancServer, str, str]) -> None:
    server, allowed, forbidden = filtered
    report = f"instances/{forbidden}/report"
    for uri in (
        f"/transcoder/{report}?format=csv",
        f"/transcoder//{report}",
        f"//transcoder/{report}",
        f"/transcoder/instances/{allowed}/../{forbidden}/report",
        f"/transcoder/app/../{report}",
        f"/transcoder/app/%2e%2e/{report}",
        f"/transcoder/status/../{report}",
        f"/transcoder/%69nstances/{forbidden}/report",
        "/transcoder/report",
        "/transcoder/series/" + allowed + "/report",
    ):
        assert ask(server, "reader", "GET", uri).status in (400, 403, 404), uri
    for instance in (allowed, forbidden):
        uri = f"/transcoder/instances/{instance}/check"
        assert ask(server, "reader", "POST", uri, b"").status == 403
    for uri in ("/transcoder/status", "/transcoder/app/", "/transcoder/app/app.css"):
        assert ask(server, "reader", "GET", uri).status == 200
        assert ask(server, "stranger", "GET", uri).status == 403
