"""Magnitude of completeness by three methods, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from craton.errors import ConfigError, DataError, nearest
from craton.seismicity.b_value import finite

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

LEAST_EVENTS = 50
"""Events that a b-value must rest on where a method compares several."""


class Completeness(NamedTuple):
    """A magnitude of completeness (NaN where the method finds none) and its interval."""

    method: str
    mc: float
    low: float
    high: float


def magnitude_of_completeness(magnitudes: ArrayLike, delta_m: float = 0.1) -> float:
    """Magnitude of completeness by maximum curvature, plus 0.2 unless the catalogue is cut there.

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
        tie the larger is taken, which is the cautious choice. Where the fullest bin is the lowest
        the catalogue was cut off there: nothing fades below it, and nothing is added.

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
    >>> magnitude_of_completeness([3.0, 3.0, 3.0, 3.1, 3.1, 3.2, 3.4])
    3.0
    """
    lowest, counts = histogram(magnitudes, delta_m)
    return round(float(_maximum_curvature(counts[None], lowest, delta_m)[0]), 6)


def completeness(
    magnitudes: ArrayLike,
    method: str = "maximum-curvature",
    delta_m: float = 0.1,
    *,
    resamples: int = 200,
    level: float = 0.95,
    seed: int = 0,
) -> Completeness:
    """Magnitude of completeness with a bootstrap interval.

    Parameters
    ----------
    magnitudes : array_like, shape (n,)
        Magnitudes.
    method : {"maximum-curvature", "goodness-of-fit", "b-stability"}
        See `magnitude_of_completeness`; the least magnitude from which a Gutenberg-Richter law
        explains 95 % of the cumulative counts, else 90 %; or the least from which the b-value
        agrees within its standard error with the mean of the b-values of the half unit of magnitude
        that starts there. Which is best depends on how the detection fades: see the gallery.
    delta_m : float
        Bin width of the frequency-magnitude distribution.
    resamples : int
        Bootstrap samples, drawn event by event; 0 for no interval.
    level : float
        Probability of the interval.
    seed : int
        Of the bootstrap.

    Returns
    -------
    Completeness
        `mc` is NaN where no magnitude passes the method's test; the interval is then that of the
        resamples that did pass.

    Raises
    ------
    DataError
        If there is no magnitude or one is not finite.
    ConfigError
        If the method is unknown.

    References
    ----------
    Wiemer & Wyss (2000), doi:10.1785/0119990114; Cao & Gao (2002), doi:10.1029/2001GL013775;
    Woessner & Wiemer (2005), doi:10.1785/0120040007.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> m = rng.exponential(1 / np.log(10), 20_000).round(1)
    >>> seen = m[(m >= 1.0) | (rng.random(m.size) < 0.3)]
    >>> found = completeness(seen, "goodness-of-fit")
    >>> round(found.mc, 1), round(found.low, 1), round(found.high, 1)
    (1.0, 1.0, 1.0)
    """
    if method not in METHODS:
        raise ConfigError(f"'{method}' is no method of completeness; {nearest(method, METHODS)}")
    lowest, counts = histogram(magnitudes, delta_m)
    mc, low, high = with_interval(counts[None], lowest, delta_m, method, resamples, level, seed)
    return Completeness(method, *(round(float(v[0]), 6) for v in (mc, low, high)))


def histogram(magnitudes: ArrayLike, delta_m: float) -> tuple[float, Counts]:
    """Count events by bin.

    Returns
    -------
    lowest : float
        Magnitude of the first bin, see `to_bins`.
    counts : numpy.ndarray of int, shape (bins,)
    """
    lowest, bins = to_bins(magnitudes, delta_m)
    return lowest, np.bincount(bins).astype(np.int64)


def to_bins(magnitudes: ArrayLike, delta_m: float) -> tuple[float, Counts]:
    """Magnitude of the first bin, and each event's bin counted from it.

    Bins are centred on multiples of `delta_m`, halves going up. Those of a catalogue cut off at a
    magnitude begin there instead: of the first bin about its centre a part would be missing.
    """
    if not delta_m > 0:
        raise DataError(f"delta_m is {delta_m}, a positive bin width was expected")
    values = finite(magnitudes)
    # The 1e-6 keeps decimals such as 2.35, which no double holds, on the upper side of a half.
    least = float(values.min())
    above = np.floor((values - least) / delta_m + 1e-6).astype(np.int64)
    if _fullest(np.bincount(above)[None])[0] == 0:
        return least, above
    bins = np.floor(values / delta_m + 0.5 + 1e-6).astype(np.int64)
    return float(bins.min() * delta_m), bins - bins.min()


def with_interval(
    counts: Counts,
    lowest: float,
    delta_m: float,
    method: str,
    resamples: int,
    level: float,
    seed: int,
) -> tuple[Floats, Floats, Floats]:
    """Completeness and its interval for each row of counts.

    Parameters
    ----------
    counts : numpy.ndarray of int, shape (samples, bins)
        Events of each sample by bin of magnitude.
    lowest : float
        Centre of the first bin.
    delta_m, method, resamples, level, seed
        See `completeness`.

    Returns
    -------
    mc, low, high : numpy.ndarray, shape (samples,)
    """
    estimate = METHODS[method]
    mc = estimate(counts, lowest, delta_m)
    if not resamples:
        return mc, np.full(len(mc), np.nan), np.full(len(mc), np.nan)
    rng = np.random.default_rng(seed)
    edges = np.empty((2, len(mc)))
    for row, one in enumerate(counts):
        drawn = rng.multinomial(one.sum(), one / one.sum(), size=resamples)
        again = estimate(drawn, lowest, delta_m)
        again = again[np.isfinite(again)]
        tails = [(1 - level) / 2, (1 + level) / 2]
        edges[:, row] = np.quantile(again, tails) if again.size else np.nan
    return mc, edges[0], edges[1]


def _maximum_curvature(counts: Counts, lowest: float, delta_m: float) -> Floats:
    fullest, first = _fullest(counts), np.argmax(counts > 0, axis=1)
    return np.asarray(lowest + fullest * delta_m + np.where(fullest == first, 0.0, 0.2))


def _fullest(counts: Counts) -> NDArray[np.intp]:
    """Fullest bin of each row, the last of those that tie."""
    return np.asarray(counts.shape[1] - 1 - np.argmax(counts[:, ::-1], axis=1))


def _goodness_of_fit(counts: Counts, lowest: float, delta_m: float) -> Floats:
    above, b, _ = _b_from_each_bin(counts, delta_m)
    rows, bins = counts.shape
    fit = np.full((rows, bins), -np.inf)
    with np.errstate(invalid="ignore", divide="ignore"):
        decay = 10.0 ** (-b * delta_m)
        for start in np.flatnonzero((above >= LEAST_EVENTS).any(axis=0)):
            expected = above[:, [start]] * decay[:, [start]] ** np.arange(bins - start)
            missed = np.abs(above[:, start:] - expected).sum(axis=1)
            fit[:, start] = 1 - missed / above[:, start:].sum(axis=1)
    fit = np.where((above >= LEAST_EVENTS) & np.isfinite(b) & np.isfinite(fit), fit, -np.inf)
    at_95, at_90 = _first(fit >= 0.95), _first(fit >= 0.90)
    return np.asarray(lowest + np.where(np.isnan(at_95), at_90, at_95) * delta_m)


def _b_stability(counts: Counts, lowest: float, delta_m: float) -> Floats:
    above, b, error = _b_from_each_bin(counts, delta_m)
    b = np.where(above >= LEAST_EVENTS, b, np.nan)
    width = max(round(0.5 / delta_m), 2)
    padded = np.pad(b, ((0, 0), (0, width - 1)), constant_values=np.nan)
    mean = np.lib.stride_tricks.sliding_window_view(padded, width, axis=1).mean(axis=2)
    with np.errstate(invalid="ignore"):
        stable = np.abs(mean - b) <= error
    return np.asarray(lowest + _first(stable) * delta_m)


METHODS: dict[str, Callable[[Counts, float, float], Floats]] = {
    "maximum-curvature": _maximum_curvature,
    "goodness-of-fit": _goodness_of_fit,
    "b-stability": _b_stability,
}
"""Method to a function of counts (samples, bins), centre of the first bin and bin width."""


def _b_from_each_bin(counts: Counts, delta_m: float) -> tuple[Floats, Floats, Floats]:
    """Events at or above each bin, their b-value and its standard error (Shi & Bolt)."""
    c = counts.astype(float)
    place = np.arange(c.shape[1], dtype=float)

    def from_above(values: Floats) -> Floats:
        return np.cumsum(values[:, ::-1], axis=1)[:, ::-1]

    n = from_above(c)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = from_above(c * place) / n
        spread = np.maximum(from_above(c * place**2) / n - mean**2, 0.0)
        b = np.log1p(1 / (mean - place)) / (delta_m * np.log(10))
        error = np.log(10) * b**2 * delta_m * np.sqrt(spread / (n - 1))
    return n, b, error


def _first(passed: NDArray[np.bool_]) -> Floats:
    """Position of the first True of each row, NaN where there is none."""
    return np.where(passed.any(axis=1), passed.argmax(axis=1).astype(float), np.nan)
