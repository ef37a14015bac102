"""The ways by DICOM and DICOMweb, and pictures; and the table of all routes."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable

from pydicom.uid import MPEG4HP41

from orthanc_transcoder import syntaxes
from tests.orthanc.answers import judging, routes
from tests.orthanc.answers.routes import Question
from tests.orthanc.rest import Answer, HttpError

Route = Callable[[Question], str]

# --- by DICOM, to receivers that take uncompressed files only -------------------------------


def _received(question: Question, contents: list[bytes]) -> str:
    if not contents:
        return judging.REFUSED
    (content,) = contents
    return question.judge(content)


def modality(question: Question) -> str:
    """C-STORE to a modality."""
    if question.case.asked not in syntaxes.NATIVE:
        return judging.ABSENT
    with contextlib.suppress(HttpError):
        question.server.post("/modalities/receiver/store", question.instance.encode())
    return _received(question, question.stage.receiver.take())


def _retrieve(question: Question, *command: str) -> None:
    subprocess.run(
        [command[0], "-S", *command[1:], "-k", "QueryRetrieveLevel=STUDY", "-k",
         f"StudyInstanceUID={question.header.StudyInstanceUID}", "127.0.0.1",
         str(question.server.dicom_port)],
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip


def c_move(question: Question) -> str:
    """C-MOVE to a modality."""
    if question.case.asked not in syntaxes.NATIVE:
        return judging.ABSENT
    _retrieve(question, "movescu", "-aet", "MOVESCU", "-aem", "RECEIVER")
    return _received(question, question.stage.receiver.take())


def c_get(question: Question) -> str:
    """C-GET."""
    if question.case.asked not in syntaxes.NATIVE:
        return judging.ABSENT
    folder = question.folder / "got"
    folder.mkdir()
    _retrieve(question, "getscu", "-aet", "GETSCU", "-od", str(folder))
    return _received(question, [path.read_bytes() for path in folder.iterdir()])


# --- DICOMweb and pictures -----------------------------------------------------------------


def _dicomweb(question: Question, path: str, accept: str) -> Answer:
    header = question.header
    base = (
        f"/dicom-web/studies/{header.StudyInstanceUID}/series/{header.SeriesInstanceUID}"
        f"/instances/{header.SOPInstanceUID}"
    )
    return question.server.request("GET", base + path, headers={"Accept": accept})


def _only_part(answer: Answer) -> bytes:
    ((_, content),) = judging.parts(answer.body, answer.headers["Content-Type"])
    return content


def wado_instance(question: Question) -> str:
    """DICOMweb: an instance."""
    accept = f'multipart/related; type="application/dicom"; transfer-syntax={question.case.asked}'
    answer = _dicomweb(question, "", accept)
    if answer.status == 200:
        answer = Answer(200, _only_part(answer), answer.headers)
    return question.judge_promised(answer)


_FRAME_TYPES = {"1.2.840.10008.1.2.4.50": "image/jpeg", "1.2.840.10008.1.2.4.90": "image/jp2"}


def wado_frames(question: Question) -> str:
    """DICOMweb: a frame."""
    asked = question.case.asked
    kind = _FRAME_TYPES.get(asked, "application/octet-stream")
    accept = f'multipart/related; type="{kind}"; transfer-syntax={asked}'
    answer = _dicomweb(question, "/frames/1", accept)
    if answer.status != 200:
        return str(answer.status)
    return judging.judge_frame(_only_part(answer), question.case)


def _picture(question: Question, answer: Answer) -> str:
    if answer.status != 200:
        return str(answer.status)
    if question.case.source == MPEG4HP41 and answer.body in question.content:
        return "the video"  # as it is, which newer DICOMweb plugins take for rendered
    return judging.judge_picture(answer.body, question.case)


def wado_rendered(question: Question) -> str:
    """DICOMweb: a picture."""
    return _picture(question, _dicomweb(question, "/rendered", "image/png"))


def preview(question: Question) -> str:
    """Orthanc's own picture."""
    path = f"/instances/{question.instance}/frames/0/preview"
    answer = question.server.request("GET", path, headers={"Accept": "image/png"})
    return _picture(question, answer)


INGEST: dict[str, Route] = {
    "ingest by REST": routes.store,
    "ingest by C-STORE": routes.c_store,
    "ingest of a ZIP": routes.store_zip,
}
OUT: dict[str, Route] = {
    "`/instances/{id}/file?transcode=`": routes.file,
    "`/instances/{id}/modify`": routes.modify,
    "`/studies/{id}/modify`": routes.modify_study,
    "`/peers/{id}/store`": routes.peer,
    "`/modalities/{id}/store`": modality,
    "C-MOVE": c_move,
    "C-GET": c_get,
    "archive": routes.archive,
    "archive, a job": routes.archive_job,
    "media": routes.media,
    "media, a job": routes.media_job,
    "WADO-RS instance": wado_instance,
    "WADO-RS frames": wado_frames,
    "WADO-RS rendered": wado_rendered,
    "preview": preview,
}
# What asks for frames, which has workers of its own.
OF_FRAMES = ("WADO-RS rendered", "preview")
