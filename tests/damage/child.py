"""Decode damaged streams of one syntax; a process of its own, since a decoder may crash.

Usage: ``python -m tests.damage.child SYNTAX FIRST STOP``. Prints a line for each
stream: its kind before it is decoded, what became of it afterwards. A stream that
takes too long ends the process by SIGALRM, whatever library it is in.
"""

from __future__ import annotations

import resource
import signal
import sys
from enum import Enum
from typing import NamedTuple

import numpy as np

from orthanc_transcoder.codec.contract import Codec, Decoded, PixelFormat
from orthanc_transcoder.errors import CodecError, Declined
from tests.damage.anatomy import Part, parts
from tests.damage.harm import Kind, damaged, kinds_of
from tests.damage.originals import REGISTRY, originals

_MEMORY = 4 << 30
_SECONDS = 10


class Outcome(Enum):
    """What became of a damaged stream."""

    REFUSED = "refused"
    HARMLESS = "harmless"  # taken, with all that the sound stream gives
    NOTED = "noted"  # taken as something else, with a note that the sound stream does not get
    UNSEEN = "unseen"  # taken as something else without a word
    CRASHED = "crashed"
    HUNG = "hung"


class Sound(NamedTuple):
    """A sound stream, taken apart, and what it is decoded to."""

    parts: list[Part]
    pixels: PixelFormat
    decoded: Decoded


def main(syntax: str, first: int, stop: int) -> None:
    """Decode the streams of these numbers."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    codec = REGISTRY.decoder(syntax)
    sound = [
        Sound(parts(frame, syntax), pixels, codec.decode(frame, pixels, syntax))
        for frame, pixels in originals(syntax)
    ]
    for index in range(first, stop):
        original, kind = turn(sound, index)
        _say(f"{kind.name} ")
        frame = damaged(original.parts, kind, syntax, index)
        signal.alarm(_SECONDS)
        outcome = decode(codec, frame, original, syntax)
        signal.alarm(0)
        _say(f"{outcome.name}\n")


def turn(sound: list[Sound], index: int) -> tuple[Sound, Kind]:
    """Return whose turn it is, and which kind's: every kind of one, then of the next."""
    kinds = kinds_of(sound[0].parts)
    return sound[index // len(kinds) % len(sound)], kinds[index % len(kinds)]


def decode(codec: Codec, frame: bytes, sound: Sound, syntax: str) -> Outcome:
    """Decode one stream; anything but a refusal that is raised ends the process."""
    try:
        decoded = codec.decode(frame, sound.pixels, syntax)
    except (CodecError, Declined):
        return Outcome.REFUSED
    if _meaning(decoded) == _meaning(sound.decoded) and np.array_equal(
        decoded.samples, sound.decoded.samples
    ):
        return Outcome.HARMLESS
    return Outcome.UNSEEN if decoded.notes == sound.decoded.notes else Outcome.NOTED


def _meaning(decoded: Decoded) -> tuple[int, bool, str]:
    return decoded.bits, decoded.signed, decoded.photometric


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
