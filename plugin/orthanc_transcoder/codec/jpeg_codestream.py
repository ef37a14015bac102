"""The marker segments of a JPEG or JPEG-LS codestream (ITU-T T.81 Annex B, T.87 Annex C).

The rules:

- The stream is walked from SOI through every scan to EOI. libjpeg fills in what
  is missing without a word, and CharLS searches a cut stream for seconds: so the
  end marker must be there before either sees it.
- After EOI, padding (00 or FF) is ignored and anything else noted.
- Entropy-coded data is only searched for the next marker, never decoded: a scan
  that ends early but is followed by EOI cannot be told from here (see ``libjpeg``).
- Whether all scans are there is not asked here either (see ``jpeg_scans``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ..errors import CodecError
from .checks import StreamFormat

SOF_BASELINE, SOF_EXTENDED, SOF_PROGRESSIVE, SOF_LOSSLESS, SOF_LS = 0xC0, 0xC1, 0xC2, 0xC3, 0xF7
_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
END = bytes((0xFF, _EOI))
_APP0, _APP8, _APP14 = 0xE0, 0xE8, 0xEE
_FRAMES = frozenset((*range(0xC0, 0xD0), SOF_LS)) - {0xC4, 0xC8, 0xCC}  # DHT, JPG, DAC
_SEGMENTS = _FRAMES | frozenset((0xC4, 0xCC, 0xDB, 0xDC, 0xDD, 0xF8, 0xFE, *range(0xE0, 0xF0)))
_MARKERS = _SEGMENTS | {_SOS, _EOI}
_UNKNOWN = StreamFormat(0, 0, 0, 0, signed=False)
# A scan's bytes go on over stuffed FF 00 (T.81), FF 0xxxxxxx (T.87) and restart markers.
_NEXT_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]", re.DOTALL)
_NEXT_MARKER_LS = re.compile(rb"\xff[\x80-\xcf\xd8-\xfe]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan.

    Attributes
    ----------
    components
        Identifiers, as its header names them.
    first, last, high, low
        Ss, Se, Ah and Al: in a progressive JPEG the band of coefficients that it
        codes, the bit that an earlier scan of them ended with, and that it ends with.
    header
        Where its marker starts.
    start, end
        Where its entropy-coded data starts and ends, with restart markers.
    """

    components: tuple[int, ...]
    first: int
    last: int
    high: int
    low: int
    header: int
    start: int
    end: int


@dataclass(slots=True)
class Codestream:
    """A complete codestream and what its marker segments declare.

    Attributes
    ----------
    data
        From SOI to EOI, without padding.
    process
        The frame header's marker: one of the ``SOF_`` constants or another.
    components, sampling
        Identifier, and horizontal and vertical sampling factor, of each.
    adobe_transform
        Of the APP14 segment: 0 none, 1 YCbCr, 2 YCCK; None without segment.
    jfif
        Whether there is a JFIF APP0 segment, which says YCbCr.
    selection
        The first scan's Ss: a lossless JPEG's predictor, a JPEG-LS's NEAR.
    point_transform
        The first scan's Al: bits that a lossless JPEG dropped.
    scans
        All of them, in order.
    """

    data: bytes = b""
    process: int = 0
    format: StreamFormat = _UNKNOWN
    components: tuple[int, ...] = ()
    sampling: tuple[tuple[int, int], ...] = ()
    adobe_transform: int | None = None
    jfif: bool = False
    colour_transform: int = 0
    selection: int = -1
    point_transform: int = 0
    scans: list[Scan] = field(default_factory=list)
    notes: tuple[str, ...] = field(default=())


def parse(frame: bytes) -> Codestream:
    """Read the markers of one frame (its fragments, joined).

    Raises
    ------
    CodecError
        If it is truncated or damaged.
    """
    if frame[:2] != b"\xff\xd8":
        raise CodecError("damaged_codestream", "not a JPEG codestream: it has no SOI marker")
    stream = Codestream()
    offset = 2
    while True:
        marker, offset = _marker(frame, offset)
        if marker == _EOI:
            break
        header = offset - 2
        segment, offset = _segment(frame, offset, marker)
        _collect(stream, marker, segment)
        if marker == _SOS:
            start, offset = offset, _end_of_scan(frame, offset, stream.process)
            stream.scans.append(_scan(segment, header, start, offset))
    if not stream.scans:
        raise CodecError("damaged_codestream", "the codestream has no scan")
    if frame[offset:].strip(b"\x00\xff"):
        stream.notes = (f"{len(frame) - offset} bytes follow the codestream's end",)
    stream.data = frame[:offset]
    return stream


