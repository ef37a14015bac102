"""Which transfer syntax an image is transcoded to, if any.

Pure: the answer depends on the arguments alone. The rules:

- A file that is already in an allowed syntax is kept, byte for byte (and does
  not get here).
- Among several allowed syntaxes, the first of ``_PREFERENCE`` wins: native
  before compressed, since the receiver certainly reads it; explicit before
  implicit, since it says more; then the lossless codecs.
- Lossy is never chosen. (Lossy transcoding is not offered yet.)
"""

from __future__ import annotations

from collections.abc import Collection

from . import syntaxes
from .codec import uids
from .errors import Declined
from .model import Request

_PREFERENCE = (
    syntaxes.EXPLICIT_LE,
    syntaxes.IMPLICIT_LE,
    uids.JPEG2000Lossless,
)


def choose(request: Request, encodable: Collection[str]) -> str:
    """Choose the target of an image whose own syntax is not allowed.

    Parameters
    ----------
    encodable
        Syntaxes that can be written here, the native ones included.

    Raises
    ------
    Declined
        If no allowed syntax can be written.
    """
    candidates = [uid for uid in request.allowed if uid in encodable]
    if not candidates:
        raise Declined(
            "no_target", f"none of the allowed syntaxes can be written: {_list(request)}"
        )
    lossless = [uid for uid in candidates if uid in syntaxes.LOSSLESS]
    if not lossless:
        raise Declined("lossy_not_offered", f"only lossy syntaxes are allowed: {_list(request)}")
    return min(lossless, key=_rank)


def _rank(uid: str) -> int:
    return _PREFERENCE.index(uid) if uid in _PREFERENCE else len(_PREFERENCE)


def _list(request: Request) -> str:
    return ", ".join(request.allowed) or "none"
