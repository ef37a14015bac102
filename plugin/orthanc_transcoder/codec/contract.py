"""The contract that every codec keeps.

One codec is one module that offers one object of this protocol; the registry
names it in one line. The rules, tested for every codec alike:

- ``refuses`` is asked first and answers with a reason, never an exception.
- ``encode`` of a lossless syntax gives a codestream from which ``decode``
  gives back equal samples. The pipeline proves it all the same.
- ``decode`` raises ``CodecError`` on anything damaged or incomplete; it never
  returns a partial image, and follows the codestream, not the header.
- Neither looks at any DICOM attribute beyond the ``PixelFormat`` it is given.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """What one frame is (PS3.3 C.7.6.3.1).

    ``photometric`` is the colour space of the samples as they lie in memory
    (``RGB``, ``YBR_FULL``, ``MONOCHROME2``, ``PALETTE COLOR``, ...).
    """

    rows: int
    columns: int
    samples_per_pixel: int
    bits_allocated: int
    bits_stored: int
    signed: bool
    photometric: str


@dataclass(frozen=True, slots=True)
class EncodeOptions:
    """Parameters of one encoding; a codec ignores what it has no use for.

    Attributes
    ----------
    quality
        1 (worst) to 100 (best), for lossy syntaxes only.
    """

    quality: int = 90


@dataclass(frozen=True, slots=True)
class Encoded:
    """One encoded frame.

    Attributes
    ----------
    data
        The codestream, ending with its end marker, without padding.
    photometric
        Photometric Interpretation that describes the codestream, for example
        ``YBR_RCT`` where the codec applied the reversible colour transform.
    """

    data: bytes
    photometric: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """One decoded frame.

    Attributes
    ----------
    samples
        Shape ``(rows, columns)`` for one sample per pixel, else
        ``(rows, columns, samples)``; native byte order, C-contiguous, the
        smallest of (u)int8/16/32 that holds ``bits`` bits; signed values are
        sign-extended.
    bits
        Precision that the codestream declares.
    signed
        Whether the codestream declares signed samples.
    photometric
        Colour space of ``samples``: what the codestream's own transform, now
        undone, was applied to; the format's where it says nothing.
    lossy
        Whether the codestream itself was coded irreversibly.
    notes
        Where codestream and expected format disagree, one sentence each.
    """

    samples: Samples
    bits: int
    signed: bool
    photometric: str
    lossy: bool
    notes: tuple[str, ...] = field(default=())


class Codec(Protocol):
    """A codec; stateless, so that one instance serves every thread."""

    @property
    def name(self) -> str:
        """Short name, for example ``imagecodecs/openjpeg``."""

    @property
    def version(self) -> str:
        """Versions of the wrapper and of the library below it."""

    @property
    def decodes(self) -> frozenset[str]:
        """Transfer syntax UIDs that ``decode`` takes."""

    @property
    def encodes(self) -> frozenset[str]:
        """Transfer syntax UIDs that ``encode`` makes."""

    def refuses(self, pixels: PixelFormat, syntax: str) -> str | None:
        """Say why frames of this format cannot be encoded to ``syntax``, or None."""

    def encode(
        self, samples: Samples, pixels: PixelFormat, syntax: str, options: EncodeOptions
    ) -> Encoded:
        """Encode one frame (shape and dtype as ``Decoded.samples`` describes).

        Raises
        ------
        CodecError
            If the library fails.
        """

    def decode(self, frame: bytes, pixels: PixelFormat, syntax: str) -> Decoded:
        """Decode one frame; ``pixels`` is what the header claims.

        Raises
        ------
        CodecError
            If the codestream is damaged, truncated, or larger than the
            claimed format allows to be plausible.
        """
