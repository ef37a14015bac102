"""JPEG: processes, colour, and the two's complement pattern of signed samples."""

from __future__ import annotations

import base64
import dataclasses
import importlib.metadata
import importlib.util
import inspect

import imagecodecs
import numpy as np
import pytest

from orthanc_transcoder.codec import jpeg_codestream, jpeg_ls, uids
from orthanc_transcoder.codec.contract import Decoded, EncodeOptions, PixelFormat, Samples
from orthanc_transcoder.errors import Declined
from tests.codec import grid

RGB = grid.pixel_format(32, 48, 8, samples=3)


def decode(data: bytes, pixels: PixelFormat, syntax: str = uids.JPEGBaseline8Bit) -> Decoded:
    return grid.REGISTRY.decoder(syntax).decode(data, pixels, syntax)


def flat(colour: tuple[int, int, int]) -> Samples:
    return np.tile(np.array(colour, np.uint8), (32, 48, 1))


def without(data: bytes, marker: int) -> bytes:
    """Drop the first marker segment of a kind."""
    start = data.index(bytes((0xFF, marker)))
    end = start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")
    return data[:start] + data[end:]


def test_baseline_colour_is_4_2_2_and_labelled_ybr_full_422() -> None:
    encoded, _ = grid.encode(uids.JPEGBaseline8Bit, grid.samples_of(RGB), RGB)
    stream = jpeg_codestream.parse(encoded.data)
    assert encoded.photometric == "YBR_FULL_422"
    assert stream.process == jpeg_codestream.SOF_BASELINE
    assert stream.sampling == ((2, 1), (1, 1), (1, 1))
    assert stream.jfif


def test_extended_is_12_bits() -> None:
    pixels = grid.pixel_format(32, 48, 12)
    encoded, _ = grid.encode(uids.JPEGExtended12Bit, grid.samples_of(pixels), pixels)
    stream = jpeg_codestream.parse(encoded.data)
    assert (stream.process, stream.format.bits) == (jpeg_codestream.SOF_EXTENDED, 12)


@pytest.mark.parametrize(("bits", "signed"), [(7, False), (8, True), (12, True), (10, False)])
def test_lossy_jpeg_refuses_what_it_cannot_carry(bits: int, signed: bool) -> None:
    for syntax in (uids.JPEGBaseline8Bit, uids.JPEGExtended12Bit):
        pixels = grid.pixel_format(32, 48, bits, signed=signed)
        assert grid.REGISTRY.encoder(syntax).refuses(pixels, syntax)


@pytest.mark.parametrize("subsampling", ["444", "422", "420"])
def test_ycbcr_is_decoded_to_rgb_at_any_sampling(subsampling: str) -> None:
    red = flat((200, 40, 30))
    data = bytes(imagecodecs.jpeg8_encode(red, level=95, subsampling=subsampling))
    decoded = decode(data, dataclasses.replace(RGB, photometric="YBR_FULL_422"))
    assert (decoded.photometric, decoded.notes) == ("RGB", ())
    assert np.abs(decoded.samples.astype(int) - red).max() <= 3


def test_untransformed_components_stay_as_they_are() -> None:
    red = flat((200, 40, 30))
    data = bytes(imagecodecs.jpeg8_encode(red, level=95, colorspace="rgb", outcolorspace="rgb"))
    for frame in (data, without(data, 0xEE)):  # with and without Adobe's segment: R, G, B stay
        decoded = decode(frame, RGB)
        assert (decoded.photometric, decoded.notes) == ("RGB", ())
        assert np.abs(decoded.samples.astype(int) - red).max() <= 2


def test_the_codestream_beats_the_header_about_colour() -> None:
    red = flat((200, 40, 30))
    ycbcr = bytes(imagecodecs.jpeg8_encode(red, level=95, subsampling="444"))
    decoded = decode(ycbcr, RGB)  # JFIF says YCbCr
    assert np.abs(decoded.samples.astype(int) - red).max() <= 3
    assert decoded.notes == ("RGB in the header of a JPEG whose components are YCbCr",)
    rgb = bytes(imagecodecs.jpeg8_encode(red, level=95, colorspace="rgb", outcolorspace="rgb"))
    decoded = decode(rgb, dataclasses.replace(RGB, photometric="YBR_FULL"))
    assert np.abs(decoded.samples.astype(int) - red).max() <= 2
    assert decoded.notes == ("YBR_FULL in the header of a JPEG whose components are RGB",)


