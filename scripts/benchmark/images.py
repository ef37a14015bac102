"""The images that are sent: real ones of pydicom-data, and the same with more noise.

Each is a file with a SOP Instance UID of fixed length, so that a new instance costs
no more than a replacement of bytes: Orthanc does not transcode what it has already.
"""

from __future__ import annotations

import dataclasses
import io
import secrets
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.uid import UID, ExplicitVRLittleEndian

from tests.samples import sample

_LOWEST = 10**38
_MARK = f"2.25.{_LOWEST}".encode()  # of 44 characters, as all that replace it
_FRAMES = 100
_RNG_SEED = 5

Samples = npt.NDArray[Any]


@dataclass(frozen=True)
class Image:
    """One image; ``batch`` is how many of them one client sends in a round."""

    name: str
    what: str
    template: bytes
    batch: int

    def fresh(self) -> bytes:
        """The file as an instance that no server has seen."""
        return self.template.replace(_MARK, _new_uid())

    def coded(self, content: bytes) -> Image:
        """The same image as transcoded: ``content`` is a transcoded template."""
        return dataclasses.replace(self, template=content)


def _new_uid() -> bytes:
    return f"2.25.{_LOWEST + secrets.randbelow(_LOWEST)}".encode()


def make_images(quick: bool) -> dict[str, Image]:
    """All images by name; ``quick`` makes fewer and smaller ones."""
    ct, mr, us = _samples("693_UNCR.dcm"), _centre(_samples("MR2_UNCR.dcm")), _us()
    if quick:
        made = [
            _image("ct", "CT 512 x 512", "693_UNCR.dcm", ct, 8),
            _image("rgb100", "RGB 160 x 120, 100 frames", "US1_UNCR.dcm", _loop(us[::4, ::4]), 1),
        ]
    else:
        made = [
            _image("ct", "CT 512 x 512", "693_UNCR.dcm", ct, 12),
            _image("ct-noisy", "CT, noise of 25 more", "693_UNCR.dcm", _noisy(ct, 25, 14), 12),
            _image("mr", "MR 512 x 512", "MR2_UNCR.dcm", mr, 12),
            _image("mr-noisy", "MR, noise of 40 more", "MR2_UNCR.dcm", _noisy(mr, 40, 12), 12),
            _image("cr", "CR 1841 x 1955", "RG1_UNCR.dcm", _samples("RG1_UNCR.dcm"), 2),
            _image("us", "RGB 640 x 480", "US1_UNCR.dcm", us, 8),
            _image("rgb100", "RGB 320 x 240, 100 frames", "US1_UNCR.dcm", _loop(us[::2, ::2]), 1),
        ]
    return {image.name: image for image in made}


def _samples(name: str) -> Samples:
    dataset = pydicom.dcmread(sample(name).path)
    cell = f"{'i' if dataset.PixelRepresentation else 'u'}{dataset.BitsAllocated // 8}"
    shape = (dataset.Rows, dataset.Columns, dataset.SamplesPerPixel)
    count = int(np.prod(shape))
    return np.frombuffer(dataset.PixelData, f"<{cell}", count).reshape(shape)


def _us() -> Samples:
    return _samples("US1_UNCR.dcm")


def _centre(samples: Samples) -> Samples:
    return samples[256:768, 256:768]


def _noisy(samples: Samples, sigma: float, bits: int) -> Samples:
    """The samples with Gaussian noise, within the range of Bits Stored."""
    noise = np.random.default_rng(_RNG_SEED).normal(scale=sigma, size=samples.shape)
    low = -(1 << (bits - 1)) if samples.dtype.kind == "i" else 0
    noisy = np.clip(np.rint(samples + noise), low, low + (1 << bits) - 1)
    result: Samples = noisy.astype(samples.dtype)
    return result


def _loop(frame: Samples) -> Samples:
    """A hundred frames that move and flicker as an ultrasound's do."""
    rng = np.random.default_rng(_RNG_SEED)
    frames = []
    for number in range(_FRAMES):
        grey = rng.normal(scale=3, size=frame.shape[:2])[..., None] * (frame > 8)
        moved = np.roll(frame + grey, number, axis=1)
        frames.append(np.clip(np.rint(moved), 0, 255).astype(np.uint8))
    return np.stack(frames)


def _image(name: str, what: str, source: str, samples: Samples, batch: int) -> Image:
    dataset = pydicom.dcmread(sample(source).path)
    dataset.Rows, dataset.Columns = samples.shape[-3:-1]
    if samples.ndim == 4:
        dataset.NumberOfFrames = len(samples)
    dataset.PixelData = samples.tobytes()
    dataset.SOPInstanceUID = UID(_MARK.decode())
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
    return Image(name, what, buffer.getvalue(), batch)
