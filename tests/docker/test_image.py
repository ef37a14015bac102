"""The image as a user starts it: docker/compose.yaml, with nothing changed but the ports.

Run by scripts/test-matrix, which has the images and a Docker engine:
ORTHANC_TEST_IMAGE names the image.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.orthanc.servers import PROJECT, free_port
from tests.samples import sample

IMAGE = os.environ.get("ORTHANC_TEST_IMAGE", "")
PASSWORD = "only for this test"  # noqa: S105
JPEG2000_LOSSLESS = "1.2.840.10008.1.2.4.90"
COMPOSE_FILE = PROJECT / "docker" / "compose.yaml"

pytestmark = pytest.mark.skipif(not IMAGE, reason="ORTHANC_TEST_IMAGE names no image")


def docker(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = ["docker", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=check, timeout=120)


@dataclass(frozen=True)
class Service:
    """The running container."""

    container: str
    http_port: int

    def ask(self, path: str, body: bytes | None = None, password: str = PASSWORD) -> Any:
        user = base64.b64encode(f"orthanc:{password}".encode()).decode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.http_port}{path}",
            data=body,
            headers={"Authorization": f"Basic {user}"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            content = answer.read()
        kind = answer.headers.get("Content-Type", "")
        return json.loads(content) if kind.startswith("application/json") else content

    def health(self) -> str:
        return self.inspect("{{.State.Health.Status}}")

    def inspect(self, template: str) -> str:
        return docker("inspect", "--format", template, self.container).stdout.strip()

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return docker("exec", self.container, *command, check=False)


@pytest.fixture(scope="session")
def docker_compose_command() -> str:
    # Debian 12 has the first generation only, as a program of its own.
    if docker("compose", "version", check=False).returncode == 0:
        return "docker compose"
    return "docker-compose"


@pytest.fixture(scope="session")
def docker_compose_file() -> str:
    return str(COMPOSE_FILE)


@pytest.fixture(scope="session")
def docker_setup() -> list[str]:
    # The image is there: what is tested is what scripts/test-matrix has built.
    return ["up --detach --no-build"]


@pytest.fixture(scope="session")
def ports(monkeypatch_session: pytest.MonkeyPatch) -> tuple[int, int]:
    http, dicom = free_port(), free_port()
    for name, value in {
        "IMAGE": IMAGE,
        "ORTHANC_PASSWORD": PASSWORD,
        "HTTP_PORT": str(http),
        "DICOM_PORT": str(dicom),
    }.items():
        monkeypatch_session.setenv(name, value)
    return http, dicom


@pytest.fixture(scope="session")
def monkeypatch_session() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="session")
def service(
    ports: tuple[int, int], docker_compose_project_name: str, request: pytest.FixtureRequest
) -> Service:
    # Only now, with the environment that the compose file asks for.
    request.getfixturevalue("docker_services")
    found = docker(
        "ps",
        "--quiet",
        "--filter",
        f"label=com.docker.compose.project={docker_compose_project_name}",
    )
    service = Service(found.stdout.strip(), ports[0])
    end = time.monotonic() + 90
    while service.health() == "starting" and time.monotonic() < end:
        time.sleep(0.5)
    return service


def test_it_is_healthy(service: Service) -> None:
    assert service.health() == "healthy", docker("logs", service.container).stderr[-3000:]


def test_the_transcoder_is_registered(service: Service) -> None:
    status = service.ask("/transcoder/status")
    assert status["native_callbacks"] == {"registered": True, "reason": ""}
    assert status["workers"]["unavailable"] == ""


def test_it_stores_as_jpeg2000(service: Service) -> None:
    identifier = service.ask("/instances", sample("CT_small.dcm").read())["ID"]
    syntax = service.ask(f"/instances/{identifier}/metadata/TransferSyntax")
    assert syntax.decode() == JPEG2000_LOSSLESS
    report = service.ask(f"/transcoder/instances/{identifier}/report")
    assert (report["outcome"], report["verified"]) == ("transcoded", True)


def test_it_asks_for_the_password(service: Service) -> None:
    for wrong in ("", "orthanc"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            service.ask("/system", password=wrong)
        caught.value.close()
        assert caught.value.code == 401


def test_it_runs_without_privileges(service: Service) -> None:
    assert service.run("id", "-u").stdout.strip() == "8042"
    assert service.inspect("{{.HostConfig.ReadonlyRootfs}}") == "true"
    assert service.run("touch", "/opt/orthanc-transcoder/x").returncode != 0
    status = service.run("cat", "/proc/1/status").stdout
    fields = dict(line.split(":\t", 1) for line in status.splitlines())
    assert int(fields["CapEff"], 16) == 0
    assert fields["NoNewPrivs"] == "1"


def test_ports_are_published_on_this_machine_only(service: Service) -> None:
    published = json.loads(service.inspect("{{json .NetworkSettings.Ports}}"))
    assert set(published) == {"4242/tcp", "8042/tcp"}
    assert {each["HostIp"] for ports in published.values() for each in ports} == {"127.0.0.1"}


def test_the_image_holds_nothing_that_it_does_not_need(service: Service) -> None:
    assert service.run("sh", "-c", "command -v gcc pip pip3 git").returncode != 0
    names = service.run("ls", "-A", "/opt/orthanc-transcoder").stdout.split()
    assert set(names) == {".venv", "LICENSE", "config", "entrypoint", "healthcheck", "plugin"}


def test_the_command_line_is_there(service: Service) -> None:
    tool = "/opt/orthanc-transcoder/.venv/bin/orthanc-transcoder"
    assert service.run(tool, "--help").returncode == 0


def test_stored_images_survive_a_new_container_start(service: Service) -> None:
    before = service.ask("/instances")
    docker("restart", service.container)
    assert instances_once_it_answers(service) == before


def instances_once_it_answers(service: Service) -> Any:
    for _ in range(120):
        with contextlib.suppress(OSError):
            return service.ask("/instances")
        time.sleep(0.5)
    pytest.fail("it does not come back")


def test_it_stops_well(service: Service) -> None:
    docker("stop", service.container)
    assert service.inspect("{{.State.ExitCode}}") == "0"
    log = docker("logs", service.container)
    assert "Traceback" not in log.stdout + log.stderr


def test_without_a_password_it_does_not_start() -> None:
    done = docker("run", "--rm", IMAGE, check=False)
    assert done.returncode == 64
    assert "ORTHANC_PASSWORD" in done.stderr
