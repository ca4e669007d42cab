"""Samples of a few rows and of a few months, small enough to be worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from craton.gathers import Fields, Rows
from craton.samples import Samples, Target, make_index

ROCK = Target("rock", ("sand", "shale"), (3, 7))


def table() -> Samples:
    data = xr.Dataset(
        {
            "a": ("row", np.arange(6.0)),
            "b": ("row", np.arange(6.0) * 10),
            "rock": ("row", [3, 7, 3, 3, 7, 7]),
            "well": ("row", list("ppqqqq")),
        }
    )
    return Samples(data, make_index(6, group=list("ppqqqq")), Rows(("a", "b"), ROCK))


def sea(steps: int = 30) -> Samples:
    time = pd.date_range("2000-01-01", periods=steps, freq="MS")
    field = np.arange(steps * 4.0).reshape(steps, 4)
    data = xr.Dataset(
        {"sst": (("time", "point"), field)},
        coords={
            "time": time, "lat": ("point", [0.0] * 4), "lon": ("point", [0.0, 1, 2, 3]),
        },
    )  # fmt: skip
    at = np.arange(2, steps)
    gather = Fields("sst", Target("sst", regions={"all": np.full(4, 0.25)}), 3, (1, 2))
    return Samples(data, make_index(len(at), t0=time[at], labels=at), gather)
