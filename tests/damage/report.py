"""The figures as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from orthanc_transcoder import syntaxes
from tests.damage.child import Outcome
from tests.damage.figures import Figures
from tests.damage.harm import Kind
from tests.damage.originals import REGISTRY

KEYWORD = {uid: keyword for keyword, uid in syntaxes.KEYWORDS.items()}


def tables(found: Mapping[str, Figures]) -> Iterator[str]:
    """Give the lines of both, and of what ended a process."""
    versions = {str(each["version"]) for each in REGISTRY.available.values()}
    yield f"Libraries: {', '.join(sorted(versions))}."
    yield ""
    yield from _outcomes(found)
    yield ""
    yield from _kinds(found)
    yield from _ended(found)


def label(syntax: str) -> str:
    """Keyword and the end of the UID."""
    return f"{KEYWORD[syntax]} .{syntax.rpartition('.')[2]}"


def _outcomes(found: Mapping[str, Figures]) -> Iterator[str]:
    yield _row("", "streams", *(outcome.value for outcome in Outcome))
    yield _row("---", *["--:"] * (1 + len(Outcome)))
    for syntax, figures in found.items():
        total = figures.total()
        counts = (figures.of(outcome) for outcome in Outcome)
        yield _row(label(syntax), total, *(_count(count, total) for count in counts))


def _count(count: int, total: int) -> str:
    return f"{count} ({_percent(count, total)})" if count else "0"


def _kinds(found: Mapping[str, Figures]) -> Iterator[str]:
    yield "Unseen, of all streams of a kind:"
    yield ""
    yield _row("", *(kind.value for kind in Kind))
    yield _row("---", *["--:"] * len(Kind))
    for syntax, figures in found.items():
        cells = (_percent(figures.of(Outcome.UNSEEN, kind), figures.total(kind)) for kind in Kind)
        yield _row(label(syntax), *cells)


def _percent(count: int, total: int) -> str:
    """Round, but never to nothing or to all what is not."""
    if not total:
        return ""
    share = 100 * count / total
    if 0 < share < 1:
        return "<1%"
    return ">99%" if 99 < share < 100 else f"{share:.0f}%"


def _ended(found: Mapping[str, Figures]) -> Iterator[str]:
    for syntax, figures in found.items():
        for number, words in figures.ended.items():
            yield f"\n{label(syntax)}, stream {number}: {words}"


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"
