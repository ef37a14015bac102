"""The witnesses: who they are, and that all of them read sound streams alike."""

from __future__ import annotations

import itertools
import struct
from typing import NamedTuple

import numpy as np
import pytest

from orthanc_transcoder.codec import uids, witnesses
from orthanc_transcoder.codec.contract import (
    Codec,
    Decoded,
    Independence,
    PixelFormat,
    Samples,
    Witness,
)
from orthanc_transcoder.codec.witnesses import Line, Seat, Witnesses, default_witnesses
from orthanc_transcoder.errors import Declined
from tests.codec import grid
from tests.damage.anatomy import parts
from tests.damage.originals import RECIPES, originals

KNOWN = default_witnesses()


class Fake(NamedTuple):
    """A witness of whatever it is told."""

    name: str = "fake"
    version: str = "1"
    decodes: frozenset[str] = frozenset((uids.RLELossless,))
    holds_lock: bool = False
    sound_only: bool = False
    objection: str | None = None

    def cannot_read(self, pixels: PixelFormat, syntax: str) -> str | None:
        return self.objection

    def decode(self, frame: bytes, pixels: PixelFormat, syntax: str, threads: int = 1) -> Decoded:
        raise NotImplementedError


PIXELS = grid.pixel_format(4, 4, 8)


def readers(syntax: str, *, foreign: bool = False) -> list[Codec | Witness]:
    """Every decoder of a syntax; of ``foreign`` streams, those that may see them."""
    others = [
        one
        for one in KNOWN._all.values()
        if not isinstance(one, str) and syntax in one.decodes and not (foreign and one.sound_only)
    ]
    return [grid.REGISTRY.decoder(syntax), *others]


def test_the_table_names_what_this_package_installs() -> None:
    expected = {
        uids.RLELossless: ("pylibjpeg/rle", Independence.IMPLEMENTATION),
        uids.JPEGLossless: ("imagecodecs/liblj92", Independence.IMPLEMENTATION),
        uids.JPEGLosslessSV1: ("imagecodecs/liblj92", Independence.IMPLEMENTATION),
        uids.HTJ2KLossless: ("imagecodecs/openjpeg", Independence.IMPLEMENTATION),
        uids.HTJ2KLosslessRPCL: ("imagecodecs/openjpeg", Independence.IMPLEMENTATION),
        uids.HTJ2K: ("imagecodecs/openjpeg", Independence.IMPLEMENTATION),
        uids.JPEG2000Lossless: ("pylibjpeg/openjpeg", Independence.BUILD),
        uids.JPEG2000: ("pylibjpeg/openjpeg", Independence.BUILD),
    }
    for syntax, (name, independence) in expected.items():
        seat = KNOWN.prover(syntax, PIXELS)
        assert isinstance(seat, Seat)
        assert (seat.witness.name, seat.independence, seat.beside) == (name, independence, False)
        assert syntax in seat.witness.decodes


@pytest.mark.parametrize("syntax", [uids.JPEGXLLossless, uids.JPEGXL])
def test_where_there_is_none_the_reason_is_told(syntax: str) -> None:
    assert KNOWN.prover(syntax, PIXELS) == "no other decoder is known"


def test_available_ones_have_versions_and_the_others_reasons() -> None:
    assert set(KNOWN.available) >= {
        "pylibjpeg/rle",
        "pylibjpeg/openjpeg",
        "imagecodecs/liblj92",
        "imagecodecs/openjpeg",
    }
    assert all(about["version"] and about["decodes"] for about in KNOWN.available.values())
    assert set(KNOWN.unavailable) <= {"pylibjpeg/libjpeg"}
    assert not set(KNOWN.unavailable) & set(KNOWN.available)


def test_a_missing_witness_is_no_silent_fallback() -> None:
    table = {uids.RLELossless: (Line("fake", Independence.IMPLEMENTATION),)}
    made = Witnesses([lambda: {"fake": "libfoo is missing"}], table)
    assert made.prover(uids.RLELossless, PIXELS) == "fake: libfoo is missing"
    made = Witnesses([lambda: {"fake": Fake(objection="too deep")}], table)
    assert made.prover(uids.RLELossless, PIXELS) == "fake: too deep"
    assert isinstance(made.second(uids.RLELossless), Seat)


def test_one_that_damage_crashes_gives_no_second_opinion() -> None:
    table = {uids.RLELossless: (Line("fake", Independence.IMPLEMENTATION),)}
    made = Witnesses([lambda: {"fake": Fake(sound_only=True)}], table)
    assert isinstance(made.prover(uids.RLELossless, PIXELS), Seat)
    assert made.second(uids.RLELossless) == "fake: damaged frames crash it"
    second = KNOWN.second(uids.JPEGLosslessSV1)
    assert isinstance(second, str) or second.witness.name == "pylibjpeg/libjpeg"


