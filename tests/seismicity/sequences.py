"""Hand-made catalogues."""

from __future__ import annotations

import numpy as np
import xarray as xr


def catalog(*events: tuple[float, float, float]) -> xr.Dataset:
    """Events of (days since 2000, km to the east on the equator, magnitude), in order."""
    day, km, magnitude = (np.array(column, float) for column in zip(*events, strict=True))
    time = np.datetime64("2000-01-01", "ns") + (day * 86_400e9).astype("timedelta64[ns]")
    return xr.Dataset(
        {
            "time": ("event", time),
            "latitude": ("event", np.zeros(day.size)),
            "longitude": ("event", km / (6371.0 * np.pi / 180)),
            "magnitude": ("event", magnitude),
        }
    )
