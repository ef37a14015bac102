"""Palette colour tables (PS3.3 C.7.6.3.1.5, C.7.6.3.1.6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..findings import Finding
from .header import Header
from .table import found

_COLOURS: Final = ("Red", "Green", "Blue")


def tables(header: Header) -> Iterator[Finding]:
    """Report tables that are missing or that their descriptors belie."""
    if header.text("PhotometricInterpretation") != "PALETTE COLOR":
        return
    shapes = set()
    for colour in _COLOURS:
        keyword = f"{colour}PaletteColorLookupTableDescriptor"
        descriptor = header.numbers(keyword)
        if not header.has(keyword):
            yield found("palette_missing", "It is missing or empty.", keyword)
        elif len(descriptor) != 3 or descriptor[2] not in (8, 16):
            sentence = f"It is {descriptor}: not three values, or not of 8 or 16 bits."
            yield found("palette_descriptor", sentence, keyword)
        else:
            shapes.add((descriptor[0] % 65536, descriptor[2]))
            yield from _data(header, colour, *_shape(descriptor))
    if len(shapes) > 1:
        sentence = "The colours' tables differ in the number of entries or bits."
        yield found("palette_descriptor", sentence, "RedPaletteColorLookupTableDescriptor")


def _shape(descriptor: tuple[int, ...]) -> tuple[int, int]:
    """Entries, where 0 means 65536 and an SS may call it negative; and their bits."""
    return descriptor[0] % 65536 or 65536, descriptor[2]


def _data(header: Header, colour: str, entries: int, bits: int) -> Iterator[Finding]:
    keyword = f"{colour}PaletteColorLookupTableData"
    if header.has(f"Segmented{keyword}"):
        return  # its length says nothing of the entries (C.7.9.2)
    element = header.element(keyword)
    if element is None or not len(element.value):
        yield found("palette_missing", "It is missing or empty.", keyword)
        return
    # Entries of 8 bits are packed in bytes, or (formerly) alone in words.
    proper = {entries * 2} | ({entries, entries + entries % 2} if bits == 8 else set())
    if len(element.value) not in proper:
        sentence = f"It has {len(element.value)} bytes for {entries} entries of {bits} bits."
        yield found("palette_descriptor", sentence, keyword)


CHECKS: Final = (tables,)
