"""Shape of the file (PS3.5 A.1 to A.5, 6.2.2, 8.2)."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import PYDICOM_IMPLEMENTATION_UID, UID

from orthanc_transcoder.codec import uids
from orthanc_transcoder.dicom import frames, native
from tests.rules import whole
from tests.rules.whole import (
    BIG,
    CODED,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    KEYWORD,
    LOSSLESS,
    LOSSY,
    LOSSY_RULES,
    codestreams,
    dataset,
    items_of,
    refused,
    require_same_samples,
    to,
)
from tests.synthesis import (
    Image,
    blank,
    encapsulated_file,
    native_file,
    nest,
    stored_samples,
    texture,
    to_bytes,
)

GREY = Image(rows=33, columns=31, frames=3, bits_allocated=8)
ENCAPSULATED = (*LOSSLESS, uids.JPEGBaseline8Bit, *whole.REVERSIBLE_TOO)
# RLE and JPEG XL have no end marker.
MARKED = tuple(
    one for one in ENCAPSULATED if one not in (uids.RLELossless, uids.JPEGXLLossless, uids.JPEGXL)
)
# An even and an odd codestream come about somewhere among these.
SIZES = [(33, 31), (16, 16), (7, 5), (8, 9)]


def encoded(image: Image, syntax: str) -> list[bytes]:
    """Codestreams that end with their end marker: without padding."""
    return [frame.rstrip(b"\0") for frame in codestreams(to(native_file(image), syntax)[0])]


@pytest.mark.parametrize("syntax", ENCAPSULATED, ids=KEYWORD.get)
@pytest.mark.parametrize("size", SIZES)
def test_encapsulated_is_explicit_le_ob_of_undefined_length_in_even_items(
    syntax: str, size: tuple[int, int]
) -> None:
    content = native_file(Image(*size, frames=2, bits_allocated=8), syntax=IMPLICIT)
    result, _ = to(content, syntax, LOSSY_RULES)
    items = items_of(result)  # asserts VR OB, undefined length, the delimiter
    assert all(len(item) % 2 == 0 for item in items)
    assert len(items) == 1 + 2
    assert dataset(result).original_encoding == (False, True)


@pytest.mark.parametrize("syntax", MARKED, ids=KEYWORD.get)
@pytest.mark.parametrize("size", SIZES)
def test_padding_is_one_00_after_the_end_marker(syntax: str, size: tuple[int, int]) -> None:
    result, _ = to(native_file(Image(*size, bits_allocated=8)), syntax, LOSSY_RULES)
    _, frame = items_of(result)
    assert frame.endswith((b"\xff\xd9", b"\xff\xd9\0"))


PADDINGS = (b"\0", b"\xff", b"\0" * 6, b"\xff" * 5, b"\xff\0\xff\0")


@pytest.mark.parametrize(
    ("syntax", "padding"),
    [
        # Nothing marks a JPEG XL codestream's end: other bytes than padding are damage.
        *((uids.JPEGXLLossless, padding) for padding in PADDINGS if not padding.strip(b"\0")),
        *((one, padding) for one in CODED if one in MARKED for padding in PADDINGS),
    ],
)
def test_readers_survive_00_and_ff_after_the_end_marker(syntax: str, padding: bytes) -> None:
    image = Image(rows=33, columns=31, frames=2, bits_allocated=8)
    padded = [frame + padding for frame in encoded(image, syntax)]
    content = encapsulated_file(image, padded, syntax)
    assert np.array_equal(stored_samples(to(content, EXPLICIT)[0]), texture(image))


@pytest.mark.parametrize("syntax", CODED, ids=KEYWORD.get)
@pytest.mark.parametrize(
    ("table", "fragments"),
    # An Extended Offset Table allows one fragment per frame.
    [("extended", 1), *((table, n) for table in ("basic", "empty") for n in (1, 2, 5))],
)
def test_readers_accept_every_offset_table_and_several_fragments_per_frame(
    syntax: str, table: str, fragments: int
) -> None:
    frames_of = encoded(GREY, syntax)
    content = encapsulated_file(GREY, frames_of, syntax, table=table, fragments=fragments)
    if syntax == uids.JPEGXLLossless and table == "empty" and fragments > 1:
        # A JPEG XL codestream has no end that could be seen; frames are never guessed.
        assert refused(content, EXPLICIT).code == "frames_disagree"
        return
    assert np.array_equal(stored_samples(to(content, EXPLICIT)[0]), texture(GREY))


@pytest.mark.parametrize("table", ["basic", "empty", "extended"])
def test_readers_accept_every_offset_table_of_rle(table: str) -> None:
    content = encapsulated_file(GREY, encoded_rle(GREY), uids.RLELossless, table=table, fragments=1)
    assert np.array_equal(stored_samples(to(content, EXPLICIT)[0]), texture(GREY))


def encoded_rle(image: Image) -> list[bytes]:
    return codestreams(to(native_file(image), uids.RLELossless)[0])


@pytest.mark.parametrize("syntax", LOSSLESS, ids=KEYWORD.get)
def test_writers_fill_the_basic_table_and_write_one_fragment_per_frame(syntax: str) -> None:
    result, _ = to(native_file(GREY), syntax)
    table, *fragments = items_of(result)
    offsets = struct.unpack(f"<{len(table) // 4}L", table)
    starts = [0]
    for fragment in fragments[:-1]:
        starts.append(starts[-1] + 8 + len(fragment))
    assert list(offsets) == starts
    assert "ExtendedOffsetTable" not in dataset(result)


@pytest.mark.parametrize("syntax", [uids.RLELossless, uids.JPEG2000Lossless, uids.JPEGXLLossless],
                         ids=KEYWORD.get)  # fmt: skip
def test_writers_use_the_extended_table_only_where_32_bits_do_not_reach(
    syntax: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A limit of 100 bytes stands in for 4 GiB.
    monkeypatch.setattr(frames.encapsulate, "__kwdefaults__", {"limit": 100})
    result, _ = to(native_file(GREY), syntax)
    table, *fragments = items_of(result)
    found = dataset(result)
    assert table == b""
    assert len(fragments) == GREY.frames
    assert len(found.ExtendedOffsetTable) == len(found.ExtendedOffsetTableLengths) == 8 * 3
    require_same_samples(result, native_file(GREY))
    small, _ = to(native_file(Image(rows=33, columns=31, bits_allocated=8)), syntax)
    assert "ExtendedOffsetTable" not in dataset(small)


@pytest.mark.parametrize("target", [EXPLICIT, uids.RLELossless, uids.HTJ2KLossless],
                         ids=KEYWORD.get)  # fmt: skip
def test_an_extended_table_does_not_stay_behind(target: str) -> None:
    codes = encoded(GREY, uids.JPEG2000Lossless)
    content = encapsulated_file(GREY, codes, uids.JPEG2000Lossless, table="extended")
    found = dataset(to(content, target)[0])
    assert "ExtendedOffsetTable" not in found
    assert "ExtendedOffsetTableLengths" not in found


def test_rle_is_one_fragment_per_frame() -> None:
    large = Image(rows=300, columns=300, frames=4, samples=3, bits_allocated=8)
    assert len(items_of(to(native_file(large), uids.RLELossless)[0])) == 1 + 4


@pytest.mark.parametrize("target", LOSSLESS, ids=KEYWORD.get)
@pytest.mark.parametrize("source", [IMPLICIT, EXPLICIT])
def test_nested_icons_stay_native_and_as_they_are(source: str, target: str) -> None:
    image = Image(bits_stored=12)
    found = nest(blank(image), 2)
    found.PixelData = texture(image).astype("<u2").tobytes()
    found["PixelData"].VR = "OW"
    content = to_bytes(found, source)
    result, _ = to(content, target)
    back, _ = to(result, source)
    icon = dataset(result).DerivationImageSequence[0].DerivationImageSequence[0]
    (icon,) = icon.IconImageSequence
    assert icon.PixelData == b"\x10\x20\x30\x40"
    assert not icon["PixelData"].is_undefined_length
    assert whole.body_of(back) == whole.body_of(content)


def test_an_encapsulated_icon_is_declined() -> None:
    code = encoded(Image(rows=2, columns=2, bits_allocated=8), uids.JPEG2000Lossless)
    icon = blank(Image(rows=2, columns=2, bits_allocated=8))
    icon.PixelData = encapsulate(code)
    icon["PixelData"].VR = "OB"
    icon["PixelData"].is_undefined_length = True
    image = Image(rows=33, columns=31, bits_allocated=8)
    content = encapsulated_file(
        image,
        encoded(image, uids.JPEG2000Lossless),
        uids.JPEG2000Lossless,
        attributes={"IconImageSequence": Sequence([icon])},
    )
    for target in (EXPLICIT, uids.RLELossless):
        assert refused(content, target).code == "encapsulated_icon"


def test_over_4_gib_native_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    compressed, _ = to(native_file(GREY), uids.JPEG2000Lossless)
    monkeypatch.setattr(native, "UNDEFINED", 33 * 31 * 3)  # stands in for 2^32 - 1
    assert refused(compressed, EXPLICIT).code == "native_too_large"


def test_deflated_applies_to_the_whole_data_set() -> None:
    content = native_file(GREY)
    result, _ = to(content, DEFLATED)
    (length,) = struct.unpack_from("<L", result, 140)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    assert inflater.decompress(result[144 + length :]) == whole.body_of(content)
    assert inflater.eof
    assert inflater.unused_data in (b"", b"\0")
    assert len(result) % 2 == 0
    for target in (EXPLICIT, uids.JPEG2000Lossless):
        require_same_samples(to(result, target)[0], content)


@pytest.mark.parametrize("source", [EXPLICIT, IMPLICIT])
def test_big_endian_swaps_ow_and_not_ob(source: str) -> None:
    words = Image(rows=3, columns=5)
    swapped = dataset(to(native_file(words, syntax=source), BIG)[0])
    assert swapped.PixelData == texture(words).astype(">u2").tobytes()
    assert swapped["PixelData"].VR == "OW"
    octets = Image(rows=4, columns=5, bits_allocated=8)
    found = dataset(to(native_file(octets), BIG)[0])
    assert (found["PixelData"].VR, found.PixelData) == ("OB", texture(octets).tobytes())


def test_big_endian_swaps_8_bit_samples_in_ow_by_words() -> None:
    image = Image(rows=4, columns=5, bits_allocated=8)
    found = dataset(to(native_file(image, vr="OW"), BIG)[0])
    words = np.frombuffer(texture(image).tobytes(), "<u2").astype(">u2").tobytes()
    assert (found["PixelData"].VR, found.PixelData) == ("OW", words)
    again = native_file(image, syntax=BIG, vr="OW")
    for target in (EXPLICIT, uids.JPEG2000Lossless):
        assert np.array_equal(whole.native(to(again, target)[0]), texture(image))


def test_big_endian_makes_words_of_what_was_wrongly_ob() -> None:
    image = Image(rows=3, columns=5)
    found = dataset(to(native_file(image, vr="OB"), BIG)[0])
    assert (found["PixelData"].VR, found.PixelData) == (
        "OW",
        texture(image).astype(">u2").tobytes(),
    )


@pytest.mark.parametrize("target", [EXPLICIT, *LOSSLESS], ids=KEYWORD.get)
@pytest.mark.parametrize("signed", [False, True])
def test_implicit_to_explicit_resolves_us_or_ss_and_keeps_private_un(
    target: str, signed: bool
) -> None:
    image = Image(signed=signed)
    found = blank(image, {"SmallestImagePixelValue": 1, "PixelPaddingValue": 2})
    block = found.private_block(0x0029, "ORTHANC TRANSCODER TEST", create=True)
    block.add_new(0x01, "UN", b"\1\2\3\4")
    found.PixelData = texture(image).astype(f"<{image.dtype.kind}2").tobytes()
    found["PixelData"].VR = "OW"
    for keyword in ("SmallestImagePixelValue", "PixelPaddingValue"):
        found[keyword].VR = "SS" if signed else "US"
    result = dataset(to(to_bytes(found, IMPLICIT), target)[0])
    vr = "SS" if signed else "US"
    for keyword in ("SmallestImagePixelValue", "PixelPaddingValue"):
        assert vr == result[keyword].VR
    assert result[0x0029, 0x1001].VR == "UN"
    assert result[0x0029, 0x1001].value == b"\1\2\3\4"


@pytest.mark.parametrize("target", [*LOSSLESS, *LOSSY, EXPLICIT, BIG], ids=KEYWORD.get)
def test_group_2_names_syntax_uids_and_this_product(target: str) -> None:
    content = native_file(Image(rows=33, columns=31, bits_allocated=8), syntax=IMPLICIT)
    if target == uids.JPEGExtended12Bit:
        content = native_file(Image(rows=33, columns=31, bits_stored=12), syntax=IMPLICIT)
    result, report = to(content, target, LOSSY_RULES)
    meta, found = dataset(result).file_meta, dataset(result)
    assert meta.TransferSyntaxUID == target
    assert meta.MediaStorageSOPClassUID == found.SOPClassUID
    assert meta.MediaStorageSOPInstanceUID == found.SOPInstanceUID
    assert found.SOPInstanceUID == report.result_sop_instance_uid
    assert meta.ImplementationClassUID != PYDICOM_IMPLEMENTATION_UID
    assert str(meta.ImplementationVersionName).startswith("ORTHANC_TC")
    (length,) = struct.unpack_from("<L", result, 140)
    assert meta.FileMetaInformationGroupLength == length
    assert result[144 + length : 146 + length] == (b"\0\x08" if target == BIG else b"\x08\0")


def test_group_2_keeps_the_preamble_and_private_information() -> None:
    found = dataset(native_file(GREY))
    found.preamble = b"II*\0" + bytes(124)
    found.file_meta.PrivateInformationCreatorUID = UID("1.2.3.4")
    found.file_meta.PrivateInformation = b"\1\2"
    found.file_meta.SourceApplicationEntityTitle = "MODALITY"
    buffer = pydicom.filebase.DicomBytesIO()
    found.save_as(buffer, enforce_file_format=True)
    result = dataset(to(buffer.getvalue(), uids.JPEG2000Lossless)[0])
    assert result.preamble == found.preamble
    assert result.file_meta.PrivateInformation == b"\1\2"
    assert result.file_meta.SourceApplicationEntityTitle == "MODALITY"
