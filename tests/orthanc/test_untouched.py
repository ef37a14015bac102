"""What must not, or cannot, be transcoded is stored as Orthanc alone would, with a reason."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import MPEG4HP41, JPEG2000Lossless

from tests.orthanc.conftest import JPEG2000_LOSSLESS, StartOrthanc
from tests.orthanc.servers import SCRIPT, OrthancServer, python_plugin
from tests.samples import sample, sample_path
from tests.synthesis import Image, blank, encapsulated_file, native_file, to_bytes


def with_frame(change: Callable[[bytes], bytes]) -> bytes:
    """A real lossy JPEG 2000 file with another codestream."""
    dataset = pydicom.dcmread(sample("MR2_J2KI.dcm").path)
    (frame,) = pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=1)
    dataset.PixelData = pydicom.encaps.encapsulate([change(frame)])
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def corrupt_jpeg2000() -> bytes:
    return with_frame(lambda frame: frame[:60] + bytes(80) + frame[140:])


def truncated_jpeg2000() -> bytes:
    return with_frame(lambda frame: frame[:-5000])


def video() -> bytes:
    image = Image(rows=64, columns=64, samples=3, bits_allocated=8, frames=2)
    return encapsulated_file(image, [b"\0\0\0\x18ftypmp42 and so on"], MPEG4HP41)


def floating_point() -> bytes:
    dataset = blank(Image(rows=2, columns=2, bits_allocated=16))
    del dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation
    dataset.BitsAllocated = 32
    dataset.FloatPixelData = bytes(16)
    return to_bytes(dataset, "1.2.840.10008.1.2.1")


def four_samples() -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(native_file(Image(rows=4, columns=4, bits_allocated=8))))
    dataset.SamplesPerPixel = 4
    dataset.PhotometricInterpretation = "CMYK"
    dataset.PlanarConfiguration = 0
    dataset.PixelData = bytes(64)
    return to_bytes(dataset, "1.2.840.10008.1.2.1")


def short_pixel_data() -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(native_file(Image(rows=8, columns=8))))
    dataset.PixelData = dataset.PixelData[:-2]
    return to_bytes(dataset, "1.2.840.10008.1.2.1")


def real(name: str) -> bytes:
    return sample_path(name).read_bytes()


CASES = {
    "corrupt JPEG 2000": (corrupt_jpeg2000, "failed", None),
    "truncated JPEG 2000": (truncated_jpeg2000, "failed", None),
    "segmentation": (lambda: real("liver_1frame.dcm"), "declined", "single_bit"),
    "structured report": (lambda: real("test-SR.dcm"), "declined", "no_pixel_data"),
    "ECG": (lambda: real("waveform_ecg.dcm"), "declined", "no_pixel_data"),
    "32 bits": (lambda: real("rtdose_1frame.dcm"), "declined", "codec_refuses"),
    "video": (video, "declined", "video"),
    "floating point": (floating_point, "declined", "float_pixel_data"),
    "four samples": (four_samples, "declined", "samples_per_pixel"),
    "short pixel data": (short_pixel_data, "failed", "pixel_data_too_short"),
}


@pytest.fixture(scope="module")
def reference(start_module_orthanc: StartOrthanc) -> OrthancServer:
    """Orthanc with the same wish for JPEG 2000, and nobody to fulfil it."""
    return start_module_orthanc(config={"IngestTranscoding": JPEG2000_LOSSLESS})


@pytest.fixture(scope="module", params=[True, False], ids=["native", "fallback"])
def server(start_module_orthanc: StartOrthanc, request: pytest.FixtureRequest) -> OrthancServer:
    return start_module_orthanc(
        plugins=[python_plugin()],
        script=SCRIPT,
        config={
            "IngestTranscoding": JPEG2000_LOSSLESS,
            "Transcoder": {"NativeCallbacks": request.param},
        },
    )


def asks_without_pixel_data(server: OrthancServer) -> bool:
    """Orthanc 1.13.0 and later leave such files alone; the official callback gets all."""
    version = tuple(map(int, server.get("/system")["Version"].split(".")))
    native = server.get("/transcoder/status")["native_callbacks"]["registered"]
    return version < (1, 13, 0) or not native


@pytest.mark.parametrize("case", CASES)
def test_the_original_is_stored_and_the_reason_recorded(
    server: OrthancServer, reference: OrthancServer, case: str
) -> None:
    make, outcome, code = CASES[case]
    content = make()
    server.clear()
    reference.clear()
    lines_before = server.log().splitlines()
    identifier = server.store(content)["ID"]
    assert reference.store(content)["ID"] == identifier
    assert server.file(identifier) == reference.file(identifier) == content
    report = server.get(f"/transcoder/instances/{identifier}/report")
    if code in ("no_pixel_data", "float_pixel_data") and not asks_without_pixel_data(server):
        code = "not_asked"
    assert report["outcome"] == outcome
    assert report["reason"]
    assert report["code"] == (code or report["code"]) != ""
    uid = pydicom.dcmread(io.BytesIO(content), stop_before_pixels=True).SOPInstanceUID
    assert report["sop_instance_uid"] == uid
    new = server.log().splitlines()[len(lines_before) :]
    ours = [line for line in new if "orthanc_transcoder" in line]
    assert len(ours) == 1
    assert report["reason"] in ours[0]
    assert not any("Traceback" in line for line in new)


@pytest.mark.parametrize("case", CASES)
def test_the_same_by_cstore(
    server: OrthancServer, reference: OrthancServer, case: str, tmp_path: Path
) -> None:
    make, outcome, _ = CASES[case]
    path = tmp_path / "sent.dcm"
    path.write_bytes(make())
    uid = pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID
    stored = []
    for each in (server, reference):
        each.clear()
        option = {JPEG2000Lossless: "-xv", "1.2.840.10008.1.2.4.91": "-xw", MPEG4HP41: "-xn"}
        syntax = pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID
        run = each.storescu(path, options=["-R", option.get(syntax, "-xe")])
        assert run.returncode == 0, run.stderr
        (identifier,) = each.find(uid)
        stored.append(each.file(identifier))
    assert stored[0] == stored[1]
    assert server.get(f"/transcoder/instances/{identifier}/report")["outcome"] == outcome
