"""Whether an answer would take the place of an original: then no doubt is allowed.

Orthanc does not say what a transcoding is for. The rules:

- At ingest it asks for the syntax of ``IngestTranscoding`` and nothing else; so do
  archives, peers, C-GET and others. What Orthanc does not have is new (what it has
  just modified and not stored yet, too); what it has cannot be stored again, unless
  it overwrites. Where it does not answer, nothing is certain.
- Orthanc's own transcoder, where it comes after us, makes what we refuse; what must be
  kept is then handed back as it is, and stored so. That is no answer to anybody else,
  who would take it for the syntax that was asked for: it must certainly be new.
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
    successor
        Whether Orthanc's own transcoder would make the ingest syntax of what we refuse.
    is_stored
        Takes Orthanc's identifier of an instance; None where Orthanc does not answer.
    """

    ingest: str = ""
    overwrites: bool = False
    moved: str = ""
    successor: bool = False
    is_stored: Callable[[str], bool | None] = lambda _: False

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
        overwritten = self.overwrites and self.may_be_ingest(request)
        return overwritten or self.are_received(request, identifier)

    def are_received(self, request: Request, identifier: str) -> bool:
        """Whether this may be an ingest of what Orthanc, for all that it says, has not."""
        return self.may_be_ingest(request) and not self.is_stored(identifier)

    def must_be_handed_back(self, request: Request, identifier: str) -> bool:
        """Whether an original that is to be kept must be the answer, and may be."""
        if not self.successor or not self.may_be_ingest(request):
            return False
        return self.is_stored(identifier) is False

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
