"""A whole DICOM file, read from bytes and written to bytes (PS3.10 section 7).

The rule for reading: preamble and group 2 may be missing (Orthanc hands over
both kinds); what the transfer syntax then does not say is told from the first
element, as pydicom and DCMTK do. The rule for writing: the preamble stays,
group 2 is made anew, the data set is written in tag order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ..errors import Declined, DicomError
from .convert import as_explicit_le, pieces
from .deflate import deflated, inflated
from .elements import (
    IMPLICIT_LE,
    PIXEL_DATA,
    Buffer,
    Element,
    Encoding,
    begins_with_vr,
    items,
    tag_name,
    walk,
)
from .group2 import (
    META_SOP_CLASS,
    META_SOP_INSTANCE,
    META_SYNTAX,
    guess,
    make_group2,
    read_group2,
    split_preamble,
)
from .syntaxes import (
    DEFLATED_DATA_SETS,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    encoding_of,
)
from .values import numbers, text
from .vr import Context, resolve

INFLATE_LIMIT: Final = 2**30

SOP_CLASS_UID: Final = 0x00080016
SOP_INSTANCE_UID: Final = 0x00080018
_ICON_IMAGE_SEQUENCE: Final = 0x00880200
_BITS_ALLOCATED: Final = 0x00280100


@dataclass(frozen=True, slots=True)
class DicomFile:
    """One parsed file; make it with ``parse``.

    Attributes
    ----------
    syntax
        Transfer Syntax UID; where the file names none, the one that was told.
    size
        Of the whole file in bytes.
    encoding
        Of the data set as found.
    elements
        Top level of the data set in tag order.
    meta
        Group 2, empty where there is none.
    context
        What decides ambiguous VRs at the top level.
    notes
        Sentences about what the file has wrong around its pixels.
    """

    syntax: str
    size: int
    encoding: Encoding
    preamble: bytes
    meta: Mapping[int, Element]
    elements: Mapping[int, Element]
    context: Context
    notes: tuple[str, ...] = field(default=())

    @classmethod
    def parse(cls, data: Buffer, *, inflate_limit: int = INFLATE_LIMIT) -> DicomFile:
        """Read a file.

        Parameters
        ----------
        data
            The whole file, or a bare data set.
        inflate_limit
            Greatest size in bytes of a deflated data set.

        Raises
        ------
        DicomError
            If it is damaged, or deflated and larger than allowed.
        """
        view = memoryview(data)
        preamble, position = split_preamble(view)
        meta, position = read_group2(view, position)
        syntax = text(meta.get(META_SYNTAX))
        body = view[position:]
        if syntax in DEFLATED_DATA_SETS:
            body = memoryview(inflated(body, inflate_limit))
        encoding, notes = _detected(body, syntax)
        elements = _by_tag(walk(body, encoding))
        named = syntax or _native_syntax(encoding)
        context = Context().within(elements.values())
        return cls(named, len(view), encoding, preamble, meta, elements, context, notes)

    @property
    def sop_class_uid(self) -> str:
        """From the data set, else from group 2."""
        return self.text(SOP_CLASS_UID) or text(self.meta.get(META_SOP_CLASS))

    @property
    def sop_instance_uid(self) -> str:
        """From the data set, else from group 2."""
        return self.text(SOP_INSTANCE_UID) or text(self.meta.get(META_SOP_INSTANCE))

    def element(self, tag: int) -> Element | None:
        """The top-level element as read, or None."""
        return self.elements.get(tag)

    def explicit(self, tag: int) -> Element | None:
        """The top-level element in the form of ``changes``: explicit, little endian."""
        element = self.elements.get(tag)
        if element is not None and element.vr == "UN":  # holds implicit LE (PS3.5 6.2.2)
            element = Element(tag, "", element.value, element.undefined_length, IMPLICIT_LE)
        return element and as_explicit_le(element, self.context)

    def text(self, tag: int) -> str:
        """A text value without padding; all its values, separated by backslashes."""
        return text(self.elements.get(tag))

    def ints(self, tag: int) -> tuple[int, ...]:
        """The values of an US, SS, UL, SL, UV, SV, OV, AT or IS; empty where absent.

        Raises
        ------
        DicomError
            If the value is not made of integers.
        """
        element = self.elements.get(tag)
        if element is None or not len(element.value):
            return ()
        vr, little = self._numeric_vr(element)
        try:
            return numbers(element.value, vr, little)
        except ValueError as problem:
            raise DicomError(
                "bad_value", f"{tag_name(tag)} does not hold integers of VR {vr}."
            ) from problem

    def write(self, syntax: str, changes: Mapping[int, Element | None]) -> bytes:
        """Make a whole file.

        Parameters
        ----------
        syntax
            Transfer Syntax UID of the result.
        changes
            Elements to replace or add, in explicit little endian; None removes.

        Raises
        ------
        DicomError
            If the file lacks what group 2 must name, or holds a damaged sequence.
        Declined
            If the syntax cannot hold the data set.
        """
        self._check_icon(syntax)
        merged = {**self.elements, **changes}
        kept = [element for _, element in sorted(merged.items()) if element is not None]
        if syntax != self.syntax:
            _check_big_endian(kept, syntax)
        body = pieces(kept, encoding_of(syntax))
        if syntax in DEFLATED_DATA_SETS:
            body = iter((deflated(body),))
        changed = changes.get(SOP_INSTANCE_UID)
        sop_instance = text(changed) if changed else self.sop_instance_uid
        group2 = make_group2(self.meta, syntax, self.sop_class_uid, sop_instance)
        return b"".join((self.preamble, b"DICM", group2, *body))

    def _numeric_vr(self, element: Element) -> tuple[str, bool]:
        """VR and byte order; a known element under UN is implicit little endian."""
        if element.vr == "UN":
            return resolve(Element(element.tag, "", element.value), self.context), True
        return resolve(element, self.context), element.encoding.little

    def _check_icon(self, syntax: str) -> None:
        """An encapsulated icon follows the file's syntax, so it cannot outlive it (A.4)."""
        sequence = self.elements.get(_ICON_IMAGE_SEQUENCE)
        if sequence is None or syntax == self.syntax:
            return
        for item in items(sequence):
            for element in walk(item.content, item.encoding):
                if element.tag == PIXEL_DATA and element.undefined_length:
                    raise Declined("encapsulated_icon", "The icon image is compressed itself.")


