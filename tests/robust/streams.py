"""Files and codestreams of any number of parts, made by hand."""

from __future__ import annotations

from struct import pack

import imagecodecs
import numpy as np

from orthanc_transcoder.codec import uids

EMPTY_ITEM = bytes.fromhex("feff00e000000000")
ITEM_END = bytes.fromhex("feff0de000000000")
SEQUENCE_END = bytes.fromhex("feffdde000000000")


def short(tag: int, vr: bytes, value: bytes) -> bytes:
    """An element with a length of 16 bits."""
    value += bytes(len(value) % 2)
    return pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, len(value)) + value


def long(tag: int, vr: bytes, value: bytes) -> bytes:
    """An element with a length of 32 bits."""
    return pack("<HH2sHL", tag >> 16, tag & 0xFFFF, vr, 0, len(value)) + value


def open_long(tag: int, vr: bytes, value: bytes) -> bytes:
    """An element of undefined length."""
    head = pack("<HH2sHL", tag >> 16, tag & 0xFFFF, vr, 0, 0xFFFFFFFF)
    return head + value + SEQUENCE_END


def item(value: bytes) -> bytes:
    """An item, or a fragment."""
    return pack("<HHL", 0xFFFE, 0xE000, len(value)) + value


def open_item(value: bytes) -> bytes:
    """An item of undefined length."""
    return pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF) + value + ITEM_END


def file(syntax: str, *elements: bytes) -> bytes:
    """A file with its group 2."""
    uid = syntax.encode() + bytes(len(syntax) % 2)
    group = short(0x00020010, b"UI", uid)
    return (
        bytes(128)
        + b"DICM"
        + short(0x00020000, b"UL", pack("<L", len(group)))
        + group
        + b"".join(elements)
    )


def image(
    syntax: str,
    pixels: bytes,
    *,
    frames: int = 1,
    rows: int = 8,
    columns: int = 8,
    before: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """An image of 8 bits; ``before`` lies below group 0028, ``after`` between it and the pixels."""
    return file(
        syntax,
        short(0x00080016, b"UI", b"1.2.840.10008.5.1.4.1.1.7"),
        short(0x00080018, b"UI", b"1.2.3"),
        before,
        short(0x00280002, b"US", pack("<H", 1)),
        short(0x00280004, b"CS", b"MONOCHROME2 "),
        short(0x00280008, b"IS", str(frames).encode()),
        short(0x00280010, b"US", pack("<H", rows)),
        short(0x00280011, b"US", pack("<H", columns)),
        short(0x00280100, b"US", pack("<H", 8)),
        short(0x00280101, b"US", pack("<H", 8)),
        short(0x00280102, b"US", pack("<H", 7)),
        short(0x00280103, b"US", pack("<H", 0)),
        after,
        pixels,
    )


def fragments(*contents: bytes, table: bytes = b"") -> bytes:
    """Encapsulated Pixel Data."""
    return open_long(0x7FE00010, b"OB", b"".join(map(item, (table, *contents))))


def rle(rows: int = 8, columns: int = 8) -> bytes:
    """A frame of zeros."""
    size, data = rows * columns, b""
    while size:
        run = min(size, 128)
        data += bytes((257 - run, 0)) if run > 1 else bytes(2)
        size -= run
    return pack("<16L", 1, 64, *bytes(14)) + data + bytes(len(data) % 2)


def marker(code: int, content: bytes = b"") -> bytes:
    """A marker segment, of JPEG as of JPEG 2000."""
    return pack(">HH", code, len(content) + 2) + content


def jpeg(
    *, header: bytes = b"", scan: bytes = b"", scans: bytes = b"", process: int = 0xC0
) -> bytes:
    """A JPEG of 8 x 8 samples: segments before its frame header, data of its scan, more scans."""
    frame = marker(0xFF00 | process, pack(">BHHB3B", 8, 8, 8, 1, 1, 0x11, 0))
    first = b"" if process == 0xC2 else scan_header() + scan
    return b"\xff\xd8" + header + frame + first + scans + b"\xff\xd9"


def scan_header(first: int = 0, last: int = 63, bits: int = 0) -> bytes:
    """A SOS segment of one component."""
    return marker(0xFFDA, bytes((1, 1, 0, first, last, bits)))


def j2k(
    tiles: bytes,
    *,
    header: bytes = b"",
    width: int = 1,
    height: int = 1,
    tile: tuple[int, int] = (0, 0),
    layers: int = 1,
    block: int = 4,
) -> bytes:
    """A JPEG 2000 codestream of one component and no wavelet levels, lossless."""
    tile_width, tile_height = tile if tile != (0, 0) else (width, height)
    size = pack(">H8IH3B", 0, width, height, 0, 0, tile_width, tile_height, 0, 0, 1, 7, 1, 1)
    coding = pack(">BBHB5B", 0, 0, layers, 0, 0, block - 2, block - 2, 0, 1)
    main = marker(0xFF51, size) + marker(0xFF52, coding) + marker(0xFF5C, bytes((0x40, 0x40)))
    return b"\xff\x4f" + main + header + tiles + b"\xff\xd9"


def tile_part(number: int, packets: bytes, header: bytes = b"") -> bytes:
    """One tile-part."""
    length = 14 + len(header) + len(packets)
    start = pack(">HHHIBB", 0xFF90, 10, number, length, 0, 0)
    return start + header + b"\xff\x93" + packets


def box(kind: bytes, content: bytes = b"") -> bytes:
    """A box of JP2 or JPEG XL."""
    return pack(">I4s", 8 + len(content), kind) + content


def jpeg_ls() -> bytes:
    """A JPEG-LS of 8 x 8 samples."""
    return bytes(imagecodecs.jpegls_encode(np.arange(64, dtype=np.uint8).reshape(8, 8)))


def jpeg_xl() -> bytes:
    """A bare JPEG XL codestream of 8 x 8 samples."""
    return bytes(imagecodecs.jpegxl_encode(np.arange(64, dtype=np.uint8).reshape(8, 8)))


RLE = uids.RLELossless
