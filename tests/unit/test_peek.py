"""Naming a file without parsing it."""

import pytest

from orthanc_transcoder import peek
from tests.samples import all_samples


def test_it_reads_what_pydicom_reads() -> None:
    pydicom = pytest.importorskip("pydicom")
    seen = 0
    for path in (sample.path for sample in all_samples()):
        dataset = pydicom.dcmread(path, force=True, stop_before_pixels=True)
        deflated = "1.2.840.10008.1.2.1.99"
        syntax = dataset.file_meta.get("TransferSyntaxUID", "")
        if "SOPInstanceUID" not in dataset or syntax == deflated:
            continue
        data = memoryview(path.read_bytes())
        assert peek.sop_instance_uid(data) == dataset.SOPInstanceUID, path
        assert peek.transfer_syntax(data) == syntax, path
        seen += 1
    assert seen > 50


def test_it_finds_nothing_in_garbage() -> None:
    assert peek.sop_instance_uid(memoryview(b"nothing" * 100)) == ""
    assert peek.transfer_syntax(memoryview(b"")) == ""
