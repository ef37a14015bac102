"""What the servers of these tests hold: real images, and what a sender would put in to do harm."""

from __future__ import annotations

import time
from typing import Any

from orthanc_transcoder.codec.uids import JPEG2000Lossless
from tests.orthanc.servers import OrthancServer
from tests.samples import sample_path
from tests.synthesis import Image, encapsulated_file, native_file

# Of several modalities, syntaxes and outcomes.
REAL = (
    "693_UNCR.dcm",
    "CT_small.dcm",
    "J2K_pixelrep_mismatch.dcm",
    "JPEG2000-embedded-sequence-delimiter.dcm",
    "JPEG-LL.dcm",
    "MR_small.dcm",
    "MR_small_padded.dcm",
    "OBXXXX1A_2frame.dcm",
    "SC_rgb_jpeg_gdcm.dcm",
    "SC_rgb_small_odd.dcm",
    "SC_ybr_full_422_uncompressed.dcm",
    "emri_small.dcm",
    "examples_rgb_color.dcm",
    "liver_1frame.dcm",
    "rtplan.dcm",
    "test-SR.dcm",
)
STUDY = {
    "PatientName": "Grün^Ada^^Dr",
    "PatientID": "0815",
    "StudyInstanceUID": "1.2.3.4",
    "StudyDescription": "Thorax & Abdomen",
    "StudyDate": "20260102",
}
MANY = 120
TRUNCATED = encapsulated_file(Image(), [b"\xff\x4f\xff\x51"], JPEG2000Lossless, attributes=STUDY)

MARKUP = "<img src=x onerror=hacked=1><script>hacked=1</script>"
QUOTES = "\"'><svg onload=hacked=1>' onmouseover='hacked=1"
ADDRESS = "javascript:hacked=1//</title></script><script>hacked=1"
HOSTILE = {
    "PatientName": MARKUP + "^" + '"',
    "PatientID": QUOTES,
    "AccessionNumber": "<b id=hacked>",
    "StudyDescription": ADDRESS,
    "SeriesDescription": MARKUP,
    "ProtocolName": QUOTES,
    "Modality": "<I ID='X'>",
    "StudyInstanceUID": "1.2.3.5",
    "SeriesInstanceUID": "1.2.3.5.1",
    "SOPInstanceUID": "1.2.3.5.1.1",
}


def until_checked(server: OrthancServer, seconds: float = 120) -> dict[str, Any]:
    """Wait until everything is in the index and checked; the totals then."""
    end = time.monotonic() + seconds
    while True:
        totals: dict[str, Any] = server.get("/transcoder/report")
        if totals["pending"] == 0 and totals["instances"] == len(server.instances()):
            return totals
        assert time.monotonic() < end, totals
        time.sleep(0.1)


def store_real(server: OrthancServer) -> None:
    """Store the real images, once the checks of a new server have begun."""
    server.store(sample_path(REAL[0]).read_bytes())
    until_checked(server)
    for name in REAL[1:]:
        server.store(sample_path(name).read_bytes())


def store_study(server: OrthancServer, many: int = MANY) -> str:
    """Store a study of three series, one with ``many`` instances; its identifier."""
    for number in range(1, many + 1):
        attributes = {"SeriesNumber": 2, "InstanceNumber": number, "Modality": "CT",
                      "SeriesInstanceUID": "1.2.3.4.2", "SeriesDescription": "Axial"}  # fmt: skip
        image = Image(rows=8 + number % 7, columns=9)
        server.store(native_file(image, attributes={**STUDY, **attributes}))
    attributes = {"SeriesNumber": 10, "Modality": "MR", "SeriesInstanceUID": "1.2.3.4.10"}
    server.store(native_file(Image(rows=64, columns=64), attributes={**STUDY, **attributes}))
    found: str = server.store(TRUNCATED)["ParentStudy"]
    return found


def store_hostile(server: OrthancServer) -> dict[str, str]:
    """Store an instance whose attributes are meant to do harm; what Orthanc answered."""
    answer: dict[str, str] = server.store(
        native_file(Image(rows=32, columns=32), attributes=HOSTILE)
    )
    return answer
