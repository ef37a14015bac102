"""Data sets of any number of parts, made by hand."""

from __future__ import annotations

import zlib
from struct import pack

from orthanc_transcoder.syntaxes import DEFLATED_LE
from orthanc_transcoder.syntaxes import EXPLICIT_LE as NATIVE
from tests.robust.streams import (
    RLE,
    file,
    fragments,
    image,
    item,
    long,
    open_item,
    open_long,
    rle,
    short,
)

DEPTH = 60
SEQUENCE = 0x00081115
PIXELS = 0x7FE00010


def private(count: int, value: bytes = b"ab") -> bytes:
    """So many elements, in order."""
    return b"".join(
        short((0x0009 + n // 50_000 * 2) << 16 | 0x1000 + n % 50_000, b"LO", value)
        for n in range(count)
    )


def nested(content: bytes, depth: int = DEPTH, *, undefined: bool = True) -> bytes:
    for _ in range(depth):
        if undefined:
            content = open_long(SEQUENCE, b"SQ", open_item(content))
        else:
            content = long(SEQUENCE, b"SQ", item(content))
    return content


def sequence(content: bytes) -> bytes:
    return open_long(SEQUENCE, b"SQ", content)


def table(offsets: range, form: str = "L") -> bytes:
    return pack(f"<{len(offsets)}{form}", *offsets)


def in_frames(count: int, *, basic: range = range(0), parts: int = 1, before: bytes = b"") -> bytes:
    frame = rle()
    size = len(frame) // parts // 2 * 2
    cut = [frame[n * size : None if n == parts - 1 else (n + 1) * size] for n in range(parts)]
    pixels = fragments(*cut * count, table=table(basic))
    return image(RLE, pixels, frames=count, after=before)


def deflated_file(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return file(DEFLATED_LE) + packer.compress(content) + packer.flush()


def stored_blocks(count: int) -> bytes:
    return b"\0\1\0\xfe\xffa" * count + b"\1\0\0\xff\xff"


def extended(offsets: range) -> bytes:
    data = table(offsets, "Q")
    return long(0x7FE00001, b"OV", data) + long(0x7FE00002, b"OV", bytes(len(data)))


def windowed(count: int) -> bytes:
    widths = long(0x00281051, b"UN", b"1\\" * count)
    function = long(0x00281056, b"UN", b" " * 10 * count + b"LINEAR")
    centers = long(0x00281050, b"UN", b"1\\" * count)
    return image(NATIVE, long(PIXELS, b"OB", bytes(range(64))), after=centers + widths + function)


def overlaid(count: int) -> bytes:
    groups = b"".join(
        short(group << 16 | 0x10, b"US", b"\1\0" * min(count, 30_000))
        + short(group << 16 | 0x11, b"US", b"\1\0")
        + long(group << 16 | 0x3000, b"OW", bytes(count // 2 * 2))
        for group in range(0x6000, 0x6020, 2)
    )
    return image(NATIVE, groups + long(PIXELS, b"OB", bytes(64)))


def coloured(count: int) -> bytes:
    descriptors = b"".join(short(0x00281101 + n, b"US", pack("<3H", 256, 0, 16)) for n in range(3))
    data = b"".join(long(0x00281201 + n, b"OW", bytes(2 * count)) for n in range(3))
    plain = grey(after=descriptors + data)
    return plain.replace(b"\x0c\0MONOCHROME2 ", b"\x0e\0PALETTE COLOR ")


def with_signatures(count: int, covered: bytes, before: bytes = b"") -> bytes:
    number = short(0x04000005, b"US", b"\1\0")
    parameters = long(0x4FFE0001, b"SQ", item(number + long(0x04000020, b"UN", covered)) * count)
    return file(NATIVE, before, parameters, long(0xFFFAFFFA, b"SQ", item(number) * count))


def tags(count: int) -> bytes:
    return b"".join(pack("<HH", 9, 0x1000 + number) for number in range(count))


def grey(before: bytes = b"", after: bytes = b"") -> bytes:
    return image(NATIVE, long(PIXELS, b"OB", bytes(64)), before=before, after=after)


FRAME = len(rle()) + 8
