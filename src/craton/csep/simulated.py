"""A catalogue forecast on cells and magnitude bins, put there in one pass."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from craton.csep.results import Floats, Ints
from craton.csep.sparse import SparseCounts, count_cells
from craton.errors import DataError
from craton.io.csep import CatalogForecast
from craton.io.csep_regions import Region, magnitude_index


@dataclass(frozen=True, eq=False)
class SimulatedCounts:
    """Counts of simulated catalogues in cells and magnitude bins.

    Attributes
    ----------
    events : ndarray of int, shape (catalog,)
        Events of each catalogue that lie in the region and at or above the lowest magnitude.
    by_cell : SparseCounts
        Counts above zero by catalogue and cell.
    by_magnitude : ndarray of int, shape (catalog, bin)
    rates : ndarray, shape (cell,)
        Mean events of a catalogue.
    total : float
        Mean events of a catalogue, all cells.
    dropped : int
        Simulated events outside the region or below the lowest magnitude.
    """

    events: Ints
    by_cell: SparseCounts = field(repr=False)
    by_magnitude: Ints = field(repr=False)
    rates: Floats = field(repr=False)
    total: float
    dropped: int

    @property
    def n_catalogs(self) -> int:
        return int(self.events.size)

    @property
    def hit(self) -> Floats:
        """Share of catalogues with an event in each cell, shape (cell,)."""
        share = np.bincount(self.by_cell.cell, minlength=self.rates.size) / self.n_catalogs
        return np.asarray(share)


def count_simulated(
    forecast: CatalogForecast, region: Region, magnitudes: ArrayLike
) -> SimulatedCounts:
    """Count simulated events by catalogue, cell and magnitude bin.

    Parameters
    ----------
    forecast : CatalogForecast
    region : Region
    magnitudes : array_like, shape (bin,)
        Lower edges; the last bin is open.

    Returns
    -------
    SimulatedCounts

    Raises
    ------
    DataError
        If no event of any catalogue lies in the region and magnitude range.

    Examples
    --------
    >>> from craton.io.csep_regions import grid_region
    >>> region = grid_region([[10.0, 50.0], [10.1, 50.0]], 0.1)
    >>> columns = [0, 0, 2], [10.05, 10.11, 10.12], [50.05] * 3, [5.0, 5.1, 6.0]
    >>> forecast = CatalogForecast(*map(np.array, columns), n_catalogs=4)
    >>> found = count_simulated(forecast, region, [5.0, 5.5])
    >>> found.events.tolist(), found.rates.tolist()
    ([2, 0, 1, 0], [0.25, 0.5])
    """
    edges = np.asarray(magnitudes, float)
    n = forecast.n_catalogs
    cell = region.index(forecast.longitude, forecast.latitude)
    size = magnitude_index(forecast.magnitude, edges)
    inside = (cell >= 0) & (size >= 0)
    catalog, cell, size = forecast.catalog[inside], cell[inside], size[inside]
    if not catalog.size:
        raise DataError(
            "no simulated event lies in the region at or above the lowest magnitude",
            where=forecast.name or None,
            fix="check the region (longitudes, latitudes) and the magnitude bins",
        )
    active, place = np.unique(cell, return_inverse=True)
    table = np.bincount(place.ravel() * edges.size + size, minlength=active.size * edges.size)
    # Mean of each bin first, then over bins: the order in which pyCSEP rounds.
    mean = table.reshape(active.size, edges.size) / n
    rates = np.zeros(len(region))
    rates[active] = mean.sum(axis=1)
    by_magnitude = np.bincount(catalog * edges.size + size, minlength=n * edges.size)
    return SimulatedCounts(
        np.bincount(catalog, minlength=n),
        count_cells(catalog, cell, n, len(region)),
        by_magnitude.reshape(n, edges.size),
        rates,
        float(mean.sum()),
        int(inside.size - catalog.size),
    )
