"""CSEP tests of simulated catalogues: number, magnitude, space, pseudo-likelihood.

Reference: Savran et al. 2020, doi:10.1785/0120200026. Nothing is assumed of the law of the number
of events or of their clustering: what was observed is set among the simulated catalogues.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from craton.csep.grids import count_events
from craton.csep.results import Evaluation, Floats, Ints, judged
from craton.csep.simulated import SimulatedCounts, count_simulated
from craton.errors import DataError
from craton.io.csep import CatalogForecast, read_catalog_forecast
from craton.io.csep_regions import Region


class CatalogTests(NamedTuple):
    """The four tests of one forecast."""

    number: Evaluation
    magnitude: Evaluation
    spatial: Evaluation
    pseudo_likelihood: Evaluation


def evaluate(
    forecast: CatalogForecast | str | Path,
    observed: xr.Dataset,
    region: Region,
    magnitudes: ArrayLike,
    n_catalogs: int | None = None,
) -> CatalogTests:
    """Run all four tests of a catalogue forecast.

    Parameters
    ----------
    forecast : CatalogForecast, str or Path
        Simulated catalogues, or pyCSEP's CSV of them.
    observed : xarray.Dataset
        `longitude`, `latitude`, `magnitude` of the events in the time of the forecast, on the
        dimension ``event``.
    region : Region
    magnitudes : array_like, shape (bin,)
        Lower edges; the last bin is open. Events below the first or outside the region are left
        out, simulated ones as observed ones.
    n_catalogs : int, optional
        Number of catalogues in a file.

    Returns
    -------
    CatalogTests

    Raises
    ------
    DataError
        If the file is no forecast, or no simulated event lies in the region.

    Examples
    --------
    >>> from craton.io.csep_regions import grid_region
    >>> region = grid_region([[10.0, 50.0], [10.1, 50.0]], 0.1)
    >>> columns = [0, 0, 1, 2], [10.05, 10.11, 10.12, 10.13], [50.05] * 4, [5.0, 5.1, 6.0, 5.2]
    >>> forecast = CatalogForecast(*map(np.array, columns), n_catalogs=4)
    >>> event = {"longitude": [10.15], "latitude": [50.05], "magnitude": [5.3]}
    >>> observed = xr.Dataset({name: ("event", values) for name, values in event.items()})
    >>> found = evaluate(forecast, observed, region, [5.0, 5.5])
    >>> found.number.at_least, found.number.at_most
    (0.75, 0.75)
    """
    if not isinstance(forecast, CatalogForecast):
        forecast = read_catalog_forecast(forecast, n_catalogs, times=False)
    simulated = count_simulated(forecast, region, magnitudes)
    counts = observed_counts(observed, region, magnitudes)
    return CatalogTests(
        number_test(simulated, counts),
        magnitude_test(simulated, counts),
        spatial_test(simulated, counts),
        pseudo_likelihood_test(simulated, counts),
    )


def observed_counts(observed: xr.Dataset, region: Region, magnitudes: ArrayLike) -> Floats:
    """Count the events of an observed catalogue in cells and magnitude bins, (cell, bin)."""
    lon, lat, size = (observed[k].to_numpy() for k in ("longitude", "latitude", "magnitude"))
    return count_events(lon, lat, size, region, magnitudes)


def number_test(simulated: SimulatedCounts, counts: ArrayLike) -> Evaluation:
    """Catalogue N-test: is the number of events like that of simulated catalogues?

    Parameters
    ----------
    simulated : SimulatedCounts
    counts : array_like, shape (cell, bin)
        Observed events, see `observed_counts`.

    Returns
    -------
    Evaluation
        `at_least` is delta 1, `at_most` delta 2.
    """
    seen = _checked(simulated, counts)
    return judged("catalogue N", float(seen.sum()), simulated.events.astype(float))


def magnitude_test(simulated: SimulatedCounts, counts: ArrayLike) -> Evaluation:
    """Catalogue M-test: distance of a catalogue's magnitudes from those of all simulated ones.

    The distance is the sum over bins of the squared difference of ``log10(count + 1)``, counts
    being scaled to the number that was observed. Simulated catalogues without events are left out.
    Parameters are those of `number_test`; a large distance (small `at_least`) speaks against the
    forecast.
    """
    seen = _checked(simulated, counts).sum(axis=0)
    number = float(seen.sum())
    if number == 0:
        return _not_valid("catalogue M")
    union = simulated.by_magnitude.sum(axis=0) / simulated.n_catalogs
    expected = np.log10(union * (number / union.sum()) + 1)
    some = simulated.by_magnitude[simulated.events > 0]
    scale = number / some.sum(axis=1)
    distance = ((expected - np.log10(some * scale[:, None] + 1)) ** 2).sum(axis=1)
    statistic = ((expected - np.log10(seen + 1)) ** 2).sum()
    return judged("catalogue M", float(statistic), distance)


def spatial_test(simulated: SimulatedCounts, counts: ArrayLike) -> Evaluation:
    """Catalogue S-test: mean log of the forecast's spatial density where events fell.

    The density is that of all simulated catalogues together. Where they put no event, it is not
    known: observed events there are left out of the statistic, their number is in `left_out`, and
    the status is "undersampled". Simulated catalogues without events are left out. Parameters are
    those of `number_test`.
    """
    seen = _checked(simulated, counts).sum(axis=1)
    if seen.sum() == 0:
        return _not_valid("catalogue S")
    with np.errstate(divide="ignore"):
        logs = np.log(simulated.rates / np.sum(simulated.rates))
    some = simulated.events > 0
    terms = _terms(simulated, logs)
    drawn = simulated.by_cell.sums(terms)[some] / simulated.events[some]
    there, left_out = _sampled(simulated, seen)
    number = seen[there].sum()
    if number == 0:
        return replace(_not_valid("catalogue S"), left_out=left_out)
    found = judged("catalogue S", float(np.sum(seen[there] * logs[there]) / number), drawn)
    return _with_status(found, left_out)


def pseudo_likelihood_test(simulated: SimulatedCounts, counts: ArrayLike) -> Evaluation:
    """Pseudo-likelihood test: log rate where events fell, summed, minus the expected number.

    Events where no simulated catalogue has one are treated as in `spatial_test`. Parameters are
    those of `number_test`.
    """
    seen = _checked(simulated, counts).sum(axis=1)
    name = "catalogue pseudo-likelihood"
    there, left_out = _sampled(simulated, seen)
    if not there.size:
        return replace(_not_valid(name), left_out=left_out)
    with np.errstate(divide="ignore"):
        logs = np.log(simulated.rates)
    terms = _terms(simulated, logs)
    drawn = simulated.by_cell.sums(terms) - simulated.total
    statistic = float(np.sum(seen[there] * logs[there]) - simulated.total)
    return _with_status(judged(name, statistic, drawn), left_out)


def _checked(simulated: SimulatedCounts, counts: ArrayLike) -> Floats:
    seen = np.asarray(counts, float)
    expected = (simulated.rates.size, simulated.by_magnitude.shape[1])
    if seen.shape != expected:
        raise DataError(f"counts of shape {seen.shape}, (cell, bin) = {expected} was expected")
    return seen


def _terms(simulated: SimulatedCounts, logs: Floats) -> Floats:
    """Count times log rate of each catalogue and cell."""
    return np.asarray(simulated.by_cell.number * logs[simulated.by_cell.cell], dtype=np.float64)


def _sampled(simulated: SimulatedCounts, seen: Floats) -> tuple[Ints, int]:
    """Cells with observed events where simulations have some too; events in the others."""
    hit = np.flatnonzero(seen)
    there = hit[simulated.rates[hit] > 0]
    return there, int(seen.sum() - seen[there].sum())


def _not_valid(name: str) -> Evaluation:
    return Evaluation(name, np.nan, np.nan, np.nan, np.zeros(0), "not valid")


def _with_status(found: Evaluation, left_out: int) -> Evaluation:
    return replace(found, status="undersampled", left_out=left_out) if left_out else found
