"""The stored samples, frame by frame: never more than one frame is held.

The digest. Each frame gives the BLAKE2b of its shape ``rows,columns,samples`` and
of its stored samples, colour by pixel, each as a little-endian word of 16 bits
(32 where they have more than 16), negative ones as two's complement; the image,
the BLAKE2b of its frames' digests. It is thus the same before and after any
lossless transcoding, whatever Bits Allocated, byte order, planes or VR are, and
differs where any sample does. Native YBR_FULL_422 is digested as the bytes it is,
since it has no sample of its own per pixel.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from ... import opinion, reading
from ...codec.contract import Codec, Samples
from ...codec.registry import Registry
from ...codec.witnesses import Seat
from ...dicom import frames, native
from ...dicom.elements import PIXEL_DATA
from ...dicom.file import DicomFile
from ...dicom.image import Image
from ...errors import Declined, Refusal
from ..findings import RANGES_LIMIT, Finding
from . import codestream
from .header import as_sentence
from .table import found

_DIGEST_BYTES = 16
_LISTED = 8  # frames that a finding names one by one


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: its samples, or what is wrong with it instead.

    ``stray`` counts samples with something beside Bits Stored.
    """

    samples: Samples | None = None
    findings: tuple[Finding, ...] = ()
    lossy: bool = False
    stray: int = 0


@dataclass(slots=True)
class _Noted:
    """What frames have in common: the first one's finding, how many, and the first of them."""

    finding: Finding
    count: int = 0
    first: list[int] = field(default_factory=list)
    last: int = 0

    def add(self, frame: int) -> None:
        if frame == self.last:
            return
        self.last = frame
        self.count += 1
        if self.count <= _LISTED:
            self.first.append(frame)


@dataclass(slots=True)
class Tally:
    """What all frames together say; add them one by one. There may be a million.

    Attributes
    ----------
    low, high
        Of all samples; None where no frame could be decoded.
    ranges
        Of the first frames.
    """

    frames: int = 0
    lossy: bool = False
    stray: int = 0
    low: int | None = None
    high: int | None = None
    ranges: list[tuple[int, int]] = field(default_factory=list)
    _findings: dict[str, _Noted] = field(default_factory=dict)
    _decoded: int = 0
    _digests: hashlib.blake2b = field(
        default_factory=lambda: hashlib.blake2b(digest_size=_DIGEST_BYTES)
    )
    _known: dict[bytes, int] = field(default_factory=dict)

    def add(self, frame: Frame) -> None:
        """Take note of the next frame."""
        self.frames += 1
        self.lossy |= frame.lossy
        self.stray += frame.stray
        for one in frame.findings:
            self._note(one)
        if frame.samples is not None:
            self._examine(frame.samples)

    def _examine(self, samples: Samples) -> None:
        digest = _digest(samples)
        low, high = int(samples.min()), int(samples.max())
        self._decoded += 1
        self._digests.update(digest)
        self._widen(low, high)
        first = self._known.setdefault(digest, self.frames)
        if low == high:
            self._note(found("frame_constant", f"Every sample is {low}."))
        elif first != self.frames:
            self._note(found("frame_duplicated", f"It equals frame {first}."))

    def _widen(self, low: int, high: int) -> None:
        self.low = low if self.low is None else min(self.low, low)
        self.high = high if self.high is None else max(self.high, high)
        if len(self.ranges) <= RANGES_LIMIT:
            self.ranges.append((low, high))

    def _note(self, finding: Finding) -> None:
        self._findings.setdefault(finding.code, _Noted(finding)).add(self.frames)

    @property
    def summary(self) -> Iterator[Finding]:
        """One finding per code, naming its frames; the sentence is the first one's."""
        for noted in self._findings.values():
            yield dataclasses.replace(noted.finding, where=_named(noted))

    @property
    def digest(self) -> str:
        """Of the whole image; empty unless every frame was decoded."""
        if not self.frames or self._decoded != self.frames:
            return ""
        return self._digests.hexdigest()

    @property
    def listed_ranges(self) -> tuple[tuple[int, int], ...]:
        """Of each frame, where there are several but not too many."""
        return tuple(self.ranges) if 1 < len(self.ranges) <= RANGES_LIMIT else ()


