"""Which other decoder reads what a codec encoded, and what was handed in.

A result is believed when another implementation reads the same samples from it. The
table says which one, best first; where none of a line is there, nobody takes its place
in silence: whoever asks is told why, and the report says so.

- A decoder that holds Python's lock proves the only frame, or the first of several.
- CharLS and libjxl have no other decoder that costs as little; where pylibjpeg-libjpeg
  is installed it reads the first frame of JPEG-LS, too, at twice the cost.
- What a plugin that is not in the table is made of is not known: it counts as another
  build, and stands behind the others.
- Damaged streams crash liblj92: it gives no second opinion on what strangers made.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import NamedTuple, cast

from . import uids
from .contract import Independence, PixelFormat, Witness

Found = Mapping[str, Witness | str]
_OTHER, _BUILD = Independence.IMPLEMENTATION, Independence.BUILD


class Line(NamedTuple):
    """One witness of a syntax.

    ``beside`` is true where the codec itself proves every frame all the same.
    """

    name: str
    independence: Independence
    beside: bool = False


_RLE = (Line("pylibjpeg/rle", _OTHER),)
_LOSSLESS_JPEG = (Line("imagecodecs/liblj92", _OTHER), Line("pylibjpeg/libjpeg", _OTHER))
_JPEG_LS = (Line("pylibjpeg/libjpeg", _OTHER, beside=True),)
_HTJ2K = (Line("imagecodecs/openjpeg", _OTHER), Line("pylibjpeg/openjpeg", _OTHER))
_JPEG2000 = (Line("pylibjpeg/openjpeg", _BUILD),)

TABLE: dict[str, tuple[Line, ...]] = {
    uids.RLELossless: _RLE,
    uids.JPEGLossless: _LOSSLESS_JPEG,
    uids.JPEGLosslessSV1: _LOSSLESS_JPEG,
    uids.JPEGLSLossless: _JPEG_LS,
    uids.JPEG2000Lossless: _JPEG2000,
    uids.JPEG2000: _JPEG2000,
    uids.HTJ2KLossless: _HTJ2K,
    uids.HTJ2KLosslessRPCL: _HTJ2K,
    uids.HTJ2K: _HTJ2K,
}
# Where a second opinion on a source costs little beside the encoding that follows.
CHEAP = frozenset(
    (
        uids.RLELossless,
        uids.JPEGLossless,
        uids.JPEGLosslessSV1,
        uids.HTJ2KLossless,
        uids.HTJ2KLosslessRPCL,
        uids.HTJ2K,
    )
)


class Seat(NamedTuple):
    """A witness and what it is to a syntax."""

    witness: Witness
    independence: Independence
    beside: bool = False

    def proves(self, index: int, count: int) -> bool:
        """Whether it reads the frame ``index`` of so many."""
        return index == 0 or not (self.beside or (self.witness.holds_lock and count > 1))


class Witnesses:
    """The witnesses of one process, loaded at first use.

    Parameters
    ----------
    loaders
        Each gives witnesses by name, or the reasons why they are not there.
    table
        Who serves a syntax.
    """

    def __init__(
        self,
        loaders: Iterable[Callable[[], Found]] = (),
        table: Mapping[str, tuple[Line, ...]] = TABLE,
    ) -> None:
        self._loaders = tuple(loaders)
        self._table = table
        self._known: dict[str, Witness | str] | None = None

    def prover(self, syntax: str, pixels: PixelFormat) -> Seat | str:
        """Return who proves frames of a syntax beside their encoder, or why nobody does."""
        return self._first(syntax, lambda witness: witness.cannot_read(pixels, syntax))

    def second(self, syntax: str) -> Seat | str:
        """Return who gives a second opinion on what others encoded, or why nobody does."""
        return self._first(
            syntax, lambda witness: "damaged frames crash it" if witness.sound_only else None
        )

    @property
    def available(self) -> dict[str, dict[str, object]]:
        """Version and syntaxes of every witness that works; loads them all."""
        return {
            name: {"version": one.version, "decodes": sorted(one.decodes)}
            for name, one in self._all.items()
            if not isinstance(one, str)
        }

    @property
    def unavailable(self) -> dict[str, str]:
        """The reason why each of the others does not; loads them all."""
        return {name: one for name, one in self._all.items() if isinstance(one, str)}

    @property
    def _all(self) -> dict[str, Witness | str]:
        if self._known is None:
            self._known = {name: one for load in self._loaders for name, one in load().items()}
        return self._known

    def _first(self, syntax: str, objection: Callable[[Witness], str | None]) -> Seat | str:
        reasons = []
        for name, independence, beside in self._lines(syntax):
            witness = self._all.get(name, "it is unknown here")
            if isinstance(witness, str):
                reasons.append(f"{name}: {witness}")
            elif reason := objection(witness):
                reasons.append(f"{name}: {reason}")
            else:
                return Seat(witness, independence, beside)
        return "; ".join(reasons) or "no other decoder is known"

    def _lines(self, syntax: str) -> list[Line]:
        """The table's lines, then those that nobody has judged."""
        lines = list(self._table.get(syntax, ()))
        judged = {line.name for line in lines}
        return lines + [
            Line(name, _BUILD, beside=True)
            for name, one in self._all.items()
            if name not in judged and not isinstance(one, str) and syntax in one.decodes
        ]


def default_witnesses() -> Witnesses:
    """Return every witness of this package."""
    own = (("imagecodecs/liblj92", "lj92"), ("imagecodecs/openjpeg", "openjpeg_ht"))
    return Witnesses([*(partial(_import, name, module) for name, module in own), _plugins])


def _import(name: str, module: str) -> Found:
    try:
        loaded = importlib.import_module(f".{module}", __package__)
        return {name: cast(Witness, loaded.witness())}
    except ImportError as error:
        return {name: str(error)}


def _plugins() -> Found:
    loaded = importlib.import_module(".pylibjpeg", __package__)
    return cast(Found, loaded.witnesses())
