"""Which instance a file is to Orthanc: its identifier is made of four attributes.

Patient ID is taken as Orthanc reads it: by Specific Character Set (Latin-1 where there
is none, as Orthanc's default has it), without the blanks at its end. A character set that
Orthanc knows and pydicom does not gives another identifier, and so an unknown instance.
"""

from __future__ import annotations

from typing import Final

from ..dictionaries import charset
from ..originals import identifier
from .file import DicomFile

_CHARACTER_SET: Final = 0x00080005
_PATIENT_ID: Final = 0x00100020
_STUDY, _SERIES = 0x0020000D, 0x0020000E


def orthanc_identifier(file: DicomFile) -> str:
    """Orthanc's identifier of the instance; empty where its attributes cannot be read."""
    try:
        patient = _patient(file)
    except (LookupError, UnicodeError, ValueError):
        return ""
    return identifier(patient, file.text(_STUDY), file.text(_SERIES), file.sop_instance_uid)


def _patient(file: DicomFile) -> str:
    element = file.element(_PATIENT_ID)
    value = bytes(element.value).rstrip(b" \0") if element else b""
    names = [name.strip() for name in file.text(_CHARACTER_SET).split("\\")]
    encodings = charset.convert_encodings(names) if any(names) else ["latin-1"]
    return str(charset.decode_bytes(value, encodings, set()))
