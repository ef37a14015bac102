"""``dciodvfy`` finds no error in our output that the source did not have.

Errors are compared by what they say, without numbers that depend on the image. Of
syntaxes that it is too old for, it is shown the same file under an older one. It
reads no deflated file, whoever wrote it.
"""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from pydicom.uid import UID

from orthanc_transcoder.codec import uids
from tests.interop import tools
from tests.rules.whole import (
    BIG,
    EXPLICIT,
    IMPLICIT,
    KEYWORD,
    LOSSLESS,
    LOSSY,
    LOSSY_RULES,
    ask,
    dataset,
)
from tests.samples import sample

FILES = (
    "CT_small.dcm",
    "MR_small.dcm",
    "emri_small.dcm",
    "examples_rgb_color.dcm",
    "examples_palette.dcm",
    "SC_rgb_16bit.dcm",
    "SC_rgb_small_odd.dcm",
    "examples_jpeg2k.dcm",
    "JPEG-lossy.dcm",
    "MR_small_RLE.dcm",
)
_NUMBER = re.compile(r"\d+")
# Shown in place of what it is too old for.
_OLDER = {
    uids.HTJ2KLossless: uids.JPEG2000Lossless,
    uids.HTJ2KLosslessRPCL: uids.JPEG2000Lossless,
    uids.HTJ2K: uids.JPEG2000,
    uids.JPEGXLLossless: uids.JPEGLosslessSV1,
    uids.JPEGXL: uids.JPEG2000,
    uids.JPEGXLJPEGRecompression: uids.JPEGBaseline8Bit,
}
# XYB is newer than it, and modules of an original MR image "may not be present" in a
# derived one, which a lossy one has to be (PS3.3 C.7.6.1.1.2).
_EXCUSED = re.compile(
    r"enumerated value <XYB>"
    r"|Attribute present when condition unsatisfied .* Module=<(MRPulse|BulkMotionSynchron)"
)


def errors(content: bytes, folder: Path) -> set[str]:
    """What it calls an error, with numbers left out."""
    path = folder / "file.dcm"
    path.write_bytes(_known(content))
    done = tools.run("dciodvfy", path, check=False)
    lines = (done.stdout + done.stderr).decode("latin-1").splitlines()
    return {
        _NUMBER.sub("#", line)
        for line in lines
        if line.startswith("Error") and not _EXCUSED.search(line)
    }


def _known(content: bytes) -> bytes:
    """The same file under another encapsulated syntax, where it would not know the true one."""
    found = dataset(content)
    older = _OLDER.get(found.file_meta.TransferSyntaxUID)
    if older is None:
        return content
    found.file_meta.TransferSyntaxUID = UID(older)
    buffer = io.BytesIO()
    found.save_as(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("target", [IMPLICIT, EXPLICIT, BIG, *LOSSLESS, *LOSSY,
                                    uids.JPEGXLJPEGRecompression], ids=KEYWORD.get)  # fmt: skip
def test_no_error_is_added(name: str, target: str, tmp_path: Path) -> None:
    tools.require("dciodvfy")
    content = sample(name).read()
    result, report = ask(content, target, rules=LOSSY_RULES)
    if result is None:
        assert report.outcome in ("kept", "declined")
        return
    assert errors(result, tmp_path) <= errors(content, tmp_path)
