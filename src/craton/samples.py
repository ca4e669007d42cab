"""Samples: one dataset, one index that a split may look at, and a gather that cuts the inputs.

`Samples.index` has one row a sample and these columns, the only thing a split ever sees:

======== ============== ==========================================================
column   dtype          meaning
======== ============== ==========================================================
`t0`     datetime64[ns] issue time: the last moment whose data the inputs may hold
`t1`     datetime64[ns] end of the target
`x`      float          easting or longitude
`y`      float          northing or latitude
`group`  str            well, station, event, survey: what belongs together
======== ============== ==========================================================

What a task does not have is missing (NaT, NaN, ""). The index labels are the samples' numbers in
the data, so a subset still knows where it came from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from craton.errors import DataError

Inputs = dict[str, NDArray[Any]]
Parts = dict[str, dict[str, dict[str, tuple[Any, ...]]]]
COLUMNS = ("t0", "t1", "x", "y", "group")


@dataclass(frozen=True)
class Target:
    """What is predicted.

    Attributes
    ----------
    name : str
        Variable name in `observed()` and in a prediction.
    categories : tuple of str
        Class labels; empty for a number.
    codes : tuple of int
        The field's own code of each class, as it stands in files.
    units : str
        Units of a number.
    quantiles : tuple of float
        Levels of a predicted number.
    regions : mapping
        Region name to weights (point,) summing to one: means predicted beside the field.
    """

    name: str
    categories: tuple[str, ...] = ()
    codes: tuple[int, ...] = ()
    units: str = "1"
    quantiles: tuple[float, ...] = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
    regions: Mapping[str, NDArray[np.float64]] | None = None


class Gather(Protocol):
    """How inputs and observations are cut from the data: the only code that sees both.

    A gather must take inputs of a sample from nothing later than its `t0` and never from its own
    target; `craton check` tests it by altering both.
    """

    @property
    def target(self) -> Target: ...

    def inputs(self, data: xr.Dataset, index: pd.DataFrame) -> Inputs: ...

    def observed(self, data: xr.Dataset, index: pd.DataFrame) -> xr.Dataset: ...

    def parts(self, data: xr.Dataset) -> Parts: ...


@dataclass(frozen=True)
class Samples:
    """Samples of a task.

    Parameters
    ----------
    data : xr.Dataset
        All data, in the field's names and units.
    index : pd.DataFrame
        One row a sample with `t0`, `t1`, `x`, `y`, `group`; see the module's table.
    gather : Gather
        Cuts inputs and observations.

    Examples
    --------
    >>> data = xr.Dataset({"a": ("row", [1.0, 2.0, 3.0]), "b": ("row", [0, 1, 1])})
    >>> from craton.gathers import Rows
    >>> rows = Rows(("a",), Target("b", ("no", "yes"), (0, 1)))
    >>> samples = Samples(data, make_index(3, group=["p", "p", "q"]), rows)
    >>> samples.take([2]).inputs()["x"].tolist()
    [[3.0]]
    """

    data: xr.Dataset
    index: pd.DataFrame
    gather: Gather
    targets_from: pd.DataFrame | None = None
    changed: Mapping[str, NDArray[Any]] | None = None
    whole: bool = False

    def __post_init__(self) -> None:
        missing = [c for c in COLUMNS if c not in self.index.columns]
        if missing:
            raise DataError(
                f"the samples' index lacks {missing}", fix="make it with craton.samples.make_index"
            )

    def __len__(self) -> int:
        return len(self.index)

    @property
    def target(self) -> Target:
        """What is predicted."""
        return self.gather.target

    def take(self, rows: Sequence[int] | NDArray[Any]) -> Samples:
        """Return the samples at these positions (integers or a boolean mask)."""
        rows = np.asarray(rows)
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows.astype(int)
        other = self.targets_from
        changed = self.changed
        return replace(
            self,
            index=self.index.iloc[rows],
            targets_from=None if other is None else other.iloc[rows],
            changed=None if changed is None else _pick(changed, rows),
        )

    def inputs(self) -> Inputs:
        """Return the model inputs, a dict of arrays whose first axis is the sample.

        An array whose name starts with ``all_`` is shared by all samples (a catalogue, a map).
        """
        if self.whole and self.changed is not None:
            return dict(self.changed)
        found = self.gather.inputs(self.data, self.index)
        return {**found, **self.changed} if self.changed else found

    def observed(self) -> xr.Dataset:
        """Return what was observed, with a leading dimension `sample`."""
        index = self.index if self.targets_from is None else self.targets_from
        found = self.gather.observed(self.data, index)
        return found.assign_coords(sample=self.index.index.to_numpy())

    def with_inputs(self, changed: Mapping[str, NDArray[Any]], *, whole: bool = False) -> Samples:
        """Return the same samples with some input arrays replaced (for explanations).

        With `whole` these are all the arrays there are, and none is cut from the data again.
        """
        given = changed if whole else {**(self.changed or {}), **changed}
        return replace(self, changed=dict(given), whole=whole or self.whole)

    def permuted(self, rng: np.random.Generator) -> Samples:
        """Return samples whose targets are shuffled: nothing is left to learn.

        A gather whose inputs and targets are one series (a catalogue) gives its own `shuffled`.
        """
        shuffled = getattr(self.gather, "shuffled", None)
        if shuffled is not None:
            return replace(self, data=shuffled(self.data, self.index, rng))
        order = rng.permutation(len(self))
        return replace(self, targets_from=self.index.iloc[order])

    def parts(self) -> Parts:
        """Return what an explanation may switch off: kind -> name -> input key -> slices."""
        return self.gather.parts(self.data)

    def coords(self) -> dict[str, xr.Variable]:
        """Return the coordinates of a prediction: the number of each sample, its `t0`, `t1`, `x`,
        `y` and `group` where known, and those that the gather's own `coords` adds.
        """
        texts = {"t0": "issue time", "t1": "end of the target", "group": "group"}
        label = {"long_name": "number of the sample", "units": "1"}
        coords = {"sample": xr.Variable(("sample",), self.index.index.to_numpy(), label)}
        for name in COLUMNS:
            column = self.index[name]
            missing = (column == "").all() if name == "group" else column.isna().all()
            if missing:
                continue
            about = {"long_name": texts.get(name, name)}
            coords[name] = xr.Variable(("sample",), column.to_numpy(), about)
            if name in ("t0", "t1"):
                # whole numbers cannot hold a missing time
                coords[name].encoding = {
                    "units": "seconds since 1970-01-01",
                    "dtype": "float64",
                }
        if "t0" in coords:
            coords["t0"].attrs["standard_name"] = "forecast_reference_time"
        own = getattr(self.gather, "coords", None)
        return coords if own is None else {**coords, **own(self.data, self.index)}

    def batches(self, size: int) -> Iterator[Samples]:
        """Yield consecutive pieces of at most `size` samples."""
        for start in range(0, len(self), size):
            yield self.take(np.arange(start, min(start + size, len(self))))


def make_index(
    n: int,
    *,
    t0: Any = None,
    t1: Any = None,
    x: Any = None,
    y: Any = None,
    group: Any = None,
    labels: Any = None,
) -> pd.DataFrame:
    """Make an index of `n` samples; what is not given is missing.

    Parameters
    ----------
    n : int
        Number of samples.
    t0, t1 : array-like of datetime64, optional
        Issue time and end of target. `t1` is `t0` where only `t0` is given.
    x, y : array-like of float, optional
        Place.
    group : array-like of str, optional
        What belongs together.
    labels : array-like of int, optional
        The samples' numbers in the data; 0 to n-1 by default.

    Returns
    -------
    pd.DataFrame
        Shape (n, 5).
    """
    t0 = np.full(n, np.datetime64("NaT"), "datetime64[ns]") if t0 is None else t0
    columns = {
        "t0": _utc(t0),
        "t1": _utc(t0 if t1 is None else t1),
        "x": np.full(n, np.nan) if x is None else np.asarray(x, float),
        "y": np.full(n, np.nan) if y is None else np.asarray(y, float),
        "group": np.full(n, "") if group is None else np.asarray(group).astype(str),
    }
    index = np.arange(n) if labels is None else np.asarray(labels)
    return pd.DataFrame(columns, index=pd.Index(index, name="sample"))


def _utc(times: Any) -> pd.DatetimeIndex:
    """Times without a zone; those with one are turned to UTC."""
    return pd.to_datetime(np.asarray(times), utc=True).tz_localize(None).as_unit("ns")


def encode(values: NDArray[Any], target: Target, where: str) -> NDArray[np.int64]:
    """Turn the field's codes into positions 0 to n-1; -1 where there is none.

    Raises
    ------
    DataError
        If a value is not one of the target's codes.
    """
    raw = np.asarray(values)
    if raw.dtype.kind in "OUS":
        text = raw.astype(str)
        known = {c: i for i, c in enumerate(target.categories)}
        blank = np.isin(text, ["", "nan", "None"])
        found = np.array([known.get(v, -1) for v in text], dtype=np.int64)
    else:
        codes = {float(c): i for i, c in enumerate(target.codes or range(len(target.categories)))}
        numbers = raw.astype(float)
        blank = np.isnan(numbers)
        found = np.array([codes.get(v, -1) for v in numbers.tolist()], dtype=np.int64)
    bad = (found < 0) & ~blank
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"row {row} of '{target.name}' is {raw[row]!r}, which is none of "
            f"{list(target.codes or target.categories)}",
            where=where,
            fix="correct the label or add it to the task's categories",
        )
    return found


def _pick(arrays: Mapping[str, NDArray[Any]], rows: NDArray[Any]) -> Inputs:
    return {k: v if k.startswith("all_") else v[rows] for k, v in arrays.items()}
