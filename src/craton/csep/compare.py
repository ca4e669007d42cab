"""Which of two forecasts is better: information gain per event, with intervals.

References: Rhoades et al. 2011, doi:10.2478/s11600-011-0013-5 (T and W tests); Bayona et al. 2022,
doi:10.1093/gji/ggac018 (binary T test).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t as student
from scipy.stats import wilcoxon

from craton.csep.grids import checked
from craton.csep.results import Floats
from craton.csep.simulated import SimulatedCounts
from craton.errors import ConfigError, DataError
from craton.io.csep_grids import GriddedForecast
from craton.io.csep_regions import Region, magnitude_index
from craton.io.geodesy import haversine_km
from craton.uncertainty import block_bootstrap


@dataclass(frozen=True)
class Comparison:
    """Information gain of a forecast over a benchmark.

    Attributes
    ----------
    name : str
    gain : float
        Information gain per event (or per cell that was hit), in nats; above zero if the forecast
        is better.
    low, high : float
        Its interval. NaN for the W test, which has none.
    statistic, p_value : float
        Student's t, or the standard score of Wilcoxon's rank sum, and the two-sided probability.
    n : int
        Events (or cells that were hit).
    """

    name: str
    gain: float
    low: float
    high: float
    statistic: float
    p_value: float
    n: int


@dataclass(frozen=True, eq=False)
class PairedGain:
    """Information gain over many days, in all, by day and by cell, nats.

    Attributes
    ----------
    t, w : Comparison
        T and W tests on events, which take them as independent.
    gain, low, high : float
        Gain per event and its bootstrap interval over blocks of days: aftershocks of one day are
        kept together.
    by_day, by_cell : ndarray, shape (day,), (cell,)
        Parts of the summed gain.
    space_by_day : ndarray, shape (day,)
        The part of `by_day` that is due to where events were expected; the rest is due to how many.
    events : ndarray, shape (day,)
    """

    t: Comparison
    w: Comparison
    gain: float
    low: float
    high: float
    by_day: Floats = field(repr=False)
    by_cell: Floats = field(repr=False)
    space_by_day: Floats = field(repr=False)
    events: Floats = field(repr=False)


def t_test(
    rates: ArrayLike, benchmark: ArrayLike, counts: ArrayLike, *, level: float = 0.95
) -> Comparison:
    """Paired T-test of two gridded forecasts.

    Parameters
    ----------
    rates, benchmark, counts : array_like, shape (cell, bin)
        Expected events by either forecast and observed events, of the same time.
    level : float
        Coverage of the interval.

    Returns
    -------
    Comparison

    Raises
    ------
    DataError
        If shapes differ, there are fewer than two events, or one fell where a rate is zero.

    Examples
    --------
    >>> found = t_test([[2.0], [1.0]], [[1.0], [1.0]], [[3], [1]])
    >>> round(found.gain, 3)
    0.27
    """
    gains, excess = _paired(rates, benchmark, counts, binary=False)
    return _student("T", gains, excess, level)


def binary_t_test(
    rates: ArrayLike, benchmark: ArrayLike, counts: ArrayLike, *, level: float = 0.95
) -> Comparison:
    """T-test on cells that were hit instead of events; parameters are those of `t_test`."""
    gains, excess = _paired(rates, benchmark, counts, binary=True)
    return _student("binary T", gains, excess, level)


def density_t_test(
    forecast: GriddedForecast,
    benchmark: GriddedForecast,
    longitude: ArrayLike,
    latitude: ArrayLike,
    magnitude: ArrayLike,
    *,
    level: float = 0.95,
) -> Comparison:
    """T-test of forecasts on different cells, by expected events per km² where events fell.

    The rates of cells of different size cannot be compared: of two equal densities that with the
    larger cells has the larger rates.

    Parameters
    ----------
    forecast, benchmark : GriddedForecast
        Of the same time, area and magnitude bins.
    longitude, latitude, magnitude : array_like, shape (event,)
        Degrees, degrees, magnitude. Events outside either region or below either's lowest
        magnitude are left out.
    level : float
        Coverage of the interval.

    Raises
    ------
    DataError
        If magnitude bins differ, fewer than two events are left, or one fell where a rate is zero.
    """
    if not np.array_equal(forecast.magnitudes, benchmark.magnitudes):
        raise DataError(
            "the forecasts have different magnitude bins", fix="sum bins to common ones"
        )
    size = magnitude_index(magnitude, forecast.magnitudes)
    cells = [f.region.index(longitude, latitude) for f in (forecast, benchmark)]
    there = (size >= 0) & (cells[0] >= 0) & (cells[1] >= 0)
    if there.sum() < 2:
        raise DataError(f"{there.sum()} events make no test", fix="test a longer time")
    with np.errstate(divide="ignore", invalid="ignore"):
        a, b = (
            np.log(f.rates[cell[there], size[there]] / f.region.area[cell[there]])
            for f, cell in zip((forecast, benchmark), cells, strict=True)
        )
    if not np.isfinite(a - b).all():
        raise DataError("events fell where a forecast has a rate of zero")
    return _student("T", a - b, float(forecast.rates.sum() - benchmark.rates.sum()), level)


def w_test(rates: ArrayLike, benchmark: ArrayLike, counts: ArrayLike) -> Comparison:
    """W-test: Wilcoxon's signed ranks in place of Student's t; parameters are those of `t_test`."""
    gains, excess = _paired(rates, benchmark, counts, binary=False)
    return _wilcoxon(gains, excess)


def smoothed_rates(
    simulated: SimulatedCounts,
    region: Region,
    *,
    bandwidth: float = 0.0,
    floor: float | None = None,
) -> Floats:
    """Rates of a catalogue forecast that are zero nowhere.

    Simulated events are spread by a Gaussian kernel on the sphere, which keeps all of them in the
    region, and then a share `floor` of the expected number is spread over the region by area:
    a finite number of catalogues leaves cells empty that the model does not exclude.

    Parameters
    ----------
    simulated : SimulatedCounts
    region : Region
    bandwidth : float
        Standard deviation of the kernel, km; 0 leaves counts where they are.
    floor : float, optional
        Share, from 0 to 1. By default one event among all that were simulated:
        ``1 / (events + 1)``.

    Returns
    -------
    ndarray, shape (cell,)
        Expected events of one catalogue; their sum is that of the forecast.

    Raises
    ------
    ConfigError
        If `bandwidth` or `floor` is out of range.
    """
    if floor is None:
        floor = 1.0 / (1.0 + float(simulated.events.sum()))
    if not (0 <= floor <= 1 and bandwidth >= 0):
        raise ConfigError(f"bandwidth {bandwidth}, floor {floor}: 0 or more, 0 to 1 were expected")
    area = region.area
    rates = simulated.rates
    if bandwidth > 0:
        rates = np.zeros(len(region))
        lon, lat = region.centre.T
        for cell in np.flatnonzero(simulated.rates):
            distance = haversine_km(lat[cell], lon[cell], lat, lon, radius=6371.0)
            weight = area * np.exp(-0.5 * (distance / bandwidth) ** 2)
            rates += simulated.rates[cell] * weight / weight.sum()
    return np.asarray((1 - floor) * rates + floor * simulated.total * area / area.sum())


def compare_days(
    rates: ArrayLike,
    benchmark: ArrayLike,
    counts: ArrayLike,
    *,
    block: int = 1,
    n: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> PairedGain:
    """Compare two forecasts over many days.

    Parameters
    ----------
    rates, benchmark, counts : array_like, shape (day, cell)
        Expected events by either forecast (see `smoothed_rates` for catalogue forecasts) and
        observed events of each day.
    block : int
        Days that are drawn together, longer than the memory of the gains.
    n, seed, level
        Resamples, seed, coverage.

    Returns
    -------
    PairedGain

    Raises
    ------
    DataError
        If shapes differ, there are fewer than two events, or one fell where a rate is zero.

    Examples
    --------
    >>> a, b = np.tile([2.0, 1.0], (6, 1)), np.tile([1.5, 1.5], (6, 1))
    >>> found = compare_days(a, b, [[2, 1], [3, 0], [1, 1], [4, 2], [2, 2], [2, 0]])
    >>> round(found.gain, 3), bool(np.isclose(found.by_day.sum(), found.by_cell.sum()))
    (0.08, True)
    """
    a, b, seen = (np.asarray(v, float) for v in (rates, benchmark, counts))
    gains, excess = _paired(a, b, seen, binary=False)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(seen > 0, np.log(a) - np.log(b), 0.0)
        mean = np.log(a.sum(axis=1)) - np.log(b.sum(axis=1))
    part = seen * logs - (a - b)
    events = seen.sum(axis=1)
    by_day = part.sum(axis=1)
    number = np.where(events > 0, events * mean, 0.0) - (a - b).sum(axis=1)
    per_event = SimpleNamespace(value=_per_event)
    blocks = np.arange(len(a)) // max(block, 1)
    found = block_bootstrap(
        per_event, np.stack([by_day, events], axis=1), blocks, n=n, seed=seed, level=level
    )
    return PairedGain(
        _student("T", gains, excess, level), _wilcoxon(gains, excess),
        found.score, found.low, found.high,
        by_day, part.sum(axis=0), by_day - number, events,
    )  # fmt: skip


def _per_event(total: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(total[..., 1] > 0, total[..., 0] / total[..., 1], np.nan))


def _paired(
    rates: ArrayLike, benchmark: ArrayLike, counts: ArrayLike, *, binary: bool
) -> tuple[Floats, float]:
    """Log ratio of rates at each event (or cell that was hit), and excess of expected events."""
    a, seen = checked(rates, counts)
    b, _ = checked(benchmark, counts)
    hit = np.flatnonzero(seen)
    times = np.ones(hit.size, np.int64) if binary else seen.ravel()[hit].astype(np.int64)
    if times.sum() < 2:
        raise DataError(f"{times.sum()} events make no test", fix="test a longer time")
    zero = np.flatnonzero((a.ravel()[hit] == 0) | (b.ravel()[hit] == 0))
    if zero.size:
        raise DataError(
            f"events fell into {zero.size} cells that a forecast excludes (rate 0)",
            where=f"row {hit[zero[0]] // a.shape[1] + 1}, column {hit[zero[0]] % a.shape[1] + 1}",
            fix="compare rates that are zero nowhere, such as those of smoothed_rates",
        )
    logs = np.log(a.ravel()[hit]) - np.log(b.ravel()[hit])
    return np.repeat(logs, times), float(a.sum() - b.sum())


def _student(name: str, gains: Floats, excess: float, level: float) -> Comparison:
    n = gains.size
    gain = float((gains.sum() - excess) / n)
    error = float(gains.std(ddof=1) / np.sqrt(n))
    reach = float(student.ppf((1 + level) / 2, n - 1)) * error
    statistic = gain / error if error > 0 else float(np.sign(gain) * np.inf if gain else 0.0)
    p = float(2 * student.sf(abs(statistic), n - 1))
    return Comparison(name, gain, gain - reach, gain + reach, statistic, p, n)


def _wilcoxon(gains: Floats, excess: float) -> Comparison:
    n = gains.size
    apart = gains - excess / n
    gain = float(apart.mean())
    if not apart.any():
        return Comparison("W", gain, np.nan, np.nan, 0.0, 1.0, n)
    found = wilcoxon(apart, zero_method="wilcox", correction=False, method="asymptotic")
    score = -abs(float(found.zstatistic))
    return Comparison("W", gain, np.nan, np.nan, score, float(found.pvalue), n)
