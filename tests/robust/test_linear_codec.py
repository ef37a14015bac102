"""Codestreams are parsed in time in proportion to their size, sound or not."""

from __future__ import annotations

import contextlib
import json
import time

import pytest

from orthanc_transcoder import peek
from orthanc_transcoder.codec import (
    j2k_codestream,
    j2k_packets,
    jpeg_codestream,
    jpeg_decode,
    jpeg_scans,
    jxl_codestream,
    rle,
    uids,
)
from orthanc_transcoder.codec.contract import PixelFormat
from orthanc_transcoder.codec.registry import default_registry
from orthanc_transcoder.pool import wire
from tests.robust.growth import Case, assert_linear
from tests.robust.streams import (
    box,
    j2k,
    jpeg,
    jpeg_ls,
    jpeg_xl,
    marker,
    scan_header,
    tile_part,
)

JP2 = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
JXL = b"\x00\x00\x00\x0cJXL \r\n\x87\n"
PIXELS = PixelFormat(8, 8, 1, 8, 8, signed=False, photometric="MONOCHROME2")
SMALL = j2k(tile_part(0, b"\0"))
REFINING = scan_header(1, 63, 0x21) + b"\x00\x01"


def scans(data: bytes) -> None:
    stream = jpeg_codestream.parse(data)
    jpeg_scans.missing(stream)
    for _ in jpeg_scans.shortened(stream):
        pass


def soundness(data: bytes) -> None:
    jpeg_decode.require_sound(jpeg_codestream.parse(data))


def packets(data: bytes) -> None:
    j2k_packets.audit(j2k_codestream.parse(data))


def decode(syntax: str, data: bytes) -> None:
    default_registry().decoder(syntax).decode(data, PIXELS, syntax)


def unpacked(data: bytes) -> None:
    with contextlib.suppress(wire.WireError):
        wire.unpack_header(data)


def peeked(data: bytes) -> None:
    view = memoryview(data)
    peek.sop_instance_uid(view)
    peek.transfer_syntax(view)
    peek.undisputed_syntax(view)


def plain_tiles(count: int) -> bytes:
    return b"".join(tile_part(number, b"\0") for number in range(count))


