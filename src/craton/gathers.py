"""Gathers: how inputs and observations of tables, sequences and fields are cut from the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from craton.errors import DataError
from craton.samples import Inputs, Parts, Target, encode


@dataclass(frozen=True)
class Rows:
    """One sample a row of a table: inputs ``x`` (sample, variable).

    Parameters
    ----------
    features : tuple of str
        Numeric variables on the dimension `row`.
    target : Target
        What is predicted.
    """

    features: tuple[str, ...]
    target: Target

    def inputs(self, data: xr.Dataset, index: pd.DataFrame) -> Inputs:
        rows = index.index.to_numpy()
        return {"x": _columns(data, self.features)[rows]}

    def observed(self, data: xr.Dataset, index: pd.DataFrame) -> xr.Dataset:
        values = data[self.target.name].to_numpy()[index.index.to_numpy()]
        if self.target.categories:
            values = encode(values, self.target, "data")
        else:
            values = values.astype(np.float32)
        return xr.Dataset({self.target.name: ("sample", values, {"units": self.target.units})})

    def parts(self, data: xr.Dataset) -> Parts:
        return {"variable": {f: {"x": (slice(None), i)} for i, f in enumerate(self.features)}}


@dataclass(frozen=True)
class Windows(Rows):
    """Rows with their neighbours in the same group, in the order of the data.

    Inputs are ``x`` (sample, variable) and ``sequence`` (sample, variable, lag), where the lag runs
    from ``-half`` to ``+half`` rows. Beyond the end of its group a window repeats the last row.

    Parameters
    ----------
    features : tuple of str
        Variables of ``x``.
    target : Target
        What is predicted.
    sequence : tuple of str
        Variables of the window (all of `features` if empty).
    half : int
        Rows on each side.
    group : str
        Variable that says which rows belong together.
    """

    sequence: tuple[str, ...] = ()
    half: int = 10
    group: str = "well"

    def inputs(self, data: xr.Dataset, index: pd.DataFrame) -> Inputs:
        rows = index.index.to_numpy()
        names = self.sequence or self.features
        at = window_rows(data[self.group].to_numpy(), rows, self.half)
        windows = np.moveaxis(_columns(data, names)[at], 1, 2)
        return {**super().inputs(data, index), "sequence": np.ascontiguousarray(windows)}

    def parts(self, data: xr.Dataset) -> Parts:
        names = self.sequence or self.features
        whole = slice(None)
        variables = super().parts(data)["variable"]
        for i, name in enumerate(names):
            variables.setdefault(name, {})["sequence"] = (whole, i)
        lags = {
            f"{lag:+d}": {"sequence": (whole, whole, lag + self.half)}
            for lag in range(-self.half, self.half + 1)
        }
        return {"variable": variables, "lag": lags}


def window_rows(group: NDArray[Any], rows: NDArray[np.int64], half: int) -> NDArray[np.int64]:
    """Return the rows of each window, clipped to the contiguous run of the row's group.

    Parameters
    ----------
    group : ndarray, shape (n,)
        Group of each row of the data.
    rows : ndarray of int, shape (m,)
        Centre rows.
    half : int
        Rows on each side.

    Returns
    -------
    ndarray of int, shape (m, 2 * half + 1)

    Examples
    --------
    >>> window_rows(np.array(["a", "a", "b"]), np.array([1, 2]), 1).tolist()
    [[0, 1, 1], [2, 2, 2]]
    """
    edges = np.flatnonzero(np.r_[True, group[1:] != group[:-1], True])
    run = np.searchsorted(edges, rows, side="right") - 1
    wanted = rows[:, None] + np.arange(-half, half + 1)[None, :]
    return np.clip(wanted, edges[run][:, None], edges[run + 1][:, None] - 1)


def _columns(data: xr.Dataset, names: Sequence[str]) -> NDArray[np.float32]:
    if not names:
        return np.zeros((data.sizes["row"], 0), np.float32)
    return np.stack([data[n].to_numpy().astype(np.float32) for n in names], axis=1)


@dataclass(frozen=True)
class Fields:
    """A field in time: the last `history` steps in, the next `leads` steps out.

    Inputs are ``sequence`` (sample, point, lag), oldest first, and ``calendar`` (sample, 2), sine
    and cosine of the issue month; observed is (sample, lead, point). A value that is missing stays
    NaN on both sides. The index label of a sample is the position of its issue time.

    Parameters
    ----------
    variable : str
        Variable with dimensions (time, point).
    target : Target
        What is predicted; its regions give weighted means of the points.
    history : int
        Steps that a model sees, the issue time included.
    leads : tuple of int
        Steps ahead.
    """

    variable: str
    target: Target
    history: int = 12
    leads: tuple[int, ...] = tuple(range(1, 13))

    def inputs(self, data: xr.Dataset, index: pd.DataFrame) -> Inputs:
        field = data[self.variable].transpose("time", "point").to_numpy()
        rows = index.index.to_numpy()
        if len(rows) and rows.min() < self.history - 1:
            raise DataError(
                f"a sample is issued at step {rows.min()}, its history needs {self.history} steps",
                fix="begin the samples later, or shorten the history",
            )
        at = rows[:, None] + np.arange(1 - self.history, 1)[None, :]
        if at.size and at.min() < 0:
            # a negative position would count from the end, which is the future
            raise DataError(
                f"a sample has fewer than {self.history} steps before its issue time",
                where=self.variable,
                fix="start the samples later or shorten the history",
            )
        month = pd.DatetimeIndex(index["t0"]).month.to_numpy() * (2 * np.pi / 12)
        return {
            "sequence": np.ascontiguousarray(np.moveaxis(field[at], 1, 2), dtype=np.float32),
            "calendar": np.stack([np.sin(month), np.cos(month)], axis=1).astype(np.float32),
        }

    def observed(self, data: xr.Dataset, index: pd.DataFrame) -> xr.Dataset:
        field = data[self.variable].transpose("time", "point").to_numpy()
        at = index.index.to_numpy()[:, None] + np.asarray(self.leads)[None, :]
        values = np.full((*at.shape, field.shape[1]), np.nan, np.float32)
        known = at < len(field)
        values[known] = field[at[known]]
        found = xr.Dataset(
            {self.target.name: (("sample", "lead", "point"), values, {"units": self.target.units})},
            coords={"lead": list(self.leads)},
        )
        for name, weights in (self.target.regions or {}).items():
            found[name] = region_mean(found[self.target.name], weights)
        return found

    def parts(self, data: xr.Dataset) -> Parts:
        whole = slice(None)
        lags = {
            f"{lag - self.history + 1:+d}": {"sequence": (whole, whole, lag)}
            for lag in range(self.history)
        }
        lat, lon = data["lat"].to_numpy(), np.mod(data["lon"].to_numpy(), 360.0)
        regions = {}
        for south in range(-90, 90, 20):
            for west in range(0, 360, 30):
                inside = (lat >= south) & (lat < south + 20) & (lon >= west) & (lon < west + 30)
                if inside.any():
                    name = f"{south}..{south + 20}N {west}..{west + 30}E"
                    regions[name] = {"sequence": (whole, np.flatnonzero(inside))}
        return {"lag": lags, "region": regions, "variable": {"month": {"calendar": (whole,)}}}


def region_mean(field: xr.DataArray, weights: NDArray[np.float64]) -> xr.DataArray:
    """Weighted mean over `point`, NaN only where less than half of the weight has data."""
    w = xr.DataArray(weights, dims="point")
    there = field.notnull()
    mass = (there * w).sum("point")
    mean = (field.fillna(0.0) * w).sum("point") / mass.where(mass >= 0.5 * float(w.sum()))
    return mean.astype(np.float32).assign_attrs(field.attrs)
