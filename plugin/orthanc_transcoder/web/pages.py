"""The pages of the quality reports: static files by name, and the headers they go out with.

Standard library only. Nothing is looked up on disk by what a browser asks for:
the files are those of a fixed table, read once when the plugin starts. The
pages fetch their data from the REST routes (``docs/rest.md``), and nothing
from outside of Orthanc.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..quality.checks.table import CHECKS

_WEB: Final = Path(__file__).resolve().parent
_APP: Final = _WEB / "app"

_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}

NAMES: Final = (
    "index.html",
    "study.html",
    "instance.html",
    "checks.html",
    "app.css",
    "icon.svg",
    "api.js",
    "charts.js",
    "check-again.js",
    "checks.js",
    "dashboard.js",
    "dashboard-sections.js",
    "dom.js",
    "format.js",
    "frames.js",
    "instance.js",
    "instance-sections.js",
    "parts.js",
    "study.js",
    "tables.js",
    "theme.js",
    "words.js",
)
CHECKS_NAME: Final = "checks.json"

# What comes from a DICOM file is only ever put into a page as text; were that to
# fail once, the browser still runs nothing but these files.
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # After an update of the plugin no old script may meet a new page.
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True, slots=True)
class Page:
    """A file as it goes out."""

    content: bytes
    content_type: str
    headers: dict[str, str]


def page(name: str) -> Page | None:
    """The file ``name`` of ``/transcoder/app/``; an empty name is the dashboard."""
    return _PAGES.get(name or "index.html")


def explorer_script() -> str:
    """What Orthanc Explorer runs: buttons, badges and the link to the dashboard."""
    return (_WEB / "explorer.js").read_text("utf-8")


def _checks() -> bytes:
    values = {
        check.code: {
            "severity": str(check.severity),
            "meaning": check.meaning,
            "section": check.section,
            "advice": check.advice,
            "readers": check.readers,
        }
        for check in CHECKS
    }
    return json.dumps(values, separators=(",", ":")).encode("ascii")


def _page(name: str, content: bytes) -> Page:
    return Page(content, _TYPES[Path(name).suffix], HEADERS)


_PAGES: Final = {name: _page(name, (_APP / name).read_bytes()) for name in NAMES} | {
    CHECKS_NAME: _page(CHECKS_NAME, _checks())
}
