"""That damage is where it is said to be: in the data, with everything around it sound."""

from __future__ import annotations

import dataclasses
import functools
import struct

import pytest

from orthanc_transcoder.codec import uids
from tests.damage.anatomy import Part, parts
from tests.damage.harm import Kind, damaged, kinds_of
from tests.damage.originals import SYNTAXES, originals
from tests.damage.report import KEYWORD

EVERY = pytest.mark.parametrize("syntax", SYNTAXES, ids=KEYWORD.get)
CORRECTED = tuple(kind for kind in Kind if kind.name.endswith("_CORRECTED"))


@functools.cache
def taken_apart(syntax: str) -> list[list[Part]]:
    return [parts(frame, syntax) for frame, _ in originals(syntax)]


@EVERY
def test_a_stream_is_its_parts(syntax: str) -> None:
    for (frame, _), pieces in zip(originals(syntax), taken_apart(syntax), strict=True):
        for part in pieces:
            assert part.around(part.data) == frame
            assert part.around(part.data, corrected=True) == frame
        assert sum(len(part.data) for part in pieces) > len(frame) // 3


@EVERY
def test_damage_is_the_same_in_every_run_and_damage(syntax: str) -> None:
    for (frame, _), pieces in zip(originals(syntax), taken_apart(syntax), strict=True):
        for number, kind in enumerate(kinds_of(pieces)):
            broken = damaged(pieces, kind, syntax, number)
            assert broken != frame
            assert broken == damaged(pieces, kind, syntax, number)


@EVERY
def test_only_damage_of_headers_touches_them(syntax: str) -> None:
    for pieces in taken_apart(syntax):
        for kind in set(kinds_of(pieces)) - {Kind.HEADERS, *CORRECTED}:
            broken = damaged(pieces, kind, syntax, 1)
            assert any(
                broken.startswith(part.before) and broken.endswith(part.after) for part in pieces
            )


@pytest.mark.parametrize("kind", CORRECTED)
@EVERY
def test_corrected_lengths_are_those_of_the_damaged_data(syntax: str, kind: Kind) -> None:
    for pieces in taken_apart(syntax):
        if kind not in kinds_of(pieces):
            continue
        again = parts(damaged(pieces, kind, syntax, 2), syntax)
        before, after = ([part.data for part in each] for each in (pieces, again))
        changed = [one != other for one, other in zip(before, after, strict=True)]
        assert changed.count(True) == 1


def test_the_table_of_tile_parts_is_corrected() -> None:
    syntax = uids.HTJ2KLosslessRPCL
    (tiled,) = (pieces for pieces in taken_apart(syntax) if len(pieces) > 3)
    for number in range(20):
        stream = damaged(tiled, Kind.HOLE_CORRECTED, syntax, number)
        table = stream.index(b"\xff\x55") + 6
        entries = struct.unpack_from(">" + "HL" * len(tiled), stream, table)
        starts = [len(part.before) for part in parts(stream, syntax)]
        lengths = [int.from_bytes(stream[start - 8 : start - 4], "big") for start in starts]
        assert list(entries[1::2]) == lengths


def test_where_nothing_says_a_length_nothing_is_corrected() -> None:
    part = Part(b"before", b"data", b"after")
    assert part.around(b"", corrected=True) == b"beforeafter"
    assert not set(CORRECTED) & set(kinds_of([part]))
    assert set(kinds_of([dataclasses.replace(part, adjust=lambda before, _: before)])) == set(Kind)
