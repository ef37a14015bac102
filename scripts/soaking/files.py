"""What is sent: real and made images of many kinds, and damaged ones; no two alike.

A real file becomes another instance by a replacement of UIDs of the same length,
so that whatever is odd in it stays as it is.
"""

from __future__ import annotations

import dataclasses
import functools
import io
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from tests.fuzz.damage import Kind, Original, damaged
from tests.rules.whole import codestreams, to
from tests.samples import all_samples
from tests.synthesis import Image, Samples, encapsulated_file, native_file, texture

_MOST_BYTES = 1_200_000  # of a real file
_MOST_FRAMES = 12  # as many as other decoders' results are compared of
_LEAST_UID = 24
_BATCH = 4
_NATIVE = (
    ExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
)
_LOSSLESS = (RLELossless, JPEGLosslessSV1, JPEGLSLossless)

_KINDS = (
    Image(bits_allocated=8),
    Image(bits_stored=10),
    Image(bits_stored=12),
    Image(bits_stored=12, signed=True),
    Image(),
    Image(signed=True),
    Image(samples=3, bits_allocated=8),
    Image(samples=3, bits_allocated=8, planar=1),
    Image(bits_stored=12, frames=4),
    Image(samples=3, bits_allocated=8, frames=3),
    Image(bits_allocated=8, photometric="PALETTE COLOR"),
    Image(bits_stored=12, photometric="MONOCHROME1"),
)

