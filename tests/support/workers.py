"""Interpreters for worker processes that misbehave."""

import sys
from pathlib import Path

_FAULTY = Path(__file__).with_name("faulty_worker.py")
_EVIL = Path(__file__).with_name("evil_worker.py")


def faulty_python(folder: Path) -> Path:
    """A program that behaves like this interpreter, but for the codec."""
    return script(folder / "faulty-python", f'exec "{sys.executable}" "{_FAULTY}" "$@"')


def evil_python(folder: Path) -> Path:
    """A program that a file can take over."""
    return script(folder / "evil-python", f'exec "{sys.executable}" "{_EVIL}" "$@"')


def script(path: Path, commands: str) -> Path:
    """An executable shell script."""
    path.write_text(f"#!/bin/sh\n{commands}\n", encoding="utf-8")
    path.chmod(0o755)
    return path
