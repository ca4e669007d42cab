"""Forecasts of fields as CF netCDF, and forecasts of regional means as CSV."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from craton.io.files import atomic
from craton.io.grids import axes, spread_out
from craton.io.netcdf import write_netcdf

REFERENCE = {"standard_name": "forecast_reference_time", "long_name": "issue time", "axis": "T"}
LEAD = {"long_name": "calendar months after the month of issue", "units": "1"}
QUANTILE = {"long_name": "probability that the value is not exceeded", "units": "1"}
TIME = {
    "standard_name": "time",
    "long_name": "first day of the month forecast",
    "units": "days since 1850-01-01",
    "calendar": "standard",
    "bounds": "time_bnds",
}
PERIOD = {
    "standard_name": "forecast_period",
    "long_name": "middle of the month forecast, after the issue time",
    "units": "days",
}


def valid_months(
    issued: pd.DatetimeIndex, leads: NDArray[np.int64]
) -> tuple[NDArray[np.datetime64], NDArray[np.datetime64]]:
    """First days of the months forecast, and of the months after them, each (sample, lead).

    Examples
    --------
    >>> start, end = valid_months(pd.DatetimeIndex(["1997-11-30"]), np.array([1, 3]))
    >>> start.astype(str).tolist(), end.astype(str).tolist()
    ([['1997-12-01', '1998-02-01']], [['1998-01-01', '1998-03-01']])
    """
    month = issued.to_numpy().astype("datetime64[M]")[:, None] + np.asarray(leads)[None, :]
    return month.astype("datetime64[D]"), (month + 1).astype("datetime64[D]")


def forecast_dataset(
    predicted: xr.Dataset, data: xr.Dataset, issued: pd.DatetimeIndex, variable: str = "sst"
) -> xr.Dataset:
    """Lay forecasts of monthly anomalies out as CF conventions have it.

    Parameters
    ----------
    predicted : xr.Dataset
        `variable` (sample, lead, point, quantile), and regional means (sample, lead, quantile).
    data : xr.Dataset
        What the forecasts were made from: `variable` (time, point) with ``lat`` and ``lon``, and,
        where anomalies were taken here, ``climatology`` (month, point).
    issued : pd.DatetimeIndex
        Issue time of each sample.

    Returns
    -------
    xr.Dataset
        ``sst_anomaly`` (forecast_reference_time, lead, quantile, lat, lon), or on ``point`` where
        the points lie on no grid; cells that have no value at any time in `data` are NaN. ``time``
        is the month forecast, with bounds. ``climatology``, if known, is to be added to the
        anomaly.

    References
    ----------
    CF conventions 1.11, doi:10.5281/zenodo.14275599, section 4.4 and appendix on forecasts.
    """
    leads = predicted["lead"].to_numpy()
    start, end = (t.astype("datetime64[ns]") for t in valid_months(issued, leads))
    when = ("forecast_reference_time", "lead")
    middle = start + (end - start) // 2
    days = (middle - issued.to_numpy()[:, None]) / np.timedelta64(1, "D")
    coords = {
        "forecast_reference_time": ("forecast_reference_time", issued.to_numpy(), REFERENCE),
        "lead": ("lead", leads, LEAD),
        "quantile": ("quantile", predicted["quantile"].to_numpy(), QUANTILE),
        "time": (when, _days(start), TIME),
        "forecast_period": (when, days, PERIOD),
    }
    units = {"units": str(predicted[variable].attrs.get("units", "degC"))}
    monthly = {**units, "cell_methods": "time: mean"}
    seen = data[variable].notnull().any("time").to_numpy()
    values = predicted[variable].transpose("sample", "lead", "quantile", "point").to_numpy()
    place, across = _layout(data)
    title = "sea surface temperature anomaly"
    if "reference_period" in data.attrs:
        title += f" from the monthly means of {data.attrs['reference_period']}"
    found: dict[str, Any] = {
        f"{variable}_anomaly": (
            (*when, "quantile", *across),
            place(np.where(seen, values, np.nan)),
            {**monthly, "long_name": title},
        ),
        "time_bnds": ((*when, "bounds"), np.stack([_days(start), _days(end)], axis=-1)),
    }
    for name in predicted.data_vars:
        if name != variable:
            mean = predicted[name].transpose("sample", "lead", "quantile").to_numpy()
            attrs = {**monthly, "long_name": f"{title}, mean over the region {name}"}
            found[str(name)] = ((*when, "quantile"), mean, attrs)
    if "climatology" in data:
        month = pd.DatetimeIndex(start.ravel()).month.to_numpy().reshape(start.shape)
        normal = data["climatology"].transpose("month", "point").to_numpy()[month - 1]
        attrs = {**units, "long_name": "monthly mean to which the anomaly is to be added"}
        found["climatology"] = ((*when, *across), place(normal.astype(np.float32)), attrs)
    ds = xr.Dataset(found, coords).assign_coords(_positions(data))
    about = {k: str(v) for k, v in predicted.attrs.items() if k in ("task", "model")}
    return ds.assign_attrs(title=f"forecast of {title}", **about)


def write_field_forecast(
    path: Path, predicted: xr.Dataset, data: xr.Dataset, issued: pd.DatetimeIndex
) -> None:
    """Write `forecast_dataset` as netCDF-4, whole or not at all."""
    write_netcdf(path, forecast_dataset(predicted, data, issued))


def region_table(
    predicted: xr.Dataset, issued: pd.DatetimeIndex, variable: str = "sst"
) -> pd.DataFrame:
    """Quantiles of the regional means, a row an issue, region and lead.

    Returns
    -------
    pd.DataFrame
        ``forecast_reference_time``, ``region``, ``lead`` (months), ``month`` (the month forecast),
        ``units`` and a column a quantile (``q05``).
    """
    leads = predicted["lead"].to_numpy()
    start, _ = valid_months(issued, leads)
    lines = []
    for name in [n for n in predicted.data_vars if n != variable]:
        values = predicted[name].transpose("sample", "lead", "quantile").to_numpy()
        units = str(predicted[name].attrs.get("units", "degC"))
        for i, issue in enumerate(issued):
            for j, lead in enumerate(leads):
                line = [f"{issue:%Y-%m-%d}", str(name), int(lead), str(start[i, j])[:7], units]
                lines.append([*line, *(round(float(v), 4) for v in values[i, j])])
    head = ["forecast_reference_time", "region", "lead", "month", "units"]
    levels = [f"q{100 * q:04.1f}".removesuffix(".0") for q in predicted["quantile"].to_numpy()]
    return pd.DataFrame(lines, columns=[*head, *levels])


def write_region_forecast(path: Path, predicted: xr.Dataset, issued: pd.DatetimeIndex) -> None:
    """Write `region_table` as CSV, whole or not at all."""
    with atomic(path) as part:
        region_table(predicted, issued).to_csv(part, index=False)


def _days(times: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """Days since 1850, so that a time and its bounds are surely in the same units."""
    return np.asarray((times - np.datetime64("1850-01-01")) // np.timedelta64(1, "D"))


def _layout(
    data: xr.Dataset,
) -> tuple[Callable[[NDArray[Any]], NDArray[Any]], tuple[str, ...]]:
    """How the last axis (point) is laid out, and the names of the axes that come of it."""
    found = axes(data["lat"].to_numpy(), data["lon"].to_numpy())
    if found is None:
        return (lambda values: values), ("point",)
    rows, columns, cell = found
    return (lambda v: spread_out(v, cell, (len(rows), len(columns)))), ("lat", "lon")


def _positions(data: xr.Dataset) -> dict[str, tuple[str, NDArray[np.float64], dict[str, str]]]:
    lat, lon = data["lat"].to_numpy(), data["lon"].to_numpy()
    north = {"standard_name": "latitude", "units": "degrees_north"}
    east = {"standard_name": "longitude", "units": "degrees_east"}
    found = axes(lat, lon)
    if found is None:
        return {"lat": ("point", lat, north), "lon": ("point", lon, east)}
    rows, columns, _ = found
    return {
        "lat": ("lat", rows, {**north, "axis": "Y"}),
        "lon": ("lon", columns, {**east, "axis": "X"}),
    }
