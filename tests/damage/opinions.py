"""What second decoders say of damaged streams that the first one takes.

Usage: ``python -m tests.damage.opinions SYNTAX FIRST STOP``. Prints a line for each
stream. The streams are those of ``child``; so are the limits.
"""

from __future__ import annotations

import resource
import signal
import sys
from collections import Counter
from enum import Enum

import numpy as np

from orthanc_transcoder.codec.contract import Codec, Decoded, Witness
from orthanc_transcoder.codec.witnesses import Seat
from orthanc_transcoder.errors import CodecError, Declined
from tests.damage.anatomy import parts
from tests.damage.child import Sound, turn
from tests.damage.figures import child
from tests.damage.harm import damaged
from tests.damage.originals import REGISTRY, originals

_MEMORY = 4 << 30
_SECONDS = 10


class Verdict(Enum):
    """Of one damaged stream."""

    REFUSED = "refused"  # by the first decoder
    OBJECTED = "wrong, the second objects"
    AGREED = "wrong, the second agrees"
    SILENT = "wrong, the second cannot read it"
    NEEDLESS = "harmless, the second objects"
    HARMLESS = "harmless"


def second_of(syntax: str) -> Seat | str:
    """Who gives the second opinion; or why nobody does."""
    return REGISTRY.witnesses.second(syntax)


def judge(codec: Codec, witness: Witness, frame: bytes, sound: Sound, syntax: str) -> Verdict:
    """Have both decoders read one stream."""
    try:
        first = codec.decode(frame, sound.pixels, syntax)
    except (CodecError, Declined):
        return Verdict.REFUSED
    harmless = _same(first, sound.decoded)
    try:
        agrees = _same(witness.decode(frame, sound.pixels, syntax), first)
    except Declined:
        return Verdict.HARMLESS if harmless else Verdict.SILENT
    except CodecError as error:
        if error.code == "unsupported_codestream":
            return Verdict.HARMLESS if harmless else Verdict.SILENT
        agrees = False
    if harmless:
        return Verdict.HARMLESS if agrees else Verdict.NEEDLESS
    return Verdict.AGREED if agrees else Verdict.OBJECTED


def measured(syntax: str, count: int) -> Counter[Verdict]:
    """Count the verdicts of so many streams; a decoder that crashes is an error."""
    done = child("tests.damage.opinions", syntax, 0, count)
    found = Counter(Verdict[line] for line in done.stdout.split())
    if found.total() != count:
        raise RuntimeError(f"{syntax}: ended at stream {found.total()}: {done.stderr[-2000:]}")
    return found


def main(syntax: str, first: int, stop: int) -> None:
    """Judge the streams of these numbers."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    codec, seat = REGISTRY.decoder(syntax), second_of(syntax)
    if isinstance(seat, str):
        raise SystemExit(seat)
    sound = [
        Sound(parts(frame, syntax), pixels, codec.decode(frame, pixels, syntax))
        for frame, pixels in originals(syntax)
    ]
    for index in range(first, stop):
        original, kind = turn(sound, index)
        frame = damaged(original.parts, kind, syntax, index)
        signal.alarm(_SECONDS)
        sys.stdout.write(f"{judge(codec, seat.witness, frame, original, syntax).name}\n")
        sys.stdout.flush()
        signal.alarm(0)


def _same(one: Decoded, other: Decoded) -> bool:
    return np.array_equal(one.samples, other.samples)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
