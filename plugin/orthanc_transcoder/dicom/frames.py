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
from itertools import accumulate
from struct import pack
from typing import Final, overload

import numpy as np

from ..errors import Declined, DicomError
from .elements import ITEM, PIXEL_DATA, UNDEFINED, Buffer, Element
from .file import DicomFile
from .fragments import ITEM_HEADER, Fragments
from .image import Image
from .syntaxes import RLE

EXTENDED_OFFSETS: Final = 0x7FE00001
EXTENDED_LENGTHS: Final = 0x7FE00002
TOTAL_LENGTH: Final = 0x7FE00003
OFFSET_LIMIT: Final = 0xFFFFFFFF

# SOI of JPEG and JPEG-LS, SOC of JPEG 2000 and HTJ2K; each ends with FFD9.
_STARTS: Final = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51")


@dataclass(frozen=True)
class EncodedFrames(Sequence[bytes]):
    """One codestream per frame, joined when asked for.

    Attributes
    ----------
    starts
        Number of each frame's first fragment.
    notes
        Sentences about offset tables that had to be ignored.
    """

    fragments: Fragments
    starts: Sequence[int]
    notes: tuple[str, ...] = ()

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        """The codestream, with its padding."""
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        return b"".join(self.parts(range(len(self))[index]))

    def parts(self, frame: int) -> list[memoryview]:
        """The fragments of a frame, from 0, but for empty ones."""
        last = frame + 1 == len(self)
        end = len(self.fragments) if last else self.starts[frame + 1]
        return self.fragments.filled(self.starts[frame], end)

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.starts)


def encoded_frames(file: DicomFile, image: Image) -> EncodedFrames:
    """Gather each frame's fragments.

    Raises
    ------
    DicomError
        If the fragments cannot be mapped to Number of Frames frames.
    """
    fragments = _fragments(file)
    notes: list[str] = []
    marked = _marked_starts(fragments) if image.syntax != RLE else []
    starts = (
        _by_extended_table(file, fragments, image.frames, notes)
        or _by_basic_table(fragments, image.frames, notes)
        or _by_evidence(fragments, marked, image)
    )
    if not set(marked) <= set(starts):
        raise _disagreement(fragments, image)
    if not np.add.reduceat(fragments.lengths, starts).all():
        raise DicomError("empty_frame", "A frame of the encapsulated pixel data is empty.")
    return EncodedFrames(fragments, starts, tuple(notes))


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
    offsets = list(accumulate((size + ITEM_HEADER for size in sizes[:-1]), initial=0))
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


def _fragments(file: DicomFile) -> Fragments:
    element = file.element(PIXEL_DATA)
    if element is None or not element.undefined_length:
        raise DicomError("not_encapsulated", "The pixel data is not encapsulated.")
    fragments = Fragments(element)
    if not len(fragments) or not fragments.proper:
        raise DicomError("bad_fragments", "The pixel data has no proper fragments.")
    return fragments


def _by_basic_table(fragments: Fragments, frames: int, notes: list[str]) -> list[int]:
    table = fragments.table
    if not len(table):
        return []
    starts = _indices(table[: len(table) // 4 * 4], "<u4", fragments, frames)
    if not starts:
        notes.append("The Basic Offset Table does not fit the fragments.")
    return starts


def _by_extended_table(
    file: DicomFile, fragments: Fragments, frames: int, notes: list[str]
) -> list[int]:
    """Offsets that reach past 4 GiB (PS3.3 C.7.6.3.1.8); the lengths only exclude padding."""
    element = file.element(EXTENDED_OFFSETS)
    if element is None:
        return []
    table = element.value[: len(element.value) // 8 * 8]
    starts = _indices(table, "<u8", fragments, frames)
    if not starts:
        notes.append("The Extended Offset Table does not fit the fragments.")
    return starts


def _indices(table: Buffer, form: str, fragments: Fragments, frames: int) -> list[int]:
    """Fragments at these offsets; nothing unless all are there, in order, from the first."""
    offsets, known = np.frombuffer(table, form).astype(np.uint64), fragments.offsets
    if len(offsets) != frames or offsets[0] != 0 or offsets.max() > known[-1]:
        return []
    starts = np.searchsorted(known, offsets)
    if (known[starts] != offsets).any() or (starts[1:] <= starts[:-1]).any():
        return []
    found: list[int] = starts.tolist()
    return found


def _by_evidence(fragments: Fragments, marked: list[int], image: Image) -> list[int]:
    """Frames as the fragments themselves show them; all of a single RLE frame are its own."""
    if len(fragments) == image.frames:
        return list(range(image.frames))
    if image.frames == 1 and image.syntax == RLE:
        return [0]
    if len(marked) == image.frames:
        return marked
    raise _disagreement(fragments, image)


def _disagreement(fragments: Fragments, image: Image) -> DicomError:
    return DicomError(
        "frames_disagree",
        f"{len(fragments)} fragments cannot be mapped to {image.frames} frames.",
    )


def _marked_starts(fragments: Fragments) -> list[int]:
    """Fragments that begin like a codestream, just after one that ends like one."""
    starts, filled = [0], fragments.lengths > 0
    for index in (np.flatnonzero(filled[1:] & filled[:-1]) + 1).tolist():
        ended = bytes(fragments[index - 1][-16:]).rstrip(b"\0\xff").endswith(b"\xd9")
        if ended and bytes(fragments[index][:8]).startswith(_STARTS):
            starts.append(index)
    return starts


def _item_header(length: int) -> bytes:
    return pack("<HHL", ITEM >> 16, ITEM & 0xFFFF, length)


def _very_long(tag: int, values: list[int]) -> Element:
    return Element(tag, "OV", pack(f"<{len(values)}Q", *values))
