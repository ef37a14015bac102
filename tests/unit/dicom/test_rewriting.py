"""Files written again, compared with what pydicom reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from orthanc_transcoder.dicom.elements import EXPLICIT_LE, PIXEL_DATA
from orthanc_transcoder.dicom.file import DicomFile
from orthanc_transcoder.errors import Declined, DicomError
from orthanc_transcoder.syntaxes import DEFLATED_LE as DEFLATED
from orthanc_transcoder.syntaxes import EXPLICIT_BE, IMPLICIT_LE
from orthanc_transcoder.syntaxes import EXPLICIT_LE as EXPLICIT
from tests.unit.dicom.comparison import differences
from tests.unit.dicom.corpus import oracle, parse, path, paths, read

# What cannot be parsed, and why; everything else must be.
DAMAGED = {
    "MR_truncated.dcm": "pixel_data_too_short",
    "emri_small_jpeg_2k_lossless_too_short.dcm": "truncated",
    "no_meta.dcm": "truncated",  # its first byte is missing
    "rtplan_truncated.dcm": "truncated",
}
# No SOP Class UID anywhere, so no group 2 can be made.
ANONYMOUS = {"empty_charset_LEI.dcm", "meta_missing_tsyntax.dcm", "nested_priv_SQ.dcm"}
# A sequence in it ends too early; it can be copied, but not entered.
UNENTERABLE = {"DICOMDIR-nooffset"}
LARGE = 1 << 20
BITS_ALLOCATED = 0x00280100

SOUND = [each for each in paths() if each.name not in DAMAGED]
WRITABLE = [each for each in SOUND if each.name not in ANONYMOUS]
ENTERABLE = [
    each for each in WRITABLE if each.name not in UNENTERABLE and each.stat().st_size < LARGE
]


def test_there_are_files_to_test_with() -> None:
    assert len(paths()) > 250
    assert len(ENTERABLE) > 200
    syntaxes = {DicomFile.parse(each.read_bytes()).syntax for each in SOUND}
    assert {IMPLICIT_LE, EXPLICIT, EXPLICIT_BE, DEFLATED} <= syntaxes


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_is_found(name: str) -> None:
    with pytest.raises(DicomError) as caught:
        parse(name)
    assert caught.value.code == DAMAGED[name]


@pytest.mark.parametrize("name", ANONYMOUS)
def test_group_2_needs_a_sop_class(name: str) -> None:
    file = parse(name)
    with pytest.raises(DicomError, match=r"\(0002,0002\)"):
        file.write(file.syntax, {})


@pytest.mark.parametrize("sample", WRITABLE, ids=lambda each: each.name)
def test_the_same_syntax_keeps_every_byte(sample: Path) -> None:
    source = DicomFile.parse(sample.read_bytes())
    copy = DicomFile.parse(source.write(source.syntax, {}))
    kept = {tag: one for tag, one in source.elements.items() if tag & 0xFFFF}
    assert kept.keys() == copy.elements.keys()
    for tag, one in kept.items():
        other = copy.elements[tag]
        assert bytes(one.value) == bytes(other.value)
        if one.encoding == other.encoding:
            assert bytes(one.span) == bytes(other.span)


@pytest.mark.parametrize("sample", ENTERABLE, ids=lambda each: each.name)
def test_pydicom_reads_the_same_in_explicit_little_endian(sample: Path) -> None:
    content = sample.read_bytes()
    source = DicomFile.parse(content)
    written = source.write(EXPLICIT, {})
    found = differences(oracle(content), oracle(written), swapped=not source.encoding.little)
    assert found == []


@pytest.mark.parametrize("sample", ENTERABLE, ids=lambda each: each.name)
def test_pydicom_reads_the_same_in_implicit(sample: Path) -> None:
    content = sample.read_bytes()
    source = DicomFile.parse(content)
    written = source.write(IMPLICIT_LE, {})
    found = differences(
        oracle(content), oracle(written), swapped=not source.encoding.little, vrs=False
    )
    assert [each for each in found if not _needs_its_vr(each)] == []


def _needs_its_vr(difference: str) -> bool:
    """Without its VR, the value of a private element, or of LUT Data, is bytes to pydicom."""
    tag = difference.partition(":")[0].rpartition(".")[2]
    return int(tag[:4], 16) % 2 == 1 or tag == "00283006"


@pytest.mark.parametrize("sample", ENTERABLE, ids=lambda each: each.name)
def test_there_and_back_through_big_endian(sample: Path) -> None:
    source = DicomFile.parse(sample.read_bytes())
    explicit = DicomFile.parse(source.write(EXPLICIT, {}))
    pixels = source.element(PIXEL_DATA)
    if source.ints(BITS_ALLOCATED) == (32,) or (pixels and pixels.undefined_length):
        with pytest.raises(Declined):
            explicit.write(EXPLICIT_BE, {})
        return
    there = DicomFile.parse(explicit.write(EXPLICIT_BE, {}))
    back = DicomFile.parse(there.write(EXPLICIT, {}))
    for tag, one in explicit.elements.items():
        if one.encoding == EXPLICIT_LE and one.vr != "UN":
            assert bytes(back.elements[tag].span) == bytes(one.span)


@pytest.mark.parametrize("name", ["CT_small.dcm", "image_dfl.dcm", "rtplan.dcm"])
def test_deflated(name: str) -> None:
    content = read(name)
    source = DicomFile.parse(content)
    written = source.write(DEFLATED, {})
    assert len(written) % 2 == 0
    assert written[132:].find(b"\x08\x00\x05\x00") == -1
    assert differences(oracle(content), oracle(written)) == []


def test_a_bomb_does_not_go_off() -> None:
    written = parse("CT_small.dcm").write(DEFLATED, {})
    with pytest.raises(DicomError) as caught:
        DicomFile.parse(written, inflate_limit=4096)
    assert caught.value.code == "deflate_too_large"


def test_a_damaged_deflated_file_is_an_error() -> None:
    with pytest.raises(DicomError) as caught:
        DicomFile.parse(read("image_dfl.dcm").replace(b"\xed", b"\xff"))
    assert caught.value.code == "bad_deflate"


def test_a_cut_deflated_file_is_an_error() -> None:
    with pytest.raises(DicomError):
        DicomFile.parse(read("image_dfl.dcm")[:-100])


def test_paths_are_found_by_name() -> None:
    assert path("CT_small.dcm").is_file()
