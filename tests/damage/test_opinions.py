"""Second decoders bear damage, and object to some of what the first ones take.

docs/witnesses.md has the figures of many more streams.
"""

from __future__ import annotations

import pytest

from orthanc_transcoder.codec import uids
from orthanc_transcoder.codec.witnesses import Seat
from tests.damage.opinions import Verdict, measured, second_of
from tests.damage.report import KEYWORD

COUNT = 240  # of each syntax
SYNTAXES = (
    uids.RLELossless,
    uids.JPEGLossless,
    uids.JPEGLosslessSV1,
    uids.JPEGLSLossless,
    uids.JPEG2000Lossless,
    uids.HTJ2KLossless,
)
OBJECTING = (uids.HTJ2KLossless, uids.JPEGLossless)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=KEYWORD.get)
def test_no_damage_ends_a_second_decoder(syntax: str) -> None:
    seat = second_of(syntax)
    if not isinstance(seat, Seat):
        pytest.skip(seat)
    found = measured(syntax, COUNT)
    assert found[Verdict.REFUSED]
    assert found[Verdict.SILENT] == 0
    if syntax in OBJECTING:
        assert found[Verdict.OBJECTED]
