"""What the data set says of lossy compression, past and present (PS3.3 C.7.6.1.1.5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ... import syntaxes
from ...codec import uids
from ...dicom.syntaxes import VIDEO
from ..findings import Finding
from .header import Header, quoted
from .table import found

_FLAG: Final = "LossyImageCompression"
_RATIO: Final = "LossyImageCompressionRatio"
_METHOD: Final = "LossyImageCompressionMethod"
_JPEG: Final = "1.2.840.10008.1.2.4."
# All of JPEG but processes 14, 15, 28 and 29; all video but SMPTE ST 2110's, which is none.
_ALWAYS_LOSSY: Final = frozenset(
    [f"{_JPEG}{number}" for number in (*range(50, 57), *range(59, 65))]
    + [uid for uid in VIDEO if uid.startswith(_JPEG)]
)
# Part 15 is named by its own method, but HTJ2K writers of before 2023 name Part 1's.
_ALSO: Final = {
    uids.HTJ2K: ("ISO_15444_1",),
    uids.JPEGXLJPEGRecompression: ("ISO_10918_1", "ISO_18181_1"),
    uids.JPEG2000MC: ("ISO_15444_1", "ISO_15444_2"),
}


def by_syntax(header: Header) -> Iterator[Finding]:
    """Report a lossy transfer syntax without the flag, whether or not it can be decoded."""
    if header.file.syntax in _ALWAYS_LOSSY:
        yield from _flag(header, "the transfer syntax")


def by_codestream(header: Header) -> Iterator[Finding]:
    """Report codestreams that were found to be lossy without the flag, or a wrong method."""
    if header.file.syntax not in _ALWAYS_LOSSY:
        yield from _flag(header, "the codestream")
    yield from _last_method(header)


def _flag(header: Header, what: str) -> Iterator[Finding]:
    value = header.text(_FLAG)
    if value != "01":
        stands = f"is {quoted(value)}" if value else "is missing"
        yield found("lossy_flag_missing", f"It {stands}, and {what} is lossy.", _FLAG)


def claims(header: Header) -> Iterator[Finding]:
    """Report a flag that is impossible, or does not say how."""
    value = header.text(_FLAG)
    if value not in ("", "00", "01"):
        yield found("lossy_history", f"It is {quoted(value)}; only 00 and 01 exist.", _FLAG)
    if value == "01" and not header.has(_METHOD):
        yield found("lossy_method_missing", "It is missing or empty.", _METHOD)
    if value == "01" and not header.has(_RATIO):
        yield found("lossy_ratio_missing", "It is missing or empty.", _RATIO)
    if value == "00" and header.has(_METHOD):
        yield found("lossy_history", "There is a method, and the flag is 00.", _METHOD)


def history(header: Header) -> Iterator[Finding]:
    """Report ratios that are impossible, or not as many as the methods."""
    ratios, methods = header.texts(_RATIO), header.texts(_METHOD)
    values = header.decimals(_RATIO)
    if header.has(_RATIO) and (values is None or any(value <= 0 for value in values)):
        yield found("lossy_history", f"{quoted(header.text(_RATIO))} are no ratios.", _RATIO)
    if header.has(_RATIO) and header.has(_METHOD) and len(ratios) != len(methods):
        sentence = f"There are {len(ratios)} ratios and {len(methods)} methods."
        yield found("lossy_history", sentence, _RATIO)


def _last_method(header: Header) -> Iterator[Finding]:
    syntax = header.file.syntax
    expected = (*_ALSO.get(syntax, ()), syntaxes.LOSSY_METHODS.get(syntax, ""))
    methods = [method for method in header.texts(_METHOD) if method]
    if methods and any(expected) and methods[-1] not in expected:
        sentence = f"The last one is {quoted(methods[-1])}, under transfer syntax {syntax}."
        yield found("lossy_history", sentence, _METHOD)


CHECKS: Final = (by_syntax, claims, history)
