"""Quarry and mine blasts in a catalogue, found by the time of day."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.stats import binom, false_discovery_control

from craton.errors import ConfigError
from craton.io.csep_regions import steps_from
from craton.io.geodesy import EARTH_RADIUS_KM
from craton.seismicity.space import unit_vectors

Floats = NDArray[np.float64]

DAY = (7.0, 19.0)
"""Twelve hours of local solar time that hold the working day, also with summer time."""


_PRIOR = 12.0


class BlastCells(NamedTuple):
    """Day and night compared by cell.

    Attributes
    ----------
    latitude, longitude : numpy.ndarray, shape (cells,)
        Centre of each cell that holds an event, degrees.
    by_day, by_night : numpy.ndarray of int, shape (cells,)
        Events in the twelve hours of day and of night.
    p_value : numpy.ndarray, shape (cells,)
        Chance of so many dates with events by day alone, were day and night alike; adjusted for
        the number of cells.
    excess : numpy.ndarray, shape (cells,)
        Events by day beyond those by night, in cells that are contaminated; else 0.
    contaminated : numpy.ndarray of bool, shape (cells,)
        Cells whose adjusted chance is below the level asked for.
    cell_of : numpy.ndarray of int, shape (event,)
        Each event's cell.
    """

    latitude: Floats
    longitude: Floats
    by_day: NDArray[np.int64]
    by_night: NDArray[np.int64]
    p_value: Floats
    excess: Floats
    contaminated: NDArray[np.bool_]
    cell_of: NDArray[np.int64]


def solar_hour(catalog: xr.Dataset) -> Floats:
    """Mean local solar time of each event in hours, from UTC and longitude.

    Examples
    --------
    >>> noon = {"time": ("event", np.array(["2020-01-01T12:00"], "datetime64[ns]"))}
    >>> solar_hour(xr.Dataset({**noon, "longitude": ("event", [-120.0])})).round(6).tolist()
    [4.0]
    """
    return np.asarray(_solar_days(catalog) % 1.0 * 24.0)


def blast_cells(catalog: xr.Dataset, cell: float = 0.2, level: float = 0.01) -> BlastCells:
    """Find cells in which more happens by day than by night.

    On each date of local solar time a cell has events by day, by night, both or neither. Only
    dates with the one and not the other count, and day and night are equally likely among them if
    nobody blasts. So the first hours of an aftershock sequence count once, and small earthquakes
    that drown in the noise of the day only make the test more cautious.

    Parameters
    ----------
    catalog : xarray.Dataset
        As `craton.io.catalog.read_catalog` returns it.
    cell : float
        Side of the cells in degrees.
    level : float
        Share of false finds tolerated among the contaminated cells (Benjamini-Hochberg).

    Returns
    -------
    BlastCells

    Raises
    ------
    ConfigError
        If `cell` is not positive or `level` not between 0 and 1.

    References
    ----------
    Wiemer & Baer (2000), doi:10.1785/0119990104, compare day with night; the test by dates is
    McNemar's (1947), doi:10.1007/BF02295996.

    Examples
    --------
    >>> from craton.data.earthquakes import simulated_catalog
    >>> int(blast_cells(simulated_catalog(seed=1)).contaminated.sum())
    0
    """
    if not (cell > 0 and 0 < level < 1):
        raise ConfigError(f"cell = {cell}, level = {level}; cell > 0 and 0 < level < 1 expected")
    solar = _solar_days(catalog)
    row = steps_from(catalog["latitude"], 0.0, cell).astype(np.int64)
    column = steps_from(catalog["longitude"], 0.0, cell).astype(np.int64)
    cells, cell_of = np.unique(np.column_stack([row, column]), axis=0, return_inverse=True)
    cell_of, n = cell_of.ravel(), len(cells)
    day = _by_day(solar)
    # The night that begins at 19 h belongs to the date on which it begins.
    date = np.floor(solar - DAY[0] / 24.0).astype(np.int64)
    dates = np.unique(np.stack([cell_of, date]), axis=1, return_inverse=True)[1].ravel()
    halves = np.unique(dates[day]), np.unique(dates[~day])
    of_date = np.empty(dates.max() + 1, dtype=np.int64)
    of_date[dates] = cell_of
    alone = [np.bincount(of_date[np.setdiff1d(a, z, assume_unique=True)], minlength=n)
             for a, z in (halves, halves[::-1])]  # fmt: skip
    p = binom.sf(alone[0] - 1, alone[0] + alone[1], 0.5)
    # Cells in which no outcome could have been found are no tests.
    testable = 0.5 ** (alone[0] + alone[1]) <= level
    adjusted = np.ones(n)
    if testable.any():
        adjusted[testable] = false_discovery_control(p[testable])
    by_day, by_night = (
        np.bincount(cell_of[day], minlength=n),
        np.bincount(cell_of[~day], minlength=n),
    )
    bad = adjusted <= level
    excess = np.where(bad, np.maximum(by_day - by_night, 0), 0).astype(float)
    centre = [np.asarray((cells[:, k] + 0.5) * cell) for k in (0, 1)]
    return BlastCells(centre[0], centre[1], by_day, by_night, adjusted, excess, bad, cell_of)


def blast_probability(
    catalog: xr.Dataset, neighbours: int = 100, reach_km: float = 10.0, hours: float = 2.0
) -> Floats:
    """Probability that each event is a blast, from the hours of the events around it.

    Earthquakes come at all hours alike, so their rate at a place is that of the night. What is
    above it at the event's own hour of the day is taken for blasts.

    Parameters
    ----------
    catalog : xarray.Dataset
        As `craton.io.catalog.read_catalog` returns it.
    neighbours : int
        Nearest events that are looked at, at most.
    reach_km : float
        Greatest distance of these.
    hours : float
        Events up to so many hours earlier or later in the day have the event's hour.

    Returns
    -------
    numpy.ndarray, shape (event,)
        In [0, 1]; 0 by night. Labels are not used.

    Raises
    ------
    ConfigError
        If a setting is not positive.

    Examples
    --------
    >>> from craton.data.earthquakes import simulated_catalog
    >>> bool(blast_probability(simulated_catalog(seed=1)).mean() < 0.2)
    True
    """
    if not min(neighbours, reach_km, hours) > 0:
        raise ConfigError(
            f"neighbours = {neighbours}, reach_km = {reach_km}, hours = {hours}; must be > 0"
        )
    solar = _solar_days(catalog)
    place = unit_vectors(catalog["latitude"].to_numpy(), catalog["longitude"].to_numpy())
    k = min(neighbours, len(place))
    limit = 2 * np.sin(reach_km / (2 * EARTH_RADIUS_KM))
    _, near = cKDTree(place).query(place, k=k, distance_upper_bound=limit)
    near = near.reshape(len(place), k)
    there = near < len(place)
    near = np.where(there, near, 0)
    hour = solar % 1.0 * 24.0
    apart = np.abs(hour[near] - hour[:, None])
    now = (there & (np.minimum(apart, 24 - apart) <= hours)).sum(axis=1)
    night = (there & ~_by_day(solar)[near]).sum(axis=1)
    # The event itself is left out; `_PRIOR` events with the hours of the whole catalogue go in.
    around = np.sort(np.concatenate([hour - 24, hour, hour + 24]))
    everywhere = (np.searchsorted(around, hour + hours, side="right")
                  - np.searchsorted(around, hour - hours)) / hour.size  # fmt: skip
    quiet = (night + _PRIOR * np.mean(~_by_day(solar))) * 2 * hours / 12.0
    excess = 1 - quiet / (now - 1 + _PRIOR * everywhere)
    return np.where(_by_day(solar), np.clip(excess, 0.0, 1.0), 0.0)


def _solar_days(catalog: xr.Dataset) -> Floats:
    """Days since 1970 in local solar time."""
    nanoseconds = catalog["time"].to_numpy().astype("datetime64[ns]").astype(np.int64)
    return np.asarray(nanoseconds / 86_400e9 + catalog["longitude"].to_numpy() / 360.0)


def _by_day(solar: Floats) -> NDArray[np.bool_]:
    hour = solar % 1.0 * 24.0
    return (hour >= DAY[0]) & (hour < DAY[1])
