"""The ``Transcoder`` section of Orthanc's configuration, as one table.

``OPTIONS`` is the single source: the parser, the error messages and the
README's table all come from it. An unknown name or a wrong value stops the
start of Orthanc with a message that names the option, what was found and what
is allowed; nothing is corrected silently.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import SettingsError

SECTION = "Transcoder"

_PROJECT = Path(__file__).resolve().parents[2]
_TYPE_NAMES = {bool: "true or false", int: "a whole number", str: "a string"}


@dataclass(frozen=True, slots=True)
class Option:
    """One option of the section.

    ``allowed`` says in words what ``accepts`` checks.
    """

    name: str
    attribute: str
    type: type[bool | int | str]
    default: bool | int | str
    unit: str
    allowed: str
    accepts: Callable[[Any], bool]
    help: str

    def parse(self, value: object) -> bool | int | str:
        """Check one value from the JSON configuration.

        Raises
        ------
        SettingsError
            If its type or value is not allowed.
        """
        # A JSON true is an int for Python, and must not pass for a number.
        if type(value) is not self.type or not self.accepts(value):
            raise SettingsError(
                f'option "{SECTION}.{self.name}" is {value!r}; allowed: {self.allowed}'
            )
        return value


def _between(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: low <= value <= high


def _anything(_: Any) -> bool:
    return True


OPTIONS: tuple[Option, ...] = (
    Option(
        "NativeCallbacks",
        "native_callbacks",
        bool,
        True,
        "",
        _TYPE_NAMES[bool],
        _anything,
        "Register the transcoder with Orthanc's core. If false, or if the core's native "
        "interface cannot be proven safe, only received instances are transcoded.",
    ),
    Option(
        "Python",
        "python",
        str,
        "",
        "path",
        "an absolute path, or empty for the project's own virtual environment",
        lambda value: value == "" or Path(value).is_absolute(),
        "The Python interpreter of the worker processes, with numpy, pydicom and the codecs. "
        "If empty: `.venv/bin/python` beside the folder `plugin`.",
    ),
    Option(
        "Workers",
        "workers",
        int,
        0,
        "processes",
        "0 to 256; 0 means one for each core",
        _between(0, 256),
        "How many worker processes transcode at once. 0: one for each core.",
    ),
    Option(
        "Deadline",
        "deadline",
        int,
        60,
        "seconds",
        "1 to 86400",
        _between(1, 86400),
        "Time that a transcoding may take before its worker is ended and the original is "
        "stored. One second more is granted for each 4 MB of the file.",
    ),
    Option(
        "UnusedBits",
        "unused_bits",
        str,
        "mask",
        "",
        '"mask" or "decline"',
        lambda value: value in ("mask", "decline"),
        "What to do with an image that holds something in the bits above Bits Stored that is "
        "neither a sign nor an overlay, where the target cannot carry it: drop those bits, as "
        "DICOM allows, and note it in the report; or keep the original.",
    ),
    Option(
        "ReportMetadata",
        "report_metadata",
        int,
        4206,
        "metadata number",
        "1024 to 65535",
        _between(1024, 65535),
        "Number of the user-defined metadata that holds each instance's report.",
    ),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The parsed section; attributes are described in ``OPTIONS``."""

    native_callbacks: bool = True
    python: str = ""
    workers: int = 0
    deadline: int = 60
    unused_bits: str = "mask"
    report_metadata: int = 4206

    @classmethod
    def parse(cls, section: object) -> Settings:
        """Check the whole section and fill in the defaults.

        Raises
        ------
        SettingsError
            At the first unknown name or wrong value.
        """
        if not isinstance(section, Mapping):
            raise SettingsError(f'the section "{SECTION}" is {section!r}; allowed: an object')
        options = {option.name: option for option in OPTIONS}
        for name in section:
            if name not in options:
                known = ", ".join(options)
                raise SettingsError(f'option "{SECTION}.{name}" is unknown; known: {known}')
        values: dict[str, Any] = {
            options[name].attribute: options[name].parse(section[name]) for name in section
        }
        return cls(**values)

    @property
    def interpreter(self) -> Path:
        """The worker interpreter, the default filled in."""
        return Path(self.python) if self.python else _PROJECT / ".venv" / "bin" / "python"

    @property
    def worker_count(self) -> int:
        """The number of workers, the default filled in."""
        return self.workers or len(os.sched_getaffinity(0))
