"""Where the code-blocks of a tile lie (ISO/IEC 15444-1 Annexes A and B).

Tile, component, resolution, sub-band, precinct: all that is needed to know
which packets there are and how many code-blocks each has. Nothing is
allocated for what no packet has spoken of yet, so that a damaged header
cannot ask for more memory than the stream has bytes.

What is beyond Part 1 is ``Declined``: it may be sound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import Declined
from .j2k_tiles import Coding, Quantisation, Tile

_BYPASS, _TERMINATE_ALL, _HIGH_THROUGHPUT = 0x01, 0x04, 0x40


@dataclass(frozen=True, slots=True)
class Band:
    """One sub-band of a tile-component (B.5).

    Attributes
    ----------
    x0, y0, x1, y1
        In samples of the sub-band.
    planes
        The most bit-planes that a code-block may have (E.2).
    """

    x0: int
    y0: int
    x1: int
    y1: int
    planes: int


@dataclass(frozen=True, slots=True)
class Resolution:
    """One resolution of a tile-component and its partition (B.5 to B.7).

    Attributes
    ----------
    precinct_width, precinct_height
        Exponents, in samples of the resolution.
    first_column, first_row
        Where the precincts of this tile start in the partition of the plane.
    columns, rows
        Number of precincts.
    step_x, step_y
        A precinct's width and height on the reference grid.
    block_width, block_height
        Exponents, in samples of the sub-bands.
    halved
        1 where sub-bands are half the resolution's size: everywhere but at LL.
    """

    bands: tuple[Band, ...]
    precinct_width: int
    precinct_height: int
    first_column: int
    first_row: int
    columns: int
    rows: int
    step_x: int
    step_y: int
    block_width: int
    block_height: int
    halved: int

    def blocks(self, precinct: int) -> Iterator[tuple[int, int, int]]:
        """Yield code-block columns, rows and bit-planes of each sub-band in a precinct."""
        row, column = divmod(precinct, self.columns)
        width, height = self.precinct_width - self.halved, self.precinct_height - self.halved
        left, top = (self.first_column + column) << width, (self.first_row + row) << height
        for band in self.bands:
            x0, x1 = max(band.x0, left), min(band.x1, left + (1 << width))
            y0, y1 = max(band.y0, top), min(band.y1, top + (1 << height))
            if x0 < x1 and y0 < y1:
                yield (
                    _span(x0, x1, self.block_width),
                    _span(y0, y1, self.block_height),
                    band.planes,
                )


@dataclass(frozen=True, slots=True)
class Component:
    """One tile-component.

    Attributes
    ----------
    style
        Of its code-blocks (Table A.19).
    """

    resolutions: tuple[Resolution, ...]
    style: int

    @property
    def every_pass_ends(self) -> bool:
        """Whether each coding pass is a segment of its own."""
        return bool(self.style & _TERMINATE_ALL)

    @property
    def bypass(self) -> bool:
        """Whether the arithmetic coder is left out in the lower bit-planes (D.6)."""
        return bool(self.style & _BYPASS)


def components(tile: Tile) -> tuple[Component, ...]:
    """Lay out one tile.

    Raises
    ------
    Declined
        If its parameters are beyond what can be followed here.
    """
    return tuple(_component(tile, index) for index in range(len(tile.sampling)))


def _component(tile: Tile, index: int) -> Component:
    coding, quantisation = tile.coding(index), tile.quantisation(index)
    if coding.style & _HIGH_THROUGHPUT:
        raise Declined("not_audited", "HTJ2K code-blocks")
    step_x, step_y = tile.sampling[index]
    bounds = (
        _ceil(tile.x0, step_x), _ceil(tile.y0, step_y),
        _ceil(tile.x1, step_x), _ceil(tile.y1, step_y),
    )  # fmt: skip
    return Component(
        tuple(
            _resolution(bounds, (step_x, step_y), coding, quantisation, number)
            for number in range(coding.levels + 1)
        ),
        coding.style,
    )


def _resolution(
    bounds: tuple[int, int, int, int],
    steps: tuple[int, int],
    coding: Coding,
    quantisation: Quantisation,
    number: int,
) -> Resolution:
    down = coding.levels - number
    x0, y0, x1, y1 = (_ceil(bound, 1 << down) for bound in bounds)
    width, height = coding.precinct(number)
    halved = int(number > 0)
    if min(width, height) < halved:
        raise Declined("not_audited", "a precinct of less than one sample")
    empty = x0 >= x1 or y0 >= y1
    return Resolution(
        bands=tuple(_bands(bounds, coding, quantisation, number)),
        precinct_width=width,
        precinct_height=height,
        first_column=x0 >> width,
        first_row=y0 >> height,
        columns=0 if empty else _span(x0, x1, width),
        rows=0 if empty else _span(y0, y1, height),
        step_x=steps[0] << (width + down),
        step_y=steps[1] << (height + down),
        block_width=min(coding.block_width, width - halved),
        block_height=min(coding.block_height, height - halved),
        halved=halved,
    )


def _bands(
    bounds: tuple[int, int, int, int], coding: Coding, quantisation: Quantisation, number: int
) -> Iterator[Band]:
    """Yield LL, or HL, LH and HH (equation B-15)."""
    depth = coding.levels - number + 1 if number else coding.levels
    for kind in (1, 2, 3) if number else (0,):
        half = 1 << (depth - 1) if depth else 0
        shift_x, shift_y = half * (kind & 1), half * (kind >> 1)
        x0, y0, x1, y1 = bounds
        yield Band(
            _ceil(x0 - shift_x, 1 << depth),
            _ceil(y0 - shift_y, 1 << depth),
            _ceil(x1 - shift_x, 1 << depth),
            _ceil(y1 - shift_y, 1 << depth),
            quantisation.planes(max(0, 3 * number - 3 + kind), coding.levels - depth),
        )


def _ceil(value: int, divisor: int) -> int:
    return -(-value // divisor)


def _span(start: int, end: int, exponent: int) -> int:
    """Return how many cells of a grid ``start`` to ``end`` touches."""
    return -(-end >> exponent) - (start >> exponent)
