"""Python code that calls Orthanc, which transcodes, which calls us: no deadlock.

A watchdog (the request's time limit) stands behind each. What holds the GIL and
waits for another thread that transcodes cannot be helped on Python plugin 4.0
(see the README); these are the ways that Orthanc's own documentation shows.
"""

from __future__ import annotations

import io
import threading
import zipfile

import pytest

from tests.orthanc.conftest import JPEG2000_LOSSLESS, StartOrthanc
from tests.orthanc.servers import SCRIPT, OrthancServer, python_plugin
from tests.synthesis import Image, native_file

LIMIT = 60.0
# A user's own script, which loads ours and adds callbacks.
USER_SCRIPT = """
import json, sys
sys.path.insert(0, {folder!r})
import orthanc
from orthanc_transcoder import app
app.start(orthanc)

def store(output, uri, **request):
    answer = orthanc.RestApiPost("/instances", request["body"])
    identifier = json.loads(answer)["ID"]
    orthanc.RestApiGet("/instances/" + identifier + "/preview")
    orthanc.RestApiGet("/instances/" + identifier + "/tags?simplify")
    output.AnswerBuffer(answer, "application/json")

orthanc.RegisterRestCallback("/user/store", store)
"""


@pytest.fixture(scope="module")
def server(
    start_module_orthanc: StartOrthanc, tmp_path_factory: pytest.TempPathFactory
) -> OrthancServer:
    script = tmp_path_factory.mktemp("script") / "user.py"
    script.write_text(USER_SCRIPT.format(folder=str(SCRIPT.parent)))
    return start_module_orthanc(
        plugins=[python_plugin()],
        script=script,
        config={"IngestTranscoding": JPEG2000_LOSSLESS, "Python": {"AllowThreads": True}},
    )


def releases_the_gil(server: OrthancServer) -> bool:
    """Whether the Python plugin knows ``AllowThreads`` (4.3 and later).

    Before, a Python callback that stores holds the GIL, and waits for Orthanc's
    mutex around the callbacks for stored instances; another thread holds that
    mutex and waits for the GIL, with any script that has such a callback.
    """
    version = str(server.get("/plugins/python")["Version"])
    return version == "mainline" or tuple(map(int, version.split("."))) >= (4, 3)


def test_a_rest_callback_that_stores(server: OrthancServer) -> None:
    answer = server.request(
        "POST", "/user/store", native_file(Image(rows=64, columns=64)), timeout=LIMIT
    )
    assert answer.status == 200
    report = server.get(f"/transcoder/instances/{answer.json()['ID']}/report")
    assert report["outcome"] == "transcoded"


@pytest.mark.parametrize("by_script", [False, True], ids=["plain", "by script"])
def test_eight_clients_while_archives_are_made(server: OrthancServer, by_script: bool) -> None:
    if by_script and not releases_the_gil(server):
        pytest.skip("this Python plugin cannot release the GIL in calls to Orthanc")
    server.store(native_file(Image(rows=64, columns=64)))
    problems: list[BaseException] = []

    def client(number: int) -> None:
        try:
            for _ in range(10):
                content = native_file(Image(rows=48, columns=48))
                path = "/user/store" if by_script and number % 2 else "/instances"
                assert server.request("POST", path, content, timeout=LIMIT).status == 200
        except BaseException as problem:  # noqa: BLE001  told to the test's own thread
            problems.append(problem)

    def archive() -> None:
        try:
            for _ in range(5):
                body = {"Resources": server.get("/studies"), "Transcode": "1.2.840.10008.1.2.1",
                        "Synchronous": True}  # fmt: skip
                content = server.post("/tools/create-archive", body, timeout=LIMIT)
                with zipfile.ZipFile(io.BytesIO(content)) as opened:
                    assert opened.testzip() is None
        except BaseException as problem:  # noqa: BLE001
            problems.append(problem)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(8)]
    threads.append(threading.Thread(target=archive))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(4 * LIMIT)
        assert not thread.is_alive(), "deadlock"
    assert not problems
    waiting = server.get("/transcoder/status")["workers"]["waiting"]
    assert (waiting["interactive"], waiting["bulk"]) == (0, 0)


def test_large_images_at_once_stay_within_bounds(
    start_orthanc: StartOrthanc,
) -> None:
    """Orthanc holds the file, the result, and DCMTK's copies of them; we add one result."""
    server = start_orthanc(
        plugins=[python_plugin()],
        script=SCRIPT,
        config={"IngestTranscoding": "1.2.840.10008.1.2.5"},
    )
    image = Image(rows=1024, columns=1024, frames=12)  # 25 MB, of noise
    size = len(native_file(image))
    before = server.vitals().resident_bytes
    peaks = [before]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            peaks.append(server.vitals().resident_bytes)

    watcher = threading.Thread(target=watch)
    watcher.start()
    clients = 8
    contents = [native_file(image) for _ in range(clients)]
    threads = [
        threading.Thread(target=lambda content=content: server.store(content, timeout=300))
        for content in contents
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    watcher.join()
    assert len(server.instances()) == clients
    grown = (max(peaks) - before) / (size * clients)
    # Received, parsed by DCMTK, our result, its parsed form, and what is written.
    assert grown < 6, f"{grown:.1f} times the bytes in flight"