# Headers that contradict the pixel data, or themselves.
_CONTRADICTIONS: tuple[dict[str, object], ...] = (
    {"Rows": 4000},
    {"Columns": 0},
    {"NumberOfFrames": 1000},
    {"NumberOfFrames": -1},
    {"BitsAllocated": 32},
    {"BitsStored": 20},
    {"BitsStored": 5, "HighBit": 15},
    {"HighBit": 2},
    {"PixelRepresentation": 7},
    {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"},
    {"SamplesPerPixel": 4},
    {"PhotometricInterpretation": "NONSENSE"},
    # No larger: Orthanc itself makes room for a whole frame of a palette before it looks further.
    {"Rows": 9999, "Columns": 9999, "NumberOfFrames": 2**31 - 1},
)


@dataclass(frozen=True)
class File:
    """One file to send.

    Attributes
    ----------
    what
        A real file's name, or a kind; files of one kind share it.
    uid
        SOP Instance UID; empty where damage may have hit it.
    made
        Samples ``(frames, rows, columns, samples)``, if the file was made of some.
    native
        The same image uncompressed, if it was made compressed.
    """

    what: str
    content: bytes
    uid: str
    sound: bool
    made: Samples | None = None
    native: bytes = b""


@dataclass(frozen=True)
class _Template:
    """A real file, and where it names its study, series and itself."""

    name: str
    content: bytes
    uids: tuple[str, str, str]

    def renewed(self, uids: Sequence[str]) -> bytes:
        """The same with other UIDs, shortened to the length of those that it has."""
        content = self.content
        # The longest first: the others may be how it begins.
        for old, new in sorted(zip(self.uids, uids, strict=True), key=lambda pair: -len(pair[0])):
            content = content.replace(old.encode(), new[: len(old)].encode())
        return content


@functools.cache
def _templates() -> tuple[_Template, ...]:
    """Real files that can be renewed, in any syntax."""
    found = []
    for sample in all_samples():
        # DCMTK swaps words of big endian, whatever the samples are.
        odd = sample.bits_allocated not in (8, 16) and sample.syntax == ExplicitVRBigEndian
        small = sample.path.stat().st_size <= _MOST_BYTES and sample.frames <= _MOST_FRAMES
        if small and not odd:
            header = pydicom.dcmread(sample.path, stop_before_pixels=True)
            template = _Template(sample.name, sample.read(), _uids_of(header))
            if _can_be_renewed(template):
                found.append(template)
    return tuple(found)


def _can_be_renewed(template: _Template) -> bool:
    fresh = [_new_uid(random.Random(number)) for number in range(3)]
    if not all(len(uid) >= _LEAST_UID for uid in template.uids):
        return False
    header = pydicom.dcmread(io.BytesIO(template.renewed(fresh)), stop_before_pixels=True)
    same = header.SOPClassUID == header.file_meta.MediaStorageSOPClassUID
    expected = tuple(new[: len(old)] for old, new in zip(template.uids, fresh, strict=True))
    return same and _uids_of(header) == expected


def _uids_of(dataset: Dataset) -> tuple[str, str, str]:
    study, series = dataset.get("StudyInstanceUID"), dataset.get("SeriesInstanceUID")
    return study or "", series or "", dataset.SOPInstanceUID


def _new_uid(rng: random.Random) -> str:
    """Of 64 characters; the first two dozen differ from all others'."""
    digits = "".join(rng.choices("123456789", k=59))
    return f"2.25.{digits}"


class Files:
    """An endless supply, the same one for the same seed."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)

    def batch(self, damage: float) -> list[File]:
        """One study of up to four files; ``damage``: how many of all are damaged."""
        study, series = _new_uid(self._rng), _new_uid(self._rng)
        makers: tuple[Callable[[str, str], File], ...] = (self._real, self._made, self._coded)
        count = self._rng.randint(1, _BATCH)
        return [
            (self._damaged if self._rng.random() < damage else self._rng.choice(makers))(
                study, series
            )
            for _ in range(count)
        ]

    def _real(self, study: str, series: str) -> File:
        template = self._rng.choice(_templates())
        uid = _new_uid(self._rng)
        content = template.renewed((study, series, uid))
        return File(template.name, content, uid[: len(template.uids[2])], sound=True)

    def _made(self, study: str, series: str) -> File:
        image, samples = self._samples()
        # A made palette is little-endian.
        palette = image.photometric == "PALETTE COLOR"
        syntax = ExplicitVRLittleEndian if palette else self._rng.choice(_NATIVE)
        uid = _new_uid(self._rng)
        attributes = _identity(study, series, uid)
        content = native_file(image, samples, syntax=syntax, attributes=attributes)
        return File(f"made, {syntax.keyword}", content, uid, sound=True, made=samples)

    def _coded(self, study: str, series: str) -> File:
        image, samples = self._samples()
        syntax, uid = self._syntax(image), _new_uid(self._rng)
        identity = _identity(study, series, uid)
        content = _encode(image, samples, syntax, identity)
        native = native_file(image, samples, attributes=identity)
        return File(f"made, {syntax.keyword}", content, uid, True, samples, native)

    def _samples(self) -> tuple[Image, Samples]:
        image = dataclasses.replace(
            self._rng.choice(_KINDS),
            rows=self._rng.randint(1, 160),
            columns=self._rng.randint(1, 160),
        )
        return image, texture(image, self._rng.getrandbits(32))

    def _syntax(self, image: Image) -> UID:
        """Of a made image that is encoded; the last one may not hold a palette."""
        palette = image.photometric == "PALETTE COLOR"
        return self._rng.choice(_LOSSLESS if palette else (*_LOSSLESS, JPEG2000))

    def _damaged(self, study: str, series: str) -> File:
        uid = _new_uid(self._rng)
        identity = _identity(study, series, uid)
        makers = (self._damaged_code, self._damaged_native, self._contradiction)
        return self._rng.choice(makers)(identity)

    def _damaged_code(self, identity: dict[str, object]) -> File:
        """Of one frame, in any of the ways that the decoders are tried with."""
        image, samples = self._samples()
        image = dataclasses.replace(image, frames=1)
        content = _encode(image, samples[:1], self._syntax(image), identity)
        kinds = list(damaged(Original(content), len(Kind), self._rng.getrandbits(32)))
        kind, content = self._rng.choice(kinds)
        uid = "" if kind in (Kind.FILE, Kind.TRUNCATED_FILE) else str(identity["SOPInstanceUID"])
        return File(kind.value, content, uid, sound=False)

    def _damaged_native(self, identity: dict[str, object]) -> File:
        image, samples = self._samples()
        content = bytearray(native_file(image, samples, attributes=identity))
        if self._rng.random() < 0.5:
            del content[self._rng.randrange(132, len(content)) :]
            return File("truncated native file", bytes(content), "", sound=False)
        for _ in range(self._rng.randint(1, 4)):
            content[self._rng.randrange(132, len(content))] ^= 1 << self._rng.randrange(8)
        return File("flipped bits in a native file", bytes(content), "", sound=False)

    def _contradiction(self, identity: dict[str, object]) -> File:
        image, samples = self._samples()
        attributes = {**identity, **self._rng.choice(_CONTRADICTIONS)}
        uid, what = str(identity["SOPInstanceUID"]), "contradicting header"
        if self._rng.random() < 0.5:
            return File(what, native_file(image, samples, attributes=attributes), uid, sound=False)
        syntax = self._syntax(image)
        content = _encode(image, samples, syntax, attributes)
        # A codestream says itself what it holds; RLE's cells are what the header says.
        made = None if syntax == RLELossless else samples
        return File(what, content, uid, sound=False, made=made)


def _identity(study: str, series: str, uid: str) -> dict[str, object]:
    return {"StudyInstanceUID": study, "SeriesInstanceUID": series, "SOPInstanceUID": uid}


def _encode(image: Image, samples: Samples, syntax: str, attributes: dict[str, object]) -> bytes:
    """By our own codecs; what comes of it is compared by others."""
    encoded, _ = to(native_file(image, samples), syntax)
    header = pydicom.dcmread(io.BytesIO(encoded), stop_before_pixels=True)
    colour = {"PhotometricInterpretation": header.PhotometricInterpretation}
    return encapsulated_file(
        image, codestreams(encoded), syntax, attributes={**colour, **attributes}
    )
