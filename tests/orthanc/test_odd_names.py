"""UIDs with control characters in them: their records lie with them, the log stays clean.

Orthanc reads a UID up to its first NUL, and without the white space in it.
"""

from __future__ import annotations

import io
import re
import struct
from pathlib import Path
from typing import Any

import pydicom
import pytest

from orthanc_transcoder.dicom.file import DicomFile
from orthanc_transcoder.dicom.identity import orthanc_identifier
from tests.orthanc.conftest import JPEG2000_LOSSLESS, StartOrthanc
from tests.orthanc.servers import SCRIPT, OrthancServer, python_plugin
from tests.synthesis import Image, native_file

# As they are in the file, and as Orthanc knows them.
UIDS: dict[str, tuple[bytes, str]] = {
    "NUL": (b"1.2.826.0.1\x003.8.498.3097.", "1.2.826.0.1"),
    "lines": (b"1.2.826.0.2\r\nE0101 forged.98", "1.2.826.0.2E0101forged.98"),
    "colours": (b"1.2.3\x1b[31mred\x1b[0m.4", "1.2.3\x1b[31mred\x1b[0m.4"),
    "spaces": (b" 1.2.3 4.5\t.77\0", "1.2.34.5.77"),
    "much padding": (b"1.2.3.4.5.99\0 \0 ", "1.2.3.4.5.99"),
    "several": (b"1.2.3\\4.5.6.78", "1.2.3\\4.5.6.78"),
    "no ASCII": (b"1.2.3\xe9\x9b2J.4.5.67", "1.2.3\xe9\x9b2J.4.5.67"),
}
SENT = {"C-STORE", "REST"}


def with_uid(value: bytes) -> bytes:
    """An image whose SOP Instance UID is ``value``, in the data set."""
    content = native_file(Image())
    at = content.index(b"\x08\x00\x18\x00UI")
    (size,) = struct.unpack_from("<H", content, at + 6)
    value += b"\0" * (len(value) % 2)
    return content[: at + 6] + struct.pack("<H", len(value)) + value + content[at + 8 + size :]


@pytest.fixture(scope="module")
def server(start_module_orthanc: StartOrthanc) -> OrthancServer:
    return start(start_module_orthanc)


@pytest.fixture(scope="module")
def without_workers(start_module_orthanc: StartOrthanc) -> OrthancServer:
    """No worker reads what is stored: it is named by a glance at its first bytes."""
    return start(start_module_orthanc, {"Python": "/nowhere/python"})


def start(starter: StartOrthanc, section: dict[str, Any] | None = None) -> OrthancServer:
    return starter(
        plugins=[python_plugin()],
        script=SCRIPT,
        options=["--verbose"],
        config={
            "IngestTranscoding": JPEG2000_LOSSLESS,
            "BuiltinDecoderTranscoderOrder": "Disabled",
            "DicomAlwaysAllowStore": True,
            "Transcoder": section or {},
        },
    )


def stored(server: OrthancServer, way: str, content: bytes, folder: Path) -> str:
    """Store a file, by one of two ways; give Orthanc's identifier of it."""
    server.clear()
    if way == "REST":
        server.store(content)
    else:
        path = folder / "odd.dcm"
        path.write_bytes(content)
        assert server.storescu(path).returncode == 0
    (identifier,) = server.instances()
    return identifier


@pytest.mark.parametrize("way", sorted(SENT))
@pytest.mark.parametrize("kind", UIDS)
def test_the_record_lies_with_what_is_stored(
    server: OrthancServer, tmp_path: Path, kind: str, way: str
) -> None:
    value, known = UIDS[kind]
    content = with_uid(value)
    instance = stored(server, way, content, tmp_path)
    report = server.get(f"/transcoder/instances/{instance}/report")
    assert (report["outcome"], report["verified"]) == ("transcoded", True)
    assert report["result_sop_instance_uid"] == known
    meta = pydicom.dcmread(io.BytesIO(server.file(instance)), stop_before_pixels=True).file_meta
    assert meta.TransferSyntaxUID == JPEG2000_LOSSLESS
    assert instance == orthanc_identifier(DicomFile.parse(memoryview(content)))


@pytest.mark.parametrize("way", sorted(SENT))
@pytest.mark.parametrize("kind", UIDS)
def test_the_record_of_a_failure_does_too(
    without_workers: OrthancServer, tmp_path: Path, kind: str, way: str
) -> None:
    value, _ = UIDS[kind]
    instance = stored(without_workers, way, with_uid(value), tmp_path)
    report = without_workers.get(f"/transcoder/instances/{instance}/report")
    assert (report["outcome"], report["code"]) == ("failed", "workers_unavailable")


def test_the_log_has_lines_and_nothing_else(server: OrthancServer, tmp_path: Path) -> None:
    for value, _ in UIDS.values():
        for way in sorted(SENT):
            stored(server, way, with_uid(value), tmp_path)
    assert server.told("1.2.3\\x1b[31mred\\x1b[0m.4: ")
    found = re.findall(rb"[^\n]*[\x00-\x09\x0b-\x1f\x7f][^\n]*", server.log_path.read_bytes())
    assert not found
    assert "\x9b" not in server.log()
    assert "\nE0101" not in server.log()
    assert "internal error" not in server.log()
