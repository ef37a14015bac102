"""Orthanc's side of decoding single frames.

A file is sent to a worker once; the answer says where its frames lie. Later
requests for its frames send that frame's bytes alone, so that they cost time
and memory in proportion to the frame, not to the file. There may be millions of frames:
what is remembered of all files is bounded by its bytes.

Orthanc asks its own decoder for what we do not take, and that one runs within the
server: some damaged frames, and some headers, crash it. Left to it is therefore only what
is unknown to us, the transfer syntaxes for which there is no codec here, and, unless it is
switched off, what is native; both only where no reader can take the file for another.
Whatever else cannot be shown is answered with an image that Orthanc can't show, and so
with an error.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from array import array
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

from . import answers, peek, syntaxes
from .model import Picture, Rules
from .pool.jobs import Answer, Lane
from .pool.supervisor import Pool

_log = logging.getLogger(__name__)

_REMEMBERED_BYTES = 64 << 20
_FEW_BYTES = 4096  # of what is known of any file
# What reading an answer of another shape may raise.
_ODD = (AttributeError, KeyError, OverflowError, TypeError, ValueError)
_SAMPLED_PAGES = 64
_PAGE_BYTES = 4096
# What we merely do not know: a codec's unknown variants of a syntax are none of it.
_UNKNOWN = frozenset(("no_codec", "unknown_syntax"))


class _Known(NamedTuple):
    """What a worker found out about a file.

    Attributes
    ----------
    about
        All but where the frames lie.
    spans
        Offset and length of each fragment, frame after frame.
    ends
        Of each frame, in ``spans``.
    size
        Of all that in bytes, roughly: a palette is text.
    """

    about: dict[str, Any]
    spans: array[int]
    ends: array[int]
    size: int

    @classmethod
    def of(cls, index: dict[str, Any]) -> _Known:
        """Take a worker's answer; raises one of ``_ODD`` where it is none."""
        spans, ends = array("Q"), array("Q")
        for frame in index["spans"]:
            for offset, length in frame:
                spans.extend((offset, length))
            ends.append(len(spans))
        about = {name: value for name, value in index.items() if name != "spans"}
        palette = sum(len(entries) for _, entries in about["palette"])
        return cls(about, spans, ends, 8 * (len(spans) + len(ends)) + palette + _FEW_BYTES)

    def frame(self, data: memoryview, number: int) -> memoryview:
        """A frame's bytes, its fragments joined."""
        start = self.ends[number - 1] if number else 0
        own = self.spans[start : self.ends[number]]
        pairs = zip(own[::2], own[1::2], strict=True)
        parts = [data[offset : offset + length] for offset, length in pairs]
        return parts[0] if len(parts) == 1 else memoryview(b"".join(parts))


class DecodingService:
    """Decodes frames in the pool.

    Parameters
    ----------
    leave_native
        Whether Orthanc's own decoder is there for what is not compressed.
    rules
        How large a frame may be. All syntaxes are decoded, whichever are transcoded.
    seconds
        Gives the deadline of a job by its bytes.
    """

    def __init__(
        self,
        pool: Pool,
        leave_native: bool,
        rules: Rules,
        seconds: Callable[[int], float],
    ) -> None:
        self._pool = pool
        self._maximum_image_bytes = rules.maximum_image_bytes
        self._leave_native = leave_native
        self._seconds = seconds
        self._lock = threading.Lock()
        self._indexes: OrderedDict[bytes, _Known] = OrderedDict()
        self._size = 0

    def decode(self, data: memoryview, frame: int) -> Picture | None:
        """One frame, or None if Orthanc must go on without us.

        Parameters
        ----------
        data
            A DICOM file; must stay valid until this returns.
        frame
            From 0.
        """
        if self._leave_native and peek.undisputed_syntax(data) in syntaxes.NATIVE:
            return None
        key = _identify(data)
        known = self._known(key)
        call = _Call(self, key, data)
        if known is None:
            limit = self._maximum_image_bytes
            header = {"job": "open", "frame": frame, "maximum_image_bytes": limit}
            self._run(header, data, call)
        elif frame < len(known.ends):
            header = {"job": "render", "index": known.about}
            self._run(header, known.frame(data, frame), call)
        else:
            return Picture.nothing()
        return call.picture

    def remember(self, key: bytes, about: dict[str, Any]) -> None:
        """Keep what a worker found out about a file, in the place of what is oldest."""
        try:
            known = _Known.of(about)
        except _ODD:
            return  # then it is asked again
        with self._lock:
            self._size += known.size
            if former := self._indexes.pop(key, None):
                self._size -= former.size
            self._indexes[key] = known
            while self._size > _REMEMBERED_BYTES:
                self._size -= self._indexes.popitem(last=False)[1].size

    def forget(self, key: bytes) -> None:
        """Take a file apart anew when it comes again."""
        with self._lock:
            if former := self._indexes.pop(key, None):
                self._size -= former.size

    def _known(self, key: bytes) -> _Known | None:
        with self._lock:
            if key in self._indexes:
                self._indexes.move_to_end(key)
            return self._indexes.get(key)

    def _run(self, header: dict[str, Any], payload: memoryview, call: _Call) -> None:
        seconds = self._seconds(len(payload))
        job = {**header, "seconds": seconds}
        self._pool.run(
            job,
            payload,
            seconds,
            call.conclude,
            Lane.INTERACTIVE,
            examine=call.examine,
            most=answers.most_of_picture(self._maximum_image_bytes),
        )


class _Call:
    """One request for a frame, from an Orthanc thread to the pool and back."""

    def __init__(self, service: DecodingService, key: bytes, data: memoryview) -> None:
        self.picture: Picture | None = None
        self._service = service
        self._key = key
        self._data = data

    def examine(self, answer: Answer) -> None:
        """Look at what a worker answered; raises ``PoolError`` if it is not to be believed."""
        index = answers.index(answer, len(self._data))
        self.picture = answers.picture(answer)
        if index is not None:
            self._service.remember(self._key, index)

    def conclude(self, answer: Answer) -> None:
        """Take the pool's answer, on one of its threads."""
        header = answer.header
        if answer.error is not None:
            self._service.forget(self._key)  # what was remembered may be why
        elif self.picture is not None:
            return
        code = answer.error.code if answer.error else header.get("code", "")
        if code not in _UNKNOWN or not peek.undisputed_syntax(self._data):
            self.picture = Picture.nothing()
        reason = answer.error.reason if answer.error else header.get("reason", "an odd answer")
        name = peek.sop_instance_uid(self._data) or "an unidentified instance"
        _log.warning("a frame of %s was not decoded: %s", name, reason)


def _identify(data: memoryview) -> bytes:
    """A digest of a file's size, its head, its tail and pages in between.

    The whole file would cost more than decoding the frame.
    """
    digest = hashlib.blake2b(len(data).to_bytes(8, "big"), digest_size=16)
    digest.update(data[: 16 * _PAGE_BYTES])
    step = max(_PAGE_BYTES, len(data) // _SAMPLED_PAGES)
    for position in range(0, len(data), step):
        digest.update(data[position : position + _PAGE_BYTES])
    digest.update(data[-_PAGE_BYTES:])
    return digest.digest()
