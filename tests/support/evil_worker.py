"""A worker that a file has taken over: what it does is named in the file that it is sent.

It stands in for the interpreter, as ``faulty_worker`` does, and loads no codec. To other
files it gives the least that is a result.
"""

import array
import fcntl
import itertools
import json
import os
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

_FOLDER, _DESCRIPTOR = sys.argv[4], sys.argv[-1]  # of ``python -I -c CODE FOLDER ... FD``
_PROJECT = Path(__file__).resolve().parents[2]
sys.path[:0] = [_FOLDER, str(_PROJECT)]

from orthanc_transcoder.model import Outcome, Report  # noqa: E402
from orthanc_transcoder.pool import memory, wire, worker  # noqa: E402
from orthanc_transcoder.pool.channel import Channel  # noqa: E402
from tests.support.results import named_file  # noqa: E402

MARK = b"EVIL="
SYNTAX, OTHER_SYNTAX = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.70"
UID, OTHER_UID = "1.2.3.4", "1.2.3.5"
GIB = 2**30
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL

GOOD = named_file(SYNTAX, UID)
REPORT = Report(
    Outcome.TRANSCODED,
    sop_instance_uid=UID,
    result_sop_instance_uid=UID,
    source_syntax="1.2.840.10008.1.2.1",
    target_syntax=SYNTAX,
    result_bytes=len(GOOD),
    verified=True,
)

connection = socket.socket(fileno=int(_DESCRIPTOR))
channel = Channel(connection)


def _say(report: object, result: bytes = GOOD) -> None:
    channel.send({"report": report}, result)


def _changed(**values: Any) -> None:
    """A report in which something is odd."""
    _say({**REPORT.to_json(), **values})


def _without(name: str) -> None:
    _say({key: value for key, value in REPORT.to_json().items() if key != name})


def _result(result: bytes, **values: Any) -> None:
    """Another file, whose length is right."""
    _say(replace(REPORT, result_bytes=len(result), **values).to_json(), result)


def _text(report: str) -> None:
    """A header that is not what ``json.dumps`` gives."""
    body = b'{"report":' + report.encode() + b"}"
    connection.sendall(wire.PREFIX.pack(wire.INLINE, len(body), len(GOOD)) + body + GOOD)


def _odd(**values: str) -> None:
    """A report, and within it texts that are no JSON."""
    text = json.dumps(REPORT.to_json())
    for name, value in values.items():
        text = text.replace(f'"{name}": 0.0', f'"{name}": {value}')
    _text(text)


def _promise(size: int, *, header: int | None = None) -> None:
    body = json.dumps({"report": REPORT.to_json()}).encode()
    connection.sendall(wire.PREFIX.pack(wire.INLINE, header or len(body), size) + body)
    time.sleep(600)


def _in_memory(size: int, *descriptors: int) -> None:
    body = json.dumps({"report": replace(REPORT, result_bytes=size).to_json()}).encode()
    text = wire.PREFIX.pack(wire.IN_MEMORY, len(body), size) + body
    rights = array.array("i", descriptors)
    connection.sendmsg([text], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])


def _sparse(size: int) -> int:
    descriptor = os.memfd_create("sparse", os.MFD_ALLOW_SEALING)
    os.write(descriptor, GOOD)
    os.ftruncate(descriptor, size)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    return descriptor


def _unsealed() -> int:
    descriptor = os.memfd_create("unsealed")
    os.write(descriptor, GOOD)
    return descriptor


def _drip() -> None:
    for byte in itertools.cycle(wire.PREFIX.pack(wire.INLINE, 2**24, 0)):
        connection.sendall(bytes([byte]))
        time.sleep(0.01)


def _chatter() -> None:
    """Print three gigabytes, as far as that is possible."""
    block = b"x" * 2**20
    for _ in range(3072):
        for descriptor in (1, 2):
            try:
                os.write(descriptor, block)
            except OSError:
                break
    _say(REPORT.to_json())


def _answer_twice() -> None:
    _say(REPORT.to_json())
    _say(replace(REPORT, codec="forged").to_json())


def _hang_up() -> None:
    connection.shutdown(socket.SHUT_RDWR)
    time.sleep(600)


