"""Ways to spoil a sound image, each in one respect."""

from __future__ import annotations

import io
from collections.abc import Callable
from struct import pack
from typing import Any

import imagecodecs
import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate_extended, generate_frames
from pydicom.sequence import Sequence

from orthanc_transcoder import syntaxes
from orthanc_transcoder.codec import uids
from tests.quality.making import (
    coded,
    colour,
    edited,
    grey,
    having,
    named,
    with_cells,
)

J2K = uids.JPEG2000Lossless


def pixels(change: Callable[[Any], Any]) -> Callable[[Dataset], None]:
    """Change Pixel Data as bytes."""

    def edit(dataset: Dataset) -> None:
        dataset.PixelData = change(dataset.PixelData)

    return edit


def group2(**values: Any) -> Callable[[Dataset], None]:
    """Set attributes of group 2."""

    def edit(dataset: Dataset) -> None:
        for keyword, value in values.items():
            setattr(dataset.file_meta, keyword, value)

    return edit


def pixel_vr(vr: str) -> Callable[[Dataset], None]:
    def edit(dataset: Dataset) -> None:
        dataset["PixelData"].VR = vr

    return edit


def replaced(content: bytes, old: bytes, new: bytes) -> bytes:
    """The file with bytes replaced that occur once."""
    assert content.count(old) == 1
    return content.replace(old, new)


def wrong_offsets() -> bytes:
    """The second entry of the Basic Offset Table points into a fragment."""
    content = coded(J2K, grey(frames=3))
    start = content.index(pack("<HHL", 0xFFFE, 0xE000, 12)) + 8
    second = int.from_bytes(content[start + 4 : start + 8], "little")
    return content[: start + 4] + pack("<L", second + 2) + content[start + 8 :]


ITEM = pack("<HH", 0xFFFE, 0xE000)


def short_table() -> bytes:
    """A Basic Offset Table of two bytes."""
    return replaced(coded(), ITEM + pack("<LL", 4, 0), ITEM + pack("<LH", 2, 0))


def swapped_offsets() -> bytes:
    """The second and the third entry of the Basic Offset Table change places."""
    content = coded(J2K, grey(frames=3))
    start = content.index(ITEM + pack("<L", 12)) + 8
    second, third = content[start + 4 : start + 8], content[start + 8 : start + 12]
    return content[: start + 4] + third + second + content[start + 12 :]


def extended(**changes: Any) -> bytes:
    """Three frames with an Extended Offset Table, which is then spoilt."""

    def edit(dataset: Dataset) -> None:
        frames = list(generate_frames(dataset.PixelData, number_of_frames=3))
        value, offsets, lengths = encapsulate_extended(frames)
        dataset.PixelData = value
        dataset.ExtendedOffsetTable = offsets
        dataset.ExtendedOffsetTableLengths = lengths

    return edited(coded(J2K, grey(frames=3)), edit, having(**changes))


def both_tables() -> bytes:
    content = pydicom.dcmread(io.BytesIO(coded(J2K, grey(frames=3))))
    return extended(PixelData=content.PixelData)


def without_tlm(frame: bytes) -> bytes:
    at = frame.index(b"\xff\x55")
    length = int.from_bytes(frame[at + 2 : at + 4], "big")
    return frame[:at] + frame[at + 2 + length :]


def other_progression(frame: bytes) -> bytes:
    at = frame.index(b"\xff\x52") + 5  # after the length and Scod
    assert frame[at] == 2
    return frame[:at] + b"\0" + frame[at + 1 :]


def other_predictor(frame: bytes) -> bytes:
    at = frame.index(b"\xff\xda") + 7  # one component: Ss follows its table selector
    assert frame[at] == 1
    return frame[:at] + b"\7" + frame[at + 1 :]


def called_rgb(frame: bytes) -> bytes:
    """A JPEG whose components are called R, G and B."""
    changed = bytearray(frame)
    frame_header, scan = frame.index(b"\xff\xc0") + 10, frame.index(b"\xff\xda") + 5
    for number, name in enumerate(b"RGB"):
        changed[frame_header + 3 * number] = changed[scan + 2 * number] = name
    return bytes(changed)


def two_components(_frame: bytes) -> bytes:
    samples = np.arange(128 * 128 * 2, dtype=np.int16).reshape(128, 128, 2) % 999
    return bytes(imagecodecs.jpeg2k_encode(samples, codecformat="j2k", reversible=True))


def labelled_rct() -> bytes:
    """YBR_FULL, coded without a colour transform, and called YBR_RCT."""
    native = edited(colour(), having(PhotometricInterpretation="YBR_FULL"))
    return edited(coded(J2K, native), having(PhotometricInterpretation="YBR_RCT"))


def damaged_sequence() -> bytes:
    """Functional groups of eight bytes that are no item."""
    content = grey(frames=3)
    at = content.index(b"\xe0\x7f\x10\x00O")
    sequence = pack("<HH2sHL", 0x5200, 0x9230, b"SQ", 0, 8) + b"nonsense"
    return content[:at] + sequence + content[at:]


