"""What viewers see: each frame of each syntax looks as Orthanc itself shows it uncompressed."""

from __future__ import annotations

import io
import statistics
import struct
import time
from collections.abc import Callable

import numpy as np
import pydicom
import pytest
from pydicom.pixels.utils import pixel_array

from orthanc_transcoder import syntaxes
from orthanc_transcoder.codec import uids
from orthanc_transcoder.codec.registry import default_registry
from orthanc_transcoder.model import Request, Rules
from orthanc_transcoder.pipeline import transcode
from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.servers import SCRIPT, OrthancServer, orthanc_version, python_plugin
from tests.samples import sample
from tests.synthesis import Image, encapsulated_file, native_file

REGISTRY = default_registry()
SOURCES = {
    "signed 16 bits": "CT_small.dcm",
    "12 bits": "MR2_UNCR.dcm",
    "10 of 16 bits, MONOCHROME1": "RG3_UNCR.dcm",
    "8 bits": "vlut_04.dcm",
    "RGB": "US1_UNCR.dcm",
    "palette": "OBXXXX1A.dcm",
    "several frames": "emri_small.dcm",
    "RGB by plane": "color-pl.dcm",
    "several frames of RGB": "SC_rgb_2frame.dcm",
}
VIEWS = ("preview", "image-uint8", "image-uint16", "image-int16")
TARGETS = (
    "RLELossless",
    "JPEGLosslessSV1",
    "JPEGLSLossless",
    "JPEG2000Lossless",
)


@pytest.fixture(scope="module")
def plain(start_module_orthanc: StartOrthanc) -> OrthancServer:
    return start_module_orthanc()


@pytest.fixture(scope="module")
def ours(start_module_orthanc: StartOrthanc) -> OrthancServer:
    """Nobody else decodes, native images neither."""
    return start_module_orthanc(
        plugins=[python_plugin()],
        script=SCRIPT,
        config={"BuiltinDecoderTranscoderOrder": "Disabled"},
    )


def views(server: OrthancServer, identifier: str, frames: int) -> dict[str, bytes]:
    paths = [f"frames/{frame}/{view}" for frame in range(min(frames, 3)) for view in VIEWS]
    found = {}
    for path in paths:
        answer = server.request(
            "GET",
            f"/instances/{identifier}/{path}",
            headers={"Accept": "image/x-portable-arbitrarymap"},
        )
        found[path] = answer.body if answer.status == 200 else str(answer.status).encode()
    return found


@pytest.mark.parametrize("kind", SOURCES)
def test_native_images_look_as_orthanc_shows_them(
    ours: OrthancServer, plain: OrthancServer, kind: str
) -> None:
    source = sample(SOURCES[kind])
    ours.clear()
    plain.clear()
    expected = views(plain, plain.store(source.read())["ID"], source.frames)
    found = views(ours, ours.store(source.read())["ID"], source.frames)
    assert {path: body for path, body in found.items() if body != expected[path]} == {}
    assert any(len(body) > 100 for body in found.values())


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kind", SOURCES)
def test_compressed_images_look_like_their_originals(
    ours: OrthancServer, plain: OrthancServer, kind: str, target: str
) -> None:
    source = sample(SOURCES[kind])
    content, report = transcode(
        source.read(), Request((syntaxes.KEYWORDS[target],)), Rules(), REGISTRY
    )
    assert content is not None, report.reason
    ours.clear()
    plain.clear()
    expected = views(plain, plain.store(source.read())["ID"], source.frames)
    found = views(ours, ours.store(content)["ID"], source.frames)
    assert {path for path, body in found.items() if body != expected[path]} == set()


@pytest.mark.parametrize(
    "name", ["SC_rgb_jpeg_dcmtk.dcm", "JPGExtended.dcm", "examples_ybr_color.dcm", "US1_J2KI.dcm"]
)
def test_lossy_images_look_like_what_they_decompress_to(
    ours: OrthancServer, plain: OrthancServer, name: str
) -> None:
    content = sample(name).read()
    native, report = transcode(content, Request((syntaxes.EXPLICIT_LE,)), Rules(), REGISTRY)
    assert native is not None, report.reason
    ours.clear()
    plain.clear()
    expected = views(plain, plain.store(native)["ID"], sample(name).frames)
    found = views(ours, ours.store(content)["ID"], sample(name).frames)
    assert {path for path, body in found.items() if body != expected[path]} == set()


def test_native_ybr_is_shown_in_its_colours(ours: OrthancServer) -> None:
    """Orthanc's own decoder shows YBR as if it were RGB."""
    for name in ("SC_ybr_full_uncompressed.dcm", "SC_ybr_full_422_uncompressed.dcm"):
        ours.clear()
        identifier = ours.store(sample(name).read())["ID"]
        picture = rgb_of(
            ours.request(
                "GET",
                f"/instances/{identifier}/preview",
                headers={"Accept": "image/x-portable-arbitrarymap"},
            ).body
        )
        dataset = pydicom.dcmread(sample(name).path)
        expected = pixel_array(dataset, raw=False)
        assert np.abs(picture.astype(int) - expected.astype(int)).max() <= 2, name


