"""One file through: parse, decode, encode, verify, write.

- Nothing is returned that was not proven: each encoded frame is decoded again
  and compared with the stored samples, then the finished file is parsed again
  and must hold exactly those frames and attributes that describe them.
- Whatever goes wrong becomes a report; the caller keeps the original.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from . import __version__, policy, syntaxes
from .codec.contract import Codec, EncodeOptions, PixelFormat, Samples
from .codec.registry import Registry
from .dicom import attributes, frames, native, overlays
from .dicom.elements import PIXEL_DATA, Element
from .dicom.file import DicomFile
from .dicom.image import Image, describe
from .errors import CodecError, Declined, DicomError, Refusal
from .model import Outcome, Report, Request, Rules

Changes = dict[int, Element | None]
Data = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class Source:
    """The stored samples of a file, decoded.

    Attributes
    ----------
    frames
        One array per frame (see ``contract.Decoded.samples``).
    pixels
        What the samples are; it follows the codestream, not the header.
    changes
        Elements that must change once the samples leave their old encoding.
    """

    frames: Sequence[Samples]
    pixels: PixelFormat
    codec: str
    codec_version: str
    changes: Changes
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """A finished, proven file."""

    data: bytes
    frames: int
    codec: str
    codec_version: str
    notes: tuple[str, ...]


def transcode(
    data: Data, request: Request, rules: Rules, registry: Registry
) -> tuple[bytes | None, Report]:
    """Transcode one DICOM file.

    Returns
    -------
    tuple
        The new file, or None if the original must be kept; and the report.
    """

    def work(file: DicomFile, report: Report) -> tuple[bytes | None, Report]:
        return _transcode(file, report, request, rules, registry)

    return _guarded(data, work)


def check(data: Data, registry: Registry) -> Report:
    """Decode every frame of one DICOM file, and say what is wrong with it."""

    def work(file: DicomFile, report: Report) -> tuple[None, Report]:
        source = _open(file, describe(file), Rules(), registry)
        count = sum(1 for _ in source.frames)
        return None, dataclasses.replace(
            report,
            outcome=Outcome.CHECKED,
            frames=count,
            codec=source.codec,
            codec_version=source.codec_version,
            notes=source.notes,
        )

    return _guarded(data, work)[1]


def _guarded(
    data: Data, work: Callable[[DicomFile, Report], tuple[bytes | None, Report]]
) -> tuple[bytes | None, Report]:
    """Parse, work, and turn whatever goes wrong into a report."""
    started = time.monotonic()
    report = Report(Outcome.FAILED, source_bytes=len(data))
    result: bytes | None = None
    try:
        file = DicomFile.parse(memoryview(data))
        report = _identify(report, file)
        result, report = work(file, report)
    except Declined as refusal:
        report = _refused(report, Outcome.DECLINED, refusal)
    except Refusal as refusal:
        report = _refused(report, Outcome.FAILED, refusal)
    except Exception as error:  # noqa: BLE001
        # The last border of a job: a defect of ours, or of a library, costs
        # this job only, and is named.
        text = f"{type(error).__name__}: {error}"
        report = _refused(report, Outcome.FAILED, Refusal("internal_error", text))
    elapsed = (time.monotonic() - started) * 1000
    return result, dataclasses.replace(report, milliseconds=round(elapsed, 1))


def _identify(report: Report, file: DicomFile) -> Report:
    return dataclasses.replace(
        report,
        sop_instance_uid=file.sop_instance_uid,
        result_sop_instance_uid=file.sop_instance_uid,
        source_syntax=file.syntax,
    )


def _refused(report: Report, outcome: Outcome, refusal: Refusal) -> Report:
    return dataclasses.replace(report, outcome=outcome, code=refusal.code, reason=refusal.reason)


def _transcode(
    file: DicomFile, report: Report, request: Request, rules: Rules, registry: Registry
) -> tuple[bytes | None, Report]:
    if file.syntax in request.allowed:
        reason = "the file is in an allowed transfer syntax already"
        return None, _refused(report, Outcome.KEPT, Refusal("same_syntax", reason))
    image = describe(file)
    target = policy.choose(request, syntaxes.NATIVE | registry.encodable)
    result = _convert(file, image, target, rules, registry)
    return result.data, dataclasses.replace(
        report,
        outcome=Outcome.TRANSCODED,
        target_syntax=target,
        result_bytes=len(result.data),
        frames=result.frames,
        verified=True,
        codec=result.codec,
        codec_version=result.codec_version,
        notes=result.notes,
    )


def _convert(
    file: DicomFile, image: Image, target: str, rules: Rules, registry: Registry
) -> Result:
    if target not in syntaxes.NATIVE:
        return _to_encapsulated(_open(file, image, rules, registry), file, target, registry)
    if image.encapsulated:
        return _to_native(_open(file, image, rules, registry), file, target)
    return _between_native(file, image, target)


def _open(file: DicomFile, image: Image, rules: Rules, registry: Registry) -> Source:
    if image.encapsulated:
        return _open_encapsulated(file, image, registry.decoder(file.syntax))
    return _open_native(file, image, rules)


def _open_native(file: DicomFile, image: Image, rules: Rules) -> Source:
    samples = native.unpack(file, image)
    notes = list(image.notes)
    if samples.unused_bits:
        text = (
            f"{samples.unused_bits} samples hold something in the bits above Bits Stored, "
            "which no compressed syntax of this kind carries"
        )
        if rules.unused_bits == "decline":
            raise Declined("unused_bits", text)
        notes.append(f"{text}; it was dropped")
    return Source(
        samples, image.format, "native", __version__, overlays.extract(file, image), tuple(notes)
    )


def _open_encapsulated(file: DicomFile, image: Image, codec: Codec) -> Source:
    encoded = frames.encoded_frames(file, image)
    decoded = [codec.decode(frame, image.format, file.syntax) for frame in encoded]
    formats = {
        _format_of(one.samples, one.bits, one.signed, one.photometric, image) for one in decoded
    }
    if len(formats) != 1:
        raise DicomError("frames_differ", f"the frames' codestreams differ: {formats}")
    notes = dict.fromkeys(
        (*image.notes, *encoded.notes, *(note for one in decoded for note in one.notes))
    )
    return Source(
        [one.samples for one in decoded],
        formats.pop(),
        codec.name,
        codec.version,
        {},
        tuple(notes),
    )


def _format_of(
    samples: Samples, bits: int, signed: bool, photometric: str, image: Image
) -> PixelFormat:
    return PixelFormat(
        rows=samples.shape[0],
        columns=samples.shape[1],
        samples_per_pixel=samples.shape[2] if samples.ndim == 3 else 1,
        bits_allocated=max(image.bits_allocated, samples.dtype.itemsize * 8),
        bits_stored=bits,
        signed=signed,
        photometric=photometric,
    )


def _to_encapsulated(source: Source, file: DicomFile, target: str, registry: Registry) -> Result:
    codec = registry.encoder(target)
    if reason := codec.refuses(source.pixels, target):
        raise Declined("codec_refuses", reason)
    encoded, photometric = _encode(source, target, codec)
    pixels = dataclasses.replace(source.pixels, photometric=photometric)
    changes = {
        **source.changes,
        **_attributes(file, pixels),
        **frames.encapsulate(encoded),
    }
    result = file.write(target, changes)
    _prove_encapsulated(result, file, target, pixels, encoded)
    return Result(result, len(encoded), codec.name, codec.version, source.notes)


def _encode(source: Source, target: str, codec: Codec) -> tuple[list[bytes], str]:
    """Encode and verify frame by frame; gives the frames and their colour space."""
    encoded = []
    photometrics = set()
    for number, samples in enumerate(source.frames, start=1):
        frame = codec.encode(samples, source.pixels, target, EncodeOptions())
        photometrics.add(frame.photometric)
        pixels = dataclasses.replace(source.pixels, photometric=frame.photometric)
        decoded = codec.decode(frame.data, pixels, target)
        if not _same(decoded.samples, samples) or decoded.photometric != source.pixels.photometric:
            raise CodecError("not_lossless", f"frame {number} is not the same when decoded again")
        encoded.append(frame.data)
    (photometric,) = photometrics
    return encoded, photometric


def _same(one: Samples, other: Samples) -> bool:
    return one.dtype == other.dtype and np.array_equal(one, other)


def _prove_encapsulated(
    result: bytes, file: DicomFile, target: str, pixels: PixelFormat, encoded: list[bytes]
) -> None:
    """Parse the result and compare it with what was verified."""
    written, image = _parse_again(result, file, target)
    if image.format != pixels:
        raise CodecError("wrong_attributes", f"{image.format} was written instead of {pixels}")
    found = frames.encoded_frames(written, image)
    if not all(one.startswith(other) for one, other in zip(found, encoded, strict=True)):
        raise CodecError("wrong_frames", "the written frames are not the verified ones")


def _parse_again(result: bytes, file: DicomFile, target: str) -> tuple[DicomFile, Image]:
    written = DicomFile.parse(result)
    if (written.syntax, written.sop_instance_uid) != (target, file.sop_instance_uid):
        raise CodecError("wrong_identity", "the written file has another identity")
    return written, describe(written)


def _to_native(source: Source, file: DicomFile, target: str) -> Result:
    changes = {
        **source.changes,
        **_attributes(file, source.pixels),
        **native.native_pixels(
            source.frames,
            source.pixels.bits_allocated,
            implicit=target == syntaxes.IMPLICIT_LE,
        ),
    }
    result = file.write(target, changes)
    _prove_native(result, file, target, source.pixels, source.frames)
    return Result(result, len(source.frames), source.codec, source.codec_version, source.notes)


def _prove_native(
    result: bytes, file: DicomFile, target: str, pixels: PixelFormat, expected: Sequence[Samples]
) -> None:
    """Parse the result and compare every sample."""
    written, image = _parse_again(result, file, target)
    if image.format != pixels:
        raise CodecError("wrong_attributes", f"{image.format} was written instead of {pixels}")
    found = native.unpack(written, image)
    if not all(_same(one, other) for one, other in zip(found, expected, strict=True)):
        raise CodecError("not_lossless", "the samples are not the same in the written file")


def _attributes(file: DicomFile, pixels: PixelFormat) -> Changes:
    return attributes.pixel_attributes(file, **dataclasses.asdict(pixels))


def _between_native(file: DicomFile, image: Image, target: str) -> Result:
    """Re-encode the data set alone: every bit of the samples stays, used or not."""
    result = file.write(target, {})
    written, new_image = _parse_again(result, file, target)
    if new_image.format != image.format or not _same_cells(file, image, written, new_image):
        raise CodecError("not_lossless", "the pixel data is not the same in the written file")
    return Result(result, image.frames, "native", __version__, image.notes)


def _same_cells(one: DicomFile, one_image: Image, other: DicomFile, other_image: Image) -> bool:
    if one.encoding.little and other.encoding.little:
        here, there = one.element(PIXEL_DATA), other.element(PIXEL_DATA)
        return bool(here and there and bytes(here.value) == bytes(there.value))
    ours, theirs = native.unpack(one, one_image), native.unpack(other, other_image)
    return all(np.array_equal(ours.cells(index), theirs.cells(index)) for index in range(len(ours)))
