"""pylibjpeg's plugins as decoders of the contract."""

from __future__ import annotations

import dataclasses
import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from orthanc_transcoder.codec import pylibjpeg, uids
from orthanc_transcoder.codec.contract import EncodeOptions, Witness
from orthanc_transcoder.codec.pylibjpeg import Plugin
from orthanc_transcoder.errors import CodecError, Declined
from orthanc_transcoder.fingerprint import PACKAGE
from tests.codec import grid

FOUND = pylibjpeg.witnesses()
PLUGINS = [one for one in FOUND.values() if isinstance(one, Plugin)]
LOSSLESS = [
    (plugin, syntax) for plugin in PLUGINS for syntax in sorted(plugin.decodes & {*grid.LOSSLESS})
]
EVERY = pytest.mark.parametrize(
    ("plugin", "syntax"), LOSSLESS, ids=[f"{one.name}-{uid[18:]}" for one, uid in LOSSLESS]
)
SMALL = grid.pixel_format(31, 33, 8)


def test_the_plugins_that_this_package_installs_are_there() -> None:
    names = {plugin.name for plugin in PLUGINS}
    assert {"pylibjpeg/rle", "pylibjpeg/openjpeg"} <= names
    assert all(plugin.version.count("/") == 1 for plugin in PLUGINS)
    assert "unknown" not in "".join(plugin.version for plugin in PLUGINS)


def test_one_that_is_not_installed_is_named_with_what_to_install() -> None:
    missing = {name: why for name, why in FOUND.items() if isinstance(why, str)}
    assert set(missing) <= {"pylibjpeg/libjpeg"}
    assert all("pylibjpeg-libjpeg" in why for why in missing.values())


@EVERY
def test_a_plugin_decodes_and_nothing_else(plugin: Plugin, syntax: str) -> None:
    assert plugin.encodes == frozenset()
    assert isinstance(plugin.refuses(SMALL, syntax), str)
    with pytest.raises(Declined):
        plugin.encode(grid.samples_of(SMALL), SMALL, syntax, EncodeOptions())


@EVERY
def test_what_it_gives_is_what_the_contract_asks_for(plugin: Plugin, syntax: str) -> None:
    for bits, signed, samples in ((8, False, 1), (8, False, 3), (12, True, 1), (16, True, 3)):
        pixels = grid.pixel_format(31, 33, bits, signed=signed, samples=samples)
        frame, header = grid.encode(syntax, grid.samples_of(pixels, "noise"), pixels)
        own = grid.REGISTRY.decoder(syntax).decode(frame.data, header, syntax)
        decoded = plugin.decode(frame.data, header, syntax)
        assert decoded.samples.dtype == own.samples.dtype
        assert decoded.samples.flags.c_contiguous
        assert np.array_equal(decoded.samples, own.samples)
        for name in ("bits", "signed", "photometric", "lossy", "notes", "sign_declared"):
            assert getattr(decoded, name) == getattr(own, name)


@EVERY
def test_a_header_that_disagrees_is_noted_as_the_codec_does(plugin: Plugin, syntax: str) -> None:
    if syntax == uids.RLELossless:
        pytest.skip("RLE says nothing that a header could contradict")
    frame, header = grid.encode(syntax, grid.samples_of(SMALL), SMALL)
    wrong = dataclasses.replace(header, rows=30, bits_stored=7)
    decoded = plugin.decode(frame.data, wrong, syntax)
    own = grid.REGISTRY.decoder(syntax).decode(frame.data, wrong, syntax)
    assert decoded.samples.shape == (31, 33)
    assert decoded.notes == own.notes != ()


@EVERY
@pytest.mark.parametrize("junk", [b"", b"\x00", b"\xff\xd8\xff\xd9", b"JFIF" * 40, bytes(200)])
def test_what_is_no_codestream_is_refused(plugin: Plugin, syntax: str, junk: bytes) -> None:
    with pytest.raises(CodecError):
        plugin.decode(junk, grid.pixel_format(9, 9, 8), syntax)


@EVERY
def test_an_implausible_size_is_refused(plugin: Plugin, syntax: str) -> None:
    if syntax == uids.RLELossless:
        pytest.skip("RLE has no size of its own")
    pixels = grid.pixel_format(1200, 1000, 8)
    frame, header = grid.encode(syntax, grid.samples_of(pixels), pixels)
    with pytest.raises(CodecError) as caught:
        plugin.decode(frame.data, dataclasses.replace(header, rows=30, columns=40), syntax)
    assert caught.value.code == "implausible_size"


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
def test_no_codestream_that_is_cut_off_is_taken_whole(plugin: Plugin) -> None:
    for syntax in sorted(plugin.decodes & {*grid.LOSSLESS}):
        frame, header = grid.encode(syntax, grid.samples_of(SMALL), SMALL)
        for length in range(0, len(frame.data) - 1, 7):
            with pytest.raises(CodecError):
                plugin.decode(frame.data[:length], header, syntax)


