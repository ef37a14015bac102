"""Damage within a JPEG 2000 codestream is seen, and sound streams are not mistaken for it."""

from __future__ import annotations

import itertools
import random
import re
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from orthanc_transcoder.codec import (
    j2k_codestream,
    j2k_packets,
    jpeg2000,
    openjpeg_decode,
    openjpeg_library,
    uids,
)
from orthanc_transcoder.codec.contract import EncodeOptions, PixelFormat, Samples
from orthanc_transcoder.codec.j2k_packets import Packets
from orthanc_transcoder.errors import CodecError
from tests.codec import grid

CODEC = jpeg2000.codec()
ORDERS = ("LRCP", "RLCP", "RPCL", "PCRL", "CPRL")
STRUCTURES = (
    "",
    "-n 3 -c [64,64],[32,32]",
    "-t 100,60 -d 13,7 -T 5,3 -r 20,5,1",
    "-b 16,32 -SOP -EPH -r 40,10,4 -I",
    "-TP R -M 1",
    "-M 60 -n 1 -r 8,1",
    "-n 6 -b 4,4 -c [128,128],[64,64] -mct 0",
)


def picture(pixels: PixelFormat, seed: int = 0) -> Samples:
    """Waves and some noise: neither all alike nor incompressible."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: pixels.rows, : pixels.columns]
    waves = (np.sin(x / 17) + np.cos(y / 11) + 2) / 4
    channels = [waves + rng.normal(0, 0.01, waves.shape) for _ in range(pixels.samples_per_pixel)]
    high = (1 << pixels.bits_stored) - 1
    image = np.stack(channels, -1) * high
    image = image[..., 0] if pixels.samples_per_pixel == 1 else image
    return np.ascontiguousarray(image.clip(0, high).astype("u1" if high < 256 else "u2"))


def by_opj_compress(image: Samples, options: str, folder: Path) -> bytes:
    source, target = folder / "image.raw", folder / "image.j2k"
    planes = np.moveaxis(np.atleast_3d(image), -1, 0)
    planes.astype(">u2" if image.dtype == np.uint16 else "u1").tofile(source)
    count, rows, columns = planes.shape
    form = f"{columns},{rows},{count},{8 * image.dtype.itemsize},u"
    command = ["opj_compress", "-i", str(source), "-o", str(target), "-F", form]
    subprocess.run([*command, *options.split()], capture_output=True, timeout=60, check=True)
    return target.read_bytes()


def decode(data: bytes) -> Samples:
    form = j2k_codestream.parse(data).format
    pixels = grid.pixel_format(
        form.rows, form.columns, form.bits, signed=form.signed, samples=form.components
    )
    return CODEC.decode(data, pixels, uids.JPEG2000).samples


def require_accepted(data: bytes) -> None:
    stream = j2k_codestream.parse(data)
    assert j2k_packets.audit(stream).unread is None
    assert np.array_equal(decode(data), imagecodecs.jpeg2k_decode(data, numthreads=1))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("count", [1, 3])
def test_sound_streams_are_accepted(order: str, structure: str, count: int, tmp_path: Path) -> None:
    if not shutil.which("opj_compress"):
        pytest.skip("opj_compress is not installed")
    bits = 8 if count == 3 else 16
    image = picture(grid.pixel_format(145, 203, bits, samples=count))
    require_accepted(by_opj_compress(image, f"-p {order} {structure}", tmp_path))


@pytest.mark.parametrize("syntax", [uids.JPEG2000Lossless, uids.JPEG2000])
@pytest.mark.parametrize("size", [*grid.SIZES, (64, 64), (257, 300)])
def test_our_own_streams_are_accepted(syntax: str, size: tuple[int, int]) -> None:
    bits = (1, 8, 12, 16)
    for depth, count, bypass in itertools.product(bits, (1, 3), (False, True)):
        pixels = grid.pixel_format(*size, depth, samples=count)
        options = EncodeOptions(quality=70, bypass=bypass)
        require_accepted(CODEC.encode(picture(pixels), pixels, syntax, options).data)


def test_a_lossless_stream_of_one_layer_is_known_to_be_complete() -> None:
    pixels = grid.pixel_format(100, 90, 12)
    for level, complete in ((0, True), (40, False)):
        data = bytes(
            imagecodecs.jpeg2k_encode(
                picture(pixels), level=level, codecformat="j2k", reversible=True, mct=False,
                bitspersample=12,
            )
        )  # fmt: skip
        assert j2k_packets.audit(j2k_codestream.parse(data)) == Packets(None, complete)


# What happens to streams: from a sound one with one tile-part, where its data start
# and end, and dice.

Damage = Callable[[bytearray, int, int, random.Random], None]


def removed(data: bytearray, start: int, end: int, dice: random.Random) -> None:
    count = min(200, (end - start) // 2)
    position = dice.randrange(start, end - count)
    del data[position : position + count]


def inserted(data: bytearray, start: int, end: int, dice: random.Random) -> None:
    position = dice.randrange(start, end)
    data[position:position] = dice.randbytes(dice.randint(1, 50))


def cut_off(data: bytearray, start: int, end: int, dice: random.Random) -> None:
    del data[dice.randrange(start, end) : end]


def zeroed(data: bytearray, start: int, end: int, dice: random.Random) -> None:
    position = dice.randrange(start, end - 300)
    data[position : position + 300] = bytes(300)


def flipped(data: bytearray, start: int, end: int, dice: random.Random) -> None:
    data[dice.randrange(start, end)] ^= 1 << dice.randrange(8)


def changed(data: bytearray, start: int, end: int, dice: random.Random) -> None:
    for _ in range(dice.randint(2, 4)):
        data[dice.randrange(start, end)] ^= dice.randint(1, 255)


def damaged(data: bytes, how: Damage, dice: random.Random) -> bytes:
    """With Psot put right: nothing but the data tells."""
    part = re.search(rb"\xff\x90\0\x0a", data)
    assert part is not None
    start = data.index(b"\xff\x93", part.end()) + 2
    result = bytearray(data)
    how(result, start, len(data) - 2, dice)
    length = len(result) - 2 - part.start()
    struct.pack_into(">I", result, part.start() + 6, length)
    return bytes(result)


def originals(syntax: str) -> Iterator[bytes]:
    for seed, (most, count) in enumerate([(8, 3), (12, 1), (16, 1)]):
        bits = min(most, 12) if syntax == uids.JPEG2000 else most
        pixels = grid.pixel_format(200, 180, bits, samples=count)
        options = EncodeOptions(quality=95)
        yield CODEC.encode(picture(pixels, seed), pixels, syntax, options).data


def taken(data: bytes) -> bool:
    try:
        decode(data)
    except CodecError as error:
        assert error.code in ("damaged_codestream", "truncated_codestream")  # noqa: PT017
        return False
    return True


@pytest.mark.parametrize("syntax", [uids.JPEG2000Lossless, uids.JPEG2000])
@pytest.mark.parametrize(
    ("how", "unseen"),
    [(removed, 0), (inserted, 0), (cut_off, 0), (zeroed, 0.1), (changed, 0.12), (flipped, 0.2)],
)
def test_damage_is_refused(syntax: str, how: Damage, unseen: float) -> None:
    dice, count = random.Random(7), 40
    streams = list(originals(syntax))
    kept = sum(taken(damaged(data, how, dice)) for data in streams for _ in range(count))
    assert kept <= unseen * count * len(streams)


def test_packets_that_are_not_there_are_missed() -> None:
    stream = next(originals(uids.JPEG2000Lossless))
    two_layers = bytearray(stream)
    layers = stream.index(b"\xff\x52") + 6
    struct.pack_into(">H", two_layers, layers, 2)
    with pytest.raises(CodecError) as caught:
        decode(bytes(two_layers))
    assert caught.value.code in ("damaged_codestream", "truncated_codestream")


@pytest.mark.parametrize(
    ("segment", "reason"),
    [
        (b"\xff\x5e\0\x05\0\0\x02", "region of interest"),
        (b"\xff\x5f\0\x09\0\0\0\x01\x06\x03\0", "progression order changes"),
        (b"\xff\x60\0\x04\0\0", "packed packet headers"),
    ],
)
def test_what_is_beyond_the_reader_is_not_audited(segment: bytes, reason: str) -> None:
    stream = next(originals(uids.JPEG2000Lossless))
    part = stream.index(b"\xff\x90\0\x0a")
    packets = j2k_packets.audit(j2k_codestream.parse(stream[:part] + segment + stream[part:]))
    assert packets.unread is not None
    assert reason in packets.unread
    assert not packets.complete


def test_padding_within_a_tile_part_is_no_damage() -> None:
    def padded(data: bytearray, _start: int, end: int, _dice: random.Random) -> None:
        data[end:end] = bytes(3)

    stream = next(originals(uids.JPEG2000Lossless))
    assert np.array_equal(decode(damaged(stream, padded, random.Random(0))), decode(stream))


def test_where_packets_were_not_read_code_blocks_are_not_counted() -> None:
    stream = next(originals(uids.JPEG2000Lossless))
    bad = j2k_codestream.parse(damaged(stream, zeroed, random.Random(1)))
    with pytest.raises(CodecError, match="code-blocks do not fit their data"):
        openjpeg_decode.decode(bad, Packets(None, complete=True))
    samples = openjpeg_decode.decode(bad, Packets("beyond this reader", complete=False))
    assert np.array_equal(samples, imagecodecs.jpeg2k_decode(bad.data, numthreads=1))


def test_threads_find_the_same_damage() -> None:
    stream = next(originals(uids.JPEG2000Lossless))
    bad = j2k_codestream.parse(damaged(stream, zeroed, random.Random(1)))
    with pytest.raises(CodecError, match="code-blocks do not fit their data"):
        openjpeg_decode.decode(bad, Packets(None, complete=True), threads=2)


def test_without_the_library_the_version_says_what_is_not_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing() -> None:
        raise ImportError("0 OpenJPEG libraries")

    stream = next(originals(uids.JPEG2000Lossless))
    expected = decode(stream)
    monkeypatch.setattr(openjpeg_library, "library", missing)
    assert "not checked: 0 OpenJPEG libraries" in CODEC.version
    assert np.array_equal(decode(stream), expected)
