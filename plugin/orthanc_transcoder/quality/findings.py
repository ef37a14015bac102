"""What the checks of an instance found: small, frozen, standard library only.

Orthanc's side keeps and shows these values; the workers make them.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from .. import typed


class Severity(StrEnum):
    """How bad a finding is; what finds nothing passes.

    ``FAIL``: pixels, what they mean or whose they are is missing, damaged, or differs
    between readers that all keep to the standard. ``WARN``: the pixels can be read, but
    some kind of reader (see ``checks.table``) shows or measures another image, or none.
    ``NOTE``: a rule is broken, or something is odd, and no reader trips over it.
    """

    NOTE = "NOTE"
    WARN = "WARN"
    FAIL = "FAIL"


class Verdict(StrEnum):
    """Of an instance: its worst finding; notes leave it a pass."""

    PASS = "PASS"  # noqa: S105 - no password
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes
    ----------
    code
        Of the check, stable (see ``checks.table``).
    sentence
        What is wrong here. It may quote the file: to be escaped where shown.
    where
        Keyword of the attribute, its tag, or ``frame 3``, ``frames 3, 4``;
        empty where it is the whole file.
    """

    code: str
    severity: Severity
    sentence: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the header says, as it says it; zero or empty where it does not.

    Attributes
    ----------
    encapsulated_bytes
        Length of encapsulated Pixel Data; 0 where it is native.
    native_bytes
        Length that Pixel Data has, or would have, in a native syntax.
    minimum, maximum
        Of the stored samples of all frames that could be decoded, else None.
    ranges
        Minimum and maximum of each frame, where there are several, but no more
        than ``RANGES_LIMIT``.
    unchecked
        Why the pixels were not looked at (video, for example); empty if they were.
    """

    modality: str = ""
    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    transfer_syntax: str = ""
    rows: int = 0
    columns: int = 0
    frames: int = 0
    samples_per_pixel: int = 0
    bits_allocated: int = 0
    bits_stored: int = 0
    signed: bool = False
    photometric: str = ""
    encapsulated_bytes: int = 0
    native_bytes: int = 0
    minimum: int | None = None
    maximum: int | None = None
    ranges: tuple[tuple[int, int], ...] = ()
    unchecked: str = ""


RANGES_LIMIT = 256


@dataclass(frozen=True, slots=True)
class Inspection:
    """What the checks say of one instance.

    Attributes
    ----------
    pixel_digest
        BLAKE2b (128 bits, hexadecimal) of the stored samples of all frames; equal
        before and after any lossless transcoding (see ``checks.samples``). Empty
        where not every frame could be decoded.
    """

    findings: tuple[Finding, ...] = ()
    facts: Facts = field(default_factory=Facts)
    pixel_digest: str = ""

    @property
    def verdict(self) -> Verdict:
        """The worst of the findings."""
        severities = {finding.severity for finding in self.findings}
        if Severity.FAIL in severities:
            return Verdict.FAIL
        return Verdict.WARN if Severity.WARN in severities else Verdict.PASS

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``, compact: facts that say nothing are left out."""
        facts = {
            name: value
            for name, value in dataclasses.asdict(self.facts).items()
            if value != getattr(_NO_FACTS, name)
        }
        return {
            "verdict": str(self.verdict),
            "findings": [
                {**dataclasses.asdict(one), "severity": str(one.severity)} for one in self.findings
            ],
            "facts": facts,
            "pixel_digest": self.pixel_digest,
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Inspection:
        """The inverse of ``to_json``.

        Raises
        ------
        ValueError
            If the values are not an inspection's.
        """
        parts = {name: value for name, value in values.items() if name not in ("verdict", "facts")}
        facts = typed.build(Facts, values.get("facts"), partial=True)
        return dataclasses.replace(typed.build(cls, parts, partial=True), facts=facts)


_NO_FACTS = Facts()
