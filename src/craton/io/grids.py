"""Points of a field: one order, a box cut out, cells joined, and back to a grid of two axes."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from craton.errors import ConfigError, DataError
from craton.io.csep_regions import steps_from

Box = tuple[float, float, float, float]
"""South, north, west, east, in degrees; longitudes as 0 to 360 or -180 to 180."""

MOST_POINTS = 4000
"""Most cells of a field whose covariances are taken."""


def inside(lat: NDArray[np.float64], lon: NDArray[np.float64], box: Box) -> NDArray[np.bool_]:
    """Tell which points lie in a box, its edges included.

    Examples
    --------
    >>> inside(np.array([0.0, 0.0]), np.array([-170.0, 10.0]), (-5, 5, 190, 240)).tolist()
    [True, False]
    """
    south, north, west, east = box
    width = 360.0 if east - west >= 360.0 else (east - west) % 360.0
    within = (lon - west) % 360.0 <= width
    return np.asarray((lat >= south) & (lat <= north) & within)


def cut(ds: xr.Dataset, box: Box) -> xr.Dataset:
    """Keep the points in a box, by latitude and then by longitude, eastward from the widest gap.

    Two files of one field so give the same points in the same order, however they are laid out.

    Parameters
    ----------
    ds : xr.Dataset
        With ``lat`` and ``lon`` (degrees) on ``point``.
    box : tuple of float
        South, north, west, east.

    Returns
    -------
    xr.Dataset
        Longitudes increase eastward and may exceed 360.

    Raises
    ------
    ConfigError
        If no point lies in the box.

    Examples
    --------
    >>> ds = xr.Dataset(coords={"lat": ("point", [5.0, -5.0, -5.0]),
    ...                         "lon": ("point", [-170.0, -170.0, 170.0])})
    >>> cut(ds, (-10, 10, 120, 290))["lon"].values.tolist()
    [170.0, 190.0, 190.0]
    """
    lat, lon = (ds[c].to_numpy().astype(float) for c in ("lat", "lon"))
    keep = np.flatnonzero(inside(lat, lon, box))
    if not len(keep):
        raise ConfigError(
            f"no cell lies in latitude {box[0]:g} to {box[1]:g}, longitude {box[2]:g} to "
            f"{box[3]:g}; the cells span latitude {lat.min():g} to {lat.max():g}, longitude "
            f"{lon.min():g} to {lon.max():g}",
            where="domain",
            fix="--set domain=[SOUTH, NORTH, WEST, EAST]",
        )
    east = _eastward(lon[keep])
    order = np.lexsort((east, lat[keep]))
    found = ds.isel(point=keep[order])
    return found.assign_coords(lon=("point", east[order], ds["lon"].attrs))


def join(ds: xr.Dataset, cell: float, variable: str = "sst") -> xr.Dataset:
    """Average points over cells of equal side, weighted by the cosine of latitude.

    A cell has a value wherever one of its points has.

    Parameters
    ----------
    ds : xr.Dataset
        `variable` (time, point) with ``lat`` and ``lon``.
    cell : float
        Side in degrees; cells start at multiples of it.

    Examples
    --------
    >>> ds = xr.Dataset({"sst": (("time", "point"), [[1.0, 3.0, np.nan]])},
    ...                 {"lat": ("point", [1.0, -1.0, 1.0]), "lon": ("point", [1.0, 1.0, 11.0])})
    >>> join(ds, 10.0)["sst"].values.tolist()
    [[3.0, 1.0, nan]]
    """
    from scipy.sparse import csr_array

    lat, lon = ds["lat"].to_numpy(), ds["lon"].to_numpy()
    row, column = (steps_from(v, 0.0, cell).astype(int) for v in (lat, lon))
    places, which = np.unique(np.stack([row, column], 1), axis=0, return_inverse=True)
    n, shape = len(lat), (len(lat), len(places))
    mean = csr_array((np.cos(np.deg2rad(lat)), (np.arange(n), which.ravel())), shape)
    values = ds[variable].transpose("time", "point").to_numpy().astype(float)
    there = np.isfinite(values)
    total, weight = np.where(there, values, 0.0) @ mean, there.astype(float) @ mean
    with np.errstate(invalid="ignore"):
        joined = (total / np.where(weight > 0, weight, np.nan)).astype(np.float32)
    south, west = ((places[:, i] + 0.5) * cell for i in (0, 1))
    note = f"{n} points averaged over {len(places)} cells of {cell:g} degrees"
    return xr.Dataset(
        {variable: (("time", "point"), joined, ds[variable].attrs)},
        {
            "time": ds["time"],
            "lat": ("point", south, ds["lat"].attrs),
            "lon": ("point", west, ds["lon"].attrs),
            "weight": ("point", np.cos(np.deg2rad(south))),
        },
        {**ds.attrs, "history": "\n".join(filter(None, [ds.attrs.get("history", ""), note]))},
    )


def lay_out(
    ds: xr.Dataset, box: Box, cell: float | None = None, known_as: str | None = None
) -> xr.Dataset:
    """Cut a box and average its points over cells, if a side is given.

    Parameters
    ----------
    ds : xr.Dataset
        With ``lat`` and ``lon`` on ``point``.
    box : tuple of float
        South, north, west, east.
    cell : float, optional
        Side in degrees.
    known_as : str, optional
        What `describe` must say of the points.

    Raises
    ------
    ConfigError
        If no point lies in the box.
    DataError
        If there are more points than covariances can be taken of, or they are not those known.
    """
    found = cut(ds, box)
    found = found if cell is None else cut(join(found, cell), (-90.0, 90.0, 0.0, 360.0))
    where = str(ds.attrs.get("source", "")) or None
    if cell is not None and found.sizes["point"] > MOST_POINTS:
        raise DataError(
            f"{found.sizes['point']} points, at most {MOST_POINTS} can be handled",
            where=where,
            fix="choose a smaller domain or larger cells (--set cell=5)",
        )
    if known_as is not None and describe(found) != known_as:
        raise DataError(
            f"the grid is {describe(found)}; the model was trained on {known_as}",
            where=where,
            fix="bring the data to that grid, or train on these data",
        )
    return found


def region_weights(
    ds: xr.Dataset, regions: Mapping[str, Box], variable: str
) -> dict[str, NDArray[np.float64]]:
    """Weights (point,) of the points in boxes, by the cosine of latitude, summing to one.

    Points where `variable` has no value at any time get no weight.

    Raises
    ------
    ConfigError
        If a region has no point with a value.

    Examples
    --------
    >>> ds = xr.Dataset({"sst": (("time", "point"), [[1.0, 2.0, np.nan]])},
    ...                 {"lat": ("point", [0.0, 9.0, 1.0]), "lon": ("point", [-150.0] * 3)})
    >>> region_weights(ds, {"nino34": (-5, 5, 190, 240)}, "sst")["nino34"].tolist()
    [1.0, 0.0, 0.0]
    """
    lat, lon = ds["lat"].to_numpy(), ds["lon"].to_numpy()
    seen = ds[variable].notnull().any("time").to_numpy()
    found = {}
    for name, box in regions.items():
        weights = np.where(inside(lat, lon, box) & seen, np.cos(np.deg2rad(lat)), 0.0)
        if not weights.any():
            raise ConfigError(
                f"no cell that has data lies in the region '{name}', {list(box)}",
                where=str(ds.attrs.get("source", "")) or None,
                fix="--set 'regions={NAME: [SOUTH, NORTH, WEST, EAST]}', or a larger domain",
            )
        found[name] = weights / weights.sum()
    return found


def is_grid(ds: xr.Dataset) -> bool:
    """Tell whether the points lie on a grid of latitudes and longitudes."""
    return axes(ds["lat"].to_numpy(), ds["lon"].to_numpy()) is not None


def axes(
    lat: NDArray[np.float64], lon: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]] | None:
    """Find the two axes of the grid that points lie on, or None if they lie on none.

    Returns
    -------
    lat, lon : ndarray
        Axes; cells that have no point leave holes.
    cell : ndarray of int, shape (point,)
        Cell of each point, row by row.

    Examples
    --------
    >>> axes(np.array([0.0, 0.0, 5.0]), np.array([10.0, 20.0, 20.0]))[2].tolist()
    [0, 1, 3]
    """
    rows, row = np.unique(np.round(lat, 6), return_inverse=True)
    columns, column = np.unique(np.round(lon, 6), return_inverse=True)
    cell = row * len(columns) + column
    if len(rows) * len(columns) > 20 * len(lat) or len(np.unique(cell)) < len(cell):
        return None
    return rows, columns, cell.astype(np.int64)


def spread_out(values: NDArray[np.float64], cell: NDArray[np.int64], shape: tuple[int, int]) -> (
    NDArray[np.float64]
):  # fmt: skip
    """Lay the last axis (point) out on a grid (..., row, column); NaN where there is no point."""
    found = np.full((*values.shape[:-1], shape[0] * shape[1]), np.nan, values.dtype)
    found[..., cell] = values
    return found.reshape(*values.shape[:-1], *shape)


def describe(ds: xr.Dataset) -> str:
    """Name a set of points, so that two can be told apart.

    Examples
    --------
    >>> ds = xr.Dataset(coords={"lat": ("point", [0.0, 5.0]), "lon": ("point", [190.0, 190.0])})
    >>> describe(ds)
    '2 points, latitude 0 to 5, longitude 190 to 190 (e088a189)'
    """
    lat, lon = ds["lat"].to_numpy().astype(float), ds["lon"].to_numpy().astype(float)
    places = np.round(np.stack([lat, lon % 360.0]), 3).astype("<f8") + 0.0
    return (
        f"{len(lat)} points, latitude {lat.min():g} to {lat.max():g}, longitude {lon.min():g} to "
        f"{lon.max():g} ({zlib.crc32(places.tobytes()):08x})"
    )


def _eastward(lon: NDArray[np.float64]) -> NDArray[np.float64]:
    """Longitudes that increase without a jump: they start after the widest gap."""
    turned = np.mod(lon, 360.0)
    west = np.unique(np.round(turned, 6))
    gaps = np.diff(np.r_[west, west[0] + 360.0])
    start = west[(int(gaps.argmax()) + 1) % len(west)]
    return np.round(np.mod(turned - start + 1e-9, 360.0) - 1e-9 + start, 6)
