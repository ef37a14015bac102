"""Encapsulated pixel data: fragments to codestreams and back (PS3.5 A.4).

The rule for reading: an offset table is believed if it points at the starts of
fragments, ascends and has an entry per frame; else what is seen in the
fragments themselves decides, with a note; frames are never guessed, so where
the evidence does not give exactly Number of Frames, that is an error. The rule
for writing: one fragment per frame, a filled Basic Offset Table, and the
Extended Offset Table only where 32 bits do not reach.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from struct import pack, unpack
from typing import Final, NamedTuple, overload

from ..errors import Declined, DicomError
from .elements import ITEM, PIXEL_DATA, UNDEFINED, Element, items
from .file import DicomFile
from .image import Image
from .syntaxes import RLE

EXTENDED_OFFSETS: Final = 0x7FE00001
EXTENDED_LENGTHS: Final = 0x7FE00002
TOTAL_LENGTH: Final = 0x7FE00003
OFFSET_LIMIT: Final = 0xFFFFFFFF

_ITEM_HEADER: Final = 8
# SOI of JPEG and JPEG-LS, SOC of JPEG 2000 and HTJ2K; each ends with FFD9.
_STARTS: Final = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51")


class _Fragment(NamedTuple):
    offset: int  # of the item tag, from the first byte after the Basic Offset Table
    data: memoryview


@dataclass(frozen=True)
class EncodedFrames(Sequence[bytes]):
    """One codestream per frame, joined when asked for.

    Attributes
    ----------
    notes
        Sentences about offset tables that had to be ignored.
    """

    frames: tuple[tuple[memoryview, ...], ...]
    notes: tuple[str, ...] = ()

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        """The codestream, with its padding."""
        if isinstance(index, slice):
            return [b"".join(frame) for frame in self.frames[index]]
        return b"".join(self.frames[index])

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.frames)


def encoded_frames(file: DicomFile, image: Image) -> EncodedFrames:
    """Gather each frame's fragments.

    Raises
    ------
    DicomError
        If the fragments cannot be mapped to Number of Frames frames.
    """
    table, fragments = _fragments(file)
    notes: list[str] = []
    marked = _marked_starts(fragments) if image.syntax != RLE else []
    starts = (
        _by_extended_table(file, fragments, image.frames, notes)
        or _by_basic_table(table, fragments, image.frames, notes)
        or _by_evidence(fragments, marked, image)
    )
    if not set(marked) <= set(starts):
        raise _disagreement(fragments, image)
    frames = tuple(
        tuple(fragment.data for fragment in fragments[first:end])
        for first, end in pairwise([*starts, len(fragments)])
    )
    if not all(any(len(data) for data in frame) for frame in frames):
        raise DicomError("empty_frame", "A frame of the encapsulated pixel data is empty.")
    return EncodedFrames(frames, tuple(notes))


def encapsulate(frames: Sequence[bytes], *, limit: int = OFFSET_LIMIT) -> dict[int, Element | None]:
    """Make the elements that hold codestreams.

    Parameters
    ----------
    frames
        One codestream each, without padding.
    limit
        Greatest offset that the Basic Offset Table may hold.

    Returns
    -------
    dict
        Pixel Data (OB), and the Extended Offset Table added or removed, in the
        form of the changes of ``DicomFile.write``.

    Raises
    ------
    Declined
        If a codestream is too long for a fragment.
    """
    sizes = [len(frame) + len(frame) % 2 for frame in frames]
    if any(size >= UNDEFINED for size in sizes):
        raise Declined("frame_too_long", "An encoded frame is longer than a fragment can be.")
    offsets = list(accumulate((size + _ITEM_HEADER for size in sizes[:-1]), initial=0))
    extended = offsets[-1] > limit
    basic = b"" if extended else pack(f"<{len(offsets)}L", *offsets)
    chunks = [_item_header(len(basic)), basic]
    for frame in frames:
        chunks += [_item_header(len(frame) + len(frame) % 2), frame, bytes(len(frame) % 2)]
    lengths = [len(frame) for frame in frames]
    return {
        EXTENDED_OFFSETS: _very_long(EXTENDED_OFFSETS, offsets) if extended else None,
        EXTENDED_LENGTHS: _very_long(EXTENDED_LENGTHS, lengths) if extended else None,
        TOTAL_LENGTH: None,  # optional, and about the former fragments
        PIXEL_DATA: Element(PIXEL_DATA, "OB", b"".join(chunks), undefined_length=True),
    }


def _fragments(file: DicomFile) -> tuple[memoryview, list[_Fragment]]:
    """The Basic Offset Table and the fragments after it."""
    element = file.element(PIXEL_DATA)
    if element is None or not element.undefined_length:
        raise DicomError("not_encapsulated", "The pixel data is not encapsulated.")
    found = list(items(element))
    if len(found) < 2 or any(item.undefined_length for item in found):
        raise DicomError("bad_fragments", "The pixel data has no proper fragments.")
    table, *contents = [item.content for item in found]
    ends = accumulate((len(data) + _ITEM_HEADER for data in contents), initial=0)
    return table, [_Fragment(*pair) for pair in zip(ends, contents, strict=False)]


def _by_basic_table(
    table: memoryview, fragments: list[_Fragment], frames: int, notes: list[str]
) -> list[int]:
    if not len(table):
        return []
    offsets = unpack(f"<{len(table) // 4}L", table[: len(table) // 4 * 4])
    starts = _indices(offsets, fragments, frames)
    if not starts:
        notes.append("The Basic Offset Table does not fit the fragments.")
    return starts


def _by_extended_table(
    file: DicomFile, fragments: list[_Fragment], frames: int, notes: list[str]
) -> list[int]:
    """Offsets that reach past 4 GiB (PS3.3 C.7.6.3.1.8); the lengths only exclude padding."""
    element = file.element(EXTENDED_OFFSETS)
    if element is None:
        return []
    count = len(element.value) // 8
    offsets = unpack(f"<{count}Q", element.value[: count * 8])
    starts = _indices(offsets, fragments, frames)
    if not starts:
        notes.append("The Extended Offset Table does not fit the fragments.")
    return starts


def _indices(offsets: Sequence[int], fragments: list[_Fragment], frames: int) -> list[int]:
    """Fragments at these offsets; nothing unless all are there, in order, from the first."""
    known = {fragment.offset: index for index, fragment in enumerate(fragments)}
    starts = [known.get(offset, -1) for offset in offsets]
    ascending = all(a < b for a, b in pairwise(starts))
    if len(starts) != frames or starts[:1] != [0] or not ascending:
        return []
    return starts


def _by_evidence(fragments: list[_Fragment], marked: list[int], image: Image) -> list[int]:
    """Frames as the fragments themselves show them; all of a single RLE frame are its own."""
    if len(fragments) == image.frames:
        return list(range(image.frames))
    if image.frames == 1 and image.syntax == RLE:
        return [0]
    if len(marked) == image.frames:
        return marked
    raise _disagreement(fragments, image)


def _disagreement(fragments: list[_Fragment], image: Image) -> DicomError:
    return DicomError(
        "frames_disagree",
        f"{len(fragments)} fragments cannot be mapped to {image.frames} frames.",
    )


def _marked_starts(fragments: list[_Fragment]) -> list[int]:
    """Fragments that begin like a codestream, just after one that ends like one."""
    starts = [0]
    for index, (before, here) in enumerate(pairwise(fragments), start=1):
        ended = bytes(before.data[-16:]).rstrip(b"\0\xff").endswith(b"\xd9")
        if ended and bytes(here.data[:8]).startswith(_STARTS):
            starts.append(index)
    return starts


def _item_header(length: int) -> bytes:
    return pack("<HHL", ITEM >> 16, ITEM & 0xFFFF, length)


def _very_long(tag: int, values: list[int]) -> Element:
    return Element(tag, "OV", pack(f"<{len(values)}Q", *values))
