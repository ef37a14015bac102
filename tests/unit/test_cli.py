"""The command line: exit status, files, JSON."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from orthanc_transcoder import cli
from orthanc_transcoder.codec.registry import default_registry
from orthanc_transcoder.codec.uids import JPEG2000Lossless
from orthanc_transcoder.pipeline import transcode
from orthanc_transcoder.quality.inspection import inspect
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
    """The verdicts and words of Orthanc's pages, and a status for the worst."""
    good, noted = sample("MR_small.dcm").path, sample("CT_small.dcm").path
    odd, bad = sample_path("MR_small_padded.dcm"), sample_path("MR_truncated.dcm")
    for path, verdict, status in (
        (good, "PASS", 0), (noted, "PASS", 0), (odd, "WARN", 2), (bad, "FAIL", 1),
    ):  # fmt: skip
        found = inspect(path.read_bytes(), default_registry())
        assert found.verdict == verdict
        said, output = run(capsys, "check", path)
        assert said == status
        assert f"{path}: {verdict}" in output
        for finding in found.findings:
            assert f"{finding.severity} {finding.code}: " in output
            assert finding.sentence in output
    assert run(capsys, "check", good, odd)[0] == 2
    status, output = run(capsys, "check", good, bad, odd, "nowhere.dcm", "--json")
    assert status == 1
    reports = [json.loads(line) for line in output.splitlines()]
    assert [report["verdict"] for report in reports] == ["PASS", "FAIL", "WARN"]
    assert all(report["pixel_digest"] for report in reports if report["verdict"] != "FAIL")


def test_checking_says_what_it_did_not_look_at(capsys: pytest.CaptureFixture[str]) -> None:
    output = run(capsys, "check", sample_path("liver_1frame.dcm"))[1]
    assert "the pixels were not looked at (single_bit)" in output
    assert run(capsys, "check", "nowhere.dcm")[0] == 1


def test_checking_decodes_every_frame(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    dataset = pydicom.dcmread(sample("MR2_J2KR.dcm").path)
    (frame,) = pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=1)
    dataset.PixelData = pydicom.encaps.encapsulate([frame, frame[:-100]])
    dataset.NumberOfFrames = 2
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    path = tmp_path / "second-frame-truncated.dcm"
    path.write_bytes(buffer.getvalue())
    status, output = run(capsys, "check", path)
    assert status == 1
    assert "(frame 2)" in output


def test_no_original_is_replaced(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    source = tmp_path / "a.dcm"
    source.write_bytes(sample("CT_small.dcm").read())
    content = source.read_bytes()
    hard, soft, other = tmp_path / "hard.dcm", tmp_path / "soft.dcm", tmp_path / "other.dcm"
    hard.hardlink_to(source)
    soft.symlink_to(source)
    other.write_bytes(b"something")
    lossy = ("--to", "JPEG2000", "--lossy", "--quality", "1")
    for target in (source, hard, soft, tmp_path / "." / "a.dcm"):
        for force in ((), ("--force",)):
            assert run(capsys, "transcode", source, target, *lossy, *force)[0] == 1
    assert run(capsys, "transcode", source, other, *lossy)[0] == 1
    assert (source.read_bytes(), other.read_bytes()) == (content, b"something")
    assert run(capsys, "transcode", source, other, *lossy, "--force")[0] == 0
    assert other.read_bytes() != b"something"


def test_a_file_that_comes_to_be_there_meanwhile_is_not_replaced(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "x.dcm"

    def slowly(*arguments: Any, **named: Any) -> Any:
        target.write_bytes(b"somebody else's")
        return transcode(*arguments, **named)

    monkeypatch.setattr(cli, "transcode", slowly)
    source = sample("CT_small.dcm").path
    assert run(capsys, "transcode", source, target, "--to", "JPEG2000Lossless")[0] == 1
    assert target.read_bytes() == b"somebody else's"
    assert list(tmp_path.iterdir()) == [target]


def test_what_is_no_file_is_not_replaced(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder, pipe = tmp_path / "folder", tmp_path / "pipe"
    folder.mkdir()
    os.mkfifo(pipe)
    source = sample("CT_small.dcm").path
    for target in (folder, pipe):
        status, _ = run(capsys, "transcode", source, target, "--to", "JPEG2000Lossless", "--force")
        assert status == 1
    assert folder.is_dir()
    assert pipe.is_fifo()


def test_a_quality_without_lossy_is_an_error(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    source, target = sample("CT_small.dcm").path, tmp_path / "x.dcm"
    assert cli.main(["transcode", str(source), str(target), "--to", "JPEG2000Lossless",
                     "--quality", "90"]) == 1  # fmt: skip
    assert "--lossy" in capsys.readouterr().err
    assert not target.exists()


def test_what_is_in_doubt_is_declined_unless_it_is_wanted(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    source, target = sample_path("J2K_pixelrep_mismatch.dcm"), tmp_path / "x.dcm"
    arguments = ("transcode", source, target, "--to", "ExplicitVRLittleEndian")
    status, output = run(capsys, *arguments)
    assert (status, target.exists()) == (3, False)
    assert "sign_disagrees" in output
    status, output = run(capsys, *arguments, "--doubtful")
    assert (status, target.exists()) == (0, True)
    assert "in doubt (sign_disagrees)" in output


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
        status, output = run(capsys, *arguments, "--lossy", "--quality", quality, "--force")
        assert status == 0
        assert "measured" in output
        assert pydicom.dcmread(target).LossyImageCompression == "01"
        sizes.append(target.stat().st_size)
    assert sizes[0] > sizes[1]
