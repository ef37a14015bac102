"""What the pixels of a file are, or why they must not be touched (PS3.3 C.7.6.3).

The rule: what a transcoder cannot carry over sample for sample is declined with
a reason; what contradicts itself is an error that names the attributes. Nothing
is assumed, save Number of Frames 1 and Planar Configuration 0, where absent.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from ..codec.contract import PixelFormat
from ..errors import Declined, DicomError
from .elements import PIXEL_DATA, tag_name
from .file import DicomFile
from .syntaxes import COMPRESSED, EXPLICIT_BIG, NATIVE
from .untouched import decline_what_is_no_image

_NAMES: Final = {
    0x00280002: "Samples per Pixel",
    0x00280004: "Photometric Interpretation",
    0x00280010: "Rows",
    0x00280011: "Columns",
    0x00280100: "Bits Allocated",
    0x00280101: "Bits Stored",
    0x00280102: "High Bit",
    0x00280103: "Pixel Representation",
}
_HALF_CHROMA: Final = frozenset(("YBR_FULL_422", "YBR_PARTIAL_422"))
_NUMBER_OF_FRAMES: Final = 0x00280008
_ONE_SAMPLE: Final = frozenset(("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"))
# Colour spaces that exist inside codestreams only.
_CODED: Final = frozenset(("YBR_ICT", "YBR_PARTIAL_420", "YBR_RCT"))


@dataclass(frozen=True, slots=True)
class Image:
    """The Image Pixel module, checked.

    Attributes
    ----------
    pixel_bytes
        Length of Pixel Data's value, item headers included if encapsulated.
    lossy
        Whether Lossy Image Compression is ``01``.
    embedded_overlays
        Groups 60xx whose overlay lies in unused bits of the pixels.
    overlay_mask
        The bits of a cell where those overlays lie.
    notes
        Sentences about what is wrong, but harmless.
    """

    syntax: str
    sop_class: str
    rows: int
    columns: int
    samples_per_pixel: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    pixel_representation: int
    planar_configuration: int
    photometric: str
    frames: int
    pixel_bytes: int
    encapsulated: bool
    lossy: bool
    modality: str
    embedded_overlays: tuple[int, ...] = ()
    overlay_mask: int = 0
    notes: tuple[str, ...] = field(default=())

    @property
    def format(self) -> PixelFormat:
        """What a codec needs to know."""
        return PixelFormat(
            self.rows,
            self.columns,
            self.samples_per_pixel,
            self.bits_allocated,
            self.bits_stored,
            self.pixel_representation == 1,
            self.photometric,
        )

    @property
    def subsampled(self) -> bool:
        """Whether native chroma has half the columns (PS3.3 C.7.6.3.1.2)."""
        return self.photometric in _HALF_CHROMA and self.samples_per_pixel == 3

    @property
    def frame_bytes(self) -> int:
        """Bytes of one native frame."""
        samples = 2 if self.subsampled else self.samples_per_pixel
        return self.rows * self.columns * samples * (self.bits_allocated // 8)


def describe(file: DicomFile) -> Image:
    """Say what is to be transcoded.

    Raises
    ------
    Declined
        If the image must stay as it is.
    DicomError
        If attributes are missing, or contradict each other or the pixel data.
    """
    decline_what_is_no_image(file)
    image = _read(file)
    _check_bits(image)
    _check_shape(image)
    if image.encapsulated:
        return image
    return _checked_length(image)


def _read(file: DicomFile) -> Image:
    pixels = file.element(PIXEL_DATA)
    if pixels is None:
        raise Declined("no_pixel_data", "The file has no pixel data.")
    allocated = _number(file, 0x00280100)
    _decline_depth(allocated, file)
    samples = _number(file, 0x00280002)
    planar = file.ints(0x00280006)
    notes = [] if planar or samples == 1 else ["Planar Configuration is missing."]
    image = Image(
        syntax=file.syntax,
        sop_class=file.sop_class_uid,
        rows=_number(file, 0x00280010),
        columns=_number(file, 0x00280011),
        samples_per_pixel=samples,
        bits_allocated=allocated,
        bits_stored=_number(file, 0x00280101),
        high_bit=_number(file, 0x00280102),
        pixel_representation=_number(file, 0x00280103),
        planar_configuration=planar[0] if planar and samples > 1 else 0,
        photometric=_photometric(file),
        frames=(*file.ints(_NUMBER_OF_FRAMES), 1)[0],
        pixel_bytes=len(pixels.value),
        encapsulated=pixels.undefined_length,
        lossy=file.text(0x00282110) == "01",
        modality=file.text(0x00080060),
        notes=(*file.notes, *notes),
    )
    return _with_overlays(file, image)


def _number(file: DicomFile, tag: int) -> int:
    values = file.ints(tag)
    if not values:
        raise DicomError("missing_attribute", f"{_NAMES[tag]} {tag_name(tag)} is missing.")
    return values[0]


def _photometric(file: DicomFile) -> str:
    value = file.text(0x00280004)
    if not value:
        raise DicomError("missing_attribute", "Photometric Interpretation (0028,0004) is missing.")
    return value


def _decline_depth(allocated: int, file: DicomFile) -> None:
    if allocated == 1:
        raise Declined("single_bit", "The pixels are single bits.")
    if file.syntax not in NATIVE | COMPRESSED:
        raise Declined("unknown_syntax", f"Transfer syntax {file.syntax} is not known.")
    if allocated not in (8, 16, 32) and allocated % 8 == 0 and allocated:
        raise Declined("bits_allocated", f"Samples of {allocated} bits cannot be transcoded.")
    if allocated not in (8, 16, 32):
        raise DicomError(
            "bad_bits_allocated", f"Bits Allocated is {allocated}, which no sample can have."
        )


def _with_overlays(file: DicomFile, image: Image) -> Image:
    groups = tuple(
        group for group in range(0x6000, 0x6020, 2) if _is_embedded(file, image, group << 16)
    )
    bits = {file.ints(group << 16 | 0x0102)[0] for group in groups}
    mask = sum(1 << bit for bit in bits)
    return replace(image, embedded_overlays=groups, overlay_mask=mask)


def _is_embedded(file: DicomFile, image: Image, group: int) -> bool:
    """Whether an overlay has no data of its own, and a place outside the stored bits."""
    position = file.ints(group | 0x0102)
    if not position or file.element(group | 0x3000) is not None:
        return False
    lowest = image.high_bit - image.bits_stored + 1
    outside = position[0] > image.high_bit or position[0] < lowest
    return outside and 0 <= position[0] < image.bits_allocated


def _check_bits(image: Image) -> None:
    allocated, stored, high = image.bits_allocated, image.bits_stored, image.high_bit
    if not 1 <= stored <= allocated:
        raise DicomError("bad_bits_stored", f"Bits Stored is {stored}, of {allocated} allocated.")
    if not stored - 1 <= high < allocated:
        raise DicomError(
            "bad_high_bit", f"High Bit is {high}, with {stored} bits stored of {allocated}."
        )
    if image.pixel_representation not in (0, 1):
        raise DicomError(
            "bad_pixel_representation",
            f"Pixel Representation is {image.pixel_representation}; only 0 and 1 exist.",
        )


def _check_shape(image: Image) -> None:
    if image.rows < 1 or image.columns < 1:
        raise DicomError("empty_image", f"The image is {image.rows} x {image.columns} pixels.")
    if image.frames < 1:
        raise DicomError("bad_number_of_frames", f"Number of Frames is {image.frames}.")
    if image.samples_per_pixel < 1 or image.planar_configuration not in (0, 1):
        raise DicomError(
            "bad_samples",
            f"Samples per Pixel is {image.samples_per_pixel}, "
            f"Planar Configuration {image.planar_configuration}.",
        )
    if image.samples_per_pixel not in (1, 3):
        raise Declined(
            "samples_per_pixel", f"Pixels of {image.samples_per_pixel} samples are not supported."
        )
    if image.encapsulated == (image.syntax in NATIVE):
        kind = "encapsulated" if image.encapsulated else "native"
        raise DicomError(
            "syntax_disagrees", f"The pixel data is {kind}, against transfer syntax {image.syntax}."
        )


def _check_native(image: Image) -> None:
    one = image.photometric in _ONE_SAMPLE
    if one != (image.samples_per_pixel == 1) or image.photometric in _CODED:
        raise DicomError(
            "photometric_disagrees",
            f"Native pixels of {image.samples_per_pixel} samples cannot be {image.photometric}.",
        )


def _checked_length(image: Image) -> Image:
    """Compare native pixel data with its attributes; one pad byte is proper."""
    _check_native(image)
    if image.syntax == EXPLICIT_BIG and image.bits_allocated == 32:
        raise Declined("big_endian_32_bit", "Writers disagree how 32 bits are swapped in OW.")
    expected = image.frame_bytes * image.frames
    surplus = image.pixel_bytes - expected
    if surplus < 0:
        raise DicomError(
            "pixel_data_too_short",
            f"Pixel Data has {image.pixel_bytes} bytes where its attributes need {expected}.",
        )
    if surplus in (0, expected % 2):
        return image
    if surplus % image.frame_bytes == 0 or (image.subsampled and 2 * surplus == expected):
        raise DicomError(
            "frames_disagree",
            f"Pixel Data has {image.pixel_bytes} bytes: that is not {image.frames} frames "
            f"of {image.frame_bytes} bytes, as its attributes say.",
        )
    note = f"Pixel Data has {surplus} bytes after its last frame."
    return replace(image, notes=(*image.notes, note))