def _marker(frame: bytes, offset: int) -> tuple[int, int]:
    """Return the marker at ``offset``, after any FF fill bytes, and where it ends."""
    start = offset
    while frame[offset : offset + 1] == b"\xff":
        offset += 1
    if offset >= len(frame):
        raise CodecError("truncated_codestream", "the codestream ends before its end marker")
    if offset == start or frame[offset] not in _MARKERS:
        raise CodecError("damaged_codestream", f"no marker at byte {start}")
    return frame[offset], offset + 1


def _segment(frame: bytes, offset: int, marker: int) -> tuple[bytes, int]:
    length = int.from_bytes(frame[offset : offset + 2], "big")
    end = offset + length
    if length < 2 or end > len(frame):
        raise CodecError("truncated_codestream", f"marker segment FF{marker:02X} is cut off")
    return frame[offset + 2 : end], end


def _end_of_scan(frame: bytes, offset: int, process: int) -> int:
    """Return where the first marker after a scan's entropy-coded data starts."""
    pattern = _NEXT_MARKER_LS if process == SOF_LS else _NEXT_MARKER
    found = pattern.search(frame, offset)
    if found is None:
        raise CodecError("truncated_codestream", "the codestream ends before its end marker")
    return found.start()


def _collect(stream: Codestream, marker: int, segment: bytes) -> None:
    """Take note of one marker segment."""
    if marker in _FRAMES:
        _frame_header(stream, marker, segment)
    elif marker == _SOS:
        _scan_header(stream, segment)
    elif marker == _APP14 and segment[:5] == b"Adobe" and len(segment) >= 12:
        stream.adobe_transform = segment[11]
    elif marker == _APP0 and segment[:5] == b"JFIF\x00":
        stream.jfif = True
    elif marker == _APP8 and segment[:4] == b"mrfx" and len(segment) >= 5:
        stream.colour_transform = segment[4]


def _frame_header(stream: Codestream, marker: int, segment: bytes) -> None:
    """Read a SOF segment: P, Y, X, Nf, and Ci, Hi and Vi, Tqi of each component."""
    if stream.process:
        raise CodecError("damaged_codestream", "two frame headers in one codestream")
    if len(segment) < 6 or len(segment) != 6 + 3 * segment[5]:
        raise CodecError("damaged_codestream", "the frame header has a wrong length")
    parts = [segment[6 + 3 * i : 9 + 3 * i] for i in range(segment[5])]
    stream.process = marker
    stream.format = StreamFormat(
        rows=int.from_bytes(segment[1:3], "big"),
        columns=int.from_bytes(segment[3:5], "big"),
        components=segment[5],
        bits=segment[0],
        signed=False,
    )
    stream.components = tuple(part[0] for part in parts)
    stream.sampling = tuple((part[1] >> 4, part[1] & 15) for part in parts)


def _scan_header(stream: Codestream, segment: bytes) -> None:
    """Read a SOS segment: Ns, (Csj, tables) of each, Ss or NEAR, Se or ILV, Ah and Al."""
    if not segment or len(segment) != 4 + 2 * segment[0]:
        raise CodecError("damaged_codestream", "the scan header has a wrong length")
    if not stream.process:
        raise CodecError("damaged_codestream", "a scan before the frame header")
    if stream.selection < 0:
        stream.selection, stream.point_transform = segment[-3], segment[-1] & 15


def _scan(segment: bytes, header: int, start: int, end: int) -> Scan:
    return Scan(
        components=tuple(segment[1:-3:2]),
        first=segment[-3],
        last=segment[-2],
        high=segment[-1] >> 4,
        low=segment[-1] & 15,
        header=header,
        start=start,
        end=end,
    )
