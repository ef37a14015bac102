"""Where in a codestream its data lies, and which of its lengths say so.

Nothing here uses the code under test. A stream is cut into what comes before a
piece of entropy-coded data, the data, and what follows. Where something before it
depends on the data's length, it can be written anew for another one: damage then
shows in the data alone.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from orthanc_transcoder.codec import uids

# A scan goes on over stuffed bytes and restart markers (T.81 B.1.1.5, and T.87).
_SCAN_END = re.compile(rb"\xff+[\x01-\xcf\xd8-\xfe]", re.DOTALL)
_SCAN_END_LS = re.compile(rb"\xff+[\x80-\xcf\xd8-\xfe]", re.DOTALL)
_LS = (uids.JPEGLSLossless, uids.JPEGLSNearLossless)
_SOS, _EOI = 0xDA, 0xD9
_SOT, _SOD, _TLM, _EOC = 0xFF90, 0xFF93, 0xFF55, 0xFFD9
# A U32 of the table of contents of a JPEG XL frame (ISO/IEC 18181-1): offset, bits to add.
_U32 = ((0, 10), (1024, 14), (17408, 22), (4211712, 30))

Adjust = Callable[[bytes, int], bytes]


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of entropy-coded data, and the stream around it.

    ``adjust`` writes ``before`` for data longer by a number of bytes; None where
    nothing in the stream says how long its data is.
    """

    before: bytes
    data: bytes
    after: bytes
    adjust: Adjust | None = None

    def around(self, data: bytes, *, corrected: bool = False) -> bytes:
        """The stream with other data in this place."""
        before = self.before
        if corrected and self.adjust:
            before = self.adjust(before, len(data) - len(self.data))
        return before + data + self.after


def parts(stream: bytes, syntax: str) -> list[Part]:
    """Every piece of data of a sound stream."""
    if syntax == uids.RLELossless:
        return list(_segments(stream))
    if stream.startswith(b"\xff\xd8"):
        ends = _SCAN_END_LS if syntax in _LS else _SCAN_END
        return list(_scans(stream, ends))
    if stream.startswith(b"\xff\x4f"):
        return list(_tile_parts(stream))
    return [_section(stream)]


def _part(stream: bytes, start: int, end: int, adjust: Adjust | None = None) -> Part:
    return Part(stream[:start], stream[start:end], stream[end:], adjust)


def _segments(stream: bytes) -> Iterator[Part]:
    """RLE: each segment (PS3.5 G.5); the header has where the others start."""
    count, *offsets = struct.unpack_from("<16L", stream)
    ends = [*offsets[1:count], len(stream)]
    for number, (start, end) in enumerate(zip(offsets, ends, strict=False)):
        yield _part(stream, start, end, partial(_moved_segments, number))


def _moved_segments(number: int, before: bytes, more: int) -> bytes:
    """Shift the offsets of the segments after one."""
    count, *offsets = struct.unpack_from("<16L", before)
    moved = [
        offset + more if number < index < count else offset for index, offset in enumerate(offsets)
    ]
    return struct.pack("<16L", count, *moved) + before[64:]


def _scans(stream: bytes, ends: re.Pattern[bytes]) -> Iterator[Part]:
    """JPEG and JPEG-LS: each scan, up to the marker that follows it."""
    offset = 2
    while (marker := stream[offset + 1]) != _EOI:
        offset += 2 + _u(stream, offset + 2, 2)
        if marker == _SOS:
            found = ends.search(stream, offset)
            if found is None:
                raise ValueError("a scan without an end")
            yield _part(stream, offset, found.start())
            offset = found.start()


def _tile_parts(stream: bytes) -> Iterator[Part]:
    """JPEG 2000 and HTJ2K: each tile-part's packets; Psot and TLM have its length."""
    offset, table, number = 2, 0, 0
    while (marker := _u(stream, offset, 2)) != _EOC:
        if marker == _TLM:
            table = offset + 6
        end = offset + 2 + _u(stream, offset + 2, 2)
        if marker == _SOT:
            start = stream.index(_SOD.to_bytes(2, "big"), end) + 2
            lengths = (offset + 6, table + 6 * number + 2) if table else (offset + 6,)
            end = offset + _u(stream, offset + 6, 4)
            yield _part(stream, start, end, partial(_other_lengths, lengths))
            number += 1
        offset = end


def _other_lengths(positions: tuple[int, ...], before: bytes, more: int) -> bytes:
    """Add to 32-bit lengths."""
    changed = bytearray(before)
    for position in positions:
        length = _u(before, position, 4) + more
        changed[position : position + 4] = length.to_bytes(4, "big")
    return bytes(changed)


def _section(stream: bytes) -> Part:
    """JPEG XL: the frame's only section, of small images; the last thing in the stream.

    Its table of contents is found by what it says: the length of all that follows it.
    """
    box = _last_box(stream)
    start = box + 8 if box else 2
    for entry in range(start, min(len(stream) - 4, start + 600)):
        length, size = _entry(stream, entry)
        if entry + size + length == len(stream):
            adjust = partial(_other_section, box, entry)
            return _part(stream, entry + size, len(stream), adjust)
    raise ValueError("no table of contents of one section")


def _last_box(stream: bytes) -> int:
    """Return where the last box starts, or 0 for a bare codestream."""
    if stream.startswith(b"\xff\x0a"):
        return 0
    offset = last = 0
    while offset < len(stream):
        last, offset = offset, offset + _u(stream, offset, 4)
    return last


def _other_section(box: int, entry: int, before: bytes, more: int) -> bytes:
    """Write the table's entry, and the length of the box around it."""
    length, _ = _entry(before + bytes(4), entry)
    written = before[:entry] + _entry_of(length + more)
    if not box:
        return written
    size = _u(before, box, 4) + more + len(written) - len(before)
    return written[:box] + size.to_bytes(4, "big") + written[box + 4 :]


def _entry(stream: bytes, at: int) -> tuple[int, int]:
    """Read a section's length, and how many bytes say so."""
    bits = int.from_bytes(stream[at : at + 4], "little")
    least, count = _U32[bits & 3]
    return least + (bits >> 2 & ((1 << count) - 1)), (count + 9) // 8


def _entry_of(length: int) -> bytes:
    choice = max(index for index, (least, _) in enumerate(_U32) if least <= length)
    least, count = _U32[choice]
    return ((length - least) << 2 | choice).to_bytes((count + 9) // 8, "little")


def _u(data: bytes, offset: int, size: int) -> int:
    return int.from_bytes(data[offset : offset + size], "big")
