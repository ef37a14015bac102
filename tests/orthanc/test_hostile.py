"""Files that ended Orthanc, or made it take gigabytes: it lives, and stays small.

Damaged frames by themselves are harmless enough; Orthanc's own decoder, which runs within
the server, dies of them where the header lies, too.
"""

from __future__ import annotations

import contextlib
import functools
import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from orthanc_transcoder import syntaxes
from orthanc_transcoder.codec import uids
from tests.orthanc.answers.cases import BYTES, GREY, encoded, read
from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.rest import HttpError
from tests.orthanc.servers import SCRIPT, OrthancServer, python_plugin
from tests.synthesis import Image, encapsulated_file, native_file, to_bytes

NATIVE, J2K = syntaxes.EXPLICIT_LE, uids.JPEG2000Lossless
VIEWS = ("preview", "image-uint8", "image-uint16", "image-int16", "rendered")
# What a server may grow by for a file of some kilobytes.
GROWTH_BYTES = 200 << 20
# Orthanc's own transcoder, where it is asked for what is declined here, allocates for it.
ORDERS = ("After", "Disabled")


def lying(make: Callable[[], bytes], **attributes: object) -> bytes:
    """A file with other attributes, or without those that are None."""
    dataset = read(make())
    for keyword, value in attributes.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    return to_bytes(dataset, dataset.file_meta.TransferSyntaxUID)


def damaged_rle(image: Image = GREY) -> bytes:
    """The second segment's place is far beyond the end of the frame."""
    frame = struct.pack("<16L", 2, 64, 7_077_952, *[0] * 13) + bytes(1000)
    return encapsulated_file(image, [frame], uids.RLELossless)


def fragments_that_disagree(syntax: str) -> bytes:
    """Three fragments, which are no number of frames that the header knows."""
    return encapsulated_file(BYTES, [encoded(BYTES, syntax)], syntax, fragments=3, table="empty")


def damaged_frames(syntax: str) -> bytes:
    """Frames that break off, in a file that promises more of them."""
    whole = encoded(BYTES, syntax)
    several = [whole[: len(whole) // 2], whole, whole[:40]]
    image = Image(rows=48, columns=40, bits_allocated=8, frames=3)
    return encapsulated_file(image, several, syntax)


# Of compressed files. ``After`` they may go on to Orthanc's own transcoder, which allocates
# what the header says before it looks: what claims gigabytes is asked of ``Disabled`` alone.
COMPRESSED: dict[str, Callable[[], bytes]] = {
    "damaged RLE": damaged_rle,
    "damaged RLE, High Bit 3": lambda: lying(damaged_rle, HighBit=3),
    "damaged RLE, Bits Stored 0": lambda: lying(damaged_rle, BitsStored=0),
    "damaged RLE, no Pixel Representation": lambda: lying(damaged_rle, PixelRepresentation=None),
    "damaged RLE, no Rows": lambda: lying(damaged_rle, Rows=None),
    "damaged RLE, 32 bits": lambda: lying(damaged_rle, BitsAllocated=32, BitsStored=32, HighBit=31),
    **{
        f"damaged frames, {keyword}": functools.partial(damaged_frames, syntax)
        for keyword, syntax in syntaxes.KEYWORDS.items()
        if keyword in ("JPEGLosslessSV1", "JPEGLSLossless", "JPEG2000Lossless", "RLELossless")
    },
    "fragments that disagree": lambda: fragments_that_disagree(uids.JPEGLosslessSV1),
}
# How a file says its syntax so that Orthanc reads it, and others perhaps not.
_RLE = b"1.2.840.10008.1.2.5\0"
_SAID = {
    "a space before": struct.pack("<HH2sH", 2, 0x10, b"UI", 20) + b" " + _RLE[:-1],
    "big endian": struct.pack(">HH2sH", 2, 0x10, b"UI", 20) + _RLE,
    "native before": struct.pack("<HH2sH", 2, 0x10, b"UI", 20)
    + b"1.2.840.10008.1.2.1\0"
    + struct.pack("<HH2sH", 2, 0x10, b"UI", 20)
    + _RLE,
    "unknown before": struct.pack("<HH2sH", 2, 0x10, b"UI", 20)
    + b"1.2.840.10008.1.2.7\0"
    + struct.pack("<HH2sH", 2, 0x10, b"UI", 20)
    + _RLE,
}


def said_otherwise(kind: str) -> bytes:
    """Damaged RLE, with another group 2."""
    content = lying(damaged_rle, HighBit=3)
    (length,) = struct.unpack_from("<I", content, 140)
    group = _SAID[kind]
    size = struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(group))
    return bytes(128) + b"DICM" + size + group + content[144 + length :]


COMPRESSED |= {
    f"damaged RLE, its syntax said with {kind}": functools.partial(said_otherwise, kind)
    for kind in _SAID
}
CLAIMING: dict[str, Callable[[], bytes]] = {
    "65535 x 65535, and fragments that disagree": lambda: lying(
        lambda: fragments_that_disagree(uids.JPEGLosslessSV1), Rows=65535, Columns=65535
    ),
    "9999 x 9999 in colour, and frames without number": lambda: lying(
        lambda: damaged_frames(uids.JPEGLosslessSV1),
        Rows=9999,
        Columns=9999,
        SamplesPerPixel=3,
        PhotometricInterpretation="RGB",
        PlanarConfiguration=0,
        NumberOfFrames=2**31 - 1,
    ),
    "65535 x 65535 in RLE": lambda: lying(damaged_rle, Rows=65535, Columns=65535),
}
# Of native files, which are left to Orthanc's own decoder ``After``.
LIES: dict[str, dict[str, object]] = {
    "Bits Stored 0": {"BitsStored": 0},
    "Bits Stored 33": {"BitsStored": 33},
    "High Bit 3": {"HighBit": 3},
    "High Bit 31": {"HighBit": 31},
    "no Pixel Representation": {"PixelRepresentation": None},
    "Pixel Representation 7": {"PixelRepresentation": 7},
    "65535 x 65535": {"Rows": 65535, "Columns": 65535},
    "no Rows": {"Rows": None},
    "0 rows": {"Rows": 0},
    "12 bits allocated": {"BitsAllocated": 12},
    "24 bits allocated": {"BitsAllocated": 24},
    "64 bits allocated": {"BitsAllocated": 64},
    "frames without number": {"NumberOfFrames": 2**31 - 1},
    "frames less than none": {"NumberOfFrames": -1},
    "a palette without tables": {"PhotometricInterpretation": "PALETTE COLOR"},
    "four samples": {"SamplesPerPixel": 4},
    "no samples": {"SamplesPerPixel": 0},
    "no pixels": {"PixelData": b""},
}


@pytest.fixture(scope="module", params=ORDERS)
def server(start_module_orthanc: StartOrthanc, request: pytest.FixtureRequest) -> OrthancServer:
    return start(start_module_orthanc, request.param)


@pytest.fixture(scope="module")
def shipped(start_module_orthanc: StartOrthanc) -> OrthancServer:
    """As the configurations of this project are: Orthanc's own decoders are out of the way."""
    return start(start_module_orthanc, "Disabled")


def start(starter: StartOrthanc, order: str, **options: object) -> OrthancServer:
    return starter(
        plugins=[python_plugin()],
        script=SCRIPT,
        config={
            "BuiltinDecoderTranscoderOrder": order,
            "Transcoder": {"Workers": 1, "QualityChecks": False, **options},
        },
    )


def peak_bytes(server: OrthancServer) -> int:
    """The most memory that the server ever had."""
    status = Path(f"/proc/{server.pid}/status").read_text(encoding="utf-8")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) << 10


