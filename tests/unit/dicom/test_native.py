"""Native pixel data, unpacked and packed."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.pixels.utils import pixel_array

from orthanc_transcoder.dicom.file import DicomFile
from orthanc_transcoder.dicom.image import describe
from orthanc_transcoder.dicom.native import NativeFrames, native_pixels, pack, unpack
from orthanc_transcoder.errors import Declined, DicomError
from orthanc_transcoder.syntaxes import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE
from tests.synthesis import Image, Samples, native_file, stored_samples, texture
from tests.unit.dicom.corpus import oracle, parse, paths, read

SYNTAXES = [IMPLICIT_LE, EXPLICIT_LE, EXPLICIT_BE]


def opened(content: bytes) -> NativeFrames:
    file = DicomFile.parse(content)
    return unpack(file, describe(file))


def stacked(frames: NativeFrames, image: Image) -> Samples:
    return np.stack(list(frames)).astype(np.int64).reshape(image.shape)


@pytest.mark.filterwarnings("ignore:The pixel data is:UserWarning")
def test_real_files_against_pydicom() -> None:
    """pydicom's array keeps what lies beside the stored bits; these files have nothing there."""
    count = 0
    for path in paths():
        content = path.read_bytes()
        try:
            file = DicomFile.parse(content)
            frames = unpack(file, describe(file))
        except (Declined, DicomError):
            continue
        dataset = oracle(content)
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(file.syntax)
        expected = pixel_array(dataset, raw=True)
        found = np.stack(list(frames)) if len(frames) > 1 else frames[0]
        assert np.array_equal(found, expected), path
        assert frames.unused_bits == 0
        count += 1
    assert count > 60


images = st.builds(
    Image,
    rows=st.integers(1, 5),
    columns=st.integers(1, 5),
    frames=st.integers(1, 3),
    samples=st.sampled_from([1, 3]),
    bits_allocated=st.sampled_from([8, 16, 32]),
    bits_stored=st.integers(0, 32),
    signed=st.booleans(),
    planar=st.integers(0, 1),
).filter(lambda image: image.bits_stored <= image.bits_allocated)


@given(images, st.sampled_from(SYNTAXES))
def test_every_format_and_syntax(image: Image, syntax: str) -> None:
    content = native_file(image, syntax=syntax)
    if syntax == EXPLICIT_BE and image.bits_allocated == 32:
        with pytest.raises(Declined):
            opened(content)
        return
    frames = opened(content)
    assert np.array_equal(stacked(frames, image), texture(image))
    assert frames.unused_bits == 0
    for frame in frames:
        assert frame.flags.c_contiguous
        assert frame.dtype.isnative
        assert frame.dtype.itemsize == (1 if image.depth <= 8 else 2 if image.depth <= 16 else 4)
        assert (frame.dtype.kind == "i") == image.signed


@given(images, st.sampled_from(SYNTAXES))
def test_packed_again(image: Image, syntax: str) -> None:
    if syntax == EXPLICIT_BE and image.bits_allocated == 32:
        return
    source = DicomFile.parse(native_file(image))
    frames = unpack(source, describe(source))
    changes = native_pixels(frames, image.bits_allocated, implicit=syntax == IMPLICIT_LE)
    planar = source.explicit(0x00280006)
    if planar is not None:
        changes[0x00280006] = None
    again = opened(source.write(syntax, changes))
    assert np.array_equal(stacked(again, image), texture(image))


@pytest.mark.parametrize("vr", ["OB", "OW"])
@pytest.mark.parametrize("shape", [(3, 3, 3), (2, 5, 1), (1, 1, 2)])
def test_8_bits_in_big_endian(vr: str, shape: tuple[int, int, int]) -> None:
    rows, columns, frames = shape
    image = Image(rows=rows, columns=columns, frames=frames, bits_allocated=8)
    content = native_file(image, syntax=EXPLICIT_BE, vr=vr)
    assert np.array_equal(stacked(opened(content), image), texture(image))
    little = DicomFile.parse(content).write(EXPLICIT_LE, {})
    assert np.array_equal(stacked(opened(little), image), texture(image))


