"""A worker whose JPEG 2000 codec fails on purpose, chosen by the size of the image.

It does so while it encodes, and while it decodes what came encoded.

It stands in for the interpreter (see ``faulty_python``), so that the product
needs no door for it: the arguments are those of ``python -I -c CODE FOLDER FD``.
"""

import os
import signal
import sys
import time
from collections.abc import Callable

import numpy as np

FAULTS = {
    "segfault": 101,
    "exit": 102,
    "sleep": 103,
    "raise": 104,
    "base_exception": 105,
    "wrong_samples": 106,
    "kill": 107,
    "garbage": 108,
    "spin": 109,
    "abort": 110,
    "memory_bomb": 111,
    "hang_up": 112,
    "stop": 113,
    "slow": 114,
}
SLOW_SECONDS = 1.0
ROWS = 7


class Mishap(BaseException):
    """Not an ``Exception``, like what some native libraries raise."""


def fail(columns: int, descriptor: int) -> None:
    """Do what an image of ``ROWS`` rows and so many columns asks for."""
    fault = {value: name for name, value in FAULTS.items()}.get(columns)
    if fault in _DOINGS:
        _DOINGS[fault](descriptor)


def _raise(mishap: BaseException) -> None:
    raise mishap


def _spin() -> None:
    while True:
        pass


def _hoard() -> None:
    hoard = []
    while True:
        hoard.append(np.empty(1 << 28, np.uint8))


def _hang_up(descriptor: int) -> None:
    os.close(descriptor)
    time.sleep(600)


# ``wrong_samples`` is none of them: it is done to the samples.
_DOINGS: dict[str, Callable[[int], object]] = {
    "segfault": lambda _: os.kill(os.getpid(), signal.SIGSEGV),
    "kill": lambda _: os.kill(os.getpid(), signal.SIGKILL),
    "exit": lambda _: os._exit(3),
    "sleep": lambda _: time.sleep(600),
    "slow": lambda _: time.sleep(SLOW_SECONDS),
    "spin": lambda _: _spin(),
    "raise": lambda _: _raise(RuntimeError("the test codec raised")),
    "base_exception": lambda _: _raise(Mishap("the test codec panicked")),
    "abort": lambda _: os.abort(),
    "memory_bomb": lambda _: _hoard(),
    "hang_up": _hang_up,
    "stop": lambda _: os.kill(os.getpid(), signal.SIGSTOP),  # neither reads nor writes any more
    "garbage": lambda descriptor: os.write(
        descriptor, b"no message at all, but long enough to be taken for one"
    ),
}


def main() -> None:
    """Run the code that the pool gave, with the faulty codec in place."""
    _, _, _, code, folder, *_, descriptor = sys.argv
    sys.path.insert(0, folder)
    from orthanc_transcoder.codec import jpeg2000  # noqa: PLC0415

    honest = jpeg2000.Jpeg2000.encode

    def encode(self, samples, pixels, syntax, options):  # type: ignore[no-untyped-def]
        if pixels.rows == ROWS:
            fail(pixels.columns, int(descriptor))
            if pixels.columns == FAULTS["wrong_samples"]:
                samples = samples ^ 1
        return honest(self, samples, pixels, syntax, options)

    def decoding(honest):  # type: ignore[no-untyped-def]
        def decode(self, frame, pixels, *arguments, **options):  # type: ignore[no-untyped-def]
            if pixels.rows == ROWS:
                fail(pixels.columns, int(descriptor))
            return honest(self, frame, pixels, *arguments, **options)

        return decode

    jpeg2000.Jpeg2000.encode = encode  # type: ignore[method-assign]
    # With the second opinion on what is received, and without it on what was just encoded.
    for name in ("decode", "decode_own"):
        faulty = decoding(getattr(jpeg2000.Jpeg2000, name))  # type: ignore[no-untyped-call]
        setattr(jpeg2000.Jpeg2000, name, faulty)
    sys.argv = ["-c", *sys.argv[4:]]
    exec(code)  # noqa: S102


if __name__ == "__main__":
    main()
