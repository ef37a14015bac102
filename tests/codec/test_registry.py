"""The registry finds codecs, says why one is missing, and never falls back."""

from __future__ import annotations

import pytest

from orthanc_transcoder.codec import registry, uids
from orthanc_transcoder.codec.contract import Codec
from orthanc_transcoder.codec.registry import Registry, Source, default_registry
from orthanc_transcoder.errors import Declined


def _missing() -> Codec:
    raise ImportError("libfoo is not installed")


def test_every_line_loads_and_serves_exactly_its_syntaxes() -> None:
    for name, syntaxes in registry._MODULES.items():
        codec = registry._import(name)
        assert codec.decodes | codec.encodes == set(syntaxes)


def test_no_two_codecs_serve_a_syntax_in_one_direction() -> None:
    codecs = [registry._import(name) for name in registry._MODULES]
    for served in ([c.decodes for c in codecs], [c.encodes for c in codecs]):
        assert sum(map(len, served)) == len(frozenset().union(*served))


def test_nothing_is_unavailable_here() -> None:
    found = default_registry()
    assert found.unavailable == {}
    assert len(found.available) == len(registry._MODULES)
    assert all(entry["version"] for entry in found.available.values())


def test_an_unknown_syntax_is_declined() -> None:
    with pytest.raises(Declined) as caught:
        default_registry().decoder("1.2.3")
    assert caught.value.code == "no_codec"


def test_a_direction_that_no_codec_has_is_declined() -> None:
    with pytest.raises(Declined, match="encode"):
        default_registry().encoder(uids.JPEG2000MC)


def test_a_missing_library_is_listed_and_named_in_the_refusal() -> None:
    broken = Registry([Source("foo", frozenset({uids.JPEG2000}), _missing)])
    assert broken.unavailable == {"foo": "libfoo is not installed"}
    assert broken.available == {}
    with pytest.raises(Declined, match="libfoo is not installed"):
        broken.decoder(uids.JPEG2000)


def test_importing_the_registry_imports_no_codec() -> None:
    calls: list[str] = []

    def load() -> Codec:
        calls.append("loaded")
        raise ImportError("never mind")

    Registry([Source("lazy", frozenset({uids.JPEG2000}), load)])
    assert calls == []
