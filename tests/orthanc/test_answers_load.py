"""Sound images while more is asked for than may wait: no answer is wrong, and where Orthanc
would lose an instance for it, there is an answer to each request."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from orthanc_transcoder import syntaxes
from tests.orthanc.answers.cases import J2K, encoded, read, same
from tests.orthanc.answers.judging import parts, require_true_label
from tests.orthanc.answers.stage import DICOMWEB, knows_file_transcode, modified
from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.rest import Answer
from tests.orthanc.servers import SCRIPT, OrthancServer, orthanc_version, python_plugin
from tests.orthanc.test_transcoding_requests import files
from tests.rules.whole import native
from tests.synthesis import Image, encapsulated_file, texture

NATIVE = syntaxes.EXPLICIT_LE
FRAME = Image(rows=400, columns=500, bits_stored=12)
FRAMES = 4
SAMPLES = texture(FRAME)
CLIENTS = 8
# From this version on Orthanc leaves instances out of archives for which nobody answers.
PATIENT_SINCE = (1, 13, 0)


@pytest.fixture(scope="module", params=["After", "Disabled"])
def server(start_module_orthanc: StartOrthanc, request: pytest.FixtureRequest) -> OrthancServer:
    dicomweb = python_plugin().with_name(DICOMWEB)
    return start_module_orthanc(
        plugins=[python_plugin(), *([dicomweb] if dicomweb.exists() else [])],
        script=SCRIPT,
        config={
            "BuiltinDecoderTranscoderOrder": request.param,
            "DicomWeb": {"Enable": True},
            "Transcoder": {"Workers": 1, "QueueLimit": 2, "QualityChecks": False},
        },
    )


def image() -> bytes:
    """Another instance of the same frames, as JPEG 2000, which Orthanc itself cannot read."""
    several = Image(rows=400, columns=500, bits_stored=12, frames=FRAMES)
    return encapsulated_file(several, [encoded(FRAME, J2K)] * FRAMES, J2K)


def check_file(answer: Answer) -> None:
    dataset = read(answer.body)
    assert dataset.file_meta.TransferSyntaxUID == NATIVE
    require_true_label(dataset, NATIVE)
    for frame in native(answer.body):
        assert same(frame[None], SAMPLES, 0)


def check_frame(answer: Answer) -> None:
    ((_, body),) = parts(answer.body, answer.headers["Content-Type"])
    assert body == SAMPLES.tobytes()


def download(server: OrthancServer, identifier: str, _: bytes) -> Answer:
    if not knows_file_transcode():
        pytest.skip("this Orthanc ignores ?transcode= (new in 1.12.2)")
    return server.request("GET", f"/instances/{identifier}/file?transcode={NATIVE}")


def modify(server: OrthancServer, identifier: str, _: bytes) -> Answer:
    return modified(server, identifier, NATIVE)


def frame(server: OrthancServer, _: str, content: bytes) -> Answer:
    if not python_plugin().with_name(DICOMWEB).exists():
        pytest.skip("the DICOMweb plugin is missing: run scripts/setup")
    header = read(content)
    path = (
        f"/dicom-web/studies/{header.StudyInstanceUID}/series/{header.SeriesInstanceUID}"
        f"/instances/{header.SOPInstanceUID}/frames/2"
    )
    accept = f"multipart/related; type=application/octet-stream; transfer-syntax={NATIVE}"
    return server.request("GET", path, headers={"Accept": accept})


Ask = Callable[[OrthancServer, str, bytes], Answer]


@pytest.mark.parametrize(
    ("ask", "check"),
    [(download, check_file), (modify, check_file), (frame, check_frame)],
    ids=["file", "modify", "frames"],
)
def test_sound_images_under_load(
    server: OrthancServer, ask: Ask, check: Callable[[Answer], None]
) -> None:
    contents = [image() for _ in range(CLIENTS)]
    stored = [server.store(content)["ID"] for content in contents]
    with ThreadPoolExecutor(CLIENTS) as clients:
        answers = list(clients.map(ask, [server] * CLIENTS, stored, contents))
    answered = [answer for answer in answers if answer.status == 200]
    for answer in answered:
        check(answer)
    assert answered
    if orthanc_version() >= PATIENT_SINCE:
        assert len(answered) == CLIENTS


def test_archives_under_load_lose_nothing(server: OrthancServer) -> None:
    """Older Orthancs put the original in where nobody answers."""
    contents = [image() for _ in range(CLIENTS)]
    studies = [
        server.get(f"/instances/{server.store(content)['ID']}/study")["ID"] for content in contents
    ]
    paths = [f"/studies/{study}/archive?transcode={NATIVE}" for study in studies]
    with ThreadPoolExecutor(CLIENTS) as clients:
        archives = list(clients.map(server.get, paths))
    for archive in archives:
        (content,) = files(archive)
        dataset = read(content)
        require_true_label(dataset, dataset.file_meta.TransferSyntaxUID)
        if orthanc_version() >= PATIENT_SINCE:
            assert dataset.file_meta.TransferSyntaxUID == NATIVE
