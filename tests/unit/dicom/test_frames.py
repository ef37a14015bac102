"""Fragments to frames and back."""

from __future__ import annotations

import warnings
from struct import pack

import pytest
from pydicom.encaps import generate_frames
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, RLELossless

from orthanc_transcoder.dicom.elements import PIXEL_DATA, Element, items
from orthanc_transcoder.dicom.file import DicomFile
from orthanc_transcoder.dicom.frames import (
    EXTENDED_LENGTHS,
    EXTENDED_OFFSETS,
    EncodedFrames,
    encapsulate,
    encoded_frames,
)
from orthanc_transcoder.dicom.image import describe
from orthanc_transcoder.errors import Declined, DicomError
from tests.synthesis import Image, encapsulated_file
from tests.unit.dicom.corpus import oracle, parse, paths

THREE = Image(rows=4, columns=6, bits_allocated=8, frames=3)
STREAMS = [
    b"\xff\xd8\xff\xe0" + bytes([number]) * (10 + number) + b"\xff\xd9" for number in range(3)
]


def opened(content: bytes) -> EncodedFrames:
    file = DicomFile.parse(content)
    return encoded_frames(file, describe(file))


def unpadded(frames: EncodedFrames) -> list[bytes]:
    return [frame[: frame.rindex(b"\xff\xd9") + 2] for frame in frames]


def item(value: bytes) -> bytes:
    return pack("<HHL", 0xFFFE, 0xE000, len(value)) + value


def with_items(*values: bytes, syntax: str = JPEGBaseline8Bit, frames: int = 3) -> bytes:
    source = Image(rows=4, columns=6, bits_allocated=8, frames=frames)
    file = DicomFile.parse(encapsulated_file(source, STREAMS[:1], syntax))
    value = b"".join(item(each) for each in values)
    return file.write(syntax, {PIXEL_DATA: Element(PIXEL_DATA, "OB", value, undefined_length=True)})


@pytest.mark.parametrize("count", [1, 2, 8])
def test_all_fragments_of_a_single_rle_frame_are_its_own(count: int) -> None:
    parts = [bytes([number]) * 6 for number in range(count)]
    found = opened(with_items(b"", *parts, syntax=RLELossless, frames=1))
    assert list(found) == [b"".join(parts)]
    if count > 1:
        with pytest.raises(DicomError) as caught:
            opened(with_items(b"", *parts, syntax=RLELossless, frames=3))
        assert caught.value.code == "frames_disagree"


@pytest.mark.parametrize("fragments", [1, 2, 3])
@pytest.mark.parametrize("table", ["basic", "empty"])
def test_tables_and_fragments(table: str, fragments: int) -> None:
    content = encapsulated_file(THREE, STREAMS, JPEGBaseline8Bit, table=table, fragments=fragments)
    frames = opened(content)
    assert unpadded(frames) == STREAMS
    assert frames.notes == ()
    assert len(frames) == 3
    assert frames[1:] == [frames[1], frames[2]]


def test_extended_table() -> None:
    frames = opened(encapsulated_file(THREE, STREAMS, JPEGBaseline8Bit, table="extended"))
    assert (unpadded(frames), frames.notes) == (STREAMS, ())


def test_a_single_frame_in_many_fragments() -> None:
    content = with_items(b"", STREAMS[0][:6], STREAMS[0][6:], frames=1)
    assert opened(content)[0] == STREAMS[0]


@pytest.mark.parametrize(
    "table", [[0, 5, 6], [0, 28], [28, 0, 56], [8, 28, 56], [0, 0, 0], [0, 26, 52, 78]]
)
def test_a_wrong_table_is_noted(table: list[int]) -> None:
    even = [stream + bytes(len(stream) % 2) for stream in STREAMS]
    frames = opened(with_items(pack(f"<{len(table)}L", *table), *even))
    assert unpadded(frames) == STREAMS
    assert len(frames.notes) == 1


