"""Decoding of any JPEG that DICOM names, by imagecodecs' libjpeg-turbo (8 to 16 bits).

Colour. A JPEG whose components are YCbCr is decoded to RGB, because the
codestream itself had transformed it: what DCMTK, GDCM and Orthanc do, and what
every viewer shows for a native file. Components that are RGB come out as they
are. Which of the two it is, the codestream says, and the header only where it
says nothing; the first that applies decides:

1. an Adobe APP14 segment: transform 1 is YCbCr, 0 is not transformed;
2. component identifiers "R", "G", "B": RGB;
3. a JFIF segment, or sub-sampled components: YCbCr, even if the header claims
   RGB (an encoder that kept the native header);
4. the header: YBR_FULL and YBR_FULL_422 are YCbCr, everything else is not.

Lossless JPEG (process 14) transforms nothing: its components are the samples. It is
lossless with a point transform, too: the low bits come out as zeros, and nothing says
that the encoder was given anything else.

Samples are unsigned; the header's Pixel Representation says whether they are a
two's complement pattern (PS3.5 8.2.1).

Missing scans (see ``jpeg_scans``) and what libjpeg warns of (see ``libjpeg``) are
damage, whatever it decodes to. To look at, there is ``salvage``: what libjpeg makes of
it, as other viewers show it.
"""

from __future__ import annotations

from collections.abc import Callable

import imagecodecs
import numpy as np

from ..errors import CodecError
from . import checks, jpeg_codestream, jpeg_scans, libjpeg
from .contract import Decoded, PixelFormat, Samples
from .jpeg_codestream import Codestream

_PROCESSES = frozenset(
    (
        jpeg_codestream.SOF_BASELINE,
        jpeg_codestream.SOF_EXTENDED,
        jpeg_codestream.SOF_PROGRESSIVE,
        jpeg_codestream.SOF_LOSSLESS,
    )
)
LOSSLESS = frozenset((jpeg_codestream.SOF_LOSSLESS,))
_RGB_IDENTIFIERS = tuple(b"RGB")


def version() -> str:
    """Versions of imagecodecs and libjpeg-turbo."""
    return f"{imagecodecs.__version__}/{imagecodecs.jpeg8_version()}"


def require_library() -> None:
    """Raise ImportError where libjpeg lacks 12 bits or lossless JPEG, or can't be asked."""
    if not imagecodecs.JPEG8.available:
        raise ImportError("imagecodecs was built without libjpeg-turbo")
    if not imagecodecs.JPEG8.all_precisions:
        raise ImportError("imagecodecs' libjpeg-turbo is older than 3: no 12 or 16 bits")
    libjpeg.library()


def decode(
    frame: bytes, pixels: PixelFormat, expected: frozenset[int], *, audit: bool = True
) -> Decoded:
    """Decode one frame; ``expected`` are the processes that its syntax allows.

    ``audit`` is false for what was encoded here.

    Raises
    ------
    CodecError
        If the codestream is damaged, truncated or of a process not decoded.
    """
    stream = jpeg_codestream.parse(frame)
    decoded = _decoded(stream, pixels, expected)
    if audit:
        require_sound(stream)
    return decoded


def decode_by(
    library: Callable[[Codestream, bool], Samples],
    frame: bytes,
    pixels: PixelFormat,
    expected: frozenset[int],
) -> Decoded:
    """Decode one frame by another library: it is told whether to undo YCbCr.

    Raises
    ------
    CodecError
        As ``decode``.
    """
    return _decoded(jpeg_codestream.parse(frame), pixels, expected, library=library)


def salvage(frame: bytes, pixels: PixelFormat, expected: frozenset[int]) -> Decoded:
    """Decode what there is of one frame, its end marker included or not.

    Raises
    ------
    CodecError
        If that is nothing.
    """
    try:
        stream = jpeg_codestream.parse(frame)
    except CodecError:
        stream = jpeg_codestream.parse(frame + jpeg_codestream.END)
    return _decoded(stream, pixels, expected, masked=True)


def require_sound(stream: Codestream) -> None:
    """Raise CodecError where a scan is missing, or data of one is missing, bad or skipped."""
    if missing := jpeg_scans.missing(stream):
        raise CodecError("damaged_codestream", missing)
    if damage := libjpeg.damage(stream.data, jpeg_scans.shortened(stream)):
        raise CodecError("damaged_codestream", f"libjpeg-turbo: {damage}")


def _decoded(
    stream: Codestream,
    pixels: PixelFormat,
    expected: frozenset[int],
    *,
    masked: bool = False,
    library: Callable[[Codestream, bool], Samples] | None = None,
) -> Decoded:
    """Decode; ``masked`` drops what damage has put above the precision."""
    if stream.process not in _PROCESSES:
        raise CodecError("unsupported_codestream", f"JPEG process SOF{stream.process - 0xC0}")
    checks.require_plausible(stream.format, pixels)
    lossless = stream.process == jpeg_codestream.SOF_LOSSLESS
    photometric, transformed, notes = _colour(stream, pixels, lossless)
    if stream.process not in expected:
        notes = (*notes, "the codestream's JPEG process is not the transfer syntax's")
    samples = (library or _samples)(stream, transformed)
    if masked:
        samples = np.bitwise_and(samples, (1 << stream.format.bits) - 1, dtype=samples.dtype)
    pattern = checks.require_declared(samples, stream.format)
    samples = checks.without_sign(pattern, stream.format.bits, pixels, extends=True)
    return Decoded(
        samples=samples,
        bits=stream.format.bits,
        signed=samples.dtype.kind == "i",
        photometric=photometric,
        lossy=not lossless,
        notes=(*stream.notes, *checks.disagreements(stream.format, pixels, sign=False), *notes),
    )


def _colour(
    stream: Codestream, pixels: PixelFormat, lossless: bool
) -> tuple[str, bool, tuple[str, ...]]:
    """Return the samples' colour space, whether libjpeg must undo YCbCr, and notes."""
    claimed = pixels.photometric
    if stream.format.components == 1:
        return (claimed if pixels.samples_per_pixel == 1 else "MONOCHROME2"), False, ()
    if stream.format.components != 3:
        raise CodecError("unsupported_codestream", "JPEG with four components")
    if lossless:
        return (claimed if pixels.samples_per_pixel == 3 else "RGB"), False, ()
    claims_ybr = claimed.startswith("YBR")
    is_ybr = _is_ybr(stream, claims_ybr)
    if is_ybr == claims_ybr:
        return "RGB", is_ybr, ()
    found = "YCbCr" if is_ybr else "RGB"
    return "RGB", is_ybr, (f"{claimed} in the header of a JPEG whose components are {found}",)


def _is_ybr(stream: Codestream, claims_ybr: bool) -> bool:
    """Say whether three components are YCbCr, by the order at the top."""
    if stream.adobe_transform is not None:
        return stream.adobe_transform != 0
    if stream.components == _RGB_IDENTIFIERS:
        return False
    return stream.jfif or len(set(stream.sampling)) > 1 or claims_ybr


def _samples(stream: Codestream, transformed: bool) -> Samples:
    # Naming both spaces alike makes libjpeg leave the components alone.
    source = "ycbcr" if transformed else "rgb"
    spaces = {"colorspace": source, "outcolorspace": "rgb"} if stream.format.components > 1 else {}
    try:
        return imagecodecs.jpeg8_decode(stream.data, **spaces)  # type: ignore[arg-type]
    except (imagecodecs.Jpeg8Error, ValueError, NotImplementedError) as error:
        raise CodecError("damaged_codestream", f"libjpeg-turbo: {error}") from error
