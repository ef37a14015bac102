"""Speed and ratio of every codec, bare and through the whole pipeline, on one core.

    make codec-bench           writes the tables of docs/codecs.md
    scripts/codec_bench.py -   prints them

*Bare* is the codec's own call on samples in memory. *Whole* is the pipeline, bytes
to bytes: parse, code, prove, write, prove the file. Encoding contains the proof, which
decodes every frame again: the pipeline's own share is what neither call explains.
"""

from __future__ import annotations

import dataclasses
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from orthanc_transcoder import syntaxes
from orthanc_transcoder.codec import uids
from orthanc_transcoder.codec.contract import Codec, EncodeOptions, PixelFormat, Samples
from orthanc_transcoder.codec.registry import default_registry
from orthanc_transcoder.dicom import native
from orthanc_transcoder.dicom.file import DicomFile
from orthanc_transcoder.dicom.image import describe
from orthanc_transcoder.errors import Declined
from orthanc_transcoder.model import Request, Rules
from orthanc_transcoder.pipeline import transcode
from tests.samples import sample

PAGE = Path(__file__).resolve().parents[1] / "docs" / "codecs.md"
BEGIN, END = "<!-- begin make codec-bench -->", "<!-- end make codec-bench -->"

# Real images, of pydicom-data.
IMAGES = (
    ("693_UNCR.dcm", "CT, 512 x 512, 14 of 16 bits, signed"),
    ("MR2_UNCR.dcm", "MR, 1024 x 1024, 12 of 16 bits"),
    ("US1_UNCR.dcm", "Ultrasound, 640 x 480, RGB of 8 bits"),
)
RULES = Rules(lossy=True, proof="own")  # so that the proof is a call that is measured, too
REGISTRY = default_registry()
SECONDS = 0.4  # of each measurement, at least
ROUNDS = 3  # of each measurement, at least


class Row(NamedTuple):
    """One line: seconds of each way, and bytes of the codestream."""

    keyword: str
    codestream: int
    bare_encode: float
    whole_encode: float
    bare_decode: float
    whole_decode: float


def main(arguments: Sequence[str]) -> int:
    """Measure and write."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    tables = "\n".join(_tables())
    if arguments == ["-"]:
        print(tables)
        return 0
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    PAGE.write_text(f"{before}{BEGIN}\n{tables}\n{END}{after}", encoding="utf-8")
    return 0


def _tables() -> Iterator[str]:
    yield f"MB/s of native samples, on {_machine()}."
    for name, description in IMAGES:
        content = sample(name).read()
        size = sample(name).expected_bytes
        yield f"\n### {description}\n"
        yield "| | ratio | encode, bare | whole | own share | decode, bare | whole | own share |"
        yield "|---|--:|--:|--:|--:|--:|--:|--:|"
        for row in _rows(content):
            yield _line(row, size)


def _line(row: Row, size: int) -> str:
    # The whole of encoding holds the proof: one decoding.
    encode = _share(row.whole_encode, row.bare_encode + row.bare_decode)
    decode = _share(row.whole_decode, row.bare_decode)
    speeds = [
        f"{size / seconds / 1e6:.0f}"
        for seconds in (row.bare_encode, row.whole_encode, row.bare_decode, row.whole_decode)
    ]
    cells = (f"{size / row.codestream:.2f}", *speeds[:2], encode, *speeds[2:], decode)
    return f"| {row.keyword} | " + " | ".join(cells) + " |"


def _share(whole: float, codec: float) -> str:
    return f"{max(0.0, 1 - codec / whole):.0%}"


def _rows(content: bytes) -> Iterator[Row]:
    file = DicomFile.parse(content)
    image = describe(file)
    samples = native.unpack(file, image)[0]
    for keyword, uid in syntaxes.KEYWORDS.items():
        if uid in syntaxes.NATIVE:
            continue
        try:
            codec = REGISTRY.encoder(uid)
        except Declined:
            continue
        if codec.refuses(image.format, uid) is None:
            yield _row(keyword, uid, codec, content, samples, image.format)
    yield from _bypass(content, samples, image.format)


def _row(
    keyword: str,
    uid: str,
    codec: Codec,
    content: bytes,
    samples: Samples,
    pixels: PixelFormat,
    rules: Rules = RULES,
) -> Row:
    options = EncodeOptions(quality=rules.quality, effort=rules.effort, bypass=rules.bypass)
    if uid == uids.RLELossless:  # carries whole cells
        pixels = dataclasses.replace(pixels, bits_stored=pixels.bits_allocated, signed=False)
        samples = samples.view(f"u{samples.dtype.itemsize}")
    encoded = codec.encode(samples, pixels, uid, options)
    label = dataclasses.replace(pixels, photometric=encoded.photometric)
    compressed = _transcoded(content, uid, rules)
    return Row(
        keyword,
        len(encoded.data),
        _seconds(lambda: codec.encode(samples, pixels, uid, options)),
        _seconds(lambda: _transcoded(content, uid, rules)),
        _seconds(lambda: codec.decode(encoded.data, label, uid)),
        _seconds(lambda: _transcoded(compressed, syntaxes.EXPLICIT_LE, rules)),
    )


def _bypass(content: bytes, samples: Samples, pixels: PixelFormat) -> Iterator[Row]:
    uid = uids.JPEG2000Lossless
    rules = dataclasses.replace(RULES, bypass=True)
    codec = REGISTRY.encoder(uid)
    yield _row("JPEG2000Lossless, bypass", uid, codec, content, samples, pixels, rules)


def _transcoded(content: bytes, uid: str, rules: Rules) -> bytes:
    result, report = transcode(content, Request((uid,)), rules, REGISTRY)
    if result is None:
        raise RuntimeError(f"{uid}: {report.code}: {report.reason}")
    return result


def _seconds(work: Callable[[], object]) -> float:
    """The best of several rounds, in processor time: others may be using the machine."""
    work()
    found: list[float] = []
    while len(found) < ROUNDS or sum(found) < SECONDS:
        started = time.process_time()
        work()
        found.append(time.process_time() - started)
    return min(found)


def _machine() -> str:
    cpu = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    versions = {each["version"] for each in REGISTRY.available.values()}
    libraries = ", ".join(sorted(str(version) for version in versions))
    return (
        f"one core ({cpu}), CPython {platform.python_version()}, numpy {np.__version__}; "
        f"libraries: {libraries}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
