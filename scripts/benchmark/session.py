"""One run of the benchmark: its servers, each started when first needed, and its figures."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

from tests.orthanc.servers import orthanc_version

from . import targets
from .images import Image, make_images
from .loads import (
    ARCHIVE,
    C_GET,
    C_STORE,
    FILE,
    MANY,
    PREVIEW,
    REST,
    BareCodec,
    Load,
    Server,
    Subject,
)
from .measure import Figures, interleave
from .servers import JPEG2000, BenchServer, Kind
from .watch import Measurement, Patience, watched

HTJ2K = "1.2.840.10008.1.2.4.201"
_FIRST_WITH_HTJ2K = (1, 12, 11)
_FIRST_WITH_TRANSCODED_FILE = (1, 12, 2)

PLAIN = Kind("plain", "")
BUILT_IN = Kind("builtin70", "", "1.2.840.10008.1.2.4.70")
GDCM = Kind("gdcm90", "gdcm", JPEG2000)
GDCM_ONE_CORE = Kind("gdcm90core", "gdcm", JPEG2000, cores=1)
OURS = Kind("ours90", "ours", JPEG2000)
BYPASS = Kind("ours90bypass", "ours", JPEG2000, {"JPEG2000Bypass": True})
JPEG_LS = Kind("ours80", "ours", "1.2.840.10008.1.2.4.80")
JPEG_LOSSLESS = Kind("ours70", "ours", "1.2.840.10008.1.2.4.70")
HIGH_THROUGHPUT = Kind("ours201", "ours", HTJ2K)
UNCHECKED = Kind("ours90unchecked", "ours", JPEG2000, {"QualityChecks": False})
OWN_PROOF = {"Proof": "own"}
PROOFS = (
    (OURS, Kind("ours90own", "ours", JPEG2000, OWN_PROOF)),
    (JPEG_LOSSLESS, Kind("ours70own", "ours", JPEG_LOSSLESS.target, OWN_PROOF)),
    (HIGH_THROUGHPUT, Kind("ours201own", "ours", HTJ2K, OWN_PROOF)),
)
ONE_WORKER = Kind("ours90one", "ours", JPEG2000, {"Workers": 1})

# Seconds that may be spent on measuring again what other processes disturbed.
_PATIENCE = 60  # for each round
_QUICK_PATIENCE = 10
_START_ROUNDS = 3  # of each round of the others: a start is short, and its time varies

# The GDCM plugin answers 415: it decodes no JPEG 2000 in colour for display.
_SHOWS_NO_COLOUR = {(kind.name, f"us {PREVIEW} x1") for kind in (GDCM, GDCM_ONE_CORE)}


class Session:
    """A run.

    Parameters
    ----------
    folder
        For the servers' files; the caller deletes it.
    rounds
        How often each load is put on each subject.
    only
        A regular expression: what loads are wanted, by name.
    quick
        Fewer and smaller images and fewer servers.
    """

    def __init__(self, folder: Path, rounds: int, only: str, quick: bool) -> None:
        self.figures = Figures()
        self._folder = folder
        self._rounds = rounds
        self._only = re.compile(only)
        self._quick = quick
        self._patience = Patience(_QUICK_PATIENCE if quick else _PATIENCE * rounds)
        self._images = make_images(quick)
        self._servers: dict[str, Server] = {}
        self._bare: dict[str, BareCodec] = {}
        self._stack = contextlib.ExitStack()
        self._version = orthanc_version()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def run(self) -> None:
        """Measure all that is wanted."""
        self._starts()
        self._ingest()
        self._workers()
        self._checks()
        self._proofs()
        self._rest()
        self._decode()
        self._gdcm_over_rest()

    def _starts(self) -> None:
        if not self._only.search(targets.START):
            return
        for turn in range(self._rounds * _START_ROUNDS):
            for kind in (PLAIN, GDCM, OURS):
                folder = self._folder / f"start-{kind.name}-{turn}"
                start = functools.partial(_start, folder, kind)
                self.figures.add(targets.START, kind.name, self._patience.least_disturbed(start))
        say(targets.START)

    def _ingest(self) -> None:
        loads = [
            Load(C_STORE, image, clients)
            for image in self._images.values()
            for clients in ((1,) if image.name == targets.LOOP else (1, MANY))
        ]
        if self._wanted(loads):
            bare = [self._codec("bare90", True), self._codec("bare90unproven", False)]
            self._put(loads, self._transcoders(), bare)

    def _rest(self) -> None:
        # Not the GDCM plugin, which does not survive it.
        kinds = [kind for kind in self._transcoders() if kind.transcoder != "gdcm"]
        self._put([Load(REST, self._images["ct"], clients) for clients in (1, MANY)], kinds)

    def _workers(self) -> None:
        """Two workers against one: rounds of their own, with nobody else between."""
        images = [image for name, image in self._images.items() if name in ("ct", "cr")]
        loads = [Load(C_STORE, image, MANY, targets.WORKERS) for image in images]
        self._put(loads, [ONE_WORKER, OURS])

    def _checks(self) -> None:
        """Storing with the checks of what is stored and without; and what one check takes."""
        images = [image for name, image in self._images.items() if name != targets.LOOP]
        for image in images:
            loads = [Load(C_STORE, image, clients, targets.CHECKS) for clients in (1, MANY)]
            self._put(loads, [OURS, UNCHECKED])
            for load in self._wanted(loads[:1]):
                server = self._server(OURS)
                check = functools.partial(server.check, load)
                for _ in range(self._rounds):
                    found = self._patience.least_disturbed(check)
                    self.figures.add(f"one check: {image.name}", OURS.name, found)

    def _proofs(self) -> None:
        """Proof by another program against proof by the codec itself."""
        for image in self._images.values():
            for pair in PROOFS:
                if HIGH_THROUGHPUT not in pair or self._version >= _FIRST_WITH_HTJ2K:
                    self._put([Load(C_STORE, image, 1, targets.PROOFS)], pair)

    def _decode(self) -> None:
        routes = [C_GET, ARCHIVE, PREVIEW]
        if self._version >= _FIRST_WITH_TRANSCODED_FILE:
            routes.append(FILE)
        for image in self._images.values():
            if image.name in targets.SLICES:
                self._decode_image(image, self._wanted(Load(route, image, 1) for route in routes))

    def _decode_image(self, image: Image, loads: list[Load]) -> None:
        if not loads:
            return
        # The same codestream for both, and for a server without a codec the native image.
        ours = self._server(OURS)
        coded = image.coded(ours.transcoded(image.template))
        readers = [*(self._server(kind) for kind in (PLAIN, GDCM, GDCM_ONE_CORE)), ours]
        for reader in readers[1:]:
            reader.readable[image.name] = coded
        for load in loads:
            able = [one for one in readers if (one.name, load.name) not in _SHOWS_NO_COLOUR]
            self._interleave([load], able)
        for reader in readers:
            reader.server.clear()

    def _gdcm_over_rest(self) -> None:
        """How often the GDCM plugin takes Orthanc down with it: one request at a time."""
        image = dataclasses.replace(self._images["ct"], name="ct, single", batch=1)
        for load in self._wanted([Load(REST, image, 1)]):
            server = self._server(GDCM)
            for _ in range(4 * self._rounds):
                self.figures.add(load.name, GDCM.name, server.measure(load))

    def _transcoders(self) -> list[Kind]:
        found = [PLAIN, GDCM, OURS, BYPASS]
        if self._version >= _FIRST_WITH_HTJ2K:
            found.append(HIGH_THROUGHPUT)
        return found if self._quick else [*found, BUILT_IN, JPEG_LS, JPEG_LOSSLESS]

    def _put(
        self, loads: Iterable[Load], kinds: Iterable[Kind], others: Iterable[Subject] = ()
    ) -> None:
        if wanted := self._wanted(loads):
            self._interleave(wanted, [*(self._server(kind) for kind in kinds), *others])

    def _wanted(self, loads: Iterable[Load]) -> list[Load]:
        return [load for load in loads if self._only.search(load.name)]

    def _interleave(self, loads: Sequence[Load], subjects: Sequence[Subject]) -> None:
        interleave(self.figures, loads, subjects, self._rounds, self._patience, say)

    def _codec(self, name: str, proven: bool) -> BareCodec:
        if name not in self._bare:
            codec = BareCodec(name, JPEG2000, proven, list(self._images.values()))
            self._stack.callback(codec.close)
            self._bare[name] = codec
        return self._bare[name]

    def _server(self, kind: Kind) -> Server:
        if kind.name not in self._servers:
            folder = self._folder / kind.name
            folder.mkdir()
            server = Server(self._stack.enter_context(BenchServer(folder, kind)))
            # The first image after a start pays for what is loaded then.
            first = dataclasses.replace(self._images["ct"], batch=4)
            server.measure(Load(C_STORE, first, MANY))
            self._servers[kind.name] = server
            say(f"started {kind.name}")
        return self._servers[kind.name]


def _start(folder: Path, kind: Kind) -> Measurement:
    folder.mkdir(exist_ok=True)

    def start() -> float:
        with BenchServer(folder, kind) as server:
            return server.start_seconds

    return watched(start, os.getpid(), 1)


def say(text: str) -> None:
    """Tell how far the run is."""
    print(f"bench: {text}", file=sys.stderr, flush=True)
