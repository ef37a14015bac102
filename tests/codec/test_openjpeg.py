"""JPEG 2000 with arithmetic coding bypass, by OpenJPEG's own interface."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from orthanc_transcoder.codec import j2k_codestream, openjpeg, openjpeg_library, uids
from orthanc_transcoder.codec.contract import EncodeOptions, PixelFormat
from orthanc_transcoder.errors import CodecError, Declined
from tests.codec import grid

BYPASS = EncodeOptions(bypass=True)


def require_exact(pixels: PixelFormat, kind: str) -> None:
    samples = grid.samples_of(pixels, kind)
    encoded, header = grid.encode(uids.JPEG2000Lossless, samples, pixels, BYPASS)
    codec = grid.REGISTRY.decoder(uids.JPEG2000Lossless)
    decoded = codec.decode(encoded.data, header, uids.JPEG2000Lossless)
    assert np.array_equal(decoded.samples, samples)
    assert decoded.samples.dtype == samples.dtype
    assert (decoded.photometric, decoded.notes) == (pixels.photometric, ())


@pytest.mark.parametrize("bits", [1, 3, 8, 10, 12, 14, 16, 22])
@pytest.mark.parametrize("size", [*grid.SIZES, (64, 64), (1, 4099), (67, 81)])
def test_bypass_is_exact(bits: int, size: tuple[int, int]) -> None:
    for signed in (False, True):
        for count in (1, 3):
            pixels = grid.pixel_format(*size, bits, signed=signed, samples=count)
            for kind in grid.KINDS if bits > 3 else ("smooth",):
                require_exact(pixels, kind)


def test_noise_of_one_bit_is_an_error_and_never_a_wrong_image() -> None:
    pixels = grid.pixel_format(512, 512, 1)
    samples = grid.samples_of(pixels, "noise")
    for options in (BYPASS, EncodeOptions()):
        with pytest.raises(CodecError) as caught:
            grid.encode(uids.JPEG2000Lossless, samples, pixels, options)
        assert caught.value.code == "codec_failed"


def test_the_codestream_says_bypass_and_is_reversible() -> None:
    pixels = grid.pixel_format(64, 64, 12)
    samples = grid.samples_of(pixels)
    for options, style in ((BYPASS, 1), (EncodeOptions(), 0)):
        encoded, _ = grid.encode(uids.JPEG2000Lossless, samples, pixels, options)
        assert j2k_codestream.parse(encoded.data).reversible
        assert encoded.data[encoded.data.index(b"\xff\x52") + 12] == style


def test_a_large_frame_passes_the_stream_buffer() -> None:
    require_exact(grid.pixel_format(1100, 1000, 16), "noise")


def test_opj_decompress_reads_it(tmp_path: Path) -> None:
    if not shutil.which("opj_decompress"):
        pytest.skip("opj_decompress is not installed")
    pixels = grid.pixel_format(65, 67, 12)
    samples = grid.samples_of(pixels, "noise")
    source, target = tmp_path / "source.j2k", tmp_path / "raw.rawl"
    source.write_bytes(grid.encode(uids.JPEG2000Lossless, samples, pixels, BYPASS)[0].data)
    command = ["opj_decompress", "-i", str(source), "-o", str(target)]
    subprocess.run(command, capture_output=True, timeout=30, check=True)
    assert np.array_equal(np.frombuffer(target.read_bytes(), "<u2").reshape(65, 67), samples)


def test_what_openjpeg_says_is_told() -> None:
    samples = grid.samples_of(grid.pixel_format(2, 2, 22, samples=3), "noise")
    with pytest.raises(CodecError, match="OpenJPEG: Cannot encode tile"):
        openjpeg.encode(samples, 22, transform=True, bypass=True)


def test_without_the_library_bypass_is_declined(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise ImportError("0 OpenJPEG libraries")

    monkeypatch.setattr(openjpeg_library, "library", missing)
    pixels = grid.pixel_format(64, 64, 8)
    with pytest.raises(Declined, match="0 OpenJPEG libraries"):
        grid.encode(uids.JPEG2000Lossless, grid.samples_of(pixels), pixels, BYPASS)
