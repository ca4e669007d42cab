"""Cells that forecasts are made on: regular grids of any outline, and quadtrees."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from craton.errors import DataError
from craton.io.geodesy import EARTH_RADIUS_KM

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EDGE = 1e-9
"""What lies below an edge by less than this share of a cell (or of a magnitude) is on the edge."""
_MAX_TABLE = 200_000_000
_MAX_ZOOM = 20


@dataclass(frozen=True, eq=False)
class Region:
    """Cells that do not overlap.

    Attributes
    ----------
    bounds : ndarray, shape (cell, 4)
        West, south, east, north of each cell, degrees. West and south belong to a cell.
    """

    bounds: Floats

    def __len__(self) -> int:
        return len(self.bounds)

    @property
    def centre(self) -> Floats:
        """Longitude and latitude of the middle of each cell, degrees, shape (cell, 2)."""
        return np.asarray((self.bounds[:, :2] + self.bounds[:, 2:]) / 2)

    @property
    def area(self) -> Floats:
        """Area of each cell on a sphere of 6371 km radius, km², shape (cell,)."""
        west, south, east, north = np.radians(self.bounds.T)
        return np.asarray(EARTH_RADIUS_KM**2 * (east - west) * (np.sin(north) - np.sin(south)))

    def index(self, longitude: ArrayLike, latitude: ArrayLike) -> Ints:
        """Cell of each point, -1 for points outside.

        Parameters
        ----------
        longitude, latitude : array_like, shape (point,)
            Degrees; longitudes may run from -180 to 180 or from 0 to 360.

        Returns
        -------
        ndarray of int, shape (point,)
        """
        lon, lat = np.asarray(longitude, float), np.asarray(latitude, float)
        west, east = self.bounds[:, 0].min(), self.bounds[:, 2].max()
        lon = np.where(lon < west - 1e-9, lon + 360.0, lon)
        lon = np.where(lon >= east + 1e-9, lon - 360.0, lon)
        return self._find(lon, lat)

    def _find(self, lon: Floats, lat: Floats) -> Ints:
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class GridRegion(Region):
    """Square cells of one size on a regular grid, with any outline. See `grid_region`."""

    spacing: float = 0.1
    corner: tuple[float, float] = (0.0, 0.0)
    table: Ints = field(default_factory=lambda: np.zeros((0, 0), np.int64), repr=False)

    def _find(self, lon: Floats, lat: Floats) -> Ints:
        column = steps_from(lon, self.corner[0], self.spacing)
        row = steps_from(lat, self.corner[1], self.spacing)
        rows, columns = self.table.shape
        ok = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
        i, j = np.where(ok, row, 0).astype(np.int64), np.where(ok, column, 0).astype(np.int64)
        return np.where(ok, self.table[i, j], -1)


@dataclass(frozen=True, eq=False)
class QuadtreeRegion(Region):
    """Tiles of the web-Mercator quadtree, of one or many zoom levels. See `quadtree_region`."""

    quadkeys: tuple[str, ...] = ()

    def _find(self, lon: Floats, lat: Floats) -> Ints:
        found = np.full(lon.shape, -1, dtype=np.int64)
        zoom = np.array([len(key) for key in self.quadkeys])
        number = np.array([int(key, 4) for key in self.quadkeys], dtype=np.int64)
        for z in np.unique(zoom).tolist():
            cells = np.flatnonzero(zoom == z)
            cells = cells[np.argsort(number[cells])]
            tile = _tile_of(lon, lat, z)
            place = np.searchsorted(number[cells], tile)
            place = np.minimum(place, cells.size - 1)
            hit = (number[cells][place] == tile) & (tile >= 0)
            found[hit] = cells[place[hit]]
        return found


def steps_from(value: ArrayLike, corner: float, spacing: float) -> Floats:
    """Whole cells from a corner to each value, which is the row or the column of its cell.

    Examples
    --------
    0.3 is not below the edge of its cell, as the bare quotient 2.9999999999999996 has it:

    >>> steps_from([0.3, 0.29], 0.0, 0.1).tolist()
    [3.0, 2.0]
    """
    return np.asarray(np.floor((np.asarray(value, float) - corner) / spacing + EDGE))


def grid_region(origins: ArrayLike, spacing: float) -> GridRegion:
    """Make a region of square cells from their south-west corners.

    Parameters
    ----------
    origins : array_like, shape (cell, 2)
        Longitude and latitude of the south-west corners, degrees, in the order of the cells.
    spacing : float
        Side of a cell, degrees.

    Returns
    -------
    GridRegion

    Raises
    ------
    DataError
        If the corners do not lie on one regular grid, or a cell is there twice.

    Examples
    --------
    >>> region = grid_region([[10.0, 50.0], [10.1, 50.0], [10.1, 50.1]], 0.1)
    >>> region.index([10.05, 10.1, 10.05], [50.0, 50.1, 50.15]).tolist()
    [0, 2, -1]
    """
    corners = np.atleast_2d(np.asarray(origins, float))
    if corners.ndim != 2 or corners.shape[1] != 2 or not np.isfinite(corners).all():
        raise DataError(f"corners of shape {corners.shape}: (cell, 2) finite numbers were expected")
    if not (np.isfinite(spacing) and spacing > 0 and len(corners)):
        raise DataError(f"{len(corners)} cells of {spacing} degrees make no region")
    low = np.round(corners.min(axis=0), 10)
    steps = (corners - low) / spacing
    place = np.round(steps).astype(np.int64)
    if np.abs(steps - place).max() > 0.01:
        cell = int(np.argmax(np.abs(steps - place).max(axis=1)))
        raise DataError(
            f"the corner {corners[cell].tolist()} is not a multiple of {spacing} degrees from "
            f"{low.tolist()}",
            where=f"cell {cell + 1}",
            fix="give all cells on one regular grid, or a quadtree",
        )
    columns, rows = (place.max(axis=0) + 1).tolist()
    if rows * columns > _MAX_TABLE:
        raise DataError(f"{rows} x {columns} cells of {spacing} degrees are more than a grid holds")
    table = np.full((rows, columns), -1, dtype=np.int64)
    table[place[:, 1], place[:, 0]] = np.arange(len(corners))
    if (table >= 0).sum() < len(corners):
        raise DataError("a cell is there twice", fix="give each cell once")
    lower = low + spacing * place
    bounds = np.round(np.hstack([lower, lower + spacing]), 10)
    return GridRegion(bounds, float(spacing), (float(low[0]), float(low[1])), table)


def quadtree_region(quadkeys: Sequence[str]) -> QuadtreeRegion:
    """Make a region of quadtree tiles.

    Parameters
    ----------
    quadkeys : sequence of str
        One key a cell: digits 0 to 3, its length is the zoom level.

    Returns
    -------
    QuadtreeRegion

    Raises
    ------
    DataError
        If a key is none, is there twice, or lies in another tile.

    References
    ----------
    Asim et al. 2023, doi:10.1093/gji/ggac459.

    Examples
    --------
    >>> region = quadtree_region(["0", "10", "11", "12", "13"])
    >>> region.index([-120.0, 20.0], [40.0, 50.0]).tolist()
    [0, 3]
    """
    keys = tuple(str(key) for key in quadkeys)
    if not keys:
        raise DataError("no quadkeys were given")
    for row, key in enumerate(keys, start=1):
        if not 0 < len(key) <= _MAX_ZOOM or set(key) - set("0123"):
            raise DataError(
                f"{key!r} is no quadkey; 1 to {_MAX_ZOOM} digits from 0 to 3 were expected",
                where=f"cell {row}",
                fix="read the column as text, so that leading zeros stay",
            )
    ordered = sorted(keys)
    for a, b in itertools.pairwise(ordered):
        if b.startswith(a):
            raise DataError(f"the tile {b} lies in the tile {a}", fix="give tiles without overlap")
    bounds = np.empty((len(keys), 4))
    number = np.array([int(key, 4) for key in keys], dtype=np.int64)
    level = np.array([len(key) for key in keys])
    for zoom in np.unique(level).tolist():
        cells = np.flatnonzero(level == zoom)
        x = y = np.zeros(cells.size, dtype=np.int64)
        for bit in range(zoom):
            x = x | ((number[cells] >> (2 * bit)) & 1) << bit
            y = y | ((number[cells] >> (2 * bit + 1)) & 1) << bit
        west, east = _meridians(zoom, x), _meridians(zoom, x + 1)
        bounds[cells] = np.stack([west, _parallels(zoom, y + 1), east, _parallels(zoom, y)], axis=1)
    return QuadtreeRegion(bounds, keys)


def quadtree_zoom(zoom: int) -> QuadtreeRegion:
    """Make a global region of all tiles of one zoom level, in the order of their keys.

    Examples
    --------
    >>> len(quadtree_zoom(3))
    64
    """
    if not 1 <= zoom <= 10:
        raise DataError(f"zoom {zoom}: 1 to 10 was expected")
    return quadtree_region(_keys(np.arange(4**zoom), zoom))


def quadtree_from_catalog(
    longitude: ArrayLike, latitude: ArrayLike, most: int, zoom: int = 11
) -> QuadtreeRegion:
    """Make a global quadtree that is finer where there were more earthquakes.

    A tile is split into four as long as it holds more than `most` events and is coarser than
    `zoom`.

    Parameters
    ----------
    longitude, latitude : array_like, shape (event,)
        Epicentres, degrees.
    most : int
        Events that a tile may hold.
    zoom : int
        Finest level.

    Returns
    -------
    QuadtreeRegion

    References
    ----------
    Asim et al. 2023, doi:10.1093/gji/ggac459.

    Examples
    --------
    >>> region = quadtree_from_catalog([100.0, 101.0, 102.0], [10.0, 10.5, 10.2], 1, zoom=4)
    >>> sorted({len(key) for key in region.quadkeys})
    [1, 2, 3, 4]
    """
    if not (1 <= zoom <= _MAX_ZOOM and most >= 1):
        raise DataError(f"most {most}, zoom {zoom}: 1 or more, 1 to {_MAX_ZOOM} were expected")
    tile = _tile_of(np.asarray(longitude, float), np.asarray(latitude, float), zoom)
    tile = np.sort(tile[tile >= 0])
    keys: list[str] = []
    number = np.arange(4)
    for z in range(1, zoom + 1):
        width = 4 ** (zoom - z)
        held = np.searchsorted(tile, (number + 1) * width) - np.searchsorted(tile, number * width)
        split = (held > most) & (z < zoom)
        keys += _keys(number[~split], z)
        number = (4 * number[split, None] + np.arange(4)).ravel()
    return quadtree_region(sorted(keys))


def magnitude_index(magnitude: ArrayLike, edges: ArrayLike) -> Ints:
    """Bin of each magnitude: lower edges belong to a bin, the last is open, -1 is below the first.

    Parameters
    ----------
    magnitude : array_like, shape (event,)
    edges : array_like, shape (bin,)
        Lower edges, ascending.

    Examples
    --------
    >>> magnitude_index([4.9, 5.0, 5.1, 8.0], [5.0, 5.1, 5.2]).tolist()
    [-1, 0, 1, 2]
    """
    lower = np.asarray(edges, float)
    if lower.ndim != 1 or not lower.size or not (np.diff(lower) > 0).all():
        raise DataError(f"magnitude bins {lower.tolist()}: ascending lower edges were expected")
    found = np.searchsorted(lower, np.asarray(magnitude, float) + EDGE, side="right") - 1
    return np.asarray(found, dtype=np.int64)


def _keys(number: Ints, zoom: int) -> list[str]:
    """Quadkeys of one zoom level from their numbers: those to base 4, with leading zeros."""
    digits = (number[:, None] >> 2 * np.arange(zoom - 1, -1, -1)) & 3
    text = (digits + ord("0")).astype(np.uint8)
    found: list[str] = text.view(f"S{zoom}").ravel().astype(str).tolist()
    return found


def _meridians(zoom: int, x: Ints) -> Floats:
    return np.asarray(x / 2**zoom * 360.0 - 180.0)


def _parallels(zoom: int, y: Ints) -> Floats:
    return np.asarray(np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * y / 2**zoom)))))


def _tile_of(lon: Floats, lat: Floats, zoom: int) -> Ints:
    """Number of the tile of each point (its key read to base 4), -1 outside web Mercator."""
    n = 2**zoom
    x = np.searchsorted(_meridians(zoom, np.arange(n + 1)), lon, side="right") - 1
    rising = _parallels(zoom, np.arange(n, -1, -1))
    y = n - np.searchsorted(rising, lat, side="right")
    ok = (x >= 0) & (x < n) & (y >= 0) & (y < n)
    number = np.zeros(lon.shape, dtype=np.int64)
    for bit in range(zoom):
        number |= ((x >> bit) & 1) << (2 * bit)
        number |= ((y >> bit) & 1) << (2 * bit + 1)
    return np.where(ok, number, -1)
