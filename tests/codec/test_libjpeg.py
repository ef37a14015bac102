"""Missing, bad and skipped entropy-coded data of a JPEG, which libjpeg only warns of."""

from __future__ import annotations

import ctypes
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from orthanc_transcoder.codec import jpeg, jpeg_codestream, jpeg_scans, jpeg_xl, libjpeg, uids
from orthanc_transcoder.codec.contract import Auditor, Decoded
from orthanc_transcoder.codec.registry import default_registry
from orthanc_transcoder.errors import CodecError
from tests.codec import grid, jpeg_samples
from tests.codec.jpeg_samples import DAMAGES, HARMLESS, STREAMS

Change = Callable[[bytes], bytes]

STREAM = pytest.mark.parametrize("name", STREAMS)


def decode(name: str, change: Change | None = None, *, syntax: str = "") -> Decoded:
    data, pixels = STREAMS[name]
    syntax = syntax or syntax_of(name)
    frame = change(data) if change else data
    return grid.REGISTRY.decoder(syntax).decode(frame, pixels, syntax)


def salvage(name: str, frame: bytes) -> Decoded:
    codec = grid.REGISTRY.decoder(syntax_of(name))
    assert isinstance(codec, Auditor)
    return codec.salvage(frame, STREAMS[name][1], syntax_of(name))


def syntax_of(name: str) -> str:
    if name.startswith("lossless"):
        return uids.JPEGLossless
    return uids.JPEGExtended12Bit if name.endswith("12") else uids.JPEGBaseline8Bit


def damage(data: bytes) -> str | None:
    stream = jpeg_codestream.parse(data)
    return libjpeg.damage(stream.data, jpeg_scans.shortened(stream))


@STREAM
def test_a_sound_stream_is_sound(name: str) -> None:
    assert damage(STREAMS[name][0]) is None
    decode(name)


@STREAM
@pytest.mark.parametrize("change", DAMAGES)
def test_damage_is_refused(name: str, change: Change) -> None:
    with pytest.raises(CodecError) as caught:
        decode(name, change)
    assert caught.value.code == "damaged_codestream"


@STREAM
@pytest.mark.parametrize("change", HARMLESS)
def test_what_is_merely_odd_is_decoded(name: str, change: Change) -> None:
    if change is jpeg_samples.unknown_adobe and "RGB" in name:
        pytest.skip("it says that the components are YCbCr")
    assert np.array_equal(decode(name, change).samples, decode(name).samples)


@pytest.mark.parametrize("name", [name for name in STREAMS if name.startswith("baseline")])
def test_a_sequential_scan_header_may_say_anything(name: str) -> None:
    same = decode(name, jpeg_samples.odd_scan_header).samples
    assert np.array_equal(same, decode(name).samples)


def test_a_harmless_warning_hides_no_other() -> None:
    for name in STREAMS:
        data = jpeg_samples.cut(jpeg_samples.newer_jfif(STREAMS[name][0]))
        assert str(damage(data)).startswith("Corrupt JPEG data")


@pytest.mark.parametrize("size", [100, 200, 400])
def test_no_hole_of_some_size_is_taken(size: int) -> None:
    """A hole of a few bytes may leave a stream that is sound, if of another image."""
    rng = np.random.default_rng(size)
    for name in ("baseline grey", "baseline 4:2:2", "extended 12", "lossless 16"):
        data = STREAMS[name][0]
        start, end = jpeg_samples.scan(data)
        places = rng.integers(start, end - size, 40)
        assert not any(taken(name, data[:place] + data[place + size :]) for place in places)


def taken(name: str, frame: bytes) -> bool:
    try:
        grid.REGISTRY.decoder(syntax_of(name)).decode(frame, STREAMS[name][1], syntax_of(name))
    except CodecError:
        return False
    return True


@STREAM
def test_what_there_is_can_be_salvaged(name: str) -> None:
    whole, frame = decode(name).samples, STREAMS[name][0]
    damaged = salvage(name, jpeg_samples.cut(frame)).samples
    assert damaged.shape == whole.shape
    if "progressive" not in name:
        assert np.array_equal(damaged[:8], whole[:8])
        assert not np.array_equal(damaged, whole)
    for complete in (frame, frame[:-2], frame[:-2] + b"\xff"):
        assert np.array_equal(salvage(name, complete).samples, whole)


@pytest.mark.parametrize("junk", [b"", b"\xff\xd8", b"junk" * 9])
def test_nothing_is_not_salvaged(junk: bytes) -> None:
    with pytest.raises(CodecError):
        salvage("baseline grey", junk)


