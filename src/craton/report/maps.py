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
