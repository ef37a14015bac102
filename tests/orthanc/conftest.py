"""Servers as fixtures. Whatever lies in this folder is marked ``orthanc``."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.orthanc.servers import SCRIPT, OrthancServer, gdcm_plugin, python_plugin

_HERE = Path(__file__).parent
JPEG2000_LOSSLESS = "1.2.840.10008.1.2.4.90"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.orthanc)


class StartOrthanc(Protocol):
    """Starts a server with ``OrthancServer``'s arguments; it is stopped when the test ends."""

    def __call__(self, **arguments: Any) -> OrthancServer: ...


@contextlib.contextmanager
def _starter(factory: pytest.TempPathFactory, name: str) -> Iterator[StartOrthanc]:
    base = re.sub(r"\W+", "_", name)[:40]
    started: list[OrthancServer] = []
    with contextlib.ExitStack() as servers:

        def start(**arguments: Any) -> OrthancServer:
            server = OrthancServer(factory.mktemp(base), **arguments)
            # Entered, and so started, within the stack: a failed start is cleaned up, too.
            servers.enter_context(server)
            started.append(server)
            return server

        yield start
        # Whatever a test was about: a server that it leaves running must be able to end well.
        for server in started:
            if server.running and server.stop() != 0:
                pytest.fail(f"Orthanc ended with {server.exit_status}:\n{server.log()[-4000:]}")


@pytest.fixture
def start_orthanc(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[StartOrthanc]:
    """For servers of one test's own: ``start_orthanc(config={...}, plugins=[...])``."""
    with _starter(tmp_path_factory, request.node.name) as start:
        yield start


@pytest.fixture(scope="module")
def start_module_orthanc(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[StartOrthanc]:
    """The same, stopped at the end of the module: to build a module's fixtures on."""
    with _starter(tmp_path_factory, request.node.name) as start:
        yield start


@pytest.fixture(scope="module")
def transcoding_orthanc(start_module_orthanc: StartOrthanc) -> OrthancServer:
    """The plugin, ingesting into JPEG 2000 lossless; shared by the tests of a module."""
    return start_module_orthanc(
        plugins=[python_plugin()],
        script=SCRIPT,
        config={"IngestTranscoding": JPEG2000_LOSSLESS},
    )


@pytest.fixture(scope="module")
def plain_orthanc(start_module_orthanc: StartOrthanc) -> OrthancServer:
    """No plugin at all; shared by the tests of a module."""
    return start_module_orthanc()


@pytest.fixture(scope="module")
def gdcm_orthanc(start_module_orthanc: StartOrthanc) -> OrthancServer:
    """The GDCM plugin, ingesting into JPEG 2000 lossless; shared by the tests of a module."""
    return start_module_orthanc(
        plugins=[gdcm_plugin()],
        config={"IngestTranscoding": JPEG2000_LOSSLESS},
    )
