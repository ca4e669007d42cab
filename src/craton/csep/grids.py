"""CSEP tests of gridded forecasts: number, magnitude, space, likelihood, conditional likelihood.

The law of the number of events is Poisson's, or negative binomial with the variance that is given;
given the number, events fall into cells in proportion to the rates. References: Schorlemmer et al.
2007, doi:10.1785/gssrl.78.1.17; Zechar et al. 2010, doi:10.1785/0120090192; Kagan 2017,
doi:10.1093/gji/ggx300 (negative binomial).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import loggamma
from scipy.stats import nbinom, poisson

from craton.csep.likelihoods import simulated_likelihoods
from craton.csep.results import Evaluation, Floats, Seed, generator, judged
from craton.errors import DataError
from craton.io.csep_regions import Region, magnitude_index

_MOST_EVENTS = 4_000_000
"""Simulated events that are held at once."""


def count_events(
    longitude: ArrayLike,
    latitude: ArrayLike,
    magnitude: ArrayLike,
    region: Region,
    magnitudes: ArrayLike,
) -> Floats:
    """Count observed events in cells and magnitude bins; those outside of either are left out.

    Parameters
    ----------
    longitude, latitude, magnitude : array_like, shape (event,)
        Degrees, degrees, magnitude.
    region : Region
    magnitudes : array_like, shape (bin,)
        Lower edges; the last bin is open.

    Returns
    -------
    ndarray, shape (cell, bin)

    Examples
    --------
    >>> from craton.io.csep_regions import grid_region
    >>> region = grid_region([[10.0, 50.0], [10.1, 50.0]], 0.1)
    >>> count_events([10.02, 10.15, 12.0], [50.05] * 3, [5.0, 5.3, 6.0], region, [5.0, 5.2])
    array([[1., 0.],
           [0., 1.]])
    """
    edges = np.asarray(magnitudes, float)
    cell, size = region.index(longitude, latitude), magnitude_index(magnitude, edges)
    inside = (cell >= 0) & (size >= 0)
    flat = cell[inside] * edges.size + size[inside]
    counts = np.bincount(flat, minlength=len(region) * edges.size)
    return np.asarray(counts.reshape(len(region), edges.size), dtype=np.float64)


def number_test(rates: ArrayLike, counts: ArrayLike, variance: float | None = None) -> Evaluation:
    """N-test: is the number of events like the forecast's?

    Parameters
    ----------
    rates, counts : array_like, shape (cell, bin)
        Expected and observed events, of the same time.
    variance : float, optional
        Variance of the number of events, greater than its mean, for the negative binomial law;
        without it the law is Poisson's.

    Returns
    -------
    Evaluation
        `at_least` is delta 1, `at_most` delta 2.

    Raises
    ------
    DataError
        If the arrays do not fit, or the variance is not above the mean.

    Examples
    --------
    >>> found = number_test([[2.0, 1.0]], [[5, 1]])
    >>> round(found.at_least, 4), round(found.at_most, 4)
    (0.0839, 0.9665)
    """
    expected, seen = checked(rates, counts)
    law = _number_law(float(expected.sum()), variance)
    n = float(seen.sum())
    levels = (np.arange(1000) + 0.5) / 1000
    name = "grid N" if variance is None else "grid negative binomial N"
    spread = np.asarray(law.ppf(levels), float)
    return Evaluation(name, n, float(law.sf(n - 1)), float(law.cdf(n)), spread)


def likelihood_test(
    rates: ArrayLike,
    counts: ArrayLike,
    variance: float | None = None,
    *,
    n: int = 1000,
    seed: Seed = 0,
) -> Evaluation:
    """L-test: is the likelihood of what was observed like that of what the forecast simulates?

    Parameters
    ----------
    rates, counts : array_like, shape (cell, bin)
        Expected and observed events, of the same time.
    variance : float, optional
        As in `number_test`; then the likelihood is that of the number under the negative binomial
        law times that of the cells given the number.
    n : int
        Number of simulations.
    seed : int or generator

    Returns
    -------
    Evaluation
        `at_most` is the quantile score.

    Examples
    --------
    >>> found = likelihood_test([[1.0, 2.0], [3.0, 0.5]], [[1, 2], [3, 0]])
    >>> found.statistic == max(found.statistic, *found.distribution) or found.at_most > 0.9
    True
    """
    expected, seen = checked(rates, counts)
    rng = generator(seed)
    total = float(expected.sum())
    law = None if variance is None else _number_law(total, variance)
    size, numbers = [], []
    for _ in range(n):
        size.append(int(rng.poisson(total) if law is None else law.rvs(random_state=rng)))
        numbers.append(rng.random(size[-1]))
    with np.errstate(divide="ignore"):
        logs = np.log(expected.ravel())
    sizes = np.array(size, np.int64)
    drawn = simulated_likelihoods(expected, sizes, np.concatenate(numbers), logs) - total
    statistic = _observed(seen, logs, total)
    name = "grid L"
    if law is not None:
        name = "grid negative binomial L"
        # the same likelihood of cells given the number, another of the number itself
        more = np.arange(int(max(max(size), seen.sum())) + 1)
        shift = law.logpmf(more) - poisson.logpmf(more, total)
        drawn, statistic = drawn + shift[sizes], statistic + float(shift[int(seen.sum())])
    return judged(name, statistic, drawn)


def conditional_likelihood_test(
    rates: ArrayLike, counts: ArrayLike, *, n: int = 1000, seed: Seed = 0
) -> Evaluation:
    """CL-test: as the L-test, with as many events in each simulation as were observed.

    Given the number, the law of the cells is the same whatever the law of the number. Parameters
    are those of `likelihood_test`.

    References
    ----------
    Werner et al. 2011, doi:10.1785/0120090340.
    """
    expected, seen = checked(rates, counts)
    return _conditional("grid CL", expected, seen, n, seed, scaled=False)


def spatial_test(
    rates: ArrayLike, counts: ArrayLike, *, n: int = 1000, seed: Seed = 0
) -> Evaluation:
    """S-test: as the CL-test, on cells alone, with rates scaled to the number that was observed.

    Parameters are those of `likelihood_test`.
    """
    expected, seen = checked(rates, counts)
    return _conditional("grid S", expected.sum(axis=1), seen.sum(axis=1), n, seed, scaled=True)


def magnitude_test(
    rates: ArrayLike, counts: ArrayLike, *, n: int = 1000, seed: Seed = 0
) -> Evaluation:
    """M-test: as the S-test, on magnitude bins alone.

    Parameters are those of `likelihood_test`.
    """
    expected, seen = checked(rates, counts)
    return _conditional("grid M", expected.sum(axis=0), seen.sum(axis=0), n, seed, scaled=True)


def checked(rates: ArrayLike, counts: ArrayLike) -> tuple[Floats, Floats]:
    """Return rates and counts as arrays (cell, bin) of one shape, or say what is wrong."""
    expected, seen = np.asarray(rates, float), np.asarray(counts, float)
    if expected.ndim != 2 or expected.shape != seen.shape:
        raise DataError(
            f"rates of shape {expected.shape} and counts of {seen.shape}: one shape (cell, bin) "
            "was expected"
        )
    if not (np.isfinite(expected).all() and (expected >= 0).all() and expected.sum() > 0):
        raise DataError("rates that are zero or more, and not all zero, were expected")
    if (seen < 0).any() or (seen != np.floor(seen)).any():
        raise DataError("counts of events were expected", fix="give whole numbers, zero or more")
    return expected, seen


def _number_law(mean: float, variance: float | None) -> Any:
    if variance is None:
        return poisson(mean)
    if not variance > mean:
        raise DataError(
            f"a variance of {variance:g} with {mean:g} expected events",
            fix="give a variance above the mean, or none for Poisson's law",
        )
    return nbinom(mean**2 / (variance - mean), mean / variance)


def _conditional(
    name: str, expected: Floats, seen: Floats, n: int, seed: Seed, *, scaled: bool
) -> Evaluation:
    number = int(seen.sum())
    if number == 0:
        return Evaluation(name, np.nan, np.nan, np.nan, np.zeros(0), "not valid")
    rng = generator(seed)
    total = float(expected.sum())
    with np.errstate(divide="ignore"):
        logs = np.log(expected.ravel() * (number / total) if scaled else expected.ravel())
    level = float(number) if scaled else total
    at_once = max(_MOST_EVENTS // number, 1)
    drawn = [
        simulated_likelihoods(expected, np.full(k, number), rng.random(k * number), logs) - level
        for k in (min(at_once, n - done) for done in range(0, n, at_once))
    ]
    return judged(name, _observed(seen, logs, level), np.concatenate(drawn))


def _observed(seen: Floats, logs: Floats, level: float) -> float:
    there = np.flatnonzero(seen)
    count = seen.ravel()[there]
    return float(np.sum(logs[there] * count) - np.sum(loggamma(count + 1.0)) - level)