def test_one_that_nobody_has_judged_stands_behind_and_counts_as_a_build() -> None:
    made = Witnesses([lambda: {"foo": Fake("foo"), "fake": Fake()}], {})
    seat = made.prover(uids.RLELossless, PIXELS)
    assert isinstance(seat, Seat)
    assert (seat.witness.name, seat.independence, seat.beside) == ("foo", "build", True)
    table = {uids.RLELossless: (Line("fake", Independence.IMPLEMENTATION),)}
    seat = Witnesses([lambda: {"foo": Fake("foo"), "fake": Fake()}], table).prover(
        uids.RLELossless, PIXELS
    )
    assert isinstance(seat, Seat)
    assert seat.witness.name == "fake"


@pytest.mark.parametrize(
    ("holds_lock", "beside", "count", "proven"),
    [
        (False, False, 3, [True, True, True]),
        (True, False, 3, [True, False, False]),
        (True, False, 1, [True]),
        (False, True, 3, [True, False, False]),
    ],
)
def test_which_frames_a_witness_proves(
    holds_lock: bool, beside: bool, count: int, proven: list[bool]
) -> None:
    seat = Seat(Fake(holds_lock=holds_lock), Independence.BUILD, beside)
    assert [seat.proves(index, count) for index in range(count)] == proven


def read_alike(
    decoders: list[Codec | Witness], frame: bytes, header: PixelFormat, syntax: str
) -> Samples:
    """The samples, once every pair of decoders has read the same of them."""
    found = [one.decode(frame, header, syntax) for one in decoders]
    for (one, here), (other, there) in itertools.combinations(zip(decoders, found, strict=True), 2):
        where = f"{one.name} and {other.name}: {header}"
        assert here.samples.dtype == there.samples.dtype, where
        assert np.array_equal(here.samples, there.samples), where
        assert (here.bits, here.signed) == (there.bits, there.signed), where
        assert here.photometric == there.photometric, where
    return found[0].samples


@pytest.mark.parametrize("syntax", grid.LOSSLESS)
@pytest.mark.parametrize("kind", grid.KINDS)
def test_every_pair_reads_every_format_alike(syntax: str, kind: str) -> None:
    """Every depth, sign, small size and colour; each stream by all decoders of its syntax."""
    decoders = readers(syntax)
    for seed, pixels in enumerate(grid.formats(grid.LOSSLESS_BITS[syntax])):
        samples = grid.samples_of(pixels, kind, seed)
        encoded, header = grid.encode(syntax, samples, pixels)
        assert np.array_equal(read_alike(decoders, encoded.data, header, syntax), samples)


@pytest.mark.parametrize("syntax", [uids.JPEG2000, uids.HTJ2K])
def test_every_pair_reads_what_is_lossless_under_a_lossy_name(syntax: str) -> None:
    twin = {uids.JPEG2000: uids.JPEG2000Lossless, uids.HTJ2K: uids.HTJ2KLossless}[syntax]
    for samples in (1, 3):
        pixels = grid.pixel_format(65, 33, 12, samples=samples)
        encoded, header = grid.encode(twin, grid.samples_of(pixels), pixels)
        read_alike(readers(syntax), encoded.data, header, syntax)


@pytest.mark.parametrize("syntax", sorted(set(RECIPES) & set(grid.LOSSLESS)))
def test_every_pair_reads_other_encoders_streams_alike(syntax: str) -> None:
    """Real images by other predictors, tiles and resolutions: no false disagreement."""
    for frame, header in originals(syntax):
        read_alike(readers(syntax, foreign=True), frame, header, syntax)


@pytest.mark.parametrize("padding", [1, 2, 4, 9])
@pytest.mark.parametrize(("bits", "count"), [(8, 1), (16, 1), (32, 1), (8, 3), (16, 3)])
def test_padded_rle_is_no_damage_to_anyone(bits: int, count: int, padding: int) -> None:
    pixels = grid.pixel_format(20, 30, bits, samples=count)
    samples = grid.samples_of(pixels, "noise")
    encoded, header = grid.encode(uids.RLELossless, samples, pixels)
    segments = [part.data + bytes(padding) for part in parts(encoded.data, uids.RLELossless)]
    starts = itertools.accumulate([64, *map(len, segments[:-1])])
    head = struct.pack("<L", len(segments)) + b"".join(struct.pack("<L", at) for at in starts)
    frame = head.ljust(64, b"\0") + b"".join(segments)
    found = read_alike(readers(uids.RLELossless), frame, header, uids.RLELossless)
    assert np.array_equal(found, samples)


def test_openjpeg_declines_deep_htj2k() -> None:
    witness = KNOWN._all["imagecodecs/openjpeg"]
    assert not isinstance(witness, str)
    deep = grid.pixel_format(9, 9, 20, allocated=32)
    assert witness.cannot_read(deep, uids.HTJ2KLossless)
    import imagecodecs  # noqa: PLC0415

    frame = bytes(imagecodecs.htj2k_encode(np.zeros((9, 9), np.uint32), reversible=True))
    with pytest.raises(Declined):
        witness.decode(frame, deep, uids.HTJ2KLossless)


def test_cheap_ones_are_of_the_table() -> None:
    assert set(witnesses.TABLE) >= witnesses.CHEAP
