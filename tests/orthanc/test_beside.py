"""A user's own script, which loads ours and has callbacks of its own: all are called."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.orthanc.conftest import JPEG2000_LOSSLESS
from tests.orthanc.servers import PROJECT, SCRIPT, OrthancServer, orthanc_version, python_plugin
from tests.synthesis import Image, native_file

# The README's example, and callbacks of each kind, the Python plugin's places of one each
# among them, which note that they were called.
USER_SCRIPT = """
import json

seen = {"stored": [], "received": 0, "changes": [], "filtered": 0}

def on_stored(dicom, instance):
    seen["stored"].append(instance)

def received(content, origin):
    seen["received"] += 1
    return orthanc.ReceivedInstanceAction.KEEP_AS_IS, None

def on_change(change, level, resource):
    seen["changes"].append(int(change))

def request_filter(uri, **request):
    seen["filtered"] += 1
    return not uri.startswith("/forbidden")

def answer(output, uri, **request):
    output.AnswerBuffer(json.dumps(seen), "application/json")

orthanc.RegisterOnStoredInstanceCallback(on_stored)
orthanc.RegisterReceivedInstanceCallback(received)
orthanc.RegisterIncomingHttpRequestFilter(request_filter)
orthanc.RegisterRestCallback("/user/seen", answer)
"""
ON_CHANGE = "orthanc.RegisterOnChangeCallback(on_change)\n"
STOPS_BADLY = (1, 13, 0)  # with Python plugin 7.1


def example() -> str:
    """The README's, with this checkout's folder."""
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    _, _, rest = text.partition("<!-- beside -->\n```python\n")
    code, end, _ = rest.partition("```")
    assert end
    assert "/opt/orthanc-transcoder/plugin" in code
    return code.replace("/opt/orthanc-transcoder/plugin", str(SCRIPT.parent))


def start(folder: Path, own: str) -> OrthancServer:
    folder.mkdir(exist_ok=True)
    script = folder / "user.py"
    script.write_text(example() + own, encoding="utf-8")
    return OrthancServer(
        folder / "server",
        plugins=[python_plugin()],
        script=script,
        config={"IngestTranscoding": JPEG2000_LOSSLESS, "Transcoder": {"Workers": 1}},
    )


@pytest.fixture(params=[False, True], ids=["", "OnChange"])
def with_changes(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def server(tmp_path: Path, with_changes: bool) -> Iterator[OrthancServer]:
    with start(tmp_path, USER_SCRIPT + ON_CHANGE * with_changes) as server:
        yield server
        status = server.stop()
    # Python plugin 7.1 aborts in its end once a function for changes was registered and
    # an instance stored, with this transcoder or without it.
    if not (with_changes and orthanc_version() >= STOPS_BADLY):
        assert status == 0, server.log()[-2000:]


def seen_after(server: OrthancServer, condition: Any) -> dict[str, Any]:
    """What the user's callbacks were told; changes come some time after the fact."""
    end = time.monotonic() + 20
    while True:
        seen: dict[str, Any] = server.get("/user/seen")
        if condition(seen) or time.monotonic() > end:
            return seen
        time.sleep(0.1)


def test_everybody_is_called(server: OrthancServer, tmp_path: Path, with_changes: bool) -> None:
    content = native_file(Image(rows=64, columns=64))
    identifier = server.store(content)["ID"]
    path = tmp_path / "sent.dcm"
    path.write_bytes(native_file(Image(rows=64, columns=64)))
    assert server.storescu(path).returncode == 0
    stored = server.instances()
    seen = seen_after(server, lambda seen: bool(seen["changes"]) or not with_changes)
    assert sorted(seen["stored"]) == sorted(stored)
    assert seen["received"] == 2
    assert seen["filtered"] > 2
    assert bool(seen["changes"]) is with_changes
    for each in stored:
        report = server.get(f"/transcoder/instances/{each}/report")
        assert (report["outcome"], report["target_syntax"]) == ("transcoded", JPEG2000_LOSSLESS)
    assert server.request("GET", "/forbidden").status == 403
    assert server.request("GET", f"/instances/{identifier}/preview").status == 200
    assert server.get("/transcoder/status")["counters"]["transcoded"] == 2


def test_a_user_who_changes_what_is_received(tmp_path: Path) -> None:
    """What the user's script makes of it is what is transcoded."""
    own = """
import io

def received(content, origin):
    if b"REPLACE" in content:
        return orthanc.ReceivedInstanceAction.MODIFY, content.replace(b"REPLACE", b"CHANGED")
    if b"DISCARD" in content:
        return orthanc.ReceivedInstanceAction.DISCARD, None
    return orthanc.ReceivedInstanceAction.KEEP_AS_IS, None

orthanc.RegisterReceivedInstanceCallback(received)
"""
    with start(tmp_path, own) as server:
        image = Image(rows=64, columns=64)
        changed = server.store(native_file(image, attributes={"PatientName": "REPLACE^"}))["ID"]
        server.request(
            "POST", "/instances", native_file(image, attributes={"PatientID": "DISCARD"})
        )
        assert server.instances() == [changed]
        assert server.get(f"/instances/{changed}/simplified-tags")["PatientName"] == "CHANGED^"
        report = server.get(f"/transcoder/instances/{changed}/report")
        assert report["outcome"] == "transcoded"
        assert server.stop() == 0
