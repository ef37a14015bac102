"""A JPEG 2000 codestream's own account of itself (ISO/IEC 15444-1 Annex A, 15444-15).

Only marker segments are read, never packet data. The rules:

- The stream is walked from SOC over every tile-part to EOC by the lengths that
  it declares; whatever does not lead there is damaged or truncated.
- Every tile of the image must have a tile-part.
- After EOC, padding (00 or FF) is ignored and anything else noted.
- A JP2 file, which DICOM does not allow (PS3.5 A.4.4), is opened and noted (``jp2``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ..errors import CodecError
from . import jp2
from .checks import StreamFormat

_SOC, _SOT, _SOD, _EOC = 0xFF4F, 0xFF90, 0xFF93, 0xFFD9
_CAP, _SIZ, _COD, _COC, _TLM = 0xFF50, 0xFF51, 0xFF52, 0xFF53, 0xFF55
_QCD, _QCC = 0xFF5C, 0xFF5D
_PCAP_PART_15 = 1 << (32 - 15)
_REVERSIBLE = 1  # the 5-3 filter in the SPcod transformation field


@dataclass(frozen=True, slots=True)
class Codestream:
    """A complete codestream and what its headers declare.

    Attributes
    ----------
    data
        From SOC to EOC, without box or padding.
    multiple_component_transform
        COD's field: 0 none, 1 RCT or ICT, others are Part 2's.
    reversible
        Whether every COD and COC names the 5-3 filter. A reversible stream may
        still be lossy, where its last layers were cut: nothing declares that.
    high_throughput
        Whether the stream's code-blocks are HTJ2K's (Part 15).
    progression
        0 LRCP, 1 RLCP, 2 RPCL, 3 PCRL, 4 CPRL.
    magnitude_bits
        The most magnitude bit-planes that QCD and QCC allow a sub-band.
    tile_part_lengths
        Whether there is a TLM marker segment.
    order
        Components in the order of the colours, if a JP2 file says another than theirs.
    """

    data: bytes
    format: StreamFormat
    multiple_component_transform: int
    reversible: bool
    high_throughput: bool
    progression: int
    magnitude_bits: int
    tile_part_lengths: bool
    notes: tuple[str, ...]
    order: tuple[int, ...] = ()


@dataclass(slots=True)
class _Headers:
    """What is gathered while walking."""

    size: bytes = b""
    coding: list[bytes] = field(default_factory=list)
    filters: set[int] = field(default_factory=set)
    high_throughput: bool = False
    magnitude_bits: int = 0
    tlm: bool = False


def parse(frame: bytes) -> Codestream:
    """Read the markers of one frame.

    Parameters
    ----------
    frame
        One frame's fragments, joined: a codestream or a JP2 file.

    Raises
    ------
    CodecError
        If it is truncated, damaged, or uses what no decoder here can follow.
    """
    opened = jp2.Opened(0)
    notes: tuple[str, ...] = ()
    if frame.startswith(jp2.SIGNATURE):
        opened, notes = jp2.locate(frame), ("the codestream was wrapped in a JP2 file",)
    start = opened.start
    headers = _Headers()
    end = _walk(frame, start, headers)
    if frame[end:].strip(b"\x00\xff"):
        notes = (*notes, f"{len(frame) - end} bytes follow the codestream's end")
    return Codestream(
        data=frame[start:end],
        format=_stream_format(headers.size),
        multiple_component_transform=headers.coding[0][4],
        reversible=headers.filters == {_REVERSIBLE},
        high_throughput=headers.high_throughput,
        progression=headers.coding[0][1],
        magnitude_bits=headers.magnitude_bits,
        tile_part_lengths=headers.tlm,
        notes=notes,
        order=opened.order,
    )


def with_precision(data: bytes, bits: int) -> bytes:
    """Return a codestream that declares ``bits`` bits in every component of SIZ."""
    start = data.index(b"\xff\x51") + 4
    changed = bytearray(data)
    for position in range(start + 36, start + 36 + 3 * _u16(data, start + 34), 3):
        changed[position] = (data[position] & 0x80) | (bits - 1)
    return bytes(changed)


def _walk(frame: bytes, start: int, headers: _Headers) -> int:
    """Follow the declared lengths from SOC to the byte after EOC."""
    if _u16(frame, start) != _SOC:
        raise CodecError("damaged_codestream", "not a JPEG 2000 codestream: it has no SOC marker")
    offset = start + 2
    for marker, segment, after in segments(frame, offset):
        if marker == _SIZ and not headers.size:
            headers.size = segment
        _collect(headers, marker, segment)
        offset = after
    if not headers.size or not headers.coding:
        raise CodecError("damaged_codestream", "the SIZ or COD marker segment is missing")
    tiles = set()
    while (marker := _u16(frame, offset)) == _SOT:
        tiles.add(_u16(frame, offset + 4))
        offset = _tile_part(frame, offset, headers)
    if marker != _EOC:
        raise CodecError("damaged_codestream", f"marker {marker:04X} where EOC was due")
    if tiles != set(range(min(_tile_count(headers.size), 65536))):
        raise CodecError("truncated_codestream", "tiles are missing")
    return offset + 2


def segments(frame: bytes, offset: int) -> Iterator[tuple[int, bytes, int]]:
    """Yield marker, content and end of each segment, up to SOT or SOD."""
    while (marker := _u16(frame, offset)) not in (_SOT, _SOD):
        if not 0xFF30 <= marker <= 0xFFFF or marker == _EOC:
            raise CodecError("damaged_codestream", f"{marker:04X} is not a marker segment")
        end = offset + 2 + _u16(frame, offset + 2)
        if end < offset + 4 or end > len(frame):
            raise CodecError("truncated_codestream", f"marker segment {marker:04X} is cut off")
        yield marker, frame[offset + 4 : end], end
        offset = end


def _collect(headers: _Headers, marker: int, segment: bytes) -> None:
    """Take note of a segment of the main header or of a tile-part's header."""
    if marker == _COD:
        if len(segment) < 10:
            raise CodecError("damaged_codestream", "the COD marker segment is too short")
        headers.coding.append(segment)
        headers.filters.add(segment[9])
        headers.high_throughput |= bool(segment[8] & 0x40)
    elif marker == _COC:
        # Scoc's component index has two bytes where there are more than 256 components.
        if len(segment) < 7:
            raise CodecError("damaged_codestream", "the COC marker segment is too short")
        headers.filters.add(segment[6])
    elif marker == _QCD:
        _quantisation(headers, segment)
    elif marker == _QCC:
        _quantisation(headers, segment[1:])
    elif marker == _CAP:
        headers.high_throughput |= bool(_u32(segment, 0) & _PCAP_PART_15)
    elif marker == _TLM:
        headers.tlm = True


