"""Seeing that Orthanc ends, from what it does with SIGTERM."""

import signal
from collections.abc import Iterator

import pytest

from orthanc_transcoder.host.lifetime import Lifetime


@pytest.fixture
def _restored() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("_restored")
def test_it_ends_when_it_no_longer_handles_what_it_handled() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    lifetime = Lifetime()
    assert not lifetime.is_ending()  # it has not begun
    signal.signal(signal.SIGTERM, lambda *_: None)
    assert not lifetime.is_ending()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    assert lifetime.is_ending()
    signal.signal(signal.SIGTERM, lambda *_: None)  # it only read its configuration anew
    assert not lifetime.is_ending()


@pytest.mark.usefixtures("_restored")
def test_other_signals_say_nothing() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    lifetime = Lifetime()
    assert not lifetime.is_ending()
    signal.signal(signal.SIGUSR1, before)
    assert not lifetime.is_ending()
