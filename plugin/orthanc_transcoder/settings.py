"""The ``Transcoder`` section of Orthanc's configuration, parsed by the table of ``options``.

An unknown name or a wrong value stops the start of Orthanc with a message that
names the option, what was found and what is allowed; nothing is corrected
silently.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import syntaxes
from .allotment import MIB, Allotment, allot
from .errors import SettingsError
from .forwarding import Forwarding
from .machine import machine_memory
from .model import Rules
from .options import OPTIONS, SECTION

_PROJECT = Path(__file__).resolve().parents[2]
_LARGEST_IMAGE = 4096  # MiB: no file is larger
_DEFAULTS = {option.attribute: option.default for option in OPTIONS}


@dataclass(frozen=True, slots=True)
class Settings:
    """The parsed section; attributes are described in ``OPTIONS``."""

    native_callbacks: bool = True
    python: str = ""
    workers: int = 0
    deadline: int = 60
    queue_limit: int = 1000
    queue_seconds: int = 300
    worker_memory: int = 0
    maximum_image_size: int = 0
    restrict: list[str] = field(default_factory=list)
    only_if_smaller: str | float | None = "auto"
    unused_bits: str = "keep"
    lossy: bool = False
    lossy_targets: dict[str, dict[str, float]] = field(default_factory=dict)
    maximum_error: int = 0
    minimum_psnr: float = 0
    maximum_ratio: dict[str, float] = field(
        default_factory=lambda: dict(_DEFAULTS["maximum_ratio"])
    )
    bypass: bool = False
    effort: int = 3
    proof: str = "second"
    second_opinion: str = "cheap"
    forward: dict[str, Any] = field(default_factory=dict)
    checks: bool = True
    on_failure: dict[str, Any] = field(default_factory=dict)
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

    def rules(self, quality: int) -> Rules:
        """What the workers need of the settings, and Orthanc's lossy quality."""
        return Rules(
            restrict=tuple(syntaxes.resolve(name) for name in self.restrict),
            maximum_image_bytes=(self.maximum_image_size or _LARGEST_IMAGE) * MIB,
            only_if_smaller=self.only_if_smaller,
            unused_bits=self.unused_bits,
            lossy=self.lossy,
            quality=quality,
            lossy_targets=self.lossy_targets,
            maximum_error=self.maximum_error,
            minimum_psnr=self.minimum_psnr,
            maximum_ratio=self.maximum_ratio,
            bypass=self.bypass,
            effort=self.effort,
            proof=self.proof,
            second_opinion=self.second_opinion,
            checks=self.checks,
        )

    @property
    def forwarding(self) -> Forwarding | None:
        """Where everything is sent on to, the defaults filled in."""
        if not self.forward:
            return None
        transcode = self.forward.get("Transcode", "")
        return Forwarding(
            peer=self.forward["Peer"],
            level=self.forward.get("Level", "Series"),
            transcode=syntaxes.resolve(transcode) if transcode else "",
            delete=self.forward.get("Delete", False),
        )

    @property
    def interpreter(self) -> Path:
        """The worker interpreter, the default filled in."""
        return Path(self.python) if self.python else _PROJECT / ".venv" / "bin" / "python"

    def allotment(self, special: int) -> Allotment:
        """The workers and their memory, the defaults filled in by what the machine has."""
        return allot(
            machine_memory(),
            len(os.sched_getaffinity(0)),
            special,
            workers=self.workers,
            each=self.worker_memory * MIB,
            image=self.maximum_image_size * MIB,
        )
