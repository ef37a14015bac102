"""Encoded frames are decoded again and compared, if possible by another program.

``codec.witnesses`` says who reads which syntax. A witness proves in the place of the
codec, or beside it; what it does not prove, the codec does: of each frame the report
can say who read it. Whoever disagrees, or fails, fails the proof: nobody is asked until
someone agrees.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np

from .codec.contract import (
    Auditor,
    Codec,
    Decoded,
    Encoded,
    Independence,
    PixelFormat,
    Samples,
)
from .codec.registry import Registry
from .codec.witnesses import Seat
from .errors import CodecError, Refusal


class Decode(Protocol):
    """As ``contract.Codec.decode``."""

    def __call__(
        self, frame: bytes, pixels: PixelFormat, syntax: str, threads: int = 1, /
    ) -> Decoded:
        """Decode one frame."""


class _Reader(NamedTuple):
    name: str
    decode: Decode


class Prover:
    """Proves the frames of one image.

    Parameters
    ----------
    pixels
        What the frames are.
    syntax
        That is written.
    second
        Whether another program is wanted.
    count
        Of the frames.
    """

    def __init__(
        self, registry: Registry, pixels: PixelFormat, syntax: str, *, second: bool, count: int
    ) -> None:
        self._codec = registry.decoder(syntax)
        self._pixels, self._syntax, self._count = pixels, syntax, count
        wanted = 'Proof is "own"'
        self._seat = registry.witnesses.prover(syntax, pixels) if second else wanted

    def prove(self, index: int, frame: Samples, encoded: Encoded, threads: int) -> None:
        """Decode one frame again and compare it.

        Raises
        ------
        CodecError
            If it is not the same, or cannot be decoded.
        """
        label = dataclasses.replace(self._pixels, photometric=encoded.photometric)
        for name, decode in self._readers(index):
            try:
                decoded = decode(encoded.data, label, self._syntax, threads)
            except Refusal as refusal:
                reason = f"Frame {index + 1} cannot be decoded again by {name}: {refusal.reason}"
                raise CodecError("not_lossless", reason) from refusal
            if not same(decoded.samples, frame) or decoded.photometric != self._pixels.photometric:
                reason = f"Frame {index + 1} is not the same when {name} decodes it again."
                raise CodecError("not_lossless", reason)

    def summary(self) -> dict[str, Any]:
        """Who proves, for the report.

        Returns
        -------
        dict
            ``by`` and ``version`` of the decoder, its ``independence`` of the encoder
            (see ``contract.Independence``) and the number of ``frames`` that it proves;
            ``others``, who proves the rest, if there is one; ``reason``, why it is not
            another one.
        """
        codec = self._codec
        if isinstance(self._seat, str):
            return _about(codec, Independence.NONE, self._count, reason=self._seat)
        witness = self._seat.witness
        proven = sum(self._seat.proves(index, self._count) for index in range(self._count))
        others = {} if proven == self._count else {"others": codec.name}
        return _about(witness, self._seat.independence, proven, **others)

    def _readers(self, index: int) -> Iterator[_Reader]:
        seat = self._seat
        witnessed = isinstance(seat, Seat) and seat.proves(index, self._count)
        if isinstance(seat, Seat) and witnessed:
            yield _Reader(seat.witness.name, seat.witness.decode)
        if isinstance(seat, str) or not witnessed or seat.beside:
            yield _Reader(self._codec.name, decoding(self._codec))


class _Named(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...


def _about(decoder: _Named, independence: Independence, frames: int, **more: str) -> dict[str, Any]:
    return {
        "by": decoder.name,
        "version": decoder.version,
        "independence": str(independence),
        "frames": frames,
        **more,
    }


def decoding(codec: Codec) -> Decode:
    """How the codec decodes what was encoded here: an audit would find nothing."""
    return codec.decode_own if isinstance(codec, Auditor) else codec.decode


def same(one: Samples, other: Samples) -> bool:
    """Whether two frames are equal in shape, type and every sample."""
    return one.dtype == other.dtype and np.array_equal(one, other)
