"""How a machine's memory is shared among the workers."""

import pytest

from orthanc_transcoder.allotment import Allotment, allot, needed

GIB = 2**30
SPECIAL = 2  # for what somebody looks at, and for the checks


@pytest.mark.parametrize(
    ("cores", "memory", "workers", "each"),
    [
        (2, 2, 1, 2 / 3),
        (2, 4, 1, 4 / 3),
        (4, 8, 2, 2),
        (2, 24, 2, 3),
        (8, 16, 6, 2),
        (8, 64, 8, 3.2),
        (32, 64, 30, 2),
        (64, 512, 64, 512 / 2 / 66),
    ],
)
def test_what_machines_of_many_sizes_give(
    cores: int, memory: int, workers: int, each: float
) -> None:
    found = allot(memory * GIB, cores, SPECIAL)
    assert found.workers == workers
    assert found.memory_bytes / GIB == pytest.approx(each)


@pytest.mark.parametrize("image", [0, 100, 512, 4096])
@pytest.mark.parametrize("cores", [1, 2, 8, 32, 64, 200])
@pytest.mark.parametrize("memory", [1, 2, 3, 7, 16, 24, 64, 512])
def test_by_default_they_have_no_more_than_there_is(cores: int, memory: int, image: int) -> None:
    found = allot(memory * GIB, cores, SPECIAL, image=image * 2**20)
    assert 1 <= found.workers <= cores
    assert found.processes == found.workers + SPECIAL
    assert found.processes * found.memory_bytes <= memory * GIB
    least = needed(image * 2**20) if image else 2 * GIB
    assert found.memory_bytes >= least or found.workers == 1


def test_a_larger_image_costs_workers() -> None:
    found = [allot(64 * GIB, 32, SPECIAL, image=mib * 2**20) for mib in (100, 512, 4096)]
    assert [one.workers for one in found] == [32, 13, 1]
    assert found[1].memory_bytes == needed(512 * 2**20)


def test_what_is_set_is_honoured() -> None:
    assert allot(2 * GIB, 2, SPECIAL, workers=8, each=GIB) == Allotment(8, 10, GIB)
    assert allot(2 * GIB, 2, SPECIAL, each=GIB) == Allotment(1, 3, GIB)
    assert allot(64 * GIB, 8, SPECIAL, each=GIB) == Allotment(8, 10, GIB)
    assert allot(24 * GIB, 2, SPECIAL, workers=16).memory_bytes == 2 * GIB
    assert allot(24 * GIB, 2, 1, workers=1).memory_bytes == 6 * GIB
