"""Gridded forecasts: CSEP's ASCII and the CSV of quadtrees."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from craton.errors import DataError
from craton.io.csep_regions import Floats, QuadtreeRegion, Region, grid_region, quadtree_region
from craton.io.files import atomic, read_text

_ASCII = ("lon0", "lon1", "lat0", "lat1", "z0", "z1", "mag0", "mag1", "rate", "flag")


@dataclass(frozen=True, eq=False)
class GriddedForecast:
    """Expected numbers of events in cells and magnitude bins.

    Attributes
    ----------
    rates : ndarray, shape (cell, bin)
        Expected events in the time of the forecast.
    region : Region
    magnitudes : ndarray, shape (bin,)
        Lower edges; the last bin is open.
    depth : (float, float)
        Top and bottom, km.
    name : str
    """

    rates: Floats
    region: Region
    magnitudes: Floats
    depth: tuple[float, float] = (0.0, 30.0)
    name: str = ""

    def __post_init__(self) -> None:
        expected = (len(self.region), self.magnitudes.size)
        if self.rates.shape != expected:
            raise DataError(f"rates of shape {self.rates.shape}, {expected} was expected")
        if not (np.isfinite(self.rates) & (self.rates >= 0)).all():
            row, column = np.argwhere(~(np.isfinite(self.rates) & (self.rates >= 0)))[0]
            raise DataError(
                f"the rate {self.rates[row, column]} is not zero or more",
                where=f"{self.name or 'forecast'}, cell {row + 1}, magnitude bin {column + 1}",
            )


def read_gridded_forecast(path: str | Path) -> GriddedForecast:
    """Read a gridded forecast: CSEP's ASCII (``.dat``, ``.txt``) or a quadtree's CSV.

    Parameters
    ----------
    path : str or Path
        ASCII: west, east, south, north, top, bottom, lower and upper magnitude, rate, flag, one
        row a cell and magnitude bin, in any order; cells with flag 0 are left out (pyCSEP puts
        no events there but counts their rates). CSV: a header ``quadkey, depth_min, depth_max,
        <lower edges of magnitude>``, one row a cell. ``.gz`` too.

    Returns
    -------
    GriddedForecast

    Raises
    ------
    DataError
        If the file is no such forecast, a cell lacks a magnitude bin, or a rate is negative.
    """
    path = Path(path)
    ending = path.name.lower().removesuffix(".gz").rsplit(".", 1)[-1]
    if ending == "csv":
        return _read_quadtree(path)
    if ending in ("dat", "txt"):
        return _read_ascii(path)
    raise DataError(f"the ending .{ending} is none of a gridded forecast", where=str(path),
                    fix="give .dat, .txt or a quadtree's .csv, also with .gz")  # fmt: skip


def _read_ascii(path: Path) -> GriddedForecast:
    try:
        frame = pd.read_csv(
            io.StringIO(read_text(path)), sep=r"\s+", header=None, names=list(_ASCII),
            index_col=False, dtype=np.float64, comment="#",
        )  # fmt: skip
    except (ValueError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(f"is no table of ten numbers a row ({error})", where=str(path)) from None
    table = frame.to_numpy()
    if not np.isfinite(table).all():
        row = int(np.flatnonzero(~np.isfinite(table).all(axis=1))[0])
        raise DataError("ten numbers were expected", where=f"{path}, row {row + 1}")
    table = table[table[:, 9] != 0]
    if not len(table):
        raise DataError("no cell has a flag other than 0", where=str(path))
    cell = pd.DataFrame(table[:, :4]).groupby([0, 1, 2, 3], sort=False).ngroup().to_numpy()
    first = np.unique(cell, return_index=True)[1]
    magnitudes, bin_ = np.unique(table[:, 6], return_inverse=True)
    rates = np.full((first.size, magnitudes.size), np.nan)
    rates[cell, bin_.ravel()] = table[:, 8]
    if len(table) != rates.size or np.isnan(rates).any():
        raise DataError(
            f"{len(table)} rows for {first.size} cells and {magnitudes.size} magnitude bins: each "
            "pair once was expected",
            where=str(path),
        )
    corners = table[first, :4]
    spacing = float(np.round(np.median(corners[:, 1] - corners[:, 0]), 10))
    region = grid_region(corners[:, [0, 2]], spacing)
    depth = (float(table[:, 4].min()), float(table[:, 5].max()))
    return GriddedForecast(rates, region, magnitudes, depth, path.name.split(".dat")[0])


def _read_quadtree(path: Path) -> GriddedForecast:
    rows = list(csv.reader(io.StringIO(read_text(path, encoding="utf-8-sig"))))
    rows = [row for row in rows if row]
    width = len(rows[0])
    try:
        if width < 4 or any(len(row) != width for row in rows):
            raise ValueError(f"rows of {width} entries or fewer or more")
        magnitudes = np.array(rows[0][3:], dtype=np.float64)
        numbers = np.array([row[1:] for row in rows[1:]], dtype=np.float64)
        numbers = numbers.reshape(-1, width - 1)
    except ValueError as error:
        raise DataError(
            f"is no quadtree forecast ({error})",
            where=str(path),
            fix="give a header 'quadkey, depth_min, depth_max, <magnitudes>' and one row a cell",
        ) from None
    region = quadtree_region([row[0].strip() for row in rows[1:]])
    depth = (float(numbers[:, 0].min()), float(numbers[:, 1].max()))
    name = path.name.removesuffix(".gz").removesuffix(".csv")
    return GriddedForecast(np.ascontiguousarray(numbers[:, 2:]), region, magnitudes, depth, name)


def write_gridded_forecast(path: str | Path, forecast: GriddedForecast) -> None:
    """Write a gridded forecast: a quadtree as CSV, any other region as CSEP's ASCII.

    Parameters
    ----------
    path : str or Path
        ``.csv`` for a quadtree, else ``.dat`` or ``.txt``.
    forecast : GriddedForecast

    Raises
    ------
    DataError
        If the ending does not fit the region, or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.dat"
    >>> region = grid_region([[10.0, 50.0], [10.1, 50.0]], 0.1)
    >>> write_gridded_forecast(path, GriddedForecast(np.ones((2, 1)), region, np.array([5.0])))
    >>> print(path.read_text().splitlines()[0])
    10.0 10.1 50.0 50.1 0.0 30.0 5.0 10.0 1.0 1
    """
    quadtree = isinstance(forecast.region, QuadtreeRegion)
    if quadtree != str(path).endswith(".csv") or not str(path).endswith((".csv", ".dat", ".txt")):
        raise DataError(
            "the ending does not fit the region", where=str(path),
            fix="give .csv for a quadtree, .dat or .txt for a regular grid",
        )  # fmt: skip
    if isinstance(forecast.region, QuadtreeRegion):
        table = pd.DataFrame(
            forecast.rates, columns=[repr(m) for m in forecast.magnitudes.tolist()]
        )
        table.insert(0, "quadkey", list(forecast.region.quadkeys))
        table.insert(1, "depth_min", forecast.depth[0])
        table.insert(2, "depth_max", forecast.depth[1])
        options: Any = {}
    else:
        n, m = forecast.rates.shape
        upper = np.append(forecast.magnitudes[1:], max(10.0, forecast.magnitudes[-1] + 1.0))
        west, south, east, north = np.repeat(forecast.region.bounds, m, axis=0).T
        table = pd.DataFrame(
            dict(zip(_ASCII, (west, east, south, north, *forecast.depth,
                              np.tile(forecast.magnitudes, n), np.tile(upper, n),
                              forecast.rates.ravel(), 1), strict=True))
        )  # fmt: skip
        options = {"sep": " ", "header": False}
    with atomic(path) as part:
        table.to_csv(part, index=False, lineterminator="\n", **options)