def test_a_damaged_jpeg_is_not_repacked() -> None:
    frame, pixels = STREAMS["baseline 4:2:2"]
    codec = jpeg_xl.codec()
    ways = (uids.JPEGBaseline8Bit, uids.JPEGXLJPEGRecompression)
    packed = codec.recompress(frame, *ways)
    assert codec.recompress(packed, *reversed(ways)) == frame
    assert codec.salvage(packed, pixels, uids.JPEGXLJPEGRecompression).samples.shape == (96, 96, 3)
    for change in DAMAGES:
        with pytest.raises(CodecError, match="libjpeg-turbo"):
            codec.recompress(change(frame), *ways)


def test_libjpegs_errors_leave_process_threads_and_memory_alone() -> None:
    data = STREAMS["lossless 12"][0]
    frame = data.index(b"\xff\xc3")
    hopeless = (
        b"no JPEG",
        data[:40],
        data[:frame] + data[frame + 2 :],
        data.replace(b"\xff\xc4", b"\xff\xe4"),  # no Huffman table
    )
    threads = threading.active_count()
    for each in hopeless * 50:
        with pytest.raises(CodecError, match="libjpeg-turbo"):
            libjpeg.damage(each, ())
    assert threading.active_count() == threads
    assert damage(data) is None


def test_threads_do_not_hear_of_each_others_warnings() -> None:
    frames = [change(data) for data, _ in STREAMS.values() for change in (bytes, jpeg_samples.cut)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(damage, frames * 5))
    assert [text is None for text in found] == [True, False] * len(STREAMS) * 5


_WITHOUT_MEMORY = """
import resource
import imagecodecs, numpy as np
from orthanc_transcoder.codec import jpeg_codestream, jpeg_scans, libjpeg

libjpeg.library()
data = bytes(imagecodecs.jpeg8_encode(np.zeros((6000, 6000), np.uint16), lossless=True))
stream = jpeg_codestream.parse(data)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (12 << 20), -1))
try:
    libjpeg.damage(stream.data, jpeg_scans.shortened(stream))
except MemoryError as error:
    print("MemoryError", error)
"""


def test_want_of_memory_is_a_memory_error() -> None:
    root = Path(__file__).resolve().parents[2]
    child = subprocess.run(
        [sys.executable, "-c", _WITHOUT_MEMORY],
        cwd=root / "plugin",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert child.stdout.startswith("MemoryError"), child.stderr


def test_our_own_results_are_not_audited_but_must_be_complete(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def never(*_: object) -> str:
        return "an audit"

    monkeypatch.setattr(libjpeg, "damage", never)
    data, pixels = STREAMS["baseline grey"]
    codec = jpeg.codec()
    with pytest.raises(CodecError, match="an audit"):
        codec.decode(data, pixels, uids.JPEGBaseline8Bit)
    assert isinstance(codec, Auditor)
    codec.decode_own(data, pixels, uids.JPEGBaseline8Bit)
    with pytest.raises(CodecError, match="ends before its end marker"):
        codec.decode_own(data[:-2], pixels, uids.JPEGBaseline8Bit)


def unavailable_with(monkeypatch: pytest.MonkeyPatch, name: str, value: object) -> dict[str, str]:
    libjpeg.library.cache_clear()
    try:
        with monkeypatch.context() as patch:
            patch.setattr(libjpeg, name, value)
            return default_registry().unavailable
    finally:
        libjpeg.library.cache_clear()


class _Larger(ctypes.Structure):
    _fields_ = (("err", ctypes.c_void_p), ("others", ctypes.c_ubyte * 664))


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("VERSION", 62, "known ABI: version and size"),
        ("Decompressor", _Larger, "known ABI: version and size"),
        ("_LIBC", {"pthread_no_such": []}, "is missing: .*pthread_no_such"),
        ("_HARMLESS", ("Corrupt",), "warnings are not as they should be"),
        ("_DONE", 2, "warnings are not as they should be"),
    ],
)
def test_a_library_of_another_kind_is_a_reason(
    name: str, value: object, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = unavailable_with(monkeypatch, name, value)
    assert set(missing) == {"jpeg", "jpeg_lossless", "jpeg_xl"}
    assert all(re.search(reason, each) for each in missing.values()), missing


def test_without_the_library_there_is_no_jpeg(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    libjpeg.library.cache_clear()
    monkeypatch.setattr(imagecodecs, "__file__", str(tmp_path / "imagecodecs" / "__init__.py"))
    missing = default_registry().unavailable
    assert missing["jpeg"].startswith("0 libjpeg libraries of version 8")
    monkeypatch.undo()
    libjpeg.library.cache_clear()
    assert not default_registry().unavailable
