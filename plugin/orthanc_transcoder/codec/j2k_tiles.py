"""The tiles of a JPEG 2000 codestream and their parameters (ISO/IEC 15444-1 Annex A).

Of several marker segments for one thing, the most particular one counts: a tile's
COC, its COD, the main header's COC, its COD; QCC and QCD alike (A.6).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..errors import Declined
from . import j2k_codestream

_SIZ, _COD, _COC, _QCD, _QCC = 0xFF51, 0xFF52, 0xFF53, 0xFF5C, 0xFF5D
_BEYOND = {
    0xFF5E: "a region of interest",
    0xFF5F: "progression order changes",  # written and read otherwise than said (B.12.2)
    0xFF60: "packed packet headers",
    0xFF61: "packed packet headers",
}
_SOT, _PART_2 = b"\xff\x90", 0x8000
_PRECINCTS, _SOP, _EPH = 1, 2, 4  # in Scod
_LARGEST_PRECINCT = 15  # exponent


@dataclass(frozen=True, slots=True)
class Coding:
    """How a tile-component is coded: Scod and SPcod, or Scoc and SPcoc."""

    levels: int
    block_width: int  # an exponent, as the next
    block_height: int
    style: int
    precincts: bytes

    def precinct(self, resolution: int) -> tuple[int, int]:
        """Return the exponents of a precinct's width and height."""
        if not self.precincts:
            return _LARGEST_PRECINCT, _LARGEST_PRECINCT
        return self.precincts[resolution] & 15, self.precincts[resolution] >> 4


@dataclass(frozen=True, slots=True)
class Quantisation:
    """How many bit-planes the sub-bands of a tile-component may have."""

    guard: int
    exponents: tuple[int, ...]
    derived: bool

    def planes(self, band: int, halvings: int) -> int:
        """Return Mb of a sub-band (E-2); ``halvings`` less than LL has (E-5)."""
        if self.derived:
            return self.guard + self.exponents[0] - halvings - 1
        if band >= len(self.exponents):
            raise Declined("not_audited", "fewer quantisation steps than sub-bands")
        return self.guard + self.exponents[band] - 1


@dataclass(slots=True)
class Header:
    """The marker segments of the main header, or of one tile's."""

    coding: bytes = b""
    coding_of: dict[int, bytes] = field(default_factory=dict)
    steps: bytes = b""
    steps_of: dict[int, bytes] = field(default_factory=dict)


@dataclass(slots=True)
class Tile:
    """One tile: its place on the reference grid, its parameters and its bytes.

    Attributes
    ----------
    sampling
        XRsiz and YRsiz of each component.
    parts
        Where the packets of each tile-part start and end.
    """

    x0: int
    y0: int
    x1: int
    y1: int
    sampling: tuple[tuple[int, int], ...]
    main: Header
    own: Header
    parts: list[tuple[int, int]]

    @property
    def order(self) -> int:
        """Progression order: 0 LRCP, 1 RLCP, 2 RPCL, 3 PCRL, 4 CPRL."""
        return self._cod[1]

    @property
    def layers(self) -> int:
        """Number of layers."""
        return int.from_bytes(self._cod[2:4], "big")

    @property
    def start_markers(self) -> bool:
        """Whether packets may start with SOP."""
        return bool(self._cod[0] & _SOP)

    @property
    def end_markers(self) -> bool:
        """Whether packet headers end with EPH."""
        return bool(self._cod[0] & _EPH)

    @property
    def _cod(self) -> bytes:
        return self.own.coding or self.main.coding

    def coding(self, component: int) -> Coding:
        """Return the parameters of one component."""
        own, main = self.own, self.main
        if component in own.coding_of or not own.coding:
            special = own.coding_of.get(component) or main.coding_of.get(component)
            if special:
                return _coding(special[0], special[1:])
        return _coding(self._cod[0], self._cod[5:])

    def quantisation(self, component: int) -> Quantisation:
        """Return the quantisation of one component."""
        own, main = self.own, self.main
        steps = (
            own.steps_of.get(component) or own.steps or main.steps_of.get(component) or main.steps
        )
        return _quantisation(steps)


