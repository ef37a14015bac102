"""The Image Pixel module, alone and against native Pixel Data (PS3.3 C.7.6.3, PS3.5 8)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ...codec import uids
from ...dicom.syntaxes import COMPRESSED, NATIVE
from ...dicom.vr import resolve
from ..findings import Finding
from .header import Header, quoted
from .table import found

_REQUIRED: Final = (
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
)
_LENGTH: Final = ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated")
_SAMPLES: Final = {
    **dict.fromkeys(("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"), 1),
    **dict.fromkeys(("RGB", "HSV", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422"), 3),
    **dict.fromkeys(("YBR_PARTIAL_420", "YBR_ICT", "YBR_RCT", "XYB"), 3),
    **dict.fromkeys(("ARGB", "CMYK"), 4),  # retired
}
_HALF_CHROMA: Final = ("YBR_FULL_422", "YBR_PARTIAL_422")
_GREY: Final = frozenset(("MONOCHROME1", "MONOCHROME2"))
_PLAIN: Final = _GREY | {"PALETTE COLOR", "RGB", "YBR_FULL"}
_BASELINE: Final = _GREY | {"RGB", "YBR_FULL", "YBR_FULL_422"}
_WAVELET: Final = _PLAIN | {"YBR_RCT"}

# What PS3.5 8.2 allows; a syntax that is not here is not judged.
_ALLOWED: Final = {
    **dict.fromkeys(NATIVE, _PLAIN | {"YBR_FULL_422", "YBR_PARTIAL_422", "HSV", "ARGB", "CMYK"}),
    uids.RLELossless: _PLAIN,
    uids.JPEGBaseline8Bit: _BASELINE,
    uids.JPEGExtended12Bit: _BASELINE,
    uids.JPEGLossless: _PLAIN,
    uids.JPEGLosslessSV1: _PLAIN,
    uids.JPEGLSLossless: _PLAIN,
    uids.JPEGLSNearLossless: _PLAIN - {"PALETTE COLOR"},
    uids.JPEG2000Lossless: _WAVELET,
    uids.JPEG2000MCLossless: _WAVELET,
    uids.HTJ2KLossless: _WAVELET,
    uids.HTJ2KLosslessRPCL: _WAVELET,
    uids.JPEG2000: _WAVELET | {"YBR_ICT"},
    uids.JPEG2000MC: _WAVELET | {"YBR_ICT"},
    uids.HTJ2K: _WAVELET | {"YBR_ICT"},
    uids.JPEGXLLossless: _PLAIN,
    uids.JPEGXLJPEGRecompression: _BASELINE,
    uids.JPEGXL: _PLAIN | {"XYB"},
}
# Their planes, if any, are the codestream's own affair (PS3.5 8.2.1, 8.2.3, 8.2.4, 8.2.15).
_INTERLEAVED: Final = COMPRESSED - {uids.RLELossless}


def attributes(header: Header) -> Iterator[Finding]:
    """Report what is missing of the attributes that describe the pixels."""
    for keyword in _REQUIRED:
        if not header.has(keyword):
            yield found("missing_pixel_attribute", f"{keyword} is missing or empty.", keyword)


def size(header: Header) -> Iterator[Finding]:
    """Report sizes that no image has."""
    for keyword in ("Rows", "Columns", "NumberOfFrames"):
        value = header.number(keyword)
        if (value is not None and value < 1) or (value is None and header.has(keyword)):
            sentence = f"{keyword} is {'unreadable' if value is None else value}."
            yield found("impossible_size", sentence, keyword)


def bits(header: Header) -> Iterator[Finding]:
    """Report depths that contradict each other."""
    sign = header.number("PixelRepresentation")
    if sign not in (None, 0, 1):
        yield found("impossible_bits", f"It is {sign}; only 0 and 1 exist.", "PixelRepresentation")
    allocated, stored, high = map(header.number, ("BitsAllocated", "BitsStored", "HighBit"))
    if allocated is None or stored is None or high is None:
        return
    if allocated != 1 and (allocated < 1 or allocated % 8):
        yield found("impossible_bits", f"{allocated} bits cannot be allocated.", "BitsAllocated")
    elif not 1 <= stored <= allocated:
        yield found("impossible_bits", f"{stored} bits of {allocated} are stored.", "BitsStored")
    elif not stored - 1 <= high < allocated:
        sentence = f"It is {high}, with {stored} bits stored of {allocated}."
        yield found("impossible_bits", sentence, "HighBit")
    elif high != stored - 1:
        yield found("high_bit", f"It is {high}, with {stored} bits stored.", "HighBit")


def photometric(header: Header) -> Iterator[Finding]:
    """Report a colour space that cannot be."""
    value, samples = header.text("PhotometricInterpretation"), header.number("SamplesPerPixel")
    if not value:
        return
    where, needed = "PhotometricInterpretation", _SAMPLES.get(value)
    if needed is None:
        yield found("photometric_contradicts", f"{quoted(value)} is no defined term.", where)
        return
    if samples is not None and samples != needed:
        sentence = f"{value} has {needed} samples per pixel, not {samples}."
        yield found("photometric_contradicts", sentence, where)
    if value not in _ALLOWED.get(header.file.syntax, {value}):
        sentence = f"{value} does not exist in transfer syntax {header.file.syntax}."
        yield found("photometric_impossible", sentence, where)


def planar(header: Header) -> Iterator[Finding]:
    """Report a Planar Configuration that is missing or not allowed."""
    if (header.number("SamplesPerPixel") or 1) == 1:
        return
    value, where = header.number("PlanarConfiguration"), "PlanarConfiguration"
    if value is None:
        yield found("planar_configuration", "It is missing in a colour image.", where)
    elif value not in (0, 1):
        yield found("planar_configuration", f"It is {value}; only 0 and 1 exist.", where)
    elif value == 1 and header.file.syntax in _INTERLEAVED:
        yield found("planar_configuration", "It is 1 in a syntax that has no planes.", where)


def kind(header: Header) -> Iterator[Finding]:
    """Compare native or encapsulated with the transfer syntax."""
    syntax, pixels = header.file.syntax, header.pixels
    if pixels is None or syntax not in NATIVE | COMPRESSED:
        return
    if header.encapsulated == (syntax in NATIVE):
        word = "encapsulated" if header.encapsulated else "native"
        sentence = f"Pixel Data is {word}, against transfer syntax {syntax}."
        yield found("pixel_encoding_disagrees", sentence, "PixelData")


def value_representation(header: Header) -> Iterator[Finding]:
    """Compare the VR of Pixel Data with what PS3.5 annex A asks for."""
    pixels, allocated = header.pixels, header.number("BitsAllocated")
    if pixels is None or not pixels.vr or allocated is None:
        return
    vr = resolve(pixels, header.file.context)
    wrong = vr != "OB" if header.encapsulated else vr != "OW" and (allocated > 8 or vr != "OB")
    if wrong:
        form = "encapsulated" if header.encapsulated else f"native of {allocated} bits"
        yield found("pixel_data_vr", f"Its VR is {vr}, and it is {form}.", "PixelData")


def length(header: Header) -> Iterator[Finding]:
    """Compare the length of native Pixel Data with its attributes."""
    pixels, one = header.pixels, frame_bits(header)
    if pixels is None or header.encapsulated or header.file.syntax not in NATIVE or one <= 0:
        return
    if header.has("NumberOfFrames") and (header.number("NumberOfFrames") or 0) < 1:
        return  # which ``size`` reports
    actual = len(pixels.value)
    expected = -(-one * header.frames // 8)
    surplus = actual - expected
    says = f"It has {actual} bytes where its attributes say {expected}"
    if surplus < 0:
        yield found("pixel_data_too_short", f"{says}.", "PixelData")
    elif surplus > expected % 2:
        if surplus * 8 % one == 0:
            sentence = f"{says}: {actual * 8 // one} frames, not {header.frames}."
            yield found("frame_count_disagrees", sentence, "NumberOfFrames")
        else:
            yield found("pixel_data_too_long", f"{says}.", "PixelData")
    if actual % 2:
        yield found("odd_length", f"It has {actual} bytes.", "PixelData")


def frame_bits(header: Header) -> int:
    """Bits of one native frame; 0 where the attributes do not say."""
    rows, columns, samples, allocated = (header.number(keyword) or 0 for keyword in _LENGTH)
    half = header.text("PhotometricInterpretation") in _HALF_CHROMA and not header.encapsulated
    return rows * columns * (2 if half and samples == 3 else samples) * allocated


def native_bytes(header: Header) -> int:
    """What Pixel Data takes in a native syntax."""
    if header.pixels is not None and not header.encapsulated:
        return len(header.pixels.value)
    return -(-frame_bits(header) * header.frames // 8)


CHECKS: Final = (
    attributes, size, bits, photometric, planar, kind, value_representation, length,
)  # fmt: skip
