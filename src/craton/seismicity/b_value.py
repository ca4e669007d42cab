"""The b-value of the Gutenberg-Richter relation, also where the catalogue is incomplete."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from craton.errors import DataError


class BValue(NamedTuple):
    """A b-value with its standard error and the number of events that it rests on."""

    b: float
    standard_error: float
    n: int


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
    values = finite(magnitudes)
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


def b_positive(
    magnitudes: ArrayLike, delta_m: float = 0.1, least_difference: float | None = None
) -> BValue:
    """b-value from the positive differences of successive magnitudes.

    An event that follows a larger one may be missing because of it, but an event that was seen
    after a smaller one lets a still larger one be seen too. Positive differences keep the
    exponential law of the magnitudes even while the completeness changes from event to event.

    Parameters
    ----------
    magnitudes : array_like, shape (n,)
        Magnitudes in the order of time, all that were recorded.
    delta_m : float
        Bin width of the magnitudes; 0 for continuous ones.
    least_difference : float, optional
        Differences below are left out; by default the larger of `delta_m` and 0.1. More (0.2,
        say) is safer where detection fades slowly or the single magnitudes are uncertain.

    Returns
    -------
    BValue
        b, its standard error after Shi & Bolt, and the number of differences used.

    Raises
    ------
    DataError
        If fewer than two differences remain, all are equal to the least one, or a magnitude is
        not finite.

    References
    ----------
    van der Elst (2021), doi:10.1029/2020JB021027. Tinti & Mulargia (1987),
    doi:10.1785/BSSA0770062125, for the estimate from binned values.

    Examples
    --------
    >>> draws = np.random.default_rng(0).exponential(1 / np.log(10), 20_000)
    >>> round(b_positive(draws.round(1)).b, 1)
    1.0
    """
    steps = np.diff(finite(magnitudes))
    least = max(delta_m, 0.1) if least_difference is None else least_difference
    steps = steps[steps >= least - 1e-9] if least > 0 else steps[steps > 0]
    n = steps.size
    if n < 2:
        raise DataError(
            f"{n} differences of successive magnitudes reach {least:g}, at least 2 were expected"
        )
    excess = float(steps.mean()) - least
    if excess <= 1e-9:
        raise DataError(f"all {n} positive differences equal {least:g}, so no b-value follows")
    b = float((np.log1p(delta_m / excess) / delta_m if delta_m > 0 else 1 / excess) / np.log(10))
    spread = float(np.sqrt(np.sum((steps - steps.mean()) ** 2) / (n * (n - 1.0))))
    return BValue(b, float(np.log(10) * b**2 * spread), int(n))


def magnitude_bin(magnitudes: NDArray[np.float64]) -> float:
    """Precision of the magnitudes: 0.1 if all are multiples of it, else 0.01."""
    return 0.1 if np.allclose(magnitudes * 10, np.round(magnitudes * 10), atol=1e-4) else 0.01


def finite(magnitudes: ArrayLike) -> NDArray[np.float64]:
    """Return magnitudes as one flat array; none at all or one not finite is an error."""
    values = np.asarray(magnitudes, dtype=float).ravel()
    if values.size == 0:
        raise DataError("there are no magnitudes")
    if not np.isfinite(values).all():
        first = int(np.flatnonzero(~np.isfinite(values))[0])
        raise DataError("a magnitude is not a finite number", where=f"event {first}")
    return values
