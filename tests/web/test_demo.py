"""The demonstration, run to its end, and with its dashboard."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.orthanc.rest import RestClient
from tests.orthanc.servers import PROJECT

COMMAND = [sys.executable, str(PROJECT / "scripts" / "demo.py")]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1"}


def test_it_ends_by_itself_where_nobody_looks() -> None:
    done = subprocess.run(
        COMMAND, env=ENVIRONMENT, capture_output=True, text=True, timeout=200, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert "native transcoder registered" in lines[0]
    assert any(line.startswith("CT, 14 of 16 bits") and " yes " in line for line in lines)
    assert any("ms transcoded and verified" in line for line in lines)
    assert lines[-1].startswith("dashboard: was at http://127.0.0.1:")


@pytest.fixture
def staying() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*COMMAND, "--stay"], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
    )
    with process:
        yield process
        if process.poll() is None:
            process.send_signal(signal.SIGINT)  # so that it ends its Orthanc, too


def test_its_dashboard_stays_until_ctrl_c(staying: subprocess.Popen[str]) -> None:
    assert staying.stdout
    line = next(line for line in staying.stdout if line.startswith("dashboard"))
    port = line.partition("127.0.0.1:")[2].partition("/")[0]
    server = RestClient(int(port))
    assert server.request("GET", "/transcoder/app/index.html").status == 200
    totals = server.get("/transcoder/report")
    assert {"transcoded", "declined", "failed"} <= set(totals["by_outcome"])
    assert (totals["pending"], totals["worst_psnr"] > 20) == (0, True)
    assert len([name for name in totals["by_modality"] if name]) > 4
    staying.send_signal(signal.SIGINT)
    assert staying.wait(30) == 0
    with pytest.raises(OSError, match="refused"):
        server.get("/system")
