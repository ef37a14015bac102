"""What a worker says of itself: shown on the status page, once it has the shape for that."""

from __future__ import annotations

from typing import Any

_TEXTS = ("version", "fingerprint", "python", "interpreter")


def checked(hello: dict[str, Any]) -> dict[str, Any]:
    """The very same; ValueError if it is not what ``worker.main`` sends."""
    codecs = hello.get("codecs")
    witnesses = codecs.get("witnesses") if isinstance(codecs, dict) else None
    sound = (
        set(hello) == {*_TEXTS, "codecs", "confinement"}
        and all(isinstance(hello[name], str) for name in _TEXTS)
        and _is_offer(codecs)
        and _is_offer(witnesses)
        and _has_texts(hello["confinement"])
    )
    if not sound:
        raise ValueError("it does not say who it is")
    return hello


def _is_offer(value: object) -> bool:
    """What there is, with versions or whatever tells more, and what there is not, and why."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("available"), dict)
        and _has_texts(value.get("unavailable"))
    )


def _has_texts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())
