"""Sound images, and how to spoil them. Nothing here uses the checks."""

from __future__ import annotations

import functools
import io
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames

from orthanc_transcoder.codec import uids
from orthanc_transcoder.codec.registry import default_registry
from orthanc_transcoder.model import Request, Rules
from orthanc_transcoder.pipeline import transcode
from tests.samples import sample_path
from tests.synthesis import Image, native_file, texture

REGISTRY = default_registry()
CT = "1.2.840.10008.5.1.4.1.1.2"
Edit = Callable[[Dataset], None]


def edited(content: bytes, *edits: Edit) -> bytes:
    """The file with its data set changed, and group 2 as it was."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(io.BytesIO(content), force=True)
        for edit in edits:
            edit(dataset)
        buffer = io.BytesIO()
        dataset.save_as(buffer)
    return buffer.getvalue()


def having(**values: Any) -> Edit:
    """Set attributes; None deletes them."""

    def edit(dataset: Dataset) -> None:
        for keyword, value in values.items():
            if value is None:
                del dataset[keyword]
            else:
                setattr(dataset, keyword, value)

    return edit


def shipped(name: str) -> bytes:
    """A file of pydicom or pydicom-data."""
    return sample_path(name).read_bytes()


@functools.cache
def ct() -> bytes:
    """A CT in which nothing is wrong."""
    return edited(shipped("CT_small.dcm"), having(WindowCenter=40, WindowWidth=400))


@functools.cache
def coded(syntax: str = uids.JPEG2000Lossless, content: bytes = b"") -> bytes:
    """The CT, or another file, in another transfer syntax."""
    lossy = syntax in (uids.JPEGBaseline8Bit, uids.JPEG2000, uids.JPEGXL, uids.JPEGLSNearLossless)
    result, report = transcode(content or ct(), Request((syntax,)), Rules(lossy=lossy), REGISTRY)
    assert result is not None, report.reason
    return result


@functools.cache
def grey(frames: int = 1, bits: int = 8) -> bytes:
    """A secondary capture in which nothing is wrong."""
    return native_file(_image(frames, bits))


@functools.cache
def colour(syntax: str = "") -> bytes:
    """An RGB image in which nothing is wrong."""
    native = native_file(Image(rows=40, columns=40, samples=3, bits_allocated=8))
    return coded(syntax, native) if syntax else native


@functools.cache
def palette() -> bytes:
    """A palette image in which nothing is wrong."""
    return native_file(Image(bits_allocated=8, photometric="PALETTE COLOR"))


def with_cells(content: bytes, change: Callable[[Any], Any]) -> bytes:
    """A native file of ``grey``'s shape whose cells were changed, as an array of frames."""

    def edit(dataset: Dataset) -> None:
        frames = int(dataset.get("NumberOfFrames") or 1)
        kind = np.dtype(f"<u{dataset.BitsAllocated // 8}")
        shape = (frames, dataset.Rows, dataset.Columns)
        cells = np.frombuffer(dataset.PixelData, kind).reshape(shape).copy()
        dataset.PixelData = change(cells).astype(kind).tobytes()

    return edited(content, edit)


def with_frames(content: bytes, change: Callable[[bytes], bytes], **options: Any) -> bytes:
    """An encapsulated file whose codestreams were changed."""

    def edit(dataset: Dataset) -> None:
        count = int(dataset.get("NumberOfFrames") or 1)
        frames = generate_frames(dataset.PixelData, number_of_frames=count)
        dataset.PixelData = encapsulate([change(frame) for frame in frames], **options)

    return edited(content, edit)


def named(content: bytes, syntax: str) -> bytes:
    """The file under another transfer syntax, otherwise as it is, group length included."""

    start = content.index(b"\x02\x00\x10\x00UI")
    length = int.from_bytes(content[start + 6 : start + 8], "little")
    value = syntax.encode() + bytes(len(syntax) % 2)
    header = content[start : start + 6] + len(value).to_bytes(2, "little")
    return content[:start] + header + value + content[start + 8 + length :]


def _image(frames: int, bits: int) -> Image:
    return Image(
        rows=32, columns=32, frames=frames, bits_allocated=8 if bits <= 8 else 16, bits_stored=bits
    )


def noise(frames: int, bits: int) -> Any:
    """What ``grey`` holds."""
    return texture(_image(frames, bits))
