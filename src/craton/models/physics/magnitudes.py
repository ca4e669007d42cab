"""Statistics of earthquake magnitudes: completeness and b-value."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from craton.errors import DataError


class BValue(NamedTuple):
    """A b-value with its standard error and the number of events that it rests on."""

    b: float
    standard_error: float
    n: int


def magnitude_of_completeness(magnitudes: ArrayLike, delta_m: float = 0.1) -> float:
    """Magnitude of completeness by maximum curvature, plus 0.2.

    Parameters
    ----------
    magnitudes : array_like, shape (n,)
        Magnitudes.
    delta_m : float
        Bin width of the frequency-magnitude distribution.

    Returns
    -------
    float
        Centre of the fullest bin plus 0.2 (maximum curvature alone is biased low). Of bins that
        tie the larger is taken, which is the cautious choice.

    Raises
    ------
    DataError
        If there is no magnitude, one is not finite, or `delta_m` is not positive.

    References
    ----------
    Wiemer & Wyss (2000), doi:10.1785/0119990114. Woessner & Wiemer (2005), doi:10.1785/0120040007.

    Examples
    --------
    >>> round(magnitude_of_completeness([2.8, 2.9, 3.0, 3.0, 3.0, 3.1, 3.1, 3.4]), 3)
    3.2
    """
    values = _checked(magnitudes)
    if not delta_m > 0:
        raise DataError(f"delta_m is {delta_m}, a positive bin width was expected")
    # The 1e-6 keeps decimals such as 2.35, which no double holds, on the upper side of a half.
    bins = np.floor(values / delta_m + 0.5 + 1e-6).astype(np.int64)
    centre, count = np.unique(bins, return_counts=True)
    fullest = centre[count == count.max()].max()
    return float(fullest * delta_m + 0.2)


def b_value(magnitudes: ArrayLike, mc: float, delta_m: float = 0.1) -> BValue:
    """b-value by maximum likelihood (Aki) with Utsu's correction for binned magnitudes.

    Parameters
    ----------
    magnitudes : array_like, shape (n,)
        Magnitudes; those below ``mc - delta_m / 2`` are left out.
    mc : float
        Magnitude of completeness (centre of the lowest complete bin).
    delta_m : float
        Bin width of the magnitudes; 0 for continuous ones.

    Returns
    -------
    BValue
        b, its standard error after Shi & Bolt, and the number of events used.

    Raises
    ------
    DataError
        If fewer than two events reach `mc`, all have one magnitude, or a magnitude is not finite.

    References
    ----------
    Aki (1965), Bull. Earthq. Res. Inst. 43, 237. Utsu (1966), J. Fac. Sci. Hokkaido Univ. 7, 2, 1.
    Shi & Bolt (1982), doi:10.1785/BSSA0720051677.

    Examples
    --------
    >>> draws = np.random.default_rng(0).exponential(1 / np.log(10), 20_000) + 2.0
    >>> result = b_value(draws, 2.0, 0.0)
    >>> round(result.b, 1), result.n
    (1.0, 20000)
    """
    values = _checked(magnitudes)
    lower = mc - delta_m / 2
    # Decimal magnitudes at the lower edge must not fall out by rounding.
    values = values[values >= lower - 1e-9]
    n = values.size
    if n < 2:
        raise DataError(
            f"{n} events reach magnitude {mc}, at least 2 were expected", fix="lower mc"
        )
    excess = float(values.mean()) - lower
    if excess <= 1e-9:
        raise DataError(f"all {n} magnitudes equal mc = {mc}, so no b-value follows")
    b = float(np.log10(np.e) / excess)
    spread = float(np.sqrt(np.sum((values - values.mean()) ** 2) / (n * (n - 1.0))))
    return BValue(b, float(np.log(10) * b**2 * spread), int(n))


def _checked(magnitudes: ArrayLike) -> np.ndarray:
    values = np.asarray(magnitudes, dtype=float).ravel()
    if values.size == 0:
        raise DataError("there are no magnitudes")
    if not np.isfinite(values).all():
        first = int(np.flatnonzero(~np.isfinite(values))[0])
        raise DataError("a magnitude is not a finite number", where=f"event {first}")
    return values
