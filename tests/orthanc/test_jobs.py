"""Jobs of a script's own in Orthanc's jobs engine, through the C interface."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.orthanc.conftest import JPEG2000_LOSSLESS, StartOrthanc
from tests.orthanc.servers import SCRIPT, OrthancServer, python_plugin
from tests.synthesis import Image, native_file

LIMIT = 30.0
# Counts to ``goal``; a step takes ``pause`` seconds, and asks Orthanc, previews included.
USER_SCRIPT = """
import sys
sys.path.insert(0, {folder!r})
import atexit, ctypes, json, time, orthanc
from orthanc_transcoder import app, threads
from orthanc_transcoder.host import abi, seam
from orthanc_transcoder.host.sdk import ServiceError
from orthanc_transcoder.threads import Deputy

app.start(orthanc)
deputy = Deputy(2)
atexit.register(deputy.stop)
sdk, reason = seam.find_sdk(orthanc, True)
events = []

class Count:
    def __init__(self, state):
        self.state = {{"goal": 5, "pause": 0.0, "done": 0, "fails": 0, "blob": 0, **state}}

    def step(self):
        time.sleep(self.state["pause"])
        for instance in json.loads(sdk.rest_get("/instances"))[:1]:
            sdk.rest_get("/instances/" + instance + "/preview")
        sdk.rest_get("/jobs?expand")
        self.state["done"] += 1
        if self.state["fails"] == self.state["done"]:
            return "failure"
        if self.state["fails"] == -self.state["done"]:
            raise RuntimeError("this step went wrong")
        return "success" if self.state["done"] >= self.state["goal"] else "continue"

    def progress(self):
        return self.state["done"] / self.state["goal"]

    def content(self):
        return {{
            "Done": self.state["done"],
            "Text": "\\u00e4/\\\\/",
            "State": self.state,
            "Filler": "x" * self.state["blob"],
        }}

    def stop(self, reason):
        events.append(["stop", reason, self.state["done"]])

    def reset(self):
        events.append(["reset", self.state["done"]])
        self.state["done"] = self.state["fails"] = 0

def restore(content):
    return Count(content["State"]) if content["State"]["goal"] != 999 else None

submit = seam.register_jobs(sdk, "TestCount", restore, deputy)
early = ""
try:
    submit(Count({{}}))
except ServiceError as error:
    early = str(error)

def start(output, uri, **request):
    state = json.loads(request["body"])
    output.AnswerBuffer(deputy.ask(lambda: submit(Count(state))), "text/plain")

def poll(output, uri, **request):
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        orthanc.RestApiGet("/jobs?expand")
    output.AnswerBuffer("", "text/plain")

# As DICOMweb does: Orthanc 1.10 holds a lock meanwhile, which submitting takes, too.
def decode(output, uri, **request):
    content = ctypes.create_string_buffer(request["body"], len(request["body"]))

    def forever():
        while True:
            image = ctypes.c_void_p()
            sdk.invoke(6014, abi.CreateImage(
                ctypes.addressof(image),
                const_buffer=ctypes.addressof(content),
                buffer_size=len(content),
            ))
            sdk.invoke(abi.Service.FREE_IMAGE, abi.FreeImage(image))

    threads.start("decode", forever)
    output.AnswerBuffer("", "text/plain")

def show(output, uri, **request):
    output.AnswerBuffer(json.dumps({{"events": events, "early": early}}), "application/json")

orthanc.RegisterRestCallback("/user/start", start)
orthanc.RegisterRestCallback("/user/poll", poll)
orthanc.RegisterRestCallback("/user/decode", decode)
orthanc.RegisterRestCallback("/user/show", show)
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("script") / "user.py"
    path.write_text(USER_SCRIPT.format(folder=str(SCRIPT.parent)))
    return path


@pytest.fixture
def server(start_orthanc: StartOrthanc, script: Path) -> OrthancServer:
    return launch(start_orthanc, script)


def launch(starter: StartOrthanc, script: Path, **config: Any) -> OrthancServer:
    options = {"IngestTranscoding": JPEG2000_LOSSLESS, "ConcurrentJobs": 4, **config}
    return starter(plugins=[python_plugin()], script=script, config=options)


def submit(server: OrthancServer, **state: Any) -> str:
    answer = server.request("POST", "/user/start", json.dumps(state).encode(), timeout=LIMIT)
    assert answer.status == 200
    return answer.body.decode()


def job(server: OrthancServer, identifier: str) -> dict[str, Any]:
    found: dict[str, Any] = server.get(f"/jobs/{identifier}", timeout=LIMIT)
    return found


def wait_for(server: OrthancServer, identifier: str, *states: str) -> dict[str, Any]:
    end = time.monotonic() + LIMIT
    while (found := job(server, identifier))["State"] not in states:
        assert time.monotonic() < end, found
        time.sleep(0.02)
    return found


def wait_until_done(server: OrthancServer, identifier: str, count: int) -> dict[str, Any]:
    end = time.monotonic() + LIMIT
    while (found := job(server, identifier))["Content"].get("Done", 0) < count:
        assert time.monotonic() < end, found
        time.sleep(0.02)
    return found


def events(server: OrthancServer) -> list[list[Any]]:
    shown: list[list[Any]] = server.get("/user/show", timeout=LIMIT)["events"]
    return shown


def act(server: OrthancServer, identifier: str, action: str) -> None:
    server.post(f"/jobs/{identifier}/{action}", b"", timeout=LIMIT)


