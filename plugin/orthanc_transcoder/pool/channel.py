"""Messages of ``wire`` over a local stream socket, each within a deadline.

Memory is taken as bytes arrive, never because a peer promises them.
"""

from __future__ import annotations

import os
import select
import socket
import time
from typing import Any, NamedTuple

from . import memory, wire

Buffer = bytes | bytearray | memoryview
_CHUNK_BYTES = 256 * 1024


class Message(NamedTuple):
    """A received message.

    Attributes
    ----------
    payload
        What followed the header.
    descriptor
        Of the file in memory that holds the payload instead, or -1; whoever
        takes it closes it.
    size
        Of the payload in bytes, wherever it is.
    """

    header: dict[str, Any]
    payload: bytearray
    descriptor: int
    size: int


class Channel:
    """One end of the connection between Orthanc's side and a worker."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection

    def send(
        self, header: dict[str, Any], payload: Buffer = b"", deadline: float | None = None
    ) -> None:
        """Send one message.

        Parameters
        ----------
        deadline
            In the time of ``time.monotonic``; None waits for ever.

        Raises
        ------
        TimeoutError, OSError
            If the deadline passes, or the peer is gone.
        MemoryError
            If there is no memory for a large payload.
        """
        if len(payload) >= memory.THRESHOLD_BYTES:
            self._send_in_memory(header, payload, deadline)
            return
        self._wait_until(deadline)
        self._socket.sendall(wire.pack(header, len(payload)))
        if len(payload):
            self._wait_until(deadline)
            self._socket.sendall(payload)

    def is_quiet(self) -> bool:
        """Whether the peer has said nothing that was not received, and has not hung up."""
        poll = select.poll()  # needs no descriptor
        poll.register(self._socket, select.POLLIN)
        return not poll.poll(0)

    def receive(self, deadline: float | None = None, most: int = wire.MAX_PAYLOAD_BYTES) -> Message:
        """Receive one message, with a payload of at most so many bytes.

        Raises
        ------
        EOFError
            If the peer closed the connection.
        TimeoutError, OSError
            If the deadline passes, or the connection breaks.
        MemoryError
            If there is no memory, or no descriptor, for the message.
        wire.WireError
            If the peer sends anything but a message.
        """
        descriptors: list[int] = []
        try:
            prefix = wire.unpack_prefix(self._receive_prefix(deadline, descriptors))
            if prefix.in_memory != bool(descriptors) or len(descriptors) > 1:
                raise wire.WireError("a message and the descriptors with it do not agree")
            if prefix.payload_bytes > most:
                raise wire.WireError(f"{prefix.payload_bytes} bytes, where {most} are the most")
            if prefix.in_memory and not prefix.payload_bytes:
                raise wire.WireError("a descriptor comes without a payload")
            header = wire.unpack_header(bytes(self._receive_exactly(prefix.header_bytes, deadline)))
            following = 0 if prefix.in_memory else prefix.payload_bytes
            payload = self._receive_exactly(following, deadline)
            descriptor = descriptors.pop() if descriptors else -1
            return Message(header, payload, descriptor, prefix.payload_bytes)
        finally:
            for one in descriptors:
                os.close(one)

    def close(self) -> None:
        """Close this end; the peer's next ``receive`` raises ``EOFError``."""
        self._socket.close()

    def _send_in_memory(
        self, header: dict[str, Any], payload: Buffer, deadline: float | None
    ) -> None:
        descriptor = memory.write(payload)
        try:
            self._wait_until(deadline)
            text = wire.pack(header, len(payload), in_memory=True)
            sent = socket.send_fds(self._socket, [text], [descriptor])
            self._socket.sendall(text[sent:])
        finally:
            os.close(descriptor)

    def _receive_prefix(self, deadline: float | None, descriptors: list[int]) -> bytes:
        prefix = b""
        while len(prefix) < wire.PREFIX.size:
            self._wait_until(deadline)
            missing = wire.PREFIX.size - len(prefix)
            data, found, flags, _ = socket.recv_fds(self._socket, missing, 1)
            descriptors += found
            if flags & socket.MSG_CTRUNC:
                if found:
                    raise wire.WireError("there is more than one descriptor with a message")
                raise MemoryError("no descriptor is free")
            if not data:
                raise EOFError("the peer closed the connection")
            prefix += data
        return prefix

    def _receive_exactly(self, size: int, deadline: float | None) -> bytearray:
        buffer = bytearray()
        while len(buffer) < size:
            self._wait_until(deadline)
            received = self._socket.recv(min(_CHUNK_BYTES, size - len(buffer)))
            if not received:
                raise EOFError("the peer closed the connection")
            buffer += received
        return buffer

    def _wait_until(self, deadline: float | None) -> None:
        if deadline is None:
            self._socket.settimeout(None)
            return
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        self._socket.settimeout(left)