def read(
    file: DicomFile, image: Image, registry: Registry, second: Seat | str = ""
) -> Iterator[Frame]:
    """Decode frame after frame, each by the ``second`` decoder, too, if there is one.

    Raises
    ------
    Declined
        If there is no decoder.
    DicomError
        If the pixel data cannot be taken apart.
    """
    if image.encapsulated:
        return _encapsulated(file, image, registry, second)
    if image.subsampled:
        return _subsampled(file, image)
    return _native(file, image)


def marked(file: DicomFile, image: Image) -> Iterator[Frame]:
    """What the markers of each encapsulated frame say, without decoding it.

    Raises
    ------
    DicomError
        If the pixel data cannot be taken apart.
    """
    for data in frames.encoded_frames(file, image):
        yield _marked(codestream.read(data, image), image)


def _marked(stream: codestream.Stream | None, image: Image) -> Frame:
    findings = tuple(codestream.compare(stream, image, "")) if stream else ()
    return Frame(None, findings, stream is not None and stream.lossy)


def _native(file: DicomFile, image: Image) -> Iterator[Frame]:
    unpacked = native.unpack(file, image)
    stray = unpacked.unused_bits
    for index in range(len(unpacked)):
        yield Frame(unpacked[index], stray=0 if index else stray)


def _subsampled(file: DicomFile, image: Image) -> Iterator[Frame]:
    """Two samples per pixel, as they lie there."""
    element = file.element(PIXEL_DATA)
    if element is not None:
        for index in range(image.frames):
            start = index * image.frame_bytes
            part = element.value[start : start + image.frame_bytes]
            yield Frame(np.frombuffer(part, np.uint8).reshape(image.rows, -1))


def _encapsulated(
    file: DicomFile, image: Image, registry: Registry, second: Seat | str
) -> Iterator[Frame]:
    codec = registry.decoder(image.syntax)
    for data in frames.encoded_frames(file, image):
        yield _decoded(data, image, codec, second)


def _decoded(data: bytes, image: Image, codec: Codec, second: Seat | str) -> Frame:
    marks = _marked(codestream.read(data, image), image)
    findings, lossy = marks.findings, marks.lossy
    try:
        one = reading.decode(codec, data, image)
    except Refusal as problem:
        return dataclasses.replace(marks, findings=(*findings, *_undecodable(problem, findings)))
    if isinstance(second, Seat):
        other = opinion.of_frame(one, second.witness, data, image)
        if other.disagrees:
            findings = (*findings, found(reading.DISAGREE, other.disagrees))
    stray = 0 if one.cells is None else native.stray(one.cells, image)
    return Frame(one.samples, tuple(_with_doubts(one, findings)), lossy, stray)


def _with_doubts(one: reading.Reading, findings: tuple[Finding, ...]) -> Iterator[Finding]:
    """The findings, and what makes the reading doubtful, unless one says it already."""
    for finding in findings:
        if finding.code != "sign_label" or reading.SIGN not in one.doubts:
            yield finding
    known = {finding.code for finding in findings}
    for code, sentence in one.doubts.items():
        if code not in known:
            yield found(code, sentence)


def _undecodable(problem: Refusal, findings: tuple[Finding, ...]) -> Iterator[Finding]:
    """Say why a frame could not be decoded, unless the disagreement says it already."""
    sentence = as_sentence(problem)
    if problem.code == "truncated_codestream":
        yield found("frame_truncated", sentence)
    elif isinstance(problem, Declined) or problem.code == "unsupported_codestream":
        if not any(one.code == "codestream_kind" for one in findings):
            yield found("no_decoder", sentence)
    elif problem.code != "implausible_size" or not findings:
        yield found("frame_undecodable", sentence)


def _digest(samples: Samples) -> bytes:
    """Of one frame (see the top)."""
    shape = (*samples.shape, 1)[:3]
    word = "<u4" if samples.dtype.itemsize > 2 else "<u2"
    digest = hashlib.blake2b(",".join(map(str, shape)).encode(), digest_size=_DIGEST_BYTES)
    digest.update(np.ascontiguousarray(samples.astype(word, copy=False)).data)
    return digest.digest()


def _named(noted: _Noted) -> str:
    """``frame 3``; ``frames 1, 2, 3 and 7 more``."""
    if noted.count == 1:
        return f"frame {noted.last}"
    text = ", ".join(map(str, noted.first))
    more = f" and {noted.count - _LISTED} more" if noted.count > _LISTED else ""
    return f"frames {text}{more}"
