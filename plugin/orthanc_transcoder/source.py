"""The stored samples of a file, however they are encoded.

Native pixel data and RLE carry whole cells of Bits Allocated: what lies beside
the stored bits (overlays, or what nobody declared) goes along between these
two. Every other encoding carries the stored samples alone; what would be lost
is moved, noted or refused before they are taken.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from . import __version__, syntaxes
from .codec import checks, rle, uids
from .codec.contract import Codec, Decoded, PixelFormat, Samples
from .codec.registry import Registry
from .dicom import frames, native, overlays
from .dicom.elements import Element
from .dicom.file import DicomFile
from .dicom.image import Image
from .errors import Declined, DicomError
from .model import Rules
from .parallel import by_index, within_frame

Changes = dict[int, Element | None]


@dataclass(frozen=True, slots=True)
class Source:
    """An opened image.

    Attributes
    ----------
    samples
        One array per frame (see ``contract.Decoded.samples``).
    pixels
        What the samples are; it follows the codestream, not the header, but
        for a sign that they disagree about.
    cells
        The same frames as whole cells, where the encoding carries them.
    lossy
        Whether the codestreams were coded irreversibly.
    changes
        Elements that must change once the samples leave their old encoding.
    """

    samples: Sequence[Samples]
    pixels: PixelFormat
    codec: str
    codec_version: str
    cells: native.NativeFrames | None = None
    lossy: bool = False
    changes: Changes = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()


def open_source(file: DicomFile, image: Image, registry: Registry, threads: int = 1) -> Source:
    """Open an image of any syntax.

    Raises
    ------
    Refusal
        If there is no decoder, or the pixel data is damaged.
    """
    if not image.encapsulated:
        cells = native.unpack(file, image)
        return Source(cells, image.format, "native", __version__, cells, notes=image.notes)
    codec = registry.decoder(file.syntax)
    if file.syntax == uids.RLELossless:
        return _open_rle(file, image, codec)
    return _open_encapsulated(file, image, codec, threads)


def stored_samples_only(file: DicomFile, image: Image, source: Source, rules: Rules) -> Source:
    """Make a source ready for an encoding that carries no whole cells.

    Embedded overlays move to Overlay Data (PS3.3 C.9.2). Other bits beside the
    stored ones are dropped with a note.

    Raises
    ------
    Declined
        If the settings forbid to drop them.
    """
    if source.cells is None:
        return source
    notes = list(source.notes)
    if count := source.cells.unused_bits:
        text = f"{count} samples hold something beside Bits Stored, which the target cannot carry"
        if rules.unused_bits == "decline":
            raise Declined("unused_bits", f"{text}.")
        notes.append(f"{text}; it was dropped.")
    cells = (source.cells.cells(index) for index in range(len(source.cells)))
    moved = overlays.extract(file, image, cells)
    return dataclasses.replace(source, changes={**source.changes, **moved}, notes=tuple(notes))


def as_the_header_reads(decoded: Decoded, image: Image) -> Decoded:
    """Read the bits by the header's Pixel Representation, where the depths agree.

    Some encoders code a signed image as if it were unsigned, or the other way
    round: the bits are right, and everything else in the file (padding value,
    rescale, window) is about the header's reading of them. GDCM and pydicom
    read them so. Where the depths differ too, the codestream is followed.
    """
    signed = image.pixel_representation == 1
    if decoded.signed == signed or decoded.bits != image.bits_stored:
        return decoded
    pattern = checks.to_pattern(decoded.samples, decoded.bits)
    samples = checks.from_pattern(pattern, decoded.bits, signed)
    notes = (*decoded.notes, "the header's Pixel Representation was followed")
    return dataclasses.replace(decoded, samples=samples, signed=signed, notes=notes)


def _open_rle(file: DicomFile, image: Image, codec: Codec) -> Source:
    encoded = frames.encoded_frames(file, image)
    decoded = [rle.decode_containers(frame, image.format) for frame in encoded]
    element = native.pack(decoded, image.bits_allocated)
    unpacked = dataclasses.replace(
        image,
        syntax=syntaxes.EXPLICIT_LE,
        encapsulated=False,
        planar_configuration=0,
        pixel_bytes=len(element.value),
    )
    cells = native.NativeFrames(unpacked, element.value, little=True, word_swapped=False)
    return Source(
        cells,
        image.format,
        codec.name,
        codec.version,
        cells,
        notes=(*image.notes, *encoded.notes),
    )


def _open_encapsulated(file: DicomFile, image: Image, codec: Codec, threads: int) -> Source:
    encoded = frames.encoded_frames(file, image)
    inner = within_frame(len(encoded), threads)

    def one(index: int) -> Decoded:
        found = codec.decode(encoded[index], image.format, file.syntax, inner)
        return as_the_header_reads(found, image)

    decoded = by_index(one, len(encoded), threads)
    formats = {_format_of(one, image) for one in decoded}
    if len(formats) != 1:
        raise DicomError("frames_differ", f"The frames' codestreams differ: {formats}.")
    notes = dict.fromkeys(
        (*image.notes, *encoded.notes, *(note for one in decoded for note in one.notes))
    )
    return Source(
        [one.samples for one in decoded],
        formats.pop(),
        codec.name,
        codec.version,
        lossy=any(one.lossy for one in decoded),
        notes=tuple(notes),
    )


def _format_of(decoded: Decoded, image: Image) -> PixelFormat:
    samples = decoded.samples
    return PixelFormat(
        rows=samples.shape[0],
        columns=samples.shape[1],
        samples_per_pixel=samples.shape[2] if samples.ndim > 2 else 1,
        bits_allocated=max(image.bits_allocated, samples.dtype.itemsize * 8),
        bits_stored=decoded.bits,
        signed=decoded.signed,
        photometric=decoded.photometric,
    )
