"""All checks of one instance.

The rule: whatever is in the file, there is an answer. A check sees only what the
ones before it found sound: without elements there is no header, without a described
image there are no frames.

Of a file that is transcoded and not kept, what the transcoding mends or hides is
looked for in what was received: header, fragments, the markers of the codestreams.
What the samples look like is the same in what is stored, and is found there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from .. import opinion, peek, reading
from ..codec.registry import Registry
from ..dicom.file import DicomFile
from ..dicom.image import Image, describe
from ..errors import Declined, DicomError, Refusal
from .checks import display, encapsulation, identity, image_module, lossy, palette, samples
from .checks import sop_class as sop_class_checks
from .checks.header import Header, as_sentence
from .checks.samples import Tally
from .checks.table import found
from .findings import Facts, Finding, Inspection, Severity

_HeaderCheck = Callable[[Header], Iterator[Finding]]

_CHECKS: Final[tuple[_HeaderCheck, ...]] = (
    *identity.CHECKS,
    *image_module.CHECKS,
    *encapsulation.CHECKS,
    *palette.CHECKS,
    *lossy.CHECKS,
    *display.CHECKS,
    *sop_class_checks.CHECKS,
)
# What a damaged file is called where the damage is known to be the pixel data's.
_KNOWN: Final = {
    "pixel_data_too_short": ("pixel_data_too_short", "PixelData"),
    "frames_disagree": ("frame_count_disagrees", "NumberOfFrames"),
    "bad_fragments": ("bad_fragments", "PixelData"),
    "empty_frame": ("bad_fragments", "PixelData"),
    "bad_pixel_data_vr": ("pixel_data_vr", "PixelData"),
    "odd_pixel_data": ("odd_length", "PixelData"),
}
# Doubts and damage as reading calls them, and the findings that say the same.
_CALLED: Final = {
    **{code: code for code in reading.DOUBTS},
    reading.STRAY: "values_outside_bits_stored",
    "damaged_codestream": "frame_undecodable",
    "truncated_codestream": "frame_truncated",
}


def inspect(
    data: bytes | bytearray | memoryview,
    registry: Registry,
    *,
    earlier_digest: str = "",
    second_opinion: str = "none",
) -> Inspection:
    """Check one DICOM file.

    Parameters
    ----------
    data
        The whole file.
    registry
        The decoders.
    earlier_digest
        ``pixel_digest`` of an earlier instance with the same SOP Instance UID.
    second_opinion
        Whether a second decoder reads it, as in ``model.Rules``.

    Returns
    -------
    Inspection
        Always: what cannot be read is a finding.
    """
    work = _Work(registry, second_opinion)
    _guard(work, lambda: work.run(memoryview(data)))
    if earlier_digest and work.digest and work.digest != earlier_digest:
        sentence = "An instance with this SOP Instance UID was seen with other pixels."
        work.findings.append(found("sop_instance_reused", sentence, "SOPInstanceUID"))
    return Inspection(tuple(work.findings), work.facts, work.digest)


def inspect_received(file: DicomFile, said: Mapping[str, str]) -> tuple[Finding, ...]:
    """Check a file as it was received, without decoding it.

    Parameters
    ----------
    said
        What reading its samples has shown by then: a sentence for each code.

    Returns
    -------
    tuple
        Always: what cannot be read is a finding.
    """
    work = _HeaderWork()
    _guard(work, lambda: work.receive(file, said))
    return tuple(work.findings)


def _guard(work: _HeaderWork, run: Callable[[], None]) -> None:
    try:
        run()
    except MemoryError:
        raise  # whoever runs this must give up what is left
    except Exception as error:  # noqa: BLE001
        # The border of a job: a defect of ours, or of a library, is named and costs
        # this instance's other findings only.
        work.findings.append(found("internal_error", f"{type(error).__name__}: {error}"))


class _HeaderWork:
    """One header on its way; what was found so far is kept whatever happens next."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.facts = Facts()

    def receive(self, file: DicomFile, said: Mapping[str, str]) -> None:
        header = Header(file)
        if header.pixels is None:
            return
        self._check(header)
        if (image := self._described(file)) and image.encapsulated:
            self._check_markers(header, image)
        for code, sentence in said.items():
            if code in _CALLED:
                self._note(_CALLED[code], sentence)

    def _check(self, header: Header) -> None:
        for check in _CHECKS:
            try:
                self.findings += check(header)
            except DicomError as problem:  # a damaged sequence, for instance
                self._damaged(problem)

    def _check_markers(self, header: Header, image: Image) -> None:
        tally = Tally()
        try:
            for frame in samples.marked(header.file, image):
                tally.add(frame)
        except DicomError as problem:
            self._damaged(problem)
        self.findings += tally.summary
        if tally.lossy:
            self.findings += lossy.by_codestream(header)

    def _note(self, code: str, sentence: str, where: str = "") -> None:
        """Add a finding, unless there is one of this code."""
        if not any(one.code == code for one in self.findings):
            self.findings.append(found(code, sentence, where))

    def _damaged(self, problem: Refusal) -> None:
        code, where = _KNOWN.get(problem.code, ("unreadable_file", ""))
        self._note(code, as_sentence(problem), where)

    def _described(self, file: DicomFile) -> Image | None:
        """What the pixels are; None, with the reason kept, where they cannot be read."""
        try:
            return describe(file)
        except Declined as reason:
            self._not_checked(reason)
        except DicomError as problem:
            if not any(one.severity is Severity.FAIL for one in self.findings):
                self.findings.append(found("image_contradicts", as_sentence(problem)))
            self.facts = replace(self.facts, unchecked=problem.code)
        return None

    def _not_checked(self, reason: Declined) -> None:
        self.facts = replace(self.facts, unchecked=reason.code)
        if reason.code in ("no_codec", "unknown_syntax"):
            self.findings.append(found("no_decoder", as_sentence(reason), "TransferSyntaxUID"))


