"""The sound streams of each syntax: several images, each by several sets of parameters.

What the package's own encoders do not offer (predictors, sub-sampling, tiles) is
asked of the libraries: such streams come from elsewhere all the time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import imagecodecs

from orthanc_transcoder.codec import checks, uids
from orthanc_transcoder.codec.contract import Encoded, EncodeOptions, PixelFormat, Samples
from orthanc_transcoder.codec.registry import default_registry
from tests.damage.images import COLOUR, GREY, image

REGISTRY = default_registry()

Encode = Callable[[Samples, PixelFormat], Encoded]
Recipe = tuple[tuple[str, ...], Encode]  # names of images, and how they are encoded


class Original(NamedTuple):
    """A sound frame, and what the header of its file says."""

    frame: bytes
    pixels: PixelFormat


def originals(syntax: str) -> list[Original]:
    """Every original of a syntax, always in the same order."""
    if syntax == uids.JPEGXLJPEGRecompression:
        return [_repacked(one) for one in originals(uids.JPEGBaseline8Bit)]
    return list(_encoded(RECIPES[syntax]))


def _encoded(recipes: tuple[Recipe, ...]) -> Iterator[Original]:
    for names, encode in recipes:
        for name in names:
            samples, pixels = image(name)
            encoded = encode(samples, pixels)
            header = dataclasses.replace(pixels, photometric=encoded.photometric)
            yield Original(encoded.data, header)


def _repacked(jpeg: Original) -> Original:
    pair = (uids.JPEGBaseline8Bit, uids.JPEGXLJPEGRecompression)
    recompressor = REGISTRY.recompressor(*pair)
    if recompressor is None:
        raise LookupError("no codec repacks JPEG as JPEG XL")
    return jpeg._replace(frame=recompressor.recompress(jpeg.frame, *pair))


def _ours(syntax: str, **options: Any) -> Encode:
    """The package's own encoder."""
    asked = EncodeOptions(**options)
    return lambda samples, pixels: REGISTRY.encoder(syntax).encode(samples, pixels, syntax, asked)


def _baseline(level: int, subsampling: str) -> Encode:
    def encode(samples: Samples, pixels: PixelFormat) -> Encoded:
        data = imagecodecs.jpeg8_encode(
            samples, level, subsampling=subsampling, bitspersample=pixels.bits_stored
        )
        return Encoded(bytes(data), "YBR_FULL_422")

    return encode


def _predicted(predictor: int) -> Encode:
    """Lossless JPEG by another selection value than 1."""

    def encode(samples: Samples, pixels: PixelFormat) -> Encoded:
        space = "rgb" if pixels.samples_per_pixel == 3 else None
        data = imagecodecs.jpeg8_encode(
            checks.to_pattern(samples, pixels.bits_stored),
            lossless=True,
            predictor=predictor,
            bitspersample=pixels.bits_stored,
            colorspace=space,
            outcolorspace=space,
        )
        return Encoded(bytes(data), pixels.photometric)

    return encode


def _few_resolutions(samples: Samples, pixels: PixelFormat) -> Encoded:
    """JPEG 2000 of two decompositions, without colour transform."""
    data = imagecodecs.jpeg2k_encode(
        samples,
        level=0,
        codecformat="j2k",
        reversible=True,
        resolutions=3,
        bitspersample=pixels.bits_stored,
        mct=False,
        numthreads=1,
    )
    return Encoded(bytes(data), pixels.photometric)


def _tiled(tlm: bool) -> Encode:
    """HTJ2K of several tiles; its precision is the whole cell's."""

    def encode(samples: Samples, pixels: PixelFormat) -> Encoded:
        colour = pixels.samples_per_pixel == 3
        data = imagecodecs.htj2k_encode(
            samples, reversible=True, rgb=colour, tile=(64, 64), resolutions=3, tlm=tlm
        )
        return Encoded(bytes(data), "YBR_RCT" if colour else pixels.photometric)

    return encode


_ALL = (*GREY, *COLOUR)
_CELLS = ("grey", "us")  # as deep as their cells
_UNSIGNED = ("mr", "grey", *COLOUR)

RECIPES: dict[str, tuple[Recipe, ...]] = {
    uids.RLELossless: ((_ALL, _ours(uids.RLELossless)),),
    uids.JPEGBaseline8Bit: (
        (_CELLS, _ours(uids.JPEGBaseline8Bit)),
        (_CELLS, _ours(uids.JPEGBaseline8Bit, quality=60)),
        (COLOUR, _baseline(95, "444")),
        (COLOUR, _baseline(75, "420")),
    ),
    uids.JPEGExtended12Bit: (
        (("mr", "ct12"), _ours(uids.JPEGExtended12Bit)),
        (("mr", "ct12"), _ours(uids.JPEGExtended12Bit, quality=60)),
    ),
    uids.JPEGLossless: (
        (("ct", "us"), _predicted(1)),
        (("mr", "cr"), _predicted(4)),
        (("mr", "grey"), _predicted(6)),
        (("ct", "us"), _predicted(7)),
    ),
    uids.JPEGLosslessSV1: ((_ALL, _ours(uids.JPEGLosslessSV1)),),
    uids.JPEGLSLossless: ((_ALL, _ours(uids.JPEGLSLossless)),),
    uids.JPEGLSNearLossless: (
        (_ALL, _ours(uids.JPEGLSNearLossless, near=1)),
        (("ct", "mr", "us"), _ours(uids.JPEGLSNearLossless, near=5)),
    ),
    uids.JPEG2000Lossless: (
        (_ALL, _ours(uids.JPEG2000Lossless)),
        (("ct", "mr", "us"), _ours(uids.JPEG2000Lossless, bypass=True)),
        (("ct", "us"), _few_resolutions),
    ),
    uids.JPEG2000: (
        (_ALL, _ours(uids.JPEG2000)),
        (("ct", "mr", "us"), _ours(uids.JPEG2000, ratio=8)),
    ),
    uids.HTJ2KLossless: (
        (_ALL, _ours(uids.HTJ2KLossless)),
        (_CELLS, _tiled(tlm=False)),
    ),
    uids.HTJ2KLosslessRPCL: (
        (_ALL, _ours(uids.HTJ2KLosslessRPCL)),
        (_CELLS, _tiled(tlm=True)),
    ),
    uids.HTJ2K: (
        (_ALL, _ours(uids.HTJ2K)),
        (("ct", "mr", "us"), _ours(uids.HTJ2K, ratio=8)),
    ),
    uids.JPEGXLLossless: (
        (_ALL, _ours(uids.JPEGXLLossless)),
        (("ct", "us"), _ours(uids.JPEGXLLossless, effort=1)),
        (("mr", "us"), _ours(uids.JPEGXLLossless, effort=7)),
    ),
    uids.JPEGXL: (
        (_UNSIGNED, _ours(uids.JPEGXL)),
        (("mr", "us"), _ours(uids.JPEGXL, quality=60)),
        (("mr", "us"), _ours(uids.JPEGXL, effort=7)),
    ),
}
SYNTAXES = (*list(RECIPES)[:-1], uids.JPEGXLJPEGRecompression, uids.JPEGXL)
