"""The message format between Orthanc's side and the workers."""

import socket
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orthanc_transcoder.pool import wire
from orthanc_transcoder.pool.channel import Channel

JSON = st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text())


@given(JSON, st.integers(0, wire.MAX_PAYLOAD_BYTES))
def test_what_is_packed_is_unpacked(header: dict[str, object], size: int) -> None:
    message = wire.pack(header, size)
    prefix, body = message[: wire.PREFIX.size], message[wire.PREFIX.size :]
    assert wire.unpack_prefix(prefix) == (len(body), size)
    assert wire.unpack_header(body) == header


@given(st.binary(min_size=wire.PREFIX.size, max_size=wire.PREFIX.size))
def test_garbage_is_no_prefix(prefix: bytes) -> None:
    if prefix.startswith(wire.MAGIC):
        return
    with pytest.raises(wire.WireError):
        wire.unpack_prefix(prefix)


@pytest.mark.parametrize("sizes", [(wire.MAX_HEADER_BYTES + 1, 0), (2, wire.MAX_PAYLOAD_BYTES + 1)])
def test_impossible_sizes_are_refused_before_anything_is_allocated(sizes: tuple[int, int]) -> None:
    with pytest.raises(wire.WireError, match="impossible"):
        wire.unpack_prefix(wire.PREFIX.pack(wire.MAGIC, *sizes))


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"1", b"\xff\xfe"])
def test_a_header_that_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.unpack_header(body)


def channels() -> tuple[Channel, Channel, socket.socket]:
    ours, theirs = socket.socketpair()
    return Channel(ours), Channel(theirs), theirs


def test_a_large_payload_comes_through_whole() -> None:
    here, there, _ = channels()
    payload = bytes(range(256)) * 40_000
    thread = threading.Thread(target=lambda: here.send({"a": 1}, payload))
    thread.start()
    header, received = there.receive(time.monotonic() + 30)
    thread.join()
    assert header == {"a": 1}
    assert received == payload


def test_receiving_past_the_deadline_is_a_timeout() -> None:
    here, _there, _ = channels()
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        here.receive(started + 0.1)
    assert time.monotonic() - started < 5


def test_sending_to_a_peer_that_does_not_read_is_a_timeout() -> None:
    here, _there, _ = channels()
    with pytest.raises(TimeoutError):
        here.send({}, bytes(50_000_000), time.monotonic() + 0.2)


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
