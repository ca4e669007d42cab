"""Monthly fields as anomalies: differences from the monthly means of a reference period."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from craton.errors import ConfigError, DataError

Period = tuple[str, str]
"""First and last month, such as 1961-01 and 1990-12."""

LARGEST = 8.0
"""Largest root-mean-square of anomalies, in degC; that of absolute temperatures exceeds it."""


def moment(text: str) -> pd.Timestamp:
    """Read a date or month.

    Raises
    ------
    ConfigError
        If it is none.

    Examples
    --------
    >>> str(moment("1997-06").date())
    '1997-06-01'
    """
    try:
        found = pd.Timestamp(text)
    except ValueError:
        raise ConfigError(f"{text!r} is no date", fix="write 1997-06 or 1997-06-30") from None
    return found


def months_of(data: xr.Dataset) -> NDArray[np.datetime64]:
    """Months of a dataset with ``time``, as datetime64[M]."""
    return np.asarray(data["time"].to_numpy().astype("datetime64[M]"))


def ends_of(months: NDArray[np.datetime64]) -> pd.DatetimeIndex:
    """Last days: a month's mean is known, and a target complete, when the month has ended.

    Examples
    --------
    >>> str(ends_of(np.array(["1983-02"], "datetime64[M]"))[0].date())
    '1983-02-28'
    """
    return pd.DatetimeIndex((months + 1).astype("datetime64[D]") - 1)


def calendar(months: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """Calendar month of each month, 0 for January."""
    return np.asarray(months.astype(np.int64) % 12)


def monthly_means(values: NDArray[Any], months: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """Mean of each calendar month.

    Parameters
    ----------
    values : ndarray, shape (time, point)
    months : ndarray of datetime64[M], shape (time,)

    Returns
    -------
    ndarray, shape (12, point)
        NaN where a calendar month has no value.

    Examples
    --------
    >>> when = np.array(["2000-01", "2001-01"], "datetime64[M]")
    >>> float(monthly_means(np.array([[1.0], [3.0]]), when)[0, 0])
    2.0
    """
    found = np.full((12, values.shape[1]), np.nan)
    for month in range(12):
        mine = values[calendar(months) == month].astype(float)
        count = np.isfinite(mine).sum(axis=0)
        seen = count > 0
        found[month, seen] = np.nansum(mine, axis=0)[seen] / count[seen]
    return found


def is_seasonal(values: NDArray[Any], months: NDArray[np.datetime64]) -> bool:
    """Tell absolute values from anomalies: monthly means are more than half of the mean square."""
    normal = monthly_means(values, months)[calendar(months)]
    normal = np.where(np.isfinite(values), normal, np.nan)
    return bool(np.nanmean(normal**2) > 0.5 * np.nanmean(values.astype(float) ** 2))


def to_anomalies(
    field: xr.Dataset, period: Period | None, variable: str, where: str | None = None
) -> xr.Dataset:
    """Subtract the monthly means of a reference period, or check that anomalies came.

    Parameters
    ----------
    field : xr.Dataset
        `variable` (time, point), monthly, degC.
    period : tuple of str, optional
        First and last month; None takes the field for anomalies.
    where : str, optional
        What to name in a message.

    Returns
    -------
    xr.Dataset
        With a period, also ``climatology`` (month, point) and the attribute ``reference_period``.

    Raises
    ------
    DataError
        If the field does not cover nine tenths of the period, or without a period if its
        root-mean-square is that of absolute temperatures.
    """
    if period is None:
        size = float(np.sqrt(np.nanmean(field[variable].to_numpy().astype(float) ** 2)))
        if size > LARGEST:
            raise DataError(
                f"the root-mean-square is {size:.1f} degC: absolute temperatures, where "
                "anomalies were expected",
                where=where,
                fix="subtract the monthly means, or train with --set climatology=subtract",
            )
        return field
    values, months = field[variable].to_numpy(), months_of(field)
    first, last = (np.datetime64(m, "M") for m in period)
    there = (months >= first) & (months <= last)
    if there.sum() < 0.9 * ((last - first).astype(int) + 1):
        raise DataError(
            f"the monthly means of {first} to {last} are needed, the data run from {months[0]} to "
            f"{months[-1]}",
            where=where,
            fix="give the whole record, new months at its end",
        )
    normal = monthly_means(values[there], months[there])
    changed = (values - normal[calendar(months)]).astype(np.float32)
    return field.assign(
        {
            variable: (("time", "point"), changed, field[variable].attrs),
            "climatology": (("month", "point"), normal.astype(np.float32), {"units": "degC"}),
        }
    ).assign_attrs(reference_period=f"{first} to {last}")
