"""Being told of stored instances beside a user's own script, which has the official place."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.servers import SCRIPT, OrthancServer, python_plugin
from tests.synthesis import Image, native_file

EXPLICIT = "1.2.840.10008.1.2.1"
# Records go deeper than the stack of an HTTP thread would allow, and ask Orthanc.
USER_SCRIPT = """
import sys
sys.path.insert(0, {folder!r})
import atexit, json, orthanc
from orthanc_transcoder import app
from orthanc_transcoder.host import seam
from orthanc_transcoder.threads import Deputy

app._log_into(orthanc)
deputy = Deputy(2)
atexit.register(deputy.stop)
sdk, reason = seam.find_sdk(orthanc, True)
rest = seam.NativeRest(sdk)
seen = {{"native": [], "user": []}}

def depth(level):
    return level if level == 500 else depth(level + 1)

class Records:
    def take(self, thread, syntax, target):
        return None

    def write_unasked(self, instance, syntax, size):
        depth(0)
        rest.rest_get("/instances/" + instance)
        seen["native"].append([instance, syntax, size])
        if size == {bad}:
            raise RuntimeError("not this one")

def user(dicom, instance):
    seen["user"].append([instance, dicom.GetInstanceTransferSyntaxUid(), dicom.GetInstanceSize()])

def answer(output, uri, **request):
    output.AnswerBuffer(json.dumps(seen), "application/json")

rule = seam.IngestRule({{"IngestTranscoding": "1.2.840.10008.1.2.4.90"}})
seam.register_on_stored(orthanc, Records(), rule, deputy, sdk=sdk)
orthanc.RegisterOnStoredInstanceCallback(user)
orthanc.RegisterRestCallback("/user/seen", answer)
"""
BAD = native_file(Image(rows=30, columns=31))


@pytest.fixture
def server(start_orthanc: StartOrthanc, tmp_path: Path) -> OrthancServer:
    script = tmp_path / "user.py"
    script.write_text(USER_SCRIPT.format(folder=str(SCRIPT.parent), bad=len(BAD)))
    return start_orthanc(plugins=[python_plugin()], script=script)


def test_both_are_told_the_same(server: OrthancServer, tmp_path: Path) -> None:
    contents = [native_file(Image(rows=8 + number, columns=8)) for number in range(20)]
    with ThreadPoolExecutor(4) as clients:
        stored = [answer["ID"] for answer in clients.map(server.store, contents)]
    path = tmp_path / "one.dcm"
    path.write_bytes(native_file(Image(rows=64, columns=64)))
    assert server.storescu(path).returncode == 0
    seen = server.get("/user/seen")
    assert sorted(seen["native"]) == sorted(seen["user"])
    assert len(seen["native"]) == 21
    sizes = dict(zip(stored, map(len, contents), strict=True))
    of_clients = [one for one in seen["native"] if one[0] in sizes]
    assert all(one == [one[0], EXPLICIT, sizes[one[0]]] for one in of_clients)


def test_an_error_of_ours_keeps_nobody_else_from_being_told(server: OrthancServer) -> None:
    identifier = server.store(BAD)["ID"]
    seen = server.get("/user/seen")
    assert [one[0] for one in seen["user"]] == [identifier]
    assert server.told("internal error in the reports: RuntimeError('not this one')")
    assert server.file(identifier) == BAD