def test_htj2k_beyond_openjpeg_is_declined() -> None:
    plugin = FOUND["pylibjpeg/openjpeg"]
    assert isinstance(plugin, Plugin)
    deep = grid.pixel_format(9, 9, 17, allocated=32)
    assert plugin.cannot_read(deep, uids.HTJ2KLossless)
    assert plugin.cannot_read(deep, uids.JPEG2000Lossless) is None
    imagecodecs = importlib.import_module("imagecodecs")
    frame = imagecodecs.htj2k_encode(np.zeros((9, 9), np.uint32), reversible=True)
    with pytest.raises(Declined):
        plugin.decode(bytes(frame), deep, uids.HTJ2KLossless)


def failing(error: BaseException) -> Plugin:
    def function(*_: bytes, **__: int) -> bytes:
        raise error

    return Plugin("foo", "1/1", {uids.RLELossless: function})


class Panic(BaseException):
    """As pyo3 makes them."""


Panic.__module__ = "pyo3_runtime"


@pytest.mark.parametrize("error", [RuntimeError("no"), ValueError("no"), Panic("no")])
def test_what_a_plugin_raises_of_a_frame_is_damage(error: BaseException) -> None:
    frame, header = grid.encode(uids.RLELossless, grid.samples_of(SMALL), SMALL)
    with pytest.raises(CodecError, match="pylibjpeg/foo") as caught:
        failing(error).decode(frame.data, header, uids.RLELossless)
    assert caught.value.code == "damaged_codestream"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(), MemoryError()])
def test_what_is_not_the_plugins_goes_through(error: BaseException) -> None:
    with pytest.raises(type(error)):
        failing(error).decode(b"", SMALL, uids.RLELossless)


def test_a_real_panic_is_caught() -> None:
    """A segment that goes on past its plane; in a process, for what Rust prints of it."""
    program = """
import struct
from orthanc_transcoder.codec import pylibjpeg, uids
from orthanc_transcoder.errors import CodecError
from tests.codec import grid
plugin = pylibjpeg.witnesses()["pylibjpeg/rle"]
frame = struct.pack("<16L", 2, 64, 66, *[0] * 13) + bytes((256 - 15, 0)) * 2
try:
    plugin.decode(frame, grid.pixel_format(2, 2, 16), uids.RLELossless)
except CodecError as error:
    print(error.code, error.reason)
"""
    paths = os.pathsep.join((str(PACKAGE.parent), str(PACKAGE.parents[1])))
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("damaged_codestream pylibjpeg/rle panics")


@pytest.mark.parametrize("data", [bytes(3), bytes(5), b""], ids=["too few", "too many", "none"])
def test_bytes_that_are_no_such_image_are_refused(data: bytes) -> None:
    plugin = Plugin("foo", "1/1", {uids.RLELossless: lambda *_, **__: data})
    with pytest.raises(CodecError) as caught:
        plugin.decode(b"frame", grid.pixel_format(2, 2, 8), uids.RLELossless)
    assert caught.value.code == "codec_failed"


Found = dict[str, Witness | str]


def found_with(monkeypatch: pytest.MonkeyPatch, registry: Callable[..., Any]) -> Found:
    module = importlib.import_module("pylibjpeg.utils")
    monkeypatch.setattr(module, "get_pixel_data_decoders", registry)
    return pylibjpeg.witnesses()


def test_whoever_installs_another_plugin_gains_a_witness(monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(*_: bytes, **__: int) -> bytes:
        return bytes(4)

    found = found_with(
        monkeypatch,
        lambda **_: {uids.RLELossless: {"foo": decode}, "1.2.3": {"foo": decode}},
    )
    plugin = found["pylibjpeg/foo"]
    assert isinstance(plugin, Plugin)
    assert plugin.decodes == {uids.RLELossless}
    assert plugin.holds_lock
    assert found["pylibjpeg/rle"] == "pylibjpeg-rle is not installed"
    assert plugin.decode(b"", grid.pixel_format(2, 2, 8), uids.RLELossless).samples.sum() == 0


@pytest.mark.parametrize("kind", [ImportError, AttributeError, OSError])
def test_plugins_that_cannot_be_loaded_say_why(
    monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    def broken(**_: int) -> Any:
        raise kind("libfoo.so is missing")

    found = found_with(monkeypatch, broken)
    assert set(found) == {"pylibjpeg/rle", "pylibjpeg/openjpeg", "pylibjpeg/libjpeg"}
    assert all("libfoo.so is missing" in str(why) for why in found.values())