def test_a_job_runs_and_shows_how_far_it_is(server: OrthancServer) -> None:
    identifier = submit(server, goal=10, pause=0.1)
    begun = wait_until_done(server, identifier, 3)
    assert begun["State"] == "Running"
    assert begun["Type"] == "TestCount"
    assert begun["Progress"] == 10 * begun["Content"]["Done"]
    ended = wait_for(server, identifier, "Success", "Failure")
    assert (ended["State"], ended["Progress"]) == ("Success", 100)
    assert (ended["Content"]["Done"], ended["Content"]["Text"]) == (10, "ä/\\/")
    assert events(server) == [["stop", "success", 10]]


def test_before_orthanc_has_started_the_core_refuses(server: OrthancServer) -> None:
    assert "service 9002" in server.get("/user/show")["early"]


@pytest.mark.parametrize("fails", [3, -3], ids=["failure", "exception"])
def test_a_failure_keeps_the_content_and_can_be_resubmitted(
    server: OrthancServer, fails: int
) -> None:
    identifier = submit(server, fails=fails)
    ended = wait_for(server, identifier, "Success", "Failure")
    assert (ended["State"], ended["Content"]["Done"]) == ("Failure", 3)
    raised = fails < 0
    said = server.told("RuntimeError('this step went wrong')", expected=raised)
    assert said is raised
    act(server, identifier, "resubmit")
    assert wait_for(server, identifier, "Success")["Content"]["Done"] == 5
    assert events(server) == [["stop", "failure", 3], ["reset", 3], ["stop", "success", 5]]


def test_a_job_is_cancelled(server: OrthancServer) -> None:
    identifier = submit(server, goal=1000, pause=0.05)
    wait_until_done(server, identifier, 2)
    act(server, identifier, "cancel")
    ended = wait_for(server, identifier, "Failure")
    assert ended["ErrorDescription"] == "This job was canceled"
    ((what, why, count),) = events(server)
    assert (what, why) == ("stop", "canceled")
    assert count < 1000


def test_a_job_is_paused_and_goes_on_where_it_was(server: OrthancServer) -> None:
    identifier = submit(server, goal=30, pause=0.05)
    wait_until_done(server, identifier, 2)
    act(server, identifier, "pause")
    paused = wait_for(server, identifier, "Paused")["Content"]["Done"]
    time.sleep(0.3)
    assert job(server, identifier)["Content"]["Done"] == paused
    act(server, identifier, "resume")
    assert wait_for(server, identifier, "Success")["Content"]["Done"] == 30
    assert events(server) == [["stop", "paused", paused], ["stop", "success", 30]]


def test_jobs_survive_a_restart(start_orthanc: StartOrthanc, script: Path) -> None:
    server = launch(start_orthanc, script)
    finished, failed = submit(server), submit(server, fails=2)
    running = submit(server, goal=60, pause=0.05, blob=2_000_000)
    paused = submit(server, goal=1000, pause=0.05)
    forgotten = submit(server, goal=999, pause=0.05)
    for identifier in (running, paused, forgotten):
        wait_until_done(server, identifier, 5)
    act(server, paused, "pause")
    before = wait_for(server, paused, "Paused")["Content"]["Done"]
    wait_for(server, failed, "Failure")
    assert server.stop() == 0
    server.start()
    assert job(server, finished)["State"] == "Success"
    assert job(server, paused)["State"] == "Paused"
    assert job(server, paused)["Content"]["Done"] == before
    assert job(server, running)["Content"]["Done"] >= 5
    assert wait_for(server, running, "Success")["Content"]["Done"] == 60
    assert forgotten not in server.get("/jobs")
    act(server, failed, "resubmit")
    wait_for(server, failed, "Success")
    assert ["reset", 2] in events(server)


def test_jobs_that_ask_orthanc_do_not_block_what_is_ingested(server: OrthancServer) -> None:
    server.store(native_file(Image(rows=64, columns=64)))
    identifiers = [submit(server, goal=40) for _ in range(4)]
    with ThreadPoolExecutor(6) as clients:
        contents = [native_file(Image(rows=64, columns=64)) for _ in range(40)]
        list(clients.map(lambda content: server.store(content, timeout=LIMIT), contents))
    for identifier in identifiers:
        assert wait_for(server, identifier, "Success", "Failure")["State"] == "Success"
    assert len(server.instances()) == 41


def test_jobs_are_submitted_while_another_plugin_has_images_decoded(server: OrthancServer) -> None:
    identifier = server.store(native_file(Image(rows=256, columns=256)))["ID"]
    server.request("POST", "/user/decode", server.file(identifier))
    for _ in range(30):
        wait_for(server, submit(server, goal=1), "Success")
    server.kill()  # the decoding thread would go on after the end of Python


def test_a_script_that_holds_the_gil_and_asks_for_jobs_blocks_nothing(
    start_orthanc: StartOrthanc, script: Path
) -> None:
    """Each of these jobs is submitted, saved and deleted while such a request is under way."""
    server = launch(start_orthanc, script, JobsHistorySize=2)
    over = threading.Event()

    def poll() -> None:
        while not over.is_set():
            assert server.request("GET", "/user/poll", timeout=LIMIT).status == 200

    with ThreadPoolExecutor(2) as clients:
        polls = [clients.submit(poll) for _ in range(2)]
        try:
            identifiers = [submit(server, goal=1) for _ in range(40)]
            time.sleep(11)  # Orthanc saves its jobs every ten seconds
            identifiers += [submit(server, goal=1) for _ in range(10)]
            wait_for(server, identifiers[-1], "Success")
        finally:
            over.set()
        for each in polls:
            each.result(LIMIT)
