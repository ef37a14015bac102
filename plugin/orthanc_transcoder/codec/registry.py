"""Which codec serves which transfer syntax.

One line of ``_MODULES`` per codec. A codec is imported when a syntax of its
line is first asked for; one whose library is missing stays listed, with the
reason. At most one codec serves a syntax in one direction: nothing falls back.
Who reads a frame beside its codec is in ``witnesses``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple, cast

from ..errors import Declined
from . import uids
from .contract import Codec, Recompressor
from .witnesses import Witnesses, default_witnesses

_MODULES: dict[str, tuple[str, ...]] = {
    "rle": (uids.RLELossless,),
    "jpeg": (uids.JPEGBaseline8Bit, uids.JPEGExtended12Bit),
    "jpeg_lossless": (uids.JPEGLossless, uids.JPEGLosslessSV1),
    "jpeg_ls": (uids.JPEGLSLossless, uids.JPEGLSNearLossless),
    "htj2k": (uids.HTJ2KLossless, uids.HTJ2KLosslessRPCL, uids.HTJ2K),
    "jpeg_xl": (uids.JPEGXLLossless, uids.JPEGXLJPEGRecompression, uids.JPEGXL),
    "jpeg2000": (uids.JPEG2000Lossless, uids.JPEG2000, uids.JPEG2000MCLossless, uids.JPEG2000MC),
}


class Source(NamedTuple):
    """Where a codec comes from: ``load`` gives it, or raises ImportError with the reason."""

    name: str
    syntaxes: frozenset[str]
    load: Callable[[], Codec]


class Registry:
    """The codecs of one process, loaded at first use.

    Parameters
    ----------
    sources, witnesses
        ``default_registry`` passes the real ones; tests may pass others.
    """

    def __init__(self, sources: Iterable[Source], witnesses: Witnesses | None = None) -> None:
        self._sources = tuple(sources)
        self.witnesses = witnesses or Witnesses()
        self._loaded: dict[str, Codec | str] = {}

    def decoder(self, syntax: str) -> Codec:
        """Return the codec that decodes ``syntax``; raise ``Declined`` ("no_codec") if none."""
        return self._find(syntax, "decode", lambda codec: codec.decodes)

    def encoder(self, syntax: str) -> Codec:
        """Return the codec that encodes ``syntax``; raise ``Declined`` ("no_codec") if none."""
        return self._find(syntax, "encode", lambda codec: codec.encodes)

    def recompressor(self, source: str, target: str) -> Recompressor | None:
        """Return what repacks ``source`` as ``target`` without decoding, or None."""
        for line in self._sources:
            codec = self._load(line) if {source, target} & line.syntaxes else ""
            if (source, target) in getattr(codec, "recompresses", ()):
                return cast(Recompressor, codec)
        return None

    def repackable(self, source: str) -> frozenset[str]:
        """Every syntax that ``recompressor`` repacks ``source`` as."""
        codecs = map(self._load, self._sources)
        pairs = (pair for codec in codecs for pair in getattr(codec, "recompresses", ()))
        return frozenset(target for one, target in pairs if one == source)

    @property
    def encodable(self) -> frozenset[str]:
        """Every syntax that ``encoder`` gives a codec for; loads them all."""
        codecs = map(self._load, self._sources)
        return frozenset().union(*(codec.encodes for codec in codecs if not isinstance(codec, str)))

    @property
    def available(self) -> dict[str, dict[str, object]]:
        """Version and syntaxes of every codec that works; loads them all."""
        return {
            codec.name: {
                "version": codec.version,
                "decodes": sorted(codec.decodes),
                "encodes": sorted(codec.encodes),
            }
            for codec in map(self._load, self._sources)
            if not isinstance(codec, str)
        }

    @property
    def unavailable(self) -> dict[str, str]:
        """The reason why each of the others does not; loads them all."""
        states = {source.name: self._load(source) for source in self._sources}
        return {name: state for name, state in states.items() if isinstance(state, str)}

    def _load(self, source: Source) -> Codec | str:
        if source.name not in self._loaded:
            try:
                self._loaded[source.name] = source.load()
            except ImportError as error:
                self._loaded[source.name] = str(error)
        return self._loaded[source.name]

    def _find(
        self, syntax: str, verb: str, syntaxes_of: Callable[[Codec], frozenset[str]]
    ) -> Codec:
        missing = []
        for source in self._sources:
            if syntax not in source.syntaxes:
                continue
            codec = self._load(source)
            if isinstance(codec, str):
                missing.append(f"{source.name} is unavailable: {codec}")
            elif syntax in syntaxes_of(codec):
                return codec
        why = f" ({'; '.join(missing)})" if missing else ""
        raise Declined("no_codec", f"no codec here can {verb} transfer syntax {syntax}{why}")


def default_registry() -> Registry:
    """Return a registry of every codec of this package."""
    sources = (
        Source(name, frozenset(syntaxes), partial(_import, name))
        for name, syntaxes in _MODULES.items()
    )
    return Registry(sources, default_witnesses())


def _import(name: str) -> Codec:
    """Import a codec's module and take its codec; each module offers ``codec()``."""
    return cast(Codec, importlib.import_module(f".{name}", __package__).codec())
