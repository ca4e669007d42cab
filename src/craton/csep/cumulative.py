"""Tests over many days: summed numbers, summed gains, and whether quantiles are uniform."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import kstest

from craton.csep.results import Evaluation, Floats, Seed, generator
from craton.errors import DataError

_TAIL = 1e-15


@dataclass(frozen=True, eq=False)
class CumulativeNumber:
    """Number of events up to each day, observed and forecast.

    Attributes
    ----------
    observed : ndarray, shape (day,)
        Events so far.
    at_least, at_most : ndarray, shape (day,)
        Delta 1 and delta 2 of the number so far.
    low, median, high : ndarray, shape (day,)
        Quantiles of the forecast number so far.
    """

    observed: Floats
    at_least: Floats
    at_most: Floats
    low: Floats
    median: Floats
    high: Floats


@dataclass(frozen=True, eq=False)
class CumulativeGain:
    """Summed gain (or score) up to each day, with a band.

    Attributes
    ----------
    total, low, high : ndarray, shape (day,)
    """

    total: Floats
    low: Floats
    high: Floats


def cumulative_number_test(
    simulated: Sequence[ArrayLike], observed: ArrayLike, *, level: float = 0.95
) -> CumulativeNumber:
    """N-test of the number of events since the first day.

    The distribution of the sum is the convolution of those of the days, that is, days are taken as
    independent given their forecasts. Forecasts that were issued day by day carry the dependence in
    their own numbers; for forecasts that were issued at once, sum each catalogue over the days
    before.

    Parameters
    ----------
    simulated : sequence of array_like, each of shape (catalog,)
        Number of events of each simulated catalogue, day by day.
    observed : array_like, shape (day,)
        Number of observed events.
    level : float
        Coverage of the band.

    Returns
    -------
    CumulativeNumber

    Raises
    ------
    DataError
        If the days differ in number, or a day has no catalogue or a count below zero.

    Examples
    --------
    >>> found = cumulative_number_test([[0, 1], [0, 1]], [1, 1])
    >>> found.at_least.tolist(), found.at_most.tolist()
    ([0.5, 0.25], [1.0, 1.0])
    """
    seen = np.cumsum(np.asarray(observed, float))
    if len(simulated) != seen.size or not seen.size:
        raise DataError(f"{len(simulated)} forecasts for {seen.size} observed days")
    chance, lowest = np.ones(1), 0
    rows = []
    for day, counts in enumerate(simulated):
        number = np.asarray(counts)
        if not number.size or number.min() < 0:
            raise DataError(
                "counts of one or more catalogues were expected", where=f"day {day + 1}"
            )
        share = np.bincount(number.astype(np.int64)) / number.size
        chance = np.convolve(chance, share)
        below, above = np.cumsum(chance), np.cumsum(chance[::-1])[::-1]
        kept = np.flatnonzero((below > _TAIL) & (above > _TAIL))
        chance, lowest = chance[kept[0] : kept[-1] + 1], lowest + int(kept[0])
        below, above = np.minimum(below[kept], 1.0), np.minimum(above[kept], 1.0)
        place = int(seen[day]) - lowest
        at_least = 1.0 if place < 0 else float(above[place]) if place < above.size else 0.0
        at_most = 0.0 if place < 0 else float(below[min(place, below.size - 1)])
        cuts = ((1 - level) / 2, 0.5, (1 + level) / 2)
        reached = [lowest + int(np.searchsorted(below, q - 1e-12)) for q in cuts]
        rows.append([seen[day], at_least, at_most, *reached])
    return CumulativeNumber(*np.array(rows, float).T)


def cumulative_gain(
    by_day: ArrayLike, *, block: int = 1, n: int = 2000, seed: int = 0, level: float = 0.95
) -> CumulativeGain:
    """Sum of daily gains or scores since the first day, with a bootstrap band.

    Parameters
    ----------
    by_day : array_like, shape (day,)
        Gain of one forecast over another on each day (`PairedGain.by_day`), or a score.
    block : int
        Days that are drawn together (circular moving blocks).
    n, seed, level
        Resamples, seed, coverage.

    Returns
    -------
    CumulativeGain
        The band is that of the sum so far if the gains of the days were drawn anew from what was
        seen; it takes them as stationary.

    References
    ----------
    Politis and Romano 1992, in: Exploring the Limits of Bootstrap, Wiley (circular blocks).

    Examples
    --------
    >>> found = cumulative_gain(np.random.default_rng(0).normal(0.5, 1.0, 100), block=5)
    >>> bool(found.low[-1] > 0)
    True
    """
    gains = np.asarray(by_day, float)
    days = gains.size
    if gains.ndim != 1 or not days or not np.isfinite(gains).all():
        raise DataError(f"gains of shape {gains.shape}: (day,) finite numbers were expected")
    if not 1 <= block <= days:
        raise DataError(f"blocks of {block} days in {days} days")
    rng = np.random.default_rng(seed)
    first = rng.integers(0, days, (n, -(-days // block)))
    drawn = ((first[..., None] + np.arange(block)) % days).reshape(n, -1)[:, :days]
    apart = np.cumsum(gains[drawn] - gains.mean(), axis=1)
    total = np.cumsum(gains)
    low, high = np.percentile(apart, [50 * (1 - level), 50 * (1 + level)], axis=0)
    return CumulativeGain(total, total + low, total + high)


def calibration_test(evaluations: Sequence[Evaluation]) -> tuple[float, float]:
    """Are the quantiles of many tests uniform? Kolmogorov and Smirnov's distance and probability.

    Parameters
    ----------
    evaluations : sequence of Evaluation
        Of one kind and many days; those that are not valid are left out. `at_most` is tested. Its
        distribution under a true forecast is uniform only if ties are rare: for numbers use
        `randomised_quantiles`.

    Raises
    ------
    DataError
        If none is valid.
    """
    valid = [e.at_most for e in evaluations if e.status != "not valid"]
    if not valid:
        raise DataError("no evaluation is valid", fix="give tests of days with events")
    found = kstest(valid, "uniform")
    return float(found.statistic), float(found.pvalue)


def randomised_quantiles(evaluations: Sequence[Evaluation], *, seed: Seed = 0) -> Floats:
    """Quantiles that are uniform under a true forecast whatever the ties.

    Drawn uniformly between the share of the distribution below what was observed and the share at
    or below it.

    References
    ----------
    Czado, Gneiting and Held 2009, doi:10.1111/j.1541-0420.2009.01191.x.

    Examples
    --------
    >>> from craton.csep.results import judged
    >>> days = [judged("catalogue N", 0.0, np.zeros(9))] * 1000
    >>> bool(abs(randomised_quantiles(days).mean() - 0.5) < 0.05)
    True
    """
    valid = [e for e in evaluations if e.status != "not valid"]
    low = np.array([1 - e.at_least for e in valid])
    high = np.array([e.at_most for e in valid])
    return np.asarray(low + (high - low) * generator(seed).random(low.size))
