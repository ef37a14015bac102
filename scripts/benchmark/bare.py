"""The same codec calls as a worker's, without anything around them; runs in processes."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor

from orthanc_transcoder.codec.contract import EncodeOptions, PixelFormat, Samples
from orthanc_transcoder.codec.registry import default_registry
from orthanc_transcoder.dicom import native
from orthanc_transcoder.dicom.file import DicomFile
from orthanc_transcoder.dicom.image import describe
from orthanc_transcoder.proving import same

_REGISTRY = default_registry()
_frames: dict[str, tuple[list[Samples], PixelFormat]] = {}
_target: list[tuple[str, bool]] = []


def prepare(files: Mapping[str, bytes], target: str, proven: bool) -> None:
    """Take the images apart, once for each process."""
    for name, content in files.items():
        file = DicomFile.parse(memoryview(content))
        image = describe(file)
        _frames[name] = (list(native.unpack(file, image)), image.format)
    _target.append((target, proven))


def count_frames(name: str) -> int:
    """How many frames an image has."""
    return len(_frames[name][0])


def code(what: tuple[str, int]) -> None:
    """Encode one frame; to prove it, decode and compare, as a verified transcoding must."""
    name, number = what
    frames, pixels = _frames[name]
    target, proven = _target[0]
    encoded = _REGISTRY.encoder(target).encode(frames[number], pixels, target, EncodeOptions())
    if not proven:
        return
    label = dataclasses.replace(pixels, photometric=encoded.photometric)
    decoded = _REGISTRY.decoder(target).decode(encoded.data, label, target)
    if not same(decoded.samples, frames[number]):
        raise ValueError(f"{name}: frame {number} is not the same when decoded again")


def timed(pool: Executor, work: Sequence[tuple[str, int]]) -> float:
    """Seconds until all is done."""
    began = time.perf_counter()
    # One at a time, so that no core is left without work before the end.
    for _ in pool.map(code, work):
        pass
    return time.perf_counter() - began
