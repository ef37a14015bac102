"""Every way out of Orthanc that transcodes, against real peers and tools."""

from __future__ import annotations

import io
import socket
import subprocess
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from orthanc_transcoder import syntaxes
from orthanc_transcoder.codec import uids
from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.servers import (
    SCRIPT,
    OrthancServer,
    free_port,
    orthanc_version,
    python_plugin,
)
from tests.samples import sample, sample_path
from tests.synthesis import stored_samples

IMAGES = ("CT_small.dcm", "US1_UNCR.dcm", "emri_small.dcm")
OTHERS = ("test-SR.dcm", "liver_1frame.dcm")
EXPLICIT = syntaxes.EXPLICIT_LE


@pytest.fixture(scope="module")
def remote(start_module_orthanc: StartOrthanc) -> OrthancServer:
    """A second Orthanc, which takes anything."""
    return start_module_orthanc(
        config={"Name": "Remote", "DicomAet": "REMOTE", "DicomAlwaysAllowStore": True}
    )


@pytest.fixture(scope="module")
def server(start_module_orthanc: StartOrthanc, remote: OrthancServer) -> OrthancServer:
    """Holds real images as JPEG 2000, and what cannot be compressed."""
    modalities = {title: [title, "127.0.0.1", 2000] for title in ("STORESCU", "GETSCU", "MOVESCU")}
    allowed = {title: {"AET": title, "Host": "127.0.0.1", "Port": 2000, "AllowGet": True,
                       "AllowMove": True, "AllowFind": True, "AllowStore": True}
               for title in modalities}  # fmt: skip
    server = start_module_orthanc(
        plugins=[python_plugin()],
        script=SCRIPT,
        config={
            "IngestTranscoding": uids.JPEG2000Lossless,
            "DicomAlwaysAllowGet": True,
            "DicomAlwaysAllowMove": True,
            "DicomAlwaysAllowFind": True,
            "DicomModalities": {
                **allowed,
                "remote": {"AET": "REMOTE", "Host": "127.0.0.1", "Port": remote.dicom_port},
                "forbidden": {"AET": "REMOTE", "Host": "127.0.0.1", "Port": remote.dicom_port,
                              "AllowTranscoding": False},
            },
            "OrthancPeers": {"remote": [remote.url + "/"]},
        },
    )  # fmt: skip
    for name in (*IMAGES, *OTHERS):
        server.store(sample_path(name).read_bytes())
    return server


@pytest.fixture(autouse=True)
def empty(remote: OrthancServer) -> None:
    remote.clear()


def uid_of(name: str) -> str:
    return str(pydicom.dcmread(sample_path(name), stop_before_pixels=True).SOPInstanceUID)


def instance_of(server: OrthancServer, name: str) -> str:
    (identifier,) = server.find(uid_of(name))
    return identifier


def study_of(server: OrthancServer, name: str) -> str:
    return str(server.get(f"/instances/{instance_of(server, name)}/study")["ID"])


def read(content: bytes) -> pydicom.Dataset:
    return pydicom.dcmread(io.BytesIO(content))


def assert_same_image(content: bytes, name: str, syntax: str = EXPLICIT) -> None:
    assert read(content).file_meta.TransferSyntaxUID == syntax, name
    assert np.array_equal(stored_samples(content), stored_samples(sample(name).read())), name


