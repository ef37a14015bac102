"""Rules of the project as a whole: its layers, its scripts, its papers."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import orthanc_transcoder
from orthanc_transcoder.options import SECTION
from orthanc_transcoder.settings import Settings

PROJECT = Path(__file__).resolve().parents[2]
PLUGIN = PROJECT / "plugin"
PACKAGE = PLUGIN / "orthanc_transcoder"
SCRIPTS = [*(PROJECT / "scripts").glob("[!_.]*"), PROJECT / ".ci" / "run"]
SHELL_SCRIPTS = [path for path in SCRIPTS if path.is_file() and path.suffix == ""]


def modules() -> list[Path]:
    return sorted(PLUGIN.rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Top-level names of what a module imports, wherever in it the statement stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PLUGIN)))
def test_layers(path: Path) -> None:
    names = set(imported(path))
    inside = str(path.relative_to(PACKAGE)) if PACKAGE in path.parents else ""
    # A worker is not Orthanc: it may call what its own libraries and kernel offer.
    worker = (
        "codec/libjpeg",
        "codec/openjpeg",
        "pool/confinement",
        "pool/landlock",
        "pool/seccomp",
    )
    if not inside.startswith(("host/", *worker)):
        assert "ctypes" not in names
    if path.name != "transcoder_plugin.py":
        assert "orthanc" not in names


def test_nothing_else_lies_in_the_folder_that_orthanc_imports_from() -> None:
    # Folders of tools start with a dot, and so cannot be imported.
    names = {path.name for path in PLUGIN.glob("[!._]*")}
    assert names == {"orthanc_transcoder", "transcoder_plugin.py"}


def orthanc_configuration() -> dict[str, object]:
    text = (PROJECT / "orthanc-config" / "orthanc.json").read_text()
    without_comments = re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)
    configuration: dict[str, object] = json.loads(without_comments)
    return configuration


def test_configuration_serves_this_machine_only() -> None:
    configuration = orthanc_configuration()
    assert configuration["RemoteAccessAllowed"] is False
    assert configuration["DicomCheckModalityHost"] is True
    modalities = configuration["DicomModalities"]
    assert isinstance(modalities, dict)
    assert {host for _title, host, _port in modalities.values()} == {"127.0.0.1"}
    # Any of these being true would let every host associate.
    allowed = [name for name in configuration if name.startswith("DicomAlwaysAllow")]
    assert len(allowed) == 6
    assert not any(configuration[name] for name in allowed)


def test_configuration_is_valid_for_the_plugin() -> None:
    configuration = orthanc_configuration()
    Settings.parse(configuration[SECTION])
    assert (PROJECT / "orthanc-config" / str(configuration["PythonScript"])).resolve() == (
        PLUGIN / "transcoder_plugin.py"
    )


@pytest.mark.parametrize("path", SHELL_SCRIPTS, ids=lambda path: path.name)
def test_scripts(path: Path) -> None:
    assert os.access(path, os.X_OK)
    content = path.read_text()
    assert content.startswith("#!/usr/bin/env bash\n")
    assert "\nset -euo pipefail\n" in content
    subprocess.run(["bash", "-n", str(path)], check=True)


def test_setup_is_silent_when_nothing_is_missing() -> None:
    if not (PROJECT / ".venv" / ".installed").exists():
        pytest.skip("this environment was not made by scripts/setup")
    done = subprocess.run(
        [PROJECT / "scripts" / "setup", "test"], capture_output=True, timeout=60, check=True
    )
    assert done.stdout + done.stderr == b""


def test_setup_refuses_an_unknown_level() -> None:
    done = subprocess.run(
        [PROJECT / "scripts" / "setup", "everything"], capture_output=True, check=False
    )
    assert done.returncode == 2
    assert b"usage" in done.stderr


def test_papers() -> None:
    readme = (PROJECT / "README.md").read_text()
    assert "./scripts/run" in "\n".join(readme.splitlines()[:8])
    assert "./scripts/test" in "\n".join(readme.splitlines()[:8])
    assert "GNU AFFERO GENERAL PUBLIC LICENSE" in (PROJECT / "LICENSE").read_text()
    assert f"## {orthanc_transcoder.__version__}" in (PROJECT / "CHANGELOG.md").read_text()


def test_project_file() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert project["license"] == "AGPL-3.0-or-later"
    assert project["scripts"] == {"orthanc-transcoder": "orthanc_transcoder.cli:main"}
