"""Debian's /etc/orthanc with the plugin, and without it again.

    service_config.py install [--check] [--keep-script] CONFIGURATION-FOLDER PREFIX
    service_config.py uninstall CONFIGURATION-FOLDER

Orthanc reads all *.json of the folder, and refuses to start where two of them define the
same option. Debian's python.json defines "PythonScript", for a sample; our own file needs
that option. So the sample's is put into a comment, and taken out of it again, to the byte.
The same is done, when our file is made, with "BuiltinDecoderTranscoderOrder" where it is
Orthanc's default, "After": ours says "Disabled", so that nothing damaged reaches Orthanc's
own decoders. Nothing else in the administrator's files is touched. A script of the
administrator's own is never replaced, nor another order.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path

OURS = "orthanc-transcoder.json"
SAVED = OURS + ".saved"
SCRIPT, SECTION = "PythonScript", "Transcoder"
ORDER, DEFAULT_ORDER, OUR_ORDER = "BuiltinDecoderTranscoderOrder", "After", "Disabled"
COMMENT = "/* orthanc-transcoder: {} */"
COMMENTED = re.compile(
    rf'/\* orthanc-transcoder: ("(?:{SCRIPT}|{ORDER})"(?:(?!\*/).)*?|,) \*/', re.DOTALL
)
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\n]*|/\*.*?\*/|[{}\[\],:]|[^\s{}\[\],:"/]+', re.DOTALL)


class ConfigurationError(Exception):
    """Something that an administrator has to decide."""


@dataclass(frozen=True)
class Member:
    """A top-level option, where it stands, and the commas around it."""

    name: str
    start: int
    end: int
    value: str
    comma_before: int | None
    comma_after: int | None


def members(text: str) -> Iterator[Member]:
    """The top-level options of a JSON object with comments."""
    tokens = [token for token in TOKEN.finditer(text) if token[0][:2] not in ("//", "/*")]
    comma = None
    position = 1  # after the brace
    while position + 2 < len(tokens):
        last = _end_of_value(tokens, position + 2)
        following = tokens[last + 1] if last + 1 < len(tokens) else tokens[last]
        after = following.start() if following[0] == "," else None
        yield Member(
            json.loads(tokens[position][0]),
            tokens[position].start(),
            tokens[last].end(),
            text[tokens[position + 2].start() : tokens[last].end()],
            comma,
            after,
        )
        comma = after
        position = last + 2


def _end_of_value(tokens: list[re.Match[str]], position: int) -> int:
    depth = 0
    for number in range(position, len(tokens)):
        depth += (tokens[number][0] in "{[") - (tokens[number][0] in "}]")
        if depth == 0:
            return number
    raise ConfigurationError("its brackets do not match")


def commented(text: str, member: Member) -> str:
    """The text with an option in a comment, and with it the comma that is one too many."""
    spans = [(member.start, member.end)]
    if member.comma_after is not None:
        spans.append((member.comma_after, member.comma_after + 1))
    elif member.comma_before is not None:
        spans.insert(0, (member.comma_before, member.comma_before + 1))
    for start, end in reversed(spans):
        if "*/" in text[start:end]:
            raise ConfigurationError(f'"{member.name}" holds a comment')
        text = text[:start] + COMMENT.format(text[start:end]) + text[end:]
    return text


def uncommented(text: str) -> str:
    """The text as it was."""
    return COMMENTED.sub(r"\1", text)


def read(path: Path) -> tuple[str, dict[str, Member]]:
    """A file's text, and its options by name."""
    try:
        return parse(path, path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is not UTF-8: {error}") from error


def parse(path: Path, text: str) -> tuple[str, dict[str, Member]]:
    """The text of a file, and its options by name."""
    try:
        return text, {member.name: member for member in members(text)}
    except (ConfigurationError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error


def others(folder: Path) -> list[Path]:
    """The files that Orthanc reads besides ours."""
    return [path for path in sorted(folder.glob("*.json")) if path.name != OURS]


def install(folder: Path, prefix: Path, *, keep_script: bool, check: bool) -> None:
    """Write our file, unless it is there, and comment out the sample of Debian's.

    With ``check``, only find out whether that can be done.

    Raises
    ------
    ConfigurationError
        Before anything is changed, if there is another script, or a file is no JSON.
    """
    script = str(prefix / "plugin" / "transcoder_plugin.py")
    ours = _ours(folder)
    options: dict[str, object] = {SCRIPT: script, ORDER: OUR_ORDER, SECTION: {}}
    changes: dict[Path, str] = {}
    for path in others(folder):
        text, found = read(path)
        if SECTION in found:
            options.pop(SECTION)
        if ORDER in found:
            changes[path] = _give_way(text, found[ORDER], options, yields=ORDER in ours)
            text, found = parse(path, changes[path])
        if SCRIPT not in found:
            continue
        value = json.loads(found[SCRIPT].value)
        if value == script or keep_script:
            options.pop(SCRIPT)
        elif isinstance(value, str) and _is_sample(Path(value)):
            changes[path] = commented(text, found[SCRIPT])
        else:
            raise ConfigurationError(OTHER_SCRIPT.format(path=path, value=value, prefix=prefix))
    if check:
        return
    if ORDER in options and ORDER not in ours:
        print(KEPT_ORDER.format(folder=folder))
    _write(folder, changes, options)


def _write(folder: Path, changes: dict[Path, str], options: dict[str, object]) -> None:
    ours, saved = folder / OURS, folder / SAVED
    for path, text in changes.items():
        # Written in place: owner, mode and links stay as they are.
        path.write_text(text, encoding="utf-8")
    if saved.exists() and not ours.exists():
        saved.rename(ours)
    if not ours.exists():
        ours.write_text(json.dumps(options, indent=2) + "\n", encoding="utf-8")
        ours.chmod(0o644)


OTHER_SCRIPT = """\
{path} names a script already, {value}, and Orthanc's Python plugin loads one.
To have both, add these lines to it and install again with --keep-script:

    import orthanc, sys
    sys.path.insert(0, "{prefix}/plugin")
    from orthanc_transcoder import app
    app.start(orthanc)"""


KEPT_ORDER = """\
The settings in {folder} do not say "BuiltinDecoderTranscoderOrder": "Disabled", which new
installations have: what is declined goes on to Orthanc's own transcoder, which guesses at
damaged images. See "Limits" in the README."""


def _ours(folder: Path) -> set[str]:
    """The options that our file has, or will have."""
    for name in (OURS, SAVED):
        if (folder / name).exists():
            return set(read(folder / name)[1])
    return {SCRIPT, ORDER, SECTION}


def _give_way(text: str, order: Member, options: dict[str, object], *, yields: bool) -> str:
    """The text with Orthanc's default order in a comment; an order that was chosen stays."""
    if json.loads(order.value) != DEFAULT_ORDER:
        options.pop(ORDER)
        return text
    return commented(text, order) if yields else text


def _is_sample(path: Path) -> bool:
    """Whether a file is the one that Debian's package brought, unchanged, or is missing."""
    if not path.is_file():
        return not path.exists() and path.parent == Path("/etc/orthanc")
    query = ["dpkg-query", "--show", "--showformat", "${Conffiles}", "orthanc-python"]
    known = subprocess.run(query, capture_output=True, text=True, check=False).stdout
    digest = md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    return f" {path} {digest}" in known


def uninstall(folder: Path) -> None:
    """Take our file away (settings that were changed are kept beside it), undo the rest."""
    texts = {path: read(path)[0] for path in others(folder)}  # before anything is changed
    ours = folder / OURS
    if ours.exists():
        _, found = read(ours)
        values = {name: json.loads(found[name].value) for name in found.keys() - {SCRIPT}}
        untouched = values.items() <= {SECTION: {}, ORDER: OUR_ORDER}.items()
        if untouched:
            ours.unlink()
        else:
            ours.rename(folder / SAVED)
    for path, text in texts.items():
        if COMMENTED.search(text):
            path.write_text(uncommented(text), encoding="utf-8")


def main() -> str | None:
    """The command line; what is wrong, or None."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("install")
    command.add_argument("--keep-script", action="store_true")
    command.add_argument("--check", action="store_true")
    command.add_argument("folder", type=Path)
    command.add_argument("prefix", type=Path)
    command = commands.add_parser("uninstall")
    command.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    try:
        if arguments.command == "install":
            install(
                arguments.folder,
                arguments.prefix,
                keep_script=arguments.keep_script,
                check=arguments.check,
            )
        else:
            uninstall(arguments.folder)
    except ConfigurationError as error:
        return str(error)
    return None


if __name__ == "__main__":
    sys.exit(main())
