"""The command line: exit status, files, JSON."""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest

from orthanc_transcoder import cli
from orthanc_transcoder.codec.uids import JPEG2000Lossless
from tests.samples import sample, sample_path
from tests.synthesis import stored_samples


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    status = cli.main([str(argument) for argument in arguments])
    return status, capsys.readouterr().out


@pytest.mark.parametrize("name", ["JPEG2000Lossless", JPEG2000Lossless])
def test_there_and_back(capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str) -> None:
    source = sample("MR_small_bigendian.dcm").path
    there, back = tmp_path / "there.dcm", tmp_path / "back.dcm"
    status, output = run(capsys, "transcode", source, there, "--to", name)
    assert status == 0
    assert "transcoded" in output
    assert "1 frames verified by pylibjpeg/openjpeg" in output
    assert pydicom.dcmread(there).file_meta.TransferSyntaxUID == JPEG2000Lossless
    assert run(capsys, "transcode", there, back, "--to", "ExplicitVRLittleEndian")[0] == 0
    assert np.array_equal(stored_samples(back.read_bytes()), stored_samples(source.read_bytes()))


def test_the_report_is_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    source = sample("CT_small.dcm").path
    arguments = ("transcode", source, tmp_path / "x", "--to", "JPEG2000Lossless", "--json")
    status, output = run(capsys, *arguments)
    report = json.loads(output)
    assert status == 0
    assert report["file"] == str(source)
    assert (report["outcome"], report["verified"]) == ("transcoded", True)
    assert report["result_bytes"] == (tmp_path / "x").stat().st_size
    assert report["ratio"] == pytest.approx(report["source_bytes"] / report["result_bytes"], 0.01)


def test_a_file_in_the_target_syntax_is_copied(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    source = sample("CT_small.dcm").path
    target = tmp_path / "copy.dcm"
    assert run(capsys, "transcode", source, target, "--to", "ExplicitVRLittleEndian")[0] == 0
    assert target.read_bytes() == source.read_bytes()


@pytest.mark.parametrize(
    ("name", "status", "says"),
    [
        ("test-SR.dcm", 3, "no_pixel_data"),
        ("liver_1frame.dcm", 3, "single_bit"),
        ("MR_truncated.dcm", 1, "pixel_data_too_short"),
        ("nowhere.dcm", 1, ""),
    ],
)
def test_where_nothing_is_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str, status: int, says: str
) -> None:
    path = Path("nowhere.dcm") if name == "nowhere.dcm" else sample_path(name)
    target = tmp_path / "x.dcm"
    found, output = run(capsys, "transcode", path, target, "--to", "JPEG2000Lossless")
    assert found == status
    assert says in output
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_syntax_is_an_error(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    source = sample("CT_small.dcm").path
    assert cli.main(["transcode", str(source), str(tmp_path / "x"), "--to", "jp2"]) == 1
    assert "JPEG2000Lossless" in capsys.readouterr().err


def test_checking_says_the_worst(capsys: pytest.CaptureFixture[str]) -> None:
    good, odd = sample("CT_small.dcm").path, sample_path("test-SR.dcm")
    bad = sample("MR_truncated.dcm").path
    assert run(capsys, "check", good)[0] == 0
    assert run(capsys, "check", good, odd)[0] == 3
    status, output = run(capsys, "check", good, bad, odd, "nowhere.dcm", "--json")
    assert status == 1
    reports = [json.loads(line) for line in output.splitlines()]
    outcomes = [report["outcome"] for report in reports]
    assert outcomes == ["checked", "failed", "declined", "failed"]


def test_checking_decodes_every_frame(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    dataset = pydicom.dcmread(sample("MR2_J2KR.dcm").path)
    (frame,) = pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=1)
    dataset.PixelData = pydicom.encaps.encapsulate([frame, frame[:-100]])
    dataset.NumberOfFrames = 2
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    path = tmp_path / "second-frame-truncated.dcm"
    path.write_bytes(buffer.getvalue())
    assert run(capsys, "check", path)[0] == 1


def test_the_installed_command_works() -> None:
    program = Path(sys.executable).with_name("orthanc-transcoder")
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert "orthanc-transcoder" in done.stdout


def test_lossy_is_only_made_when_it_is_asked_for(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    source = sample("US1_UNCR.dcm").path
    target = tmp_path / "x.dcm"
    arguments = ("transcode", source, target, "--to", "JPEGBaseline8Bit")
    assert run(capsys, *arguments)[0] == 3
    assert not target.exists()
    sizes = []
    for quality in (95, 40):
        status, output = run(capsys, *arguments, "--lossy", "--quality", quality)
        assert status == 0
        assert "measured" in output
        assert pydicom.dcmread(target).LossyImageCompression == "01"
        sizes.append(target.stat().st_size)
    assert sizes[0] > sizes[1]
