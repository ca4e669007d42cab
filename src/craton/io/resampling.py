"""Samples at another rate, by polyphase filtering, without aliases."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from craton.errors import DataError


def resampled(
    data: NDArray[Any], old: float, new: float, *, drift: float | None = 0.1
) -> NDArray[np.float64]:
    """Bring the last axis from one sampling rate to another; the first sample keeps its time.

    Parameters
    ----------
    data : array, shape (..., sample)
        Without gaps.
    old, new : float
        Samples a second.
    drift : float, optional
        Samples that the end may be off. None takes the nearest ratio of whole numbers up to 1000,
        where time does not matter.

    Returns
    -------
    numpy.ndarray, shape (..., about sample * new / old)

    Raises
    ------
    DataError
        If the ratio is no fraction of whole numbers up to 20,000 that stays within `drift`.

    Examples
    --------
    >>> resampled(np.arange(8.0), 2.0, 1.0).shape
    (4,)
    """
    from scipy.signal import resample_poly

    data = np.asarray(data, dtype=np.float64)
    n = data.shape[-1]
    part = _fraction(new / old, n, drift)
    if part is None:
        raise DataError(f"cannot be brought from {old:g} to {new:g} Hz without a drift")
    if part == 1 or not n:
        return data
    # Without the line through both ends, the filter would take what lies outside for zero.
    pad = "line" if n > 1 else "constant"
    return np.asarray(resample_poly(data, part.numerator, part.denominator, axis=-1, padtype=pad))


def _fraction(ratio: float, n: int, drift: float | None) -> Fraction | None:
    """The simplest fraction that is near enough to a ratio over `n` samples."""
    if drift is None:
        return Fraction(ratio).limit_denominator(1000) or None
    for most in (100, 1000, 20_000):
        part = Fraction(ratio).limit_denominator(most)
        if part and abs(float(part) / ratio - 1) * n * max(ratio, 1) < drift:
            return part if part.numerator <= 20_000 else None
    return None