def test_over_8_bits_in_big_endian_must_be_words() -> None:
    with pytest.raises(DicomError) as caught:
        opened(read("SC_rgb_expb_16bit.dcm"))
    assert caught.value.code == "bad_pixel_data_vr"


def test_high_bit_above_bits_stored() -> None:
    image = Image(bits_stored=10)
    cells = texture(image)
    content = native_file(image, cells << 4, attributes={"HighBit": 13})
    frames = opened(content)
    assert np.array_equal(stacked(frames, image), cells)
    assert frames.unused_bits == 0


def test_signed_with_high_bit_above_bits_stored() -> None:
    image = Image(bits_stored=10, signed=True)
    cells = texture(image)
    content = native_file(image, cells << 4, attributes={"HighBit": 13})
    frames = opened(content)
    assert np.array_equal(stacked(frames, image), cells)
    assert frames.unused_bits == 0  # the two bits above High Bit extend the sign


def test_unused_bits_are_counted_and_dropped() -> None:
    image = Image(bits_stored=12, frames=2)
    cells = texture(image)
    dirty = cells.copy()
    dirty[0, 0, :3] |= 0xA000
    dirty[1, 0, :2] |= 0x1000
    frames = opened(native_file(image, dirty))
    assert frames.unused_bits == 5
    assert np.array_equal(stacked(frames, image), cells)
    assert np.array_equal(frames.cells(0).ravel(), dirty[0].ravel())


def test_half_a_sign_extension_is_none() -> None:
    image = Image(rows=1, columns=4, bits_stored=12, signed=True)
    cells = np.array([-1, 0x0FFF, 0x5FFF, 0x1001], np.int16).reshape(image.shape)
    frames = opened(native_file(image, cells))
    # Fully extended; not extended, which is proper as well; partly; above a positive value.
    assert frames[0].tolist() == [[-1, -1, -1, 1]]
    assert frames.unused_bits == 2


def test_subsampled_chroma_is_declined() -> None:
    with pytest.raises(Declined) as caught:
        opened(read("SC_ybr_full_422_uncompressed.dcm"))
    assert caught.value.code == "subsampled_native"


def test_encapsulated_is_not_native() -> None:
    file = parse("JPEG2000.dcm")
    with pytest.raises(DicomError):
        unpack(file, describe(file))


def test_frames_are_made_when_asked_for() -> None:
    image = Image(frames=3)
    frames = opened(native_file(image))
    assert np.array_equal(frames[-1], frames[2])
    assert [each.shape for each in frames[1:]] == [(16, 16), (16, 16)]
    with pytest.raises(IndexError):
        frames[3]


@pytest.mark.parametrize(
    ("bits", "implicit", "vr"),
    [(8, False, "OB"), (8, True, "OW"), (16, False, "OW"), (32, True, "OW")],
)
def test_the_vr_of_what_is_packed(bits: int, implicit: bool, vr: str) -> None:
    frame = np.arange(3, dtype=np.uint8).reshape(1, 3)
    element = pack([frame], bits, implicit=implicit)
    assert element.vr == vr
    assert len(element.value) % 2 == 0
    assert bytes(element.value)[:: bits // 8][:3] == b"\0\1\2"


def test_over_4_gib_native_is_declined() -> None:
    frame = np.broadcast_to(np.uint8(0), (1 << 16, 1 << 16))
    with pytest.raises(Declined) as caught:
        pack([frame], 8)
    assert caught.value.code == "native_too_large"


def test_packed_signs_are_extended() -> None:
    assert pack([np.array([[-2]], np.int8)], 16).value == b"\xfe\xff"


def test_stored_samples_agree_with_the_tests_own_reader() -> None:
    content = read("OBXXXX1A_expb.dcm")
    assert np.array_equal(opened(content)[0], stored_samples(content)[0, :, :, 0])
