"""Attributes as a check needs them: read leniently, since they may be what is wrong.

The rule: a value that is absent and one that makes no sense are both None; what
is quoted from a file is short and printable.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Final

from ...dicom.elements import PIXEL_DATA, Element
from ...dicom.file import DicomFile
from ...dicom.fragments import Fragments
from ...dicom.vr import dictionary
from ...dictionaries import datadict
from ...errors import DicomError, Refusal

_QUOTED: Final = 40  # characters
_TEXT_VRS: Final = frozenset(
    {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI"}
    | {"UR", "UT"}
)


class Header:
    """The top level of a data set, by keyword."""

    def __init__(self, file: DicomFile) -> None:
        self.file = file

    @property
    def pixels(self) -> Element | None:
        """Pixel Data."""
        return self.file.element(PIXEL_DATA)

    @property
    def encapsulated(self) -> bool:
        """Whether Pixel Data is written as fragments."""
        return self.pixels is not None and self.pixels.undefined_length

    @cached_property
    def fragments(self) -> Fragments | None:
        """The items of encapsulated Pixel Data; raises ``DicomError`` where it has none."""
        return Fragments(self.pixels) if self.pixels is not None and self.encapsulated else None

    @property
    def frames(self) -> int:
        """Number of Frames; 1 where it is absent or makes no sense."""
        return self.number("NumberOfFrames") or 1

    def element(self, keyword: str) -> Element | None:
        """The element, or None."""
        tag = datadict.tag_for_keyword(keyword)
        if tag is None:
            raise KeyError(keyword)
        return self.file.element(tag)

    def has(self, keyword: str) -> bool:
        """Whether it is there and not empty: text of spaces is empty."""
        element = self.element(keyword)
        if element is None:
            return False
        if (element.vr or dictionary(element.tag)) in _TEXT_VRS:
            return bool(bytes(element.value).strip(b"\0 "))
        return len(element.value) > 0

    def numbers(self, keyword: str) -> tuple[int, ...]:
        """All integers; none where they make no sense."""
        return self.integers(self.element(keyword))

    def integers(self, element: Element | None) -> tuple[int, ...]:
        """The integers of an element; none where they make no sense."""
        try:
            return self.file.ints(element.tag) if element else ()
        except DicomError:
            return ()

    def number(self, keyword: str) -> int | None:
        """The first integer."""
        return next(iter(self.numbers(keyword)), None)

    def text(self, keyword: str) -> str:
        """All values, separated by backslashes; empty where absent."""
        element = self.element(keyword)
        return self.file.text(element.tag) if element else ""

    def texts(self, keyword: str) -> list[str]:
        """Each value without padding."""
        text = self.text(keyword)
        return [part.strip() for part in text.split("\\")] if text else []

    def decimals(self, keyword: str) -> tuple[float, ...] | None:
        """The values of a DS, without empty ones; None where one is no finite number."""
        try:
            values = tuple(float(part) for part in self.texts(keyword) if part)
        except ValueError:
            return None
        return values if all(map(math.isfinite, values)) else None


def as_sentence(problem: Refusal) -> str:
    """A refusal's reason: those of codecs are written without capital and full stop."""
    return f"{problem.reason[:1].upper()}{problem.reason[1:].rstrip('.')}."


def quoted(text: str) -> str:
    """A value of the file, fit for a sentence."""
    short = text if len(text) <= _QUOTED else f"{text[:_QUOTED]}..."
    return ascii(short)