@pytest.mark.skipif(orthanc_version() < (1, 12), reason="this Orthanc shows YBR as if it were RGB")
def test_ybr_in_rle_looks_as_orthanc_shows_it(ours: OrthancServer, plain: OrthancServer) -> None:
    """Orthanc converts it where the header says that it lies by plane, and cuts off fractions."""
    image = Image(31, 33, samples=3, bits_allocated=8, photometric="YBR_FULL")
    noise = np.random.default_rng(0).integers(0, 256, image.shape, np.uint8)
    native = native_file(image, noise)
    content, _ = transcode(native, Request((uids.RLELossless,)), Rules(), REGISTRY)
    assert content is not None
    dataset = pydicom.dcmread(io.BytesIO(content))
    dataset.PlanarConfiguration = 1
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    pictures = []
    for server in (ours, plain):
        server.clear()
        pictures.append(views(server, server.store(buffer.getvalue())["ID"], 1))
    assert pictures[0]["frames/0/preview"] == pictures[1]["frames/0/preview"]


def rgb_of(pam: bytes) -> np.ndarray:
    header, _, pixels = pam.partition(b"ENDHDR\n")
    fields = dict(line.split(b" ", 1) for line in header.splitlines() if b" " in line)
    height, width = int(fields[b"HEIGHT"]), int(fields[b"WIDTH"])
    return np.frombuffer(pixels, np.uint8).reshape(height, width, 3)


def test_a_damaged_frame_is_an_error_and_not_a_picture(ours: OrthancServer) -> None:
    dataset = pydicom.dcmread(sample("MR2_J2KR.dcm").path)
    (frame,) = pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=1)
    dataset.PixelData = pydicom.encaps.encapsulate([frame, frame[:-1000], frame])
    dataset.NumberOfFrames = 3
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    ours.clear()
    identifier = ours.store(buffer.getvalue())["ID"]
    statuses = [
        ours.request("GET", f"/instances/{identifier}/frames/{number}/preview").status
        for number in range(3)
    ]
    assert statuses[0] == statuses[2] == 200
    assert statuses[1] >= 400
    assert ours.running


def test_a_frame_that_would_crash_orthancs_own_decoder_never_reaches_it(
    start_orthanc: StartOrthanc,
) -> None:
    """As it comes, Orthanc asks its own decoder for what a plugin does not take."""
    image = Image(rows=88, columns=120, bits_allocated=8)
    far_off = struct.pack("<16L", 1, 7_077_952, *[0] * 14)
    content = encapsulated_file(image, [far_off + bytes(1000)], syntaxes.KEYWORDS["RLELossless"])
    server = start_orthanc(plugins=[python_plugin()], script=SCRIPT)
    identifier = server.store(content)["ID"]
    statuses = [
        server.request("GET", f"/instances/{identifier}/{view}").status
        for view in (*VIEWS, "rendered")
    ]
    assert min(statuses) >= 400
    assert server.running


@pytest.mark.slow
def test_a_frame_costs_what_a_frame_costs(
    start_orthanc: StartOrthanc, record_property: Callable[[str, float], None]
) -> None:
    # The checks read the whole file, meanwhile.
    checks = {"Transcoder": {"QualityChecks": False}}
    server = start_orthanc(plugins=[python_plugin()], script=SCRIPT, config=checks)
    frame = Image(rows=512, columns=512, bits_stored=12)
    single, _ = transcode(
        native_file(frame), Request((syntaxes.KEYWORDS["RLELossless"],)), Rules(), REGISTRY
    )
    many = many_frames(frame, 1000)
    assert single is not None
    one = server.store(single)["ID"]
    thousand = server.store(many)["ID"]
    first = timed(server, thousand, 0)
    before = server.vitals().resident_bytes
    alone = [timed(server, one, 0) for _ in range(15)]
    middle = [timed(server, thousand, 500 + number) for number in range(15)]
    after = server.vitals().resident_bytes
    record_property("first_ms", first * 1000)
    record_property("alone_ms", statistics.median(alone) * 1000)
    record_property("middle_ms", statistics.median(middle) * 1000)
    record_property("file_mb", len(many) / 1e6)
    record_property("rss_growth_mb", (after - before) / 1e6)
    # One copy may be left with the C library's allocator, but no second one.
    assert after - before < 1.5 * len(many)


def many_frames(frame: Image, count: int) -> bytes:
    content, _ = transcode(
        native_file(frame), Request((syntaxes.KEYWORDS["RLELossless"],)), Rules(), REGISTRY
    )
    dataset = pydicom.dcmread(io.BytesIO(content or b""))
    (encoded,) = pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=1)
    dataset.PixelData = pydicom.encaps.encapsulate([encoded] * count)
    dataset.NumberOfFrames = count
    dataset.SOPInstanceUID = pydicom.uid.generate_uid()
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def timed(server: OrthancServer, identifier: str, number: int) -> float:
    started = time.monotonic()
    server.get(f"/instances/{identifier}/frames/{number}/image-uint16")
    return time.monotonic() - started
