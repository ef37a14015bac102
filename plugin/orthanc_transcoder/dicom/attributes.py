"""The attributes that say what became of the pixels.

The rule: they describe the new pixel data, exactly; what already does is left
alone, so that a lossless transcoding changes nothing it need not. A lossy one
adds to the history that the file brings (PS3.3 C.7.6.1.1.5, C.12.4), and never
takes from it.
"""

from __future__ import annotations

from struct import pack
from typing import Final

from .convert import convert
from .elements import EXPLICIT_LE, ITEM, Element
from .file import SOP_INSTANCE_UID, DicomFile

_SAMPLES: Final = 0x00280002
_PHOTOMETRIC: Final = 0x00280004
_PLANAR: Final = 0x00280006
_ROWS: Final = 0x00280010
_COLUMNS: Final = 0x00280011
_ALLOCATED: Final = 0x00280100
_STORED: Final = 0x00280101
_HIGH_BIT: Final = 0x00280102
_REPRESENTATION: Final = 0x00280103
# US or SS by Pixel Representation: smallest and largest values, padding, palettes.
_FOLLOW_SIGN: Final = frozenset(
    {*range(0x00280104, 0x00280112), 0x00280120, 0x00280121, *range(0x00281101, 0x00281104)}
    | {0x00189810, 0x00221452}
)

_IMAGE_TYPE: Final = 0x00080008
_DERIVATION_DESCRIPTION: Final = 0x00082111
_SOURCE_IMAGES: Final = 0x00082112
_DERIVATION_CODES: Final = 0x00089215
_LOSSY: Final = 0x00282110
_RATIO: Final = 0x00282112
_METHOD: Final = 0x00282114
_DESCRIPTION_LIMIT: Final = 1024  # characters of an ST


def pixel_attributes(
    file: DicomFile,
    *,
    rows: int,
    columns: int,
    samples_per_pixel: int,
    bits_allocated: int,
    bits_stored: int,
    signed: bool,
    photometric: str,
    high_bit: int | None = None,
) -> dict[int, Element | None]:
    """Make the Image Pixel attributes where the file's are not these (PS3.3 C.7.6.3).

    High Bit is Bits Stored - 1, unless whole cells are written, and Planar
    Configuration 0 (absent for one sample per pixel), as every syntax that is
    written asks. Where the sign changes, because the header was wrong about it,
    elements that are US or SS by Pixel Representation keep their bytes, and so say
    what they were meant to say, but get the other VR; at the top level only,
    sequences are left as they are.

    Returns
    -------
    dict
        Changes for ``DicomFile.write``.
    """
    wanted: dict[int, int | None] = {
        _SAMPLES: samples_per_pixel,
        _PLANAR: 0 if samples_per_pixel > 1 else None,
        _ROWS: rows,
        _COLUMNS: columns,
        _ALLOCATED: bits_allocated,
        _STORED: bits_stored,
        _HIGH_BIT: bits_stored - 1 if high_bit is None else high_bit,
        _REPRESENTATION: int(signed),
    }
    changes: dict[int, Element | None] = {}
    for tag, value in wanted.items():
        if file.ints(tag) != (() if value is None else (value,)):
            changes[tag] = None if value is None else Element(tag, "US", pack("<H", value))
    if file.text(_PHOTOMETRIC) != photometric:
        changes[_PHOTOMETRIC] = _text(_PHOTOMETRIC, "CS", photometric)
    if _REPRESENTATION in changes:
        changes |= _relabelled(file, signed)
    return changes


