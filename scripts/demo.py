"""Sends real images to a temporary Orthanc by REST, ZIP and DICOM, and shows what it stored.

Called by scripts/demo. The images are those that pydicom and pydicom-data carry. At the end,
Orthanc stays up with its dashboard for as long as someone is there to look at it.
"""

from __future__ import annotations

import argparse
import io
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.uid import UID, generate_uid

from tests.orthanc.servers import SCRIPT, OrthancServer, python_plugin
from tests.samples import sample_path

INGEST = {
    "IngestTranscoding": "1.2.840.10008.1.2.4.90",
    "Transcoder": {"OnlyIfSmaller": "auto"},
}
TIMED_IMAGE = "693_UNCR.dcm"
TIMED_ROUNDS = 40
WARM_UP_ROUNDS = 4

# How the images travel, and what they are to show. No two share a SOP Instance UID.
IMAGES = (
    ("REST", "693_UNCR.dcm", "CT, 14 of 16 bits, signed"),
    ("REST", "RG1_UNCR.dcm", "CR, 15 bits, MONOCHROME1"),
    ("REST", "US1_UNCR.dcm", "US, RGB"),
    ("REST", "OBXXXX1A_2frame.dcm", "US, palette, 2 frames"),
    ("REST", "gdcm-US-ALOKA-16_big.dcm", "US, palette, 16 bits"),
    ("REST", "RG3_J2KR.dcm", "CR, compressed already"),
    ("ZIP", "MR2_UNCR.dcm", "MR, 12 bits"),
    ("ZIP", "eCT_Supplemental.dcm", "enhanced CT, 2 frames"),
    ("ZIP", "SC_rgb_16bit.dcm", "RGB, 16 bits a sample"),
    ("ZIP", "SC_rgb_small_odd.dcm", "RGB, 3 x 3 pixels"),
    ("ZIP", "liver_1frame.dcm", "segmentation, 1 bit"),
    ("DICOM", "emri_small.dcm", "enhanced MR, 10 frames"),
    ("DICOM", "CT_small.dcm", "CT, 16 bits, signed"),
    ("DICOM", "MR-SIEMENS-DICOM-WithOverlays.dcm", "MR with overlays"),
    ("DICOM", "test-SR.dcm", "structured report"),
    ("REST", "JPEG2000-embedded-sequence-delimiter.dcm", "NM, damaged"),
)
# What should fail: its codestream is not all there.
DAMAGED = ("JPEG2000-embedded-sequence-delimiter.dcm",)

# Compressed lossily, before the others are sent, by the same Orthanc with other settings:
# a film of an ultrasound, which a JPEG has been before.
LOSSY_IMAGE = "examples_ybr_color.dcm"
LOSSY_CONFIG = {
    "IngestTranscoding": "1.2.840.10008.1.2.4.91",
    "Transcoder": {"Lossy": True, "LossyTargets": {"JPEG2000": {"Ratio": 12}}},
}

