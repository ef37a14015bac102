"""The contract that every codec keeps.

One codec is one module that offers one object of this protocol; the registry
names it in one line. The rules, tested for every codec alike:

- ``refuses`` is asked first and answers with a reason, never an exception.
- ``encode`` of a lossless syntax gives a codestream from which ``decode``
  gives back equal samples. The pipeline proves it all the same.
- ``decode`` raises ``CodecError`` on anything damaged or incomplete; it never
  returns a partial image, and follows the codestream, not the header. A codec
  may offer ``Auditor.salvage`` for those who want to see it all the same.
- Neither looks at any DICOM attribute beyond the ``PixelFormat`` it is given.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.generic]
Cells = NDArray[np.unsignedinteger]  # all of Bits Allocated


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

    The first four say how lossy a lossy syntax may be; the first of ``near``,
    ``ratio``, ``psnr`` that is set and that the codec knows decides, else
    ``quality`` (mapped as each codec's module says).

    Attributes
    ----------
    quality
        1 (worst) to 100 (best).
    psnr
        Least peak signal-to-noise ratio, in dB over the frame's actual range.
    ratio
        Native size of the frame over the codestream's, at least.
    near
        Greatest absolute error of a sample, for JPEG-LS.
    effort
        1 (fast) to 9 (small), for JPEG XL.
    bypass
        JPEG 2000's selective arithmetic coding bypass ("lazy" mode): faster.
    threads
        That the codec may use for the frame; the result is the same.
    """

    quality: int = 90
    psnr: float | None = None
    ratio: float | None = None
    near: int | None = None
    effort: int = 3
    bypass: bool = False
    threads: int = 1


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
        Precision that the codestream declares; the format's where it says nothing
        (RLE).
    signed
        Whether ``samples`` are signed: as the codestream declares. One that cannot
        (JPEG, JPEG-LS, JPEG XL, RLE) carries patterns: they are two's complement if
        the format is signed and of that very depth (JPEG: or deeper), else unsigned.
    photometric
        Colour space of ``samples``: what the codestream's own transform, now
        undone, was applied to; the format's where it says nothing.
    lossy
        Whether the codestream itself was coded irreversibly.
    notes
        Where codestream and expected format disagree, one sentence each.
    sign_declared
        Whether it is the codestream that says so.
    """

    samples: Samples
    bits: int
    signed: bool
    photometric: str
    lossy: bool
    notes: tuple[str, ...] = field(default=())
    sign_declared: bool = False


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
        Declined
            If these samples, rather than their format, cannot be encoded.
        """

    def decode(self, frame: bytes, pixels: PixelFormat, syntax: str, threads: int = 1) -> Decoded:
        """Decode one frame; ``pixels`` is what the header claims.

        ``threads`` may be used; a codec that has no use for them ignores it.

        Raises
        ------
        CodecError
            If the codestream is damaged, truncated, or larger than the
            claimed format allows to be plausible.
        Declined
            If the codestream is sound but beyond what this codec can take.
        """


@runtime_checkable
class Auditor(Protocol):
    """A codec whose ``decode`` looks for damage that its library bears in silence.

    That takes as long again. These two leave it out.
    """

    def decode_own(
        self, frame: bytes, pixels: PixelFormat, syntax: str, threads: int = 1
    ) -> Decoded:
        """As ``Codec.decode``, of what was encoded here and is now compared with its source."""

    def salvage(self, frame: bytes, pixels: PixelFormat, syntax: str) -> Decoded:
        """Decode what there is of a damaged frame, its end missing or not: to look at only.

        Raises
        ------
        CodecError
            If nothing can be decoded.
        """


@runtime_checkable
class CellDecoder(Protocol):
    """A codec of an encoding that carries whole cells of Bits Allocated, which is RLE."""

    def decode_cells(self, frame: bytes, pixels: PixelFormat) -> Cells:
        """Decode one frame to its cells, shaped as ``Decoded.samples``.

        Raises
        ------
        Refusal
            As ``Codec.decode``.
        """


class Independence(StrEnum):
    """How much two programs that must agree can have in common."""

    IMPLEMENTATION = "implementation"  # others wrote the other one
    BUILD = "build"  # of one source, or perhaps so: by other compilers, versions and bindings
    NONE = "none"  # it is the same


class Witness(Protocol):
    """A decoder that is asked beside the codec of a syntax, never instead of it."""

    @property
    def name(self) -> str:
        """As a ``Codec``'s."""

    @property
    def version(self) -> str:
        """As a ``Codec``'s."""

    @property
    def decodes(self) -> frozenset[str]:
        """As a ``Codec``'s."""

    @property
    def holds_lock(self) -> bool:
        """Whether it keeps Python's lock while it works, so that frames wait for each other."""

    @property
    def sound_only(self) -> bool:
        """Whether it must not see anything but what was encoded here: damage crashes it."""

    def cannot_read(self, pixels: PixelFormat, syntax: str) -> str | None:
        """Say why sound frames of this format are beyond it, or None."""

    def decode(self, frame: bytes, pixels: PixelFormat, syntax: str, threads: int = 1) -> Decoded:
        """As ``Codec.decode``."""


class Recompressor(Protocol):
    """A codec that turns one compressed frame into another without decoding samples.

    JPEG XL repacks a JPEG so that the identical JPEG can be had back: the only
    route between .50 and .111 (PS3.5 8.2.15). Header and colour space stay as they
    are, and what was lost; ``Codec.decode`` of either gives the same samples.
    """

    @property
    def name(self) -> str:
        """As the ``Codec``'s."""

    @property
    def version(self) -> str:
        """As the ``Codec``'s."""

    @property
    def recompresses(self) -> frozenset[tuple[str, str]]:
        """Pairs of source and target transfer syntax UIDs."""

    def recompress(self, frame: bytes, source: str, target: str) -> bytes:
        """Repack one frame; the result is proven to unpack to the same bytes.

        Raises
        ------
        CodecError
            If the frame is damaged, or is no such codestream.
        """
