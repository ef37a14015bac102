"""JPEG codestreams of every kind that is read, and ways to damage and to decorate them."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable

import imagecodecs
import numpy as np
import PIL.Image

from orthanc_transcoder.codec import jpeg_codestream
from orthanc_transcoder.codec.contract import PixelFormat, Samples
from tests.codec import grid

EOI = b"\xff\xd9"
_SIDE = 96


def _samples(bits: int, count: int = 1) -> tuple[Samples, PixelFormat]:
    pixels = grid.pixel_format(_SIDE, _SIDE, bits, samples=count)
    return grid.samples_of(pixels), pixels


def _by_imagecodecs(bits: int, count: int = 1, **options: object) -> tuple[bytes, PixelFormat]:
    samples, pixels = _samples(bits, count)
    data = imagecodecs.jpeg8_encode(samples, bitspersample=bits, **options)  # type: ignore[arg-type]
    return bytes(data), pixels


def _by_pillow(count: int = 1, **options: object) -> tuple[bytes, PixelFormat]:
    samples, pixels = _samples(8, count)
    target = io.BytesIO()
    PIL.Image.fromarray(samples).save(target, "JPEG", quality=90, **options)
    return target.getvalue(), pixels


def _lossless_with_restarts() -> tuple[bytes, PixelFormat]:
    """Rows that are alike, each coded by itself, and with the same table for that reason."""
    samples, pixels = _samples(12)
    row = imagecodecs.jpeg8_encode(samples[:1], lossless=True, predictor=1, bitspersample=12)
    start, frame = scan(bytes(row))[0], row.index(b"\xff\xc3")
    header = bytearray(row[:start])
    header[frame + 5 : frame + 7] = _SIDE.to_bytes(2, "big")
    interval = b"\xff\xdd\x00\x04" + _SIDE.to_bytes(2, "big")
    coded = bytes(row[start:-2])
    rows = b"".join(bytes((0xFF, 0xD0 + index % 8)) + coded for index in range(-1, _SIDE - 1))[2:]
    return bytes(header[:frame]) + interval + bytes(header[frame:]) + rows + EOI, pixels


def _one_scan_each(bits: int, **options: object) -> tuple[bytes, PixelFormat]:
    """Three components in scans of their own, each with the tables of a grey image."""
    samples, pixels = _samples(bits, 3)
    head, scans = b"", b""
    for index in range(3):
        grey = bytes(
            imagecodecs.jpeg8_encode(
                np.ascontiguousarray(samples[..., index]),
                bitspersample=bits,
                **options,  # type: ignore[arg-type]
            )
        )
        frame = re.search(rb"\xff[\xc0\xc1\xc3]\x00\x0b", grey)
        assert frame
        end, start = frame.end() + 9, scan(grey)[0]
        head = head or grey[: frame.start() + 3] + b"\x11" + grey[frame.end() : end - 4] + b"\x03"
        head += bytes((index, 0x11, 0))
        scans += grey[end : start - 5] + bytes((index,)) + grey[start - 4 : -2]
    return head + scans + EOI, pixels


def with_all_zero_rows() -> tuple[bytes, PixelFormat]:
    """Eight rows of eight samples, each restarted: 129 and on, then all 128, which is zeros."""
    table = b"\xff\xc4\x00\x15\x00" + bytes((1, 1, *[0] * 14)) + b"\x00\x01"
    frame = b"\xff\xc3\x00\x0b\x08\x00\x08\x00\x08\x01\x01\x11\x00"
    header = b"\xff\xdd\x00\x04\x00\x08\xff\xda\x00\x08\x01\x01\x00\x01\x00\x00"
    rows = b"\xa0\x3f" + b"".join(bytes((0xFF, 0xD0 + index, 0)) for index in range(7))
    return b"\xff\xd8" + table + frame + header + rows + EOI, grid.pixel_format(8, 8, 8)


def scan(data: bytes) -> tuple[int, int]:
    """Where the first scan's entropy-coded data starts and ends."""
    header = data.index(b"\xff\xda") + 2
    start = header + int.from_bytes(data[header : header + 2], "big")
    following = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]").search(data, start)
    assert following
    return start, following.start()


_RGB = {"colorspace": "rgb", "outcolorspace": "rgb"}
_LOSSLESS = {"lossless": True, "predictor": 1}

