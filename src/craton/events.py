"""The gather of point processes: a catalogue up to the issue time in, counts by cell out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from craton.samples import Inputs, Parts, Target

DAY = np.timedelta64(86_400_000_000_000, "ns")
ORIGIN = np.datetime64("1970-01-01", "ns")


THRESHOLD = {"long_name": "magnitude from which events count", "units": "1"}


def days(times: Any) -> NDArray[np.float64]:
    """Days since 1970-01-01, UTC.

    Examples
    --------
    >>> days(np.array(["1970-01-02T12"], "datetime64[ns]")).tolist()
    [1.5]
    """
    return (np.asarray(times, "datetime64[ns]") - ORIGIN) / DAY


@dataclass(frozen=True)
class Forecasts:
    """One sample a forecast window: events before `t0` in, counts by cell in [t0, t1) out.

    The data have events on the dimension `event` (`time`, `x`, `y` in km, `magnitude`, `cell_of`:
    the number of the event's cell or -1), sorted by time, and cells on the dimension `cell`.

    Inputs are ``t0`` (sample,) in days, ``horizon`` (sample,) in days, ``n_history`` (sample,) the
    number of events before `t0`, and, shared by all samples, ``all_events`` (event, 4): time in
    days, x, y in km, magnitude, of events before the last `t0`. Only the first ``n_history`` events
    belong to a sample.

    Parameters
    ----------
    target : Target
        Its name is ``count``.
    thresholds : tuple of float
        Magnitudes m for "at least one event of magnitude m or more".
    simulations : int
        Simulated catalogues that a forecast is made of and keeps, for files that hold them; 0 keeps
        none.
    """

    target: Target
    thresholds: tuple[float, ...]
    simulations: int = 0

    def inputs(self, data: xr.Dataset, index: pd.DataFrame) -> Inputs:
        time = days(data["time"].to_numpy())
        t0, t1 = days(index["t0"]), days(index["t1"])
        before = np.searchsorted(time, t0, side="left")
        last = int(before.max()) if len(before) else 0
        columns = [time, *(data[n].to_numpy().astype(float) for n in ("x", "y", "magnitude"))]
        return {
            "t0": t0,
            "horizon": t1 - t0,
            "n_history": before,
            "all_events": np.stack(columns, axis=1)[:last],
        }

    def observed(self, data: xr.Dataset, index: pd.DataFrame) -> xr.Dataset:
        time = days(data["time"].to_numpy())
        cell = data["cell_of"].to_numpy()
        magnitude = data["magnitude"].to_numpy()
        first = np.searchsorted(time, days(index["t0"]), side="left")
        stop = np.searchsorted(time, days(index["t1"]), side="left")
        n, cells = len(index), data.sizes["cell"]
        count = np.zeros((n, cells), np.float32)
        above = np.zeros((n, len(self.thresholds), cells), np.float32)
        for i, (a, b) in enumerate(zip(first, stop, strict=True)):
            inside = np.flatnonzero(cell[a:b] >= 0) + a
            count[i] = np.bincount(cell[inside], minlength=cells)
            for j, m in enumerate(self.thresholds):
                above[i, j, cell[inside[magnitude[inside] >= m]]] = 1
        plain = {"units": "1"}
        return xr.Dataset(
            {
                "count": (("sample", "cell"), count, plain),
                "occurred": (("sample", "threshold", "cell"), above, plain),
                "region_count": ("sample", count.sum(axis=1), plain),
                "region_occurred": (("sample", "threshold"), above.max(axis=2), plain),
            },
            coords={"threshold": ("threshold", list(self.thresholds), THRESHOLD)},
        )

    def coords(self, data: xr.Dataset, index: pd.DataFrame) -> dict[str, xr.Variable]:
        """Length of the windows, and centres and corners of the cells as CF conventions have them.

        Returns
        -------
        dict
            ``horizon`` (sample,) in days; ``longitude``, ``latitude`` (cell,) in degrees with their
            bounds (cell, corner), counterclockwise from the south-west, where the data have the
            cells' `cell_longitude` and `cell_latitude`.
        """
        about = {"standard_name": "forecast_period", "units": "days"}
        about["long_name"] = "length of the forecast window"
        found = {"horizon": xr.Variable(("sample",), days(index["t1"]) - days(index["t0"]), about)}
        sides = {"longitude": ("east", [-1, 1, 1, -1]), "latitude": ("north", [-1, -1, 1, 1])}
        for name, (pole, side) in sides.items():
            if f"cell_{name}" not in data:
                continue
            units, bounds = f"degrees_{pole}", f"{name}_bounds"
            centre = data[f"cell_{name}"].to_numpy()
            corners = centre[:, None] + float(data.attrs["cell"]) / 2 * np.array(side)
            about = {"standard_name": name, "long_name": f"{name} of the cell's centre"}
            found[name] = xr.Variable("cell", centre, {**about, "units": units, "bounds": bounds})
            about = {"long_name": f"{name} of the cell's corners", "units": units}
            found[bounds] = xr.Variable(("cell", "corner"), np.round(corners, 9), about)
        return found

    def parts(self, data: xr.Dataset) -> Parts:
        whole = slice(None)
        return {
            "variable": {
                "time of past events": {"all_events": (whole, 0)},
                "place of past events": {"all_events": (whole, [1, 2])},
                "magnitude of past events": {"all_events": (whole, 3)},
            }
        }

    def shuffled(
        self, data: xr.Dataset, index: pd.DataFrame, rng: np.random.Generator
    ) -> xr.Dataset:
        """Give every event up to the last target a random time and place: no clusters are left."""
        time = data["time"].to_numpy().copy()
        mine = np.flatnonzero(time < index["t1"].max().to_datetime64())
        span = (time[mine[-1]] - time[mine[0]]).astype(np.int64)
        when = rng.integers(0, max(int(span), 1), len(mine))
        drawn = np.sort(time[mine[0]] + when.astype("timedelta64[ns]"))
        cell = rng.integers(0, data.sizes["cell"], len(mine))
        u, v = rng.random((2, len(mine)))
        x, y, of = (data[n].to_numpy().copy() for n in ("x", "y", "cell_of"))
        x0, x1, y0, y1 = (data[f"cell_{n}"].to_numpy()[cell] for n in ("x0", "x1", "y0", "y1"))
        x[mine], y[mine], of[mine] = x0 + u * (x1 - x0), y0 + v * (y1 - y0), cell
        time[mine] = drawn
        changed: dict[str, Any] = {"x": x, "y": y, "cell_of": of}
        magnitude = data["magnitude"].to_numpy().copy()
        magnitude[mine] = rng.permutation(magnitude[mine])
        changed["magnitude"] = magnitude
        fresh = data.assign({k: ("event", v) for k, v in changed.items()})
        return fresh.assign_coords(time=("event", time))
