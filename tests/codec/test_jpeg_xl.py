"""JPEG XL: JPEG recompression, and the headers that are read before decoding."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from orthanc_transcoder.codec import jxl_codestream, lossy, uids
from orthanc_transcoder.codec.contract import EncodeOptions, Recompressor
from orthanc_transcoder.errors import CodecError
from tests.codec import grid

BASELINE, RECOMPRESSED = uids.JPEGBaseline8Bit, uids.JPEGXLJPEGRecompression
RGB = grid.pixel_format(64, 48, 8, samples=3)


def recompressor(source: str, target: str) -> Recompressor:
    found = grid.REGISTRY.recompressor(source, target)
    assert found is not None
    return found


def jpegs() -> list[bytes]:
    samples = grid.samples_of(RGB)
    return [
        *(
            bytes(imagecodecs.jpeg8_encode(samples, level=80, subsampling=sampling))
            for sampling in ("444", "422", "420")
        ),
        bytes(imagecodecs.jpeg8_encode(samples[..., 0].copy(), level=90)),
    ]


@pytest.mark.parametrize("jpeg", jpegs(), ids=["444", "422", "420", "grey"])
def test_a_jpeg_comes_back_identical_and_decodes_alike(jpeg: bytes) -> None:
    there, back = recompressor(BASELINE, RECOMPRESSED), recompressor(RECOMPRESSED, BASELINE)
    packed = there.recompress(jpeg + b"\x00", BASELINE, RECOMPRESSED)
    assert back.recompress(packed + b"\x00", RECOMPRESSED, BASELINE) == jpeg
    count = 1 if len(jpeg) and imagecodecs.jpeg8_decode(jpeg).ndim == 2 else 3
    pixels = grid.pixel_format(64, 48, 8, samples=count)
    header = dataclasses.replace(
        pixels, photometric="YBR_FULL_422" if count == 3 else "MONOCHROME2"
    )
    ours = grid.REGISTRY.decoder(RECOMPRESSED).decode(packed, header, RECOMPRESSED)
    original = grid.REGISTRY.decoder(BASELINE).decode(jpeg, header, BASELINE)
    assert np.array_equal(ours.samples, original.samples)
    assert (ours.photometric, ours.lossy, ours.notes) == (original.photometric, True, ())


def test_djxl_rebuilds_the_same_jpeg(tmp_path: Path) -> None:
    if not shutil.which("djxl"):
        pytest.skip("djxl is not installed")
    for jpeg in jpegs():
        packed = recompressor(BASELINE, RECOMPRESSED).recompress(jpeg, BASELINE, RECOMPRESSED)
        source, target = tmp_path / "packed.jxl", tmp_path / "unpacked.jpg"
        source.write_bytes(packed)
        subprocess.run(["djxl", source, target], capture_output=True, timeout=30, check=True)
        assert target.read_bytes() == jpeg


def test_every_truncation_of_a_recompressed_jpeg_is_caught() -> None:
    packed = recompressor(BASELINE, RECOMPRESSED).recompress(jpegs()[1], BASELINE, RECOMPRESSED)
    header = dataclasses.replace(RGB, photometric="YBR_FULL_422")
    codec = grid.REGISTRY.decoder(RECOMPRESSED)
    for length in range(len(packed)):
        with pytest.raises(CodecError):
            codec.decode(packed[:length], header, RECOMPRESSED)
        with pytest.raises(CodecError):
            recompressor(RECOMPRESSED, BASELINE).recompress(packed[:length], RECOMPRESSED, BASELINE)


def test_other_pairs_have_no_recompressor() -> None:
    assert grid.REGISTRY.recompressor(BASELINE, uids.JPEGXLLossless) is None
    assert grid.REGISTRY.recompressor(uids.JPEGLossless, RECOMPRESSED) is None


def test_recompression_refuses_what_is_no_jpeg() -> None:
    for frame in (b"", b"JFIF" * 30, jpegs()[0][:-2]):
        with pytest.raises(CodecError):
            recompressor(BASELINE, RECOMPRESSED).recompress(frame, BASELINE, RECOMPRESSED)


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (256, 256), (257, 7), (513, 12), (48, 64)])
@pytest.mark.parametrize(("bits", "count"), [(8, 1), (8, 3), (12, 1), (16, 3), (5, 1)])
def test_the_header_is_read(size: tuple[int, int], bits: int, count: int) -> None:
    pixels = grid.pixel_format(*size, bits, samples=count)
    for syntax in (uids.JPEGXLLossless, uids.JPEGXL):
        encoded, _ = grid.encode(syntax, grid.samples_of(pixels), pixels)
        image = jxl_codestream.parse(encoded.data)
        assert (image.format.rows, image.format.columns) == size
        assert (image.format.bits, image.format.components) == (bits, count)
        assert image.xyb == (syntax == uids.JPEGXL)


def test_lossy_colour_is_labelled_xyb() -> None:
    encoded, _ = grid.encode(uids.JPEGXL, grid.samples_of(RGB), RGB)
    assert encoded.photometric == "XYB"


@pytest.mark.parametrize("bits", [12, 16])
@pytest.mark.parametrize("effort", [1, 3, 7])
def test_a_high_psnr_is_reached_with_any_effort(bits: int, effort: int) -> None:
    pixels = grid.pixel_format(128, 128, bits)
    samples = grid.samples_of(pixels)
    options = EncodeOptions(psnr=60, effort=effort)
    encoded, header = grid.encode(uids.JPEGXL, samples, pixels, options)
    decoded = grid.REGISTRY.decoder(uids.JPEGXL).decode(encoded.data, header, uids.JPEGXL)
    assert lossy.psnr(samples, decoded.samples) >= 60
    assert decoded.lossy


def test_a_psnr_out_of_reach_gives_the_closest_result() -> None:
    pixels = grid.pixel_format(64, 64, 8, samples=3)
    samples = grid.samples_of(pixels)

    def reached(psnr: float) -> float:
        encoded, header = grid.encode(uids.JPEGXL, samples, pixels, EncodeOptions(psnr=psnr))
        decoded = grid.REGISTRY.decoder(uids.JPEGXL).decode(encoded.data, header, uids.JPEGXL)
        return lossy.psnr(samples, decoded.samples)

    assert 45 <= reached(45.0) <= reached(200.0) < 200
