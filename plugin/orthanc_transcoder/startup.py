"""What is wrong with the settings as a whole, beside Orthanc's own options, found at the start.

An option that contradicts another, or what this Orthanc is and has, stops the start like
one that is wrong by itself. Each sentence names the option, what was found, and the
remedy. What costs transcoding only is told instead (``advice``).
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from typing import Protocol

from .errors import SettingsError
from .options import SECTION
from .settings import Settings

# A section with a name that has this stem, or is alike by more than that, is a misspelt one:
# no object among Orthanc's options is, and of its plugins' sections "Transfers" has 0.74.
_ALIKE = 0.8
_STEM = "transcod"


class Configuration(Protocol):
    """Orthanc's own options, as far as mistakes are found by them.

    Attributes
    ----------
    sections
        Names of all options that are objects.
    named_numbers
        Option, name and number of each metadata and attachment that the user defined.
    """

    sections: tuple[str, ...]
    peers: tuple[str, ...]
    peers_in_database: bool
    named_numbers: tuple[tuple[str, str, int], ...]


class Host(Protocol):
    """The Orthanc core."""

    @property
    def version(self) -> str:
        """Its version."""

    @property
    def has_labels(self) -> bool:
        """Whether it knows labels."""


def check(settings: Settings, configuration: Configuration, host: Host | None) -> None:
    """Refuse settings that cannot work here.

    Parameters
    ----------
    host
        None where the native interface is not used, and so nothing is checked nor labelled.

    Raises
    ------
    SettingsError
        With a line for each mistake.
    """
    mistakes = [
        *_misspelt(configuration.sections),
        *_failure_mistakes(settings, host),
        *_unknown_peers(settings, configuration),
        *_taken_numbers(settings, configuration),
    ]
    if mistakes:
        raise SettingsError("\n".join(mistakes))


def named_peers(settings: Settings) -> dict[str, str]:
    """The peers that the settings name, by the options that do."""
    options = {"Forward": settings.forward, "QualityFailure": settings.on_failure}
    return {option: value["Peer"] for option, value in options.items() if "Peer" in value}


def unknown_peer(option: str, peer: str, known: Collection[str], *, in_database: bool) -> str:
    """A sentence about a peer that Orthanc does not know."""
    among = ", ".join(sorted(known)) or "none"
    add = f"add it (PUT /peers/{peer})" if in_database else "add it there"
    where = "Orthanc's database" if in_database else '"OrthancPeers"'
    return (
        f'option "{SECTION}.{option}" names the peer "{peer}", which is not in {where}; known: '
        f"{among}; {add}, or name one of those"
    )


def _misspelt(sections: Collection[str]) -> Iterator[str]:
    for name in sections:
        if name != SECTION and _looks_like_ours(name.casefold()):
            yield f'section "{name}" is unknown; the transcoder\'s is "{SECTION}": rename it so'


def _looks_like_ours(name: str) -> bool:
    likeness = difflib.SequenceMatcher(None, SECTION.casefold(), name).ratio()
    return _STEM in name or likeness > _ALIKE


def _failure_mistakes(settings: Settings, host: Host | None) -> Iterator[str]:
    wanted = settings.on_failure
    if any(wanted.values()) and not settings.checks:
        yield (
            f'option "{SECTION}.QualityFailure" waits for the verdict FAIL, but '
            f'"{SECTION}.QualityChecks" is false, and nothing is checked; set it to true, or '
            'leave "QualityFailure" out'
        )
    option = f'option "{SECTION}.QualityFailure"'
    if wanted.get("Delete") and "Peer" not in wanted:
        yield (
            f'{option} has "Delete": true without a "Peer"; nothing is deleted that no peer has '
            'stored: name a "Peer", or leave "Delete" out'
        )
    if "Label" in wanted and host and not host.has_labels:
        yield (
            f'{option} has the "Label" "{wanted["Label"]}", but this is Orthanc {host.version}, '
            'and labels need 1.12.0 or later; leave "Label" out (a "Peer" is possible), or '
            "upgrade Orthanc"
        )


def _unknown_peers(settings: Settings, configuration: Configuration) -> Iterator[str]:
    if configuration.peers_in_database:
        return
    for option, peer in named_peers(settings).items():
        if peer not in configuration.peers:
            yield unknown_peer(option, peer, configuration.peers, in_database=False)


def _taken_numbers(settings: Settings, configuration: Configuration) -> Iterator[str]:
    for option, name, number in configuration.named_numbers:
        if number == settings.report_metadata:
            yield (
                f'option "{SECTION}.ReportMetadata" is {number}, which "{option}" names "{name}": '
                "reports would overwrite what is kept there; give one of the two another number"
            )
