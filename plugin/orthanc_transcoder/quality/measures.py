"""How far a decoded image is from its original, in stored sample units.

PSNR and SSIM are over the range of values that the frame really has: over the
nominal range of 16 bits, a CT with errors of 350 units still scores 65 dB.

A frame is measured piece by piece: copies of a large one, in the types that
the formulas need, would take a gigabyte.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..codec.contract import Samples
from ..codec.lossy import actual_range

_SAMPLES = 1 << 18  # at once
_WINDOW = 7  # of SSIM: scikit-image's, too, where nothing is said
_TILE = (128, 256)  # window positions at once: what SSIM needs of them stays in a cache


@dataclass(frozen=True, slots=True)
class Measures:
    """Of one frame, or the worst of several.

    Attributes
    ----------
    maximum_error
        Greatest absolute difference of a sample.
    rmse
        Root of the mean squared difference.
    psnr
        In dB over maximum minus minimum of the original frame; infinite where
        nothing differs.
    ssim
        Mean structural similarity, 1 where nothing differs; None where
        something does and the frame is too small for a window of 3.
    """

    maximum_error: int = 0
    rmse: float = 0.0
    psnr: float = math.inf
    ssim: float | None = 1.0

    def worse(self, other: Measures) -> Measures:
        """The worse of the two in each respect."""
        known = None if self.ssim is None or other.ssim is None else min(self.ssim, other.ssim)
        return Measures(
            max(self.maximum_error, other.maximum_error),
            max(self.rmse, other.rmse),
            min(self.psnr, other.psnr),
            known,
        )

    def to_json(self, ratio: float) -> dict[str, float | None]:
        """Plain values for a report, with the ratio of what was measured."""
        return {
            "maximum_error": self.maximum_error,
            "rmse": round(self.rmse, 4),
            "psnr": round(self.psnr, 2) if math.isfinite(self.psnr) else None,
            "ssim": None if self.ssim is None else round(self.ssim, 5),
            "ratio": round(ratio, 3),
        }


def worst(measures: Iterable[Measures]) -> Measures:
    """The worst of all frames in each respect."""
    result = Measures()
    for one in measures:
        result = result.worse(one)
    return result


def compare(original: Samples, decoded: Samples) -> Measures:
    """Measure one frame against its original, of the same shape."""
    maximum, squares = _differences(original, decoded)
    if maximum == 0:
        return Measures()
    rmse = math.sqrt(squares / original.size)
    psnr = 20 * math.log10(actual_range(original) / rmse)
    return Measures(maximum, rmse, psnr, structural_similarity(original, decoded))


def _differences(original: Samples, decoded: Samples) -> tuple[int, float]:
    """The greatest absolute difference, and the sum of the squared ones."""
    maximum, squares = 0, 0.0
    rows = max(1, _SAMPLES // original[0].size)
    for top in range(0, len(original), rows):
        some = slice(top, top + rows)
        difference = original[some].astype(np.int64) - decoded[some].astype(np.int64)
        maximum = max(maximum, int(np.abs(difference).max()))
        squares += float(np.sum(np.square(difference, dtype=np.float64)))
    return maximum, squares


def structural_similarity(original: Samples, decoded: Samples) -> float | None:
    """Return the mean SSIM of a frame (Wang et al. 2004) by scikit-image.

    The constants are of the original's actual range, and its minimum counts as
    black: the same image scores the same, whether it is stored signed or not.
    The window is 7 pixels a side, or the greatest odd number that the frame has
    room for; None where that is under 3. Of colour, the mean of the channels.
    """
    rows, columns = original.shape[:2]
    window = min(_WINDOW, rows - (rows + 1) % 2, columns - (columns + 1) % 2)
    if window < 3:
        return None
    # Only where something was lossy: it takes a third of a second and 30 MB.
    from skimage import metrics  # noqa: PLC0415

    low, scale = int(original.min()), actual_range(original)
    total = 0.0
    # Each position of the window is in one tile, so the mean is the whole frame's.
    positions = (rows - window + 1, columns - window + 1)
    for top, left in itertools.product(*map(range, (0, 0), positions, _TILE)):
        height = min(_TILE[0], positions[0] - top)
        width = min(_TILE[1], positions[1] - left)
        tile = np.s_[top : top + height + window - 1, left : left + width + window - 1]
        # Relative to the range: 32 bits to the fourth power are more than a float32 holds.
        one, other = (
            ((frame[tile].astype(np.int64) - low) / scale).astype(np.float32)
            for frame in (original, decoded)
        )
        channels = 2 if one.ndim > 2 else None
        similarity = metrics.structural_similarity(  # type: ignore[no-untyped-call]
            one, other, win_size=window, data_range=1.0, channel_axis=channels
        )
        total += height * width * float(similarity)
    mean: float = total / (positions[0] * positions[1])
    return mean