STREAMS = {
    "baseline grey": _by_imagecodecs(8, level=90),
    "baseline colour": _by_imagecodecs(8, 3, level=90, subsampling="444"),
    "baseline 4:2:2": _by_imagecodecs(8, 3, level=90, subsampling="422"),
    "baseline 4:2:0": _by_imagecodecs(8, 3, level=90, subsampling="420"),
    "baseline RGB": _by_imagecodecs(8, 3, level=90, **_RGB),
    "baseline with restarts": _by_pillow(restart_marker_blocks=7),
    "baseline colour with restarts": _by_pillow(3, restart_marker_rows=1),
    "progressive grey": _by_pillow(progressive=True),
    "baseline of three scans": _one_scan_each(8, level=90),
    "progressive colour": _by_pillow(3, progressive=True),
    "progressive with restarts": _by_pillow(progressive=True, restart_marker_blocks=1),
    "extended 12": _by_imagecodecs(12, level=90),
    "lossless 8": _by_imagecodecs(8, **_LOSSLESS),
    "lossless 12": _by_imagecodecs(12, **_LOSSLESS),
    "lossless 16": _by_imagecodecs(16, **_LOSSLESS),
    "lossless RGB": _by_imagecodecs(8, 3, **_RGB, **_LOSSLESS),
    "lossless 16 RGB": _by_imagecodecs(16, 3, **_RGB, **_LOSSLESS),
    "lossless predictor 7": _by_imagecodecs(12, lossless=True, predictor=7),
    "lossless of three scans": _one_scan_each(12, **_LOSSLESS),
    "lossless with restarts": _lossless_with_restarts(),
}


def ends(data: bytes) -> list[int]:
    """Where each scan and each restart interval ends, with its padding."""
    found = list[int]()
    for one in jpeg_codestream.parse(data).scans:
        coded = data[one.start : one.end]
        found += [one.start + each.start() for each in re.finditer(rb"\xff[\xd0-\xd7]", coded)]
        found.append(one.end)
    return found


def at_every_end(data: bytes, extra: bytes) -> bytes:
    """Bytes put behind each scan and each restart interval."""
    for place in reversed(ends(data)):
        data = data[:place] + extra + data[place:]
    return data


def with_scans(data: bytes, kept: Iterable[int]) -> bytes:
    """Of the scans only those, in that order."""
    scans = jpeg_codestream.parse(data).scans
    starts = [scans[0].header, *(each.end for each in scans)]
    parts = [data[start : each.end] for start, each in zip(starts, scans, strict=False)]
    return data[: scans[0].header] + b"".join(parts[index] for index in kept) + EOI


def cut(data: bytes) -> bytes:
    """Half of a scan is missing, the end marker is there."""
    start, end = scan(data)
    return data[: (start + end) // 2] + data[end:]


def hole(data: bytes, size: int = 100) -> bytes:
    """Bytes in the middle are missing."""
    middle = _middle(data)
    return data[:middle] + data[middle + size :]


def inserted(data: bytes) -> bytes:
    """Bytes that nobody wrote, in the middle."""
    noise = np.random.default_rng(2).integers(0, 255, 300, dtype=np.uint8).tobytes()
    middle = _middle(data)
    return data[:middle] + noise + data[middle:]


def _middle(data: bytes) -> int:
    """A place in the middle of the first scan that is not between FF and what belongs to it."""
    middle = sum(scan(data)) // 2
    return middle + (data[middle - 1] == 0xFF)


def left_over(data: bytes) -> bytes:
    """Two bytes more than the image needs."""
    return data[:-2] + b"\x5a\xa5" + EOI


def cut_by_one(data: bytes) -> bytes:
    """The last byte is missing (with the 00 after an FF)."""
    return data[:-2].rstrip(b"\x00\xff")[:-1] + EOI


DAMAGES = (cut, hole, inserted, left_over, cut_by_one)


def newer_jfif(data: bytes) -> bytes:
    """A JFIF segment of revision 2.1, after SOI."""
    return data[:2] + b"\xff\xe0\x00\x10JFIF\x00\x02\x01\x00\x00\x01\x00\x01\x00\x00" + data[2:]


def unknown_adobe(data: bytes) -> bytes:
    """An Adobe segment with a transform that Adobe does not know."""
    return data[:2] + b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x09" + data[2:]


def unknown_segment(data: bytes) -> bytes:
    """Application segments and a comment that nobody knows."""
    return data[:2] + b"\xff\xe7\x00\x06abcd\xff\xfe\x00\x04hi" + data[2:]


def odd_scan_header(data: bytes) -> bytes:
    """A sequential scan whose spectral selection ends at 0, as some encoders write."""
    start, _ = scan(data)
    return data[: start - 2] + b"\x00" + data[start - 1 :]


def fill_bytes(data: bytes) -> bytes:
    """Fill bytes before the end marker (T.81 B.1.1.2)."""
    return data[:-2] + b"\xff\xff" + EOI


def zero_before_the_end(data: bytes) -> bytes:
    """A zero before the end marker, by which some encoders make the length even."""
    return data[:-2] + b"\x00" + EOI


def restart_before_the_end(data: bytes) -> bytes:
    """A restart marker after the last interval, which restarts nothing."""
    return data[:-2] + b"\xff\xd7" + EOI


def padding(data: bytes) -> bytes:
    """Padding after the end marker."""
    return data + b"\x00\x00\xff\x00"


HARMLESS = (
    newer_jfif,
    unknown_adobe,
    unknown_segment,
    fill_bytes,
    zero_before_the_end,
    restart_before_the_end,
    padding,
)
