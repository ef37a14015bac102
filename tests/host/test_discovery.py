"""Finding the context in a made-up address space: one passes, everything else does not."""

import ctypes
import struct
from dataclasses import dataclass, field

import pytest

from orthanc_transcoder.errors import HostError
from orthanc_transcoder.host import memory
from orthanc_transcoder.host.discovery import search
from orthanc_transcoder.host.memory import AddressSpace, Mapping, open_reader, writable_segments

LIBRARY = "/usr/share/orthanc/plugins/libOrthancPython.so"
BASE, DATA, BSS_END = 0x10000, 0x14000, 0x16000
HEAP, CORE, FREE = 0x40000, 0x80000, 0x90008
PAGE = 4096


@dataclass
class Memory:
    """Pages by address; what is not there cannot be read."""

    pages: dict[int, bytearray] = field(default_factory=dict)

    def map(self, start: int, end: int) -> None:
        for page in range(start, end, PAGE):
            self.pages[page] = bytearray(PAGE)

    def write(self, address: int, data: bytes) -> None:
        page = self.pages[address - address % PAGE]
        page[address % PAGE : address % PAGE + len(data)] = data

    def read(self, address: int, size: int) -> bytes | None:
        page = self.pages.get(address - address % PAGE)
        if page is None or address % PAGE + size > PAGE:
            return None
        return bytes(page[address % PAGE : address % PAGE + size])


@dataclass
class World:
    memory: Memory
    space: AddressSpace

    def search(self) -> set[int]:
        return search(self.space, LIBRARY, FREE, self.memory.read)

    def context(self, address: int, free: int = FREE, invoke: int = CORE + 16,
                version: bytes = b"1.12.7\0", manager: int = HEAP) -> None:  # fmt: skip
        self.memory.write(address + 64, version)
        self.memory.write(address, struct.pack("<4Q", manager, address + 64, free, invoke))

    def pointer(self, slot: int, address: int) -> None:
        self.memory.write(slot, struct.pack("<Q", address))


@pytest.fixture
def world() -> World:
    mem = Memory()
    mem.map(BASE, BASE + PAGE)
    mem.map(DATA, BSS_END)
    mem.map(HEAP, HEAP + PAGE)
    elf = bytearray(64 + 56)
    elf[:5] = b"\x7fELF\x02"
    struct.pack_into("<Q", elf, 32, 64)
    struct.pack_into("<HH", elf, 54, 56, 1)
    struct.pack_into("<IIQQQQQQ", elf, 64, 1, 6, 0, DATA - BASE, 0, PAGE, BSS_END - DATA, PAGE)
    mem.write(BASE, bytes(elf))
    mappings = [
        Mapping(BASE, BASE + PAGE, "r-xp", 0, LIBRARY),
        Mapping(DATA, DATA + PAGE, "rw-p", 0x4000, LIBRARY),
        Mapping(DATA + PAGE, BSS_END, "rw-p", 0, ""),
        Mapping(HEAP, HEAP + PAGE, "rw-p", 0, "[heap]"),
        Mapping(CORE, CORE + PAGE, "r-xp", 0, "/usr/sbin/Orthanc"),
    ]
    return World(mem, AddressSpace(mappings))


@pytest.mark.parametrize("slot", [DATA, DATA + PAGE - 8, DATA + PAGE + 128, BSS_END - 8])
def test_the_context_is_found_in_data_and_bss(world: World, slot: int) -> None:
    world.context(HEAP + 256)
    world.pointer(slot, HEAP + 256)
    assert world.search() == {HEAP + 256}


def test_several_slots_with_the_same_context_are_one(world: World) -> None:
    world.context(HEAP + 256)
    for slot in (DATA, DATA + 8, BSS_END - 16):
        world.pointer(slot, HEAP + 256)
    assert world.search() == {HEAP + 256}


def test_two_contexts_are_two(world: World) -> None:
    for number in (1, 2):
        world.context(HEAP + 256 * number)
        world.pointer(DATA + 8 * number, HEAP + 256 * number)
    assert len(world.search()) == 2


def test_nothing_is_found_where_nothing_is(world: World) -> None:
    assert world.search() == set()


@pytest.mark.parametrize(
    "wrong",
    [
        {"free": FREE + 8},
        {"invoke": HEAP},
        {"invoke": BASE + 16},
        {"invoke": 0},
        {"version": b"hello\0"},
        {"version": b"1.12\0"},
        {"version": b"1.12.7 and more"},
        {"manager": 0x777000},
    ],
)
def test_what_only_resembles_a_context_does_not_pass(
    world: World, wrong: dict[str, int | bytes]
) -> None:
    world.context(HEAP + 256, **wrong)  # type: ignore[arg-type]
    world.pointer(DATA, HEAP + 256)
    assert world.search() == set()


@pytest.mark.parametrize("slot", [DATA + 4, BSS_END + 8])
def test_only_aligned_words_within_the_program_headers_count(world: World, slot: int) -> None:
    world.memory.map(BSS_END, BSS_END + PAGE)
    world.context(HEAP + 256)
    world.pointer(slot, HEAP + 256)
    assert world.search() == set()


def test_pages_that_cannot_be_read_are_passed_over(world: World) -> None:
    world.context(HEAP + 256)
    world.pointer(BSS_END - 8, HEAP + 256)
    del world.memory.pages[DATA]
    assert world.search() == {HEAP + 256}


@pytest.mark.parametrize("version", [b"1.10.1\0", b"1.12.11\0", b"1.13.0~rc1\0", b"mainline\0"])
def test_versions_as_orthanc_has_them(world: World, version: bytes) -> None:
    world.context(HEAP + 256, version=version)
    world.pointer(DATA, HEAP + 256)
    assert world.search() == {HEAP + 256}


def test_a_library_that_is_no_elf_file_is_an_error(world: World) -> None:
    world.memory.write(BASE, b"\0" * 64)
    with pytest.raises(HostError, match="ELF"):
        writable_segments(BASE, world.memory.read)


def test_readers_read_this_process_and_survive_wild_pointers() -> None:
    text = ctypes.create_string_buffer(b"a context would be here")
    address = ctypes.addressof(text)
    with open_reader() as read:
        readers = [read]
        # Refused by the system call filter of older Docker engines, even for the own process.
        if memory._read_by_system_call(address, 9) is not None:
            readers.append(memory._read_by_system_call)
        for reader in readers:
            assert reader(address, 9) == b"a context"
            for wild in (0, 8, 0xDEAD0000DEAD0000, 2**64 - 8):
                assert reader(wild, 8) is None


def test_the_system_call_is_used_where_the_file_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr("os.open", refuse)
    with open_reader() as read:
        assert read is memory._read_by_system_call


def test_the_address_space_knows_this_process() -> None:
    space = AddressSpace.of_this_process()
    text = ctypes.create_string_buffer(100_000)
    found = space.find(ctypes.addressof(text))
    later = AddressSpace.of_this_process().find(ctypes.addressof(text))
    assert later is not None
    assert later.permissions.startswith("rw")
    assert found is None or found.permissions.startswith("rw")
    assert space.find(0) is None