@contextmanager
def storescp(folder: Path, *options: str) -> Iterator[int]:
    """DCMTK's server, which writes what it gets into a folder."""
    port = free_port()
    process = subprocess.Popen(
        ["storescp", *options, "-od", str(folder), "--filename-extension", ".dcm", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 10
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def received(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.glob("*.dcm"))]


@pytest.mark.parametrize("name", IMAGES)
def test_store_to_a_modality_that_takes_uncompressed_only(
    server: OrthancServer, tmp_path: Path, name: str
) -> None:
    with storescp(tmp_path) as port:
        body = {"AET": "STORESCP", "Host": "127.0.0.1", "Port": port}
        server.put("/modalities/temporary", body)
        server.post("/modalities/temporary/store", instance_of(server, name).encode())
        server.delete("/modalities/temporary")
    (content,) = received(tmp_path)
    assert_same_image(content, name)


def test_a_modality_that_takes_jpeg2000_gets_it_untouched(
    server: OrthancServer, tmp_path: Path
) -> None:
    with storescp(tmp_path, "+xa") as port:
        body = {"AET": "STORESCP", "Host": "127.0.0.1", "Port": port}
        server.put("/modalities/temporary", body)
        identifier = instance_of(server, "CT_small.dcm")
        server.post("/modalities/temporary/store", identifier.encode())
        server.delete("/modalities/temporary")
    (content,) = received(tmp_path)
    assert read(content).file_meta.TransferSyntaxUID == uids.JPEG2000Lossless
    assert read(content).PixelData == read(server.file(identifier)).PixelData


def test_store_of_everything_loses_nothing(server: OrthancServer, tmp_path: Path) -> None:
    with storescp(tmp_path) as port:
        body = {"AET": "STORESCP", "Host": "127.0.0.1", "Port": port}
        server.put("/modalities/temporary", body)
        result = server.post(
            "/modalities/temporary/store", {"Resources": server.instances(), "Synchronous": True}
        )
        server.delete("/modalities/temporary")
    assert result["FailedInstancesCount"] == 0
    assert len(received(tmp_path)) == len(IMAGES) + len(OTHERS)


def test_a_modality_with_transcoding_forbidden_gets_no_other_file(
    server: OrthancServer, tmp_path: Path
) -> None:
    with storescp(tmp_path) as port:
        server.put(
            "/modalities/temporary",
            {"AET": "STORESCP", "Host": "127.0.0.1", "Port": port, "AllowTranscoding": False},
        )
        identifier = instance_of(server, "CT_small.dcm").encode()
        answer = server.request("POST", "/modalities/temporary/store", identifier)
        server.delete("/modalities/temporary")
    assert answer.status >= 400
    assert received(tmp_path) == []


def test_move_to_a_second_orthanc(server: OrthancServer, remote: OrthancServer) -> None:
    for name in IMAGES:
        study = pydicom.dcmread(sample_path(name), stop_before_pixels=True).StudyInstanceUID
        run = subprocess.run(
            ["movescu", "-S", "-aet", "MOVESCU", "-aem", "REMOTE", "-k",
             "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study}", "127.0.0.1",
             str(server.dicom_port)],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert run.returncode == 0, run.stderr
        (identifier,) = remote.find(uid_of(name))
        assert len(remote.file(identifier)) > 0


@pytest.mark.parametrize("name", IMAGES)
def test_get_uncompressed(server: OrthancServer, tmp_path: Path, name: str) -> None:
    dataset = pydicom.dcmread(sample_path(name), stop_before_pixels=True)
    run = subprocess.run(
        ["getscu", "-S", "-aet", "GETSCU", "-od", str(tmp_path), "-k", "QueryRetrieveLevel=STUDY",
         "-k", f"StudyInstanceUID={dataset.StudyInstanceUID}", "127.0.0.1",
         str(server.dicom_port)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    found = {str(read(path.read_bytes()).SOPInstanceUID): path for path in tmp_path.iterdir()}
    assert_same_image(found[dataset.SOPInstanceUID].read_bytes(), name)


@pytest.mark.parametrize("transcode", [EXPLICIT, uids.JPEGLSLossless, uids.RLELossless])
def test_send_to_a_peer(server: OrthancServer, remote: OrthancServer, transcode: str) -> None:
    resources = [instance_of(server, name) for name in (*IMAGES, *OTHERS)]
    result = server.post(
        "/peers/remote/store",
        {"Resources": resources, "Transcode": transcode, "Synchronous": True},
    )
    assert result["FailedInstancesCount"] == 0
    for name in IMAGES:
        (identifier,) = remote.find(uid_of(name))
        content = remote.file(identifier)
        assert read(content).file_meta.TransferSyntaxUID == transcode
        if transcode == EXPLICIT:
            assert_same_image(content, name)
    for name in OTHERS:
        assert remote.find(uid_of(name))


def archives(server: OrthancServer, transcode: str) -> Iterator[tuple[str, bytes]]:
    """Each way to make an archive or a medium of everything."""
    studies = server.get("/studies")
    body = {"Resources": studies, "Transcode": transcode, "Synchronous": True}
    for route in ("archive", "media"):
        yield f"create-{route}", server.post(f"/tools/create-{route}", body)
        job = server.post(f"/tools/create-{route}", {**body, "Synchronous": False})["ID"]
        wait_for(server, job)
        yield f"create-{route} job", server.get(f"/jobs/{job}/archive")


def wait_for(server: OrthancServer, job: str) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        state = server.get(f"/jobs/{job}")["State"]
        if state in ("Success", "Failure"):
            assert state == "Success"
            return
        time.sleep(0.1)
    raise AssertionError("the job does not end")


@pytest.mark.parametrize("transcode", [EXPLICIT, uids.JPEG2000Lossless, uids.JPEGLSLossless])
def test_archives_and_media_hold_every_instance(server: OrthancServer, transcode: str) -> None:
    """But for single bits, which nobody compresses: Orthanc 1.13 leaves those out."""
    dropped = transcode != EXPLICIT and orthanc_version() >= (1, 13)
    there = [*IMAGES, *(name for name in OTHERS if name != "liver_1frame.dcm" or not dropped)]
    for route, content in archives(server, transcode):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = [archive.read(name) for name in archive.namelist() if "DICOMDIR" not in name]
        found = {str(read(file).SOPInstanceUID): file for file in files}
        assert set(found) == {uid_of(name) for name in there}, route
        if transcode != uids.JPEG2000Lossless:  # which may be an ingest, as long as it is new
            missing = f"{uid_of('liver_1frame.dcm')}: there is no {transcode}"
            assert server.told(missing, expected=dropped) is dropped
        for name in IMAGES:
            syntax = read(found[uid_of(name)]).file_meta.TransferSyntaxUID
            assert syntax == transcode, (route, name)
            if transcode == EXPLICIT:
                assert_same_image(found[uid_of(name)], name)


@pytest.mark.parametrize("route", ["archive", "media"])
def test_the_archive_of_a_study(server: OrthancServer, route: str) -> None:
    study = study_of(server, "CT_small.dcm")
    content = server.get(f"/studies/{study}/{route}?transcode={EXPLICIT}")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (name,) = [name for name in archive.namelist() if "DICOMDIR" not in name]
        assert_same_image(archive.read(name), "CT_small.dcm")


@pytest.mark.parametrize("transcode", [EXPLICIT, uids.RLELossless])
def test_modify_an_instance(server: OrthancServer, transcode: str) -> None:
    for name in IMAGES:
        body = {"Replace": {"PatientID": "NEW"}, "Transcode": transcode, "Force": True}
        content = server.post(f"/instances/{instance_of(server, name)}/modify", body)
        assert read(content).file_meta.TransferSyntaxUID == transcode
        assert read(content).PatientID == "NEW"
        if transcode == EXPLICIT:
            assert_same_image(content, name)


@pytest.mark.parametrize("verb", ["modify", "anonymize"])
@pytest.mark.parametrize("transcode", [EXPLICIT, uids.RLELossless])
def test_modify_and_anonymize_a_study(
    start_orthanc: StartOrthanc, verb: str, transcode: str
) -> None:
    """Orthanc 1.10.1 itself ignores ``Transcode`` where a single instance is anonymized."""
    server = start_orthanc(plugins=[python_plugin()], script=SCRIPT)
    for name in IMAGES:
        server.clear()
        server.store(sample(name).read())
        (study,) = server.get("/studies")
        body: dict[str, Any] = {"Replace": {"StudyDescription": "NEW"}, "Transcode": transcode}
        options = {"Force": True, "KeepSource": False, "Synchronous": True}
        server.post(f"/studies/{study}/{verb}", {**body, **options})
        (identifier,) = server.instances()
        content = server.file(identifier)
        assert read(content).file_meta.TransferSyntaxUID == transcode
        assert read(content).StudyDescription == "NEW"
        if transcode == EXPLICIT:
            assert_same_image(content, name)


def test_studies_are_transcoded_in_place(start_orthanc: StartOrthanc) -> None:
    """With the three identifiers kept, and the source, which is overwritten."""
    server = start_orthanc(
        plugins=[python_plugin()], script=SCRIPT, config={"OverwriteInstances": True}
    )
    content = sample("CT_small.dcm").read()
    identifier = server.store(content)["ID"]
    study = server.get(f"/instances/{identifier}/study")["ID"]
    server.post(
        f"/studies/{study}/modify",
        {"Keep": ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"], "Force": True,
         "KeepSource": True, "Transcode": uids.JPEG2000Lossless, "Synchronous": True},
    )  # fmt: skip
    assert server.instances() == [identifier]
    stored = read(server.file(identifier))
    assert stored.file_meta.TransferSyntaxUID == uids.JPEG2000Lossless


@pytest.mark.parametrize("name", IMAGES)
def test_download_transcoded(server: OrthancServer, name: str) -> None:
    if orthanc_version() < (1, 12, 2):
        pytest.skip("this Orthanc ignores ?transcode= (new in 1.12.2)")
    identifier = instance_of(server, name)
    content = server.get(f"/instances/{identifier}/file?transcode={EXPLICIT}")
    assert_same_image(content, name)


def test_lossy_is_refused_where_the_identity_must_stay(
    start_orthanc: StartOrthanc, tmp_path: Path
) -> None:
    """A C-STORE SCU's fall-back to uncompressed may not change the SOP Instance UID."""
    server = start_orthanc(
        plugins=[python_plugin()], script=SCRIPT, config={"Transcoder": {"Lossy": True}}
    )
    identifier = server.store(sample("CT_small.dcm").read())["ID"]
    with storescp(tmp_path) as port:
        body = {"AET": "STORESCP", "Host": "127.0.0.1", "Port": port}
        server.put("/modalities/temporary", body)
        server.post("/modalities/temporary/store", identifier.encode())
    (content,) = received(tmp_path)
    assert read(content).SOPInstanceUID == uid_of("CT_small.dcm")


def test_nothing_is_transcoded_where_the_dicom_protocol_may_not(
    start_orthanc: StartOrthanc, tmp_path: Path
) -> None:
    server = start_orthanc(
        plugins=[python_plugin()],
        script=SCRIPT,
        config={"IngestTranscoding": uids.JPEG2000Lossless, "TranscodeDicomProtocol": False},
    )
    identifier = server.store(sample("CT_small.dcm").read())["ID"]
    with storescp(tmp_path) as port:
        body = {"AET": "STORESCP", "Host": "127.0.0.1", "Port": port}
        server.put("/modalities/temporary", body)
        answer = server.request("POST", "/modalities/temporary/store", identifier.encode())
    assert answer.status >= 400
    assert received(tmp_path) == []


@pytest.mark.parametrize(
    ("order", "mine"), [("Before", False), ("After", True), ("Disabled", True)]
)
def test_the_order_of_the_built_in_transcoder(
    start_orthanc: StartOrthanc, order: str, mine: bool
) -> None:
    """DCMTK can make JPEG-LS as well: whose file it is shows in group 2's version name."""
    server = start_orthanc(
        plugins=[python_plugin()],
        script=SCRIPT,
        config={
            "IngestTranscoding": uids.JPEGLSLossless,
            "BuiltinDecoderTranscoderOrder": order,
        },
    )
    identifier = server.store(sample("CT_small.dcm").read())["ID"]
    assert read(server.file(identifier)).file_meta.TransferSyntaxUID == uids.JPEGLSLossless
    answer = server.request("GET", f"/transcoder/instances/{identifier}/report")
    outcomes = [answer.json()["outcome"]] if answer.status == 200 else []
    assert ("transcoded" in outcomes) is mine
    assert server.request("GET", f"/instances/{identifier}/preview").status == 200


def test_a_preferred_syntax_for_sending(start_orthanc: StartOrthanc, tmp_path: Path) -> None:
    server = start_orthanc(
        plugins=[python_plugin()],
        script=SCRIPT,
        config={"DicomScuPreferredTransferSyntax": uids.JPEG2000Lossless},
    )
    identifier = server.store(sample("CT_small.dcm").read())["ID"]
    with storescp(tmp_path, "+xa") as port:
        body = {"AET": "STORESCP", "Host": "127.0.0.1", "Port": port}
        server.put("/modalities/temporary", body)
        server.post("/modalities/temporary/store", identifier.encode())
    (content,) = received(tmp_path)
    assert read(content).SOPInstanceUID == uid_of("CT_small.dcm")


def test_an_archive_is_reconstructed_in_a_new_syntax(tmp_path: Path) -> None:
    """A changed ``IngestTranscoding`` is applied to what is there already."""
    config: dict[str, Any] = {"Name": "Reconstruct"}
    server = OrthancServer(tmp_path, plugins=[python_plugin()], script=SCRIPT, config=config)
    with server:
        if orthanc_version() < (1, 11, 0):
            pytest.skip("this Orthanc has no ReconstructFiles (new in 1.11.0)")
        identifier = server.store(sample("CT_small.dcm").read())["ID"]
        server.put(f"/instances/{identifier}/metadata/1100", b"kept")
        server.put(f"/instances/{identifier}/attachments/1100", b"kept as well")
        labels = orthanc_version() >= (1, 12, 0)
        if labels:
            server.put(f"/instances/{identifier}/labels/kept", b"")
        assert server.stop() == 0
        server._config["IngestTranscoding"] = uids.JPEG2000Lossless
        server.start()
        study = server.get(f"/instances/{identifier}/study")["ID"]
        server.post(f"/studies/{study}/reconstruct", {"ReconstructFiles": True})
        content = server.file(identifier)
        assert read(content).file_meta.TransferSyntaxUID == uids.JPEG2000Lossless
        assert server.get(f"/instances/{identifier}/metadata/1100") == b"kept"
        attachment = server.get(f"/instances/{identifier}/attachments/1100/data")
        assert attachment == b"kept as well"
        if labels:
            assert server.get(f"/instances/{identifier}/labels") == ["kept"]


def test_the_housekeeper_reconstructs_by_itself(tmp_path: Path) -> None:
    plugin = python_plugin().with_name("libHousekeeper.so")
    if not plugin.exists():
        pytest.skip("this Orthanc has no Housekeeper (new in 1.11.0)")
    server = OrthancServer(
        tmp_path,
        plugins=[python_plugin(), plugin],
        script=SCRIPT,
        config={"Housekeeper": {"Enable": True, "Schedule": {}, "ThrottleDelay": 0}},
    )
    with server:
        identifier = server.store(sample("CT_small.dcm").read())["ID"]
        assert server.stop() == 0
        server._config["IngestTranscoding"] = uids.JPEG2000Lossless
        server.start()
        end = time.monotonic() + 60
        syntax = ""
        while syntax != uids.JPEG2000Lossless and time.monotonic() < end:
            syntax = str(read(server.file(identifier)).file_meta.TransferSyntaxUID)
            time.sleep(0.5)
        assert syntax == uids.JPEG2000Lossless


def test_dicomweb_retrieves_and_renders(start_orthanc: StartOrthanc) -> None:
    plugin = python_plugin().with_name("libOrthancDicomWeb.so")
    if not plugin.exists():
        pytest.skip("the DICOMweb plugin is not installed")
    server = start_orthanc(
        plugins=[python_plugin(), plugin],
        script=SCRIPT,
        config={"IngestTranscoding": uids.JPEG2000Lossless, "DicomWeb": {"Enable": True}},
    )
    source = pydicom.dcmread(sample("CT_small.dcm").path)
    server.store(sample("CT_small.dcm").read())
    base = (
        f"/dicom-web/studies/{source.StudyInstanceUID}/series/{source.SeriesInstanceUID}"
        f"/instances/{source.SOPInstanceUID}"
    )
    native = f'multipart/related; type="application/dicom"; transfer-syntax={EXPLICIT}'
    answer = server.request("GET", base, headers={"Accept": native})
    assert answer.status == 200
    start = answer.body.index(b"\r\n\r\n") + 4
    end = answer.body.rindex(b"\r\n--")
    assert_same_image(answer.body[start:end], "CT_small.dcm")
    rendered = server.request("GET", f"{base}/rendered", headers={"Accept": "image/png"})
    assert rendered.status == 200
    assert rendered.body.startswith(b"\x89PNG")
    frames = server.request(
        "GET",
        f"{base}/frames/1",
        headers={
            "Accept": 'multipart/related; type="application/octet-stream"; '
            f"transfer-syntax={EXPLICIT}"
        },
    )
    assert frames.status == 200
    assert source.PixelData in frames.body