def _quantisation(headers: _Headers, segment: bytes) -> None:
    """Read Sqcd and the exponents: bit-planes are guard bits + exponent - 1 (E.2)."""
    if len(segment) < 2:
        raise CodecError("damaged_codestream", "a quantisation marker segment is too short")
    guard, step = segment[0] >> 5, 2 if segment[0] & 31 else 1
    exponent = max(segment[1::step]) >> 3
    headers.magnitude_bits = max(headers.magnitude_bits, guard + exponent - 1)


def _tile_part(frame: bytes, offset: int, headers: _Headers) -> int:
    """Read one tile-part's header and return where the tile-part ends."""
    length = _u32(frame, offset + 6)
    body = offset + 12
    for marker, segment, after in segments(frame, body):
        _collect(headers, marker, segment)
        body = after
    if _u16(frame, body) != _SOD:
        raise CodecError("damaged_codestream", "a tile-part without SOD marker")
    # Psot 0: the last tile-part, whose length its writer did not know.
    end = _last_eoc(frame) if length == 0 else offset + length
    if end < body + 2 or end > len(frame):
        raise CodecError("truncated_codestream", "a tile-part is cut off")
    return end


def _last_eoc(frame: bytes) -> int:
    return frame.rfind(b"\xff\xd9")


def _tile_count(size: bytes) -> int:
    """Return the number of tiles of the reference grid."""
    _, x1, y1, image_x, image_y, tile_x, tile_y, x0, y0, _ = _size_fields(size)
    # The first tile must hold the image's first sample (ISO/IEC 15444-1 B.3).
    sound = x0 <= image_x < min(x1, x0 + tile_x) and y0 <= image_y < min(y1, y0 + tile_y)
    if not sound:
        raise CodecError("damaged_codestream", "the SIZ marker segment's grid is impossible")
    return -(-(x1 - x0) // tile_x) * -(-(y1 - y0) // tile_y)


def _size_fields(size: bytes) -> tuple[int, ...]:
    """Rsiz, Xsiz, Ysiz, XOsiz, YOsiz, XTsiz, YTsiz, XTOsiz, YTOsiz, Csiz."""
    return (
        _u16(size, 0),
        *(_u32(size, offset) for offset in range(2, 34, 4)),
        _u16(size, 34),
    )


def _stream_format(size: bytes) -> StreamFormat:
    """Return what SIZ declares, if all components are alike."""
    _, x1, y1, x0, y0, *_, count = _size_fields(size)
    components = {size[36 + 3 * i : 39 + 3 * i] for i in range(count)}
    if len(components) != 1 or len(size) != 36 + 3 * count:
        raise CodecError("unsupported_codestream", "components differ in depth or sampling")
    precision, *sampling = components.pop()
    if sampling != [1, 1]:
        raise CodecError("unsupported_codestream", "components are sub-sampled")
    return StreamFormat(
        y1 - y0, x1 - x0, count, bits=(precision & 0x7F) + 1, signed=bool(precision & 0x80)
    )


def _u16(data: bytes, offset: int) -> int:
    return _unsigned(data, offset, 2)


def _u32(data: bytes, offset: int) -> int:
    return _unsigned(data, offset, 4)


def _unsigned(data: bytes, offset: int, size: int) -> int:
    field_bytes = data[offset : offset + size]
    if offset < 0 or len(field_bytes) != size:
        raise CodecError("truncated_codestream", "the codestream ends before its end marker")
    return int.from_bytes(field_bytes, "big")
