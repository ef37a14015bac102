"""2,000 damaged files per decoder, through the worker processes that Orthanc would use.

What must hold, whatever the damage: an answer within the deadline, by a worker
that survives; a truncated file never becomes an image, unless nothing but
padding was cut off; and what does become an image has the size and type that its
header, or its codestream and a note, says. Other samples than the original's are
no error where a format has no checksum.
"""

from __future__ import annotations

import logging
import sys
import threading
import zlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from orthanc_transcoder import payload
from orthanc_transcoder.codec import uids
from orthanc_transcoder.dicom.file import DicomFile
from orthanc_transcoder.fingerprint import fingerprint
from orthanc_transcoder.model import Outcome, Report, Request, Rules
from orthanc_transcoder.pool.process import WorkerProcess
from orthanc_transcoder.pool.supervisor import Pool
from orthanc_transcoder.service import TranscodingService
from tests.fuzz.damage import TRUNCATIONS, Kind, Original, damaged
from tests.rules import whole
from tests.rules.whole import EXPLICIT, KEYWORD, LOSSY_RULES, codestreams, to
from tests.synthesis import Image, encapsulated_file, native_file, texture

COUNT = 2000
SECONDS = 20
WORKERS = 2
PIXEL_DATA = 0x7FE00010
MODULE = {name: 0x00280000 | tag for name, tag in
          {"samples": 2, "rows": 0x10, "columns": 0x11, "allocated": 0x100}.items()}  # fmt: skip

COLOUR = Image(rows=19, columns=22, samples=3, bits_allocated=8)
GREY = Image(rows=21, columns=18, bits_stored=12)
SYNTAXES = (
    *whole.LOSSLESS,
    *whole.LOSSY,
    uids.JPEG2000MCLossless,
    uids.JPEG2000MC,
    uids.JPEGXLJPEGRecompression,
)
# Part 2 syntaxes hold what Part 1 ones do, where we decode them.
LENDERS = {
    uids.JPEG2000MCLossless: uids.JPEG2000Lossless,
    uids.JPEG2000MC: uids.JPEG2000,
}
# Not what a damaged file may lead to: a defect of ours.
DEFECTS = ("internal_error", "not_lossless", "wrong_attributes", "wrong_frames", "wrong_shape",
           "wrong_identity", "deadline", "worker_died", "worker_broken",
           "workers_unavailable")  # fmt: skip


@dataclass(frozen=True)
class Trial:
    """One damaged file, and what became of it."""

    kind: Kind
    content: bytes
    result: bytes
    report: Report


class Workers:
    """The pool, asked as Orthanc's side asks it."""

    def __init__(self) -> None:
        python = Path(sys.executable)
        self.pool = Pool(lambda nice: WorkerProcess(python, fingerprint(), nice=nice), WORKERS)
        self._reports: dict[int, Report] = {}
        self._service = TranscodingService(self.pool, Rules(), SECONDS, self._reports.__setitem__)

    def __call__(self, kind: Kind, content: bytes) -> Trial:
        result = self._service.transcode(memoryview(content), Request((EXPLICIT,)))
        report = self._reports.pop(threading.get_ident())
        transcoded = report.outcome is Outcome.TRANSCODED
        return Trial(
            kind, content, bytes(payload.whole(result)) if result and transcoded else b"", report
        )


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    logging.disable()  # a line for each refusal
    started = Workers()
    yield started
    started.pool.stop()
    logging.disable(logging.NOTSET)


def originals(syntax: str) -> list[Original]:
    """Colour and grey, where the syntax has both."""
    if syntax in LENDERS:
        lent = [to_file(image, LENDERS[syntax]) for image in (COLOUR, GREY)]
        return [
            Original(encapsulated_file(image, codestreams(each.content), syntax,
                                       attributes=label_of(each)))
            for image, each in zip((COLOUR, GREY), lent, strict=True)
        ]  # fmt: skip
    if syntax == uids.JPEGXLJPEGRecompression:
        jpegs = originals(uids.JPEGBaseline8Bit)
        return [Original(to(each.content, syntax)[0]) for each in jpegs]
    if syntax == uids.JPEGBaseline8Bit:
        return [to_file(COLOUR, syntax), to_file(Image(21, 18, bits_allocated=8), syntax)]
    images = (GREY,) if syntax == uids.JPEGExtended12Bit else (COLOUR, GREY)
    return [to_file(image, syntax) for image in images]


def to_file(image: Image, syntax: str) -> Original:
    return Original(to(native_file(image, texture(image)), syntax, LOSSY_RULES)[0])


def label_of(original: Original) -> dict[str, str]:
    return {"PhotometricInterpretation": whole.dataset(original.content).PhotometricInterpretation}


def pixels_of(content: bytes) -> bytes:
    element = DicomFile.parse(content).element(PIXEL_DATA)
    assert element is not None
    return bytes(element.value)


def require_sound(trial: Trial, sound: bytes) -> None:
    """A result is a whole image; of a truncated file, the original one."""
    assert trial.report.code not in DEFECTS, trial.report
    if not trial.result:
        assert trial.report.reason
        return
    written, before = DicomFile.parse(trial.result), DicomFile.parse(trial.content)
    if before.element(PIXEL_DATA) is None:  # cut off, or renamed: a data set without an image
        assert written.element(PIXEL_DATA) is None
        return
    if trial.kind in TRUNCATIONS:
        assert pixels_of(trial.result) == sound, f"a wrong image of a {trial.kind.value}"
    module = {name: written.ints(tag)[0] for name, tag in MODULE.items()}
    frames = (*written.ints(0x00280008), 1)[0]
    size = module["rows"] * module["columns"] * module["samples"] * module["allocated"] // 8
    length = len(pixels_of(trial.result))
    assert length == size * frames + size * frames % 2
    if any(before.ints(tag) != written.ints(tag) for tag in MODULE.values()):
        assert trial.report.notes, "another size or type without a word"


@pytest.mark.parametrize("syntax", SYNTAXES, ids=KEYWORD.get)
def test_damaged_files_never_become_a_wrong_image_nor_cost_a_worker(
    syntax: str, workers: Workers
) -> None:
    deaths = workers.pool.state().deaths
    sources = originals(syntax)
    outcomes: Counter[str] = Counter()
    with ThreadPoolExecutor(WORKERS) as threads:
        for number, original in enumerate(sources):
            sound = pixels_of(to(original.content, EXPLICIT)[0])
            seed = zlib.crc32(f"{syntax} {number}".encode())
            trials = damaged(original, COUNT // len(sources), seed)
            for trial in threads.map(lambda pair: workers(*pair), trials):
                require_sound(trial, sound)
                outcomes[trial.report.code or trial.report.outcome] += 1
    assert sum(outcomes.values()) == COUNT
    assert outcomes["transcoded"] < COUNT // 2
    assert workers.pool.state().deaths == deaths
    assert workers.pool.state().alive == workers.pool.state().size
