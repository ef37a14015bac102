"""Embedded overlays, moved out of the pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from orthanc_transcoder.dicom.elements import Element
from orthanc_transcoder.dicom.file import DicomFile
from orthanc_transcoder.dicom.image import describe
from orthanc_transcoder.dicom.native import unpack
from orthanc_transcoder.dicom.overlays import extract
from orthanc_transcoder.syntaxes import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE
from tests.synthesis import Image, native_file, texture
from tests.unit.dicom.corpus import oracle, parse


def us(tag: int, value: int) -> Element:
    return Element(tag, "US", value.to_bytes(2, "little"))


def embedded(image: Image, planes: dict[int, Any], syntax: str = EXPLICIT_LE) -> DicomFile:
    """A file with bit planes as overlays: position -> ones and zeros."""
    cells = texture(image)
    changes: dict[int, Element | None] = {}
    for number, (position, plane) in enumerate(planes.items()):
        cells = cells | (plane.astype(cells.dtype) << position)
        group = 0x60000000 + (number << 17)
        changes[group | 0x0010] = us(group | 0x0010, image.rows)
        changes[group | 0x0011] = us(group | 0x0011, image.columns)
        changes[group | 0x0040] = Element(group | 0x0040, "CS", b"G ")
        changes[group | 0x0100] = us(group | 0x0100, image.bits_allocated)
        changes[group | 0x0102] = us(group | 0x0102, position)
    file = DicomFile.parse(native_file(image, cells))
    return DicomFile.parse(file.write(syntax, changes))


def plane(image: Image, seed: int) -> Any:
    return np.random.default_rng(seed).integers(0, 2, image.shape)


@pytest.mark.parametrize("syntax", [IMPLICIT_LE, EXPLICIT_LE, EXPLICIT_BE])
@pytest.mark.parametrize("frames", [1, 3])
def test_two_overlays(frames: int, syntax: str) -> None:
    image = Image(rows=5, columns=7, frames=frames, bits_stored=12)
    planes = {12: plane(image, 1), 15: plane(image, 2)}
    file = embedded(image, planes, syntax)
    found = describe(file)
    assert found.embedded_overlays == (0x6000, 0x6002)
    assert unpack(file, found).unused_bits == 0
    written = DicomFile.parse(file.write(syntax, extract(file, found)))
    # pydicom does not swap the words of Overlay Data back.
    dataset = oracle(written.write(EXPLICIT_LE, {}))
    for group, expected in zip((0x6000, 0x6002), planes.values(), strict=True):
        assert np.array_equal(dataset.overlay_array(group).ravel(), expected.ravel())
        assert dataset[group, 0x0100].value == 1
        assert dataset[group, 0x0102].value == 0
        assert dataset[group, 0x3000].VR == "OW"
        assert dataset[group, 0x0050].value == [1, 1]
        assert dataset[group, 0x0040].value == "G"
        assert len(dataset[group, 0x3000].value) % 2 == 0
        if frames > 1:
            assert dataset[group, 0x0015].value == frames
            assert dataset[group, 0x0051].value == 1


def test_below_the_stored_bits() -> None:
    image = Image(rows=5, columns=7, bits_stored=12)
    expected = plane(image, 3)
    file = embedded(image, {3: expected})
    cells = (texture(image) << 4) | (expected << 3)
    changed = DicomFile.parse(native_file(image, cells, attributes={"HighBit": 15}))
    overlay = {tag: one for tag, one in file.elements.items() if tag >> 16 == 0x6000}
    changed = DicomFile.parse(changed.write(EXPLICIT_LE, overlay))
    found = describe(changed)
    dataset = oracle(changed.write(EXPLICIT_LE, extract(changed, found)))
    assert np.array_equal(dataset.overlay_array(0x6000).ravel(), expected.ravel())


def test_a_position_inside_the_stored_bits_is_no_overlay() -> None:
    image = Image(rows=5, columns=7, bits_stored=12)
    file = embedded(image, {3: plane(image, 3) & 0})
    assert describe(file).embedded_overlays == ()
    assert extract(file, describe(file)) == {}


@pytest.mark.parametrize(
    "name", ["MR-SIEMENS-DICOM-WithOverlays.dcm", "examples_overlay.dcm", "CT_small.dcm"]
)
def test_overlays_with_data_of_their_own_are_left_alone(name: str) -> None:
    file = parse(name)
    assert describe(file).embedded_overlays == ()
    assert extract(file, describe(file)) == {}


def test_cells_of_encapsulated_pixel_data_are_handed_in() -> None:
    image = Image(rows=5, columns=7, bits_stored=12)
    file = embedded(image, {12: plane(image, 1)})
    found = describe(file)
    cells = unpack(file, found).cells(0)
    assert extract(file, found, [cells]) == extract(file, found)
