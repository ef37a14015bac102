"""A second opinion on a source that would be replaced: two decoders must read it alike.

- It is asked of another decoder than the codec's (see ``codec.witnesses``), where the
  settings want it and the codestream is lossless: decoders of lossy ones may round
  differently.
- Other samples, or damage that the codec did not see, are a doubt. What the second one
  cannot read at all is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from . import reading
from .codec import witnesses
from .codec.contract import Witness
from .codec.registry import Registry
from .codec.witnesses import Seat
from .dicom.image import Image
from .errors import Declined, Refusal
from .reading import Reading

_UNREADABLE = "unsupported_codestream"


class Opinion(NamedTuple):
    """Of one frame: ``disagrees`` says how it differs, ``silent`` why there is none."""

    disagrees: str = ""
    silent: str = ""


def wanted(syntax: str, second_opinion: str, registry: Registry) -> Seat | str:
    """Who is to read images of a syntax, too; or the reason why nobody does.

    Parameters
    ----------
    second_opinion
        As in ``Rules``.

    Returns
    -------
    Seat or str
        An empty string where nobody is wanted.
    """
    if second_opinion == "none" or syntax not in witnesses.TABLE:
        return ""
    if second_opinion == "cheap" and syntax not in witnesses.CHEAP:
        return ""
    return registry.witnesses.second(syntax)


def of_frame(
    first: Reading, witness: Witness, frame: bytes, image: Image, threads: int = 1
) -> Opinion:
    """Have one frame read by another decoder than it was."""
    if first.lossy:
        return Opinion(silent="decoders of lossy codestreams may round differently")
    try:
        second = reading.decode(witness, frame, image, threads)
    except Declined as refusal:
        return Opinion(silent=refusal.reason)
    except Refusal as refusal:
        if refusal.code == _UNREADABLE:
            return Opinion(silent=refusal.reason)
        return Opinion(f"{witness.name} finds it damaged: {refusal.reason.rstrip('.')}.")
    return Opinion(_difference(first, second, witness.name))


def summary(seat: Seat | str, opinions: Sequence[Opinion]) -> dict[str, Any]:
    """What the report says of it.

    Returns
    -------
    dict
        ``by``, ``version`` and ``independence`` of the second decoder, the number of
        ``frames`` that it read and of those that it read otherwise (``disagreements``);
        ``reason``, why there are none or fewer than there could be. Empty where no
        second opinion was wanted.
    """
    if isinstance(seat, str):
        return {"reason": seat} if seat else {}
    silent = next((one.silent for one in opinions if one.silent), "")
    return {
        "by": seat.witness.name,
        "version": seat.witness.version,
        "independence": str(seat.independence),
        "frames": sum(not one.silent for one in opinions),
        "disagreements": sum(bool(one.disagrees) for one in opinions),
        **({"reason": silent} if silent else {}),
    }


def doubts(opinions: Sequence[Opinion]) -> dict[str, str]:
    """The doubt of an image, by its first frame that is read in two ways."""
    for number, one in enumerate(opinions, start=1):
        if one.disagrees:
            return {reading.DISAGREE: f"Frame {number}: {one.disagrees}"}
    return {}


def _difference(first: Reading, second: Reading, name: str) -> str:
    """Say how many samples differ, or nothing."""
    one, other = first.samples, second.samples
    if first.cells is not None and second.cells is not None:
        one, other = first.cells, second.cells
    if one.shape != other.shape:
        return f"{name} reads {other.shape} samples instead of {one.shape}."
    count = int(np.count_nonzero(one != other))
    return f"{name} reads {count} of {one.size} samples otherwise." if count else ""
