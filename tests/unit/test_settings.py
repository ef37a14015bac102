"""The options' table, and the README that must agree with it."""

import json
from pathlib import Path

import pytest

from orthanc_transcoder.allotment import Allotment
from orthanc_transcoder.errors import SettingsError
from orthanc_transcoder.forwarding import Forwarding
from orthanc_transcoder.options import OPTIONS
from orthanc_transcoder.settings import Settings

README = Path(__file__).resolve().parents[2] / "README.md"


def written(value: object) -> str:
    return json.dumps(value).replace("|", "\\|")


def table() -> str:
    lines = ["| option | default | unit | allowed | meaning |", "|---|---|---|---|---|"]
    lines += [
        f"| `{option.name}` | `{written(option.default)}` | {option.unit} "
        f"| {option.allowed} | {option.help} |"
        for option in OPTIONS
    ]
    return "\n".join(lines)


def test_the_readme_lists_the_options_as_they_are() -> None:
    text = README.read_text(encoding="utf-8")
    _, _, rest = text.partition("<!-- options -->")
    listed, end, _ = rest.partition("<!-- /options -->")
    assert end
    assert listed.strip() == table()


def test_an_empty_section_gives_the_defaults_of_the_table() -> None:
    settings = Settings.parse({})
    assert settings == Settings()
    for option in OPTIONS:
        assert getattr(settings, option.attribute) == option.default


def test_each_option_is_read() -> None:
    section = {
        "NativeCallbacks": False,
        "Python": "/opt/venv/bin/python",
        "Workers": 3,
        "Deadline": 5,
        "QueueLimit": 7,
        "QueueSeconds": 8,
        "WorkerMemory": 512,
        "MaximumImageSize": 100,
        "RestrictTransferSyntaxes": ["JPEG2000", "1.2.840.10008.1.2.4.90"],
        "OnlyIfSmaller": 12.5,
        "UnusedBits": "decline",
        "Lossy": True,
        "LossyTargets": {"JPEG2000": {"PSNR": 60.5}, "JPEGBaseline8Bit": {"Quality": 80}},
        "LossyMaximumError": 12,
        "LossyMinimumPSNR": 40.5,
        "LossyMaximumRatio": {"CT": 4},
        "JPEG2000Bypass": True,
        "JPEGXLEffort": 1,
        "Proof": "own",
        "SecondOpinion": "all",
        "Forward": {"Peer": "pacs", "Transcode": "ExplicitVRLittleEndian", "Delete": True},
        "QualityChecks": False,
        "QualityFailure": {"Label": "failed", "Peer": "pacs", "Delete": True},
        "ReportMetadata": 5000,
    }
    assert set(section) == {option.name for option in OPTIONS}
    settings = Settings.parse(section)
    for option in OPTIONS:
        assert getattr(settings, option.attribute) == section[option.name]
    assert settings.interpreter == Path("/opt/venv/bin/python")
    assert settings.allotment(2) == Allotment(3, 5, 512 * 2**20)
    assert settings.rules(90).maximum_image_bytes == 100 * 2**20
    assert Settings().rules(90).maximum_image_bytes == 2**32


def test_forwarding_has_defaults_of_its_own() -> None:
    assert Settings.parse({}).forwarding is None
    forwarding = Settings.parse({"Forward": {"Peer": "pacs"}}).forwarding
    assert forwarding == Forwarding("pacs", "Series", "", delete=False)


def test_the_workers_get_what_decides_about_images() -> None:
    section = {"Lossy": True, "LossyMaximumRatio": {"MR": 3}, "UnusedBits": "decline"}
    rules = Settings.parse(section).rules(quality=75)
    assert (rules.lossy, rules.quality, rules.unused_bits) == (True, 75, "decline")
    assert rules.maximum_ratio == {"MR": 3}


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.parse({"Wrokers": 2})
    message = str(caught.value)
    assert '"Transcoder.Wrokers"' in message
    assert "Workers" in message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Workers", -1),
        ("Workers", True),
        ("Workers", "2"),
        ("Workers", 2.0),
        ("Workers", None),
        ("NativeCallbacks", 1),
        ("NativeCallbacks", "true"),
        ("Python", "venv/bin/python"),
        ("Deadline", 0),
        ("UnusedBits", "Mask"),
        ("Proof", "none"),
        ("SecondOpinion", True),
        ("Lossy", "yes"),
        ("RestrictTransferSyntaxes", "JPEG2000"),
        ("RestrictTransferSyntaxes", ["ExplicitVRLittleEndian"]),
        ("RestrictTransferSyntaxes", ["jpeg"]),
        ("LossyTargets", {"JPEG2000Lossless": {"PSNR": 60}}),
        ("LossyTargets", {"JPEG2000": {"PSNR": 60, "Ratio": 4}}),
        ("LossyTargets", {"JPEG2000": {"Quality": 101}}),
        ("LossyTargets", {"JPEG2000": 60}),
        ("LossyMaximumError", -1),
        ("LossyMaximumRatio", {"CT": 0.5}),
        ("LossyMaximumRatio", {"CT": True}),
        ("JPEGXLEffort", 10),
        ("Forward", {"Level": "Series"}),
        ("QualityFailure", {"Label": "two words"}),
        ("QualityFailure", {"Peer": ""}),
        ("QualityFailure", {"Delete": 1}),
        ("Forward", {"Peer": "pacs", "Level": "Study"}),
        ("Forward", {"Peer": "pacs", "Retry": 1}),
        ("ReportMetadata", 1023),
        ("ReportMetadata", [4206]),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_allowed(name: str, value: object) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.parse({name: value})
    message = str(caught.value)
    allowed = next(option.allowed for option in OPTIONS if option.name == name)
    assert f'"Transcoder.{name}"' in message
    assert repr(value) in message
    assert allowed in message


@pytest.mark.parametrize("section", [[], "on", None, 1])
def test_a_section_that_is_no_object_is_refused(section: object) -> None:
    with pytest.raises(SettingsError, match="an object"):
        Settings.parse(section)
