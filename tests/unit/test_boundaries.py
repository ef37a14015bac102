"""What may import what; ``test_project`` says who may touch ctypes and ``orthanc``."""

import ast
import subprocess
import sys
from pathlib import Path

PLUGIN = Path(__file__).resolve().parents[2] / "plugin"
PACKAGE = PLUGIN / "orthanc_transcoder"


def test_the_orthanc_side_imports_the_standard_library_only() -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import orthanc_transcoder.app; "
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, str(PLUGIN)],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(run.stdout.split())
    assert "orthanc_transcoder" in loaded
    foreign = loaded - set(sys.stdlib_module_names) - {"orthanc_transcoder", "__main__"}
    assert not foreign


def test_no_stage_imports_one_before_it() -> None:
    """host, policy, pool, pipeline, codec and dicom: the flow goes one way."""
    forbidden = {
        "codec": ("host", "pool", "dicom", "pipeline", "policy", "records", "web", "app"),
        "dicom": ("host", "pool", "pipeline", "policy", "records", "web", "app"),
        "pool": ("host", "records", "web", "app"),
        "web": ("host", "pool", "pipeline", "app"),
    }
    for package, others in forbidden.items():
        for path in (PACKAGE / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and node.level == 2:
                    first = (node.module or "").partition(".")[0]
                    names = {first} if first else {alias.name for alias in node.names}
                    assert not names & set(others), path
