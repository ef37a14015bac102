"""Digital signatures, as far as a transcoding may break them (PS3.3 C.12.1.1.3, PS3.15 C).

A signature is over the values of the elements that it names, and is neither verified
nor renewed here: that takes the signer's certificate.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final

from ..errors import DicomError
from .elements import Element, items, walk
from .file import DicomFile

_SIGNATURES: Final = 0xFFFAFFFA
_MAC_PARAMETERS: Final = 0x4FFE0001
_MAC_ID: Final = 0x04000005
_SIGNED: Final = 0x04000020
_TAG: Final = {True: Struct("<HH"), False: Struct(">HH")}


def signed(file: DicomFile) -> frozenset[int]:
    """Tags of the elements, at the top level, that a signature of the data set covers."""
    if file.element(_SIGNATURES) is None:
        return frozenset()
    try:
        used = {_value(one, _MAC_ID) for one in _items(file, _SIGNATURES)}
        covered = [one for one in _items(file, _MAC_PARAMETERS) if _value(one, _MAC_ID) in used]
        return frozenset(tag for one in covered for tag in _tags(one.get(_SIGNED)))
    except DicomError:
        return frozenset()  # nobody can verify what cannot be read


def broken_by(file: DicomFile, result: DicomFile) -> list[int]:
    """Tags of the signed elements that a transcoding has changed, in order.

    A change of byte order, or from implicit VRs, changes none: signatures are computed
    over explicit VRs in little endian.
    """
    return [tag for tag in sorted(signed(file)) if _canonical(file, tag) != _canonical(result, tag)]


def _canonical(file: DicomFile, tag: int) -> bytes | bytearray | memoryview:
    element = file.explicit(tag)
    return b"" if element is None else element.value


def _items(file: DicomFile, tag: int) -> Iterator[dict[int, Element]]:
    element = file.element(tag)
    if element is None:
        return
    for item in items(element):
        yield {one.tag: one for one in walk(item.content, item.encoding)}


def _value(item: dict[int, Element], tag: int) -> bytes:
    return bytes(item[tag].value) if tag in item else b""


def _tags(element: Element | None) -> list[int]:
    if element is None or len(element.value) % 4:
        return []
    form = _TAG[element.encoding.little]
    return [group << 16 | number for group, number in form.iter_unpack(element.value)]
