"""Damaged streams: a CodecError or a sound result, and the process lives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.codec.grid import LOSSLESS, LOSSY

_ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("syntax", sorted({*LOSSLESS, *LOSSY}))
def test_damage_is_refused_or_decoded_to_a_sound_image(syntax: str) -> None:
    path = os.pathsep.join([str(_ROOT / "plugin"), str(_ROOT)])
    child = subprocess.run(
        [sys.executable, "-m", "tests.codec.fuzz_child", syntax, "400", "1"],
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert child.returncode == 0, child.stderr[-2000:]
    seen = json.loads(child.stdout)
    assert seen.pop("slowest") < 5
    assert sum(seen.values()) >= 400
    assert sum(seen.values()) > seen.get("decoded", 0), "no damage was found at all"
