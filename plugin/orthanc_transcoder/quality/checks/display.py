"""What a viewer shows and measures: rescale, window, geometry (PS3.3 C.11, C.7.6.2)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from ..findings import Finding
from .header import Header, quoted
from .table import found

CT_IMAGE: Final = "1.2.840.10008.5.1.4.1.1.2"
_SLOPE, _INTERCEPT = "RescaleSlope", "RescaleIntercept"
_CENTER, _WIDTH = "WindowCenter", "WindowWidth"
# No scanner's Hounsfield units need more; stored samples have 16 bits.
_CT_MAXIMUM_SLOPE: Final = 100
_CT_MAXIMUM_INTERCEPT: Final = 65536
_SPACINGS: Final = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")


def rescale(header: Header) -> Iterator[Finding]:
    """Report a rescale that is missing (CT) or absurd."""
    is_ct = header.file.sop_class_uid == CT_IMAGE
    present = [keyword for keyword in (_SLOPE, _INTERCEPT) if header.has(keyword)]
    if is_ct and not present and not header.has("ModalityLUTSequence"):
        yield found("ct_rescale_missing", "It and Rescale Intercept are missing.", _SLOPE)
    elif len(present) == 1:
        sentence = f"There is {present[0]} alone."
        yield found("rescale_absurd", sentence, present[0])
    elif present:
        for keyword in present:
            if problem := _absurd(keyword, header, is_ct):
                yield found("rescale_absurd", problem, keyword)


def _absurd(keyword: str, header: Header, is_ct: bool) -> str:
    value = _one(header, keyword)
    if value is None:
        return f"{quoted(header.text(keyword))} is no number."
    if keyword == _SLOPE and (value == 0 or (is_ct and not 0 < value <= _CT_MAXIMUM_SLOPE)):
        return f"A slope of {value:g} cannot be meant."
    if keyword == _INTERCEPT and is_ct and abs(value) > _CT_MAXIMUM_INTERCEPT:
        return f"An intercept of {value:g} cannot be meant in a CT."
    return ""


def _one(header: Header, keyword: str) -> float | None:
    values = header.decimals(keyword)
    return values[0] if values else None


def window(header: Header) -> Iterator[Finding]:
    """Report windows that are missing (CT) or absurd."""
    centers, widths = header.texts(_CENTER), header.texts(_WIDTH)
    if not any(centers) and not any(widths):
        if header.file.sop_class_uid == CT_IMAGE and not header.has("VOILUTSequence"):
            yield found("ct_window_missing", "It is missing or empty.", _CENTER)
    elif len(centers) != len(widths):
        sentence = f"There are {len(centers)} centers and {len(widths)} widths."
        yield found("window_absurd", sentence, _WIDTH)
    elif header.decimals(_CENTER) is None or header.decimals(_WIDTH) is None:
        yield found("window_absurd", "Center or width is no number.", _CENTER)
    elif narrow := _too_narrow(header):
        yield found("window_absurd", f"A width of {narrow[0]:g} is impossible.", _WIDTH)


def _too_narrow(header: Header) -> list[float]:
    linear = header.text("VOILUTFunction") in ("", "LINEAR")
    widths = header.decimals(_WIDTH) or ()
    return [width for width in widths if (width < 1 if linear else width <= 0)]


def geometry(header: Header) -> Iterator[Finding]:
    """Report spacings that are no lengths, and directions that are none."""
    for keyword in _SPACINGS:
        values = header.decimals(keyword)
        if header.has(keyword) and (not values or len(values) != 2 or min(values) <= 0):
            sentence = f"{quoted(header.text(keyword))} are no two lengths."
            yield found("geometry_absurd", sentence, keyword)
    keyword = "ImageOrientationPatient"
    if header.has(keyword) and not _is_orthonormal(header.decimals(keyword)):
        sentence = f"{quoted(header.text(keyword))} are no perpendicular unit vectors."
        yield found("geometry_absurd", sentence, keyword)


def _is_orthonormal(values: tuple[float, ...] | None) -> bool:
    if values is None or len(values) != 6:
        return False
    row, column = values[:3], values[3:]
    lengths = (math.hypot(*row), math.hypot(*column))
    dot = sum(a * b for a, b in zip(row, column, strict=True))
    return all(abs(length - 1) < 0.01 for length in lengths) and abs(dot) < 0.01


def against_values(header: Header, minimum: int, maximum: int) -> Iterator[Finding]:
    """Compare windows, declared range and depth with the values that are there."""
    if not header.text("PhotometricInterpretation").startswith("MONOCHROME"):
        return
    yield from _declared_range(header, minimum, maximum)
    yield from _window_beside(header, minimum, maximum)
    yield from _unused_bits(header, minimum, maximum)


def _declared_range(header: Header, minimum: int, maximum: int) -> Iterator[Finding]:
    if header.has("PixelPaddingValue"):  # some writers leave the padding out
        return
    smallest, largest = "SmallestImagePixelValue", "LargestImagePixelValue"
    low, high = header.number(smallest), header.number(largest)
    if low is not None and minimum < low:
        yield found("declared_range", f"It is {low}, and samples go down to {minimum}.", smallest)
    if high is not None and maximum > high:
        yield found("declared_range", f"It is {high}, and samples go up to {maximum}.", largest)


def _window_beside(header: Header, minimum: int, maximum: int) -> Iterator[Finding]:
    centers, widths = header.decimals(_CENTER), header.decimals(_WIDTH)
    if minimum == maximum or not centers or not widths or header.has("ModalityLUTSequence"):
        return
    slope = _one(header, _SLOPE)
    ends = [value * (1 if slope is None else slope) for value in (minimum, maximum)]
    low, high = (end + (_one(header, _INTERCEPT) or 0) for end in sorted(ends))
    pairs = zip(centers, widths, strict=False)
    if all(center + width / 2 < low or center - width / 2 > high for center, width in pairs):
        sentence = f"The image's values are {low:g} to {high:g}, outside of every window."
        yield found("window_outside_values", sentence, _CENTER)


_DARK_BITS: Final = 4  # a sixteenth of the range, and less, is used
_SHOWN_BITS: Final = 16  # more are for computing, of doses for instance
_VOI: Final = (
    _CENTER,
    "VOILUTSequence",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
)


def _unused_bits(header: Header, minimum: int, maximum: int) -> Iterator[Finding]:
    """Report what shows dark: not a CT, whose missing window is reported, nor a constant."""
    is_ct, has_window = header.file.sop_class_uid == CT_IMAGE, any(map(header.has, _VOI))
    if is_ct or has_window or minimum == maximum:
        return
    stored = header.number("BitsStored") or 0
    signed = header.number("PixelRepresentation") == 1
    needed = max(maximum, ~minimum if minimum < 0 else 0).bit_length() + signed
    if stored <= _SHOWN_BITS and stored - needed >= _DARK_BITS:
        sentence = f"Of {stored} bits, the samples ({minimum} to {maximum}) need {needed}."
        yield found("unused_high_bits", sentence, "BitsStored")


CHECKS: Final = (rescale, window, geometry)
