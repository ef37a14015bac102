"""Files whose pixels, if they have any, no transcoder may read (PS3.3 C.7.6.24, C.7.6.25).

The rule: whatever is held in another element than Pixel Data, encoded by a
private scheme, moving or elsewhere, is declined by its own name.
"""

from __future__ import annotations

from typing import Final

from ..errors import Declined
from .elements import PIXEL_DATA
from .file import DicomFile
from .syntaxes import JPIP, VIDEO

# What may stand for the pixels where there is no Pixel Data.
_SUBSTITUTES: Final = {
    0x7FE00008: ("float_pixel_data", "The pixels are floating-point numbers."),
    0x7FE00009: ("double_float_pixel_data", "The pixels are double floating-point numbers."),
    0x00287FE0: ("pixel_data_provider_url", "The pixels lie elsewhere, at a URL."),
    0x00420011: ("encapsulated_document", "The file holds a document, not an image."),
}


def decline_what_is_no_image(file: DicomFile) -> None:
    """Raise ``Declined`` unless there is Pixel Data that is a still image's."""
    _decline_syntax(file.syntax)
    _decline_private_encoding(file)
    _decline_substitutes(file)


def _decline_syntax(syntax: str) -> None:
    if syntax in VIDEO:
        raise Declined("video", f"Transfer syntax {syntax} is video.")
    if syntax in JPIP:
        raise Declined("jpip", f"Transfer syntax {syntax} refers to pixels on a JPIP server.")


def _decline_substitutes(file: DicomFile) -> None:
    if file.element(PIXEL_DATA) is not None:
        return
    for tag, (code, reason) in _SUBSTITUTES.items():
        if file.element(tag) is not None:
            raise Declined(code, reason)
    if any(tag >> 16 & 0xFFF1 == 0x7FE1 and tag & 0xFFFF >= 0x1000 for tag in file.elements):
        raise Declined("private_pixel_encoding", "The pixels are held in private elements.")


def _decline_private_encoding(file: DicomFile) -> None:
    if method := _elscint_compression(file):
        raise Declined(
            "private_pixel_encoding", f"The pixels are in ELSCINT1's private encoding {method}."
        )


def _elscint_compression(file: DicomFile) -> str:
    """Tamar Compression Type (07A1,xx11) of ELSCINT1, where it compresses; else ''."""
    for creator in [tag for tag in file.elements if 0x07A10010 <= tag <= 0x07A100FF]:
        if file.text(creator) == "ELSCINT1":
            method = file.text(0x07A10000 | (creator & 0xFF) << 8 | 0x11)
            return "" if method.upper() == "NONE" else method
    return ""
