"""What a file's samples are, as decoders that are not ours give them.

Whole files go through GDCM or DCMTK, and HTJ2K's and JPEG XL's frames, which
those do not know, through ``opj_decompress`` and ``djxl``; native pixel data is
read by pydicom. None of this uses the code under test.
"""

from __future__ import annotations

import io
import subprocess
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames

from tests.interop import tools
from tests.synthesis import Samples, stored_samples

_JPEG = "1.2.840.10008.1.2.4."
_NATIVE = frozenset(f"1.2.840.10008.1.2{rest}" for rest in ("", ".1", ".2", ".1.99"))
_GDCM = ("gdcmconv", "--raw")
_COMMANDS: dict[str, Sequence[Sequence[str]]] = {
    "1.2.840.10008.1.2.5": (("dcmdrle",), _GDCM),
    **dict.fromkeys((_JPEG + n for n in ("50", "51", "57", "70")), (("dcmdjpeg",), _GDCM)),
    **dict.fromkeys((_JPEG + n for n in ("80", "81")), (("dcmdjpls",), _GDCM)),
    **dict.fromkeys((_JPEG + n for n in ("90", "91", "92", "93")), (_GDCM,)),
}
_HTJ2K = frozenset(_JPEG + n for n in ("201", "202", "203"))
_JPEG_2000 = frozenset(_JPEG + n for n in ("90", "91", "92", "93"))
_JPEG_XL = frozenset(_JPEG + n for n in ("110", "111", "112"))
# How a reader fails on what it does not know, or what is damaged on purpose.
FAILURES = (
    subprocess.SubprocessError,
    OSError,
    ValueError,
    AttributeError,
    KeyError,
    TypeError,
    NotImplementedError,
)
_FRAMES = 3  # of a long run, each by a process of its own
_KEPT = 12  # of a long run; all of them as 64-bit numbers would fill the memory


def decoded(content: bytes, folder: Path) -> Iterator[tuple[str, Samples]]:
    """Each other decoder's name, and the samples ``(frames, rows, columns, samples)``.

    A decoder that fails on the file is passed over; of a file with many frames,
    some give the first few. Nothing is given where no decoder is known.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(io.BytesIO(content), force=True)
        for name, decode in _decoders(dataset, content, folder):
            try:
                yield name, decode()[:_KEPT].copy()
            except FAILURES:
                continue


def _decoders(
    dataset: Dataset, content: bytes, folder: Path
) -> Iterator[tuple[str, Callable[[], Samples]]]:
    syntax = str(dataset.file_meta.get("TransferSyntaxUID", ""))
    if syntax in _NATIVE:
        yield "pydicom", lambda: stored_samples(content)
    for command in _COMMANDS.get(syntax, ()):
        if tools.has(command[0]):
            yield command[0], lambda command=command: _by_command(command, content, folder)  # type: ignore[misc]
    if syntax in _HTJ2K | _JPEG_2000 and tools.has("opj_decompress"):
        yield "opj_decompress", lambda: _by_frame(dataset, _by_openjpeg, folder)
    if syntax in _JPEG_XL and tools.has("djxl"):
        yield "djxl", lambda: _by_frame(dataset, _by_libjxl, folder)
        yield "djxl", lambda: _by_frame(dataset, _by_old_libjxl, folder)


def _by_command(command: Sequence[str], content: bytes, folder: Path) -> Samples:
    return stored_samples(tools.convert(command, content, folder))


def _by_frame(
    dataset: Dataset, decode: Callable[[bytes, Dataset, Path], Samples], folder: Path
) -> Samples:
    count = int(dataset.get("NumberOfFrames") or 1)
    frames = generate_frames(dataset.PixelData, number_of_frames=count)
    first = [frame for frame, _ in zip(frames, range(_FRAMES), strict=False)]
    return np.stack([decode(frame, dataset, folder) for frame in first])


def _by_openjpeg(codestream: bytes, dataset: Dataset, folder: Path) -> Samples:
    source, target = folder / "frame.j2k", folder / "frame.rawl"
    source.write_bytes(codestream)
    tools.run("opj_decompress", "-i", source, "-o", target)
    data = target.read_bytes()
    shape = (dataset.SamplesPerPixel, dataset.Rows, dataset.Columns)
    size = len(data) // int(np.prod(shape))
    planes = np.frombuffer(data, f"<u{size}").astype(np.int64).reshape(shape)
    return _signed(planes.transpose(1, 2, 0), dataset)


def _by_libjxl(codestream: bytes, dataset: Dataset, folder: Path, *, full: bool = False) -> Samples:
    colour = dataset.SamplesPerPixel > 1
    source, target = folder / "frame.jxl", folder / ("frame.ppm" if colour else "frame.pgm")
    source.write_bytes(codestream)
    tools.run("djxl", source, target)
    samples, top = tools.read_netpbm(target)
    if full:
        top = (1 << 8 * (1 if top < 256 else 2)) - 1
    depth = (1 << dataset.BitsStored) - 1
    return _signed(np.rint(samples * (depth / top)).astype(np.int64), dataset)


def _by_old_libjxl(codestream: bytes, dataset: Dataset, folder: Path) -> Samples:
    """As djxl 0.7 writes it: scaled to full words, whatever maximum its header names."""
    return _by_libjxl(codestream, dataset, folder, full=True)


def _signed(patterns: Samples, dataset: Dataset) -> Samples:
    """The stored bits alone, with their sign."""
    values: Samples = patterns & ((1 << dataset.BitsStored) - 1)
    if not dataset.PixelRepresentation:
        return values
    sign = 1 << (dataset.BitsStored - 1)
    signed: Samples = (values ^ sign) - sign
    return signed
