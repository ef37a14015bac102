"""The real ``orthanc`` module has every name that the package and the fake host use."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.host import fake_orthanc
from tests.orthanc.conftest import JPEG2000_LOSSLESS, StartOrthanc
from tests.orthanc.servers import READY_LINE, SCRIPT, python_plugin
from tests.synthesis import Image, native_file

DUMP = """
import json, orthanc
names = {"module": dir(orthanc), "actions": dir(orthanc.ReceivedInstanceAction)}
def stored(instance, identifier):
    names["instance"] = dir(instance)
def answer(output, uri, **request):
    names["output"] = dir(output)
    names["request"] = sorted(request)
    output.AnswerBuffer(json.dumps(names), "application/json")
orthanc.RegisterOnStoredInstanceCallback(stored)
orthanc.RegisterRestCallback("/names", answer)
"""


def public(kind: type) -> set[str]:
    return {name for name in vars(kind) if name[:1].isupper()}


def test_the_fake_host_invents_nothing(start_orthanc: StartOrthanc, tmp_path: Path) -> None:
    script = tmp_path / "dump.py"
    script.write_text(DUMP)
    server = start_orthanc(plugins=[python_plugin()], script=script)
    server.store(native_file(Image(rows=4, columns=4)))
    names = json.loads(json.dumps(server.get("/names")))
    assert public(fake_orthanc.FakeOrthanc) <= set(names["module"])
    assert public(fake_orthanc.Output) <= set(names["output"])
    assert public(fake_orthanc.Instance) <= set(names["instance"])
    actions = {action.name for action in fake_orthanc.ReceivedInstanceAction}
    assert actions <= set(names["actions"])
    assert {"method", "groups", "get", "headers"} <= set(names["request"])


def test_a_python_plugin_that_is_not_recognised_means_the_fallback(
    start_orthanc: StartOrthanc, tmp_path: Path
) -> None:
    renamed = tmp_path / "libRenamed.so"
    shutil.copy(python_plugin(), renamed)
    server = start_orthanc(
        plugins=[renamed], script=SCRIPT, config={"IngestTranscoding": JPEG2000_LOSSLESS}
    )
    assert READY_LINE not in server.log()
    callbacks = server.get("/transcoder/status")["native_callbacks"]
    assert callbacks["registered"] is False
    assert "0 libraries" in callbacks["reason"]
    assert server.told(callbacks["reason"])
    identifier = server.store(native_file(Image(rows=9, columns=9)))["ID"]
    report = server.get(f"/transcoder/instances/{identifier}/report")
    assert (report["outcome"], report["target_syntax"]) == ("transcoded", JPEG2000_LOSSLESS)
