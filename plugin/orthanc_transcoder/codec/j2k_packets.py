"""Whether the packets of a codestream lead from its first byte to its last.

Decoders take entropy-coded data for whatever it decodes to: where bytes are
missing, they go on with other bytes. The packet headers tell (ISO/IEC 15444-1
B.9, B.10). The rules:

- Every packet of every tile is there, in the declared order, and the last one
  ends where its tile-part ends.
- A packet header stays within what its sub-bands allow: bit-planes, passes,
  and bits that are stuffed after FF.
- That no data contain a marker (FF followed by more than 8F) is not asked: there
  are encoders that end a code-block with FF, and their images are whole.
- What is beyond this reader is not audited, and never refused.

HTJ2K is beyond it, too: OpenJPH finds nearly all that this would, and is so fast
that this would take a quarter to two thirds of its time.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import CodecError, Declined
from . import j2k_layout, j2k_progression, j2k_tiles
from .j2k_codestream import Codestream
from .j2k_header_bits import HeaderBits, TagTree, damaged
from .j2k_layout import Component, Resolution
from .j2k_tiles import Tile

_START, _START_LENGTH, _END = b"\xff\x91", 6, b"\xff\x92"
_MAX_LENGTH_BITS = 32
_MAX_EXCESS = 64  # bytes
_MAX_PRECINCTS = 1 << 18  # of a tile: more would take too much memory, and nobody makes them
_MAX_BLOCKS = 1 << 15  # of a sub-band in a precinct
_MAX_TILE_BLOCKS = 1 << 21  # each takes some 60 bytes
_FIRST_BYPASS = 10  # passes before the arithmetic coder is first left out (Table D.9)


@dataclass(frozen=True, slots=True)
class Packets:
    """What the packet headers told.

    Attributes
    ----------
    unread
        Why they were not read to their end, or None.
    complete
        Whether there is one layer, and each code-block has all its coding passes:
        nothing was cut off to save bytes. False where that is not known.
    """

    unread: str | None
    complete: bool


def audit(stream: Codestream) -> Packets:
    """Walk over every packet.

    Raises
    ------
    CodecError
        If packets are missing, cut, misplaced or impossible.
    """
    complete = True
    try:
        for tile in j2k_tiles.tiles(stream.data):
            complete &= _Walk(stream.data, tile).run()
    except Declined as beyond:
        return Packets(beyond.reason, complete=False)
    return Packets(None, complete)


class _Blocks:
    """The code-blocks of one sub-band in one precinct."""

    __slots__ = ("included", "length_bits", "passes", "planes", "zero_planes")

    def __init__(self, columns: int, rows: int, planes: int) -> None:
        if columns * rows > _MAX_BLOCKS:
            raise Declined("not_audited", f"a precinct of {columns * rows} code-blocks")
        self.included, self.zero_planes = TagTree(columns, rows), TagTree(columns, rows)
        self.planes = planes
        self.passes = [0] * (columns * rows)
        self.length_bits = [3] * (columns * rows)

    @property
    def complete(self) -> bool:
        """Whether each code-block that is there has all its coding passes (D.3)."""
        zero = self.zero_planes
        return all(
            not passes or passes == 3 * (self.planes - zero.value(block)) - 2
            for block, passes in enumerate(self.passes)
        )


class _Walk:
    """One tile's packets."""

    def __init__(self, data: bytes, tile: Tile) -> None:
        self._data, self._tile = data, tile
        self._components = j2k_layout.components(tile)
        self._parts = iter([part for part in tile.parts if part[0] < part[1]])
        self._position, self._end = next(self._parts, (0, 0))
        self._blocks = 0
        self._precincts: dict[tuple[int, int, int], list[_Blocks]] = {}

    def run(self) -> bool:
        """Follow the packets; say whether surely no coding pass was cut off.

        Each packet takes a byte at least, so that none are listed in vain.
        """
        room = sum(end - start for start, end in self._tile.parts)
        precincts = j2k_progression.precincts(self._components)
        if precincts * self._tile.layers > room:
            raise CodecError("truncated_codestream", "a tile of fewer bytes than packets")
        if precincts > _MAX_PRECINCTS:
            raise Declined("not_audited", f"a tile of {precincts} precincts")
        for place, layer in j2k_progression.packets(self._tile, self._components):
            if self._position == self._end:
                self._next_part()
            component = self._components[place.component]
            self._packet(component, place.key, component.resolutions[place.resolution], layer)
        self._require_end()
        return self._tile.layers == 1 and all(
            each.complete for blocks in self._precincts.values() for each in blocks
        )

    def _require_end(self) -> None:
        """Refuse what is left, but padding: OpenJPEG may write empty packets of no precinct."""
        left = [(self._position, self._end), *self._parts]
        excess = b"".join(self._data[start:end] for start, end in left)
        if len(excess) > _MAX_EXCESS or excess.strip(b"\0\xff"):
            raise damaged("bytes are left after the last one")

    def _next_part(self) -> None:
        part = next(self._parts, None)
        if part is None:
            raise CodecError("truncated_codestream", "packets of the codestream are missing")
        self._position, self._end = part

    def _precinct(self, key: tuple[int, int, int], resolution: Resolution) -> list[_Blocks]:
        """Make the code-blocks that a packet speaks of for the first time."""
        sizes = list(resolution.blocks(key[2]))
        self._blocks += sum(columns * rows for columns, rows, _ in sizes)
        if self._blocks > _MAX_TILE_BLOCKS:
            raise Declined("not_audited", f"a tile of over {_MAX_TILE_BLOCKS} code-blocks")
        self._precincts[key] = [_Blocks(*each) for each in sizes]
        return self._precincts[key]

    def _packet(
        self, component: Component, key: tuple[int, int, int], resolution: Resolution, layer: int
    ) -> None:
        data, start = self._data, self._position
        if self._tile.start_markers and data.startswith(_START, start):
            start += _START_LENGTH
        bits = HeaderBits(data, start, self._end)
        length = 0
        if bits.bit():
            blocks = self._precincts.get(key) or self._precinct(key, resolution)
            length = sum(_contributions(each, layer, component, bits) for each in blocks)
        body = bits.finish()
        if self._tile.end_markers and data.startswith(_END, body):
            body += len(_END)
        self._position = body + length
        if self._position > self._end:
            raise damaged("one reaches over the end")


