"""Transfer syntaxes, by what they ask of the file around the pixels (PS3.5 annex A).

The rule: a syntax that no table names is unknown; nothing is derived from the
look of a UID.
"""

from __future__ import annotations

from typing import Final

from .. import syntaxes
from ..codec import uids
from .elements import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, Encoding

IMPLICIT_LITTLE: Final = syntaxes.IMPLICIT_LE
EXPLICIT_LITTLE: Final = syntaxes.EXPLICIT_LE
EXPLICIT_BIG: Final = syntaxes.EXPLICIT_BE
NATIVE: Final = syntaxes.NATIVE
RLE: Final = uids.RLELossless

_JPEG: Final = "1.2.840.10008.1.2.4."

JPIP: Final = frozenset(_JPEG + part for part in ("94", "95", "204", "205"))
DEFLATED_DATA_SETS: Final = frozenset((syntaxes.DEFLATED_LE, _JPEG + "95", _JPEG + "205"))
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
