"""Small files that promise huge images: refused before anything is allocated for them."""

from __future__ import annotations

import struct
import time
import zlib

import pytest
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.servers import SCRIPT, OrthancServer, python_plugin
from tests.rules.whole import codestreams, to
from tests.synthesis import Image, encapsulated_file, native_file

SMALL = Image(rows=64, columns=64, bits_stored=12)
HUGE = 40_000  # a frame of 3.2 GB; Orthanc 1.13 itself refuses those over 4 GiB
MEMORY_MIB = 512


def start(starter: StartOrthanc, target: UID) -> OrthancServer:
    return starter(
        plugins=[python_plugin()],
        script=SCRIPT,
        config={
            "IngestTranscoding": target,
            "Transcoder": {"Workers": 1, "WorkerMemory": MEMORY_MIB, "MaximumImageSize": 1024},
        },
    )


@pytest.fixture(scope="module")
def server(start_module_orthanc: StartOrthanc) -> OrthancServer:
    return start(start_module_orthanc, RLELossless)


def codestream(syntax: UID) -> bytes:
    return codestreams(to(native_file(SMALL), syntax)[0])[0]


def resized(syntax: UID, rows: int, columns: int) -> bytes:
    """A small codestream whose own header promises another size."""
    code = bytearray(codestream(syntax))
    if syntax == JPEG2000Lossless:  # SIZ: Xsiz and Ysiz, then the offsets, then the tile's size
        struct.pack_into(">II", code, 8, columns, rows)
        struct.pack_into(">II", code, 24, columns, rows)
    else:  # SOF3 or SOF55: precision, lines, samples per line
        start = code.find(b"\xff\xc3" if syntax == JPEGLosslessSV1 else b"\xff\xf7")
        struct.pack_into(">HH", code, start + 5, rows, columns)
    return bytes(code)


def declined(server: OrthancServer, content: bytes) -> str:
    """Store it; the code why it was kept as it is, which took neither time nor a worker."""
    before = server.get("/transcoder/status")["workers"]["deaths"]
    started = time.monotonic()
    identifier = server.store(content)["ID"]
    report = server.get(f"/transcoder/instances/{identifier}/report")
    assert time.monotonic() - started < 10
    assert report["outcome"] in ("declined", "failed")
    assert server.file(identifier) == content
    assert server.get("/transcoder/status")["workers"]["deaths"] == before
    following = server.store(native_file(SMALL))["ID"]
    report_of_following = server.get(f"/transcoder/instances/{following}/report")
    assert report_of_following["outcome"] == "transcoded"
    return str(report["code"])


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless, JPEGLosslessSV1])
def test_a_codestream_larger_than_the_header_says(server: OrthancServer, syntax: UID) -> None:
    code = resized(syntax, HUGE, HUGE)
    assert declined(server, encapsulated_file(SMALL, [code], syntax)) == "implausible_size"


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless, JPEGLosslessSV1])
def test_header_and_codestream_promise_more_than_is_allowed(
    server: OrthancServer, syntax: UID
) -> None:
    code = resized(syntax, HUGE, HUGE)
    attributes = {"Rows": HUGE, "Columns": HUGE}
    file = encapsulated_file(SMALL, [code], syntax, attributes=attributes)
    assert declined(server, file) == "image_too_large"


@pytest.mark.parametrize("frames", [2**31 - 1, 1_000_000])
def test_more_frames_than_there_are(server: OrthancServer, frames: int) -> None:
    attributes = {"NumberOfFrames": frames}
    native = native_file(SMALL, attributes=attributes)
    assert declined(server, native) in ("image_too_large", "pixel_data_too_short")
    file = encapsulated_file(
        SMALL, [codestream(JPEG2000Lossless)], JPEG2000Lossless, attributes=attributes
    )
    assert declined(server, file) in ("image_too_large", "frames_disagree")


def test_zeros_that_were_deflated(server: OrthancServer) -> None:
    plain = native_file(SMALL, syntax=DeflatedExplicitVRLittleEndian)
    # Orthanc itself inflates it all, so it must not be too large for this machine.
    group2 = plain.index(b"DICM") + 4
    start = group2 + 12 + struct.unpack_from("<I", plain, group2 + 8)[0]
    body = zlib.decompress(plain[start:], -zlib.MAX_WBITS)
    filler = struct.pack("<HH2sHI", 0x7FE1, 0x1000, b"OB", 0, MEMORY_MIB << 20)
    private = struct.pack("<HH2sH", 0x7FE1, 0x0010, b"LO", 4) + b"BOMB"
    deflater = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    code = deflater.compress(body + private + filler)
    zeros = bytes(1 << 20)
    code += b"".join(deflater.compress(zeros) for _ in range(MEMORY_MIB)) + deflater.flush()
    content = plain[:start] + code + bytes(len(code) % 2)
    assert len(content) < 1 << 20
    identifier = server.store(content)["ID"]
    report = server.get(f"/transcoder/instances/{identifier}/report")
    assert report["code"] in ("deflate_too_large", "out_of_memory")
    assert server.file(identifier) == content
    following = server.store(native_file(SMALL))["ID"]
    report = server.get(f"/transcoder/instances/{following}/report")
    assert report["outcome"] == "transcoded"


def test_an_image_within_the_limit_that_takes_too_much_memory(start_orthanc: StartOrthanc) -> None:
    server = start(start_orthanc, JPEG2000Lossless)
    rows = columns = 20_000  # 800 MB of samples, over WorkerMemory
    segment = bytes([129, 0]) * (rows * columns // 128)  # runs of 128 zeros
    header = struct.pack("<16I", 2, 64, 64 + len(segment), *[0] * 13)
    attributes = {"Rows": rows, "Columns": columns}
    frame = header + segment + segment
    content = encapsulated_file(SMALL, [frame], RLELossless, attributes=attributes)
    identifier = server.store(content)["ID"]
    report = server.get(f"/transcoder/instances/{identifier}/report")
    assert (report["outcome"], report["code"]) == ("failed", "out_of_memory")
    assert server.file(identifier) == content
    following = server.store(native_file(SMALL))["ID"]
    report = server.get(f"/transcoder/instances/{following}/report")
    assert report["outcome"] == "transcoded"
