"""What is read back of an instance, by every route on which Orthanc decodes or transcodes.

Each route gives a verdict on one attempt: ``right``, ``wrong``, ``not comparable``, or
``error``, which is honest: an error status, or the compressed original instead.
"""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pydicom

from orthanc_transcoder import syntaxes
from tests.orthanc.servers import OrthancServer, orthanc_version

from .files import File
from .judging import Judge, syntax_of, uid_of
from .plain import PlainOrthanc
from .sending import SECONDS, getscu

RIGHT, WRONG, UNKNOWN, ERROR = "right", "wrong", "not comparable", "error"

_NATIVE = syntaxes.EXPLICIT_LE
_VIEWS = ("preview", "rendered", "image-uint8", "image-uint16")
_PICTURE = {"Accept": "image/x-portable-arbitrarymap"}
_VERDICTS = {"confirmed": RIGHT, "contradicted": WRONG, "": UNKNOWN}

Bodies = dict[str, bytes]
Readers = dict[str, Callable[[], tuple[str, bytes]]]


@dataclass(frozen=True)
class Stored:
    """An instance in Orthanc, and the file that it came from."""

    file: File
    identifier: str
    content: bytes  # as it is stored


class Reading:
    """Reads from a server, and compares with what was sent.

    Parameters
    ----------
    plain
        An Orthanc without the plugin, which shows what the same uncompressed image looks like.
    """

    def __init__(self, server: OrthancServer, plain: PlainOrthanc, judge: Judge) -> None:
        self._server, self._plain, self._judge = server, plain, judge
        self._has_file_transcode = orthanc_version() >= (1, 12, 2)

    def of_image(self, stored: Stored, frame: int, expected: Bodies) -> Readers:
        """The views of a frame, each compared with what is expected of it, if that is known."""
        return {
            view: lambda view=view: self._view(stored, frame, view, expected)  # type: ignore[misc]
            for view in _VIEWS
        }

    def expected(self, file: File, frame: int) -> Bodies:
        """What plain Orthanc shows of the frame, where that can be relied on."""
        views = _comparable_views(file)
        if not views:
            return {}
        found = self._plain.ask(lambda plain: _looked_at(plain, file, frame, views), file)
        return {view: body for view, body in (found or {}).items() if body}

    def uncompressed(self, stored: Stored) -> Readers:
        """The whole file, in Explicit VR Little Endian."""
        routes: Readers = {
            "archive": lambda: self._archive(stored),
            "C-GET": lambda: self._c_get(stored),
        }
        if self._has_file_transcode:
            routes["file?transcode"] = lambda: self._file(stored)
        return routes

    def _view(self, stored: Stored, frame: int, view: str, expected: Bodies) -> tuple[str, bytes]:
        body = _get(self._server, stored.identifier, frame, view)
        if not body:
            return ERROR, b""
        if view not in expected:
            return UNKNOWN, b""
        return (RIGHT if body == expected[view] else WRONG), body

    def _file(self, stored: Stored) -> tuple[str, bytes]:
        path = f"/instances/{stored.identifier}/file?transcode={_NATIVE}"
        answer = self._server.request("GET", path, timeout=SECONDS)
        return self._compare(stored, [answer.body] if answer.status == 200 else [])

    def _archive(self, stored: Stored) -> tuple[str, bytes]:
        study = self._server.get(f"/instances/{stored.identifier}/study")["ID"]
        path = f"/studies/{study}/archive?transcode={_NATIVE}"
        answer = self._server.request("GET", path, timeout=SECONDS)
        return self._compare(stored, _unzipped(answer.body) if answer.status == 200 else [])

    def _c_get(self, stored: Stored) -> tuple[str, bytes]:
        header = pydicom.dcmread(io.BytesIO(stored.content), stop_before_pixels=True)
        keys = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
        with tempfile.TemporaryDirectory(prefix="orthanc-soak-") as name:
            folder = Path(name)
            getscu(self._server, folder, **{key: header[key].value for key in keys})
            return self._compare(stored, [path.read_bytes() for path in folder.iterdir()])

    def _compare(self, stored: Stored, found: Sequence[bytes]) -> tuple[str, bytes]:
        for content in found:
            if stored.file.uid == uid_of(content):
                if syntax_of(content) != _NATIVE:
                    return ERROR, content
                return _VERDICTS[self._judge.compare(stored.file, content)], content
        return ERROR, b""


def _looked_at(plain: OrthancServer, file: File, frame: int, views: Sequence[str]) -> Bodies:
    answer = plain.request("POST", "/instances", file.native or file.content)
    if answer.status != 200:
        return {}
    identifier = answer.json()["ID"]
    found = {view: _get(plain, identifier, frame, view) for view in views}
    plain.delete(f"/instances/{identifier}")
    return found


def _get(server: OrthancServer, identifier: str, frame: int, view: str) -> bytes:
    path = f"/instances/{identifier}/frames/{frame}/{view}"
    answer = server.request("GET", path, headers=_PICTURE, timeout=SECONDS)
    return answer.body if answer.status == 200 else b""


def _comparable_views(file: File) -> tuple[str, ...]:
    """Those in which plain Orthanc shows a sound file as it is.

    It shows native YBR as if it were RGB, does not extend the sign of stored bits itself,
    and renders what it decompresses without its window; what is lossy may differ anyhow.
    """
    header = pydicom.dcmread(io.BytesIO(file.native or file.content), stop_before_pixels=True)
    syntax = header.file_meta.TransferSyntaxUID
    if syntax not in syntaxes.LOSSLESS or "YBR" in header.get("PhotometricInterpretation", "YBR"):
        return ()
    if header.get("BitsAllocated") not in (8, 16):
        return ()
    part = header.get("BitsStored") != header.get("BitsAllocated")
    if file.made is None and header.get("PixelRepresentation") and part:
        return ()
    return _VIEWS if syntax in syntaxes.NATIVE else tuple(set(_VIEWS) - {"rendered"})


def _unzipped(archive: bytes) -> list[bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as files:
            return [files.read(name) for name in files.namelist()]
    except zipfile.BadZipFile:
        return []
