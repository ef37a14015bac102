"""What witnesses cost, and what second opinions find: the tables of docs/witnesses.md.

    make witness                 writes them
    scripts/witness              prints them

The whole transcoding is timed, bytes to bytes, on one core in processor time: both
ways by turns, medians. The damaged streams are those of ``make damage``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from orthanc_transcoder.codec import uids
from orthanc_transcoder.model import Report, Request, Rules
from orthanc_transcoder.pipeline import transcode
from scripts.benchmark.images import make_images
from tests.damage.figures import ROOT
from tests.damage.opinions import Verdict, measured, second_of
from tests.damage.originals import REGISTRY
from tests.damage.report import KEYWORD, label
from tests.samples import sample

PAGE = ROOT / "docs" / "witnesses.md"
BEGIN, END = "<!-- begin make witness -->", "<!-- end make witness -->"

PROVEN = (
    uids.RLELossless,
    uids.JPEGLosslessSV1,
    uids.JPEGLSLossless,
    uids.JPEG2000Lossless,
    uids.HTJ2KLossless,
    uids.HTJ2KLosslessRPCL,
)
JUDGED = (
    uids.RLELossless,
    uids.JPEGLossless,
    uids.JPEGLosslessSV1,
    uids.JPEGLSLossless,
    uids.JPEG2000Lossless,
    uids.HTJ2KLossless,
    uids.HTJ2KLosslessRPCL,
)
IMAGES: dict[str, Callable[[], bytes]] = {
    "CT 512x512": lambda: sample("693_UNCR.dcm").read(),
    "MR 1024x1024": lambda: sample("MR2_UNCR.dcm").read(),
    "US 640x480 RGB": lambda: sample("US1_UNCR.dcm").read(),
    "100 frames 320x240 RGB": lambda: make_images(quick=False)["rgb100"].template,
}
LEAST_ROUNDS, LEAST_SECONDS = 5, 0.5


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print, or write."""
    parser = argparse.ArgumentParser(prog="scripts/witness", description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="damaged streams of each syntax")
    parser.add_argument("--write", action="store_true", help="write the tables of the page")
    options = parser.parse_args(arguments)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    images = {name: make() for name, make in IMAGES.items()}
    text = "\n".join([*proofs(images), "", *opinion_costs(images), "", *opinions(options.count)])
    print(text)
    if options.write:
        before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
        _, after = rest.split(END)
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")
    return 0


def proofs(images: dict[str, bytes]) -> Iterator[str]:
    """Proof by a witness against proof by the codec itself."""
    yield "Native to each syntax: milliseconds with `Proof` `own`, and how many times that `second`"
    yield "takes."
    yield ""
    yield _row("", "encoder", "witness", "independence", *images)
    yield _row("---", "---", "---", "---", *["--:"] * len(images))
    for target in PROVEN:
        cells, proof = [], {}
        for content in images.values():
            own = _job(content, target, Rules(proof="own"))
            second = _job(content, target, Rules(proof="second"))
            cells.append(_compared(own, second))
            proof = second().proof
        encoder = REGISTRY.encoder(target).name
        yield _row(label(target), encoder, proof["by"], proof["independence"], *cells)


def opinion_costs(images: dict[str, bytes]) -> Iterator[str]:
    """An ingest to JPEG 2000 with a second opinion and without."""
    yield "Each syntax to JPEG 2000 lossless (HTJ2K if it is that): milliseconds without a second"
    yield "opinion, and how many times that it takes with one."
    yield ""
    yield _row("", "second decoder", *images)
    yield _row("---", "---", *["--:"] * len(images))
    for source in JUDGED:
        seat = second_of(source)
        if isinstance(seat, str):
            yield _row(label(source), f"none: {seat}", *[""] * len(images))
            continue
        target = uids.HTJ2KLossless if source == uids.JPEG2000Lossless else uids.JPEG2000Lossless
        cells = []
        for content in images.values():
            coded = _transcoded(content, source)
            without = _job(coded, target, Rules(second_opinion="none"))
            cells.append(_compared(without, _job(coded, target, Rules(second_opinion="all"))))
        yield _row(label(source), seat.witness.name, *cells)


def opinions(count: int) -> Iterator[str]:
    """Damaged streams that the codec takes with wrong samples, and what the second says."""
    yield f"Of {count} damaged streams of each syntax:"
    yield ""
    yield _row(
        "",
        "second decoder",
        "independence",
        "the codec refuses",
        "taken with wrong samples",
        "the second objects to",
        "left",
        "harmless",
        "the second objects to",
    )
    yield _row("---", "---", "---", *["--:"] * 6)
    for syntax in JUDGED:
        seat = second_of(syntax)
        if isinstance(seat, str):
            yield _row(label(syntax), f"none: {seat}", *[""] * 7)
            continue
        found = measured(syntax, count)
        yield _row(label(syntax), seat.witness.name, seat.independence, *_counts(found))


def _counts(found: Counter[Verdict]) -> list[int | str]:
    objected, needless = found[Verdict.OBJECTED], found[Verdict.NEEDLESS]
    left = found[Verdict.AGREED] + found[Verdict.SILENT]
    wrong = left + objected
    share = f"{objected} ({objected / wrong:.0%})" if wrong else "0"
    harmless = found[Verdict.HARMLESS] + needless
    return [found[Verdict.REFUSED], wrong, share, left, harmless, needless]


def _job(content: bytes, target: str, rules: Rules) -> Callable[[], Report]:
    def work() -> Report:
        request = Request((target,), replaces=True)
        result, report = transcode(content, request, rules, REGISTRY)
        if result is None:
            raise RuntimeError(f"{KEYWORD[target]}: {report.code}: {report.reason}")
        return report

    return work


def _transcoded(content: bytes, target: str) -> bytes:
    result, report = transcode(content, Request((target,)), Rules(), REGISTRY)
    if result is None:
        raise RuntimeError(f"{target}: {report.reason}")
    return result


def _compared(one: Callable[[], object], other: Callable[[], object]) -> str:
    """The median of one, and the other's as a multiple, both by turns."""
    seconds: tuple[list[float], list[float]] = ([], [])
    one(), other()  # what is loaded at first use
    while len(seconds[0]) < LEAST_ROUNDS or sum(seconds[0]) < LEAST_SECONDS:
        for work, found in zip((one, other), seconds, strict=True):
            began = time.process_time()
            work()
            found.append(time.process_time() - began)
    first, second = map(statistics.median, seconds)
    return f"{first * 1000:.1f}, x {second / first:.2f}"


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    sys.exit(main())
