"""From a catalogue in degrees to events and cells in km: what a point process works on."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from craton.errors import DataError
from craton.io.csep_regions import GridRegion, grid_region, steps_from
from craton.io.geodesy import continuous, near_longitude, project

Outline = tuple[tuple[float, float], ...]
KM_PER_DEGREE = 6371.0 * np.pi / 180


def bounding_outline(catalog: xr.Dataset, cell: float) -> Outline:
    """Corners (latitude, longitude) of the box around all events, on multiples of the cell.

    An event on an edge belongs to the cell that begins there, and the box holds that cell.
    Across the 180th meridian, longitudes go on over 180.

    Raises
    ------
    DataError
        If the events spread over more than 180 degrees of longitude.
    """
    lat, lon = catalog["latitude"].to_numpy(), continuous(catalog["longitude"].to_numpy())
    if np.ptp(lon) > 180:
        raise DataError(
            f"events spread over {np.ptp(lon):.0f} degrees of longitude, 180 at most were expected",
            fix="choose a region: --set 'outline=[[LATITUDE, LONGITUDE], ...]'",
        )
    south, west = (float(steps_from(v.min(), 0.0, cell)) * cell for v in (lat, lon))
    north, east = (float(steps_from(v.max(), 0.0, cell) + 1) * cell for v in (lat, lon))
    corners = ((south, west), (south, east), (north, east), (north, west))
    return tuple((round(float(a), 6), round(float(b), 6)) for a, b in corners)


def in_cells(catalog: xr.Dataset, outline: Outline, cell: float, mc: float) -> xr.Dataset:
    """Add places in km, cells, and the cell of each event; drop events below completeness.

    The plane is the azimuthal equidistant projection about the middle of the outline. A cell of
    `cell` degrees counts if its centre is inside the outline; in the plane it is taken as the
    rectangle of its true height and mid-latitude width about its projected centre.

    Parameters
    ----------
    catalog : xr.Dataset
        As `craton.io.catalog.read_catalog` gives it, sorted by time.
    outline : tuple of (latitude, longitude)
        Corners of the region. Across the 180th meridian longitudes may go on over 180 or jump to
        -180; events are taken to the same side as the region.
    cell : float
        Side of a cell in degrees.
    mc : float
        Events below this magnitude are left out.

    Returns
    -------
    xr.Dataset
        Events with `x`, `y` (km), `cell_of` (-1 outside); cells with `cell_x0` ... `cell_y1` (km),
        `cell_latitude`, `cell_longitude` (degrees); `outline_x`, `outline_y` (km).

    Raises
    ------
    DataError
        If no event is left, or no cell fits.
    """
    from matplotlib.path import Path as Polygon

    kept = catalog.isel(event=np.flatnonzero(catalog["magnitude"].to_numpy() >= mc - 1e-6))
    corners = np.array(outline, float)
    corners[:, 1] = continuous(corners[:, 1])
    if kept.sizes["event"] == 0:
        raise DataError(f"no event has magnitude {mc:g} or more", fix="lower --set magnitude=")
    low, high = corners.min(axis=0), corners.max(axis=0)
    n = np.maximum(np.round((high - low) / cell).astype(int), 1)
    lats = low[0] + cell * (np.arange(n[0]) + 0.5)
    lons = low[1] + cell * (np.arange(n[1]) + 0.5)
    lat, lon = (v.ravel() for v in np.meshgrid(lats, lons, indexing="ij"))
    polygon = Polygon(corners)
    inside = polygon.contains_points(np.stack([lat, lon], axis=1))
    if not inside.any():
        raise DataError("no cell fits into the region", fix="choose smaller cells (--set cell=)")
    lat, lon = lat[inside], lon[inside]
    centre = (float((low[0] + high[0]) / 2), float((low[1] + high[1]) / 2))
    x, y = project(lat, lon, centre)
    near = near_longitude(kept["longitude"].to_numpy(), centre[1])
    kept = kept.assign(longitude=("event", near, kept["longitude"].attrs))
    wide, tall = cell * KM_PER_DEGREE * np.cos(np.radians(lat)) / 2, cell * KM_PER_DEGREE / 2
    edge = _densified(corners)
    outline_x, outline_y = project(edge[:, 0], edge[:, 1], centre)
    event_x, event_y = project(kept["latitude"].to_numpy(), kept["longitude"].to_numpy(), centre)
    km = {"units": "km"}
    found = kept.assign(
        x=("event", event_x, km),
        y=("event", event_y, km),
        cell_x0=("cell", x - wide, km),
        cell_x1=("cell", x + wide, km),
        cell_y0=("cell", y - tall, km),
        cell_y1=("cell", y + tall, km),
        cell_latitude=("cell", lat, {"units": "degrees_north"}),
        cell_longitude=("cell", lon, {"units": "degrees_east"}),
        outline_x=("vertex", outline_x, km),
        outline_y=("vertex", outline_y, km),
    ).assign_attrs(mc=mc, cell=cell, centre_latitude=centre[0], centre_longitude=centre[1])
    place = cell_region(found).index(kept["longitude"], kept["latitude"])
    return found.assign(cell_of=("event", place))


def cell_region(cells: xr.Dataset) -> GridRegion:
    """The cells as a region that finds the cell of a point.

    Parameters
    ----------
    cells : xr.Dataset
        With `cell_latitude`, `cell_longitude` and the attribute `cell`, as `in_cells` gives it, or
        some of these cells.

    Examples
    --------
    >>> cells = xr.Dataset({"cell_latitude": ("cell", [0.5, 1.5]),
    ...                     "cell_longitude": ("cell", [0.5, 0.5])}, attrs={"cell": 1.0})
    >>> cell_region(cells).index([0.9, 0.0, 1.1], [1.2, 0.2, 1.2]).tolist()
    [1, 0, -1]
    """
    side = float(cells.attrs["cell"])
    centres = [cells[name].to_numpy() for name in ("cell_longitude", "cell_latitude")]
    return grid_region(np.round(np.stack(centres, axis=1) - side / 2, 6), side)


def _densified(corners: NDArray[np.float64], step: float = 0.25) -> NDArray[np.float64]:
    """Corners with points every `step` degrees, so that edges stay parallels and meridians."""
    if np.allclose(corners[0], corners[-1]):
        corners = corners[:-1]
    points = []
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        k = max(int(np.ceil(np.abs(b - a).max() / step)), 1)
        points.append(a + (b - a) * (np.arange(k) / k)[:, None])
    return np.concatenate(points)
