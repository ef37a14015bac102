"""No damage ends a decoder's process, and no more of it goes unseen than is known.

docs/damage.md has the figures of many more streams.
"""

from __future__ import annotations

import math
import signal
import subprocess
from collections.abc import Iterator

import pytest

from orthanc_transcoder.codec import uids
from tests.damage import figures
from tests.damage.child import Outcome
from tests.damage.figures import Figures, measured, merged
from tests.damage.harm import Kind
from tests.damage.originals import SYNTAXES
from tests.damage.report import label, tables

COUNT = 120  # of each syntax

FAMILIES = {
    "RLE": (uids.RLELossless,),
    "JPEG": (uids.JPEGBaseline8Bit, uids.JPEGExtended12Bit),
    "JPEG lossless": (uids.JPEGLossless, uids.JPEGLosslessSV1),
    "JPEG-LS": (uids.JPEGLSLossless, uids.JPEGLSNearLossless),
    "JPEG 2000": (uids.JPEG2000Lossless, uids.JPEG2000),
    "HTJ2K": (uids.HTJ2KLossless, uids.HTJ2KLosslessRPCL, uids.HTJ2K),
    "JPEG XL lossless": (uids.JPEGXLLossless,),
    "JPEG XL": (uids.JPEGXLJPEGRecompression, uids.JPEGXL),
}
# Percent of a kind's streams that may be taken as another image without a word: what
# 2,000 streams of each syntax showed, and a little more. A decoder that sees more
# shall have its numbers lowered.
#   cut: half or more, less; hole; zeroed; inserted; 1-4 bytes changed; bit flipped; headers
#   lengths corrected, where there are any: cut, cut, hole, inserted
BOUNDS = {
    "RLE":              (0, 0, 0, 45, 0, 87, 95, 2, 0, 0, 2, 2),
    "JPEG":             (0, 0, 30, 36, 19, 54, 80, 15),
    "JPEG lossless":    (0, 0, 3, 11, 4, 30, 70, 2),
    "JPEG-LS":          (0, 0, 0, 0, 0, 2, 6, 2),
    "JPEG 2000":        (0, 0, 0, 33, 0, 35, 46, 5, 0, 0, 0, 0),
    "HTJ2K":            (0, 0, 0, 57, 0, 52, 80, 10, 2, 0, 2, 2),
    "JPEG XL lossless": (0, 0, 0, 20, 8, 22, 25, 2, 0, 0, 6, 25),
    "JPEG XL":          (0, 0, 0, 0, 0, 2, 10, 2, 0, 0, 0, 0),
}  # fmt: skip


def test_every_syntax_has_a_family() -> None:
    assert sorted(sum(FAMILIES.values(), ())) == sorted(SYNTAXES)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_more_goes_unseen_than_is_known(family: str) -> None:
    found = [measured(syntax, COUNT) for syntax in FAMILIES[family]]
    for one in found:
        assert not one.ended
        assert one.total() == COUNT
    total = merged(found)
    for kind, percent in zip(Kind, BOUNDS[family], strict=False):
        unseen, streams = total.of(Outcome.UNSEEN, kind), total.total(kind)
        assert unseen <= allowed(percent / 100, streams), f"{kind.value}: {unseen} of {streams}"
    assert {kind for kind in Kind if total.total(kind)} == set(list(Kind)[: len(BOUNDS[family])])


def allowed(share: float, streams: int) -> float:
    """How many a share may come to by chance: other libraries make other streams."""
    return share * streams + 3 * math.sqrt(share * (1 - share) * streams)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """A child that crashes on the third stream, hangs on the fourth, and then does its work."""
    asked: list[tuple[int, int]] = []
    ends: Iterator[tuple[int, str]] = iter(
        [
            (-signal.SIGSEGV, "HOLE REFUSED\nHOLE UNSEEN\nFLIPPED "),
            (-signal.SIGALRM, "HOLE "),
            (1, "HEADERS "),
            (0, "HOLE HARMLESS\n"),
        ]
    )

    def child(
        _module: str, _syntax: str, first: int, stop: int
    ) -> subprocess.CompletedProcess[str]:
        asked.append((first, stop))
        status, output = next(ends)
        return subprocess.CompletedProcess([], status, output, "Traceback\nKeyError: 1\n")

    monkeypatch.setattr(figures, "child", child)
    return asked


def test_crashes_and_hangs_are_counted_and_the_rest_goes_on(
    scripted: list[tuple[int, int]],
) -> None:
    found = measured(uids.RLELossless, 6)
    assert scripted == [(0, 6), (3, 6), (4, 6), (5, 6)]
    assert found.ended == {2: "SIGSEGV", 3: "SIGALRM", 4: "status 1: KeyError: 1"}
    assert found.counts == {
        (Kind.HOLE, Outcome.REFUSED): 1,
        (Kind.HOLE, Outcome.UNSEEN): 1,
        (Kind.FLIPPED, Outcome.CRASHED): 1,
        (Kind.HOLE, Outcome.HUNG): 1,
        (Kind.HEADERS, Outcome.CRASHED): 1,
        (Kind.HOLE, Outcome.HARMLESS): 1,
    }


def test_a_child_that_cannot_start_is_no_crash_of_a_decoder() -> None:
    with pytest.raises(RuntimeError, match="no decoder had begun"):
        measured("1.2.3", 1)


def test_tables_round_nothing_away() -> None:
    one = Figures(ended={7: "SIGSEGV"})
    one.counts[Kind.HOLE, Outcome.UNSEEN] = 1
    one.counts[Kind.HOLE, Outcome.REFUSED] = 998
    one.counts[Kind.HOLE, Outcome.CRASHED] = 1
    lines = list(tables({uids.RLELossless: one}))
    name = label(uids.RLELossless)
    expected = "1000 | 998 (>99%) | 0 | 0 | 1 (<1%) | 1 (<1%) | 0 |"
    assert f"| {name} | {expected}" in lines
    assert f"\n{name}, stream 7: SIGSEGV" in lines
