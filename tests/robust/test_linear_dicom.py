"""DICOM files are parsed, checked and taken apart in time in proportion to their size."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from struct import pack

import pytest

from orthanc_transcoder import rendering
from orthanc_transcoder.codec.registry import default_registry
from orthanc_transcoder.dicom import bits, deflate, overlays, signatures
from orthanc_transcoder.dicom.elements import EXPLICIT_LE, IMPLICIT_LE, walk
from orthanc_transcoder.dicom.file import DicomFile
from orthanc_transcoder.dicom.frames import encapsulate, encoded_frames
from orthanc_transcoder.dicom.image import describe
from orthanc_transcoder.quality.inspection import inspect
from orthanc_transcoder.syntaxes import EXPLICIT_BE
from orthanc_transcoder.syntaxes import EXPLICIT_LE as NATIVE
from orthanc_transcoder.syntaxes import IMPLICIT_LE as IMPLICIT
from tests.robust.datasets import (
    FRAME,
    PIXELS,
    SEQUENCE,
    coloured,
    deflated_file,
    extended,
    grey,
    in_frames,
    nested,
    overlaid,
    private,
    sequence,
    stored_blocks,
    tags,
    windowed,
    with_signatures,
)
from tests.robust.growth import Case, assert_linear
from tests.robust.streams import (
    EMPTY_ITEM,
    ITEM_END,
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

PLUGIN = Path(__file__).parents[2] / "plugin"


def explicit(data: bytes) -> None:
    walk(data, EXPLICIT_LE)


def implicit(data: bytes) -> None:
    walk(data, IMPLICIT_LE)


def rewritten(data: bytes) -> None:
    one = DicomFile.parse(data)
    for syntax in (IMPLICIT, EXPLICIT_BE, NATIVE):
        one.write(syntax, {})


def opened(data: bytes) -> None:
    one = DicomFile.parse(data)
    for frame in encoded_frames(one, describe(one)):
        assert frame


def indexed(data: bytes) -> None:
    json.dumps(rendering.index(memoryview(data)).to_json())


def checked(data: bytes) -> None:
    inspect(data, default_registry())


def signed(data: bytes) -> None:
    one = DicomFile.parse(data)
    signatures.broken_by(one, one)


def first_bits(data: bytes) -> None:
    bits.frame_of(DicomFile.parse(data), 0)


def moved(data: bytes) -> None:
    one = DicomFile.parse(data)
    overlays.extract(one, describe(one))


ELEMENTS = {
    "elements": Case(private, explicit, 5_000),
    "implicit elements": Case(lambda n: pack("<HHL", 9, 0x1000, 0) * n, implicit, 5_000),
    "the same element": Case(lambda n: short(0x00091000, b"LO", b"ab") * n, explicit, 5_000),
    "nested": Case(lambda n: nested(private(n)), explicit, 5_000),
    "nested with lengths": Case(lambda n: nested(private(n), undefined=False) * 50, explicit, 1000),
    "many nested": Case(lambda n: nested(b"") * n, explicit, 50),
    "nested, never closed": Case(
        lambda n: (long(SEQUENCE, b"SQ", b"")[:8] + b"\xff" * 4 + EMPTY_ITEM[:4] + b"\xff" * 4) * n,
        explicit,
        5_000,
    ),
    "empty items": Case(lambda n: sequence(EMPTY_ITEM * n), explicit, 10_000),
    "empty open items": Case(lambda n: sequence(open_item(b"") * n), explicit, 10_000),
    "items of sequences": Case(
        lambda n: sequence(open_item(sequence(open_item(private(2)))) * n), explicit, 500
    ),
    "small sequences": Case(lambda n: sequence(b"") * n, explicit, 5_000),
    "item ends": Case(lambda n: sequence(open_item(b"") + ITEM_END * n), explicit, 5_000),
    "zeros": Case(lambda n: private(1) + bytes(n), explicit, 2_000_000),
    "zeros and a byte": Case(lambda n: private(1) + bytes(n) + b"\1", explicit, 2_000_000),
    "run of FF": Case(lambda n: b"\xff" * n, explicit, 500_000),
}

FILES = {
    "elements": Case(lambda n: file(NATIVE, private(n)), DicomFile.parse, 5_000),
    "group 2": Case(
        lambda n: file(NATIVE, short(0x00020012, b"UI", b"1.2.3") * n), DicomFile.parse, 5_000
    ),
    "written anew": Case(
        lambda n: image(NATIVE, sequence(open_item(private(3)) * n)), rewritten, 200
    ),
    "written anew, nested": Case(lambda n: image(NATIVE, nested(private(n), 30)), rewritten, 500),
    "written anew, nested UN": Case(
        lambda n: image(NATIVE, open_long(0x00091001, b"UN", item(private(3)) * n)), rewritten, 200
    ),
    "deflated": Case(lambda n: deflated_file(private(n)), DicomFile.parse, 5_000),
    "deflated zeros": Case(
        lambda n: deflated_file(long(0x00091000, b"OB", bytes(n))), DicomFile.parse, 5_000_000
    ),
    "deflated, and more": Case(
        lambda n: deflated_file(b"") + b"\xff" * n, DicomFile.parse, 2_000_000
    ),
    "deflated in tiny blocks": Case(
        stored_blocks, lambda data: deflate.inflated(memoryview(data), 2**30), 100_000
    ),
    "signatures": Case(lambda n: with_signatures(n, pack("<HH", 8, 0x16)), signed, 1_000),
    "signed tags": Case(lambda n: with_signatures(1, tags(n), private(n)), signed, 5_000),
}

FRAMES = {
    "frames": Case(in_frames, opened, 2_000),
    "frames with a table": Case(
        lambda n: in_frames(n, basic=range(0, FRAME * n, FRAME)), opened, 2_000
    ),
    "frames with a wrong table": Case(lambda n: in_frames(n, basic=range(n)), opened, 2_000),
    "a table alone": Case(lambda n: in_frames(1, basic=range(n)), opened, 200_000),
    "extended table": Case(
        lambda n: in_frames(n, before=extended(range(0, FRAME * n, FRAME))), opened, 2_000
    ),
    "extended table alone": Case(
        lambda n: in_frames(1, before=extended(range(n))), opened, 100_000
    ),
    "fragments of one frame": Case(
        lambda n: image(RLE, fragments(rle(), *[b"ab"] * n)), opened, 5_000
    ),
    "fragments of frames": Case(
        lambda n: in_frames(n, parts=4, basic=range(0, (FRAME + 24) * n, FRAME + 24)), opened, 1_000
    ),
    "empty fragments": Case(lambda n: image(RLE, fragments(rle(), *[b""] * n)), opened, 10_000),
    "frames that look like JPEG": Case(
        lambda n: image("1.2.840.10008.1.2.4.50", fragments(*[b"\xff\xd8\xff\xd9"] * n), frames=n),
        opened,
        5_000,
    ),
    "frames never empty": Case(
        lambda n: image(RLE, fragments(*[b""] * n), frames=n), opened, 5_000
    ),
    "frames written": Case(bytes, lambda data: encapsulate([b"ab"] * len(data)), 10_000),
    "index of frames": Case(in_frames, indexed, 2_000),
    "index of fragments": Case(
        lambda n: image(RLE, fragments(rle(), *[b"ab"] * n)), indexed, 5_000
    ),
    "index of native frames": Case(
        lambda n: image(NATIVE, long(PIXELS, b"OB", bytes(n)), frames=n, rows=1, columns=1),
        indexed,
        5_000,
    ),
    "single bits": Case(
        lambda n: image(NATIVE, long(PIXELS, b"OB", bytes(8 * n)), frames=n), first_bits, 200_000
    ),
}

CHECKED = {
    "elements": Case(lambda n: grey(before=private(n)), checked, 3_000),
    "native frames": Case(
        lambda n: image(NATIVE, long(PIXELS, b"OB", bytes(range(256)) * n), frames=4 * n),
        checked,
        200,
    ),
    "frames": Case(in_frames, checked, 300),
    "frames and tables": Case(
        lambda n: in_frames(n, basic=range(0, FRAME * n, FRAME), before=extended(range(n))),
        checked,
        300,
    ),
    "empty fragments": Case(lambda n: image(RLE, fragments(rle(), *[b""] * n)), checked, 10_000),
    "functional groups": Case(
        lambda n: image(
            NATIVE,
            open_long(0x52009230, b"SQ", EMPTY_ITEM * n) + long(PIXELS, b"OB", bytes(64 * n)),
            frames=n,
        ),
        checked,
        500,
    ),
    "windows": Case(windowed, checked, 500),
    "lossy history": Case(
        lambda n: grey(
            after=long(0x00282112, b"UN", b"1.5\\" * n) + long(0x00282114, b"UN", b"A\\" * n)
        ),
        checked,
        10_000,
    ),
    "image types": Case(
        lambda n: grey(before=long(0x00080008, b"UN", b"ORIGINAL\\" * n)),
        checked,
        20_000,
    ),
    "frame pointers": Case(
        lambda n: grey(before=long(0x00280009, b"UN", b"\x09\0\0\x10" * n)),
        checked,
        500,
    ),
    "overlays": Case(overlaid, checked, 50_000),
    "a long palette": Case(coloured, checked, 200_000),
    "frame times": Case(
        lambda n: grey(after=long(0x00281052, b"UN", b"1\\" * n)),
        checked,
        20_000,
    ),
}


@pytest.mark.parametrize("name", ELEMENTS)
def test_elements(name: str) -> None:
    assert_linear(ELEMENTS[name])


@pytest.mark.parametrize("name", FILES)
def test_files(name: str) -> None:
    assert_linear(FILES[name])


@pytest.mark.parametrize("name", FRAMES)
def test_frames(name: str) -> None:
    assert_linear(FRAMES[name])


@pytest.mark.parametrize("name", CHECKED)
def test_checks(name: str) -> None:
    assert_linear(CHECKED[name])


PROGRAM = """
import json, resource, sys, time
from orthanc_transcoder import rendering
from orthanc_transcoder.codec.registry import default_registry
from orthanc_transcoder.quality.inspection import inspect
data = sys.stdin.buffer.read()
registry = default_registry()
registry.decoder("1.2.840.10008.1.2.5")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
json.dumps(rendering.index(memoryview(data)).to_json())
inspect(data, registry)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, time.process_time())
"""


def test_a_million_empty_fragments() -> None:
    data = image(RLE, fragments(rle(), *[b""] * 1_000_000))
    environment = {"PYTHONPATH": str(PLUGIN)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=data,
        capture_output=True,
        check=True,
        env=environment,
    )
    kibibytes, seconds = done.stdout.split()
    assert int(kibibytes) < 64 * 1024  # some 16 bytes for each, and as much while they are counted
    assert float(seconds) < 20
