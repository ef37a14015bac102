"""Orthanc's folder of settings with the plugin, and without it again."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[2] / "scripts" / "service_config.py"
PREFIX = "/opt/orthanc-transcoder"
ORDER = "BuiltinDecoderTranscoderOrder"
DEBIAN = f'{{\n  // Which one comes first\n  "{ORDER}" : "After",\n  "Name": "x"\n}}\n'


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PROGRAM), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def install(folder: Path, *options: str) -> str:
    done = run("install", *options, folder, PREFIX)
    assert done.returncode == 0, done.stderr
    return done.stdout


def orders(folder: Path) -> list[str]:
    """The values that the files give Orthanc, which refuses to start with two of them."""
    texts = [re.sub(r"/\*.*?\*/", "", path.read_text()) for path in folder.glob("*.json")]
    return re.findall(rf'"{ORDER}"\s*:\s*"(\w+)"', "".join(texts))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "orthanc.json").write_text(DEBIAN)
    return tmp_path


def test_the_default_order_gives_way_and_comes_back(folder: Path) -> None:
    assert install(folder, "--check") == ""
    assert orders(folder) == ["After"]
    install(folder)
    assert orders(folder) == ["Disabled"]
    install(folder)
    assert orders(folder) == ["Disabled"]
    assert run("uninstall", folder).returncode == 0
    assert [path.name for path in folder.iterdir()] == ["orthanc.json"]
    assert (folder / "orthanc.json").read_text() == DEBIAN


def test_settings_that_were_saved_come_back_alone(folder: Path) -> None:
    install(folder)
    ours = folder / "orthanc-transcoder.json"
    settings = {**json.loads(ours.read_text()), "IngestTranscoding": "1.2"}
    ours.write_text(json.dumps(settings))
    assert run("uninstall", folder).returncode == 0
    assert orders(folder) == ["After"]
    install(folder)
    assert orders(folder) == ["Disabled"]
    assert json.loads(ours.read_text()) == settings


def test_a_file_that_was_put_back_gives_way_again(folder: Path) -> None:
    install(folder)
    (folder / "orthanc.json").write_text(DEBIAN)
    install(folder)
    assert orders(folder) == ["Disabled"]


def test_an_older_installation_is_left_alone_and_told(folder: Path) -> None:
    (folder / "orthanc-transcoder.json").write_text('{"Transcoder": {}}')
    assert "Disabled" in install(folder)
    assert orders(folder) == ["After"]


@pytest.mark.parametrize("order", ["Before", "Disabled"])
def test_an_order_that_was_chosen_stays(folder: Path, order: str) -> None:
    (folder / "orthanc.json").write_text(DEBIAN.replace("After", order))
    assert install(folder) == ""
    assert orders(folder) == [order]


def test_other_comments_are_no_business_of_ours(folder: Path) -> None:
    text = '{"Name": "x" /* orthanc-transcoder: asked Bob, see ticket 12 */ }'
    (folder / "other.json").write_text(text)
    install(folder)
    assert run("uninstall", folder).returncode == 0
    assert (folder / "other.json").read_text() == text


@pytest.mark.parametrize("script", ['""', "null", '"/etc"'])
def test_an_odd_script_is_an_error_that_names_the_file(folder: Path, script: str) -> None:
    (folder / "python.json").write_text(f'{{"PythonScript": {script}}}')
    done = run("install", folder, PREFIX)
    assert done.returncode == 1
    assert "python.json" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_not_utf_8_is_an_error_before_anything_is_changed(folder: Path) -> None:
    install(folder)
    (folder / "latin.json").write_bytes(b'{"Name": "caf\xe9"}')
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for arguments in (("install", folder, PREFIX), ("uninstall", folder)):
        done = run(*arguments)
        assert done.returncode == 1
        assert "latin.json" in done.stderr
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
