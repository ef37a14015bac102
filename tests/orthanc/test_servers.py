"""The tests' own helper: what the other tests rely on."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from tests.orthanc import servers
from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.processes import alive
from tests.orthanc.rest import HttpError
from tests.orthanc.servers import OrthancServer, StartError, python_plugin
from tests.samples import sample, sample_path

HELLO = 'import orthanc\northanc.LogWarning("hello from the script")\n'


def test_stores_by_rest_and_dicom(plain_orthanc: OrthancServer) -> None:
    ct = sample("CT_small.dcm")
    identifier = plain_orthanc.store(ct.read())["ID"]
    assert plain_orthanc.file(identifier) == ct.read()
    sent = plain_orthanc.storescu(sample_path("MR_small.dcm"))
    assert sent.returncode == 0, sent.stderr
    assert len(plain_orthanc.instances()) == 2
    assert plain_orthanc.find(ct.sop_instance_uid) == [identifier]
    plain_orthanc.clear()
    assert plain_orthanc.instances() == []


def test_error_status_is_raised_with_its_body(plain_orthanc: OrthancServer) -> None:
    with pytest.raises(HttpError) as caught:
        plain_orthanc.get("/instances/none")
    assert caught.value.status == 404
    assert plain_orthanc.request("GET", "/instances/none").status == 404


def test_other_titles_are_refused(plain_orthanc: OrthancServer) -> None:
    path = sample_path("MR_small.dcm")
    assert plain_orthanc.storescu(path, options=["-aet", "STRANGER"]).returncode != 0


def test_stops_cleanly_and_starts_again_with_its_storage(tmp_path: Path) -> None:
    server = OrthancServer(tmp_path)
    with server:
        server.store(sample("CT_small.dcm").read())
        pid = server.pid
    assert server.exit_status == 0
    assert not alive(pid)
    with server.start():
        assert len(server.instances()) == 1


def test_runs_a_script(start_orthanc: StartOrthanc, tmp_path: Path) -> None:
    script = tmp_path / "hello.py"
    script.write_text(HELLO)
    server = start_orthanc(plugins=[python_plugin()], script=script)
    assert server.told("hello from the script")
    assert "python" in server.get("/plugins")
    assert server.vitals().threads > 1
    assert server.children() == []


def test_loads_the_gdcm_plugin(gdcm_orthanc: OrthancServer) -> None:
    assert "gdcm" in gdcm_orthanc.get("/plugins")


def test_failed_start_shows_the_log(tmp_path: Path) -> None:
    script = tmp_path / "broken.py"
    script.write_text("raise RuntimeError('as the test wants it')\n")
    with pytest.raises(StartError, match="as the test wants it"):
        OrthancServer(tmp_path / "a", plugins=[python_plugin()], script=script).start()


def test_taken_port_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        number = taken.getsockname()[1]
        ports = iter([number, servers.free_port(), servers.free_port(), servers.free_port()])
        monkeypatch.setattr(servers, "free_port", lambda: next(ports))
        with OrthancServer(tmp_path) as server:
            assert server.http_port != number


def test_kill_is_immediate(start_orthanc: StartOrthanc) -> None:
    server = start_orthanc()
    began = time.monotonic()
    server.kill()
    assert time.monotonic() - began < 5
    assert server.exit_status == -9
