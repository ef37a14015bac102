"""Requests for each transfer syntax by each route, as Orthanc's own integration tests ask them.

They ask it of Orthanc with its built-in transcoder, and of the GDCM plugin; here it is asked
of this transcoder, once with lossy switched off and the built-in after it, and once with
lossy switched on and the built-in out of the way.
"""

from __future__ import annotations

import dataclasses
import io
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from orthanc_transcoder import syntaxes
from orthanc_transcoder.codec import uids
from tests.orthanc.answers.cases import BYTES, GREY, encoded, read, same
from tests.orthanc.answers.judging import parts, require_true_label
from tests.orthanc.answers.stage import DICOMWEB
from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.servers import SCRIPT, OrthancServer, orthanc_version, python_plugin
from tests.rules.whole import codestreams, native
from tests.synthesis import Image, encapsulated_file, native_file, texture

NATIVE = syntaxes.EXPLICIT_LE
# What each Orthanc here knows, and either this transcoder or the built-in one writes.
ASKED = (
    syntaxes.IMPLICIT_LE,
    NATIVE,
    syntaxes.EXPLICIT_BE,
    syntaxes.DEFLATED_LE,
    uids.JPEGBaseline8Bit,
    uids.JPEGExtended12Bit,
    uids.JPEGLossless,
    uids.JPEGLosslessSV1,
    uids.JPEGLSLossless,
    uids.JPEGLSNearLossless,
    uids.JPEG2000Lossless,
    uids.JPEG2000,
    uids.RLELossless,
)
# Of the lossy ones, what may be lossless is so where lossy is switched off.
REVERSIBLE = (uids.JPEG2000,)
SOURCE = texture(BYTES)
SETTINGS = {"lossy off, After": ("After", False), "lossy on, Disabled": ("Disabled", True)}
ARCHIVES = ("archive", "media")
CREATORS = ("create-archive", "create-media", "create-media-extended")


@pytest.fixture(scope="module")
def remote(start_module_orthanc: StartOrthanc) -> OrthancServer:
    return start_module_orthanc(config={"Name": "Remote"})


@pytest.fixture(scope="module", params=SETTINGS)
def settings(request: pytest.FixtureRequest) -> tuple[str, bool]:
    return SETTINGS[request.param]


@pytest.fixture(scope="module")
def server(
    start_module_orthanc: StartOrthanc, remote: OrthancServer, settings: tuple[str, bool]
) -> OrthancServer:
    dicomweb = python_plugin().with_name(DICOMWEB)
    order, lossy = settings
    return start_module_orthanc(
        plugins=[python_plugin(), *([dicomweb] if dicomweb.exists() else [])],
        script=SCRIPT,
        config={
            "BuiltinDecoderTranscoderOrder": order,
            "OrthancPeers": {"remote": [remote.url + "/"]},
            "DicomWeb": {"Enable": True},
            "Transcoder": {"Lossy": lossy, "QualityChecks": False},
        },
    )


@pytest.fixture
def instance(server: OrthancServer) -> str:
    server.clear()
    return str(server.store(native_file(BYTES))["ID"])


@pytest.fixture
def source(settings: tuple[str, bool], syntax: str) -> Image:
    """What is asked for: 8 bits, but for JPEG Extended, of which this transcoder writes 12."""
    return GREY if settings[1] and syntax == uids.JPEGExtended12Bit else BYTES


@pytest.fixture
def asked(server: OrthancServer, source: Image) -> str:
    """The instance that is asked for in ``syntax``."""
    server.clear()
    return str(server.store(native_file(source))["ID"])


def is_lossy(syntax: str, lossy: bool) -> bool:
    return syntax in syntaxes.LOSSY_METHODS and (lossy or syntax not in REVERSIBLE)


def check(content: bytes, syntax: str, image: Image = BYTES) -> None:
    """The bytes are in the syntax, and hold the image."""
    dataset = read(content)
    assert dataset.file_meta.TransferSyntaxUID == syntax
    require_true_label(dataset, syntax)
    tolerance = (1 << image.depth) // 6 if syntax in syntaxes.LOSSY_METHODS else 0
    assert same(native(content), texture(image), tolerance)


