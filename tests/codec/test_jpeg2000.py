"""JPEG 2000 and HTJ2K: what the codestream says, and what we make it say."""

from __future__ import annotations

import dataclasses
import struct

import imagecodecs
import numpy as np
import pytest

from orthanc_transcoder.codec import j2k_codestream, uids
from orthanc_transcoder.codec.contract import Decoded, EncodeOptions, PixelFormat
from orthanc_transcoder.errors import CodecError
from tests.codec import grid

RPCL = 2
GREY = grid.pixel_format(31, 33, 12)
RGB = grid.pixel_format(31, 33, 8, samples=3)


def decode(data: bytes, pixels: PixelFormat, syntax: str = uids.JPEG2000) -> Decoded:
    return grid.REGISTRY.decoder(syntax).decode(data, pixels, syntax)


def grey_stream() -> bytes:
    return grid.encode(uids.JPEG2000Lossless, grid.samples_of(GREY), GREY)[0].data


def test_rgb_goes_through_the_reversible_transform_and_is_labelled() -> None:
    for syntax in (uids.JPEG2000Lossless, uids.HTJ2KLossless):
        encoded, _ = grid.encode(syntax, grid.samples_of(RGB), RGB)
        assert encoded.photometric == "YBR_RCT"
        assert j2k_codestream.parse(encoded.data).multiple_component_transform == 1


def test_ybr_full_is_not_run_through_the_transform() -> None:
    pixels = dataclasses.replace(RGB, photometric="YBR_FULL")
    for syntax in (uids.JPEG2000Lossless, uids.HTJ2KLossless, uids.JPEG2000, uids.HTJ2K):
        encoded, _ = grid.encode(syntax, grid.samples_of(pixels), pixels)
        assert encoded.photometric == "YBR_FULL"
        assert j2k_codestream.parse(encoded.data).multiple_component_transform == 0


def test_irreversible_colour_is_ybr_ict() -> None:
    for syntax in (uids.JPEG2000, uids.HTJ2K):
        encoded, _ = grid.encode(syntax, grid.samples_of(RGB), RGB)
        stream = j2k_codestream.parse(encoded.data)
        assert encoded.photometric == "YBR_ICT"
        assert (stream.multiple_component_transform, stream.reversible) == (1, False)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("signed", [False, True])
def test_the_codestream_declares_bits_stored_and_sign(bits: int, signed: bool) -> None:
    pixels = grid.pixel_format(31, 33, bits, signed=signed)
    for syntax in (uids.JPEG2000Lossless, uids.HTJ2KLossless, uids.JPEG2000, uids.HTJ2K):
        encoded, _ = grid.encode(syntax, grid.samples_of(pixels), pixels)
        stream = j2k_codestream.parse(encoded.data)
        assert (stream.format.bits, stream.format.signed) == (bits, signed)


def test_streams_are_raw_and_end_with_eoc() -> None:
    for syntax in (uids.JPEG2000Lossless, uids.JPEG2000, uids.HTJ2KLossless, uids.HTJ2K):
        encoded, _ = grid.encode(syntax, grid.samples_of(GREY), GREY)
        assert encoded.data.startswith(b"\xff\x4f\xff\x51")
        assert encoded.data.endswith(b"\xff\xd9")


def test_lossless_syntaxes_hold_reversible_streams_only() -> None:
    for syntax in (uids.JPEG2000Lossless, uids.HTJ2KLossless, uids.HTJ2KLosslessRPCL):
        encoded, _ = grid.encode(syntax, grid.samples_of(GREY), GREY, EncodeOptions(quality=1))
        assert j2k_codestream.parse(encoded.data).reversible


def test_htj2k_rpcl_has_its_progression_tlm_and_a_small_base_resolution() -> None:
    pixels = grid.pixel_format(2500, 300, 8)
    encoded, _ = grid.encode(uids.HTJ2KLosslessRPCL, grid.samples_of(pixels), pixels)
    stream = j2k_codestream.parse(encoded.data)
    assert stream.high_throughput
    assert stream.progression == RPCL
    assert stream.tile_part_lengths
    levels = encoded.data[encoded.data.index(b"\xff\x52") + 9]
    assert 2500 / 2**levels <= 64


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (300, 1), (3, 2), (40, 900), (1, 3000)])
@pytest.mark.parametrize("bits", [8, 16, 32])
def test_htj2k_keeps_the_most_negative_sample_whatever_the_size(
    bits: int, size: tuple[int, int]
) -> None:
    """OpenJPH loses it, where there is no decomposition."""
    for signed in (False, True):
        pixels = grid.pixel_format(*size, bits, signed=signed)
        samples = np.full_like(grid.samples_of(pixels), -(1 << (bits - 1)) if signed else 0)
        encoded, header = grid.encode(uids.HTJ2KLossless, samples, pixels)
        decoded = decode(encoded.data, header, uids.HTJ2KLossless)
        assert np.array_equal(decoded.samples, samples)
        assert encoded.data[encoded.data.index(b"\xff\x52") + 9] >= 5


def test_htj2k_rpcl_refuses_what_can_have_no_small_base_resolution() -> None:
    codec = grid.REGISTRY.encoder(uids.HTJ2KLosslessRPCL)
    for rows, columns in [(1, 2048), (2048, 5), (64, 4096), (4097, 128), (9000, 6000)]:
        pixels = grid.pixel_format(rows, columns, 8)
        assert codec.refuses(pixels, uids.HTJ2KLosslessRPCL) is None
        encoded, _ = grid.encode(uids.HTJ2KLosslessRPCL, grid.samples_of(pixels), pixels)
        levels = encoded.data[encoded.data.index(b"\xff\x52") + 9]
        assert max(rows, columns) <= 64 << levels
    for rows, columns in [(1, 2049), (2049, 63), (127, 4097)]:
        pixels = grid.pixel_format(rows, columns, 8)
        assert "base resolution" in (codec.refuses(pixels, uids.HTJ2KLosslessRPCL) or "")
        assert codec.refuses(pixels, uids.HTJ2KLossless) is None


