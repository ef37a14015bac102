"""Settings that contradict Orthanc's own options: named at the start, with the remedy."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest

from orthanc_transcoder import advice, startup
from orthanc_transcoder.errors import SettingsError
from orthanc_transcoder.host.seam import Configuration
from orthanc_transcoder.options import SECTION
from orthanc_transcoder.settings import Settings
from tests.host.fake_orthanc import FakeOrthanc

# Options of Orthanc, and sections of its official plugins, that are objects.
OFFICIAL = (
    "AdvancedStorage", "Authorization", "AwsS3Storage", "AzureBlobStorage", "ConnectivityChecks",
    "DelayedDeletion", "DicomModalities", "DicomWeb", "Dictionary", "Education",
    "ExtraMainDicomTags", "Gdcm", "GoogleCloudStorage", "Housekeeper", "HttpHeaders", "Indexer",
    "Java", "JobsEngineThreadsCount", "MultitenantDicom", "MySQL", "Neuro", "OHIF", "Odbc",
    "OrthancExplorer2", "OrthancPeers", "Pkcs11", "PixelsMasker", "PostgreSQL", "Python",
    "RegisteredUsers", "STL", "ServeFolders", "StoneWebViewer", "Tcia", "Transfers",
    "UserContentType", "UserMetadata", "VolView", "Warnings", "WebViewer", "WholeSlideImaging",
    "Worklists", "Wsi",
)  # fmt: skip


CONFIGURATIONS = Path(__file__).resolve().parents[2] / "orthanc-config"
SHIPPED = sorted(CONFIGURATIONS.rglob("*.json"))


@dataclasses.dataclass(frozen=True)
class Host:
    version: str = "1.12.7"
    has_labels: bool = True


NEW = Host()
OLD = Host("1.10.1", has_labels=False)


def mistakes(values: dict[str, Any], host: Host | None = NEW) -> list[str]:
    configuration = Configuration(FakeOrthanc(values), SECTION)
    try:
        startup.check(Settings.parse(configuration.section), configuration, host)
    except SettingsError as error:
        return str(error).splitlines()
    return []


def failing(**setting: Any) -> dict[str, Any]:
    return {"Transcoder": {"QualityFailure": setting}, "OrthancPeers": {"pacs": ["http://h/"]}}


def test_nothing_is_wrong_with_what_fits() -> None:
    assert mistakes({}) == []
    assert mistakes({}, None) == []
    assert mistakes(failing(Peer="pacs", Delete=True, Label="bad")) == []
    assert mistakes(failing(Peer="pacs", Delete=True), OLD) == []
    assert mistakes(failing(Delete=False), OLD) == []


@pytest.mark.parametrize("option", ["Forward", "QualityFailure"])
def test_an_unknown_peer_is_named_with_the_known_ones(option: str) -> None:
    section = {option: {"Peer": "pasc"}}
    (found,) = mistakes({"Transcoder": section, "OrthancPeers": {"pacs": [], "other": []}})
    assert found == (
        f'option "Transcoder.{option}" names the peer "pasc", which is not in "OrthancPeers"; '
        "known: other, pacs; add it there, or name one of those"
    )
    (found,) = mistakes({"Transcoder": section})
    assert "known: none; add it there" in found


def test_peers_in_the_database_are_not_looked_for_yet() -> None:
    values = {"Transcoder": {"Forward": {"Peer": "pacs"}}, "OrthancPeersInDatabase": True}
    assert mistakes(values) == []


def test_without_checks_there_is_no_failure_to_see_to() -> None:
    section = {"QualityChecks": False, "QualityFailure": {"Peer": "pacs"}}
    values = {"Transcoder": section, "OrthancPeers": {"pacs": []}}
    (found,) = mistakes(values)
    assert '"Transcoder.QualityChecks" is false, and nothing is checked' in found
    assert mistakes({"Transcoder": {"QualityChecks": False, "QualityFailure": {}}}) == []


def test_nothing_is_deleted_without_a_peer() -> None:
    (found,) = mistakes(failing(Delete=True, Label="bad"))
    assert found.startswith('option "Transcoder.QualityFailure" has "Delete": true without a "Pee')
    assert 'name a "Peer", or leave "Delete" out' in found


def test_labels_need_an_orthanc_that_has_them() -> None:
    (found,) = mistakes(failing(Label="bad"), OLD)
    assert found.startswith('option "Transcoder.QualityFailure" has the "Label" "bad"')
    assert "this is Orthanc 1.10.1, and labels need 1.12.0 or later" in found
    assert mistakes(failing(Label="bad"), None) == []


@pytest.mark.parametrize(
    ("option", "value", "wrong"),
    [
        ("UserMetadata", {"reviewed": 4206}, True),
        ("UserMetadata", {"reviewed": 4205}, False),
        ("UserContentType", {"sound": 4206}, True),
        ("UserContentType", {"sound": [4206, "audio/mpeg"]}, True),
        ("UserContentType", {"sound": [4207, "audio/mpeg"]}, False),
    ],
)
def test_reports_overwrite_nothing_of_the_users(option: str, value: object, wrong: bool) -> None:
    found = mistakes({option: value})
    assert len(found) == wrong
    for one in found:
        assert f'"Transcoder.ReportMetadata" is 4206, which "{option}" names "' in one
        assert "give one of the two another number" in one
    assert mistakes({option: value, "Transcoder": {"ReportMetadata": 5000}}) == []


@pytest.mark.parametrize(
    "name",
    ["Transcoders", "transcoder", "TRANSCODER", "Trancoder", "Transcodre", "OrthancTranscoder",
     "Orthanc-Transcoder", "Transcoding", "Transcode", "Transkoder", "Trnscoder"],
)  # fmt: skip
def test_a_misspelt_section_is_found(name: str) -> None:
    (found,) = mistakes({name: {"Workers": 2}})
    assert found == f'section "{name}" is unknown; the transcoder\'s is "Transcoder": rename it so'
    assert len(mistakes({name: {}, "Transcoder": {}})) == 1


def test_no_section_of_orthanc_or_its_plugins_passes_for_ours() -> None:
    values: dict[str, Any] = {name: {} for name in OFFICIAL}
    assert mistakes({**values, "TranscodeDicomProtocol": True, "IngestTranscoding": ""}) == []


def test_all_mistakes_are_named_at_once() -> None:
    found = mistakes(
        {
            "Transcoder": {
                "QualityFailure": {"Label": "bad", "Delete": True},
                "Forward": {"Peer": "pacs"},
            },
            "Transcoders": {},
            "UserMetadata": {"mine": 4206},
        },
        OLD,
    )
    assert len(found) == 5


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(CONFIGURATIONS)))
def test_nothing_is_wrong_with_what_is_shipped(path: Path) -> None:
    values = json.loads(re.sub(r"^\s*//.*$", "", path.read_text(), flags=re.MULTILINE))
    assert mistakes(values, OLD) == []
    configuration = Configuration(FakeOrthanc(values), SECTION)
    assert advice.on_ingest(Settings.parse(configuration.section), configuration) == {}
