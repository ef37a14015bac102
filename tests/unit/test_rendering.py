"""Frames as Orthanc shows them; how they look is compared in ``tests/orthanc/test_decoding.py``."""

from __future__ import annotations

import pytest

from orthanc_transcoder import rendering
from orthanc_transcoder.codec.registry import default_registry
from orthanc_transcoder.errors import Declined
from tests.samples import sample


def test_colour_of_32_bits_has_no_pixel_format() -> None:
    content = memoryview(sample("SC_rgb_rle_32bit_2frame.dcm").read())
    about = rendering.index(content)
    frame = b"".join(content[start : start + size] for start, size in about.spans[0])
    with pytest.raises(Declined, match="no pixel format"):
        rendering.render(frame, about, default_registry())
