"""The contract of ``codec.contract``, for every codec alike."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orthanc_transcoder.codec import lossy, uids
from orthanc_transcoder.codec.contract import EncodeOptions, PixelFormat
from orthanc_transcoder.errors import CodecError
from tests.codec import grid
from tests.codec.grid import LOSSLESS, LOSSLESS_BITS, LOSSY, LOSSY_FORMATS, REGISTRY

ALL = sorted({*LOSSLESS, *LOSSY})


def require_exact(syntax: str, pixels: PixelFormat, kind: str, seed: int = 0) -> None:
    samples = grid.samples_of(pixels, kind, seed)
    encoded, header = grid.encode(syntax, samples, pixels)
    decoded = REGISTRY.decoder(syntax).decode(encoded.data, header, syntax)
    assert decoded.samples.dtype == samples.dtype
    assert np.array_equal(decoded.samples, samples)
    assert decoded.samples.flags.c_contiguous
    assert (decoded.bits, decoded.signed) == (pixels.bits_stored, pixels.signed)
    assert decoded.photometric == pixels.photometric
    assert (decoded.lossy, decoded.notes) == (False, ())


@pytest.mark.parametrize("syntax", LOSSLESS)
@pytest.mark.parametrize("samples", [1, 3])
def test_lossless_is_exact_over_depths_signs_and_sizes(syntax: str, samples: int) -> None:
    for index, pixels in enumerate(grid.formats(LOSSLESS_BITS[syntax])):
        if pixels.samples_per_pixel == samples:
            assert REGISTRY.encoder(syntax).refuses(pixels, syntax) is None
            require_exact(syntax, pixels, grid.KINDS[index % len(grid.KINDS)])


@pytest.mark.parametrize("syntax", LOSSLESS)
@pytest.mark.parametrize("photometric", ["YBR_FULL", "MONOCHROME1", "PALETTE COLOR"])
def test_lossless_keeps_every_colour_space(syntax: str, photometric: str) -> None:
    count = 3 if photometric == "YBR_FULL" else 1
    pixels = grid.pixel_format(31, 33, 8, samples=count)
    require_exact(syntax, dataclasses.replace(pixels, photometric=photometric), "smooth")


@pytest.mark.parametrize("syntax", LOSSLESS)
@pytest.mark.parametrize(("bits", "allocated"), [(8, 16), (3, 16), (12, 32), (16, 32)])
def test_bits_stored_below_bits_allocated(syntax: str, bits: int, allocated: int) -> None:
    for signed in (False, True):
        pixels = grid.pixel_format(9, 11, bits, signed=signed, allocated=allocated)
        require_exact(syntax, pixels, "noise")


@pytest.mark.parametrize("syntax", LOSSLESS)
@settings(max_examples=40)
@given(data=st.data())
def test_lossless_is_exact_for_anything_accepted(syntax: str, data: st.DataObject) -> None:
    bits = data.draw(st.sampled_from(LOSSLESS_BITS[syntax]))
    pixels = grid.pixel_format(
        data.draw(st.integers(1, 80)),
        data.draw(st.integers(1, 80)),
        bits,
        signed=data.draw(st.booleans()),
        samples=data.draw(st.sampled_from([1, 3])),
    )
    kind = data.draw(st.sampled_from(grid.KINDS))
    require_exact(syntax, pixels, kind, seed=data.draw(st.integers(0, 1 << 32)))


@pytest.mark.parametrize("syntax", ALL)
def test_refusal_is_a_reason_and_covers_what_cannot_be(syntax: str) -> None:
    codec = REGISTRY.encoder(syntax)
    impossible = [
        grid.pixel_format(8, 8, 1, allocated=1),
        dataclasses.replace(grid.pixel_format(8, 8, 8), samples_per_pixel=4, photometric="CMYK"),
        dataclasses.replace(grid.pixel_format(8, 8, 8, samples=3), photometric="YBR_FULL_422"),
        grid.pixel_format(0, 8, 8),
    ]
    bits = LOSSLESS_BITS.get(syntax, range(17))
    if bits.stop <= 32:
        impossible.append(grid.pixel_format(8, 8, bits.stop, allocated=32))
    if syntax in LOSSY:
        palette = dataclasses.replace(grid.pixel_format(8, 8, 8), photometric="PALETTE COLOR")
        impossible.append(palette)
    for pixels in impossible:
        assert isinstance(codec.refuses(pixels, syntax), str), pixels


@pytest.mark.parametrize("syntax", LOSSY)
def test_lossy_is_close_and_says_that_it_is_lossy(syntax: str) -> None:
    codec = REGISTRY.encoder(syntax)
    for bits, signed, count in LOSSY_FORMATS[syntax]:
        pixels = grid.pixel_format(65, 67, bits, signed=signed, samples=count)
        assert codec.refuses(pixels, syntax) is None
        samples = grid.samples_of(pixels)
        encoded, header = grid.encode(syntax, samples, pixels)
        decoded = REGISTRY.decoder(syntax).decode(encoded.data, header, syntax)
        assert decoded.samples.dtype == samples.dtype
        assert decoded.samples.shape == samples.shape
        assert (decoded.bits, decoded.signed) == (bits, signed)
        assert (decoded.lossy, decoded.notes) == (True, ())
        assert decoded.photometric == pixels.photometric
        assert lossy.psnr(samples, decoded.samples) > 30


@pytest.mark.parametrize("syntax", sorted(set(LOSSY) - {uids.JPEGXL}))
def test_lossy_white_never_becomes_black(syntax: str) -> None:
    """Ringing beyond the range's ends must be clipped and not wrap around."""
    for bits, signed, count in LOSSY_FORMATS[syntax]:
        pixels = grid.pixel_format(64, 64, bits, signed=signed, samples=count)
        if signed and syntax == uids.JPEGLSNearLossless:
            continue  # refused, for this very reason
        samples = grid.samples_of(pixels, "extremes").copy()
        samples[:32] = samples.max()
        samples[:, :16] = samples.min()
        for psnr in (20.0, 30.0, 40.0):
            encoded, header = grid.encode(syntax, samples, pixels, EncodeOptions(psnr=psnr))
            decoded = REGISTRY.decoder(syntax).decode(encoded.data, header, syntax).samples
            low, high = int(samples.min()), int(samples.max())
            assert low <= decoded.min()
            assert decoded.max() <= high
            flat = decoded[:32, 32:], decoded[32:, :8]
            assert flat[0].min() > (low + high) / 2
            assert flat[1].max() < (low + high) / 2


