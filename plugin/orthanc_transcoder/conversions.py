"""The ways from one transfer syntax to another; ``pipeline`` chooses among them.

Each opens the image, makes the new frames, changes what describes them and
nothing else, writes the file, and proves it before it is returned.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import __version__, opinion, proof, syntaxes
from .codec import uids
from .codec.contract import PixelFormat
from .codec.registry import Registry
from .coding import Coded, encode_lossless, encode_lossy
from .dicom import attributes, frames, native
from .dicom.elements import PIXEL_DATA, Element
from .dicom.file import DicomFile
from .dicom.image import Image
from .errors import CodecError, Declined, Refusal
from .model import Rules
from .policy import Mode
from .quality import evidence, gates
from .quality.findings import Finding
from .quality.measures import worst
from .source import Changes, Source, open_source, stored_samples_only

_BODY_PART = 0x00180015
_LOSSY = 0x00282110
_METHOD = 0x00282114


@dataclass(frozen=True, slots=True)
class Result:
    """A finished, proven file."""

    data: bytes
    sop_instance_uid: str
    frames: int
    codec: str
    codec_version: str
    notes: tuple[str, ...] = ()
    doubts: dict[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    lossy: bool = False
    measures: dict[str, float | None] = field(default_factory=dict)
    frame_measures: tuple[dict[str, float | None], ...] = ()
    evidence: dict[str, Any] | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    proof: dict[str, Any] = field(default_factory=dict)
    second_opinion: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Job:
    """One image on its way; ``replaces`` as in ``Request``."""

    file: DicomFile
    image: Image
    rules: Rules
    registry: Registry
    threads: int = 1
    replaces: bool = False

    def open(self) -> Source:
        """The image's samples."""
        asked = self.rules.second_opinion if self.replaces else "none"
        second = opinion.wanted(self.image.syntax, asked, self.registry)
        return open_source(self.file, self.image, self.registry, self.threads, second)


def reencode(file: DicomFile, target: str) -> Result:
    """Write a data set without an image in another native syntax.

    Raises
    ------
    CodecError
        If the way back does not give the same data set.
    """
    data = file.write(target, {})
    proof.prove_data_set(data, target, file)
    return Result(data, file.sop_instance_uid, 0, "native", __version__, file.notes)


def _to_native(job: Job, target: str) -> Result:
    if not job.image.encapsulated:
        return _between_native(job, target)
    source = job.open()
    cells = source.cells
    whole = source.samples if cells is None else [cells.cells(i) for i in range(len(cells))]
    implicit = target == syntaxes.IMPLICIT_LE
    changes = {
        **source.changes,
        **_lossy_flag(job.file, source),
        **_attributes(job.file, source.pixels, _high_bit(job, source)),
        **native.native_pixels(whole, source.pixels.bits_allocated, implicit=implicit),
    }
    data = job.file.write(target, changes)
    uid = job.file.sop_instance_uid
    if cells is None:
        proof.prove_native(data, target, uid, source.pixels, source.samples)
    else:
        proof.prove_cells(data, target, uid, source.pixels, job.image.high_bit, cells)
    return _result(job, data, source, len(whole))


def _high_bit(job: Job, source: Source) -> int:
    """High Bit of what is written: cells stay as they are."""
    return source.pixels.bits_stored - 1 if source.cells is None else job.image.high_bit


def _between_native(job: Job, target: str) -> Result:
    """Re-encode the data set alone: every bit of the pixel data stays."""
    image, uid = job.image, job.file.sop_instance_uid
    data = job.file.write(target, _as_words(job, target))
    if job.file.encoding.little and target != syntaxes.EXPLICIT_BE:
        proof.prove_same_bytes(data, target, job.file, image)
    else:
        cells = native.unpack(job.file, image)
        proof.prove_cells(data, target, uid, image.format, image.high_bit, cells)
    return Result(data, uid, image.frames, "native", __version__, image.notes)


def _as_words(job: Job, target: str) -> Changes:
    """Pixel Data of over 8 bits in OB, which is wrong, would keep its byte order in big endian."""
    element = job.file.explicit(PIXEL_DATA)
    wrong = element is not None and element.vr == "OB" and job.image.bits_allocated > 8
    if element is None or not wrong or target != syntaxes.EXPLICIT_BE:
        return {}
    return {PIXEL_DATA: dataclasses.replace(element, vr="OW")}


def _to_lossless(job: Job, target: str) -> Result:
    source = job.open()
    if target == uids.RLELossless and source.cells is not None:
        return _cells_to_rle(job, source, source.cells, target)
    source = stored_samples_only(job.file, source, job.rules)
    coded = encode_lossless(
        source.samples, source.pixels, target, job.registry, job.rules, job.threads
    )
    return _write_lossless(job, source, coded, target)


def _write_lossless(
    job: Job, source: Source, coded: Coded, target: str, high_bit: int | None = None
) -> Result:
    history = _lossy_flag(job.file, source)
    uid = job.file.sop_instance_uid
    return _write_coded(job, source, coded, target, history, uid, high_bit)


def _write_coded(
    job: Job,
    source: Source,
    coded: Coded,
    target: str,
    history: Changes,
    uid: str,
    high_bit: int | None = None,
) -> Result:
    """Write and prove a file of coded frames; ``history`` is what it says of losses."""
    changes = {
        **source.changes,
        **history,
        **_attributes(job.file, coded.pixels, high_bit),
        **frames.encapsulate(coded.frames),
    }
    data = job.file.write(target, changes)
    proof.prove_encapsulated(data, target, uid, coded.pixels, coded.frames)
    return Result(
        data,
        uid,
        len(coded.frames),
        coded.codec,
        coded.codec_version,
        source.notes,
        source.doubts,
        source.findings,
        parameters=coded.parameters,
        proof=coded.proof,
        second_opinion=source.second_opinion,
    )


