"""Magnitude of completeness in space and time: maps from the nearest events, moving windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from craton.errors import ConfigError, DataError, nearest
from craton.io.geodesy import EARTH_RADIUS_KM
from craton.seismicity.completeness import METHODS, to_bins, with_interval
from craton.seismicity.space import unit_vectors

_MC = {"long_name": "magnitude of completeness", "units": "1"}


def completeness_map(
    catalog: xr.Dataset,
    spacing: float = 0.25,
    *,
    periods: int | Sequence[str] = 1,
    nearest_events: int = 200,
    reach_km: float = 50.0,
    method: str = "maximum-curvature",
    delta_m: float = 0.1,
    resamples: int = 0,
    level: float = 0.95,
    seed: int = 0,
) -> xr.Dataset:
    """Magnitude of completeness on a grid and in periods, Mc(x, t).

    Parameters
    ----------
    catalog : xarray.Dataset
        As `craton.io.catalog.read_catalog` returns it.
    spacing : float
        Distance of the nodes in degrees.
    periods : int or sequence of str
        Number of periods of equal length, or their edges as dates.
    nearest_events : int
        Events that the estimate at a node rests on: those nearest to it in the period.
    reach_km : float
        A node whose sample does not fit into this distance has no value.
    method, delta_m, resamples, level, seed
        See `craton.seismicity.completeness.completeness`; no interval by default.

    Returns
    -------
    xarray.Dataset
        ``mc``, ``low``, ``high`` and ``reach`` (km, distance of the farthest event of the sample)
        over (period, latitude, longitude), with the coordinates ``start`` and ``end`` of each
        period.

    Raises
    ------
    ConfigError
        If a setting is out of range, a date cannot be read or the dates do not increase.
    DataError
        If no period holds as many events as a sample needs.

    References
    ----------
    Wiemer & Wyss (2000), doi:10.1785/0119990114, for samples of the nearest events.

    Examples
    --------
    >>> from craton.data.earthquakes import simulated_catalog
    >>> found = completeness_map(simulated_catalog(seed=1, days=2000), 0.5, nearest_events=100)
    >>> dict(found.sizes), float(found.mc.min())
    ({'period': 1, 'latitude': 9, 'longitude': 9}, 3.0)
    """
    _checked(method, spacing > 0, f"spacing = {spacing}")
    _checked(method, nearest_events >= 10, f"nearest_events = {nearest_events}, fewer than 10")
    edges = _edges(catalog["time"].to_numpy(), periods)
    lowest, bins = to_bins(catalog["magnitude"].to_numpy(), delta_m)
    width = int(bins.max()) + 1
    place = unit_vectors(catalog["latitude"].to_numpy(), catalog["longitude"].to_numpy())
    latitude = _axis(catalog["latitude"].to_numpy(), spacing)
    longitude = _axis(catalog["longitude"].to_numpy(), spacing)
    nodes = unit_vectors(*(a.ravel() for a in np.meshgrid(latitude, longitude, indexing="ij")))
    shape = (len(edges) - 1, len(nodes))
    found = {name: np.full(shape, np.nan) for name in ("mc", "low", "high", "reach")}
    period = np.searchsorted(edges[1:-1], catalog["time"].to_numpy(), side="right")
    enough = False
    for p in range(shape[0]):
        inside = np.flatnonzero(period == p)
        if inside.size < nearest_events:
            continue
        enough = True
        chord, near = cKDTree(place[inside]).query(nodes, k=nearest_events)
        found["reach"][p] = 2 * EARTH_RADIUS_KM * np.arcsin(np.minimum(chord[:, -1] / 2, 1))
        good = np.flatnonzero(found["reach"][p] <= reach_km)
        if good.size:
            drawn = bins[inside[near[good]]]
            row = np.repeat(np.arange(good.size) * width, nearest_events)
            counts = np.bincount(row + drawn.ravel(), minlength=good.size * width)
            found["mc"][p, good], found["low"][p, good], found["high"][p, good] = with_interval(
                counts.reshape(good.size, width), lowest, delta_m, method,
                resamples, level, seed,
            )  # fmt: skip
    if not enough:
        raise DataError(
            f"no period holds the {nearest_events} events of a sample",
            fix="take fewer periods or a smaller nearest_events",
        )
    attrs: dict[str, dict[str, Any]] = dict.fromkeys(("mc", "low", "high"), _MC)
    attrs["reach"] = {"long_name": "distance of the farthest event of the sample", "units": "km"}
    dims, grid = ("period", "latitude", "longitude"), (-1, latitude.size, longitude.size)
    return xr.Dataset(
        {name: (dims, values.reshape(grid), attrs[name]) for name, values in found.items()},
        {
            "latitude": ("latitude", latitude, {"units": "degrees_north"}),
            "longitude": ("longitude", longitude, {"units": "degrees_east"}),
            "start": ("period", edges[:-1]),
            "end": ("period", edges[1:]),
        },
        {"method": method, "nearest_events": nearest_events},
    )


def completeness_in_time(
    catalog: xr.Dataset,
    window: int = 400,
    step: int | None = None,
    *,
    method: str = "maximum-curvature",
    delta_m: float = 0.1,
    resamples: int = 100,
    level: float = 0.95,
    seed: int = 0,
) -> xr.Dataset:
    """Magnitude of completeness in moving windows of equally many events.

    Parameters
    ----------
    catalog : xarray.Dataset
        As `craton.io.catalog.read_catalog` returns it.
    window, step : int
        Events of a window and between the starts of two; by default windows share half.
    method, delta_m, resamples, level, seed
        See `craton.seismicity.completeness.completeness`.

    Returns
    -------
    xarray.Dataset
        ``mc``, ``low``, ``high``, ``start`` and ``end`` (times of the first and the last event)
        over ``window``. The last window ends with the last event.

    Raises
    ------
    ConfigError
        If a setting is out of range.
    DataError
        If the catalogue holds fewer events than a window.

    Examples
    --------
    >>> from craton.data.earthquakes import simulated_catalog
    >>> found = completeness_in_time(simulated_catalog(seed=1, days=2000), 300)
    >>> bool((found.low <= found.high).all())
    True
    """
    n, step = catalog.sizes["event"], window // 2 if step is None else step
    _checked(method, window >= 10, f"window = {window}, fewer than 10 events")
    _checked(method, step >= 1, f"step = {step}, at least 1 was expected")
    if n < window:
        raise DataError(f"{n} events, fewer than the {window} of a window", fix="shorten window")
    first = np.unique(np.r_[np.arange(0, n - window + 1, step), n - window])
    lowest, bins = to_bins(catalog["magnitude"].to_numpy(), delta_m)
    counts = np.stack(
        [np.bincount(bins[i : i + window], minlength=int(bins.max()) + 1) for i in first]
    )
    found = with_interval(counts, lowest, delta_m, method, resamples, level, seed)
    time = catalog["time"].to_numpy()
    return xr.Dataset(
        {
            **{k: ("window", v, _MC) for k, v in zip(("mc", "low", "high"), found, strict=True)},
            "start": ("window", time[first]),
            "end": ("window", time[first + window - 1]),
        },
        attrs={"method": method, "events": window},
    )


def _checked(method: str, good: bool, text: str) -> None:
    if method not in METHODS:
        raise ConfigError(f"'{method}' is no method of completeness; {nearest(method, METHODS)}")
    if not good:
        raise ConfigError(text)


def _axis(values: NDArray[np.float64], spacing: float) -> NDArray[np.float64]:
    """Multiples of the spacing that cover the values."""
    low, high = np.floor(values.min() / spacing + 0.01), np.ceil(values.max() / spacing - 0.01)
    return np.asarray(np.round(np.arange(low, high + 1) * spacing, 9))


def _edges(time: NDArray[np.datetime64], periods: int | Sequence[str]) -> NDArray[Any]:
    first, last = time.min(), time.max() + np.timedelta64(1, "ms")
    if isinstance(periods, int):
        if periods < 1:
            raise ConfigError(f"periods = {periods}, at least 1 was expected")
        parts = (np.arange(periods + 1) / periods * (last - first).astype(float)).astype(np.int64)
        return np.asarray(first + parts.astype("timedelta64[ns]"))
    try:
        edges = np.array(list(periods), dtype="datetime64[ns]")
    except ValueError as error:
        raise ConfigError(f"periods: {error}", fix="write dates as 2020-01-31") from None
    if edges.size < 2 or (np.diff(edges) <= np.timedelta64(0)).any():
        raise ConfigError("periods need at least two dates in the order of time")
    return edges
