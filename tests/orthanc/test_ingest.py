"""What is sent to Orthanc is stored as JPEG 2000, and nothing is lost; on each route.

Each test runs twice: with the native callbacks, and with the official one alone.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from tests.orthanc.conftest import JPEG2000_LOSSLESS, StartOrthanc
from tests.orthanc.servers import READY_LINE, SCRIPT, OrthancServer, python_plugin
from tests.samples import Sample, j2k_samples, native_samples, sample
from tests.support.independent import decoded_by_gdcm, decoded_by_openjpeg
from tests.synthesis import Image, native_file, stored_samples

Route = Callable[[OrthancServer, list[Sample]], None]


def by_rest(server: OrthancServer, samples: list[Sample]) -> None:
    for each in samples:
        assert server.store(each.read())["Status"] == "Success"


def by_zip(server: OrthancServer, samples: list[Sample]) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for each in samples:
            archive.write(each.path, each.name)
    assert len(server.store(buffer.getvalue())) == len(samples)


def by_cstore(server: OrthancServer, samples: list[Sample]) -> None:
    run = server.storescu(*(each.path for each in samples), options=["-R"])
    assert run.returncode == 0, run.stderr


@pytest.fixture(scope="module", params=[True, False], ids=["native", "fallback"])
def server(start_module_orthanc: StartOrthanc, request: pytest.FixtureRequest) -> OrthancServer:
    server = start_module_orthanc(
        plugins=[python_plugin()],
        script=SCRIPT,
        config={
            "IngestTranscoding": JPEG2000_LOSSLESS,
            "Transcoder": {"NativeCallbacks": request.param},
        },
    )
    assert server.told(READY_LINE, expected=request.param) is request.param
    return server


def distinct(samples: tuple[Sample, ...]) -> list[Sample]:
    """One file for each SOP Instance UID: several samples are versions of the same image."""
    return list({each.sop_instance_uid: each for each in samples}.values())


def transcodable() -> list[Sample]:
    # Big-endian words that claim to be bytes: nobody can know what the samples are.
    ambiguous = ("SC_rgb_expb_16bit.dcm", "SC_rgb_expb_16bit_2frame.dcm")
    return distinct(tuple(each for each in native_samples() if each.name not in ambiguous))


@pytest.mark.parametrize("route", [by_rest, by_zip, by_cstore])
def test_native_images_are_stored_as_jpeg2000_and_decode_elsewhere(
    server: OrthancServer, route: Route, tmp_path: Path
) -> None:
    server.clear()
    samples = transcodable()
    assert len(samples) > 25
    route(server, samples)
    assert len(server.instances()) == len(samples)
    for each in samples:
        (identifier,) = server.find(each.sop_instance_uid)
        stored = server.file(identifier)
        meta = pydicom.dcmread(io.BytesIO(stored), stop_before_pixels=True).file_meta
        assert meta.TransferSyntaxUID == JPEG2000_LOSSLESS, each.name
        source = stored_samples(each.read())
        assert np.array_equal(decoded_by_gdcm(stored, tmp_path), source), each.name
        report = server.get(f"/transcoder/instances/{identifier}/report")
        assert report["outcome"] == "transcoded"
        assert report["verified"] is True
        assert report["sop_instance_uid"] == each.sop_instance_uid
        assert report["target_syntax"] == JPEG2000_LOSSLESS


GRID = [
    Image(rows=rows, columns=columns, samples=samples, bits_allocated=allocated,
          bits_stored=stored, signed=signed, frames=frames)
    for rows, columns, frames in [(1, 1, 1), (1, 7, 1), (9, 1, 1), (5, 3, 1), (31, 33, 3)]
    for samples, allocated, stored, signed in [
        (1, 8, 8, False), (1, 16, 8, False), (1, 16, 10, False), (1, 16, 12, True),
        (1, 16, 14, False), (1, 16, 16, False), (1, 16, 16, True), (3, 8, 8, False),
    ]
]  # fmt: skip


def test_every_shape_and_depth(server: OrthancServer, tmp_path: Path) -> None:
    syntaxes = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)
    for number, image in enumerate(GRID):
        server.clear()
        syntax = syntaxes[number % len(syntaxes)]
        vr = "OW" if syntax != ExplicitVRLittleEndian else ""
        source = native_file(image, syntax=syntax, vr=vr)
        identifier = server.store(source)["ID"]
        stored = server.file(identifier)
        dataset = pydicom.dcmread(io.BytesIO(stored))
        assert dataset.file_meta.TransferSyntaxUID == JPEG2000_LOSSLESS, image
        assert dataset.PhotometricInterpretation == (
            "YBR_RCT" if image.samples == 3 else "MONOCHROME2"
        )
        decoded = decoded_by_openjpeg(stored, tmp_path)
        assert np.array_equal(decoded, stored_samples(source)), image


@pytest.fixture
def ingest(start_orthanc: StartOrthanc, request: pytest.FixtureRequest) -> OrthancServer:
    native, options = request.param
    config: dict[str, Any] = {"IngestTranscoding": JPEG2000_LOSSLESS, **options}
    config["Transcoder"] = {"NativeCallbacks": native}
    return start_orthanc(plugins=[python_plugin()], script=SCRIPT, config=config)


def syntax_of(server: OrthancServer, identifier: str) -> str:
    return bytes(server.get(f"/instances/{identifier}/metadata/TransferSyntax")).decode()


@pytest.mark.parametrize(
    "ingest",
    [(native, {"IngestTranscodingOfUncompressed": False}) for native in (True, False)],
    indirect=True,
    ids=["native", "fallback"],
)
def test_uncompressed_is_left_alone_where_orthanc_is_told_so(ingest: OrthancServer) -> None:
    native, compressed = sample("CT_small.dcm"), sample("JPEG2000.dcm")
    kept = ingest.store(native.read())["ID"]
    assert syntax_of(ingest, kept) == native.syntax
    assert ingest.file(kept) == native.read()
    assert syntax_of(ingest, ingest.store(compressed.read())["ID"]) == JPEG2000_LOSSLESS


@pytest.mark.parametrize(
    "ingest",
    [(native, {"IngestTranscodingOfCompressed": False}) for native in (True, False)],
    indirect=True,
    ids=["native", "fallback"],
)
def test_compressed_is_left_alone_where_orthanc_is_told_so(ingest: OrthancServer) -> None:
    native, compressed = sample("CT_small.dcm"), sample("JPEG2000.dcm")
    kept = ingest.store(compressed.read())["ID"]
    assert syntax_of(ingest, kept) == compressed.syntax
    assert ingest.file(kept) == compressed.read()
    assert syntax_of(ingest, ingest.store(native.read())["ID"]) == JPEG2000_LOSSLESS


@pytest.mark.parametrize(
    "ingest",
    [(native, {"IngestTranscoding": ExplicitVRLittleEndian}) for native in (True, False)],
    indirect=True,
    ids=["native", "fallback"],
)
def test_jpeg2000_is_decompressed(ingest: OrthancServer, tmp_path: Path) -> None:
    samples = distinct(j2k_samples())
    assert len(samples) >= 10
    for each in samples:
        identifier = ingest.store(each.read())["ID"]
        stored = ingest.file(identifier)
        assert syntax_of(ingest, identifier) == ExplicitVRLittleEndian, each.name
        report = ingest.get(f"/transcoder/instances/{identifier}/report")
        assert (report["outcome"], report["verified"]) == ("transcoded", True)
        expected = decoded_by_gdcm(each.read(), tmp_path)
        assert np.array_equal(stored_samples(stored), expected), each.name
        dataset = pydicom.dcmread(io.BytesIO(stored))
        assert dataset.SOPInstanceUID == each.sop_instance_uid
        lossy = pydicom.dcmread(each.path).get("LossyImageCompression")
        assert dataset.get("LossyImageCompression") == lossy
