"""The ways by REST by which a file comes out of Orthanc transcoded, or goes into it.

Each takes a question, asks it, and gives what the table says of the answer. Where an
answer is promised to be in a syntax, what is not is no answer but a mistake.
"""

from __future__ import annotations

import io
import json
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset

from orthanc_transcoder import syntaxes
from tests.orthanc.answers import judging
from tests.orthanc.answers.cases import Case, read
from tests.orthanc.answers.stage import Stage, knows_file_transcode
from tests.orthanc.rest import Answer
from tests.orthanc.servers import OrthancServer

_PROPOSE = {
    "1.2.840.10008.1.2": "-xi",
    "1.2.840.10008.1.2.1": "-xe",
    "1.2.840.10008.1.2.4.80": "-xt",
    "1.2.840.10008.1.2.4.90": "-xv",
    "1.2.840.10008.1.2.4.102": "-xn",
    "1.2.840.10008.1.2.5": "-xr",
}


@dataclass(frozen=True)
class Question:
    """A case's file, where it is asked for, and where it may arrive.

    ``instance`` is Orthanc's identifier, empty where the file is yet to be stored.
    """

    case: Case
    content: bytes
    server: OrthancServer
    stage: Stage
    folder: Path
    instance: str = ""

    @property
    def header(self) -> Dataset:
        """What pydicom reads of the file."""
        return read(self.content)

    @property
    def study(self) -> str:
        """Orthanc's identifier of the study, of which the file is the only instance."""
        return str(self.server.get(f"/instances/{self.instance}/study")["ID"])

    def judge(self, content: bytes) -> str:
        """A file that may be the original."""
        return judging.judge(content, self.case, self.content)

    def judge_promised(self, answer: Answer) -> str:
        """A file that was promised in the syntax that was asked for, or an error."""
        if answer.status != 200:
            return str(answer.status)
        verdict = self.judge(answer.body)
        if verdict == judging.ORIGINAL:
            raise judging.Mislabelled("the original was answered as if it were what was asked for")
        return verdict


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


# --- into Orthanc ------------------------------------------------------------------------


def store(question: Question) -> str:
    """By REST."""
    answer = question.server.request("POST", "/instances", question.content)
    if answer.status != 200:
        return str(answer.status)
    return question.judge(question.server.file(answer.json()["ID"]))


def store_zip(question: Question) -> str:
    """By REST, as an archive of files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("one.dcm", question.content)
    answer = question.server.request("POST", "/instances", buffer.getvalue())
    if answer.status != 200:
        return str(answer.status)
    return _of_study(question, question.server, question.header.StudyInstanceUID)


def c_store(question: Question) -> str:
    """By DICOM."""
    path = question.folder / "sent.dcm"
    path.write_bytes(question.content)
    run = question.server.storescu(path, options=["-R", _PROPOSE[question.case.source]])
    if run.returncode != 0:
        return judging.REFUSED
    return _of_study(question, question.server, question.header.StudyInstanceUID)


def _of_study(question: Question, server: OrthancServer, uid: str) -> str:
    """What a server holds of a study of one instance, which may have another UID by now."""
    query = {"Level": "Instance", "Query": {"StudyInstanceUID": uid}}
    found = server.post("/tools/find", query)
    if not found:
        return judging.REFUSED
    (identifier,) = found
    return question.judge(server.file(identifier))


# --- out of it, by REST ------------------------------------------------------------------


def file(question: Question) -> str:
    """The file of an instance."""
    if not knows_file_transcode():
        return judging.ABSENT
    path = f"/instances/{question.instance}/file?transcode={question.case.asked}"
    return question.judge_promised(question.server.request("GET", path))


def modify(question: Question) -> str:
    """An instance, modified."""
    keep = question.case.asked in syntaxes.LOSSLESS
    body = {"Transcode": question.case.asked, "Force": True,
            "Keep": ["SOPInstanceUID"] if keep else []}  # fmt: skip
    path = f"/instances/{question.instance}/modify"
    return question.judge_promised(question.server.request("POST", path, _json(body)))


def modify_study(question: Question) -> str:
    """A study, modified, the new one of which is stored."""
    body = {"Transcode": question.case.asked, "Synchronous": True}
    path = f"/studies/{question.study}/modify"
    answer = question.server.request("POST", path, _json(body))
    if answer.status != 200:
        return str(answer.status)
    study = answer.json().get("ID", "")
    found = question.server.request("GET", f"/studies/{study}/instances") if study else None
    if found is None or found.status != 200 or not found.json():
        return judging.LEFT_OUT
    return question.judge(question.server.file(found.json()[0]["ID"]))


def peer(question: Question) -> str:
    """Another Orthanc."""
    body = {"Resources": [question.instance], "Transcode": question.case.asked}
    answer = question.server.request("POST", "/peers/remote/store", _json(body))
    if answer.status != 200:
        return str(answer.status)
    return _of_study(question, question.stage.remote, question.header.StudyInstanceUID)


def _archive(question: Question, content: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = [archive.read(name) for name in archive.namelist() if "DICOMDIR" not in name]
    if not files:
        return judging.LEFT_OUT
    (one,) = files
    return question.judge(one)


def _archive_of_study(question: Question, verb: str) -> str:
    path = f"/studies/{question.study}/{verb}?transcode={question.case.asked}"
    answer = question.server.request("GET", path)
    return _archive(question, answer.body) if answer.status == 200 else str(answer.status)


def archive(question: Question) -> str:
    """A ZIP of a study, at once."""
    return _archive_of_study(question, "archive")


def media(question: Question) -> str:
    """A ZIP with a DICOMDIR, at once."""
    return _archive_of_study(question, "media")


def _archive_job(question: Question, verb: str) -> str:
    body = {"Resources": [question.study], "Transcode": question.case.asked, "Synchronous": False}
    job = question.server.post(f"/tools/create-{verb}", body)["ID"]
    if wait_for(question.server, job)["State"] != "Success":
        return judging.REFUSED
    return _archive(question, question.server.get(f"/jobs/{job}/archive"))


def archive_job(question: Question) -> str:
    """A ZIP, by a job."""
    return _archive_job(question, "archive")


def media_job(question: Question) -> str:
    """A ZIP with a DICOMDIR, by a job."""
    return _archive_job(question, "media")


def wait_for(server: OrthancServer, job: str) -> dict[str, Any]:
    """A job's state, once it has ended."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        state: dict[str, Any] = server.get(f"/jobs/{job}")
        if state["State"] in ("Success", "Failure"):
            return state
        time.sleep(0.02)
    raise AssertionError("the job does not end")
