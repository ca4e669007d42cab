"""Simulated catalogues of a forecast: what files of catalogues and intervals by cell need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from craton.events import ORIGIN
from craton.io.forecast_cells import cell_region
from craton.io.geodesy import unproject
from craton.samples import Samples

Floats = NDArray[np.float64]
BOUNDS = (0.025, 0.975)
"""Quantiles of the interval of counts by cell."""

EVENT = "simulated_event"
"""Dimension of the simulated events."""

_FAR_KM = 10_000.0


class Simulated(NamedTuple):
    """Events of `n` catalogues, by catalogue; time in days, x and y in km."""

    catalog: NDArray[np.int64]
    time: Floats
    x: Floats
    y: Floats
    magnitude: Floats
    n: int

    def before(self, end: float) -> Self:
        """The events before a time."""
        return self._replace(**{k: getattr(self, k)[self.time < end] for k in self._fields[:5]})


def simulated_variables(windows: Sequence[Simulated], samples: Samples) -> dict[str, Any]:
    """Variables that simulations add to a prediction.

    Parameters
    ----------
    windows : sequence of Simulated
        One a sample.
    samples : Samples
        Their cells have latitude and longitude.

    Returns
    -------
    dict
        ``count_interval`` (sample, bound, cell): the quantiles `BOUNDS` of the number of events.
        On the dimension ``simulated_event``, of the longest of the windows issued last, the events
        inside the cells by catalogue and time: ``catalog_id`` (its attribute ``catalogs`` is the
        number of catalogues), ``event_time``, ``event_longitude``, ``event_latitude``,
        ``event_magnitude``.
    """
    index, cells = samples.index, samples.data.sizes["cell"]
    last = int(np.lexsort((index["t1"], index["t0"]))[-1])
    intervals, events = [], {}
    for i, window in enumerate(windows):
        place, latitude, longitude = _places(window, samples)
        inside = place >= 0
        flat = window.catalog[inside] * cells + place[inside]
        counts = np.bincount(flat, minlength=window.n * cells).reshape(window.n, cells)
        intervals.append(np.quantile(counts, BOUNDS, axis=0, method="inverted_cdf"))
        if i == last:
            time = ORIGIN + np.round(window.time[inside] * 86_400_000).astype("m8[ms]")
            events = {
                "catalog_id": (window.catalog[inside], {"catalogs": window.n}),
                "event_time": (time.astype("M8[ns]"), {}),
                "event_longitude": (longitude[inside], {"units": "degrees_east"}),
                "event_latitude": (latitude[inside], {"units": "degrees_north"}),
                "event_magnitude": (window.magnitude[inside], {"units": "1"}),
            }
    found: dict[str, Any] = {k: (EVENT, *v) for k, v in events.items()}
    dims = ("sample", "bound", "cell")
    found["count_interval"] = (dims, np.stack(intervals).astype(np.float32), {"units": "1"})
    return found


def mixed_catalogs(
    predictions: Mapping[str, xr.Dataset], weights: Mapping[str, float]
) -> dict[str, xr.DataArray]:
    """Catalogues of a mixture of models: of each as large a part as its weight.

    Parameters
    ----------
    predictions : mapping
        Model name to a prediction with the events of `simulated_variables`.
    weights : mapping
        Model name to weight; they sum to one.

    Returns
    -------
    dict
        The variables on `EVENT`; none if a model keeps no catalogues.
    """
    names = sorted(weights)
    if any("catalog_id" not in predictions[n] for n in names):
        return {}
    attrs = predictions[names[0]]["catalog_id"].attrs
    ends = np.round(np.cumsum([weights[n] for n in names]) * attrs["catalogs"])
    parts = []
    for name, first, end in zip(names, np.append(0, ends[:-1]), ends, strict=True):
        found = predictions[name]
        events = found[[k for k, v in found.data_vars.items() if v.dims == (EVENT,)]]
        number = events["catalog_id"].to_numpy()
        parts.append(events.isel({EVENT: (number >= first) & (number < end)}))
    mixed = xr.concat(parts, EVENT)
    mixed["catalog_id"].attrs = attrs
    return {str(k): v for k, v in mixed.data_vars.items()}


def _places(window: Simulated, samples: Samples) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Number of the cell of each event (-1 outside), latitude and longitude."""
    attrs = samples.data.attrs
    centre = (float(attrs["centre_latitude"]), float(attrs["centre_longitude"]))
    near = np.hypot(window.x, window.y) < _FAR_KM
    latitude, longitude = unproject(
        np.where(near, window.x, 0.0), np.where(near, window.y, 0.0), centre
    )
    # on the same side of the 180th meridian as the region
    longitude = centre[1] + (longitude - centre[1] + 180.0) % 360.0 - 180.0
    place = cell_region(samples.data).index(longitude, latitude)
    return np.where(near, place, -1), latitude, longitude