def test_a_wrong_extended_table_is_noted() -> None:
    file = DicomFile.parse(encapsulated_file(THREE, STREAMS, JPEGBaseline8Bit))
    wrong = Element(EXTENDED_OFFSETS, "OV", pack("<3Q", 0, 1, 2))
    frames = opened(file.write(JPEGBaseline8Bit, {EXTENDED_OFFSETS: wrong}))
    assert (unpadded(frames), len(frames.notes)) == (STREAMS, 1)


@pytest.mark.parametrize("frames", [1, 2, 4])
@pytest.mark.parametrize("table", ["basic", "empty"])
def test_another_number_of_frames(frames: int, table: str) -> None:
    content = encapsulated_file(
        Image(rows=4, columns=6, bits_allocated=8, frames=frames, number_of_frames=True),
        STREAMS,
        JPEGBaseline8Bit,
        table=table,
    )
    with pytest.raises(DicomError) as caught:
        opened(content)
    assert caught.value.code == "frames_disagree"


def test_two_images_in_what_a_table_calls_one_frame() -> None:
    with pytest.raises(DicomError):
        opened(with_items(bytes(4), STREAMS[0], STREAMS[2], frames=1))


@pytest.mark.parametrize("values", [[], [b""], [b"", b"", b"12", b"34"]])
def test_no_frames(values: list[bytes]) -> None:
    with pytest.raises(DicomError):
        opened(with_items(*values))


def test_real_files_against_pydicom() -> None:
    count = 0
    for path in paths():
        content = path.read_bytes()
        try:
            file = DicomFile.parse(content)
            image = describe(file)
        except (Declined, DicomError):
            continue
        if image.encapsulated:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                expected = list(
                    generate_frames(oracle(content).PixelData, number_of_frames=image.frames)
                )
            assert list(encoded_frames(file, image)) == expected, path
            count += 1
    assert count > 40


def written(frames: list[bytes], limit: int = 0xFFFFFFFF) -> DicomFile:
    source = DicomFile.parse(encapsulated_file(THREE, STREAMS, JPEG2000Lossless))
    changes = encapsulate(frames, limit=limit)
    return DicomFile.parse(source.write(JPEG2000Lossless, changes))


@pytest.mark.parametrize("limit", [0xFFFFFFFF, 44, 43, 0])
def test_encapsulation(limit: int) -> None:
    file = written(STREAMS, limit)
    frames = encoded_frames(file, describe(file))
    assert (unpadded(frames), frames.notes) == (STREAMS, ())
    element = file.element(PIXEL_DATA)
    assert element is not None
    assert element.vr == "OB"
    table, *fragments = [bytes(each.content) for each in items(element)]
    assert len(fragments) == 3
    assert all(len(each) % 2 == 0 for each in fragments)
    assert fragments[1] == STREAMS[1] + b"\0"
    offsets = [0, 24, 50]
    if limit >= 50:
        assert table == pack("<3L", *offsets)
        assert file.element(EXTENDED_OFFSETS) is None
    else:
        assert table == b""
        assert file.ints(EXTENDED_OFFSETS) == tuple(offsets)
        assert file.ints(EXTENDED_LENGTHS) == (16, 17, 18)


def test_encapsulation_as_pydicom_reads_it() -> None:
    source = DicomFile.parse(encapsulated_file(THREE, STREAMS, JPEG2000Lossless))
    dataset = oracle(source.write(JPEG2000Lossless, encapsulate(STREAMS)))
    frames = list(generate_frames(dataset.PixelData, number_of_frames=3))
    assert frames == [stream + bytes(len(stream) % 2) for stream in STREAMS]


def test_an_old_extended_table_goes() -> None:
    source = DicomFile.parse(encapsulated_file(THREE, STREAMS, JPEG2000Lossless, table="extended"))
    file = DicomFile.parse(source.write(JPEG2000Lossless, encapsulate(STREAMS)))
    assert file.element(EXTENDED_OFFSETS) is None
    assert file.element(EXTENDED_LENGTHS) is None


def test_native_pixel_data_has_no_frames_to_gather() -> None:
    file = parse("CT_small.dcm")
    with pytest.raises(DicomError):
        encoded_frames(file, describe(file))
