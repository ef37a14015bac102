"""What the values of options may be."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from . import syntaxes


def between(low: float, high: float) -> Callable[[Any], bool]:
    """Numbers from ``low`` to ``high``."""
    return lambda value: low <= value <= high


def anything(_: Any) -> bool:
    """Whatever has the right type."""
    return True


def one_of(*allowed: str) -> Callable[[Any], bool]:
    """Words of a list."""
    return lambda value: value in allowed


def _is_number(value: object) -> bool:
    return type(value) in (int, float)


def is_saving(value: object) -> bool:
    """``auto``, nothing, or a percentage that must be saved."""
    return value in ("auto", None) or (_is_number(value) and between(0, 99)(value))


def are_ratios(value: dict[str, Any]) -> bool:
    """Ratios of at least 1, by name."""
    return all(_is_number(ratio) and ratio >= 1 for ratio in value.values())


# What a lossy syntax may be aimed at, with the values that make sense.
_AIMS: dict[str, Callable[[Any], bool]] = {
    "Quality": lambda value: type(value) is int and 1 <= value <= 100,
    "PSNR": lambda value: _is_number(value) and 1 <= value <= 200,
    "Ratio": lambda value: _is_number(value) and 1 <= value <= 1000,
    "Near": lambda value: type(value) is int and 1 <= value <= 255,
}


def are_lossy_targets(value: dict[str, Any]) -> bool:
    """One aim for each lossy syntax."""
    return all(
        syntax in syntaxes.LOSSY_KEYWORDS
        and isinstance(aim, dict)
        and len(aim) == 1
        and all(name in _AIMS and _AIMS[name](number) for name, number in aim.items())
        for syntax, aim in value.items()
    )


def are_compressed_syntaxes(value: list[Any]) -> bool:
    """Compressed transfer syntaxes, by UID or keyword."""
    known = {*syntaxes.KEYWORDS, *syntaxes.KEYWORDS.values()}
    native = {name for name, uid in syntaxes.KEYWORDS.items() if uid in syntaxes.NATIVE}
    return all(name in known - native - syntaxes.NATIVE for name in value)


_FORWARDING: dict[str, Callable[[Any], bool]] = {
    "Peer": lambda value: isinstance(value, str) and value != "",
    "Level": lambda value: value in ("Series", "Instance"),
    "Transcode": lambda value: value in {*syntaxes.KEYWORDS, *syntaxes.KEYWORDS.values()},
    "Delete": lambda value: isinstance(value, bool),
}


def is_forwarding(value: dict[str, Any]) -> bool:
    """Where everything is sent on to, or empty."""
    known = all(name in _FORWARDING and _FORWARDING[name](one) for name, one in value.items())
    return known and (not value or "Peer" in value)


_ON_FAILURE: dict[str, Callable[[Any], bool]] = {
    # What Orthanc takes for a label.
    "Label": lambda value: (
        isinstance(value, str) and re.fullmatch(r"[\w-]{1,64}", value) is not None
    ),
    "Peer": lambda value: isinstance(value, str) and value != "",
    "Delete": lambda value: isinstance(value, bool),
}


def is_on_failure(value: dict[str, Any]) -> bool:
    """What becomes of failed instances; ``startup`` looks at what belongs together."""
    return all(name in _ON_FAILURE and _ON_FAILURE[name](one) for name, one in value.items())
