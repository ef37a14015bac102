"""Untouched: what is declined with a reason, and what stays byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence

from orthanc_transcoder.codec import uids
from tests import samples
from tests.rules import whole
from tests.rules.whole import (
    BIG,
    CODED,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    KEYWORD,
    LOSSLESS,
    LOSSY_RULES,
    ask,
    body_of,
    dataset,
    raw_elements,
    refused,
    require_same_samples,
    to,
)
from tests.samples import Sample, sample_path
from tests.synthesis import Image, blank, native_file, nest, texture, to_bytes

COMPRESSED = (*LOSSLESS, *whole.LOSSY)
DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"
whole.teach_pydicom(DEFLATED_FRAMES)

PIXEL_DATA, PLANAR = 0x7FE00010, 0x00280006
OCTETS = Image(bits_allocated=8)


def pixelless(**attributes: Any) -> Dataset:
    """An image's header without its Pixel Data."""
    return blank(Image(bits_allocated=32), attributes)


def float_file(keyword: str, vr: str) -> bytes:
    found = pixelless()
    found.BitsAllocated = 32 if vr == "OF" else 64
    for absent in ("BitsStored", "HighBit", "PixelRepresentation"):
        del found[absent]
    found.add_new(keyword, vr, bytes(16 * 16 * found.BitsAllocated // 8))
    return to_bytes(found, EXPLICIT)


def with_syntax(syntax: str, image: Image = OCTETS) -> bytes:
    """Encapsulated rubbish under a syntax."""
    found = blank(image)
    found.PixelData = encapsulate([b"\0\0\0\1" * 8])
    found["PixelData"].VR = "OB"
    found["PixelData"].is_undefined_length = True
    return to_bytes(found, syntax)


def one_bit_deflated() -> bytes:
    found = dataset(with_syntax(DEFLATED_FRAMES))
    found.BitsAllocated = found.BitsStored = 1
    found.HighBit = 0
    return to_bytes(found, DEFLATED_FRAMES)


def elscint_file() -> bytes:
    found = blank(Image())
    block = found.private_block(0x07A1, "ELSCINT1", create=True)
    block.add_new(0x11, "CS", "PMSCT_RLE1")
    found.PixelData = b"\1\2\3\4"
    found["PixelData"].VR = "OW"
    return to_bytes(found, EXPLICIT)


def document_file() -> bytes:
    found = blank(Image())
    for element in [one for one in found if one.tag.group == 0x0028]:
        del found[element.tag]
    found.EncapsulatedDocument = b"%PDF"
    return to_bytes(found, EXPLICIT)


def jpip_file() -> bytes:
    found = blank(Image())
    found.PixelDataProviderURL = "https://pacs/jpip"
    return to_bytes(found, "1.2.840.10008.1.2.4.94")


UNTOUCHED: dict[str, tuple[Callable[[], bytes], str]] = {
    "no pixel data": (lambda: sample_path("test-SR.dcm").read_bytes(), "no_pixel_data"),
    "waveform": (lambda: sample_path("waveform_ecg.dcm").read_bytes(), "no_pixel_data"),
    "plan": (lambda: sample_path("rtplan.dcm").read_bytes(), "no_pixel_data"),
    "video": (lambda: with_syntax("1.2.840.10008.1.2.4.102"), "video"),
    "video, fragmentable": (lambda: with_syntax("1.2.840.10008.1.2.4.100"), "video"),
    "JPIP": (jpip_file, "jpip"),
    "document": (document_file, "encapsulated_document"),
    "float": (lambda: float_file("FloatPixelData", "OF"), "float_pixel_data"),
    "double": (lambda: float_file("DoubleFloatPixelData", "OD"), "double_float_pixel_data"),
    "1 bit": (lambda: sample_path("liver_1frame.dcm").read_bytes(), "single_bit"),
    "1 bit, big endian": (lambda: sample_path("liver_expb_1frame.dcm").read_bytes(), "single_bit"),
    "1 bit, deflated frames": (one_bit_deflated, "single_bit"),
    "private encoding": (elscint_file, "private_pixel_encoding"),
}


@pytest.mark.parametrize("name", UNTOUCHED)
def test_what_is_no_image_is_declined_with_a_reason(name: str) -> None:
    make, code = UNTOUCHED[name]
    content = make()
    for target in COMPRESSED:
        if dataset(content).file_meta.TransferSyntaxUID == target:
            continue
        report = refused(content, target, rules=LOSSY_RULES)
        assert (report.outcome, report.code) == ("declined", code), KEYWORD[target]


@pytest.mark.parametrize("name", UNTOUCHED)
def test_what_is_no_image_is_never_mangled(name: str) -> None:
    """A native target may have the data set in another encoding: every value is the same."""
    content = UNTOUCHED[name][0]()
    for target in (IMPLICIT, EXPLICIT, DEFLATED):
        result, report = ask(content, target)
        if result is None:
            assert report.outcome in ("kept", "declined")
            continue
        source = dataset(content).file_meta.TransferSyntaxUID
        back, _ = ask(result, source)
        assert back is not None
        assert raw_elements(back) == raw_elements(content)


@pytest.mark.parametrize("target", COMPRESSED, ids=KEYWORD.get)
def test_32_bits_are_declined_where_the_codec_has_no_such_depth(target: str) -> None:
    content = native_file(Image(bits_allocated=32), texture(Image(bits_allocated=32)))
    if target == uids.RLELossless:
        require_same_samples(to(content, target)[0], content)
        return
    for rules in (LOSSY_RULES, None):
        report = refused(content, target, rules=rules)
        assert (report.outcome, report.code) in (
            ("declined", "codec_refuses"),
            ("declined", "lossy_off"),
        )


# Big endian in OB: nobody can say in which order these bytes are.
AMBIGUOUS = ("SC_rgb_expb_16bit.dcm", "SC_rgb_expb_16bit_2frame.dcm")
ROUND_TRIPS = [each for each in samples.native_samples() if each.name not in AMBIGUOUS]


@pytest.mark.parametrize("sample", ROUND_TRIPS, ids=lambda each: each.name)
def test_every_other_element_is_byte_identical_after_a_lossless_round_trip(
    sample: Sample,
) -> None:
    """Native, to each lossless syntax, and back.

    The syntax dictates Pixel Data's own VR and, where it was 1, Planar Configuration;
    what lies beside the stored bits may go. All else is the same, byte for byte.
    """
    content = sample.read()
    expected = raw_elements(content)
    planar = expected.get(PLANAR) in (b"\1\0", b"\0\1")
    targets = LOSSLESS if sample.pixel_bytes < 1 << 20 else (uids.HTJ2KLossless,)
    for target in targets:
        back, _ = to(to(content, target)[0], str(sample.syntax))
        found = raw_elements(back)
        different = {
            tag for tag in expected.keys() | found.keys() if found.get(tag) != expected.get(tag)
        }
        assert different <= ({PIXEL_DATA, PLANAR} if planar else {PIXEL_DATA}), KEYWORD[target]
        require_same_samples(back, content)
        if not planar and (before := before_pixels(content)):
            assert before_pixels(back) == before, KEYWORD[target]


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_16_bit_big_endian_in_ob_is_refused(name: str) -> None:
    for target in (EXPLICIT, *LOSSLESS):
        assert refused(sample_path(name).read_bytes(), target).code == "bad_pixel_data_vr"


def before_pixels(content: bytes) -> bytes:
    """The data set up to Pixel Data; nothing where there is no group 2, or are group lengths."""
    if content[128:132] != b"DICM" or content[132:138] != b"\2\0\0\0UL":
        return b""
    found = dataset(content)
    if any(tag & 0xFFFF == 0 for tag in list(found.keys())):
        return b""
    big = found.file_meta.TransferSyntaxUID == BIG
    body = body_of(content)
    return body[: body.rindex(b"\x7f\xe0\x00\x10" if big else b"\xe0\x7f\x10\x00")]


RICH = Image(rows=17, columns=19, frames=3, bits_stored=12)


def rich_file(syntax: str) -> bytes:
    """Functional groups, private elements, an ICC profile and a signature."""
    found = nest(blank(RICH), 3)
    shared, frame = Dataset(), Dataset()
    shared.PixelMeasuresSequence = Sequence([Dataset()])
    shared.PixelMeasuresSequence[0].PixelSpacing = ["0.50", "0.5 "]
    frame.FrameContentSequence = Sequence([Dataset()])
    frame.FrameContentSequence[0].StackID = "1"
    found.SharedFunctionalGroupsSequence = Sequence([shared])
    found.PerFrameFunctionalGroupsSequence = Sequence([frame, frame, frame])
    block = found.private_block(0x0029, "SOMEBODY", create=True)
    block.add_new(0x10, "OB", b"\0\1\2\3")
    block.add_new(0x11, "UN", b"anything")
    signature = Dataset()
    signature.MACIDNumber = 1
    signature.Signature = b"\x30\x82\1\2"
    found.DigitalSignaturesSequence = Sequence([signature])
    found.ICCProfile = bytes(range(128))
    found.PixelData = texture(RICH).astype(">u2" if syntax == BIG else "<u2").tobytes()
    found["PixelData"].VR = "OW"
    return to_bytes(found, syntax)


@pytest.mark.parametrize("target", LOSSLESS, ids=KEYWORD.get)
@pytest.mark.parametrize("source", [IMPLICIT, EXPLICIT, BIG, DEFLATED], ids=KEYWORD.get)
def test_functional_groups_private_icc_and_signatures_stay_byte_identical(
    source: str, target: str
) -> None:
    content = rich_file(source)
    there, report = to(content, target)
    back, _ = to(there, source)
    assert report.result_sop_instance_uid == report.sop_instance_uid
    if source == BIG and target in CODED:
        assert raw_elements(back) == raw_elements(content)
    else:
        assert body_of(back) == body_of(content)


@pytest.mark.parametrize("target", [*LOSSLESS, *whole.LOSSY], ids=KEYWORD.get)
def test_sop_class_uid_never_changes(target: str) -> None:
    depth = 12 if target == uids.JPEGExtended12Bit else 8
    content = native_file(Image(bits_allocated=16 if depth > 8 else 8, bits_stored=depth))
    result, _ = to(content, target, LOSSY_RULES)
    assert dataset(result).SOPClassUID == dataset(content).SOPClassUID


@pytest.mark.parametrize("target", LOSSLESS, ids=KEYWORD.get)
def test_the_same_syntax_returns_the_buffer_untouched(target: str) -> None:
    content, _ = to(native_file(OCTETS), target)
    result, report = ask(content, target)
    assert (result, report.outcome, report.code) == (None, "kept", "same_syntax")
