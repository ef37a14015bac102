"""Seeing whether Orthanc serves, from what it does with SIGTERM."""

import signal
from collections.abc import Iterator

import pytest

from orthanc_transcoder.host.lifetime import is_closed


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGTERM, before)


def test_it_serves_while_it_handles_the_signal() -> None:
    assert is_closed()  # it has not begun
    signal.signal(signal.SIGTERM, lambda *_: None)
    assert not is_closed()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    assert is_closed()
    signal.signal(signal.SIGTERM, lambda *_: None)  # it only read its configuration anew
    assert not is_closed()


def test_other_signals_say_nothing() -> None:
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    assert is_closed()
    signal.signal(signal.SIGUSR1, before)
