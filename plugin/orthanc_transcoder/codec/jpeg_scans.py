"""What the scans of a JPEG must hold, and what of their data must be needed.

Complete is a JPEG whose scans code, by their headers,

- sequential and lossless: every component, once;
- progressive: all 64 coefficients of every component, down to the last bit. libjpeg's
  tools leave bits out for good where a script tells them to, and no encoder does so of
  itself. Here it counts as damage: it looks the same as if the last scans were lost.

The data of a scan consists of pieces: its restart intervals, or the whole. Behind each
there may be padding, zeros and FF, as some encoders leave. Without its last byte that
is neither, a piece lacks something, or that byte was left over (see ``libjpeg``). Where
the zeros are data, that holds all the more. A restart marker after the last piece
restarts nothing; pieces of padding alone, at the end of a scan, are left as they are.

All pieces are shortened in one stream, but for progressive scans of AC coefficients
that others refine. Those have a bit for each coefficient that is not zero so far: how
much they need depends on what is left of the earlier ones. So scans that are refined
once are shortened in a second stream, without the refining ones, and so on. A script
that takes more streams than ``_MOST_STREAMS`` is none of an encoder's, and is not read.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from ..errors import CodecError
from .jpeg_codestream import SOF_PROGRESSIVE, Codestream, Scan

_COEFFICIENTS = range(64)
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_PADDING = b"\x00\xff"
_MOST_STREAMS = 32  # libjpeg's own scripts take three
_STRAY = 15  # places past its band that libjpeg may write where a scan lacks data


class Shortened(NamedTuple):
    """A codestream of which so many pieces lack their last byte."""

    data: bytes
    pieces: int


def missing(stream: Codestream) -> str | None:
    """Say what no scan codes, or None."""
    if stream.process == SOF_PROGRESSIVE:
        return _missing_bits(stream)
    declared = Counter(stream.components)  # some encoders number all of them alike
    coded = Counter(component for scan in stream.scans for component in scan.components)
    if coded == declared:
        return None
    lost = declared - coded
    return f"no scan has component {min(lost)}" if lost else "a component is in two scans"


def _missing_bits(stream: Codestream) -> str | None:
    for component in stream.components:
        lowest = dict.fromkeys(_COEFFICIENTS, -1)
        for scan in stream.scans:
            if component in scan.components:
                lowest |= dict.fromkeys(range(scan.first, scan.last + 1), scan.low)
        lost = [place for place in _COEFFICIENTS if lowest[place]]
        if lost:
            return f"no scan has the last bit of coefficient {lost[0]} of component {component}"
    return None


def shortened(stream: Codestream) -> Iterator[Shortened]:
    """Give codestreams in which, together, every piece lacks its last byte once.

    Raises
    ------
    CodecError
        If that takes too many.
    """
    depths = _depths(stream)
    if max(depths) >= _MOST_STREAMS:
        reason = f"its scans refine each other {max(depths)} times in a row"
        raise CodecError("unsupported_codestream", reason)
    for depth in range(max(depths) + 1):
        yield _shortened(stream, depths, depth)


def _depths(stream: Codestream) -> list[int]:
    """Return how many scans in a row refine what each scan may write."""
    if stream.process != SOF_PROGRESSIVE:
        return [0] * len(stream.scans)
    following: defaultdict[tuple[int, int], int] = defaultdict(int)
    depths = list[int]()
    for scan in reversed(stream.scans):
        depths.append(max((following[each] for each in _places(scan, _STRAY)), default=0))
        if scan.high:
            following.update(dict.fromkeys(_places(scan), depths[-1] + 1))
    return depths[::-1]


def _places(scan: Scan, more: int = 0) -> list[tuple[int, int]]:
    """Return component and place of the AC coefficients of a progressive scan, and of more."""
    places = range(max(scan.first, 1), scan.last + 1 + more) if scan.last else ()
    return [(component, place) for component in scan.components for place in places]


def _shortened(stream: Codestream, depths: list[int], depth: int) -> Shortened:
    """Shorten the scans of one depth, and leave out what may refine them."""
    parts, pieces, done = list[bytes](), 0, 0
    for scan, own in zip(stream.scans, depths, strict=True):
        kept = scan.header if own < depth else scan.start if own == depth else scan.end
        parts.append(stream.data[done:kept])
        if own == depth:
            data, count = _without_last_bytes(stream.data[scan.start : scan.end])
            parts.append(data)
            pieces += count
        done = scan.end
    return Shortened(b"".join((*parts, stream.data[done:])), pieces)


def _without_last_bytes(data: bytes) -> tuple[bytes, int]:
    """Shorten the pieces of a scan, up to the last that is not all padding; and count them."""
    ends = [*(match.span() for match in _RESTART.finditer(data)), (len(data), len(data))]
    parts, start, whole, count = list[bytes](), 0, 0, 0
    for index, (end, following) in enumerate(ends):
        piece = data[start:end].rstrip(_PADDING)
        parts += (piece[:-1], data[end:following])
        start = following
        if piece or not index:
            whole, count, shortest = following, index + 1, len(parts)
    return b"".join((*parts[:shortest], data[whole:])), count