def odd_native() -> bytes:
    """Native Pixel Data of one byte more, an odd number."""
    content = grey()
    at = content.index(b"\xe0\x7f\x10\x00OB") + 8
    length = int.from_bytes(content[at : at + 4], "little")
    return content[:at] + pack("<L", length + 1) + content[at + 4 :] + b"\1"


def without_fragments() -> bytes:
    def edit(dataset: Dataset) -> None:
        dataset.PixelData = pack("<HHL", 0xFFFE, 0xE000, 0)

    return edited(coded(), edit)


def in_jp2(frame: bytes) -> bytes:
    boxes = b"\0\0\0\x0cjP  \r\n\x87\n" + pack(">L4s", 20, b"ftyp") + b"jp2 \0\0\0\0jp2 "
    return boxes + pack(">L4s", len(frame) + 8, b"jp2c") + frame


def another(_frame: bytes) -> bytes:
    """The codestream of a smaller image."""
    samples = np.arange(64 * 64, dtype=np.int16).reshape(64, 64)
    return bytes(imagecodecs.jpeg2k_encode(samples, codecformat="j2k", reversible=True))


def unsigned(frame: bytes) -> bytes:
    """A JPEG 2000 codestream whose SIZ marker denies the sign."""
    at = frame.index(b"\xff\x51") + 4 + 36
    assert frame[at] & 0x80
    return frame[:at] + bytes((frame[at] & 0x7F,)) + frame[at + 1 :]


def unsigned_cells(_frame: bytes) -> bytes:
    """Positive samples, in a codestream that declares no sign."""
    samples = np.arange(128 * 128, dtype=np.uint16).reshape(128, 128) % 999
    return bytes(imagecodecs.jpeg2k_encode(samples, codecformat="j2k", reversible=True))


def point_transformed(frame: bytes) -> bytes:
    """A lossless JPEG that says of its samples that their lowest bit was left out."""
    at = frame.index(b"\xff\xda") + 9  # one component: Ah and Al are the header's last byte
    assert frame[at] == 0
    return frame[:at] + b"\1" + frame[at + 1 :]


def without_last_packet(frame: bytes) -> bytes:
    return frame[: len(frame) // 2]


def damaged(frame: bytes) -> bytes:
    return b"\0\0\0\0" + frame[4:]


def several_frames(change: Callable[[Any], None]) -> bytes:
    def with_change(cells: Any) -> Any:
        change(cells)
        return cells

    return with_cells(grey(frames=3), with_change)


def functional_groups(dataset: Dataset) -> None:
    dataset.PerFrameFunctionalGroupsSequence = Sequence([Dataset(), Dataset()])


def pointer(dataset: Dataset) -> None:
    dataset.FrameIncrementPointer = 0x00181063  # Frame Time


def extreme(which: str, value: int) -> Callable[[Dataset], None]:
    def edit(dataset: Dataset) -> None:
        dataset.add_new(f"{which}ImagePixelValue", "US", value)

    return edit


def overlay(dataset: Dataset) -> None:
    dataset.add_new(0x60000010, "US", 32)
    dataset.add_new(0x60000011, "US", 32)
    dataset.add_new(0x60000100, "US", 1)
    dataset.add_new(0x60000102, "US", 0)
    dataset.add_new(0x60003000, "OW", bytes(100))


def lossless_under_lossless_uid() -> bytes:
    """A JPEG 2000 codestream of the 9-7 filter under .90."""
    return named(coded(uids.JPEG2000), J2K)


def odd_fragment() -> tuple[bytes, bytes, bytes]:
    """A file, a fragment of even length in it, and the same one byte longer."""
    content = coded()
    frame = next(
        generate_frames(pydicom.dcmread(io.BytesIO(content)).PixelData, number_of_frames=1)
    )
    item = pack("<HHL", 0xFFFE, 0xE000, len(frame)) + frame
    return content, item, pack("<HHL", 0xFFFE, 0xE000, len(frame) + 1) + frame + b"\0"


def signed(*tags: int, mac: int = 1, used: int = 1) -> Callable[[Dataset], None]:
    """A digital signature over some elements, or of parameters that none uses."""

    def edit(dataset: Dataset) -> None:
        parameters = Dataset()
        parameters.MACIDNumber = mac
        parameters.MACCalculationTransferSyntaxUID = syntaxes.EXPLICIT_LE
        parameters.MACAlgorithm = "SHA256"
        parameters.DataElementsSigned = list(tags)
        signature = Dataset()
        signature.MACIDNumber = used
        signature.DigitalSignatureUID = "1.2.3"
        signature.Signature = b"signed"
        dataset.MACParametersSequence = [parameters]
        dataset.DigitalSignaturesSequence = [signature]

    return edit


def hp_transformed(frame: bytes) -> bytes:
    """A JPEG-LS codestream that says that its colours went through HP's first transform."""
    return frame[:2] + b"\xff\xe8\x00\x07mrfx\x01" + frame[2:]
