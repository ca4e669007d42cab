"""Reliability diagrams: of cells with forecast probability p, does a share p get an event?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from craton.csep.results import Floats, Ints
from craton.csep.simulated import SimulatedCounts
from craton.errors import ConfigError, DataError


@dataclass(frozen=True, eq=False)
class Reliability:
    """Forecast probability against observed frequency, by bins of probability.

    Attributes
    ----------
    probability : ndarray, shape (bin,)
        Mean forecast probability.
    frequency : ndarray, shape (bin,)
        Share of cases in which an event occurred.
    low, high : ndarray, shape (bin,)
        Consistency bar: where the frequency lies, at the level asked for, if the forecast is right.
    cases : ndarray of int, shape (bin,)
    reliability, resolution, uncertainty : float
        Murphy's parts of the Brier score of the binned forecast: reliability - resolution +
        uncertainty. The first is best at zero.
    unforeseen : int
        Events in cases of probability zero.
    """

    probability: Floats
    frequency: Floats
    low: Floats
    high: Floats
    cases: Ints
    reliability: float
    resolution: float
    uncertainty: float
    unforeseen: int


def reliability(
    probability: ArrayLike,
    occurred: ArrayLike,
    *,
    bins: int = 10,
    level: float = 0.9,
    n: int = 1000,
    seed: int = 0,
) -> Reliability:
    """Reliability diagram of probabilities for independent cases, such as cells and days.

    Parameters
    ----------
    probability : array_like, any shape
        Of at least one event, 0 to 1. For Poisson rates it is ``1 - exp(-rate)``.
    occurred : array_like, of the same shape
        Whether an event occurred.
    bins : int
        Bins are cut so that each expects as many events: cells of earthquake forecasts have tiny
        probabilities, and bins of equal width would put nearly all into the first.
    level : float
        Coverage of the consistency bars.
    n, seed
        Simulated outcomes and their seed. Outcomes are drawn independently from case to case; for
        catalogue forecasts, whose events cluster, use `catalog_reliability`.

    Returns
    -------
    Reliability

    Raises
    ------
    DataError
        If shapes differ, or a probability is out of 0 to 1.

    References
    ----------
    Bröcker and Smith 2007, doi:10.1175/WAF993.1 (consistency bars); Murphy 1973,
    doi:10.1175/1520-0450(1973)012<0595:ANVPOT>2.0.CO;2.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> p = rng.beta(1, 9, 5000)
    >>> found = reliability(p, rng.random(5000) < p)
    >>> int(((found.frequency >= found.low) & (found.frequency <= found.high)).sum()) >= 7
    True
    """
    p, hit = _checked(probability, occurred)
    which = _bins(p, bins)
    rng = np.random.default_rng(seed)
    # A Poisson number above zero has chance p if its mean is -ln(1 - p): simulated events number
    # about as many as are expected, however many cases there are.
    mean = -np.log1p(-np.minimum(p, 1 - 1e-12))
    edges = np.cumsum(mean)
    drawn = np.zeros((n, int(which.max()) + 1))
    for k in range(n):
        number = rng.poisson(edges[-1])
        case = np.searchsorted(edges, rng.random(number) * edges[-1], side="right")
        case = np.unique(np.minimum(case, p.size - 1))
        drawn[k] = np.bincount(which[case], minlength=drawn.shape[1])
    return _diagram(p, hit, which, drawn, level)


def catalog_reliability(
    simulated: SimulatedCounts | Sequence[SimulatedCounts],
    counts: ArrayLike | Sequence[ArrayLike],
    *,
    bins: int = 10,
    level: float = 0.9,
) -> Reliability:
    """Reliability diagram of catalogue forecasts.

    The probability of a cell is the share of catalogues with an event in it. The consistency bars
    come from the catalogues themselves, so they hold for clustered events, which make them wider
    than independent cells would.

    Parameters
    ----------
    simulated : SimulatedCounts or sequence of them
        One a day; days need the same region and number of catalogues.
    counts : array_like (cell, bin) or sequence of them
        Observed events of each day.
    bins, level
        As for `reliability`.

    Returns
    -------
    Reliability

    Raises
    ------
    DataError
        If days, cells or numbers of catalogues do not fit.
    """
    days = [simulated] if isinstance(simulated, SimulatedCounts) else list(simulated)
    single = isinstance(simulated, SimulatedCounts)
    seen = [np.asarray(c, float).sum(axis=1) for c in ([counts] if single else list(counts))]  # type: ignore[arg-type]
    if len(days) != len(seen) or not days or len({d.n_catalogs for d in days}) != 1:
        raise DataError(f"{len(days)} forecasts (of one number of catalogues) for {len(seen)} days")
    p, hit = _checked(np.concatenate([d.hit for d in days]), np.concatenate([s > 0 for s in seen]))
    which = _bins(p, bins)
    drawn = np.zeros((days[0].n_catalogs, int(which.max()) + 1))
    offset = 0
    for day in days:
        entry = np.repeat(np.arange(day.n_catalogs), np.diff(day.by_cell.start))
        np.add.at(drawn, (entry, which[offset + day.by_cell.cell]), 1)
        offset += day.rates.size
    return _diagram(p, hit, which, drawn, level)


def _checked(probability: ArrayLike, occurred: ArrayLike) -> tuple[Floats, Floats]:
    p, hit = np.asarray(probability, float).ravel(), np.asarray(occurred, float).ravel()
    if p.shape != hit.shape or not p.size:
        raise DataError(f"{p.size} probabilities for {hit.size} cases")
    if not ((p >= 0) & (p <= 1)).all():
        raise DataError("probabilities from 0 to 1 were expected", fix="1 - exp(-rate) for rates")
    if not np.isin(hit, (0, 1)).all():
        raise DataError("occurred: true or false for each case was expected", fix="counts > 0")
    if not p.any():
        raise DataError("all probabilities are zero")
    return p, hit


def _bins(p: Floats, bins: int) -> Ints:
    """Bin of each case, ascending in probability, of about equal expected numbers of events."""
    if bins < 1:
        raise ConfigError(f"{bins} bins: one or more was expected")
    values, case = np.unique(p, return_inverse=True)
    expected = np.cumsum(np.bincount(case, weights=p, minlength=values.size))
    # equal probabilities stay in one bin
    middle = expected - np.diff(expected, prepend=0.0) / 2
    number = np.minimum((middle / expected[-1] * bins).astype(np.int64), bins - 1)
    return np.unique(number, return_inverse=True)[1].ravel()[case.ravel()]


def _diagram(p: Floats, hit: Floats, which: Ints, drawn: Floats, level: float) -> Reliability:
    cases = np.bincount(which)
    mean = np.bincount(which, weights=p) / cases
    seen = np.bincount(which, weights=hit) / cases
    low, high = np.percentile(drawn / cases, [50 * (1 - level), 50 * (1 + level)], axis=0)
    base, share = hit.mean(), cases / cases.sum()
    return Reliability(
        mean, seen, low, high, cases,
        float(np.sum(share * (mean - seen) ** 2)), float(np.sum(share * (seen - base) ** 2)),
        float(base * (1 - base)), int(hit[p == 0].sum()),
    )  # fmt: skip
