"""FFmpeg's JPEG 2000 decoder, the only one on PyPI that is not OpenJPEG, of what is written here.

It scales what lies between 8 and 16 bits up to 16; and it reads HTJ2K wrong
where samples are noise, which OpenJPEG and OpenJPH read alike.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from orthanc_transcoder.codec import uids
from orthanc_transcoder.codec.contract import Samples
from tests.codec import grid

av: Any = pytest.importorskip("av", reason="PyAV is not installed")


def decoded_by_ffmpeg(frame: bytes, bits: int) -> Samples:
    decoder = av.CodecContext.create("jpeg2000", "r")
    (picture,) = decoder.decode(av.Packet(frame)) or decoder.decode(None)
    samples: Samples = picture.to_ndarray()
    return np.right_shift(samples, 16 - bits) if samples.dtype.itemsize > 1 else samples


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize(
    ("syntax", "kinds"),
    [(uids.JPEG2000Lossless, grid.KINDS), (uids.HTJ2KLossless, ("smooth",))],
    ids=["JPEG 2000", "HTJ2K"],
)
def test_ffmpeg_reads_the_same_samples(
    syntax: str, kinds: tuple[str, ...], bits: int, samples: int
) -> None:
    for kind in kinds:
        for rows, columns in ((31, 33), (128, 96)):
            pixels = grid.pixel_format(rows, columns, bits, samples=samples)
            truth = grid.samples_of(pixels, kind)
            encoded, _ = grid.encode(syntax, truth, pixels)
            assert np.array_equal(decoded_by_ffmpeg(encoded.data, bits), truth), (kind, pixels)
