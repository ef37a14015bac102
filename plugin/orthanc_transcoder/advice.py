"""What the settings and Orthanc's own options cost, told at the start, which they do not stop.

Orthanc stores in any case: what cannot be transcoded is kept as it came, or is left to
Orthanc's own transcoder, which runs inside the server, and whose results nobody proves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from . import policy, syntaxes
from .options import SECTION
from .settings import Settings

_ALWAYS_LOSSY = frozenset(syntaxes.LOSSY_METHODS) - frozenset(syntaxes.REVERSIBLE_TWIN)


class Ingest(Protocol):
    """Orthanc's own options about ingest."""

    target: str
    uncompressed: bool
    compressed: bool


class Configuration(Protocol):
    """Orthanc's own options, as far as this needs them.

    Attributes
    ----------
    builtin_order
        When Orthanc's own transcoder is asked: ``Before``, ``After`` or ``Disabled``.
    """

    builtin_order: str

    @property
    def ingest(self) -> Ingest:
        """What is transcoded at ingest."""


def on_builtin(order: str) -> str:
    """What Orthanc's own decoder and transcoder may still do; empty if they do nothing."""
    if order == "Disabled":
        return ""
    if order == "Before":
        return (
            '"BuiltinDecoderTranscoderOrder" is "Before": Orthanc\'s own transcoder comes first, '
            'and what it makes is not proven; "Disabled" is recommended'
        )
    return (
        '"BuiltinDecoderTranscoderOrder" is "After": what is declined here, damaged images '
        "among it, goes on to Orthanc's own transcoder, which guesses at it, and its result "
        'is stored in the place of the original; "Disabled" is recommended'
    )


def on_ingest(settings: Settings, configuration: Configuration) -> dict[str, str]:
    """Why no image can be transcoded at ingest, by the option that is in the way."""
    ingest = configuration.ingest
    if not ingest.target or not (ingest.uncompressed or ingest.compressed):
        return {}
    restricted = {syntaxes.resolve(name) for name in settings.restrict}
    found = {}
    if ingest.target in _ALWAYS_LOSSY and not settings.lossy:
        found["Lossy"] = (
            f'option "{SECTION}.Lossy" is false, but "IngestTranscoding" is {ingest.target}, '
            f"which is always lossy: {_fate(configuration.builtin_order)}; "
            f'set "{SECTION}.Lossy" to true, or "IngestTranscoding" to a lossless syntax'
        )
    if ingest.target not in policy.WRITABLE:
        found["IngestTranscoding"] = (
            f'option "IngestTranscoding" is {ingest.target}, which is not written here: '
            f"{_fate(configuration.builtin_order)}; choose a syntax that the README lists"
        )
    elif restricted and ingest.target not in restricted | syntaxes.NATIVE:
        found["RestrictTransferSyntaxes"] = (
            f'option "{SECTION}.RestrictTransferSyntaxes" does not list {ingest.target}, '
            f'which "IngestTranscoding" is: {_fate(configuration.builtin_order)}; '
            'add it there, or set "IngestTranscoding" to a syntax of that list'
        )
    return found


def on_forwarding(settings: Settings) -> dict[str, str]:
    """Why nothing can be sent on in the syntax that was chosen."""
    target = settings.forwarding.transcode if settings.forwarding else ""
    if target not in _ALWAYS_LOSSY or settings.lossy:
        return {}
    return {
        "Forward": (
            f'option "{SECTION}.Lossy" is false, but "{SECTION}.Forward" transcodes to {target}, '
            f'which is always lossy: no image is made of it here; set "{SECTION}.Lossy" to true, '
            'or "Transcode" to a lossless syntax'
        )
    }


def on_confinement(measures: Mapping[str, str]) -> str:
    """What a worker could not give up, and why; empty if that harms nothing.

    A network of its own takes privileges that services have not. Where no connection can
    be made in any network (``seccomp``), it is none the worse.
    """
    harmless = {"own_network"} if measures.get("seccomp") == "on" else set()
    missing = [
        f"{name.replace('_', ' ')} ({why})"
        for name, why in measures.items()
        if why != "on" and name not in harmless
    ]
    if not missing:
        return ""
    return (
        f"workers are confined less than they should be, without {', '.join(missing)}: a file "
        "that took over a codec could do more than compute; see Limits in README.md"
    )


def _fate(order: str) -> str:
    if order == "Disabled":
        return "every image is declined, and stored as it came"
    if order == "Before":
        return (
            "Orthanc's own transcoder, which comes first, makes what it can, proven and measured "
            "by nobody, and every other image is declined, and stored as it came "
            '("BuiltinDecoderTranscoderOrder" is "Before")'
        )
    return (
        "every image is declined, and goes on to Orthanc's own transcoder, whose result nobody "
        'proves or measures ("BuiltinDecoderTranscoderOrder" is "After")'
    )
