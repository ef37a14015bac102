"""Who the instance is, and whether the file says so consistently (PS3.10 7.1, PS3.5 9)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ...dicom import group2
from ...dicom.syntaxes import encoding_of
from ...dicom.values import text
from ..findings import Finding
from .header import Header, quoted
from .table import found

_UID: Final = re.compile(r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))+")
_UIDS: Final = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")


def uids(header: Header) -> Iterator[Finding]:
    """Report UIDs that are missing or malformed."""
    for keyword in _UIDS:
        value = header.text(keyword)
        if not value:
            yield found("missing_uid", f"{keyword} is missing or empty.", keyword)
        elif len(value) > 64 or not _UID.fullmatch(value):
            yield found("bad_uid", f"{keyword} {quoted(value)} is no proper UID.", keyword)


def meta(header: Header) -> Iterator[Finding]:
    """Compare group 2 with the data set."""
    pairs = (
        ("MediaStorageSOPClassUID", group2.META_SOP_CLASS, "SOPClassUID"),
        ("MediaStorageSOPInstanceUID", group2.META_SOP_INSTANCE, "SOPInstanceUID"),
    )
    for meta_keyword, tag, keyword in pairs:
        outside, inside = text(header.file.meta.get(tag)), header.text(keyword)
        if outside and inside and outside != inside:
            sentence = f"{meta_keyword} is {quoted(outside)}, {keyword} {quoted(inside)}."
            yield found("meta_disagrees", sentence, meta_keyword)


def encoding(header: Header) -> Iterator[Finding]:
    """Compare how the data set is written with its transfer syntax."""
    file = header.file
    if not text(file.meta.get(group2.META_SYNTAX)):
        sentence = "The file does not name its transfer syntax."
        yield found("encoding_disagrees", sentence, "TransferSyntaxUID")
    elif file.encoding != encoding_of(file.syntax):
        kind = "implicit" if file.encoding.implicit else "explicit"
        sentence = f"The data set is written with {kind} VRs, against its transfer syntax."
        yield found("encoding_disagrees", sentence, "TransferSyntaxUID")


CHECKS: Final = (uids, meta, encoding)
