"""Maps of forecasts by cell."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from craton.report.figures import SEQUENTIAL
from craton.samples import Samples


def forecast_map(
    ax: Any, samples: Samples, values: NDArray[Any], label: str, **options: Any
) -> None:
    """Draw a value a cell, with a colour bar.

    Parameters
    ----------
    ax : Axes
        Axes to draw on.
    samples : Samples
        Their cells have `cell_latitude`, `cell_longitude` and the attribute `cell`.
    values : ndarray, shape (cell,)
        What to draw; NaN is left out.
    label : str
        Of the colour bar.
    **options
        Passed on to `Axes.pcolormesh`.
    """
    lon, lat, grid = _grid(samples, values)
    mesh = ax.pcolormesh(lon, lat, grid, rasterized=True, **{"cmap": SEQUENTIAL, **options})
    ax.set(xlabel="longitude (degrees east)", ylabel="latitude (degrees north)")
    ax.set_aspect(1 / np.cos(np.radians(lat.mean())))
    bar = ax.figure.colorbar(mesh, ax=ax, label=label, shrink=0.85, **_numbers(mesh.norm))
    bar.minorticks_off()


def error_ellipse(
    latitude: float, longitude: float, east_km: float, north_km: float, correlation: float
) -> NDArray[np.float64]:
    """Outline of the 90 % ellipse of an epicentre.

    Parameters
    ----------
    latitude, longitude : float
        Degrees.
    east_km, north_km, correlation : float
        Standard deviations and their correlation.

    Returns
    -------
    ndarray, shape (point, 2)
        Longitude and latitude.

    Examples
    --------
    >>> x, y = error_ellipse(60.0, 10.0, 1.0, 2.0, 0.0).T
    >>> round(float(np.ptp(y) / np.ptp(x)), 6)  # a degree east is half as long
    1.0
    """
    cross = correlation * east_km * north_km
    values, vectors = np.linalg.eigh([[east_km**2, cross], [cross, north_km**2]])
    turn = np.linspace(0.0, 2 * np.pi, 73)
    circle = np.stack([np.cos(turn), np.sin(turn)])
    # the chi-square with two degrees of freedom has its 90 % quantile at 4.605
    east, north = vectors @ (np.sqrt(np.maximum(values, 0.0) * 4.605)[:, None] * circle)
    slim = max(np.cos(np.radians(latitude)), 0.01)
    return np.column_stack([longitude + east / 111.19 / slim, latitude + north / 111.19])


def _numbers(norm: Any) -> dict[str, Any]:
    """Ticks of a logarithmic colour bar as people write numbers: 0.5, 1, 2, not powers of ten."""
    from matplotlib.colors import LogNorm
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

    if not isinstance(norm, LogNorm):
        return {}
    assert norm.vmin is not None and norm.vmax is not None
    reach = norm.vmax / norm.vmin
    few = LogLocator(subs=(1.0, 2.0, 5.0)) if reach < 300 else LogLocator()
    ticks = MaxNLocator(5) if reach < 4 else few
    return {"ticks": ticks, "format": FuncFormatter(lambda value, _: f"{value:g}")}


def _grid(samples: Samples, values: NDArray[Any]) -> tuple[Any, Any, Any]:
    """Cells as a grid of edges and values, NaN outside the region."""
    data = samples.data
    half = float(data.attrs["cell"]) / 2
    lat = np.round(data["cell_latitude"].to_numpy(), 6)
    lon = np.round(data["cell_longitude"].to_numpy(), 6)
    lats, lons = np.unique(lat), np.unique(lon)
    grid = np.full((len(lats), len(lons)), np.nan)
    grid[np.searchsorted(lats, lat), np.searchsorted(lons, lon)] = values
    return np.r_[lons - half, lons[-1] + half], np.r_[lats - half, lats[-1] + half], grid
