"""What reaches Orthanc's log."""

import logging
from collections.abc import Iterator

import pytest

from orthanc_transcoder.host import logs
from tests.host.fake_orthanc import FakeOrthanc


@pytest.fixture
def host() -> Iterator[FakeOrthanc]:
    fake = FakeOrthanc({})
    logger = logging.getLogger("of-this-test")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    handler = logs.LogHandler(fake)
    logger.addHandler(handler)
    yield fake
    logger.removeHandler(handler)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("1.2.3 is fine: 5 ms", "1.2.3 is fine: 5 ms"),
        ("Müller, 東京", "Müller, 東京"),
        ("a\x1b[2Jb", r"a\x1b[2Jb"),
        ("a\rE0101 forged", r"a\rE0101 forged"),
        ("one\ntwo", "one | two"),
        ("NUL\0, bell\a, tab\t, DEL\x7f", r"NUL\x00, bell\x07, tab\t, DEL\x7f"),
        ("8-bit escapes\x9b2J, \x85", r"8-bit escapes\x9b2J, \x85"),
        ("lines\u2028, reversed\u202e, \ufeff", r"lines\u2028, reversed\u202e, \ufeff"),
        ("half a character\udc80", r"half a character\udc80"),
    ],
)
def test_it_is_a_line_of_printable_characters(text: str, line: str) -> None:
    assert logs.harmless(text) == line


def test_a_line_of_a_gigabyte_keeps_both_ends() -> None:
    line = logs.harmless(f"begin{'x' * 10**6}end")
    assert len(line) < 20_000
    assert line.startswith("beginx")
    assert line.endswith("xend")


def refuse(value: str) -> None:
    raise ValueError(value)


def test_a_traceback_stays_readable_and_its_exception_is_cleaned(host: FakeOrthanc) -> None:
    logger = logging.getLogger("of-this-test")
    try:
        refuse("a UID\x1b[31m of\0 a file")
    except ValueError:
        logger.exception("internal error at %s", "1.2\r3")
    ((level, line),) = host.log
    assert level == "error"
    message, traceback, *places, exception = line.split(" | ")
    assert message == r"orthanc_transcoder: internal error at 1.2\r3"
    assert traceback == "Traceback (most recent call last):"
    assert places[0].startswith('  File "')
    assert exception == r"ValueError: a UID\x1b[31m of\x00 a file"
    assert line.isprintable()