EVIL: dict[str, Callable[[], object]] = {
    "promises_4_gib": lambda: _promise(4 * GIB - 1),
    "promises_more": lambda: _promise(4 * GIB),
    "promises_header": lambda: _promise(0, header=2**30),
    "half_header": lambda: _promise(0, header=2**24),
    "sparse": lambda: _in_memory(4 * GIB - 1, _sparse(4 * GIB - 1)),
    "unsealed": lambda: _in_memory(len(GOOD), _unsealed()),
    "other_length_in_memory": lambda: _in_memory(4 * GIB - 1, memory.write(GOOD)),
    "descriptor_without_payload": lambda: _in_memory(0, memory.write(GOOD)),
    "two_descriptors": lambda: _in_memory(len(GOOD), memory.write(GOOD), memory.write(GOOD)),
    "no_memory_file": lambda: _in_memory(4, os.pipe()[0]),
    "garbage": lambda: _result(b"\xff" * 1000),
    "empty": lambda: _result(b""),
    "garbage_on_the_wire": lambda: connection.sendall(b"no message at all, but long enough"),
    "no_preamble": lambda: _result(GOOD[128:]),
    "other_syntax": lambda: _result(named_file(OTHER_SYNTAX, UID)),
    "unasked_syntax": lambda: _result(named_file(OTHER_SYNTAX, UID), target_syntax=OTHER_SYNTAX),
    "other_uid": lambda: _result(named_file(SYNTAX, OTHER_UID)),
    "other_uid_said": lambda: _result(
        named_file(SYNTAX, OTHER_UID), result_sop_instance_uid=OTHER_UID
    ),
    "two_uids": lambda: _result(named_file(SYNTAX, OTHER_UID, media_uid=UID)),
    "lossy_same_uid": lambda: _changed(lossy=True),
    "wrong_length": lambda: _changed(result_bytes=len(GOOD) + 1),
    "kept_in_another_syntax": lambda: _changed(outcome="kept", target_syntax=""),
    "list_report": lambda: _say([]),
    "no_report": lambda: channel.send({}, GOOD),
    "two_reports": lambda: channel.send({"report": REPORT.to_json(), "more": 1}, GOOD),
    "list_header": lambda: connection.sendall(wire.PREFIX.pack(wire.INLINE, 2, 0) + b"[]"),
    "nested": lambda: _text("[" * 100_000 + "]" * 100_000),
    "nested_a_little": lambda: _changed(parameters={"a": json.loads("[" * 500 + "]" * 500)}),
    "many_lists": lambda: _text("[" + "[]," * 4_000_000 + "[]]"),
    "nan": lambda: _odd(milliseconds="NaN"),
    "infinity": lambda: _odd(milliseconds="1e999"),
    "half_a_character": lambda: _changed(codec="\ud800"),
    "missing_key": lambda: _without("lossy"),
    "surplus_key": lambda: _changed(surplus=1),
    "number_for_text": lambda: _changed(codec=7),
    "text_for_number": lambda: _changed(frames="1"),
    "boolean_for_number": lambda: _changed(frames=True),
    "huge_number": lambda: _changed(frames=10**100),
    "odd_outcome": lambda: _changed(outcome="nonsense"),
    "odd_code": lambda: _changed(code='"} 1\nforged'),
    "hang_up": _hang_up,
    "drip": _drip,
    "silence": lambda: time.sleep(600),
    "answer_ahead": _answer_twice,
    "chatter": _chatter,
}


def main() -> None:
    """Be a worker."""
    offer: dict[str, object] = {"available": {}, "unavailable": {}}
    codecs = {**offer, "witnesses": offer}
    channel.send({**worker.hello(), "codecs": codecs, "confinement": {}})
    while True:
        content = _content(channel.receive())
        _, _, name = content.partition(MARK)
        if name:
            EVIL[name.split(b";")[0].decode()]()
        else:
            _say(REPORT.to_json())


def _content(message: Any) -> bytes:
    if message.descriptor < 0:
        return bytes(message.payload)
    return bytes(memory.view(message.descriptor, message.size))


if __name__ == "__main__":
    try:
        main()
    except (EOFError, OSError):
        sys.exit(0)
