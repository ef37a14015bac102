"""Files written again, compared with what DCMTK, Orthanc's own library, makes of them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from orthanc_transcoder.dicom.file import DicomFile
from orthanc_transcoder.syntaxes import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE
from tests.unit.dicom.corpus import parse, path

OPTIONS = {IMPLICIT_LE: "+ti", EXPLICIT_LE: "+te", EXPLICIT_BE: "+tb"}
NAMES = (
    "CT_small.dcm",
    "ExplVR_BigEnd.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_implicit.dcm",
    "OBXXXX1A_expb.dcm",
    "emri_small.dcm",
    "examples_overlay.dcm",
    "liver_expb_1frame.dcm",
    "mlut_18.dcm",
    "reportsi.dcm",
    "rtplan.dcm",
    "waveform_ecg.dcm",
)

dcmtk = pytest.mark.skipif(not shutil.which("dcmconv"), reason="DCMTK's dcmconv is not installed")


@dcmtk
@pytest.mark.parametrize("target", OPTIONS)
@pytest.mark.parametrize("name", NAMES)
def test_dcmtk_writes_the_same(name: str, target: str, tmp_path: Path) -> None:
    source = parse(name)
    output = tmp_path / "converted.dcm"
    lengths = "-e" if _has_open_sequences(source) else "+e"
    command = ["dcmconv", "-q", OPTIONS[target], "-g", lengths, str(path(name)), str(output)]
    subprocess.run(command, check=True, timeout=60)
    theirs = DicomFile.parse(output.read_bytes()).elements
    ours = DicomFile.parse(source.write(target, {})).elements
    assert ours.keys() == theirs.keys()
    for tag, element in ours.items():
        assert element.vr == theirs[tag].vr
        assert bytes(element.value) == bytes(theirs[tag].value)


def _has_open_sequences(source: DicomFile) -> bool:
    """DCMTK writes all sequences with known lengths, or none; we keep each as it is."""
    return any(element.undefined_length for element in source.elements.values())
