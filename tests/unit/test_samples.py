"""The tests' own sample files: what they claim of themselves is true."""

from __future__ import annotations

import io

import numpy as np
import pydicom
import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from tests import samples
from tests.synthesis import (
    Image,
    blank,
    encapsulated_file,
    native_file,
    nest,
    stored_samples,
    texture,
    to_bytes,
)

SYNTAXES = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
)
IMAGES = (
    Image(),
    Image(rows=1, columns=1, bits_allocated=8),
    Image(rows=7, columns=5, bits_stored=12, signed=True, frames=3),
    Image(rows=3, columns=5, samples=3, bits_allocated=8, planar=1, frames=3),
    Image(rows=4, columns=5, bits_allocated=8, photometric="PALETTE COLOR"),
)


def test_enough_real_files() -> None:
    native = samples.native_samples()
    assert len(native) > 40
    assert {each.syntax for each in native} == set(samples.NATIVE)
    assert {each.photometric for each in native} >= {"MONOCHROME1", "RGB", "PALETTE COLOR"}
    assert len(samples.j2k_samples()) > 10
    assert all(path.is_file() for path in samples.untouchable_samples())


def test_every_native_sample_can_be_read() -> None:
    for each in samples.native_samples():
        assert stored_samples(each.read()).shape == (
            each.frames,
            each.rows,
            each.columns,
            each.samples,
        )


def test_unknown_file() -> None:
    with pytest.raises(FileNotFoundError):
        samples.sample_path("none.dcm")


@pytest.mark.parametrize("vr", ["", "OW"])
@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_synthetic_native_file(syntax: str, image: Image, vr: str) -> None:
    cells = texture(image)
    content = native_file(image, cells, syntax=syntax, vr=vr)
    assert pydicom.dcmread(io.BytesIO(content)).file_meta.TransferSyntaxUID == syntax
    assert np.array_equal(stored_samples(content), cells)


@pytest.mark.parametrize("table", ["basic", "empty", "extended"])
def test_synthetic_encapsulated_file(table: str) -> None:
    frames = [bytes([n]) * 10 for n in range(3)]
    content = encapsulated_file(
        Image(frames=3), frames, "1.2.840.10008.1.2.4.90", table=table, fragments=1
    )
    dataset = pydicom.dcmread(io.BytesIO(content))
    assert list(pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=3)) == frames


def test_nesting() -> None:
    dataset = nest(blank(Image()), 5)
    again = pydicom.dcmread(io.BytesIO(to_bytes(dataset, ExplicitVRLittleEndian)))
    level, depth = again, 0
    while "DerivationImageSequence" in level:
        level, depth = level.DerivationImageSequence[0], depth + 1
    assert depth == 5
    assert level.IconImageSequence[0].PixelData == b"\x10\x20\x30\x40"
