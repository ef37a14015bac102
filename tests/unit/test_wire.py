"""The message format between Orthanc's side and the workers."""

import os
import socket
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orthanc_transcoder.payload import whole
from orthanc_transcoder.pool import memory, wire
from orthanc_transcoder.pool.channel import Channel, Message

JSON = st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text())


@given(JSON, st.integers(0, wire.MAX_PAYLOAD_BYTES))
def test_what_is_packed_is_unpacked(header: dict[str, object], size: int) -> None:
    message = wire.pack(header, size)
    prefix, body = message[: wire.PREFIX.size], message[wire.PREFIX.size :]
    assert wire.unpack_prefix(prefix) == wire.Prefix(len(body), size, in_memory=False)
    assert wire.unpack_header(body) == header


@given(st.binary(min_size=wire.PREFIX.size, max_size=wire.PREFIX.size))
def test_garbage_is_no_prefix(prefix: bytes) -> None:
    if prefix.startswith((wire.INLINE, wire.IN_MEMORY)):
        return
    with pytest.raises(wire.WireError):
        wire.unpack_prefix(prefix)


@pytest.mark.parametrize("sizes", [(wire.MAX_HEADER_BYTES + 1, 0), (2, wire.MAX_PAYLOAD_BYTES + 1)])
def test_impossible_sizes_are_refused_before_anything_is_allocated(sizes: tuple[int, int]) -> None:
    with pytest.raises(wire.WireError, match="impossible"):
        wire.unpack_prefix(wire.PREFIX.pack(wire.INLINE, *sizes))


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"1", b"\xff\xfe", b'{"a": NaN}', b'{"a": 1e999}', b'{"a": "\\ud800"}',
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a": [' + b"[]," * 2_000_001 + b"[]]}",
        b'{"a": ' + b"1" * 5000 + b"}",
    ],
    ids=range(11),
)  # fmt: skip
def test_a_header_that_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.unpack_header(body)


def channels() -> tuple[Channel, Channel, socket.socket]:
    ours, theirs = socket.socketpair()
    return Channel(ours), Channel(theirs), theirs


def test_a_payload_beyond_the_sockets_buffer_comes_through_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "THRESHOLD_BYTES", 2**40)
    here, there, _ = channels()
    payload = bytes(range(256)) * 40_000
    thread = threading.Thread(target=lambda: here.send({"a": 1}, payload))
    thread.start()
    message = there.receive(time.monotonic() + 30)
    thread.join()
    assert message == Message({"a": 1}, bytearray(payload), -1, len(payload))


def test_a_large_payload_comes_in_memory() -> None:
    here, there, _ = channels()
    payload = bytes(range(256)) * 40_000
    here.send({"a": 1}, payload)  # nothing in the way: it need not be read meanwhile
    here.send({"a": 2}, b"small")
    message = there.receive(time.monotonic() + 30)
    assert message == Message({"a": 1}, bytearray(), message.descriptor, len(payload))
    sealed = memory.SealedPayload(message.descriptor, message.size)
    assert whole(sealed) == payload
    assert there.receive().payload == b"small"


def test_a_sealed_payload_frees_its_descriptor() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    sealed = memory.SealedPayload(memory.write(b"data"), 4)
    assert len(list(Path("/proc/self/fd").iterdir())) == before + 1
    del sealed
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_file_that_can_still_be_changed_is_refused() -> None:
    descriptor = os.memfd_create("unsealed", os.MFD_ALLOW_SEALING)
    os.write(descriptor, b"data")
    with pytest.raises(ValueError, match="not sealed"):
        memory.SealedPayload(descriptor, 4)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_file_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="4 bytes instead of 5"):
        memory.SealedPayload(memory.write(b"data"), 5)
    with pytest.raises(ValueError, match="4 bytes instead of 5"):
        memory.view(memory.write(b"data"), 5)


def test_a_descriptor_that_is_no_file_in_memory_is_refused() -> None:
    reading, writing = os.pipe()
    os.close(writing)
    with pytest.raises(OSError, match="Invalid argument"):
        memory.SealedPayload(reading, 4)


@pytest.mark.parametrize("in_memory", [True, False])
def test_descriptors_where_none_belong_and_none_where_one_does(in_memory: bool) -> None:
    here, there = socket.socketpair()
    text = wire.pack({}, 4, in_memory=in_memory)
    if in_memory:
        here.sendall(text)
    else:
        socket.send_fds(here, [text], [0])
    with pytest.raises(wire.WireError, match="do not agree"):
        Channel(there).receive(time.monotonic() + 5)


def test_memory_for_a_payload_that_is_not_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(os, "memfd_create", refuse)
    here, _there, _ = channels()
    with pytest.raises(MemoryError):
        here.send({}, bytes(memory.THRESHOLD_BYTES))


def test_receiving_past_the_deadline_is_a_timeout() -> None:
    here, _there, _ = channels()
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        here.receive(started + 0.1)
    assert time.monotonic() - started < 5


def test_sending_to_a_peer_that_does_not_read_is_a_timeout() -> None:
    here, _there, _ = channels()
    with pytest.raises(TimeoutError):
        here.send({"long": "x" * 5_000_000}, b"", time.monotonic() + 0.2)


def test_a_closed_peer_is_the_end_of_the_file() -> None:
    here, there, _ = channels()
    there.close()
    with pytest.raises(EOFError):
        here.receive(time.monotonic() + 5)


def test_a_peer_that_closes_inside_a_message_is_the_end_of_the_file() -> None:
    here, there, raw = channels()
    raw.sendall(wire.pack({}, 100) + b"only some")
    there.close()
    with pytest.raises(EOFError):
        here.receive(time.monotonic() + 5)