class _Work(_HeaderWork):
    """One instance on its way."""

    def __init__(self, registry: Registry, second_opinion: str) -> None:
        super().__init__()
        self.registry, self.second_opinion = registry, second_opinion
        self.digest = ""

    def run(self, data: memoryview) -> None:
        try:
            file = DicomFile.parse(data)
            if not file.elements:
                raise DicomError("no_elements", "There is no data element in the file.")
        except Refusal as problem:
            self._damaged(problem)
            self.facts = _peeked(data, problem.code)
            return
        header = Header(file)
        self.facts = _facts(header)
        if header.pixels is None:  # no image, nothing to check
            self._described(file)  # which says what is there instead
            return
        self._check(header)
        if image := self._described(file):
            self._check_pixels(header, image)

    def _check_pixels(self, header: Header, image: Image) -> None:
        tally = Tally()
        try:
            second = opinion.wanted(image.syntax, self.second_opinion, self.registry)
            for frame in samples.read(header.file, image, self.registry, second):
                tally.add(frame)
        except Declined as reason:
            self._not_checked(reason)
        except DicomError as problem:
            self._damaged(problem)
        self.findings += tally.summary
        if tally.lossy:
            self.findings += lossy.by_codestream(header)
        if tally.stray:
            sentence = f"{tally.stray} samples hold something beside the {image.bits_stored} bits."
            self.findings.append(found("values_outside_bits_stored", sentence, "BitsStored"))
        self._check_values(header, tally)

    def _check_values(self, header: Header, tally: Tally) -> None:
        low, high = tally.low, tally.high
        if low is None or high is None:
            return
        self.findings += display.against_values(header, low, high)
        self.digest = tally.digest
        self.facts = replace(self.facts, minimum=low, maximum=high, ranges=tally.listed_ranges)


def _peeked(data: memoryview, code: str) -> Facts:
    """What can be told of a file that cannot be read."""
    syntax, uid = peek.transfer_syntax(data), peek.sop_instance_uid(data)
    return Facts(transfer_syntax=syntax, sop_instance_uid=uid, unchecked=code)


def _facts(header: Header) -> Facts:
    pixels, file = header.pixels, header.file
    return Facts(
        modality=header.text("Modality"),
        sop_class_uid=file.sop_class_uid,
        sop_instance_uid=file.sop_instance_uid,
        transfer_syntax=file.syntax,
        rows=header.number("Rows") or 0,
        columns=header.number("Columns") or 0,
        frames=header.frames if pixels else 0,
        samples_per_pixel=header.number("SamplesPerPixel") or 0,
        bits_allocated=header.number("BitsAllocated") or 0,
        bits_stored=header.number("BitsStored") or 0,
        signed=header.number("PixelRepresentation") == 1,
        photometric=header.text("PhotometricInterpretation"),
        encapsulated_bytes=len(pixels.value) if pixels and header.encapsulated else 0,
        native_bytes=image_module.native_bytes(header) if pixels else 0,
    )
