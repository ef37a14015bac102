"""Frames to codestreams, each proven or measured before the next.

Lossless: every frame is decoded again, by another program where there is one (see
``proving``), and must be equal, sample by sample. A codec's word is never taken for it.
Lossy: every frame is decoded again and measured; limits that are missed lead to higher
quality (see ``quality.gates``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from . import syntaxes
from .codec import uids
from .codec.contract import Codec, Encoded, EncodeOptions, PixelFormat, Samples
from .codec.lossy import native_size
from .codec.registry import Registry
from .errors import CodecError, Declined
from .model import Rules
from .parallel import by_index, within_frame
from .proving import Prover, decoding
from .quality import gates
from .quality.measures import Measures, compare, worst

# What an encoding depends on besides its aim, by the syntax that is encoded.
_KNOBS = {
    uids.JPEG2000Lossless: ("bypass",),
    uids.JPEGXLLossless: ("effort",),
    uids.JPEGXL: ("effort",),
}
_AIMS = ("quality", "psnr", "ratio", "near")


@dataclass(frozen=True, slots=True)
class Coded:
    """Encoded frames, and what they are.

    Attributes
    ----------
    pixels
        What the file's attributes must say of them.
    parameters
        What the codec was asked for: ``EncodeOptions`` but for threads, where they
        matter, and ``reversible`` of what is lossless.
    measures
        Of each frame, if the coding is lossy; else none.
    proof
        If it is lossless, by whom it was proven (see ``Prover.summary``).
    """

    frames: list[bytes]
    pixels: PixelFormat
    codec: str
    codec_version: str
    parameters: dict[str, Any] = field(default_factory=dict)
    measures: tuple[Measures, ...] = ()
    proof: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """Native size of the pixel data over the encoded size."""
        native = native_size(self.pixels) * len(self.frames)
        return native / sum(len(frame) for frame in self.frames)

    @property
    def ratios(self) -> list[float]:
        """The same of each frame."""
        native = native_size(self.pixels)
        return [native / len(frame) for frame in self.frames]


def encode_lossless(
    samples: Sequence[Samples],
    pixels: PixelFormat,
    target: str,
    registry: Registry,
    rules: Rules,
    threads: int = 1,
) -> Coded:
    """Encode and prove every frame.

    Parameters
    ----------
    target
        A lossless syntax, or a lossy one that may hold a lossless codestream.

    Raises
    ------
    Declined
        If the codec cannot carry such frames.
    CodecError
        If a frame is not the same when it is decoded again.
    """
    syntax = syntaxes.REVERSIBLE_TWIN.get(target, target)
    codec = _encoder(registry, pixels, syntax)
    inner = within_frame(len(samples), threads)
    options = EncodeOptions(effort=rules.effort, bypass=rules.bypass, threads=inner)
    second = rules.proof == "second"
    prover = Prover(registry, pixels, target, second=second, count=len(samples))

    def proven(index: int) -> Encoded:
        encoded = codec.encode(samples[index], pixels, syntax, options)
        prover.prove(index, samples[index], encoded, inner)
        return encoded

    frames = by_index(proven, len(samples), threads)
    (photometric,) = {frame.photometric for frame in frames}
    label = dataclasses.replace(pixels, photometric=photometric)
    parameters = {"reversible": True, **_asked(options, _KNOBS.get(syntax, ()))}
    data = [frame.data for frame in frames]
    proof = prover.summary()
    return Coded(data, label, codec.name, codec.version, parameters, proof=proof)


def encode_lossy(
    samples: Sequence[Samples],
    pixels: PixelFormat,
    target: str,
    registry: Registry,
    rules: Rules,
    cap: float,
    threads: int = 1,
) -> Coded:
    """Encode, measure, and try again at higher quality until the limits are kept.

    Parameters
    ----------
    cap
        Greatest ratio allowed, or 0.

    Returns
    -------
    Coded
        Without ``measures`` if it is lossless after all.

    Raises
    ------
    Declined
        If nothing that the target may hold keeps the limits.
    """
    codec = _encoder(registry, pixels, target)
    keyword = next(name for name, uid in syntaxes.KEYWORDS.items() if uid == target)
    options = gates.options_for(keyword, rules, cap)
    misses = []
    for _ in range(gates.ATTEMPTS):
        coded = _measured(samples, pixels, target, codec, options, threads)
        measures = worst(coded.measures)
        missed = gates.missed(measures, coded.ratio, rules, cap)
        if not missed and measures.maximum_error == 0 and target in syntaxes.REVERSIBLE_TWIN:
            break  # nothing was lost: then it shall not be called lossy
        if not missed:
            return coded
        misses.append(missed)
        options = gates.better(options)
    if target in syntaxes.REVERSIBLE_TWIN:
        return encode_lossless(samples, pixels, target, registry, rules, threads)
    raise Declined("lossy_limits", f"Every attempt missed a limit: {'; '.join(misses)}.")


def _measured(
    samples: Sequence[Samples],
    pixels: PixelFormat,
    target: str,
    codec: Codec,
    options: EncodeOptions,
    threads: int,
) -> Coded:
    inner = within_frame(len(samples), threads)
    options = dataclasses.replace(options, threads=inner)
    decode = decoding(codec)

    def measured(index: int) -> tuple[Encoded, Measures]:
        frame = samples[index]
        encoded = codec.encode(frame, pixels, target, options)
        label = dataclasses.replace(pixels, photometric=encoded.photometric)
        decoded = decode(encoded.data, label, target, inner)
        if decoded.samples.shape != frame.shape or decoded.samples.dtype != frame.dtype:
            raise CodecError("wrong_shape", "A lossy frame decodes to another shape or depth.")
        return encoded, compare(frame, decoded.samples)

    frames = by_index(measured, len(samples), threads)
    label = dataclasses.replace(pixels, photometric=frames[-1][0].photometric)
    data = [encoded.data for encoded, _ in frames]
    measures = tuple(measures for _, measures in frames)
    asked = {
        **{name: value for name, value in _asked(options, _AIMS).items() if value is not None},
        **_asked(options, _KNOBS.get(target, ())),
    }
    return Coded(data, label, codec.name, codec.version, asked, measures)


def _asked(options: EncodeOptions, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(options, name) for name in names}


def _encoder(registry: Registry, pixels: PixelFormat, syntax: str) -> Codec:
    codec = registry.encoder(syntax)
    if reason := codec.refuses(pixels, syntax):
        raise Declined("codec_refuses", reason)
    return codec
