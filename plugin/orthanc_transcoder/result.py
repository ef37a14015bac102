"""A transcoded file, looked at before Orthanc gets it: its core checks nothing.

The rule: a worker may have been taken over by the file that it was given. Its result is
handed on only if it is a DICOM file (PS3.10 7.1) in a transfer syntax that was asked for,
of the instance that was sent, and as long as was said. Whether the samples are the same
is proven in the worker: that is against mishaps, not against malice.
"""

from __future__ import annotations

import re
import zlib

from . import peek, syntaxes
from .dicom.elements import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, Element, Encoding, read
from .dicom.values import text
from .errors import DicomError
from .model import Report, Request
from .payload import Payload, head

_HEAD_BYTES = 1024 * 1024
_MEDIA_SOP_INSTANCE_UID, _TRANSFER_SYNTAX_UID = 0x00020003, 0x00020010
_SOP_INSTANCE_UID = 0x00080018
_NEW_UID = re.compile(r"[0-9.]{3,64}")
# What all readers see of an identifier, whatever else its value holds.
_SEEN = re.compile(r"[!-~]{0,64}")
_ENCODINGS = {syntaxes.IMPLICIT_LE: IMPLICIT_LE, syntaxes.EXPLICIT_BE: EXPLICIT_BE}


def check(
    result: bytearray | Payload, report: Report, request: Request, source: memoryview
) -> None:
    """Compare a result with what was asked for, and with what is said of it.

    Raises
    ------
    ValueError
        If they do not agree; says in what.
    OSError, EOFError
        If the result cannot be read.
    """
    if len(result) != report.result_bytes:
        raise ValueError(f"{len(result)} bytes, where {report.result_bytes} are said")
    try:
        syntax, uids = _identity(memoryview(head(result, _HEAD_BYTES)))
    except (DicomError, zlib.error) as error:
        raise ValueError(f"the result is no DICOM file: {error}") from error
    if syntax != report.target_syntax or syntax not in request.allowed:
        raise ValueError("the result has another transfer syntax than it should")
    if uids != {report.result_sop_instance_uid}:
        raise ValueError("the result has another SOP Instance UID than is said")
    _check_uid(report, request, source)


def _check_uid(report: Report, request: Request, source: memoryview) -> None:
    uid = report.result_sop_instance_uid
    former = _former(source)
    if report.lossy:
        if not request.allow_new_sop_instance_uid:
            raise ValueError("the result is lossy, where none is allowed")
        if uid in former or not _NEW_UID.fullmatch(uid):
            raise ValueError("the result is lossy, and has no new SOP Instance UID")
        return
    if former and _seen(uid) not in map(_seen, former):
        raise ValueError("the result has another SOP Instance UID than the source")


def _seen(uid: str) -> str:
    seen = _SEEN.match(uid)
    return seen[0] if seen else ""


def _former(source: memoryview) -> set[str]:
    """What may be the source's identifier, as far as it can be seen."""
    found = peek.sop_instance_uids(source)
    if peek.transfer_syntax(source) == syntaxes.DEFLATED_LE:
        try:
            view = memoryview(bytes(source[:_HEAD_BYTES]))
            found |= peek.sop_instance_uids(_inflated(view[_end_of_group2(view) :]))
        except (DicomError, ValueError, zlib.error):
            return set()
    return found


def _identity(view: memoryview) -> tuple[str, set[str]]:
    """Transfer syntax, and the identifiers of group 2 and of the data set."""
    end = _end_of_group2(view)
    group2 = _elements(view[:end], 144)
    if bytes(view[end : end + 2]) == b"\2\0":
        raise ValueError("group 2 is longer than it says")
    syntax = text(group2.get(_TRANSFER_SYNTAX_UID))
    body = _inflated(view[end:]) if syntax == syntaxes.DEFLATED_LE else view[end:]
    uid = _uid_of(body, _ENCODINGS.get(syntax, EXPLICIT_LE))
    named = text(group2.get(_MEDIA_SOP_INSTANCE_UID))
    return syntax, {named, uid} if uid else {named}


def _end_of_group2(view: memoryview) -> int:
    if bytes(view[128:140]) != b"DICM\2\0\0\0UL\4\0":
        raise ValueError("it does not begin like a DICOM file")
    return 144 + int.from_bytes(view[140:144], "little")


def _elements(view: memoryview, position: int) -> dict[int, Element]:
    found: dict[int, Element] = {}
    while position < len(view):
        element = read(view, position, EXPLICIT_LE)
        if element.tag in found or element.tag >> 16 != 2:
            raise ValueError("group 2 is odd")
        found[element.tag] = element
        position += len(element.span)
    return found


def _uid_of(body: memoryview, encoding: Encoding) -> str:
    """SOP Instance UID; empty where there is none, which Orthanc refuses."""
    position = 0
    while position < len(body):
        element = read(body, position, encoding)
        if element.tag == _SOP_INSTANCE_UID:
            return text(element)
        if element.tag > _SOP_INSTANCE_UID:
            break
        position += len(element.span)
    return ""


def _inflated(body: memoryview) -> memoryview:
    return memoryview(zlib.decompressobj(-zlib.MAX_WBITS).decompress(body, _HEAD_BYTES))
