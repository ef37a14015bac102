"""What an answer is: which syntax its bytes really are in, and whether its samples are right.

``Mislabelled`` is raised of whatever says to be what it is not.
"""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames

from orthanc_transcoder import syntaxes
from orthanc_transcoder.codec import uids
from tests.orthanc.answers.cases import Case, read, same
from tests.rules.whole import native

# As in the table of answers.
YES, GUESS, ORIGINAL, LEFT_OUT, REFUSED = "yes", "a guess", "original", "left out", "refused"
ABSENT = "-"

# How a codestream of a syntax begins.
_BEGINS = {
    uids.JPEG2000Lossless: b"\xff\x4f\xff\x51",
    uids.JPEGBaseline8Bit: b"\xff\xd8\xff",
    uids.JPEGLSLossless: b"\xff\xd8\xff",
    uids.RLELossless: b"",
}


class Mislabelled(AssertionError):
    """An answer whose bytes are in another transfer syntax than it says, or than was asked for."""


def judge(content: bytes, case: Case, question: bytes) -> str:
    """``YES``, ``GUESS`` or ``ORIGINAL``.

    Parameters
    ----------
    question
        The file that was stored.
    """
    dataset, original = read(content), read(question)
    syntax = str(dataset.file_meta.TransferSyntaxUID)
    require_true_label(dataset, syntax)
    if syntax == case.source:
        if dataset.get("PixelData") != original.get("PixelData"):
            raise Mislabelled("it is in the original's syntax, and is not the original")
        return ORIGINAL
    if syntax != case.asked:
        raise Mislabelled(f"{case.asked} was asked for, {syntax} was answered")
    return YES if _is_right(content, case, original) else GUESS


def require_true_label(dataset: Dataset, syntax: str) -> None:
    """Refuse a file whose pixel data is not encoded as group 2 says."""
    if "PixelData" not in dataset:
        return
    encapsulated = dataset["PixelData"].is_undefined_length
    if encapsulated is (syntax in syntaxes.NATIVE):
        raise Mislabelled(f"it says {syntax}, and its pixel data is encoded otherwise")
    if syntax in _BEGINS:
        frames = generate_frames(dataset.PixelData, number_of_frames=1)
        require_codestream(next(frames), syntax)


def require_codestream(frame: bytes, syntax: str) -> None:
    """Refuse bytes that are no codestream of a compressed syntax."""
    if not frame.startswith(_BEGINS[syntax]):
        raise Mislabelled(f"{frame[:8]!r} is no codestream of {syntax}")


def _is_right(content: bytes, case: Case, original: Dataset) -> bool:
    if case.samples is not None:
        return same(native(content), case.samples, case.tolerance)
    # No image: the content is that of the original, group 2 and what Orthanc renews apart.
    answer = read(content)
    return bool(answer.ContentSequence == original.ContentSequence)


def judge_frame(body: bytes, case: Case) -> str:
    """The same of a single frame of DICOMweb, said to be in the syntax that was asked for."""
    if case.samples is None:
        raise Mislabelled("a frame of what has none")
    if case.asked in syntaxes.NATIVE:
        cells = case.samples.astype(case.samples.dtype.newbyteorder("<"))
        # The multipart's last line break may follow an odd number of bytes, too.
        if len(body) != cells.nbytes:
            raise Mislabelled(f"{len(body)} bytes are no native frame of {cells.nbytes}")
        return YES if body == cells.tobytes() else GUESS
    require_codestream(body, case.asked)
    return YES


def judge_picture(png: bytes, case: Case) -> str:
    """A picture: whether there is something to be seen, the rows and columns being right."""
    width, height = np.frombuffer(png[16:24], ">u4")
    if case.samples is None or not png.startswith(b"\x89PNG"):
        raise Mislabelled("a picture of what is none")
    return YES if (height, width) == case.samples.shape[1:3] else GUESS


def parts(body: bytes, content_type: str) -> list[tuple[str, bytes]]:
    """The parts of a multipart answer, each with its header."""
    _, _, boundary = content_type.partition("boundary=")
    mark = b"--" + boundary.split(";")[0].strip('"').encode()
    found = []
    for part in body.split(mark)[1:-1]:
        header, _, content = part.partition(b"\r\n\r\n")
        found.append((header.decode(), content.removesuffix(b"\r\n")))
    return found