def files(content: bytes) -> list[bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [archive.read(name) for name in archive.namelist() if "DICOMDIR" not in name]


@pytest.mark.parametrize("syntax", ASKED)
def test_an_instance_modified(
    server: OrthancServer, settings: tuple[str, bool], asked: str, source: Image, syntax: str
) -> None:
    """A lossy image has another SOP Instance UID, even where it was asked to be kept."""
    body = {"Transcode": syntax, "Keep": ["SOPInstanceUID"], "Force": True}
    content = server.post(f"/instances/{asked}/modify", body)
    check(content, syntax, source)
    kept = read(content).SOPInstanceUID == read(server.file(asked)).SOPInstanceUID
    assert kept is not is_lossy(syntax, settings[1])


@pytest.mark.parametrize("syntax", [uids.JPEGBaseline8Bit, uids.JPEGLosslessSV1])
def test_a_study_modified(server: OrthancServer, instance: str, syntax: str) -> None:
    study = server.get(f"/instances/{instance}/study")["ID"]
    server.post(f"/studies/{study}/modify", {"Transcode": syntax, "KeepSource": False})
    (following,) = server.instances()
    assert server.get(f"/instances/{following}/metadata/ModifiedFrom").decode() == instance
    check(server.file(following), syntax)


@pytest.mark.parametrize("syntax", ASKED)
def test_a_peer(
    server: OrthancServer, remote: OrthancServer, asked: str, source: Image, syntax: str
) -> None:
    remote.clear()
    server.post("/peers/remote/store", {"Resources": [asked], "Transcode": syntax})
    (received,) = remote.instances()
    check(remote.file(received), syntax, source)
    assert server.instances() == [asked]


@pytest.mark.parametrize("syntax", ASKED)
def test_a_download(server: OrthancServer, asked: str, source: Image, syntax: str) -> None:
    if orthanc_version() < (1, 12, 2):
        pytest.skip("this Orthanc ignores ?transcode= (new in 1.12.2)")
    check(server.get(f"/instances/{asked}/file?transcode={syntax}"), syntax, source)
    check(server.get(f"/instances/{asked}/file"), NATIVE, source)


def test_a_download_under_a_name(server: OrthancServer, instance: str) -> None:
    if orthanc_version() < (1, 12, 7):
        pytest.skip("this Orthanc ignores ?filename= (new in 1.12.7)")
    path = f"/instances/{instance}/file?transcode={uids.JPEGLosslessSV1}&filename=one.dcm"
    answer = server.request("GET", path)
    assert answer.headers["Content-Disposition"] == 'filename="one.dcm"'
    check(answer.body, uids.JPEGLosslessSV1)


def parents(server: OrthancServer, instance: str) -> Iterator[str]:
    for level, path in (("patient", "patients"), ("study", "studies"), ("series", "series")):
        yield f"/{path}/{server.get(f'/instances/{instance}/{level}')['ID']}"


@pytest.mark.parametrize("verb", ARCHIVES)
@pytest.mark.parametrize("syntax", ASKED)
def test_an_archive_of_each_level(
    server: OrthancServer, asked: str, source: Image, verb: str, syntax: str
) -> None:
    for parent in parents(server, asked):
        (content,) = files(server.get(f"{parent}/{verb}?transcode={syntax}"))
        check(content, syntax, source)
        (content,) = files(server.post(f"{parent}/{verb}", {"Transcode": syntax}))
        check(content, syntax, source)
        (content,) = files(server.get(f"{parent}/{verb}"))
        check(content, NATIVE, source)


@pytest.mark.parametrize("creator", CREATORS)
@pytest.mark.parametrize("syntax", [uids.JPEGBaseline8Bit, uids.JPEG2000Lossless])
def test_an_archive_of_what_is_named(
    server: OrthancServer, instance: str, creator: str, syntax: str
) -> None:
    study = server.get(f"/instances/{instance}/study")["ID"]
    body = {"Resources": [study], "Transcode": syntax}
    check(files(server.post(f"/tools/{creator}", body))[0], syntax)
    if orthanc_version() >= (1, 12, 2):
        path = f"/tools/{creator}?resources={study}&transcode={syntax}"
        check(files(server.get(path))[0], syntax)


@pytest.mark.parametrize("verb", ARCHIVES)
def test_a_syntax_that_there_is_not(server: OrthancServer, instance: str, verb: str) -> None:
    patient = next(parents(server, instance))
    assert server.request("GET", f"{patient}/{verb}?transcode=nope").status >= 400
    assert server.request("POST", f"{patient}/{verb}", b'{"Transcode": "nope"}').status >= 400


# --- lossy -------------------------------------------------------------------------------


def baseline(server: OrthancServer, instance: str, **options: Any) -> bytes:
    body = {"Transcode": uids.JPEGBaseline8Bit, "Force": True, **options}
    return bytes(server.post(f"/instances/{instance}/modify", body))


def ratio(content: bytes) -> float:
    return float(read(content).LossyImageCompressionRatio)


def test_the_ratio_of_lossy_compression(start_orthanc: StartOrthanc) -> None:
    """What Orthanc's option says is aimed at, and what came out is written into the image."""
    contents = []
    for quality in (40, 80):
        server = start_orthanc(
            plugins=[python_plugin()],
            script=SCRIPT,
            config={
                "DicomLossyTranscodingQuality": quality,
                "BuiltinDecoderTranscoderOrder": "Disabled",
                "Transcoder": {"Lossy": True, "QualityChecks": False},
            },
        )
        contents.append(baseline(server, server.store(native_file(BYTES))["ID"]))
    worse, better = contents
    assert len(worse) < len(better)
    assert ratio(worse) > ratio(better) > 1
    for content in contents:
        (codestream,) = codestreams(content)
        assert ratio(content) == pytest.approx(SOURCE.nbytes / len(codestream), rel=0.01)


def test_a_quality_of_one_request(
    server: OrthancServer, settings: tuple[str, bool], instance: str
) -> None:
    """Orthanc tells it to its own transcoder, and to no other."""
    if orthanc_version() < (1, 12, 7):
        pytest.skip("this Orthanc ignores LossyQuality (new in 1.12.7)")
    sizes = [len(baseline(server, instance, LossyQuality=quality)) for quality in (40, 80)]
    mine = settings[1]
    assert sizes[0] == sizes[1] if mine else sizes[0] < sizes[1]


# --- DICOMweb ------------------------------------------------------------------------------

# By what a frame is asked for, and said to be; without a name, the default of PS3.18 8.7.3.3.
FRAMES = {
    syntaxes.IMPLICIT_LE: "application/octet-stream",
    NATIVE: "application/octet-stream",
    uids.JPEGBaseline8Bit: "image/jpeg",
    uids.JPEGExtended12Bit: "image/jpeg",
    uids.JPEGLossless: "image/jpeg",
    uids.JPEGLosslessSV1: "image/jpeg",
    uids.JPEGLSLossless: "image/jls",
    uids.JPEG2000Lossless: "image/jp2",
    uids.JPEG2000: "image/jp2",
}


def frames(server: OrthancServer, content: bytes, numbers: str, accept: str) -> list[bytes]:
    header = read(content)
    path = (
        f"/dicom-web/studies/{header.StudyInstanceUID}/series/{header.SeriesInstanceUID}"
        f"/instances/{header.SOPInstanceUID}/frames/{numbers}"
    )
    answer = server.request("GET", path, headers={"Accept": accept} if accept else {})
    assert answer.status == 200
    found = parts(answer.body, answer.headers["Content-Type"])
    if accept:
        kind = accept.partition("type=")[2].replace('"', "").replace("; ", ";")
        for heading, _ in found:
            assert f"content-type: {kind}" in heading.lower().replace("; ", ";")
    return [body for _, body in found]


def accept_of(syntax: str) -> str:
    return f"multipart/related; type={FRAMES[syntax]}; transfer-syntax={syntax}"


@pytest.fixture
def dicomweb(server: OrthancServer) -> OrthancServer:
    if not python_plugin().with_name(DICOMWEB).exists():
        pytest.skip("the DICOMweb plugin is missing: run scripts/setup")
    return server


@pytest.mark.parametrize("syntax", FRAMES)
def test_a_frame_in_each_syntax(
    dicomweb: OrthancServer, asked: str, source: Image, syntax: str
) -> None:
    (frame,) = frames(dicomweb, dicomweb.file(asked), "1", accept_of(syntax))
    if syntax in syntaxes.NATIVE:
        assert frame == SOURCE.tobytes()
    else:
        check(encapsulated_file(source, [frame], syntax), syntax, source)


def test_a_frame_without_a_wish_is_native(dicomweb: OrthancServer, instance: str) -> None:
    server = dicomweb
    body = {"Transcode": uids.JPEG2000Lossless, "Force": True}
    content = server.post(f"/instances/{instance}/modify", body)
    server.store(content)
    (frame,) = frames(server, content, "1", "")
    assert frame == SOURCE.tobytes()


def test_frames_of_several_fragments(dicomweb: OrthancServer) -> None:
    """As they are stored, whole, whichever are asked for."""
    codestream = encoded(BYTES, uids.JPEGLosslessSV1)
    image = dataclasses.replace(BYTES, frames=2)
    content = encapsulated_file(image, [codestream] * 2, uids.JPEGLosslessSV1, fragments=3)
    dicomweb.store(content)
    accept = accept_of(uids.JPEGLosslessSV1)
    both = frames(dicomweb, content, "1,2", accept)
    assert [frame.rstrip(b"\0") for frame in both] == [codestream.rstrip(b"\0")] * 2
    assert frames(dicomweb, content, "2", accept) == both[1:]