def test_the_header_decides_where_the_codestream_says_nothing() -> None:
    red = flat((200, 40, 30))
    silent = without(bytes(imagecodecs.jpeg8_encode(red, level=95, subsampling="444")), 0xE0)
    as_ybr = decode(silent, dataclasses.replace(RGB, photometric="YBR_FULL"))
    assert np.abs(as_ybr.samples.astype(int) - red).max() <= 3
    as_rgb = decode(silent, RGB)
    assert as_rgb.photometric == "RGB"
    assert np.abs(as_rgb.samples.astype(int) - red).max() > 20


@pytest.mark.parametrize("syntax", [uids.JPEGLossless, uids.JPEGLosslessSV1])
def test_lossless_is_process_14_selection_value_1_without_point_transform(syntax: str) -> None:
    pixels = grid.pixel_format(32, 48, 12)
    encoded, _ = grid.encode(syntax, grid.samples_of(pixels), pixels)
    stream = jpeg_codestream.parse(encoded.data)
    assert stream.process == jpeg_codestream.SOF_LOSSLESS
    assert (stream.selection, stream.point_transform, stream.format.bits) == (1, 0, 12)


@pytest.mark.parametrize("predictor", range(1, 8))
def test_every_predictor_is_decoded(predictor: int) -> None:
    pixels = grid.pixel_format(32, 48, 12)
    samples = grid.samples_of(pixels, "noise")
    data = imagecodecs.jpeg8_encode(samples, lossless=True, predictor=predictor, bitspersample=12)
    decoded = decode(bytes(data), pixels, uids.JPEGLossless)
    assert np.array_equal(decoded.samples, samples)


@pytest.mark.parametrize(
    "syntax", [uids.JPEGLossless, uids.JPEGLSLossless, uids.JPEGXLLossless, uids.RLELossless]
)
def test_signed_samples_are_a_pattern_whose_sign_the_header_says(syntax: str) -> None:
    pixels = grid.pixel_format(1, 4, 12, signed=True)
    samples = np.array([[-2048, -1, 0, 2047]], np.int16)
    encoded, header = grid.encode(syntax, samples, pixels)
    codec = grid.REGISTRY.decoder(syntax)
    assert np.array_equal(codec.decode(encoded.data, header, syntax).samples, samples)
    unsigned = dataclasses.replace(header, signed=False)
    pattern = codec.decode(encoded.data, unsigned, syntax).samples
    assert pattern.tolist() == [[2048, 4095, 0, 2047]]


def test_a_lossy_jpeg_under_a_lossless_syntax_is_noted() -> None:
    pixels = grid.pixel_format(32, 48, 8)
    encoded, _ = grid.encode(uids.JPEGBaseline8Bit, grid.samples_of(pixels), pixels)
    decoded = decode(encoded.data, pixels, uids.JPEGLosslessSV1)
    assert decoded.lossy
    assert decoded.notes == ("the codestream's JPEG process is not the transfer syntax's",)


def test_jpeg_ls_keeps_the_error_that_it_was_told() -> None:
    for bits in (8, 12, 16):
        pixels = grid.pixel_format(64, 64, bits)
        samples = grid.samples_of(pixels, "noise")
        for near in (1, 3, 10):
            options = EncodeOptions(near=near)
            encoded, header = grid.encode(uids.JPEGLSNearLossless, samples, pixels, options)
            decoded = decode(encoded.data, header, uids.JPEGLSNearLossless)
            assert np.abs(decoded.samples.astype(int) - samples.astype(int)).max() <= near


def test_jpeg_ls_refuses_signed_samples_whose_sign_could_flip() -> None:
    pixels = grid.pixel_format(1, 4, 12, signed=True)
    samples = np.array([[-2048, -1, 0, 2047]], np.int16)
    with pytest.raises(Declined, match="ends"):
        grid.encode(uids.JPEGLSNearLossless, samples, pixels, EncodeOptions(near=2))