def ask_everything(server: OrthancServer, identifier: str, targets: tuple[str, ...]) -> None:
    """Each frame's pictures, one that there is not, and the file by the ways out."""
    study = server.get(f"/instances/{identifier}/study")["ID"]
    for frame in range(4):
        for view in VIEWS:
            server.request("GET", f"/instances/{identifier}/frames/{frame}/{view}")
    for target in targets:
        server.request("GET", f"/instances/{identifier}/file?transcode={target}")
        server.request("GET", f"/studies/{study}/archive?transcode={target}")
        body = json.dumps({"Transcode": target, "Force": True}).encode()
        server.request("POST", f"/instances/{identifier}/modify", body)


def survives(server: OrthancServer, content: bytes, *targets: str) -> None:
    """Store a file and ask for all of it: the server lives, and is no larger than before."""
    before = peak_bytes(server)
    # Where Orthanc refuses to store it, there is nothing more to be asked.
    with contextlib.suppress(HttpError):
        ask_everything(server, server.store(content)["ID"], targets)
    assert server.get("/system")
    assert server.running
    assert peak_bytes(server) - before < GROWTH_BYTES


@pytest.mark.parametrize("kind", COMPRESSED)
def test_orthanc_survives_damage_beneath_a_lying_header(server: OrthancServer, kind: str) -> None:
    survives(server, COMPRESSED[kind](), NATIVE)


@pytest.mark.parametrize("kind", ["damaged RLE", "damaged RLE, High Bit 3"])
def test_orthanc_survives_damage_in_a_syntax_that_is_left_to_it(
    start_orthanc: StartOrthanc, kind: str
) -> None:
    """Pictures are made here of all syntaxes, whichever are transcoded."""
    server = start(start_orthanc, "After", RestrictTransferSyntaxes=["JPEG2000Lossless"])
    survives(server, COMPRESSED[kind]())


@pytest.mark.parametrize("kind", CLAIMING)
def test_orthanc_takes_no_memory_for_what_is_claimed(shipped: OrthancServer, kind: str) -> None:
    survives(shipped, CLAIMING[kind](), NATIVE)


@pytest.mark.parametrize("kind", LIES)
@pytest.mark.parametrize("image", ["grey", "colour"])
def test_orthanc_survives_native_files_that_lie(
    server: OrthancServer, image: str, kind: str
) -> None:
    samples = 3 if image == "colour" else 1
    bits = 8 if image == "colour" else 16
    honest = native_file(Image(rows=48, columns=40, samples=samples, bits_allocated=bits))
    survives(server, lying(lambda: honest, **LIES[kind]), J2K, uids.JPEGLosslessSV1)
