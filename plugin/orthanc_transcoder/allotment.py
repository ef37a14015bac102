"""How many workers there are, and how much memory each may use, where the settings do not say.

The limits of all workers together are half of the memory, so that Orthanc, its cache and
the files on their way have the other half; where that leaves a worker less than it needs,
they may be all of the memory, and where even that is too little, there are fewer workers.
Counted are the workers that are there besides those of ``Workers``, too: one for what
somebody looks at, one for the checks.
"""

from __future__ import annotations

from dataclasses import dataclass

MIB = 2**20
# Measured, as RLIMIT_DATA counts: an idle worker has 80 MiB. Of an image in many frames up
# to 6 times the samples are in memory at once: what was read, what was coded, the file, and
# of each thread the frame at work. Of one in a single frame it is up to 8 times, since
# OpenJPEG has 32 bits for each sample; a single frame in colour may need 14 times.
_BASE = 256 * MIB
_FACTOR = 8
# Where no largest image is named: enough for 224 MiB in a single frame, 300 in many.
_USUAL = 2048 * MIB


@dataclass(frozen=True, slots=True)
class Allotment:
    """What the pool gets.

    Attributes
    ----------
    workers
        Those of ``Workers``.
    processes
        All that may work at once.
    memory_bytes
        What each of them may use.
    """

    workers: int
    processes: int
    memory_bytes: int


def needed(image_bytes: int) -> int:
    """What a worker uses at most for an image of so many bytes of samples."""
    return image_bytes * _FACTOR + _BASE


def allot(
    memory: int, cores: int, special: int, *, workers: int = 0, each: int = 0, image: int = 0
) -> Allotment:
    """Share a machine.

    Parameters
    ----------
    memory
        Bytes of the machine or container.
    special
        Workers besides those that are shared out here.
    workers, each, image
        ``Workers``, and ``WorkerMemory`` and ``MaximumImageSize`` in bytes, where set.
    """
    least = each or min(needed(image) if image else _USUAL, memory // (1 + special))
    if not workers:
        workers = max(1, min(cores, memory // least - special))
    processes = workers + special
    return Allotment(workers, processes, each or max(memory // 2 // processes, least))
