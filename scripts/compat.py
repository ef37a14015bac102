"""Every file of four packages to every target: what becomes of it, and why.

    make compat            writes docs/compatibility.md
    scripts/compat.py -    prints it

Each transcoding goes through worker processes, as in Orthanc, so that a crash is
a row and not the end. Each result is decoded by programs that are not ours as
well (``tests.interop.elsewhere``) and compared with what they, or we, make of
the source.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from orthanc_transcoder import syntaxes
from orthanc_transcoder.codec import uids
from orthanc_transcoder.fingerprint import fingerprint
from orthanc_transcoder.model import Outcome, Report, Request, Rules
from orthanc_transcoder.originals import Originals
from orthanc_transcoder.payload import whole
from orthanc_transcoder.pool.process import WorkerProcess
from orthanc_transcoder.pool.supervisor import Pool
from orthanc_transcoder.service import TranscodingService
from tests.interop.agreement import Reference, agreement
from tests.interop.corpus import PACKAGES, Shipped, shipped

PAGE = Path(__file__).resolve().parents[1] / "docs" / "compatibility.md"
WORKERS = 2
SECONDS = 120

# What must never happen, whatever the file is.
FORBIDDEN = frozenset(
    {
        "deadline",
        "internal_error",
        "not_lossless",
        "worker_broken",
        "worker_died",
        "workers_unavailable",
        "wrong_attributes",
        "wrong_frames",
        "wrong_identity",
        "wrong_shape",
    }
)

# Every other reason: whose limit it is, and what it means.
_REASONS = """
bad_pixel_data_vr | the file | Over 8 bits in OB in big endian: readers disagree about the order.
bad_value | the file | An attribute that describes the pixels is no number.
big_endian_32_bit | ours | 32 bits in retired big endian: writers swap words, or cells.
codec_failed | ours | The library failed on these samples.
codec_refuses | standard or library | No such depth or sign here; J2K is exact to 22 bits.
damaged_codestream | the file | Data of a codestream is missing, bad or skipped.
encapsulated_icon | the standard | The icon is compressed, and would have to follow.
frames_disagree | the file | Number of Frames does not fit the pixel data.
lossy_off | a setting | The target is always lossy, and `Lossy` is false.
lossy_palette | the standard | Palettes are in lossless-only syntaxes alone (PS3.5 8.2.4).
missing_attribute | the file | An attribute without which pixels, or group 2, mean nothing.
no_pixel_data | the standard | No image: there is nothing to compress.
no_target | the standard | JPEG XL recompression holds what was JPEG Baseline; this was not.
pixel_data_too_short | the file | Pixels are missing.
same_syntax | none | The file has the target's syntax, and is returned untouched.
sign_disagrees | the file | Header and codestream differ about the sign: two readings.
single_bit | ours | 1-bit segmentations are not compressed, nor swapped to big endian.
subsampled_native | ours | Native YBR_FULL_422 has no chroma sample of its own for each pixel.
truncated | the file | The file ends too early, or is none.
truncated_codestream | the file | The codestream ends too early.
"""
REASONS = {
    code.strip(): (limit.strip(), meaning.strip())
    for code, limit, meaning in (line.split("|") for line in _REASONS.strip().splitlines())
}


@dataclass(frozen=True)
class Target:
    """A column: a transfer syntax, lossy or not."""

    keyword: str
    lossy: bool

    @property
    def uid(self) -> str:
        """Of the transfer syntax."""
        return syntaxes.KEYWORDS[self.keyword]

    def __str__(self) -> str:
        return f"{self.keyword}, lossy" if self.lossy else self.keyword


@dataclass(frozen=True)
class Row:
    """What became of one file at one target; ``checked`` as ``agreement`` says."""

    package: str
    file: str
    target: Target
    outcome: str
    code: str
    reason: str
    checked: str = ""


def targets() -> tuple[Target, ...]:
    """Every syntax that can be written; those that may be lossy with lossy on, too."""
    unwritten = (uids.JPEG2000MCLossless, uids.JPEG2000MC)
    found = []
    for keyword, uid in syntaxes.KEYWORDS.items():
        if uid not in unwritten:
            found.append(Target(keyword, lossy=False))
        if uid in syntaxes.LOSSY_METHODS:
            found.append(Target(keyword, lossy=True))
    return tuple(found)


class Transcoder:
    """The pool, asked as Orthanc's side asks it at ingest: what is in doubt is kept."""

    def __init__(self) -> None:
        python = Path(sys.executable)
        self._pool = Pool(lambda nice: WorkerProcess(python, fingerprint(), nice=nice), WORKERS)
        self._reports: dict[int, Report] = {}
        self._services = {target: self._service(target) for target in targets()}

    def _service(self, target: Target) -> TranscodingService:
        return TranscodingService(
            self._pool,
            Rules(lossy=target.lossy, only_if_smaller=None),
            SECONDS,
            self._reports.__setitem__,
            Originals(ingest=target.uid),
        )

    def __call__(self, content: bytes, target: Target) -> tuple[bytes, Report]:
        """The result (empty if there is none) and its report; a death is a report, too."""
        service = self._services[target]
        result = service.transcode(memoryview(content), Request((target.uid,)))
        report = self._reports.pop(threading.get_ident())
        transcoded = report.outcome is Outcome.TRANSCODED
        return bytes(whole(result)) if result and transcoded else b"", report

    def stop(self) -> None:
        """End the workers."""
        self._pool.stop()


