"""pydicom loads the plugins of pylibjpeg: one that cannot be loaded costs witnesses only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import json, sys
from orthanc_transcoder.codec.registry import default_registry
from orthanc_transcoder.codec.uids import RLELossless
from orthanc_transcoder.model import Request, Rules
from orthanc_transcoder.pipeline import transcode
from tests.synthesis import Image, native_file
registry = default_registry()
result, report = transcode(native_file(Image(9, 11)), Request((RLELossless,)), Rules(), registry)
print(json.dumps([result is not None, report.proof, registry.witnesses.unavailable]))
"""


@pytest.mark.parametrize("raised", ["ImportError", "RuntimeError", "SystemError"])
def test_a_plugin_that_cannot_be_loaded(tmp_path: Path, raised: str) -> None:
    (tmp_path / "rle").mkdir()
    (tmp_path / "rle" / "__init__.py").write_text(f"raise {raised}('GLIBCXX not found')")
    path = os.pathsep.join(map(str, (tmp_path, ROOT / "plugin", ROOT)))
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    made, proof, unavailable = json.loads(run.stdout)
    assert made
    assert proof["independence"] == "none"
    assert "GLIBCXX not found" in proof["reason"]
    assert "GLIBCXX not found" in unavailable["pylibjpeg/rle"]