def test_jpeg_ls_declares_bits_stored_without_spiff_header() -> None:
    pixels = grid.pixel_format(31, 33, 14, signed=True)
    encoded, _ = grid.encode(uids.JPEGLSLossless, grid.samples_of(pixels), pixels)
    assert jpeg_codestream.parse(encoded.data).format.bits == 14
    assert b"SPIFF" not in encoded.data


# The same image as pyjpegls 1.5.1 encodes it with interleave mode 0, 1 and 2.
INTERLEAVED = [
    (
        "/9j/9wARCAAGAAgDAREAAhEAAxEA/9oACAEBAAAAAIAKAFLg0AFTnQAABAAwLwAAAhrAAAOti4xlhfCotlBXRjPI"
        "RJMgR5WQyBFvkOD/2gAIAQIAAAAACgBQAoMABVJwXAAAIAAALAAACGcXAAACrCoxihPlpMVEXImfcDHx0Y3CfKSm"
        "4TbZLgD/2gAIAQMAAAAAAcAKAFBgupOCoAABAAABYAAAQzi4AAAVYVGMUJ8tcyhNkyXCRJkSPIDH54i3Xx8UgP/Z"
    ),
    (
        "/9j/9wARCAAGAAgDAREAAhEAAxEA/9oADAMBAAIAAwAAAQCACgBS4NABU506XTnQAVOdFzZVOdE050hAAAIAGBeA"
        "AAENYAABwAACGcXGMsMy5PlSbKDHLRkmiI8xECLfIcp8dINx/o7b7ae7JLYNFiMwUIiSc1H2o90ybzSd6DEi60XP"
        "/QcaBf9IYhoFtArhDQKaBTgQJ/x0k9j/2Q=="
    ),
    (
        "/9j/9wARCAAGAAgDAREAAhEAAxEA/9oADAMBAAIAAwAAAgBAEAgAYAKXAClypM+PDoAKVJp0qM+PDouhAAAIAAAQ"
        "uADAuamcoAAAhcWGKem8qKAAAHMzHLmSSIgfJKOi946cIaD/cKUds0LfrrZMFyJ99stUoTI3tLSaSRIiRee/XoPv"
        "ufFf/EH+hiMQwaBAgWq1P++8NlalFfb/2Q=="
    ),
]


@pytest.mark.parametrize("interleave", [0, 1, 2])
def test_every_jpeg_ls_interleave_mode_is_decoded(interleave: int) -> None:
    data = base64.b64decode(INTERLEAVED[interleave])
    scan = data.index(b"\xff\xda")
    assert data[scan + data[scan + 3]] == interleave  # ILV
    decoded = decode(data, grid.pixel_format(6, 8, 8, samples=3), uids.JPEGLSLossless)
    assert np.array_equal(decoded.samples.reshape(-1), np.arange(6 * 8 * 3) * 7 % 64)


def test_the_jpeg_ls_codec_names_the_library_that_encodes() -> None:
    codec = grid.REGISTRY.encoder(uids.JPEGLSLossless)
    decoder = f"{imagecodecs.__version__}/{imagecodecs.jpegls_version()}"
    if "bitspersample" in inspect.signature(imagecodecs.jpegls_encode).parameters:
        assert (codec.name, codec.version) == ("imagecodecs/charls", decoder)
    else:
        encoder = importlib.metadata.version("pyjpegls")
        assert codec.name == "pyjpegls+imagecodecs/charls"
        assert codec.version == f"{encoder}+{decoder}"


@pytest.mark.parametrize("options", ["missing", "without effect"])
def test_pyjpegls_encodes_where_imagecodecs_cannot_tell_the_depth(
    options: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = grid.pixel_format(2, 2, 16)
    deep = grid.encode(uids.JPEGLSLossless, np.zeros((2, 2), np.uint16), pixels)[0].data

    def older(_data: Samples, /, level: int) -> bytes:
        raise AssertionError(level)

    def deaf(_data: Samples, /, **_options: object) -> bytes:
        return deep

    monkeypatch.setattr(imagecodecs, "jpegls_encode", older if options == "missing" else deaf)
    if importlib.util.find_spec("jpeg_ls"):
        assert jpeg_ls.codec().name == "pyjpegls+imagecodecs/charls"
    else:
        with pytest.raises(ImportError, match="pyjpegls is missing"):
            jpeg_ls.codec()