SHORT_NAMES = {
    "1.2.840.10008.1.2": "Implicit LE",
    "1.2.840.10008.1.2.1": "Explicit LE",
    "1.2.840.10008.1.2.2": "Explicit BE",
    "1.2.840.10008.1.2.4.90": "JPEG 2000 lossless",
}


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    what: str
    route: str
    source_syntax: str
    stored_syntax: str
    source_bytes: int
    stored_bytes: int
    report: dict[str, Any]

    HEAD = ("what it is", "route", "source", "stored as", "bytes", "stored", "ratio", "ok", "ms")

    def cells(self) -> tuple[str, ...]:
        """The columns, as printed."""
        return (
            self.what,
            self.route,
            self.source_syntax,
            self.stored_syntax,
            f"{self.source_bytes:,}",
            f"{self.stored_bytes:,}",
            f"{self.source_bytes / self.stored_bytes:.2f}",
            "yes" if self.report.get("verified") else "-",
            f"{self.report['milliseconds']:.0f}" if self.report else "-",
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration; the exit status is 1 if a transcoding failed that should not."""
    options = parse(arguments)
    with tempfile.TemporaryDirectory(prefix="orthanc-transcoder-demo-") as folder:
        send_lossy(Path(folder) / "images")
        with transcoding_server(Path(folder) / "images") as server:
            print_server(server)
            send(server)
            rows = [look_up(server, *image) for image in IMAGES]
            wait_for_checks(server)
            print_table(rows)
            print_savings(rows)
            timed = print_timing(Path(folder))
            print_dashboard(server, options.stay)
    failed = {row.name for row in rows if row.report.get("outcome") == "failed"}
    return 0 if failed == set(DAMAGED) and timed else 1


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument(
        "--stay",
        action=argparse.BooleanOptionalAction,
        default=sys.stdout.isatty(),
        help="keep Orthanc up until Ctrl-C (default: where the output is a terminal)",
    )
    return parser.parse_args(arguments)


def send_lossy(folder: Path) -> None:
    """Store one image of many frames lossily."""
    with transcoding_server(folder, **LOSSY_CONFIG) as server:
        native = folder / "native.dcm"
        to = ("--to", "ExplicitVRLittleEndian")
        command = ("transcode", str(sample_path(LOSSY_IMAGE)), str(native), *to)
        subprocess.run(
            [sys.executable, "-m", "orthanc_transcoder.cli", *command],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        server.store(native.read_bytes())
        wait_for_checks(server)


def wait_for_checks(server: OrthancServer) -> None:
    """Wait until everything stored has been checked."""
    for _ in range(600):
        totals = server.get("/transcoder/report")
        if totals["instances"] == len(server.instances()) and not totals["pending"]:
            return
        time.sleep(0.1)
    sys.exit("the checks do not come to an end")


def print_dashboard(server: OrthancServer, stay: bool) -> None:
    """The dashboard's address; with ``stay``, returns when someone has seen enough."""
    address = f"{server.url}/transcoder/app/index.html"
    if not stay:
        print(f"dashboard: was at {address} (scripts/demo --stay keeps it up)")
        return
    ends = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    print(f"dashboard, until you press Ctrl-C: {address}", flush=True)
    signal.sigwait(ends)


def transcoding_server(folder: Path, **config: object) -> OrthancServer:
    """An Orthanc with the plugin, not started yet."""
    return OrthancServer(
        folder, plugins=[python_plugin()], script=SCRIPT, config={**INGEST, **config}
    )


def print_server(server: OrthancServer) -> None:
    """Versions, and whether the transcoder is registered."""
    status = server.get("/transcoder/status")
    native = status["native_callbacks"]
    print(
        f"Orthanc {server.get('/system')['Version']}, Orthanc Transcoder {status['version']}, "
        + ("native transcoder registered" if native["registered"] else f"{native['reason']}")
    )


def send(server: OrthancServer) -> None:
    """Send every image its own way."""
    for route, name, _what in IMAGES:
        if route == "REST":
            server.store(sample_path(name).read_bytes())
    server.store(zipped(name for route, name, _ in IMAGES if route == "ZIP"))
    paths = [sample_path(name) for route, name, _ in IMAGES if route == "DICOM"]
    sent = server.storescu(*paths)
    if sent.returncode:
        sys.exit(f"storescu failed: {sent.stderr}")


def zipped(names: Iterable[str]) -> bytes:
    """A ZIP archive of samples."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.write(sample_path(name), name)
    return buffer.getvalue()


def look_up(server: OrthancServer, route: str, name: str, what: str) -> Row:
    """What became of one image."""
    path = sample_path(name)
    header = pydicom.dcmread(path, stop_before_pixels=True)
    found = server.find(header.SOPInstanceUID)
    if len(found) != 1:
        sys.exit(f"{name}: stored {len(found)} times instead of once")
    stored = server.get(f"/instances/{found[0]}/metadata/TransferSyntax").decode()
    report = wait_for_report(server, found[0])
    return Row(
        name=name,
        what=what,
        route=route,
        source_syntax=syntax_name(header.file_meta.TransferSyntaxUID),
        stored_syntax=syntax_name(stored),
        source_bytes=path.stat().st_size,
        stored_bytes=len(server.file(found[0])),
        report=report,
    )


def wait_for_report(server: OrthancServer, identifier: str) -> dict[str, Any]:
    """The report of an instance, which is written just after it was stored; empty if none."""
    for _ in range(40):
        answer = server.request("GET", f"/transcoder/instances/{identifier}/report")
        if answer.status == 200:
            report: dict[str, Any] = answer.json()
            return report
        time.sleep(0.05)
    return {}


def syntax_name(uid: str) -> str:
    """A name that fits the table."""
    return SHORT_NAMES.get(uid) or UID(uid).keyword or uid


def print_table(rows: Sequence[Row]) -> None:
    """The table, numbers to the right, then why originals were kept."""
    lines = [Row.HEAD, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(Row.HEAD))]
    for line in lines:
        cells = [
            cell.ljust(width) if column < 4 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())
    for row in rows:
        outcome = row.report.get("outcome")
        if outcome is None:
            print(f"{row.what}: stored as it came; the plugin was not asked")
        elif outcome != "transcoded":
            print(f"{row.what}: {outcome}. {row.report['reason']}".rstrip())
        for note in row.report.get("notes", ()):
            print(f"{row.what}: {note}")


def print_savings(rows: Sequence[Row]) -> None:
    """Totals of all, and of what was transcoded."""
    for label, some in (
        ("all images", list(rows)),
        ("transcoded", [row for row in rows if row.report.get("outcome") == "transcoded"]),
    ):
        before = sum(row.source_bytes for row in some)
        after = sum(row.stored_bytes for row in some)
        if before:
            print(
                f"{label} ({len(some)}): {before / 1e6:.1f} MB arrived, {after / 1e6:.1f} MB "
                f"stored, {100 * (1 - after / before):.0f} % saved"
            )


def print_timing(folder: Path) -> bool:
    """Median times of a verified and of a plain ingest, taken in turns; false if not verified."""
    # As Orthanc comes: each stored file is flushed to the disk.
    plain = OrthancServer(folder / "plain", config={"SyncStorageArea": True})
    transcoding = transcoding_server(folder / "timed", SyncStorageArea=True)
    times: dict[OrthancServer, list[float]] = {plain: [], transcoding: []}
    with plain, transcoding:
        for turn in range(WARM_UP_ROUNDS + TIMED_ROUNDS):
            content = renamed(sample_path(TIMED_IMAGE))
            for server, taken in times.items():
                began = time.perf_counter()
                server.store(content)
                if turn >= WARM_UP_ROUNDS:
                    taken.append(1000 * (time.perf_counter() - began))
        reports = [wait_for_report(transcoding, each) for each in transcoding.instances()]
    # A figure for images that were stored as they came would say nothing.
    if not all(report.get("verified") for report in reports):
        print("no time can be given: not every timed image was transcoded and verified")
        return False
    medians = {server: statistics.median(taken) for server, taken in times.items()}
    print(
        f"one 512 x 512 image of 16 bits, median of {TIMED_ROUNDS} by REST: "
        f"{medians[transcoding]:.1f} ms transcoded and verified, "
        f"{medians[plain]:.1f} ms stored by an Orthanc without the plugin"
    )
    return True


def renamed(path: Path) -> bytes:
    """The same image as another instance."""
    dataset = pydicom.dcmread(path)
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


if __name__ == "__main__":
    sys.exit(main())