@pytest.mark.parametrize("syntax", LOSSY)
@pytest.mark.parametrize("size", grid.SIZES)
def test_lossy_takes_every_size(syntax: str, size: tuple[int, int]) -> None:
    for bits, signed, count in LOSSY_FORMATS[syntax]:
        pixels = grid.pixel_format(*size, bits, signed=signed, samples=count)
        samples = grid.samples_of(pixels)
        encoded, header = grid.encode(syntax, samples, pixels)
        decoded = REGISTRY.decoder(syntax).decode(encoded.data, header, syntax)
        assert decoded.samples.shape == samples.shape


@pytest.mark.parametrize("syntax", LOSSY)
@pytest.mark.parametrize("ratio", [8.0, 20.0])
def test_a_ratio_is_reached(syntax: str, ratio: float) -> None:
    for bits, signed, count in LOSSY_FORMATS[syntax]:
        pixels = grid.pixel_format(256, 256, bits, signed=signed, samples=count)
        encoded, _ = grid.encode(
            syntax, grid.samples_of(pixels), pixels, EncodeOptions(ratio=ratio)
        )
        assert lossy.native_size(pixels) / len(encoded.data) >= ratio


@pytest.mark.parametrize("syntax", sorted(set(LOSSY) - {uids.JPEGLSNearLossless}))
def test_a_psnr_is_reached_and_a_lower_one_is_smaller(syntax: str) -> None:
    for bits, signed, count in LOSSY_FORMATS[syntax]:
        pixels = grid.pixel_format(128, 128, bits, signed=signed, samples=count)
        samples = grid.samples_of(pixels)
        sizes = []
        for target in (34.0, 42.0 if bits == 8 else 60.0):
            encoded, header = grid.encode(syntax, samples, pixels, EncodeOptions(psnr=target))
            decoded = REGISTRY.decoder(syntax).decode(encoded.data, header, syntax)
            assert lossy.psnr(samples, decoded.samples) >= target
            sizes.append(len(encoded.data))
        assert sizes[0] < sizes[1]


