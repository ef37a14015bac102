"""The pipeline from a shell, without Orthanc.

    orthanc-transcoder transcode IN OUT --to JPEG2000Lossless
    orthanc-transcoder check FILE...

Exit status: 0 done (checked: nothing found), 2 (checked) a warning, 3 declined (nothing
is written, the reason is printed), 1 error or, checked, a failure. ``--json`` prints one
report per line instead of sentences. The checks are those of Orthanc's pages.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from . import __version__, syntaxes
from .codec.registry import default_registry
from .model import Outcome, Report, Request, Rules
from .pipeline import transcode
from .policy import kept_if_in_doubt
from .quality.checks.table import BY_CODE
from .quality.findings import Finding, Inspection, Verdict
from .quality.inspection import inspect

DONE, ERROR, WARNED, DECLINED = 0, 1, 2, 3

_STATUS = {Outcome.DECLINED: DECLINED, Outcome.FAILED: ERROR}
_STATUS_OF_VERDICT = {Verdict.PASS: DONE, Verdict.WARN: WARNED, Verdict.FAIL: ERROR}


def main(arguments: list[str] | None = None) -> int:
    """Run a command line; gives the exit status."""
    try:
        options = _parser().parse_args(arguments)
    except SystemExit as end:
        return ERROR if end.code else DONE  # argparse ends with 2 on a wrong command line
    try:
        return int(options.run(options))
    except OSError as error:
        print(f"orthanc-transcoder: {error}", file=sys.stderr)
        return ERROR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="orthanc-transcoder",
        description="Transcode DICOM images, with proof, or check them.",
        epilog="Exit status: 0 done, 1 error or failed check, 2 check with warnings, "
        "3 declined (nothing written).",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    one = commands.add_parser("transcode", help="transcode one file")
    one.add_argument("input", type=Path, metavar="IN")
    one.add_argument("output", type=Path, metavar="OUT")
    one.add_argument("--to", required=True, type=_syntax, metavar="SYNTAX", help="UID or keyword")
    one.add_argument("--lossy", action="store_true", help="allow a lossy result")
    one.add_argument(
        "--quality", type=int, choices=range(1, 101), metavar="1-100", help="of lossy (90)"
    )
    one.add_argument("--force", action="store_true", help="replace OUT if it exists")
    one.add_argument(
        "--doubtful",
        action="store_true",
        help="write a result even if other readers may see other values in IN",
    )
    one.add_argument("--json", action="store_true", help="print the report as JSON")
    one.set_defaults(run=_transcode)

    many = commands.add_parser("check", help="decode every frame of files, and check all else")
    many.add_argument("files", nargs="+", type=Path, metavar="FILE")
    many.add_argument("--json", action="store_true", help="print one report per line as JSON")
    many.set_defaults(run=_check)
    return parser


def _syntax(name: str) -> str:
    try:
        return syntaxes.resolve(name)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _transcode(options: argparse.Namespace) -> int:
    if mistake := _mistake(options):
        print(f"orthanc-transcoder: {mistake}", file=sys.stderr)
        return ERROR
    data = options.input.read_bytes()
    rules = Rules(lossy=options.lossy, quality=options.quality or Rules().quality)
    request = Request((options.to,), replaces=True)
    result, report = transcode(data, request, rules, default_registry())
    if not options.doubtful:
        report = kept_if_in_doubt(report)
    if report.outcome is Outcome.DECLINED:
        result = None
    if report.outcome is Outcome.KEPT:
        result = data
    if result is not None:
        _write(options.output, result, replace=options.force)
    _print(options.input, report, options.json)
    return _STATUS.get(report.outcome, DONE)


def _mistake(options: argparse.Namespace) -> str:
    """What forbids to begin: no original is ever replaced."""
    if options.quality and not options.lossy:
        return "--quality has no meaning without --lossy"
    if not os.path.lexists(options.output):
        return ""
    if options.output.exists() and options.output.samefile(options.input):
        return f"{options.output} is the same file as {options.input}, which is never replaced"
    if options.output.exists() and not options.output.is_file():
        return f"{options.output} is no file"
    return "" if options.force else f"{options.output} exists; --force replaces it"


def _check(options: argparse.Namespace) -> int:
    registry = default_registry()
    statuses = {DONE}
    for path in options.files:
        try:
            inspection = inspect(path.read_bytes(), registry, second_opinion=Rules().second_opinion)
        except OSError as error:
            print(f"orthanc-transcoder: {error}", file=sys.stderr)
            statuses.add(ERROR)
            continue
        _tell(path, inspection, options.json)
        statuses.add(_STATUS_OF_VERDICT[inspection.verdict])
    return next(status for status in (ERROR, WARNED, DONE) if status in statuses)


def _tell(path: Path, inspection: Inspection, as_json: bool) -> None:
    """Print what was found in one file, in the words of Orthanc's pages."""
    if as_json:
        print(json.dumps({"file": str(path), **inspection.to_json()}))
        return
    facts = inspection.facts
    unchecked = f"; the pixels were not looked at ({facts.unchecked})" if facts.unchecked else ""
    what = f"{facts.frames} frames of {facts.transfer_syntax}" if facts.frames else "no image"
    print(f"{path}: {inspection.verdict}, {what}{unchecked}")
    _list(inspection.findings)


def _list(findings: Iterable[Finding], prefix: str = "") -> None:
    for one in findings:
        where, meaning = f" ({one.where})" if one.where else "", BY_CODE[one.code].meaning
        print(f"  {prefix}{one.severity} {one.code}: {meaning}. {one.sentence}{where}")


def _write(path: Path, data: bytes, *, replace: bool) -> None:
    """Write a file whole or not at all; one that has come to be there meanwhile stays."""
    with tempfile.NamedTemporaryFile(dir=path.absolute().parent, delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(data)
            file.close()
            temporary.chmod(0o666 & ~_umask())
            if replace:
                temporary.replace(path)
            else:
                _link(path, temporary, data)
        finally:
            temporary.unlink(missing_ok=True)


def _link(path: Path, temporary: Path, data: bytes) -> None:
    """Give a finished file its name, unless another has it."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        with path.open("xb") as file:
            file.write(data)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def _print(path: Path, report: Report, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"file": str(path), **report.to_json()}))
    else:
        print(f"{path}: {_sentence(report)}")
        for note in report.notes:
            print(f"  note: {note}")
        for code, sentence in report.doubts.items():
            print(f"  in doubt ({code}): {sentence}")
        _list(report.received, "as received: ")


def _sentence(report: Report) -> str:
    if report.outcome is Outcome.TRANSCODED:
        by = f" by {report.proof['by']}" if report.proof else ""
        return (
            f"transcoded from {report.source_syntax} to {report.target_syntax}, "
            f"{report.source_bytes} to {report.result_bytes} bytes (ratio {report.ratio:.2f}), "
            f"{report.frames} frames {'measured' if report.lossy else 'verified'}{by}"
        )
    return f"{report.outcome} ({report.code}): {report.reason}"


if __name__ == "__main__":
    sys.exit(main())
