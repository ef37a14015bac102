"""Decoders that are told what to say, and registries that have them for witnesses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from orthanc_transcoder.codec import registry, uids
from orthanc_transcoder.codec.contract import Codec, Decoded, Independence, PixelFormat, Witness
from orthanc_transcoder.codec.registry import Registry
from orthanc_transcoder.codec.witnesses import Line, Witnesses
from orthanc_transcoder.errors import Refusal
from orthanc_transcoder.model import Request, Rules
from orthanc_transcoder.pipeline import transcode
from tests.rules.whole import codestreams
from tests.synthesis import Image, encapsulated_file, native_file, texture

REAL = registry.default_registry()


def truth(decoded: Decoded) -> Decoded:
    """What the codec reads, too."""
    return decoded


def one_sample_off(decoded: Decoded) -> Decoded:
    """The last sample is another one."""
    samples = decoded.samples.copy()
    samples.reshape(-1)[-1] ^= np.ones((), samples.dtype)
    return replace(decoded, samples=samples)


def raising(refusal: Refusal) -> Callable[[Decoded], Decoded]:
    """Nothing is read."""

    def answer(_: Decoded) -> Decoded:
        raise refusal

    return answer


@dataclass
class Told:
    """A witness that asks the codec, and answers as it is told."""

    syntax: str
    answer: Callable[[Decoded], Decoded] = truth
    holds_lock: bool = False
    sound_only: bool = False
    name: str = "told"
    version: str = "7"
    asked: list[bytes] = field(default_factory=list)

    @property
    def decodes(self) -> frozenset[str]:
        return frozenset((self.syntax,))

    @property
    def codec(self) -> Codec:
        return REAL.decoder(self.syntax)

    def cannot_read(self, pixels: PixelFormat, syntax: str) -> str | None:
        return None

    def decode(self, frame: bytes, pixels: PixelFormat, syntax: str, threads: int = 1) -> Decoded:
        self.asked.append(frame)
        return self.answer(self.codec.decode(frame, pixels, syntax))


def registry_with(
    witness: Witness | str,
    syntax: str,
    independence: Independence = Independence.IMPLEMENTATION,
    *,
    beside: bool = False,
) -> Registry:
    """The real codecs, and one witness of a syntax (or why it is missing)."""
    name = witness if isinstance(witness, str) else witness.name
    table = {syntax: (Line(name, independence, beside),)}
    return Registry(REAL._sources, Witnesses([lambda: {name: witness}], table))


def with_offset_beyond(image: Image) -> bytes:
    """RLE whose header has an offset of a segment that there is not (PS3.5 G.5 asks for 0).

    What two decoders differ about, though both find the same samples.
    """
    request = Request((uids.RLELossless,))
    sound, _ = transcode(native_file(image, texture(image)), request, Rules(), REAL)
    assert sound is not None
    (frame,) = codestreams(sound)
    return encapsulated_file(image, [frame[:60] + b"\7\0\0\0" + frame[64:]], uids.RLELossless)