def _cells_to_rle(job: Job, source: Source, cells: native.CellFrames, target: str) -> Result:
    """RLE carries whole cells, as native pixel data does: nothing needs to be dropped."""
    whole = [cells.cells(index) for index in range(len(cells))]
    pixels = source.pixels
    as_cells = dataclasses.replace(pixels, bits_stored=pixels.bits_allocated, signed=False)
    coded = encode_lossless(whole, as_cells, target, job.registry, job.rules, job.threads)
    described = dataclasses.replace(coded, pixels=pixels)
    return _write_lossless(job, source, described, target, job.image.high_bit)


def _to_lossy(job: Job, target: str) -> Result:
    source = stored_samples_only(job.file, job.open(), job.rules)
    body_part = job.file.text(_BODY_PART)
    cap = gates.ratio_cap(job.rules, job.image.modality, body_part)
    coded = encode_lossy(
        source.samples, source.pixels, target, job.registry, job.rules, cap, job.threads
    )
    if not coded.measures:
        return _write_lossless(job, source, coded, target)
    uid = f"2.25.{uuid.uuid4().int}"
    method = syntaxes.LOSSY_METHODS[target]
    history = attributes.lossy_attributes(
        job.file,
        ratio=coded.ratio,
        method=method,
        description=f"Lossy compression {method}, ratio {coded.ratio:.3g}:1",
        new_sop_instance_uid=uid,
    )
    result = _write_coded(job, source, coded, target, history, uid)
    pairs = zip(coded.measures, coded.ratios, strict=True)
    return _with_evidence(
        dataclasses.replace(
            result,
            lossy=True,
            measures=worst(coded.measures).to_json(coded.ratio),
            frame_measures=tuple(measures.to_json(ratio) for measures, ratio in pairs),
        ),
        lambda: _evidence(job, source, coded, target),
    )


def _with_evidence(result: Result, make: Callable[[], dict[str, Any]]) -> Result:
    """Add the pictures of the worst frame; where there can be none, the result is as good."""
    try:
        return dataclasses.replace(result, evidence=make())
    except Refusal as refusal:
        note = f"There is no picture of the worst frame: {refusal.reason}"
        return dataclasses.replace(result, notes=(*result.notes, note))


def _evidence(job: Job, source: Source, coded: Coded, target: str) -> dict[str, Any]:
    index = min(range(len(coded.frames)), key=lambda each: coded.measures[each].psnr)
    codec = job.registry.encoder(target)
    # Decoded once more: to keep every frame's samples until the worst is known takes more.
    decoded = codec.decode(coded.frames[index], coded.pixels, target, job.threads)
    return evidence.of_frame(index + 1, source.samples[index], decoded.samples, source.pixels)


def _repack(job: Job, target: str) -> Result:
    """JPEG to JPEG XL, from which the identical JPEG is proven to come back; and back."""
    codec = job.registry.recompressor(job.file.syntax, target)
    if codec is None:
        raise Declined("no_codec", f"Nothing here repacks {job.file.syntax} as {target}.")
    source = job.open()  # which says what is damaged or in doubt: repacking does not look
    packed = []
    for number, frame in enumerate(frames.encoded_frames(job.file, job.image), start=1):
        one = codec.recompress(frame, job.file.syntax, target)
        if target == uids.JPEGXLJPEGRecompression:
            back = codec.recompress(one, target, job.file.syntax)
            if not frame.startswith(back):
                raise CodecError("not_lossless", f"Frame {number} does not come back identical.")
        packed.append(one)
    data = job.file.write(target, frames.encapsulate(packed))
    uid = job.file.sop_instance_uid
    proof.prove_encapsulated(data, target, uid, job.image.format, packed)
    return Result(data, uid, len(packed), codec.name, codec.version, source.notes, source.doubts)


METHODS: dict[Mode, Callable[[Job, str], Result]] = {
    Mode.NATIVE: _to_native,
    Mode.REPACK: _repack,
    Mode.LOSSLESS: _to_lossless,
    Mode.LOSSY: _to_lossy,
}


def _result(job: Job, data: bytes, source: Source, count: int) -> Result:
    uid = job.file.sop_instance_uid
    return Result(
        data,
        uid,
        count,
        source.codec,
        source.codec_version,
        source.notes,
        source.doubts,
        second_opinion=source.second_opinion,
    )


def _attributes(file: DicomFile, pixels: PixelFormat, high_bit: int | None) -> Changes:
    return attributes.pixel_attributes(file, high_bit=high_bit, **dataclasses.asdict(pixels))


def _lossy_flag(file: DicomFile, source: Source) -> Changes:
    """What was coded irreversibly says so for ever (PS3.3 C.7.6.1.1.5), even if it did not."""
    if not source.lossy or file.text(_LOSSY) == "01":
        return {}
    changes: Changes = {_LOSSY: Element(_LOSSY, "CS", b"01")}
    method = syntaxes.LOSSY_METHODS.get(file.syntax)
    if method and not file.text(_METHOD):
        text = method.encode()
        changes[_METHOD] = Element(_METHOD, "CS", text + b" " * (len(text) % 2))
    return changes
