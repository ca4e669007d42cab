"""CSEP tests of forecasts of many windows by cell, from their means and quantiles alone.

A run of ``earthquake-forecast`` keeps, for each test window, the expected number of events in each
cell and quantiles of the number in the region, but no simulated catalogues. The tests are therefore
those of gridded forecasts; the law of the number is Poisson's where the quantiles fit it, else a
negative binomial one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom, nbinom, poisson

from craton.csep.binary import binary_spatial_test
from craton.csep.cumulative import CumulativeNumber, cumulative_number_test
from craton.csep.grids import magnitude_test, spatial_test
from craton.csep.reliability import Reliability, reliability
from craton.csep.results import Evaluation, Floats
from craton.errors import DataError

_DISPERSIONS = np.concatenate([[0.0], np.geomspace(1e-3, 1e3, 61)])
"""Of a negative binomial law with variance ``mean + dispersion * mean**2``; 0 is Poisson's."""
_FITS = 1e-4
"""Probability by which a law may miss quantiles that were kept in single precision."""


@dataclass(frozen=True, eq=False)
class WindowTests:
    """Tests of one model over all windows.

    Attributes
    ----------
    passed : ndarray of bool, shape (window,)
        Whether the number of events of a window passes the N-test at 5 %.
    dispersion : ndarray, shape (window,)
        Of the law of each window's number; 0 is Poisson's.
    number : CumulativeNumber
        N-test of the number since the first window.
    spatial, binary : Evaluation
        S-test and binary S-test of the rates summed over the windows.
    magnitude : Evaluation, optional
        M-test of all windows.
    reliability : Reliability
        Of the probability of at least one event in a cell and window.
    """

    passed: NDArray[np.bool_]
    dispersion: Floats
    number: CumulativeNumber
    spatial: Evaluation
    binary: Evaluation
    magnitude: Evaluation | None
    reliability: Reliability

    @property
    def law(self) -> str:
        """Law of the number of events, in words."""
        share = float(np.mean(self.dispersion > 0))
        return "Poisson" if share < 0.05 else "negative binomial"

    def windows_pass(self, level: float = 0.05) -> bool:
        """Whether no more windows fail than a right forecast's would."""
        failed = int((~self.passed).sum())
        return bool(binom.sf(failed - 1, self.passed.size, 0.05) >= level)

    def number_passes(self, level: float = 0.05) -> bool:
        """Whether the number of all windows together passes the two-sided N-test."""
        return bool(min(self.number.at_least[-1], self.number.at_most[-1]) >= level / 2)


def evaluate_windows(
    predicted: xr.Dataset,
    observed: xr.Dataset,
    *,
    magnitudes: tuple[ArrayLike, ArrayLike] | None = None,
    seed: int = 0,
) -> WindowTests:
    """Test a model on all windows.

    Parameters
    ----------
    predicted : xarray.Dataset
        `expected_count` (sample, cell), `region_count` (sample, quantile), `probability`
        (sample, threshold, cell), as in ``predictions.nc``.
    observed : xarray.Dataset
        `count` (sample, cell), `occurred` (sample, threshold, cell).
    magnitudes : pair of array_like, shape (bin,), optional
        Share of the events in each bin of magnitude by the forecast, and observed numbers.
    seed : int
        Of the simulations of the tests in space and magnitude.

    Returns
    -------
    WindowTests

    Raises
    ------
    DataError
        If the arrays do not fit.
    """
    rates = predicted["expected_count"].to_numpy().astype(float)
    counts = observed["count"].to_numpy().astype(float)
    if rates.shape != counts.shape:
        raise DataError(f"counts of shape {counts.shape}, (window, cell) = {rates.shape} expected")
    levels = predicted["quantile"].to_numpy().astype(float)
    kept = predicted["region_count"].transpose("sample", "quantile").to_numpy().astype(float)
    low, high = (kept[:, np.argmin(np.abs(levels - q))] for q in (0.025, 0.975))
    seen, total = counts.sum(axis=1), rates.sum(axis=1)
    dispersion = fit_dispersion(total, levels, kept)
    size = None
    if magnitudes is not None:
        share, number = (np.asarray(v, float)[None, :] for v in magnitudes)
        size = magnitude_test(share * total.sum(), number, seed=seed)
    together = rates.sum(axis=0)[:, None], counts.sum(axis=0)[:, None]
    lowest = {"threshold": int(np.argmin(predicted["threshold"].to_numpy()))}
    return WindowTests(
        (seen >= low) & (seen <= high),
        dispersion,
        cumulative_number_test(_numbers(total, dispersion), seen),
        spatial_test(*together, seed=seed),
        binary_spatial_test(*together, seed=seed),
        size,
        reliability(
            np.clip(predicted["probability"].isel(lowest).to_numpy(), 0, 1),
            observed["occurred"].isel(lowest).to_numpy(),
            n=200,
            seed=seed,
        ),
    )


def fit_dispersion(mean: ArrayLike, levels: ArrayLike, quantiles: ArrayLike) -> Floats:
    """Find the negative binomial law of a given mean that meets quantiles best.

    Parameters
    ----------
    mean : array_like, shape (window,)
    levels : array_like, shape (quantile,)
    quantiles : array_like, shape (window, quantile)
        Least numbers whose probability of not being exceeded reaches the level.

    Returns
    -------
    ndarray, shape (window,)
        Dispersion d of the variance ``mean + d * mean**2``; 0, Poisson's law, where that fits.

    Examples
    --------
    >>> levels = [0.025, 0.25, 0.5, 0.75, 0.975]
    >>> fit_dispersion([5.0], levels, [poisson.ppf(levels, 5.0)]).tolist()
    [0.0]
    >>> kept = [nbinom.ppf(levels, 1 / 0.5, 1 / (1 + 0.5 * 80.0))]
    >>> bool(abs(fit_dispersion([80.0], levels, kept)[0] - 0.5) < 0.1)
    True
    """
    p, kept = np.asarray(levels, float), np.asarray(quantiles, float)
    m = np.maximum(np.asarray(mean, float), 1e-12)[:, None]
    missed = np.empty((len(kept), _DISPERSIONS.size))
    for k, d in enumerate(_DISPERSIONS.tolist()):
        law = poisson(m) if d == 0 else nbinom(1 / d, 1 / (1 + d * m))
        over, under = law.cdf(kept - 1) - p, p - law.cdf(kept)
        missed[:, k] = (np.maximum(over, 0) + np.maximum(under, 0)).sum(axis=1)
    best = missed <= missed.min(axis=1, keepdims=True) + _FITS
    # the middle of those that fit as well, so that few quantiles do not pull to one side
    rank = np.cumsum(best, axis=1)
    middle = np.argmax(rank >= (rank[:, -1:] + 1) // 2, axis=1)
    found = np.where(missed[:, 0] <= _FITS, 0.0, _DISPERSIONS[middle])
    return np.asarray(found, dtype=np.float64)


def _numbers(mean: Floats, dispersion: Floats, n: int = 1000) -> list[Floats]:
    """Equally probable numbers of events of each window."""
    levels = (np.arange(n) + 0.5) / n
    return [
        np.asarray(poisson.ppf(levels, m) if d == 0 else nbinom.ppf(levels, 1 / d, 1 / (1 + d * m)))
        for m, d in zip(np.maximum(mean, 1e-12).tolist(), dispersion.tolist(), strict=True)
    ]
