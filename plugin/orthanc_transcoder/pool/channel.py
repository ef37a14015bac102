"""Messages of ``wire`` over a stream socket, each within a deadline."""

from __future__ import annotations

import socket
import time
from typing import Any

from . import wire


class Channel:
    """One end of the connection between Orthanc's side and a worker."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection

    def send(
        self,
        header: dict[str, Any],
        payload: bytes | bytearray | memoryview = b"",
        deadline: float | None = None,
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
        """
        self._wait_until(deadline)
        self._socket.sendall(wire.pack(header, len(payload)))
        if len(payload):
            self._wait_until(deadline)
            self._socket.sendall(payload)

    def receive(self, deadline: float | None = None) -> tuple[dict[str, Any], bytearray]:
        """Receive one message.

        Raises
        ------
        EOFError
            If the peer closed the connection.
        TimeoutError, OSError
            If the deadline passes, or the connection breaks.
        wire.WireError
            If the peer sends anything but a message.
        """
        prefix = self._receive_exactly(wire.PREFIX.size, deadline)
        header_bytes, payload_bytes = wire.unpack_prefix(bytes(prefix))
        header = wire.unpack_header(bytes(self._receive_exactly(header_bytes, deadline)))
        return header, self._receive_exactly(payload_bytes, deadline)

    def close(self) -> None:
        """Close this end; the peer's next ``receive`` raises ``EOFError``."""
        self._socket.close()

    def _receive_exactly(self, size: int, deadline: float | None) -> bytearray:
        buffer = bytearray(size)
        rest = memoryview(buffer)
        while rest:
            self._wait_until(deadline)
            received = self._socket.recv_into(rest)
            if not received:
                raise EOFError("the peer closed the connection")
            rest = rest[received:]
        return buffer

    def _wait_until(self, deadline: float | None) -> None:
        if deadline is None:
            self._socket.settimeout(None)
            return
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        self._socket.settimeout(left)