def rows(files: Iterable[Shipped], *, check: bool) -> Iterator[Row]:
    """Transcode each file to each target; ``check``: by other decoders, too."""
    transcoder = Transcoder()
    try:
        with ThreadPoolExecutor(WORKERS) as threads:
            for each in threads.map(lambda file: _rows(file, transcoder, check=check), files):
                yield from each
    finally:
        transcoder.stop()


def _rows(file: Shipped, transcoder: Transcoder, *, check: bool) -> list[Row]:
    content = file.read()
    native = Target("ExplicitVRLittleEndian", lossy=False)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        reference: Reference | None = None
        for target in targets():
            result, report = transcoder(content, target)
            checked = ""
            if result and check:
                if reference is None:
                    ours = transcoder(content, native)[0] or content
                    reference = Reference.of(content, report.source_syntax, ours, Path(folder))
                checked = agreement(reference, result, report, Path(folder))
            found.append(
                Row(file.package, file.name, target, str(report.outcome), report.code,
                    report.reason, checked)
            )  # fmt: skip
    return found


def page(found: Sequence[Row]) -> str:
    """The whole page, which depends on the rows alone."""
    counts = Counter(row.package for row in found if row.target == targets()[0])
    files = ", ".join(f"{counts[package]} of {package}" for package in PACKAGES)
    return "\n".join(
        (
            "# Compatibility",
            "",
            "Generated by `make compat`; do not edit. Every file that four packages ship, to every",
            "transfer syntax that is written:",
            f"{files}.",
            "wsidicom-data ships codestreams of one tile, each put into a file for this table;",
            "highdicom's wheel ships none. The files include damaged ones, and many without",
            "an image, such as reports and plans.",
            "",
            *_by_target(found),
            *_by_reason(found),
            *by_file(found),
        )
    )


def _by_target(found: Sequence[Row]) -> Iterator[str]:
    yield "## Targets"
    yield ""
    yield "*Kept* files have the target's syntax already. *Confirmed*: decoded by at least one"
    yield "program that is not ours (pydicom's native reader, DCMTK, GDCM, OpenJPEG, libjxl), with"
    yield "the samples of the source, or within the measured loss; the others have no image, or no"
    yield "such program reads them. *Lossy* means the option `Lossy` is true, with quality 90."
    yield ""
    yield "| target | transcoded | confirmed | contradicted | kept | declined | failed |"
    yield "|---|--:|--:|--:|--:|--:|--:|"
    for target in targets():
        mine = [row for row in found if row.target == target]
        outcomes = Counter(row.outcome for row in mine)
        checks = Counter(row.checked for row in mine)
        numbers = (outcomes["transcoded"], checks["confirmed"], checks["contradicted"])
        rest = (outcomes["kept"], outcomes["declined"], outcomes["failed"])
        yield f"| {target} | " + " | ".join(map(str, numbers + rest)) + " |"
    yield ""


def _by_reason(found: Sequence[Row]) -> Iterator[str]:
    yield "## Reasons"
    yield ""
    yield "How often each was given (files times targets), whose limit it is, and what it means."
    yield ""
    yield "| code | given | limit of | meaning |"
    yield "|---|--:|---|---|"
    for code, count in sorted(Counter(row.code for row in found if row.code).items()):
        limit, meaning = REASONS.get(code, ("", "**unexplained**"))
        yield f"| `{code}` | {count} | {limit} | {meaning} |"
    yield ""


def by_file(found: Sequence[Row]) -> Iterator[str]:
    """The section on single files; a file's lines depend on its own rows alone."""
    yield "## Files"
    yield ""
    yield "Files that were declined or failed, but for those without an image, and for the lossy"
    yield "targets and JPEG XL recompression, which most files have no form in."
    yield ""
    yield "| file | code | reason | targets |"
    yield "|---|---|---|---|"
    groups: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    usual = ("no_pixel_data", "lossy_off", "no_target", "lossy_palette")
    for row in found:
        always_lossy = row.target.uid in syntaxes.LOSSY_METHODS and row.outcome == "declined"
        if row.outcome in ("declined", "failed") and row.code not in usual and not always_lossy:
            groups[row.file, row.code, row.reason].append(str(row.target))
    for (file, code, reason), names in sorted(groups.items()):
        where = "all" if len(names) > len(targets()) // 2 else ", ".join(names)
        yield f"| {file} | `{code}` | {reason} | {where} |"
    yield ""


def main(arguments: Sequence[str]) -> int:
    """Write the page; say what must not be."""
    logging.disable()  # the service tells of each refusal
    found = list(rows(shipped(), check=True))
    text = page(found)
    if arguments == ["-"]:
        print(text)
    else:
        PAGE.write_text(text, encoding="utf-8")
    bad = [row for row in found if row.code in FORBIDDEN or row.checked == "contradicted"]
    for row in bad:
        print(f"WRONG: {row}", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
