"""scripts/install and scripts/uninstall on a machine that has Debian's Orthanc.

Run as root in a container that nobody needs afterwards, with the checkout in /source; the
first installation has been made. Prints a line for each thing that holds, and stops with
status 1 at the first that does not.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SOURCE = Path("/source")
PREFIX = Path("/opt/orthanc-transcoder")
ETC = Path("/etc/orthanc")
PRISTINE = Path("/pristine")  # /etc/orthanc before the installation
OURS = ETC / "orthanc-transcoder.json"
LOG = Path("/var/log/orthanc/Orthanc.log")
READY = "orthanc_transcoder: native transcoder registered"
JPEG2000_LOSSLESS = "1.2.840.10008.1.2.4.90"
STATUS = "/transcoder/status"
AS_ORTHANC = ("setpriv", "--reuid=orthanc", "--regid=orthanc", "--init-groups")


def main() -> None:
    check("the settings are one JSON file", set(json.loads(OURS.read_text())) == {
        "PythonScript", "BuiltinDecoderTranscoderOrder", "Transcoder"})  # fmt: skip
    check_rights()
    with service():
        status = ask(STATUS)
        check("the transcoder is registered", status["native_callbacks"]["registered"])
        check("the workers run", status["workers"]["unavailable"] == "")
        check("the log says so", READY in LOG.read_text(errors="replace"))

    settings = json.loads(OURS.read_text())
    settings["IngestTranscoding"] = JPEG2000_LOSSLESS
    # One for what someone looks at comes with it, and one for the checks.
    settings["Transcoder"] = {"Workers": 1}
    OURS.write_text(json.dumps(settings))
    with service():
        check("a setting is heeded", ask(STATUS)["workers"]["configured"] == 3)
        check("what arrives is transcoded", stored_syntax() == JPEG2000_LOSSLESS)

    with service():
        upgrade()
        check("a running service does not mind an upgrade", ask(STATUS)["version"] != "9.9.9")
    with service():
        check("the next start has the new version", ask(STATUS)["version"] == "9.9.9")
        check("an upgrade leaves settings alone", ask(STATUS)["workers"]["configured"] == 3)
    check_rights()

    run("uninstall")
    saved = ETC / (OURS.name + ".saved")
    check("changed settings are kept", json.loads(saved.read_text()) == settings)
    saved.unlink()
    check("uninstalling leaves nothing", not PREFIX.exists() and configuration() == pristine())
    with service():
        check("Debian's own service starts again", ask("/system")["Version"] != "")
    check_own_script()


def check_own_script() -> None:
    """A script of the administrator's is neither replaced nor forgotten."""
    own = Path("/etc/orthanc/own.py")
    own.write_text("import orthanc\n")
    python = ETC / "python.json"
    python.write_text(python.read_text().replace("/etc/orthanc/sample.py", str(own)))
    before = configuration()
    refused = run("install", expect=1)
    check("a script of one's own is not replaced", str(own) in refused)
    check("nothing is changed by a refusal", configuration() == before and not PREFIX.exists())


def check_rights() -> None:
    """Orthanc's user can read everything, and write nothing."""
    tests = "! -readable -o ( ! -type l -writable )"
    found = subprocess.run(
        [*AS_ORTHANC, "find", str(PREFIX), str(OURS), *tests.split()],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    check("Orthanc's user reads all and writes nothing", found == "")
    sources = list((PREFIX / "plugin").rglob("*.py"))
    compiled = list((PREFIX / "plugin").rglob("*.pyc"))
    check("the bytecode is there", len(sources) == len(compiled) > 10)


def upgrade() -> None:
    """Install another version over the first."""
    version = SOURCE / "plugin" / "orthanc_transcoder" / "__init__.py"
    lines = version.read_text().splitlines()
    lines = ['__version__ = "9.9.9"' if "__version__ =" in line else line for line in lines]
    version.write_text("\n".join(lines) + "\n")
    run("install")


def configuration(folder: Path = ETC) -> dict[str, tuple[bytes, int, int, int]]:
    """Content, mode and owners of each file."""
    return {
        path.name: (path.read_bytes(), status.st_mode, status.st_uid, status.st_gid)
        for path in folder.iterdir()
        for status in [path.stat()]
    }


def pristine() -> dict[str, tuple[bytes, int, int, int]]:
    """The same before the installation."""
    return configuration(PRISTINE)


@contextlib.contextmanager
def service() -> Iterator[None]:
    """Debian's service, as its unit starts it, for as long as the block lasts."""
    shutil.rmtree(LOG.parent)
    LOG.parent.mkdir(mode=0o750)
    shutil.chown(LOG.parent, "orthanc", "orthanc")
    process = subprocess.Popen(
        [*AS_ORTHANC, "/usr/sbin/Orthanc", f"--logdir={LOG.parent}", str(ETC)]
    )
    try:
        for _ in range(300):
            time.sleep(0.1)
            with contextlib.suppress(OSError):
                ask("/system")
                break
        yield
    finally:
        process.terminate()
        status = process.wait(60)
    check("it stops well", status == 0)


def ask(path: str, body: bytes | None = None) -> Any:
    """A REST answer; text where it is no JSON."""
    request = urllib.request.Request("http://127.0.0.1:8042" + path, data=body)
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        content = answer.read()
    try:
        return json.loads(content)
    except ValueError:
        return content.decode()


def stored_syntax() -> str:
    """The transfer syntax in which a small native image is stored."""
    (image,) = PREFIX.glob(".venv/lib/python3*/site-packages/pydicom/data/test_files/CT_small.dcm")
    identifier = ask("/instances", image.read_bytes())["ID"]
    return str(ask(f"/instances/{identifier}/metadata/TransferSyntax"))


def run(script: str, expect: int = 0) -> str:
    """Run one of the two scripts; return what it says."""
    command = [str(SOURCE / "scripts" / script)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    check(f"scripts/{script} ends with status {expect}", done.returncode == expect, said)
    return said


def check(what: str, holds: bool, details: str = "") -> None:
    """Print what holds, or stop."""
    if not holds:
        log = LOG.read_text(errors="replace")[-3000:] if LOG.exists() else ""
        sys.exit(f"FAILED: {what}\n{details}\n{log}")
    print(f"ok: {what}", flush=True)


if __name__ == "__main__":
    main()
