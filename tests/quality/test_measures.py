"""PSNR, RMSE, maximum error and SSIM of a frame against the formulas, however it is stored."""

from __future__ import annotations

import math
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import structural_similarity

from orthanc_transcoder.quality.measures import Measures, compare, worst
from tests.synthesis import Samples

KINDS = (np.uint8, np.int8, np.uint16, np.int16, np.int32, np.uint32)
NOTHING_LOST = {"maximum_error": 0, "rmse": 0.0, "psnr": None, "ssim": 1.0, "ratio": 2.5}


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Samples, Samples]:
    """A frame, grey or in colour, and another that may reach both ends of the type."""
    shape = (draw(st.integers(1, 40)), draw(st.integers(1, 40)), *draw(st.sampled_from([(), (3,)])))
    kind = np.iinfo(draw(st.sampled_from(KINDS)))
    low = draw(st.integers(kind.min, kind.max))
    high = draw(st.integers(low, kind.max))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 20)))
    original = rng.integers(low, high, shape, kind.dtype, endpoint=True)
    error = rng.integers(0, draw(st.integers(0, high - low)), shape, np.int64, endpoint=True)
    decoded = np.clip(original + error, kind.min, kind.max).astype(kind.dtype)
    return original, decoded


def textbook_ssim(original: Samples, decoded: Samples) -> float | None:
    """Of the whole frame at once, in double precision."""
    side = min(original.shape[:2])
    window = next((size for size in (7, 5, 3) if size <= side), None)
    if window is None:
        return None
    wide = original.astype(np.float64)
    low = wide.min()
    value = structural_similarity(  # type: ignore[no-untyped-call]
        wide - low,
        decoded.astype(np.float64) - low,
        win_size=window,
        data_range=max(1.0, wide.max() - low),
        channel_axis=2 if wide.ndim > 2 else None,
    )
    return float(value)


@given(pairs())
@settings(deadline=None, max_examples=200)
def test_the_measures_are_the_formulas(pair: tuple[Samples, Samples]) -> None:
    original, decoded = pair
    found = compare(original, decoded)
    error = original.astype(np.float64) - decoded.astype(np.float64)
    rmse = math.sqrt(np.mean(error**2))
    assert found.maximum_error == np.abs(error).max()
    assert found.rmse == pytest.approx(rmse, rel=1e-9)
    if not error.any():
        assert found == Measures()
        return
    span = max(1.0, float(original.max()) - float(original.min()))
    assert found.psnr == pytest.approx(20 * math.log10(span / rmse), abs=1e-6)
    expected = textbook_ssim(original, decoded)
    assert found.ssim == (expected if expected is None else pytest.approx(expected, abs=1e-5))


@pytest.mark.parametrize("shape", [(300, 700), (134, 262), (129, 257), (135, 6), (140, 270, 3)])
def test_ssim_of_a_frame_of_several_tiles_is_that_of_the_whole(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(5)
    slope = np.linspace(30000, 34000, math.prod(shape)).reshape(shape)
    original = (slope + rng.normal(0, 40, shape)).astype(np.uint16)
    decoded = (original + rng.normal(0, 60, shape)).astype(np.uint16)
    expected = textbook_ssim(original, decoded)
    assert expected is not None
    assert expected < 0.99
    assert compare(original, decoded).ssim == pytest.approx(expected, abs=1e-5)


def test_an_image_scores_the_same_signed_or_unsigned() -> None:
    rng = np.random.default_rng(6)
    original = rng.integers(0, 4096, (50, 60), np.int16)
    decoded = (original + rng.integers(-9, 9, original.shape)).astype(np.int16)
    one = compare(original - np.int16(1024), decoded - np.int16(1024))
    assert one == compare(
        original.astype(np.uint16) + np.uint16(9), (decoded + 9).astype(np.uint16)
    )


@pytest.mark.parametrize("shape", [(1, 1), (2, 500), (500, 2), (2, 2, 3), (1, 9)])
def test_a_frame_too_small_for_a_window_has_no_ssim(shape: tuple[int, ...]) -> None:
    original = np.zeros(shape, np.uint8)
    found = compare(original, original + np.uint8(1))
    assert (found.maximum_error, found.ssim) == (1, None)
    assert compare(original, original).ssim == 1.0
    assert found.to_json(1.0)["ssim"] is None


def test_a_constant_frame_is_measured_over_a_range_of_one() -> None:
    original = np.full((20, 20), 1000, np.uint16)
    found = compare(original, original + np.uint16(1))
    assert found.psnr == 0.0
    assert found.ssim is not None
    assert 0 <= found.ssim < 0.1


def test_the_worst_is_so_in_each_respect() -> None:
    some = [Measures(5, 1.0, 40.0, 0.99), Measures(2, 2.0, 50.0, 0.9), Measures()]
    assert worst(some) == Measures(5, 2.0, 40.0, 0.9)
    assert worst([*some, Measures(1, 1.0, 45.0, None)]).ssim is None
    assert worst([]) == Measures()


def test_plain_values_know_no_infinity() -> None:
    assert Measures().to_json(2.5) == NOTHING_LOST


def test_a_large_frame_is_not_copied() -> None:
    """Its copies in double precision would take 32 MB each here, and SSIM a dozen of them."""
    original = np.random.default_rng(7).integers(0, 4096, (2048, 2048), np.uint16)
    decoded = original ^ np.uint16(1)
    compare(original[:9, :9], decoded[:9, :9])  # scikit-image is imported
    tracemalloc.start()
    try:
        compare(original, decoded)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 << 20


def test_scikit_image_is_imported_only_where_something_was_lost() -> None:
    program = (
        "import sys, numpy; from orthanc_transcoder.quality.measures import compare; "
        "from orthanc_transcoder import pipeline; one = numpy.zeros((9, 9), numpy.uint8); "
        "compare(one, one); print('skimage' in sys.modules, 'scipy' in sys.modules); "
        "compare(one, one + numpy.uint8(1)); print('skimage' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["False", "False", "True"]