def in_scan(fill: bytes) -> Case:
    return Case(lambda n: jpeg(scan=fill * (n // len(fill))), scans, 200_000)


JPEG = {
    "segments": Case(lambda n: jpeg(header=marker(0xFFE0, b"ab") * n), scans, 5_000),
    "comments": Case(lambda n: jpeg(header=marker(0xFFFE, bytes(9000)) * n), scans, 500),
    "fill before a marker": Case(lambda n: jpeg(header=b"\xff" * n), scans, 100_000),
    "run of FF": in_scan(b"\xff"),
    "run of FF 00": in_scan(b"\xff\0"),
    "run of FF D0": in_scan(b"\xff\xd0"),
    "run of FF D8": in_scan(b"\xff\xd8"),
    "run of D0 FF": in_scan(b"\xd0\xff\xff"),
    "run of FF, no end": Case(lambda n: jpeg(scan=b"\xff" * n)[:-2] + b"\0", scans, 200_000),
    "run of zeros": in_scan(b"\0"),
    "run of markers": Case(lambda n: b"\xff\xd8" + b"\xff\xe1\x00\x02" * n, scans, 5_000),
    "restart intervals": in_scan(b"\x01\xff\xd0"),
    "padded intervals": in_scan(b"\x00\xff\xd0"),
    "scans": Case(lambda n: jpeg(scans=(scan_header() + b"\1") * n), scans, 2_000),
    "trailing": Case(lambda n: jpeg() + b"\xff\0" * n, scans, 500_000),
    "progressive scans": Case(
        lambda n: jpeg(process=0xC2, scans=(scan_header(1, 63, 1) + b"\1") * n), scans, 500
    ),
    "refining scans": Case(lambda n: jpeg(process=0xC2, scans=REFINING * n), scans, 200),
    "refining scans of one coefficient": Case(
        lambda n: jpeg(process=0xC2, scans=(scan_header(1, 1, 0x21) + b"\1") * n), scans, 1000
    ),
    "soundness of refining scans": Case(
        lambda n: jpeg(process=0xC2, scans=REFINING * n), soundness, 200
    ),
    "JPEG-LS, run of FF": Case(
        lambda n: jpeg_ls()[:-2] + b"\xff" * n, jpeg_codestream.parse, 200_000
    ),
    "JPEG-LS, run of FF and an end": Case(
        lambda n: jpeg_ls()[:-2] + b"\xff" * n + b"\xff\xd9",
        lambda data: decode(uids.JPEGLSLossless, data),
        100_000,
    ),
    "JPEG-LS, segments": Case(
        lambda n: b"\xff\xd8" + marker(0xFFE8, b"ab") * n + jpeg_ls()[2:],
        lambda data: decode(uids.JPEGLSLossless, data),
        5_000,
    ),
    "JPEG-LS, parameters": Case(
        lambda n: b"\xff\xd8" + marker(0xFFF8, b"\1" + bytes(10)) * n + jpeg_ls()[2:],
        lambda data: decode(uids.JPEGLSLossless, data),
        5_000,
    ),
}

JPEG_2000 = {
    "comments": Case(
        lambda n: j2k(tile_part(0, b"\0"), header=marker(0xFF64, bytes(4)) * n), packets, 5_000
    ),
    "TLM": Case(
        lambda n: j2k(tile_part(0, b"\0"), header=marker(0xFF55, bytes(8)) * n), packets, 5_000
    ),
    "PPM": Case(
        lambda n: j2k(tile_part(0, b"\0"), header=marker(0xFF60, bytes(8)) * n), packets, 5_000
    ),
    "COD": Case(
        lambda n: j2k(tile_part(0, b"\0"), header=marker(0xFF52, bytes(10)) * n), packets, 5_000
    ),
    "QCC": Case(
        lambda n: j2k(tile_part(0, b"\0"), header=marker(0xFF5D, bytes(100)) * n), packets, 5_000
    ),
    "PLT": Case(lambda n: j2k(tile_part(0, b"\0", marker(0xFF58, bytes(4)) * n)), packets, 5_000),
    "tiles": Case(lambda n: j2k(plain_tiles(n), width=n, tile=(1, 1)), packets, 500),
    "tile-parts": Case(lambda n: j2k(tile_part(0, b"\0") * n, layers=n), packets, 16_000),
    "empty tile-parts": Case(
        lambda n: j2k(tile_part(0, b"") * n + tile_part(0, b"\0")), packets, 10_000
    ),
    "tile-parts left over": Case(lambda n: j2k(tile_part(0, b"\0") * n), packets, 50_000),
    "layers": Case(lambda n: j2k(tile_part(0, bytes(n)), layers=n), packets, 4_000),
    "open tile-part": Case(
        lambda n: j2k(tile_part(0, bytes(n))).replace((n + 14).to_bytes(4, "big"), bytes(4), 1),
        packets,
        1_000_000,
    ),
    "run of FF": Case(lambda n: j2k(tile_part(0, b"\xff" * n)), packets, 1_000_000),
    "run of SOT": Case(lambda n: j2k(tile_part(0, b"\0") + b"\xff\x90" * n), packets, 500_000),
    "trailing": Case(lambda n: SMALL + b"\xff\0" * n, packets, 1_000_000),
    "JP2 boxes": Case(lambda n: JP2 + box(b"free") * n + box(b"jp2c", SMALL), packets, 5_000),
    "JP2 headers": Case(
        lambda n: JP2 + box(b"jp2h", box(b"bpcc") * 4) * n + box(b"jp2c", SMALL), packets, 2_000
    ),
    "JP2 header of boxes": Case(
        lambda n: JP2 + box(b"jp2h", box(b"bpcc") * n) + box(b"jp2c", SMALL), packets, 5_000
    ),
    "JP2 channels": Case(
        lambda n: JP2 + box(b"jp2h", box(b"cdef", bytes(n))) + box(b"jp2c", SMALL), packets, 50_000
    ),
}

OTHERS = {
    "JPEG XL boxes": Case(lambda n: JXL + box(b"free") * n, jxl_codestream.parse, 5_000),
    "JPEG XL boxes and padding": Case(
        lambda n: JXL + box(b"free") * n + bytes(8 * n), jxl_codestream.parse, 5_000
    ),
    "JPEG XL parts": Case(
        lambda n: JXL + box(b"jxlp", bytes(4) + jpeg_xl()) * n, jxl_codestream.parse, 5_000
    ),
    "JPEG XL, bare": Case(lambda n: jpeg_xl() + bytes(n), jxl_codestream.parse, 1_000_000),
    "RLE of one segment": Case(
        lambda n: (1).to_bytes(4, "little") + (64).to_bytes(4, "little") + bytes(56 + n),
        lambda data: rle.decode_containers(data, PIXELS),
        500_000,
    ),
    "RLE without padding": Case(
        lambda n: (1).to_bytes(4, "little") + (64).to_bytes(4, "little") + bytes(56 + n),
        lambda data: rle.without_padding(data, PIXELS),
        500_000,
    ),
    "message of a list": Case(
        lambda n: json.dumps({"a": list(range(n))}).encode(), wire.unpack_header, 50_000
    ),
    "message of names": Case(
        lambda n: json.dumps({str(i): "\\\u1234" for i in range(n)}).encode(),
        wire.unpack_header,
        20_000,
    ),
    "message of nested lists": Case(
        lambda n: b'{"a":[' + b"[[]]," * n + b"0]}", wire.unpack_header, 20_000
    ),
    "message of an endless text": Case(lambda n: b'{"a":"' + b'\\"' * n, unpacked, 200_000),
    "message of a long number": Case(lambda n: b'{"a":' + b"1" * n + b".5}", unpacked, 200_000),
    "peek, nothing there": Case(lambda n: b"\x08\x00\x18\x00UI" * n, peeked, 100_000),
    "peek, a long UID": Case(lambda n: b"\x08\x00\x18\x00UI\0\0" + b"!" * n, peeked, 100_000),
}


@pytest.mark.parametrize("name", JPEG)
def test_jpeg(name: str) -> None:
    assert_linear(JPEG[name])


@pytest.mark.parametrize("name", JPEG_2000)
def test_jpeg_2000(name: str) -> None:
    assert_linear(JPEG_2000[name])


@pytest.mark.parametrize("name", OTHERS)
def test_others(name: str) -> None:
    assert_linear(OTHERS[name])


@pytest.mark.parametrize(
    ("width", "height"), [(181, 181), (4, 8191), (8191, 4), (1, 8191), (8191, 1)]
)
def test_layers_that_say_nothing_of_many_code_blocks(width: int, height: int) -> None:
    """Each packet is one byte: that nothing of 32,767 code-blocks is in its layer."""
    layers = 200
    said = tile_part(0, b"\x80" * layers)
    data = j2k(said, width=4 * width, height=4 * height, layers=layers, block=2)
    begun = time.process_time()
    packets(data)
    assert time.process_time() - begun < 0.5