def _contributions(blocks: _Blocks, layer: int, component: Component, bits: HeaderBits) -> int:
    """Read what the header says of one sub-band; return the bytes of its data (B.10.3).

    Blocks that one node of the tree leaves out together are passed over together: a
    packet of one byte may leave out all, in thousands of layers.
    """
    total, block, count = 0, 0, len(blocks.passes)
    while block < count:
        if blocks.passes[block]:
            included = bool(bits.bit())
        else:
            included = blocks.included.reaches(block, layer + 1, bits)
            if not included:
                block = blocks.included.after(block, layer + 1)
                continue
            if not blocks.zero_planes.reaches(block, blocks.planes + 1, bits):
                raise damaged("more empty bit-planes than there are")
        if included:
            total += _contribution(blocks, block, component, bits)
        block += 1
    return total


def _contribution(blocks: _Blocks, block: int, component: Component, bits: HeaderBits) -> int:
    """Read what the header says of one code-block that is included."""
    before, added = blocks.passes[block], _passes(bits)
    blocks.length_bits[block] += bits.ones(_MAX_LENGTH_BITS)
    blocks.passes[block] += added
    planes = blocks.planes - blocks.zero_planes.value(block)
    return _lengths(component, before, added, planes, blocks.length_bits[block], bits)


def _passes(bits: HeaderBits) -> int:
    """Read the number of coding passes (Table B.4)."""
    for width, least in ((1, 1), (1, 2), (2, 3), (5, 6)):
        value = bits.take(width)
        if value != (1 << width) - 1:
            return least + value
    return 37 + bits.take(7)


def _lengths(
    component: Component, before: int, added: int, planes: int, width: int, bits: HeaderBits
) -> int:
    """Read the lengths of a code-block's segments in a packet, and add them up (B.10.7)."""
    if before + added > max(1, 3 * planes - 2):
        raise damaged("more coding passes than bit-planes allow")
    total = 0
    while added:
        segment = min(added, _until_end(component, before))
        total += bits.take(width + segment.bit_length() - 1)
        before += segment
        added -= segment
    return total


def _until_end(component: Component, before: int) -> int:
    """Return how many passes the segment of pass number ``before`` still has (D.4, D.6)."""
    if component.every_pass_ends:
        return 1
    if not component.bypass:
        return 1 << 10
    if before < _FIRST_BYPASS:
        return _FIRST_BYPASS - before
    return (2, 1, 1)[(before - _FIRST_BYPASS) % 3]