def lossy_attributes(
    file: DicomFile, *, ratio: float, method: str, description: str, new_sop_instance_uid: str
) -> dict[int, Element | None]:
    """Record a lossy generation (PS3.3 C.7.6.1.1.5, C.12.4, C.7.6.1.1.2).

    Parameters
    ----------
    ratio
        As measured: native over encoded size.
    method
        Defined term, for example ``ISO_15444_1``.
    description
        Plain ASCII sentence with method and ratio, for Derivation Description.
    new_sop_instance_uid
        The derived image's own UID.

    Returns
    -------
    dict
        Changes for ``DicomFile.write``.
    """
    ratios, methods = _generations(file)
    return {
        _IMAGE_TYPE: _text(_IMAGE_TYPE, "CS", _derived(file.text(_IMAGE_TYPE))),
        SOP_INSTANCE_UID: _text(SOP_INSTANCE_UID, "UI", new_sop_instance_uid),
        _DERIVATION_DESCRIPTION: _description(file, description),
        _SOURCE_IMAGES: _appended(file, _SOURCE_IMAGES, _source_item(file)),
        _DERIVATION_CODES: _appended(
            file, _DERIVATION_CODES, _code_item("113040", "Lossy Compression")
        ),
        _LOSSY: _text(_LOSSY, "CS", "01"),
        _RATIO: _text(_RATIO, "DS", "\\".join([*ratios, f"{ratio:.6g}"])),
        _METHOD: _text(_METHOD, "CS", "\\".join([*methods, method])),
    }


def _relabelled(file: DicomFile, signed: bool) -> dict[int, Element | None]:
    changes: dict[int, Element | None] = {}
    for tag in _FOLLOW_SIGN:
        element = file.explicit(tag)
        if element is not None and element.vr in ("US", "SS"):
            changes[tag] = Element(tag, "SS" if signed else "US", element.value)
    return changes


def _generations(file: DicomFile) -> tuple[list[str], list[str]]:
    """Former ratios and methods, made equally many: the last ones belong together."""
    ratios, methods = _values(file, _RATIO), _values(file, _METHOD)
    count = max(len(ratios), len(methods))
    return [""] * (count - len(ratios)) + ratios, [""] * (count - len(methods)) + methods


def _values(file: DicomFile, tag: int) -> list[str]:
    text = file.text(tag)
    return [part.strip(" ") for part in text.split("\\")] if text else []


def _derived(image_type: str) -> str:
    rest = image_type.split("\\")[1:] or ["PRIMARY"]
    return "\\".join(["DERIVED", *rest])


def _description(file: DicomFile, new: str) -> Element:
    """Append; what is there is bytes of any character set, which ASCII can follow."""
    old = file.element(_DERIVATION_DESCRIPTION)
    former = bytes(old.value).rstrip(b"\0 ") if old else b""
    joined = former + b"; " + new.encode("ascii") if former else new.encode("ascii")
    if len(joined) > _DESCRIPTION_LIMIT:
        joined = new.encode("ascii")[:_DESCRIPTION_LIMIT]
    return Element(_DERIVATION_DESCRIPTION, "ST", joined + b" " * (len(joined) % 2))


def _appended(file: DicomFile, tag: int, item: bytes) -> Element:
    """A sequence with one more item; an equal one is not repeated."""
    former = file.explicit(tag)
    value = bytes(former.value) if former else b""
    return Element(tag, "SQ", value if item in value else value + item)


def _source_item(file: DicomFile) -> bytes:
    purpose = _code_item("121320", "Uncompressed predecessor")
    return _item(
        _text(0x00081150, "UI", file.sop_class_uid),
        _text(0x00081155, "UI", file.sop_instance_uid),
        Element(0x0040A170, "SQ", purpose),
    )


def _code_item(value: str, meaning: str) -> bytes:
    return _item(
        _text(0x00080100, "SH", value),
        _text(0x00080102, "SH", "DCM"),
        _text(0x00080104, "LO", meaning),
    )


def _item(*elements: Element) -> bytes:
    content = convert(elements, EXPLICIT_LE)
    return pack("<HHL", ITEM >> 16, ITEM & 0xFFFF, len(content)) + content


def _text(tag: int, vr: str, value: str) -> Element:
    data = value.encode("latin-1")
    padding = b"\0" if vr == "UI" else b" "
    return Element(tag, vr, data + padding * (len(data) % 2))
