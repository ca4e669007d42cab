"""Findings on data: what a careful colleague would point out before any model is fitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray


@dataclass(frozen=True)
class Finding:
    """One thing found in the data.

    Attributes
    ----------
    level : {"info", "note", "warning", "error"}
        An info stands in the report alone, the others on the terminal too; an error stops the run.
    text : str
        What was found.
    where : str
        File, variable, row, station.
    """

    level: Literal["info", "note", "warning", "error"]
    text: str
    where: str = ""


def check_dataset(data: xr.Dataset) -> list[Finding]:
    """Look for gaps, constant variables, infinities and repeated rows, whatever the data are.

    Parameters
    ----------
    data : xr.Dataset
        Any dataset.

    Returns
    -------
    list of Finding

    Examples
    --------
    >>> check_dataset(xr.Dataset({"a": ("row", [1.0, 1.0, 1.0])}))[0].text
    'has the same value everywhere (1)'
    """
    found = []
    for name, array in data.data_vars.items():
        if "on_disk" in array.attrs:
            continue  # too much to read for a look
        values = array.to_numpy()
        if values.dtype.kind not in "fiu" or values.size == 0:
            continue
        where = f"variable '{name}'"
        there = np.isfinite(values)
        if values.dtype.kind == "f" and np.isinf(values).any():
            found.append(Finding("error", f"{int(np.isinf(values).sum())} infinite values", where))
        if not there.any():
            found.append(Finding("warning", "has no value at all", where))
            continue
        share = 1 - there.mean()
        if share > 0 and "missing_means" not in array.attrs:
            level: Literal["info", "warning"] = "warning" if share > 0.2 else "info"
            found.append(Finding(level, f"{100 * share:.1f} % of the values are missing", where))
        first = values[there].flat[0]
        if values.size > 1 and (values[there] == first).all():
            found.append(Finding("warning", f"has the same value everywhere ({first:g})", where))
    levels: tuple[tuple[str, Literal["info", "warning"]], ...]
    levels = (("history", "info"), ("warnings", "warning"))
    for key, level in levels:
        for note in str(data.attrs.get(key, "")).splitlines():
            found.append(Finding(level, note.strip(), "reading"))
    return found + _repeated_rows(data)


def check_steps(data: xr.Dataset, variable: str) -> list[Finding]:
    """Look at a field in time: its span, points never observed, empty and repeated months.

    Parameters
    ----------
    data : xr.Dataset
        `variable` (time, point), monthly.
    variable : str
        Name.

    Returns
    -------
    list of Finding

    Examples
    --------
    >>> when = np.array(["2000-01", "2000-02"], "datetime64[ns]")
    >>> data = xr.Dataset({"t": (("time", "point"), [[1.0], [1.0]])}, {"time": when})
    >>> check_steps(data, "t")[1].text
    '1 months repeat the one before, first 2000-02'
    """
    months = data["time"].to_numpy().astype("datetime64[M]")
    field = data[variable].transpose("time", "point").to_numpy()
    seen = np.isfinite(field)
    text = f"{len(months)} months, {months[0]} to {months[-1]}, {field.shape[1]} points"
    found = [Finding("info", text, "field")]
    never, empty = int((~seen.any(axis=0)).sum()), ~seen.any(axis=1)
    if never:
        text = f"{never} points have no value in any month and are not scored"
        found.append(Finding("info", text, "field"))
    both = np.nan_to_num(field[1:], nan=-9.87e33) == np.nan_to_num(field[:-1], nan=-9.87e33)
    same = np.r_[False, both.all(axis=1) & ~empty[1:]]
    for bad, what in ((empty, "have no value at all"), (same, "repeat the one before")):
        if bad.any():
            text = f"{int(bad.sum())} months {what}, first {months[bad.argmax()]}"
            found.append(Finding("warning", text, "field"))
    return found


def check_positions(
    at: NDArray[np.floating], extent: float, tolerance: float, what: str, units: str
) -> Finding | None:
    """Look whether targets lie at the same place in every window, so that a constant is right.

    Parameters
    ----------
    at : ndarray, shape (sample,)
        Place of each target in its window.
    extent : float
        Length of a window, in the same units.
    tolerance : float
        How near a prediction must be to count as right.
    what, units : str
        For the text.

    Returns
    -------
    Finding or None
        A warning if one constant is right for a fifth of the windows and for five times as many as
        if the targets lay anywhere.

    Examples
    --------
    >>> check_positions(np.full(50, 30.0), 90.0, 0.1, "P", "s").text[:62]
    'P lies within 0.1 s of 30 s in 50 of 50 windows, so a constant'
    >>> check_positions(np.linspace(5.0, 55.0, 50), 60.0, 0.1, "P", "s") is None
    True
    """
    if len(at) < 5:
        return None
    ordered = np.sort(at)
    most = np.searchsorted(ordered, ordered + 2 * tolerance, side="right") - np.arange(len(at))
    k = int(most.argmax())
    share = most[k] / len(at)
    if share < max(0.2, 5 * 2 * tolerance / extent):
        return None
    middle = (ordered[k] + ordered[k + most[k] - 1]) / 2
    text = (
        f"{what} lies within {tolerance:g} {units} of {middle:g} {units} in {most[k]} of {len(at)} "
        f"windows, so a constant is right there: a leak (spread {at.std():.3g} {units} in windows "
        f"of {extent:g} {units})"
    )
    return Finding("warning", text, what)


def _repeated_rows(data: xr.Dataset) -> list[Finding]:
    """Rows whose every number equals that of another row."""
    if "row" not in data.dims:
        return []
    columns = [
        v.to_numpy().astype(np.float64)
        for v in data.data_vars.values()
        if v.dims == ("row",) and v.dtype.kind in "fiu"
    ]
    if len(columns) < 2:
        return []
    table = np.nan_to_num(np.stack(columns, axis=1), nan=-9.87e33)
    repeated = len(table) - len(np.unique(table, axis=0))
    if not repeated:
        return []
    return [Finding("warning", f"{repeated} rows repeat another row in every number", "table")]
