"""The headers of a JPEG XL image (ISO/IEC 18181-1 Annexes B and D, 18181-2 boxes).

Only what must be known before libjxl allocates: size, depth, number of channels
and whether the image is XYB. JPEG XL has no end marker: that a codestream is
complete is libjxl's to say, and that its boxes are, is checked here.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import CodecError
from .checks import StreamFormat

_SIGNATURE = b"\x00\x00\x00\x0cJXL \r\n\x87\n"
_BARE = b"\xff\x0a"
# Width over height where SizeHeader gives a ratio.
_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
_GREY = 1


@dataclass(frozen=True, slots=True)
class JxlImage:
    """What an image declares.

    Attributes
    ----------
    data
        The file, without padding after its last box.
    xyb
        Whether it is coded in XYB, and so irreversibly.
    from_jpeg
        Whether it holds what rebuilds a JPEG (a jbrd box).
    """

    data: bytes
    format: StreamFormat
    xyb: bool
    from_jpeg: bool


class _Bits:
    """Bits, least significant first."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "little")
        self._left = len(data) * 8

    def u(self, count: int) -> int:
        if count > self._left:
            raise CodecError("truncated_codestream", "the JPEG XL header is cut off")
        value = self._value & ((1 << count) - 1)
        self._value >>= count
        self._left -= count
        return value

    def u32(self, *choices: tuple[int, int]) -> int:
        """Read a U32: two bits choose an offset and the number of bits to add to it."""
        offset, count = choices[self.u(2)]
        return offset + self.u(count)


def parse(frame: bytes) -> JxlImage:
    """Read the headers of one frame (its fragments, joined).

    Raises
    ------
    CodecError
        If it is no JPEG XL image, is truncated, or has what DICOM has no place for.
    """
    if frame.startswith(_BARE):
        stream_format, xyb = _headers(frame)
        return JxlImage(frame, stream_format, xyb, from_jpeg=False)
    if not frame.startswith(_SIGNATURE):
        raise CodecError("damaged_codestream", "not a JPEG XL image: it has no signature")
    boxes, end = _boxes(frame)
    codestream = boxes.get(b"jxlc", b"") or boxes.get(b"jxlp", b"")[4:]
    if not codestream.startswith(_BARE):
        raise CodecError("damaged_codestream", "a JPEG XL file without codestream")
    stream_format, xyb = _headers(codestream)
    return JxlImage(frame[:end], stream_format, xyb, from_jpeg=b"jbrd" in boxes)


def _boxes(frame: bytes) -> tuple[dict[bytes, bytes], int]:
    """Return the first bytes of the first box of each kind, and where the last one ends."""
    boxes: dict[bytes, bytes] = {}
    offset, used = 0, len(frame.rstrip(b"\x00\xff"))
    while offset < used:
        length = int.from_bytes(frame[offset : offset + 4], "big")
        kind, header = frame[offset + 4 : offset + 8], 8
        if length == 1:
            length, header = int.from_bytes(frame[offset + 8 : offset + 16], "big"), 16
        end = offset + length if length else len(frame)
        if end < offset + header or end > len(frame):
            raise CodecError("truncated_codestream", "a JPEG XL box is cut off")
        boxes.setdefault(kind, frame[offset + header : min(end, offset + header + 64)])
        offset = end
    return boxes, offset


def _headers(codestream: bytes) -> tuple[StreamFormat, bool]:
    """Read SizeHeader and ImageMetadata; give the format and whether XYB is used."""
    bits = _Bits(codestream[2:66])
    columns, rows = _size(bits)
    if bits.u(1):  # all_default
        return StreamFormat(rows, columns, 3, 8, signed=False), True
    if bits.u(1):
        _skip_extra_fields(bits)
    if bits.u(1):
        raise CodecError("unsupported_codestream", "JPEG XL with floating-point samples")
    depth = bits.u32((8, 0), (10, 0), (12, 0), (1, 6))
    bits.u(1)  # modular_16bit_buffers
    if bits.u32((0, 0), (1, 0), (2, 4), (1, 12)):
        raise CodecError("unsupported_codestream", "JPEG XL with extra channels")
    xyb = bool(bits.u(1))
    components = 1 if _is_grey(bits) else 3
    return StreamFormat(rows, columns, components, depth, signed=False), xyb


def _size(bits: _Bits) -> tuple[int, int]:
    """Read a SizeHeader: columns and rows."""
    small = bits.u(1)
    rows = _length(bits, small)
    ratio = bits.u(3)
    if not ratio:
        return _length(bits, small), rows
    numerator, denominator = _RATIOS[ratio]
    return rows * numerator // denominator, rows


def _length(bits: _Bits, small: int) -> int:
    return 8 * (1 + bits.u(5)) if small else bits.u32((1, 9), (1, 13), (1, 18), (1, 30))


def _skip_extra_fields(bits: _Bits) -> None:
    bits.u(3)  # orientation, which libjxl applies
    if bits.u(1):
        _size(bits)  # intrinsic size
    if bits.u(1) or bits.u(1):
        raise CodecError("unsupported_codestream", "JPEG XL with preview or animation")


def _is_grey(bits: _Bits) -> bool:
    """Read the start of ColourEncoding: whether there is one channel."""
    if bits.u(1):  # all_default: sRGB
        return False
    bits.u(1)  # want_icc
    return bits.u32((0, 0), (1, 0), (2, 4), (18, 6)) == _GREY
