"""The clients: DCMTK's tools and HTTP connections that stay open, one or several at once."""

from __future__ import annotations

import http.client
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from .servers import NO_DELAY, BenchServer

_TIMEOUT = 600.0


class ClientError(RuntimeError):
    """A client could not do its work, or the server is gone."""


def c_store(server: BenchServer, batches: Sequence[Sequence[bytes]]) -> float:
    """Send each batch over one association, all at once; return the seconds of the whole."""
    with tempfile.TemporaryDirectory(dir=server.folder) as folder:
        commands = []
        for client, batch in enumerate(batches):
            paths = [Path(folder, f"{client}-{number}.dcm") for number in range(len(batch))]
            for path, content in zip(paths, batch, strict=True):
                path.write_bytes(content)
            target = ("127.0.0.1", str(server.dicom_port))
            commands.append([_tool("storescu"), *target, *map(str, paths)])
        return run_tools(commands)


def c_get(server: BenchServer, study_uid: str, folder: Path) -> float:
    """Fetch a study uncompressed into ``folder``."""
    options = ("-S", "+B", "-xe", "-od", str(folder))
    query = ("-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study_uid}")
    target = ("127.0.0.1", str(server.dicom_port))
    return run_tools([[_tool("getscu"), *options, *query, *target]])


def run_tools(commands: Sequence[Sequence[str]]) -> float:
    """Run processes side by side; return the seconds until the last has ended well."""
    environment = {**os.environ, **NO_DELAY}
    began = time.perf_counter()
    running = [
        subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        for command in commands
    ]
    try:
        for process in running:
            _, errors = process.communicate(timeout=_TIMEOUT)
            if process.returncode:
                raise ClientError(f"{process.args!r:.60}: {errors.decode(errors='replace')[-500:]}")
    finally:
        for process in running:
            process.kill()
            process.wait()
    return time.perf_counter() - began


def rest_store(server: BenchServer, batches: Sequence[Sequence[bytes]]) -> float:
    """Post each batch over one connection, all at once; return the seconds of the whole."""
    return side_by_side(
        [lambda batch=batch: _post(server, batch) for batch in batches]  # type: ignore[misc]
    )


def rest_get(server: BenchServer, paths: Sequence[str], bodies: list[bytes]) -> float:
    """Get paths over a connection that stays open; the answers are added to ``bodies``."""

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=_TIMEOUT)
        for path in paths:
            connection.request("GET", path)
            bodies.append(_take(connection))
        connection.close()

    return side_by_side([work])


def _post(server: BenchServer, batch: Sequence[bytes]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=_TIMEOUT)
    for content in batch:
        connection.request("POST", "/instances", content)
        _take(connection)
    connection.close()


def _take(connection: http.client.HTTPConnection) -> bytes:
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise ClientError(f"the server answered {answer.status}")
    return body


def side_by_side(works: Sequence[Callable[[], None]]) -> float:
    """Do several things in threads; return the seconds of the whole.

    Raises
    ------
    ClientError
        If any of them failed.
    """
    errors: list[Exception] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except (OSError, http.client.HTTPException, ClientError) as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - began
    if errors:
        raise ClientError(f"{type(errors[0]).__name__}: {errors[0]}") from errors[0]
    return elapsed


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise ClientError(f"{name} is missing: run scripts/setup test")
    return found
