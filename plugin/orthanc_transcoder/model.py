"""The values that travel between the stages: small, frozen, standard library only."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from . import typed
from .payload import Payload
from .quality.findings import Finding


@dataclass(frozen=True, slots=True)
class Request:
    """What Orthanc (or the command line) asks of one file.

    Attributes
    ----------
    allowed
        Transfer syntax UIDs that the caller accepts, in the caller's order.
    allow_new_sop_instance_uid
        Whether a result may carry a new SOP Instance UID. Where it may not,
        a lossy result is forbidden (PS3.3 C.12.4.1).
    relabel
        Whether a file without pixel data may be written anew under a compressed
        transfer syntax, which says nothing of it.
    replaces
        Whether the result may take the place of the original: then a second decoder
        reads it, too (see ``Rules.second_opinion``).
    """

    allowed: tuple[str, ...]
    allow_new_sop_instance_uid: bool = True
    relabel: bool = False
    replaces: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings that decide about images, as the workers need them (see ``settings``).

    Attributes
    ----------
    restrict
        Compressed transfer syntaxes that are read and made; empty means all.
    maximum_image_bytes
        Of the uncompressed pixel data; what promises more is declined.
    only_if_smaller
        ``auto``, a percentage that must be saved, or None (see ``policy``).
    unused_bits
        ``keep``, ``mask`` or ``decline``, for bits above Bits Stored that hold
        something which is neither a sign nor an overlay.
    lossy
        Whether lossy results are allowed at all.
    quality
        1 (worst) to 100 (best), where ``lossy_targets`` says nothing.
    lossy_targets
        Transfer syntax keyword to one of ``Quality``, ``PSNR``, ``Ratio``, ``Near``.
    maximum_error, minimum_psnr, maximum_ratio
        Gates of lossy results; 0 means none. Ratios are by ``MODALITY`` or
        ``MODALITY/BODY PART``.
    bypass
        Of JPEG 2000.
    effort
        Of JPEG XL.
    proof
        ``second`` or ``own``: who decodes again what was encoded (see ``proving``).
    second_opinion
        ``cheap``, ``all`` or ``none``: the sources that two decoders must read alike
        where they would be replaced (see ``opinion``).
    checks
        Whether what is replaced is checked, too, as it was received.
    """

    restrict: tuple[str, ...] = ()
    maximum_image_bytes: int = 2**32
    only_if_smaller: str | float | None = "auto"
    unused_bits: str = "keep"
    lossy: bool = False
    quality: int = 90
    lossy_targets: dict[str, dict[str, float]] = field(default_factory=dict)
    maximum_error: int = 0
    minimum_psnr: float = 0
    maximum_ratio: dict[str, float] = field(default_factory=dict)
    bypass: bool = False
    effort: int = 3
    proof: str = "second"
    second_opinion: str = "cheap"
    checks: bool = True


class Outcome(StrEnum):
    """What became of a request."""

    TRANSCODED = "transcoded"
    KEPT = "kept"  # already in an allowed syntax, or no smaller in another one
    DECLINED = "declined"  # must not be transcoded: the caller keeps the original
    UNASKED = "unasked"  # Orthanc stored it without asking for a transcoding
    FAILED = "failed"  # should have worked and did not: the caller keeps the original


_TUPLES = ("frame_measures", "notes", "received")  # of a report; JSON has lists


@dataclass(frozen=True, slots=True)
class Report:
    """What was done to one instance, and the proof.

    Attributes
    ----------
    outcome, code, reason
        What happened; ``code`` is stable, ``reason`` is a sentence. Both are
        empty where an image was transcoded.
    sop_instance_uid
        Of the file that was handed in; empty where it could not be read.
    result_sop_instance_uid
        Of the result, or of the original where that is kept.
    source_syntax, target_syntax
        Transfer syntax UIDs; the target is empty unless transcoded.
    source_bytes, result_bytes
        Sizes of the whole files.
    frames
        Number of frames transcoded.
    verified
        Whether every sample of the result was decoded again and found equal
        (lossy: measured, and within the limits).
    lossy
        Whether the result lost something in this transcoding.
    measures
        Of a lossy result: ``maximum_error`` in stored units, ``rmse``, ``psnr``
        in dB over the frame's actual range (None where equal), ``ssim`` (None
        where the frame is too small for it), each the worst frame's, and
        ``ratio`` of the pixel data.
    frame_measures
        The same of each frame, in order.
    evidence
        Of a lossy result, its worst frame as pictures (see ``quality.evidence``).
    parameters
        What the codec was asked for: as much as reproduces the encoding.
    codec, codec_version
        The library that encoded (or, to a native syntax, decoded).
    milliseconds
        Wall time from the request to the answer.
    notes
        Sentences about what the source had wrong and the result has not, such
        as a header that contradicted the codestream.
    doubts
        Why another sound reader may find other samples in the source: a sentence
        for each stable code. What is in doubt must not replace an original.
    instance
        Orthanc's identifier of the source; empty once it is recorded with it.
    larger_bytes
        Size of a result that was not kept, since it was not smaller.
    received
        What the checks found wrong with the source, where it was to be replaced.
    proof
        Of a lossless encoding, who decoded it again (see ``proving.Prover.summary``).
    second_opinion
        Of a source that would have been replaced, who else read it (see
        ``opinion.summary``).
    """

    outcome: Outcome
    code: str = ""
    reason: str = ""
    sop_instance_uid: str = ""
    result_sop_instance_uid: str = ""
    source_syntax: str = ""
    target_syntax: str = ""
    source_bytes: int = 0
    result_bytes: int = 0
    frames: int = 0
    verified: bool = False
    lossy: bool = False
    measures: dict[str, float | None] = field(default_factory=dict)
    frame_measures: tuple[dict[str, float | None], ...] = ()
    evidence: dict[str, Any] | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    codec: str = ""
    codec_version: str = ""
    milliseconds: float = 0.0
    notes: tuple[str, ...] = ()
    doubts: dict[str, str] = field(default_factory=dict)
    instance: str = ""
    proof: dict[str, Any] = field(default_factory=dict)
    second_opinion: dict[str, Any] = field(default_factory=dict)
    larger_bytes: int = 0
    received: tuple[Finding, ...] = ()

    @property
    def ratio(self) -> float:
        """Source size over result size; 0 where there is no result."""
        return self.source_bytes / self.result_bytes if self.result_bytes else 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``, the ratio included."""
        values = dataclasses.asdict(self)
        values["outcome"] = str(self.outcome)
        for name in _TUPLES:
            values[name] = list(values[name])
        values["ratio"] = round(self.ratio, 3)
        return values

    @classmethod
    def from_json(cls, values: object) -> Report:
        """The inverse of ``to_json``.

        Raises
        ------
        ValueError
            If the values are not a report's.
        """
        if isinstance(values, dict):
            values = {name: value for name, value in values.items() if name != "ratio"}
        return typed.build(cls, values)


# By format, as ``host.abi`` has them.
PIXEL_BYTES = {
    "Grayscale8": 1,
    "Grayscale16": 2,
    "SignedGrayscale16": 2,
    "RGB24": 3,
    "RGB48": 6,
    "Grayscale32": 4,
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded frame as Orthanc shows it; rows follow each other without gaps.

    ``format`` is a name of ``host.sdk.PIXEL_FORMATS``; words are in native byte order.
    """

    format: str
    width: int
    height: int
    data: bytearray | Payload

    @classmethod
    def nothing(cls) -> Picture:
        """An image of a kind that Orthanc shows nowhere: it answers with an error."""
        return cls("Grayscale64", 1, 1, bytearray(8))
