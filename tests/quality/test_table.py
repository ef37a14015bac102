"""The table of checks, and what must agree with it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from pydicom.datadict import tag_for_keyword
from pydicom.uid import UID

from orthanc_transcoder.quality.checks.sop_class import MODALITIES, TYPE_1
from orthanc_transcoder.quality.checks.table import BY_CODE, CHECKS
from orthanc_transcoder.quality.findings import Severity

PROJECT = Path(__file__).resolve().parents[2]


def table() -> str:
    lines = [
        "| code | severity | meaning | who trips over it | DICOM | what to do |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| `{check.code}` | {check.severity} | {check.meaning} | {check.readers} "
        f"| {check.section} | {check.advice} |"
        for check in CHECKS
    ]
    return "\n".join(lines)


def test_the_page_lists_the_checks_as_they_are() -> None:
    text = (PROJECT / "docs" / "checks.md").read_text(encoding="utf-8")
    _, _, rest = text.partition("<!-- checks -->")
    listed, end, _ = rest.partition("<!-- /checks -->")
    assert end
    assert listed.strip() == table()


def test_codes_are_unique_and_every_check_says_all_that_is_asked() -> None:
    assert len(BY_CODE) == len(CHECKS) >= 24
    for check in CHECKS:
        assert re.fullmatch(r"[a-z][a-z0-9_]+", check.code)
        assert check.meaning
        assert check.advice.endswith(".")
        assert "|" not in check.meaning + check.section + check.advice + check.readers
        assert check.readers.endswith(".") == (check.severity is Severity.WARN)
        assert re.match(r"PS3\.\d+ |ITU-T T\.\d+ ", check.section) or check.code in (
            "internal_error",
            "ended_a_worker",
        )


def test_orthanc_s_side_can_read_findings_and_table() -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); "
        "import orthanc_transcoder.quality.findings, orthanc_transcoder.quality.checks.table; "
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, str(PROJECT / "plugin")],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(run.stdout.split())
    assert "orthanc_transcoder" in loaded
    assert not loaded - set(sys.stdlib_module_names) - {"orthanc_transcoder", "__main__"}


@pytest.mark.parametrize("sop_class", TYPE_1)
def test_the_sop_classes_exist_and_so_do_their_attributes(sop_class: str) -> None:
    assert UID(sop_class).name.endswith("Storage") or "Storage" in UID(sop_class).name
    assert all(tag_for_keyword(keyword) for keyword in TYPE_1[sop_class])
    assert len(set(TYPE_1[sop_class])) == len(TYPE_1[sop_class])


def highdicom_s(name: str) -> Any:
    """A table of the standard that highdicom extracted from its text."""
    spec = find_spec("highdicom")
    if spec is None or spec.origin is None:
        pytest.skip("highdicom is not installed")
    return json.loads((Path(spec.origin).parent / "_standard" / f"{name}.json").read_text())


@pytest.mark.parametrize("sop_class", TYPE_1)
def test_the_type_1_attributes_are_the_standard_s(sop_class: str) -> None:
    """What the table asks for is Type 1, at the top level, in a mandatory module."""
    iods = highdicom_s("sop_class_iod_map")
    attributes = highdicom_s("module_attribute_map")
    modules = [
        module["key"]
        for module in highdicom_s("iod_module_map")[iods[sop_class]]
        if module["usage"] == "M"
    ]
    mandatory = {
        attribute["keyword"]
        for module in modules
        for attribute in attributes.get(module, ())
        if attribute["type"] == "1" and not attribute["path"]
    }
    assert set(TYPE_1[sop_class]) <= mandatory


def test_modalities_are_of_classes_that_are_known() -> None:
    assert set(MODALITIES) <= set(TYPE_1)
