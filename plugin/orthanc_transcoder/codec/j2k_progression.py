"""In which order a tile's packets come (ISO/IEC 15444-1 B.12).

A precinct's place is its upper left corner on the reference grid, or the tile's
edge where the corner lies before it; position progressions sort by it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ..errors import Declined
from .j2k_layout import Component
from .j2k_tiles import Tile


@dataclass(frozen=True, slots=True)
class Place:
    """One precinct: its component, resolution, number in it, and corner."""

    component: int
    resolution: int
    precinct: int
    x: int
    y: int

    @property
    def key(self) -> tuple[int, int, int]:
        """What names it within the tile."""
        return self.component, self.resolution, self.precinct


_ORDERS: tuple[Callable[[Place], tuple[int, ...]], ...] = (
    lambda it: (it.resolution, it.component, it.precinct),
    lambda it: (it.resolution, it.component, it.precinct),
    lambda it: (it.resolution, it.y, it.x, it.component, it.precinct),
    lambda it: (it.y, it.x, it.component, it.resolution, it.precinct),
    lambda it: (it.component, it.y, it.x, it.resolution, it.precinct),
)
_LRCP, _RLCP = 0, 1


def precincts(components: Iterable[Component]) -> int:
    """Return how many precincts a tile has."""
    return sum(each.columns * each.rows for one in components for each in one.resolutions)


def packets(tile: Tile, components: tuple[Component, ...]) -> Iterator[tuple[Place, int]]:
    """Yield precinct and layer of each packet, in order.

    Raises
    ------
    Declined
        If the order is none of Part 1's.
    """
    if tile.order >= len(_ORDERS):
        raise Declined("not_audited", f"progression order {tile.order}")
    places = sorted(_places(tile, components), key=_ORDERS[tile.order])
    layers = range(tile.layers)
    if tile.order == _LRCP:
        return ((place, layer) for layer in layers for place in places)
    if tile.order == _RLCP:
        return _by_resolution(places, layers)
    return ((place, layer) for place in places for layer in layers)


def _places(tile: Tile, components: tuple[Component, ...]) -> Iterator[Place]:
    for number, component in enumerate(components):
        for level, resolution in enumerate(component.resolutions):
            for precinct in range(resolution.columns * resolution.rows):
                row, column = divmod(precinct, resolution.columns)
                x = (resolution.first_column + column) * resolution.step_x
                y = (resolution.first_row + row) * resolution.step_y
                yield Place(number, level, precinct, max(x, tile.x0), max(y, tile.y0))


def _by_resolution(places: list[Place], layers: range) -> Iterator[tuple[Place, int]]:
    for _, group in itertools.groupby(places, key=lambda place: place.resolution):
        here = list(group)
        yield from ((place, layer) for layer in layers for place in here)
