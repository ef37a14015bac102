"""What JPEG 2000 and HTJ2K decoding share: the codestream is followed, not the header.

The codestream's own colour transform, undone, gives RGB; a header that claims
YBR_RCT or YBR_ICT of a codestream without one is wrong, and the samples are RGB.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..errors import CodecError
from . import checks, j2k_codestream
from .contract import Decoded, PixelFormat, Samples
from .j2k_codestream import Codestream

_TRANSFORMED = ("YBR_RCT", "YBR_ICT")


def decode(
    frame: bytes,
    pixels: PixelFormat,
    library: Callable[[Codestream], Samples],
    *,
    high_throughput: bool,
    max_lossy_bits: int = 64,
) -> Decoded:
    """Decode one frame with ``library``, once its headers are found sound.

    Parameters
    ----------
    frame, pixels
        As in ``contract.Codec.decode``.
    library
        Decodes a complete codestream; raises CodecError.
    high_throughput
        Whether the transfer syntax asks for HTJ2K code-blocks.
    max_lossy_bits
        The most magnitude bit-planes that ``library`` bears in the 9-7 transform.

    Raises
    ------
    CodecError
        If the codestream is damaged, truncated, implausible or of the other kind.
    """
    stream = j2k_codestream.parse(frame)
    checks.require_plausible(stream.format, pixels)
    if stream.multiple_component_transform > 1:
        raise CodecError("unsupported_codestream", "a Part 2 component transform")
    if stream.high_throughput != high_throughput:
        kind = "an HTJ2K" if stream.high_throughput else "a JPEG 2000"
        raise CodecError("unsupported_codestream", f"{kind} codestream under another syntax")
    if not stream.reversible and stream.magnitude_bits > max_lossy_bits:
        raise CodecError("unsupported_codestream", f"{stream.magnitude_bits} bit-planes, lossy")
    photometric, notes = _colour(stream, pixels)
    samples = checks.require_declared(library(stream), stream.format)
    if stream.order:
        if len(stream.order) != stream.format.components:
            raise CodecError("damaged_codestream", "a JP2 channel definition of other components")
        samples = np.ascontiguousarray(samples[..., list(stream.order)])
    return Decoded(
        samples=samples,
        bits=stream.format.bits,
        signed=stream.format.signed,
        photometric=photometric,
        lossy=not stream.reversible,
        notes=(*stream.notes, *checks.disagreements(stream.format, pixels), *notes),
        sign_declared=True,
    )


def _colour(stream: Codestream, pixels: PixelFormat) -> tuple[str, tuple[str, ...]]:
    """Return the samples' colour space, and a note where the header named another.

    ``multiple_component_transform`` decides: 1 says that the encoder was given
    RGB (ISO/IEC 15444-1 Annex G).
    """
    claimed = pixels.photometric
    if stream.format.components != 3:
        return (claimed if pixels.samples_per_pixel == 1 else "MONOCHROME2"), ()
    if stream.multiple_component_transform == 1:
        label = "YBR_RCT" if stream.reversible else "YBR_ICT"
        wrong = claimed != label
        return "RGB", (f"{claimed} in the header of a {label} codestream",) if wrong else ()
    if claimed in _TRANSFORMED or pixels.samples_per_pixel != 3:
        return "RGB", (f"{claimed} in the header of a codestream without colour transform",)
    return claimed, ()
