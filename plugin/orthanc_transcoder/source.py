"""The stored samples of a file, however they are encoded.

Native pixel data and RLE carry whole cells of Bits Allocated, and so do codestreams
of more bits than are stored (see ``reading``): what lies beside the stored bits
(overlays, or what nobody declared) goes along into native pixel data and RLE. Every
other encoding that is written carries the stored samples alone; what would be lost
is moved, doubted or refused before they are taken.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from . import __version__, opinion, reading
from .codec.contract import PixelFormat, Samples
from .codec.registry import Registry
from .codec.witnesses import Seat
from .dicom import frames, native, overlays
from .dicom.elements import Element
from .dicom.file import DicomFile
from .dicom.image import Image
from .errors import Declined, DicomError
from .model import Rules
from .opinion import Opinion
from .parallel import by_index, within_frame
from .quality.checks.table import found
from .quality.findings import Finding
from .reading import Reading

Changes = dict[int, Element | None]


@dataclass(frozen=True, slots=True)
class Source:
    """An opened image.

    Attributes
    ----------
    samples
        One array per frame (see ``contract.Decoded.samples``).
    pixels
        What the samples are.
    cells
        The same frames as whole cells, where the encoding carries more than samples.
    lossy
        Whether the codestreams were coded irreversibly.
    changes
        Elements that must change once the samples leave their old encoding.
    doubts
        Why other sound readers may give other samples: a sentence for each code.
    findings
        What else is wrong with it that no result shows.
    second_opinion
        Who else has read it (see ``opinion.summary``).
    """

    samples: Sequence[Samples]
    pixels: PixelFormat
    codec: str
    codec_version: str
    cells: native.CellFrames | None = None
    lossy: bool = False
    changes: Changes = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    doubts: dict[str, str] = dataclasses.field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    second_opinion: dict[str, Any] = dataclasses.field(default_factory=dict)


def open_source(
    file: DicomFile, image: Image, registry: Registry, threads: int = 1, second: Seat | str = ""
) -> Source:
    """Open an image of any syntax.

    Parameters
    ----------
    second
        Who reads it, too (see ``opinion.wanted``).

    Raises
    ------
    Refusal
        If there is no decoder, or the pixel data is damaged.
    """
    if not image.encapsulated:
        cells = native.unpack(file, image)
        return Source(cells, image.format, "native", __version__, cells, notes=image.notes)
    return _open_encapsulated(file, image, registry, threads, second)


def stored_samples_only(file: DicomFile, source: Source, rules: Rules) -> Source:
    """Make a source ready for an encoding that carries no whole cells.

    Embedded overlays move to Overlay Data (PS3.3 C.9.2). Other bits beside the
    stored ones are dropped, which is in doubt unless the settings say otherwise.

    Raises
    ------
    Declined
        If the settings forbid to drop them.
    """
    if source.cells is None:
        return source
    notes, doubts, findings = source.notes, source.doubts, source.findings
    if count := source.cells.unused_bits:
        text = f"{count} samples hold something beside Bits Stored, which the target cannot carry"
        if rules.unused_bits == "decline":
            raise Declined(reading.STRAY, f"{text}.")
        if rules.unused_bits == "mask":
            notes = (*notes, f"{text}; it was dropped.")
            findings = (*findings, found("values_outside_bits_stored", f"{text}."))
        else:
            doubts = {**doubts, reading.STRAY: f"{text}."}
    cells = (source.cells.cells(index) for index in range(len(source.cells)))
    moved = overlays.extract(file, source.cells.image, cells)
    changes = {**source.changes, **moved}
    return dataclasses.replace(
        source, changes=changes, notes=notes, doubts=doubts, findings=findings
    )


def _open_encapsulated(
    file: DicomFile, image: Image, registry: Registry, threads: int, second: Seat | str
) -> Source:
    codec = registry.decoder(file.syntax)
    encoded = frames.encoded_frames(file, image)
    inner = within_frame(len(encoded), threads)

    def read(index: int) -> tuple[Reading, Opinion]:
        one = reading.decode(codec, encoded[index], image, inner)
        if isinstance(second, str):
            return one, Opinion()
        return one, opinion.of_frame(one, second.witness, encoded[index], image, inner)

    both = by_index(read, len(encoded), threads)
    readings = [one for one, _ in both]
    opinions = [one for _, one in both]
    formats = {one.pixels for one in readings}
    if len(formats) != 1:
        raise DicomError("frames_differ", f"The frames' codestreams differ: {formats}.")
    notes = (*image.notes, *encoded.notes, *(note for one in readings for note in one.notes))
    return Source(
        [one.samples for one in readings],
        formats.pop(),
        codec.name,
        codec.version,
        _cells_of(readings, image),
        lossy=any(one.lossy for one in readings),
        notes=tuple(dict.fromkeys(notes)),
        doubts={
            **{code: text for one in reversed(readings) for code, text in one.doubts.items()},
            **opinion.doubts(opinions),
        },
        second_opinion=opinion.summary(second, opinions),
    )


def _cells_of(found: list[Reading], image: Image) -> native.CellFrames | None:
    """The frames as cells, if a codestream carries more than the stored samples.

    Where an overlay is declared beside signed ones, too: none must be made of their signs.
    """
    carried = any(one.cells is not None for one in found)
    if not carried and not (image.overlay_mask and image.pixel_representation):
        return None
    pixels = found[0].pixels
    described = dataclasses.replace(
        image,
        rows=pixels.rows,
        columns=pixels.columns,
        samples_per_pixel=pixels.samples_per_pixel,
        photometric=pixels.photometric,
        planar_configuration=0,
        embedded_overlays=image.embedded_overlays if carried else (),
    )
    return native.DecodedCells(described, [reading.as_cells(one, image) for one in found])
