"""Transfer syntaxes, by what they ask of the file around the pixels (PS3.5 annex A).

The rule: a syntax that no table names is unknown; nothing is derived from the
look of a UID.
"""

from __future__ import annotations

from typing import Final

from .elements import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, Encoding

IMPLICIT_LITTLE: Final = "1.2.840.10008.1.2"
EXPLICIT_LITTLE: Final = "1.2.840.10008.1.2.1"
EXPLICIT_BIG: Final = "1.2.840.10008.1.2.2"
DEFLATED: Final = "1.2.840.10008.1.2.1.99"
RLE: Final = "1.2.840.10008.1.2.5"
ENCAPSULATED_UNCOMPRESSED: Final = "1.2.840.10008.1.2.1.98"
DEFLATED_FRAMES: Final = "1.2.840.10008.1.2.8.1"

_JPEG: Final = "1.2.840.10008.1.2.4."

NATIVE: Final = frozenset((IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED))
JPIP: Final = frozenset(_JPEG + part for part in ("94", "95", "204", "205"))
DEFLATED_DATA_SETS: Final = frozenset((DEFLATED, _JPEG + "95", _JPEG + "205"))
VIDEO: Final = frozenset(
    [_JPEG + str(number) for number in range(100, 109)]
    + [f"{_JPEG}{number}.1" for number in range(100, 107)]
    + [f"1.2.840.10008.1.2.7.{number}" for number in (1, 2, 3)]
)
COMPRESSED: Final = frozenset(
    [_JPEG + str(number) for number in range(50, 67)]
    + [_JPEG + part for part in ("70", "80", "81", "90", "91", "92", "93")]
    + [_JPEG + part for part in ("110", "111", "112", "201", "202", "203")]
    + [RLE]
)


def encoding_of(syntax: str) -> Encoding:
    """How a data set is written under a transfer syntax (PS3.5 A.1 to A.5)."""
    if syntax == IMPLICIT_LITTLE:
        return IMPLICIT_LE
    return EXPLICIT_BE if syntax == EXPLICIT_BIG else EXPLICIT_LE
