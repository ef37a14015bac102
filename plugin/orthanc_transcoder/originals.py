"""Whether an answer would take the place of an original: then no doubt is allowed.

Orthanc does not say what a transcoding is for. The rules:

- At ingest it asks for the syntax of ``IngestTranscoding`` and nothing else; so do
  archives, peers, C-GET and others. What our index does not know, or Orthanc has no
  more, is new; what both know cannot be stored again, unless Orthanc overwrites.
- A transcoding buffer that deletes what it has sent replaces it by what was sent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from .model import Request

# What DCMTK takes out of a UID, wherever it stands.
_WHITE_SPACE = str.maketrans("", "", " \t\n\v\f\r")


@dataclass(frozen=True, slots=True)
class Originals:
    """What is known of the originals.

    Attributes
    ----------
    ingest
        Transfer syntax of ``IngestTranscoding``, or empty.
    overwrites
        Whether an instance that is stored may be replaced by one that is received.
    moved
        Transfer syntax in which a buffer sends what it then deletes, or empty.
    is_stored
        Takes Orthanc's identifier of an instance.
    """

    ingest: str = ""
    overwrites: bool = False
    moved: str = ""
    is_stored: Callable[[str], bool] = lambda _: False

    def may_be_ingest(self, request: Request) -> bool:
        """Whether Orthanc asks so of what it has just received."""
        return self.ingest != "" and request.allowed == (self.ingest,)

    def may_be_replaced(self, request: Request) -> bool:
        """Whether the answer may take an original's place, for all that the request says."""
        return self._is_moved(request) or self.may_be_ingest(request)

    def are_replaced(self, request: Request, identifier: str) -> bool:
        """Whether the answer may take the place of the only original."""
        if self._is_moved(request):
            return True
        return self.are_new(request, identifier)

    def are_new(self, request: Request, identifier: str) -> bool:
        """Whether this may be an ingest: what is stored already is not stored again."""
        if not self.may_be_ingest(request):
            return False
        return self.overwrites or not self.is_stored(identifier)

    def _is_moved(self, request: Request) -> bool:
        return self.moved != "" and request.allowed == (self.moved,)


def uid_as_read(value: str) -> str:
    """A UID as Orthanc reads it: up to the first NUL, without white space."""
    return value.partition("\0")[0].translate(_WHITE_SPACE)


def identifier(patient: str, study: str, series: str, instance: str) -> str:
    """Orthanc's identifier of an instance: the SHA-1 of Patient ID and the three UIDs."""
    text = "|".join((patient, *map(uid_as_read, (study, series, instance))))
    digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    return "-".join(digest[start : start + 8] for start in range(0, 40, 8))
