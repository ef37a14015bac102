"""Our values among Orthanc's metrics, as Prometheus gets them."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.servers import SCRIPT, OrthancServer, orthanc_version, python_plugin

LABELLED = 'orthanc_transcoder_outcomes_total{outcome="transcoded",to="1.2.840.10008.1.2.4.90"}'
BYTES = 3_000_000_000_001
# ``read`` goes deeper than the stack of an HTTP thread would allow.
USER_SCRIPT = """
import sys
sys.path.insert(0, {folder!r})
import atexit, orthanc
from orthanc_transcoder import app
from orthanc_transcoder.host import seam
from orthanc_transcoder.threads import Deputy

app._log_into(orthanc)
deputy = Deputy(2)
atexit.register(deputy.stop)
sdk, reason = seam.find_sdk(orthanc, True)
calls = 0
broken = False

def depth(level):
    return level if level == 500 else depth(level + 1)

def read():
    global calls
    if broken:
        raise RuntimeError("no values today")
    calls += 1
    return {{
        "orthanc_transcoder_reads_total": calls,
        "orthanc_transcoder_depth": depth(0),
        "orthanc_transcoder_bytes_total": {bytes!r},
        "orthanc_transcoder_ratio": 0.25,
        {labelled!r}: 7,
    }}

def spoil(output, uri, **request):
    global broken
    broken = True
    output.AnswerBuffer("", "text/plain")

seam.register_metrics(sdk, read, deputy)
orthanc.RegisterRestCallback("/user/spoil", spoil)
"""


@pytest.fixture
def server(start_orthanc: StartOrthanc, tmp_path: Path) -> OrthancServer:
    script = tmp_path / "user.py"
    script.write_text(USER_SCRIPT.format(folder=str(SCRIPT.parent), bytes=BYTES, labelled=LABELLED))
    return start_orthanc(plugins=[python_plugin()], script=script)


def scrape(server: OrthancServer) -> dict[str, str]:
    """Values as they are written, by name and labels; each line ends with a time."""
    text = server.get("/tools/metrics-prometheus").decode()
    return dict(line.rsplit(" ", 2)[:2] for line in text.splitlines())


def test_values_are_there_with_their_labels(server: OrthancServer) -> None:
    values = scrape(server)
    assert int(values["orthanc_transcoder_reads_total"]) == 1
    assert int(values["orthanc_transcoder_depth"]) == 500
    assert float(values["orthanc_transcoder_ratio"]) == 0.25
    assert int(values[LABELLED]) == 7
    assert "orthanc_count_instances" in values
    assert int(scrape(server)["orthanc_transcoder_reads_total"]) == 2


def test_large_counters_are_as_exact_as_the_core_allows(server: OrthancServer) -> None:
    value = scrape(server)["orthanc_transcoder_bytes_total"]
    if orthanc_version() >= (1, 12, 1):
        assert value == str(BYTES)
    else:
        assert float(value) == pytest.approx(BYTES, rel=2**-24)


def test_many_ask_at_once(server: OrthancServer) -> None:
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda _: scrape(server), range(200)))
    assert all(int(values["orthanc_transcoder_depth"]) == 500 for values in answers)
    assert int(scrape(server)["orthanc_transcoder_reads_total"]) == 201


def test_without_our_values_orthancs_are_given_all_the_same(server: OrthancServer) -> None:
    server.get("/user/spoil")
    values = scrape(server)
    assert "orthanc_count_instances" in values
    # Orthanc 1.13 has some of its own that begin with orthanc_transcoder.
    assert not {LABELLED, "orthanc_transcoder_reads_total"} & values.keys()
    end = time.monotonic() + 30  # it is logged on another thread
    while "internal error in the metrics: RuntimeError('no values today')" not in server.log():
        assert time.monotonic() < end
        time.sleep(0.1)