@pytest.mark.parametrize("syntax", LOSSY)
def test_lower_quality_is_smaller(syntax: str) -> None:
    pixels = grid.pixel_format(128, 128, LOSSY_FORMATS[syntax][0][0])
    samples = grid.samples_of(pixels)
    sizes = [
        len(grid.encode(syntax, samples, pixels, EncodeOptions(quality=quality))[0].data)
        for quality in (1, 40, 80, 100)
    ]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]


@pytest.mark.parametrize("syntax", sorted(set(ALL) - {uids.RLELossless}))
@pytest.mark.parametrize("padding", [b"\x00", b"\xff", b"\x00\x00", b"\xff\xff"])
def test_padding_after_the_end_is_ignored(syntax: str, padding: bytes) -> None:
    bits = 12 if syntax == uids.JPEGExtended12Bit else 8
    pixels = grid.pixel_format(31, 33, bits)
    encoded, header = grid.encode(syntax, grid.samples_of(pixels), pixels)
    codec = REGISTRY.decoder(syntax)
    plain = codec.decode(encoded.data, header, syntax)
    padded = codec.decode(encoded.data + padding, header, syntax)
    assert np.array_equal(plain.samples, padded.samples)
    assert padded.notes == ()


@pytest.mark.parametrize("syntax", sorted(set(ALL) - {uids.RLELossless}))
def test_a_header_that_disagrees_is_noted_and_not_followed(syntax: str) -> None:
    bits = 12 if syntax in (uids.JPEGExtended12Bit, uids.JPEG2000Lossless) else 8
    pixels = grid.pixel_format(31, 33, bits)
    samples = grid.samples_of(pixels)
    encoded, header = grid.encode(syntax, samples, pixels)
    wrong = dataclasses.replace(header, rows=30, bits_stored=bits - 1)
    decoded = REGISTRY.decoder(syntax).decode(encoded.data, wrong, syntax)
    assert decoded.samples.shape == (31, 33)
    assert decoded.bits == bits
    assert decoded.notes == (
        "Rows is 30 in the header and 31 in the codestream",
        f"Bits Stored is {bits - 1} in the header and {bits} in the codestream",
    )


@pytest.mark.parametrize("syntax", sorted(set(ALL) - {uids.RLELossless}))
def test_an_implausible_size_is_refused(syntax: str) -> None:
    bits = 12 if syntax == uids.JPEGExtended12Bit else 8
    pixels = grid.pixel_format(1200, 1000, bits)
    encoded, header = grid.encode(syntax, grid.samples_of(pixels), pixels)
    small = dataclasses.replace(header, rows=30, columns=40)
    with pytest.raises(CodecError) as caught:
        REGISTRY.decoder(syntax).decode(encoded.data, small, syntax)
    assert caught.value.code == "implausible_size"


@pytest.mark.parametrize("syntax", ALL)
def test_every_truncation_is_caught(syntax: str) -> None:
    bits = 12 if syntax == uids.JPEGExtended12Bit else 8
    pixels = grid.pixel_format(31, 33, bits)
    samples = grid.samples_of(pixels)
    encoded, header = grid.encode(syntax, samples, pixels)
    codec = REGISTRY.decoder(syntax)
    survived = []
    for length in range(len(encoded.data)):
        try:
            decoded = codec.decode(encoded.data[:length], header, syntax)
        except CodecError:
            continue
        survived.append(length)
        # RLE's last byte may be padding, which nothing can miss.
        assert syntax == uids.RLELossless
        assert np.array_equal(decoded.samples, samples)
    assert len(survived) <= 1


@pytest.mark.parametrize("syntax", ALL)
@pytest.mark.parametrize("junk", [b"", b"\x00", b"\xff\xd8\xff\xd9", b"JFIF" * 40, bytes(200)])
def test_what_is_no_codestream_is_refused(syntax: str, junk: bytes) -> None:
    with pytest.raises(CodecError):
        REGISTRY.decoder(syntax).decode(junk, grid.pixel_format(9, 9, 8), syntax)
