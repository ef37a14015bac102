"""Frames as Orthanc shows them; how they look is compared in ``tests/orthanc/test_decoding.py``."""

from __future__ import annotations

import pytest

from orthanc_transcoder import rendering
from orthanc_transcoder.codec import uids
from orthanc_transcoder.codec.registry import default_registry
from orthanc_transcoder.errors import Declined
from tests.codec import jpeg_samples
from tests.samples import sample
from tests.synthesis import Image, encapsulated_file


def test_colour_of_32_bits_has_no_pixel_format() -> None:
    content = memoryview(sample("SC_rgb_rle_32bit_2frame.dcm").read())
    about = rendering.index(content)
    frame = b"".join(content[start : start + size] for start, size in about.spans[0])
    with pytest.raises(Declined, match="no pixel format"):
        rendering.render(frame, about, default_registry())


@pytest.mark.parametrize(
    ("name", "syntax"),
    [("baseline 4:2:2", uids.JPEGBaseline8Bit), ("lossless 16", uids.JPEGLosslessSV1)],
)
def test_of_a_damaged_jpeg_what_there_is_is_shown(name: str, syntax: str) -> None:
    frame, pixels = jpeg_samples.STREAMS[name]
    image = Image(
        pixels.rows,
        pixels.columns,
        samples=pixels.samples_per_pixel,
        bits_allocated=pixels.bits_allocated,
        photometric="YBR_FULL_422" if pixels.samples_per_pixel == 3 else "MONOCHROME2",
    )

    def shown(damaged: bytes) -> bytes:
        about = rendering.index(memoryview(encapsulated_file(image, [damaged], syntax)))
        picture = rendering.render(damaged, about, default_registry()).data
        assert isinstance(picture, bytearray)
        return bytes(picture)

    whole = shown(frame)
    part = shown(jpeg_samples.cut(frame))
    assert len(part) == len(whole)
    assert part[: len(whole) // 4] == whole[: len(whole) // 4]
    assert part != whole
    assert shown(frame[:-2]) == whole  # no end marker
