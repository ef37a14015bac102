"""``IngestTranscoding`` to each syntax that this Orthanc knows, and lossy on request."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pydicom
import pytest

from orthanc_transcoder import syntaxes
from orthanc_transcoder.codec import uids
from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.servers import SCRIPT, OrthancServer, orthanc_version, python_plugin
from tests.samples import sample
from tests.synthesis import stored_samples

# Those that Orthanc 1.10.1 knows.
LOSSLESS = [
    "ImplicitVRLittleEndian",
    "ExplicitVRBigEndian",
    "DeflatedExplicitVRLittleEndian",
    "RLELossless",
    "JPEGLossless",
    "JPEGLosslessSV1",
    "JPEGLSLossless",
    "JPEG2000Lossless",
    "JPEG2000",
]
# New syntaxes, and the Orthanc that first knows them: older ones do not start with them.
NEWER = {
    "HTJ2KLossless": (1, 12, 11),
    "HTJ2KLosslessRPCL": (1, 12, 11),
    "HTJ2K": (1, 12, 11),
    "JPEGXLLossless": (1, 12, 10),
    "JPEGXL": (1, 12, 10),
}
LOSSY = {
    "JPEGBaseline8Bit": "US1_UNCR.dcm",
    "JPEGExtended12Bit": "MR2_UNCR.dcm",
    "JPEGLSNearLossless": "MR2_UNCR.dcm",
    "JPEG2000": "CT_small.dcm",
}
SAMPLES = ("CT_small.dcm", "US1_UNCR.dcm", "emri_small.dcm", "examples_overlay.dcm")


def start(
    starter: StartOrthanc, keyword: str, order: str = "After", **options: Any
) -> OrthancServer:
    return starter(
        plugins=[python_plugin()],
        script=SCRIPT,
        config={
            "IngestTranscoding": syntaxes.KEYWORDS[keyword],
            "BuiltinDecoderTranscoderOrder": order,
            "Transcoder": options,
        },
    )


def read(server: OrthancServer, identifier: str) -> pydicom.Dataset:
    return pydicom.dcmread(io.BytesIO(server.file(identifier)))


@pytest.mark.parametrize("keyword", [*LOSSLESS, *NEWER])
def test_lossless_there_and_back(start_orthanc: StartOrthanc, keyword: str) -> None:
    if keyword in NEWER and orthanc_version() < NEWER[keyword]:
        pytest.skip("this Orthanc does not know the syntax yet")
    there = start(start_orthanc, keyword)
    back = start(start_orthanc, "ExplicitVRLittleEndian")
    for name in SAMPLES:
        content = sample(name).read()
        identifier = there.store(content)["ID"]
        stored = there.file(identifier)
        dataset = pydicom.dcmread(io.BytesIO(stored), stop_before_pixels=True)
        assert dataset.file_meta.TransferSyntaxUID == syntaxes.KEYWORDS[keyword], name
        assert dataset.SOPInstanceUID == sample(name).sop_instance_uid
        report = there.get(f"/transcoder/instances/{identifier}/report")
        assert (report["outcome"], report["verified"], report["lossy"]) == (
            "transcoded",
            True,
            False,
        )
        returned = back.file(back.store(stored)["ID"])
        assert np.array_equal(stored_samples(returned), stored_samples(content)), name


@pytest.mark.parametrize(("keyword", "name"), LOSSY.items())
def test_lossy_is_off_unless_it_is_switched_on(
    start_orthanc: StartOrthanc, keyword: str, name: str
) -> None:
    server = start(start_orthanc, keyword, order="Disabled")
    identifier = server.store(sample(name).read())["ID"]
    report = server.get(f"/transcoder/instances/{identifier}/report")
    dataset = read(server, identifier)
    assert report["lossy"] is False
    assert "LossyImageCompression" not in dataset or dataset.LossyImageCompression == "00"
    assert dataset.SOPInstanceUID == sample(name).sop_instance_uid
    if syntaxes.KEYWORDS[keyword] in syntaxes.REVERSIBLE_TWIN:
        assert dataset.file_meta.TransferSyntaxUID == syntaxes.KEYWORDS[keyword]
    else:
        assert (report["outcome"], report["code"]) == ("declined", "lossy_off")


def test_what_orthanc_itself_makes_of_what_we_decline_is_recorded(
    start_orthanc: StartOrthanc,
) -> None:
    server = start(start_orthanc, "JPEGBaseline8Bit")
    identifier = server.store(sample("US1_UNCR.dcm").read())["ID"]
    report = server.get(f"/transcoder/instances/{identifier}/report")
    assert (report["outcome"], report["code"]) == ("declined", "lossy_off")
    assert "Another transcoder" in report["reason"]
    assert read(server, identifier).SOPInstanceUID == report["result_sop_instance_uid"]


@pytest.mark.parametrize(("keyword", "name"), LOSSY.items())
def test_lossy_images_say_what_they_are(
    start_orthanc: StartOrthanc, keyword: str, name: str
) -> None:
    server = start(start_orthanc, keyword, Lossy=True)
    source = pydicom.dcmread(sample(name).path)
    identifier = server.store(sample(name).read())["ID"]
    dataset = read(server, identifier)
    report = server.get(f"/transcoder/instances/{identifier}/report")
    assert dataset.file_meta.TransferSyntaxUID == syntaxes.KEYWORDS[keyword]
    assert dataset.SOPInstanceUID == report["result_sop_instance_uid"] != source.SOPInstanceUID
    assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID
    assert dataset.LossyImageCompression == "01"
    method = syntaxes.LOSSY_METHODS[syntaxes.KEYWORDS[keyword]]
    assert dataset.LossyImageCompressionMethod == method
    assert float(dataset.LossyImageCompressionRatio) == pytest.approx(
        report["measures"]["ratio"], rel=0.01
    )
    assert dataset.ImageType[0] == "DERIVED"
    assert dataset.DerivationCodeSequence[0].CodeValue == "113040"
    assert dataset.SourceImageSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID
    assert report["lossy"] is True
    assert report["measures"]["maximum_error"] >= 1
    assert report["measures"]["psnr"] > 30


def test_a_jpeg_stays_the_jpeg_it_is(start_orthanc: StartOrthanc) -> None:
    """Decompressing keeps the flag; a JPEG in JPEG Baseline is not touched."""
    server = start(start_orthanc, "ExplicitVRLittleEndian")
    identifier = server.store(sample("SC_rgb_jpeg_dcmtk.dcm").read())["ID"]
    dataset = read(server, identifier)
    assert dataset.file_meta.TransferSyntaxUID == syntaxes.EXPLICIT_LE
    assert dataset.PhotometricInterpretation == "RGB"
    assert dataset.LossyImageCompression == "01"
    assert dataset.LossyImageCompressionMethod == "ISO_10918_1"
    assert uids.JPEGBaseline8Bit not in dataset.file_meta.TransferSyntaxUID
