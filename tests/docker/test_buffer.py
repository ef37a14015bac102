"""The transcoding buffer as a user starts it: docker/compose-buffer.yaml."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pydicom
import pytest

from orthanc_transcoder import syntaxes
from tests.docker.test_image import IMAGE, PASSWORD, docker
from tests.orthanc.servers import PROJECT, free_port
from tests.samples import sample

pytestmark = pytest.mark.skipif(not IMAGE, reason="ORTHANC_TEST_IMAGE names no image")


def ask(port: int, path: str, body: bytes | None = None) -> Any:
    user = base64.b64encode(f"orthanc:{PASSWORD}".encode()).decode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", data=body, headers={"Authorization": f"Basic {user}"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        content = answer.read()
        kind = answer.headers.get("Content-Type", "")
    return json.loads(content) if kind.startswith("application/json") else content


@pytest.fixture(scope="module")
def ports() -> Iterator[tuple[int, int]]:
    buffer, destination, dicom = free_port(), free_port(), free_port()
    environment = {
        **os.environ,
        "IMAGE": IMAGE,
        "ORTHANC_PASSWORD": PASSWORD,
        "HTTP_PORT": str(buffer),
        "DICOM_PORT": str(dicom),
        "DESTINATION_PORT": str(destination),
    }
    first = docker("compose", "version", check=False).returncode == 0
    compose = [*(["docker", "compose"] if first else ["docker-compose"]),
               "--project-name", "transcoding-buffer-test",
               "--file", str(PROJECT / "docker" / "compose-buffer.yaml")]  # fmt: skip
    subprocess.run([*compose, "up", "--detach", "--no-build"], env=environment, check=True,
                   timeout=300)  # fmt: skip
    try:
        yield buffer, destination
    finally:
        subprocess.run([*compose, "down", "--volumes"], env=environment, check=True, timeout=300)


def until(condition: Any, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except (OSError, urllib.error.URLError):
            pass
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.5)


def test_what_is_sent_to_the_buffer_arrives_uncompressed(ports: tuple[int, int]) -> None:
    buffer, destination = ports
    for port in ports:
        until(lambda port=port: ask(port, "/system"))
    ask(buffer, "/instances", sample("US1_J2KR.dcm").read())
    until(lambda: len(ask(destination, "/instances")) == 1)
    (identifier,) = ask(destination, "/instances")
    content = ask(destination, f"/instances/{identifier}/file")
    dataset = pydicom.dcmread(io.BytesIO(content))
    assert dataset.file_meta.TransferSyntaxUID == syntaxes.EXPLICIT_LE
    assert dataset.SOPInstanceUID == sample("US1_J2KR.dcm").sop_instance_uid
    until(lambda: ask(buffer, "/instances") == [])