def _detected(body: memoryview, syntax: str) -> tuple[Encoding, tuple[str, ...]]:
    """The data set's encoding, and a note where group 2 says otherwise."""
    if not syntax:
        return guess(body), ("The file does not name its transfer syntax.",)
    named = encoding_of(syntax)
    implicit = not begins_with_vr(body)
    if len(body) < 8 or implicit == named.implicit:
        return named, ()
    kind = "implicit" if implicit else "explicit"
    return Encoding(implicit, named.little), (
        f"The data set is written with {kind} VRs, against its transfer syntax.",
    )


def _native_syntax(encoding: Encoding) -> str:
    if encoding.implicit:
        return IMPLICIT_LITTLE
    return EXPLICIT_LITTLE if encoding.little else EXPLICIT_BIG


def _by_tag(elements: Iterable[Element]) -> dict[int, Element]:
    """Sort by tag; a repeated element is one element only if it repeats itself exactly."""
    found: dict[int, Element] = {}
    for element in elements:
        if element.tag in found and found[element.tag].span != element.span:
            raise DicomError(
                "duplicate_element", f"{tag_name(element.tag)} occurs twice, with two values."
            )
        if element.tag >> 16 in (0, 2):
            raise DicomError(
                "misplaced_group", f"{tag_name(element.tag)} does not belong into a data set."
            )
        found[element.tag] = element
    return dict(sorted(found.items()))


def _check_big_endian(elements: Iterable[Element], syntax: str) -> None:
    """Refuse 32-bit pixels: some readers swap cells in OW, as others swap words."""
    if syntax != EXPLICIT_BIG:
        return
    for element in elements:
        if element.tag == _BITS_ALLOCATED and 32 in bytes(element.value[:2]):
            raise Declined("big_endian_32_bit", "Readers disagree how 32 bits are swapped in OW.")
