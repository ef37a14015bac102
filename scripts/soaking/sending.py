"""How files get into an Orthanc: by HTTP, and by C-STORE with DCMTK's ``dcmsend``."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.orthanc.servers import OrthancServer, StartError

from .files import File

SECONDS = 90.0  # whoever waits longer is hung
_SENT = re.compile(r"^Filename +: (.+)$(?:.|\n)+?^DIMSE Status +: (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Sent:
    """A file, and what the server answered.

    Attributes
    ----------
    identifier
        Orthanc's, of the stored instance; empty if it was refused.
    answer
        The refusal; empty where the client itself could not send it.
    """

    file: File
    identifier: str = ""
    answer: str = ""


Route = Callable[[OrthancServer, Sequence[File]], list[Sent]]


def by_rest(server: OrthancServer, files: Sequence[File]) -> list[Sent]:
    """Post one after the other."""
    return [_post(server, file) for file in files]


def _post(server: OrthancServer, file: File) -> Sent:
    answer = server.request("POST", "/instances", file.content, timeout=SECONDS)
    if answer.status != 200:
        return Sent(file, answer=f"HTTP {answer.status}")
    found = answer.json()
    if not isinstance(found, dict) or found.get("Status") != "Success":
        return Sent(file, answer=f"HTTP 200, {found!r:.80}")
    return Sent(file, found["ID"])


def by_c_store(server: OrthancServer, files: Sequence[File]) -> list[Sent]:
    """Send all over one association; each must have a UID to be found by."""
    with tempfile.TemporaryDirectory(prefix="orthanc-soak-") as name:
        folder = Path(name)
        paths = [folder / f"{number}.dcm" for number in range(len(files))]
        for path, file in zip(paths, files, strict=True):
            path.write_bytes(file.content)
        statuses = _dcmsend(server, paths, folder / "report.txt")
    return [
        _sent(server, file, statuses.get(str(path), ""))
        for path, file in zip(paths, files, strict=True)
    ]


def _dcmsend(server: OrthancServer, paths: Sequence[Path], report: Path) -> dict[str, str]:
    """Each path's DIMSE status."""
    target = ("127.0.0.1", str(server.dicom_port))
    options = ("-nh", "-dn", "-nuc", "+crf", str(report), *target)
    run(_tool("dcmsend"), *options, *map(str, paths))
    if not report.exists():
        return {}
    return dict(_SENT.findall(report.read_text(errors="replace")))


def _sent(server: OrthancServer, file: File, status: str) -> Sent:
    if not status or status.startswith("<"):
        return Sent(file)
    if not status.startswith("0x0000"):
        return Sent(file, answer=f"DIMSE {status}")
    found = server.find(file.uid)
    # Two would be as wrong as none.
    return Sent(file, found[0]) if len(found) == 1 else Sent(file, answer=f"stored {len(found)}x")


def run(*command: str) -> subprocess.CompletedProcess[bytes]:
    """Run a client to its end, whatever its status.

    Raises
    ------
    subprocess.TimeoutExpired
        If it hangs.
    """
    return subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)


def getscu(server: OrthancServer, folder: Path, **keys: str) -> None:
    """Fetch one instance by C-GET, uncompressed, into a folder."""
    query = [part for name, value in keys.items() for part in ("-k", f"{name}={value}")]
    target = ("127.0.0.1", str(server.dicom_port))
    level = ("-k", "QueryRetrieveLevel=IMAGE")
    run(_tool("getscu"), "-S", "+B", "-xe", "-od", str(folder), *level, *query, *target)


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise StartError(f"{name} is missing: run scripts/setup test")
    return found