def test_a_jp2_file_is_opened_and_noted() -> None:
    samples = grid.samples_of(RGB)
    wrapped = imagecodecs.jpeg2k_encode(samples, level=0, codecformat="jp2", reversible=True)
    header = dataclasses.replace(RGB, photometric="YBR_RCT")
    decoded = decode(bytes(wrapped), header)
    assert np.array_equal(decoded.samples, samples)
    assert decoded.notes == ("the codestream was wrapped in a JP2 file",)


def test_the_codestream_decides_whether_samples_are_rgb() -> None:
    samples = grid.samples_of(RGB)
    plain = bytes(
        imagecodecs.jpeg2k_encode(samples, level=0, codecformat="j2k", reversible=True, mct=False)
    )
    transformed = grid.encode(uids.JPEG2000Lossless, samples, RGB)[0].data
    cases = [
        (plain, "RGB", "RGB", False),
        (plain, "YBR_FULL", "YBR_FULL", False),
        (plain, "YBR_RCT", "RGB", True),
        (plain, "YBR_ICT", "RGB", True),
        (transformed, "YBR_RCT", "RGB", False),
        (transformed, "RGB", "RGB", True),
        (transformed, "YBR_ICT", "RGB", True),
    ]
    for data, claimed, found, noted in cases:
        decoded = decode(data, dataclasses.replace(RGB, photometric=claimed))
        assert np.array_equal(decoded.samples, samples)
        assert (decoded.photometric, bool(decoded.notes)) == (found, noted)


def test_a_sign_that_disagrees_is_noted() -> None:
    decoded = decode(grey_stream(), dataclasses.replace(GREY, signed=True))
    assert decoded.signed is False
    assert decoded.notes == ("Pixel Representation is 1 in the header and 0 in the codestream",)


def test_a_last_tile_part_of_unknown_length_reaches_to_the_last_end_marker() -> None:
    data = bytearray(grey_stream())
    start = data.index(b"\xff\x90")
    data[start + 6 : start + 10] = bytes(4)
    decoded = decode(bytes(data) + b"\xff\xff", GREY)
    assert np.array_equal(decoded.samples, grid.samples_of(GREY))


def test_bytes_after_the_end_are_noted() -> None:
    decoded = decode(grey_stream() + b"rubbish!", GREY)
    assert decoded.notes == ("8 bytes follow the codestream's end",)


def test_a_missing_tile_is_truncation() -> None:
    pixels = grid.pixel_format(128, 128, 8)
    samples = grid.samples_of(pixels)
    data = bytes(imagecodecs.htj2k_encode(samples, reversible=True, tile=(64, 64)))
    assert np.array_equal(decode(data, pixels, uids.HTJ2KLossless).samples, samples)
    last = data.rindex(b"\xff\x90\x00\x0a")
    with pytest.raises(CodecError, match="tiles are missing"):
        decode(data[:last] + b"\xff\xd9", pixels, uids.HTJ2KLossless)


def test_htj2k_under_a_jpeg_2000_syntax_is_refused_and_conversely() -> None:
    high_throughput = grid.encode(uids.HTJ2KLossless, grid.samples_of(GREY), GREY)[0].data
    with pytest.raises(CodecError, match="HTJ2K"):
        decode(high_throughput, GREY)
    with pytest.raises(CodecError, match="JPEG 2000"):
        decode(grey_stream(), GREY, uids.HTJ2KLossless)


def test_part_2_syntaxes_are_decoded_where_only_part_1_is_used() -> None:
    data = grey_stream()
    for syntax in (uids.JPEG2000MCLossless, uids.JPEG2000MC):
        assert np.array_equal(decode(data, GREY, syntax).samples, grid.samples_of(GREY))
    start = data.index(b"\xff\x52")
    array_based = data[: start + 8] + b"\x02" + data[start + 9 :]
    with pytest.raises(CodecError) as caught:
        decode(array_based, GREY, uids.JPEG2000MC)
    assert caught.value.code == "unsupported_codestream"


def test_subsampled_components_are_refused() -> None:
    data = bytearray(grid.encode(uids.JPEG2000Lossless, grid.samples_of(RGB), RGB)[0].data)
    second = data.index(b"\xff\x51") + 4 + 36 + 3
    data[second : second + 3] = struct.pack("BBB", 7, 2, 1)
    with pytest.raises(CodecError) as caught:
        decode(bytes(data), RGB)
    assert caught.value.code == "unsupported_codestream"


def test_what_openjph_reports_and_imagecodecs_drops_is_raised() -> None:
    pixels = grid.pixel_format(64, 64, 8)
    data = bytearray(
        grid.encode(uids.HTJ2KLossless, grid.samples_of(pixels, "noise"), pixels)[0].data
    )
    start = data.index(b"\xff\x93") + 2
    raised = 0
    for position in range(start, start + 60):
        damaged = bytearray(data)
        damaged[position] ^= 0xFF
        try:
            decode(bytes(damaged), pixels, uids.HTJ2KLossless)
        except CodecError:
            raised += 1
    assert raised > 0
