"""Naming a file without parsing it."""

import struct
from collections.abc import Callable

import pytest

from orthanc_transcoder import peek
from tests.samples import all_samples
from tests.synthesis import Image, native_file

NATIVE, RLE = b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0"


def test_it_reads_what_pydicom_reads() -> None:
    pydicom = pytest.importorskip("pydicom")
    seen = 0
    for path in (sample.path for sample in all_samples()):
        dataset = pydicom.dcmread(path, force=True, stop_before_pixels=True)
        deflated = "1.2.840.10008.1.2.1.99"
        syntax = dataset.file_meta.get("TransferSyntaxUID", "")
        if "SOPInstanceUID" not in dataset or syntax == deflated:
            continue
        data = memoryview(path.read_bytes())
        assert peek.sop_instance_uid(data) == dataset.SOPInstanceUID, path
        assert peek.transfer_syntax(data) == syntax, path
        assert peek.undisputed_syntax(data) in (syntax, ""), path
        seen += 1
    assert seen > 50


def test_it_finds_nothing_in_garbage() -> None:
    assert peek.sop_instance_uid(memoryview(b"nothing" * 100)) == ""
    assert peek.transfer_syntax(memoryview(b"")) == ""


def element(number: int, vr: bytes, value: bytes) -> bytes:
    return struct.pack("<HH2sH", 2, number, vr, len(value)) + value


def meta(*elements: bytes, length: int | None = None) -> bytes:
    """A file that begins so, in front of a data set."""
    group = b"".join(elements)
    size = struct.pack("<I", len(group) if length is None else length)
    return bytes(128) + b"DICM" + element(0, b"UL", size) + group + b"\x08\0\x16\0UI\x02\x001\0"


def syntax(value: bytes, vr: bytes = b"UI") -> bytes:
    return element(0x10, vr, value)


def test_a_syntax_that_every_reader_sees() -> None:
    assert peek.undisputed_syntax(memoryview(meta(syntax(RLE)))) == "1.2.840.10008.1.2.5"
    assert peek.undisputed_syntax(memoryview(native_file(Image()))) == "1.2.840.10008.1.2.1"


# Orthanc takes each of these for what another reader may not.
DISPUTED: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "no preamble": lambda: meta(syntax(RLE))[128:],
    "no length": lambda: bytes(128) + b"DICM" + syntax(RLE),
    "a length too short": lambda: meta(syntax(NATIVE), syntax(RLE), length=len(syntax(NATIVE))),
    "a length too long": lambda: meta(syntax(NATIVE), length=len(syntax(NATIVE)) + 10),
    "none": lambda: meta(element(0x02, b"UI", b"1.2\0")),
    "two": lambda: meta(syntax(NATIVE), syntax(RLE)),
    "a space before": lambda: meta(syntax(b" " + RLE[:-1])),
    "a space after": lambda: meta(syntax(RLE[:-1] + b" ")),
    "no UID": lambda: meta(syntax(RLE, b"LO")),
    "big endian": lambda: meta(struct.pack(">HH2sH", 2, 0x10, b"UI", len(RLE)) + RLE),
    "implicit": lambda: meta(struct.pack("<HHI", 2, 0x10, len(RLE)) + RLE),
    "another group": lambda: meta(syntax(NATIVE), b"\x08\0\x05\0CS\0\0", syntax(RLE)),
    "further than is looked": lambda: meta(element(0x13, b"SH", b"") * 9000, syntax(RLE)),
    "broken off": lambda: meta(syntax(RLE))[:150],
}


@pytest.mark.parametrize("kind", DISPUTED)
def test_a_syntax_that_is_disputed(kind: str) -> None:
    assert peek.undisputed_syntax(memoryview(DISPUTED[kind]())) == ""


ODD = [b"1.2\x003.4", b" 1.2\r\n.3", b"1.2\x1b[2J.3", b"1.2\xe9.\x9b3", b"1.2 3\\4"]


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize("kind", ["explicit", "implicit", "big endian", "meta header"])
def test_a_uid_with_anything_in_it(kind: str, value: bytes) -> None:
    size = len(value)
    heads = {
        "explicit": struct.pack("<HH2sH", 8, 0x18, b"UI", size),
        "implicit": struct.pack("<HHI", 8, 0x18, size),
        "big endian": struct.pack(">HH2sH", 8, 0x18, b"UI", size),
        "meta header": struct.pack("<HH2sH", 2, 3, b"UI", size),
    }
    data = memoryview(bytes(200) + heads[kind] + value + b"\x08\0\x20\0DA\x02\0")
    assert peek.sop_instance_uid(data) == value.decode("latin-1").strip(" ")


def test_a_length_that_no_uid_has() -> None:
    for size in (0, 2, 65, 65535):
        data = bytes(200) + struct.pack("<HH2sH", 8, 0x18, b"UI", size) + b"1" * size
        assert peek.sop_instance_uid(memoryview(data)) == ""
