"""How far a decoded image is from its original, in stored sample units.

PSNR is over the range of values that the frame really has: over the nominal
range of 16 bits, a CT with errors of 350 units still scores 65 dB.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..codec.contract import Samples
from ..codec.lossy import actual_range


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
    """

    maximum_error: int = 0
    rmse: float = 0.0
    psnr: float = math.inf

    def worst(self, other: Measures) -> Measures:
        """The worse of the two in each respect."""
        return Measures(
            max(self.maximum_error, other.maximum_error),
            max(self.rmse, other.rmse),
            min(self.psnr, other.psnr),
        )


def compare(original: Samples, decoded: Samples) -> Measures:
    """Measure one frame against its original, of the same shape."""
    difference = original.astype(np.int64) - decoded.astype(np.int64)
    maximum = int(np.abs(difference).max())
    if maximum == 0:
        return Measures()
    rmse = math.sqrt(float(np.mean(np.square(difference, dtype=np.float64))))
    return Measures(maximum, rmse, 20 * math.log10(actual_range(original) / rmse))