def tiles(data: bytes) -> Iterator[Tile]:
    """Yield the tiles of a codestream that ``j2k_codestream.parse`` found whole.

    Raises
    ------
    Declined
        If it uses what cannot be followed here.
    """
    main, size, offset = Header(), b"", 2
    for marker, segment, after in j2k_codestream.segments(data, offset):
        if marker == _SIZ and not size:
            size = segment
        _collect(main, marker, segment, _component_count(size))
        offset = after
    if int.from_bytes(size[:2], "big") & _PART_2:
        raise Declined("not_audited", "Part 2 of the standard")
    found: dict[int, tuple[Header, list[tuple[int, int]]]] = {}
    while data[offset : offset + 2] == _SOT:
        offset = _tile_part(data, offset, found, _component_count(size))
    for number in sorted(found):
        yield _tile(size, number, main, *found[number])


def _tile_part(
    data: bytes,
    offset: int,
    found: dict[int, tuple[Header, list[tuple[int, int]]]],
    components: int,
) -> int:
    number, length = struct.unpack_from(">HI", data, offset + 4)
    end = offset + length if length else len(data) - 2
    header, parts = found.setdefault(number, (Header(), []))
    body = offset + 12
    for marker, segment, after in j2k_codestream.segments(data, body):
        _collect(header, marker, segment, components)
        body = after
    parts.append((body + 2, end))
    return end


def _component_count(size: bytes) -> int:
    return int.from_bytes(size[34:36], "big")


def _collect(header: Header, marker: int, segment: bytes, components: int) -> None:
    if marker in _BEYOND:
        raise Declined("not_audited", _BEYOND[marker])
    wide = 2 if components > 256 else 1
    component = int.from_bytes(segment[:wide], "big")
    if marker == _COD:
        header.coding = segment
    elif marker == _COC:
        header.coding_of[component] = segment[wide:]
    elif marker == _QCD:
        header.steps = segment
    elif marker == _QCC:
        header.steps_of[component] = segment[wide:]


def _tile(
    size: bytes, number: int, main: Header, own: Header, parts: list[tuple[int, int]]
) -> Tile:
    """Place a tile on the reference grid (B.3)."""
    x1, y1, x0, y0, width, height, left, top = struct.unpack_from(">8I", size, 2)
    row, column = divmod(number, -(-(x1 - left) // width))
    return Tile(
        x0=max(left + column * width, x0),
        y0=max(top + row * height, y0),
        x1=min(left + (column + 1) * width, x1),
        y1=min(top + (row + 1) * height, y1),
        sampling=tuple((each[1], each[2]) for each in struct.iter_unpack("3B", size[36:])),
        main=main,
        own=own,
        parts=parts,
    )


def _coding(flags: int, parameters: bytes) -> Coding:
    """Read SPcod or SPcoc (Table A.15)."""
    levels, width, height, style = struct.unpack_from("4B", parameters)
    precincts = parameters[5:] if flags & _PRECINCTS else b""
    if levels > 32 or max(width, height) > 8 or 0 < len(precincts) <= levels:
        raise Declined("not_audited", "coding parameters beyond Part 1")
    return Coding(levels, width + 2, height + 2, style, precincts)


def _quantisation(steps: bytes) -> Quantisation:
    """Read QCD or QCC (Table A.27)."""
    if len(steps) < 2 or steps[0] & 31 > 2:
        raise Declined("not_audited", "quantisation beyond Part 1")
    style, guard = steps[0] & 31, steps[0] >> 5
    exponents = tuple(each >> 3 for each in (steps[1:] if style == 0 else steps[1::2]))
    return Quantisation(guard, exponents, style == 1)
