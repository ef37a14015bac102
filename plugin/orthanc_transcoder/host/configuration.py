"""Orthanc's own options, as far as they concern us."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# As Orthanc counts: deflated is not among them.
_UNCOMPRESSED = frozenset(("", "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"))
# By Orthanc's own transcoder.
_WRITTEN = _UNCOMPRESSED - {""} | {
    f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 57, 70, 80, 81)
}


class IngestRule:
    """What Orthanc's own configuration says of transcoding on ingest.

    The core applies it where it has our transcoder; we do where it has not.
    """

    def __init__(self, configuration: dict[str, Any]) -> None:
        self.target = str(configuration.get("IngestTranscoding", ""))
        self.uncompressed = bool(configuration.get("IngestTranscodingOfUncompressed", True))
        self.compressed = bool(configuration.get("IngestTranscodingOfCompressed", True))

    def applies(self, syntax: str) -> bool:
        """Whether a file of ``syntax`` is to be transcoded."""
        uncompressed = syntax in _UNCOMPRESSED
        return bool(
            self.target
            and syntax != self.target
            and (self.uncompressed if uncompressed else self.compressed)
        )


class Configuration:
    """Orthanc's own options, as far as they concern us, and our section."""

    def __init__(self, orthanc: Any, section: str) -> None:
        values: dict[str, Any] = json.loads(orthanc.GetConfiguration())
        self.section: object = values.get(section, {})
        self.ingest = IngestRule(values)
        self.lossy_quality = int(values.get("DicomLossyTranscodingQuality", 90))
        self.builtin_order = str(values.get("BuiltinDecoderTranscoderOrder", "After"))
        self.builtin_decoder = self.builtin_order != "Disabled"
        # Whether it makes of received files what we refuse to make.
        self.builtin_follows = self.builtin_order == "After" and self.ingest.target in _WRITTEN
        self.overwrites = values.get("OverwriteInstances", False) is not False
        folder = values.get("IndexDirectory") or values.get("StorageDirectory", "OrthancStorage")
        self.sections = tuple(name for name, one in values.items() if isinstance(one, dict))
        self.peers = tuple(values.get("OrthancPeers", {}))
        # Those of the option are then ignored.
        self.peers_in_database = values.get("OrthancPeersInDatabase", False) is True
        self.named_numbers = tuple(_named_numbers(values))
        self.index_folder = _resolve(str(orthanc.GetConfigurationPath()), str(folder))


def _named_numbers(values: dict[str, Any]) -> Iterator[tuple[str, str, int]]:
    """The metadata and attachments that the user defined: ``name: number``, or with a type."""
    for option in ("UserMetadata", "UserContentType"):
        for name, number in values.get(option, {}).items():
            yield option, name, number[0] if isinstance(number, list) else number


def _resolve(configuration: str, folder: str) -> Path:
    """A folder as Orthanc takes it: relative to where its configuration lies."""
    path = Path(configuration)
    return (path if path.is_dir() else path.parent) / folder
