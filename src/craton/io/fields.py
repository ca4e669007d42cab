"""Gridded monthly fields of sea-surface temperature in one layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from craton.errors import DataError, nearest
from craton.io.netcdf import check_times, read_netcdf, require_units

_NAMES = (
    "sst",
    "ssta",
    "tos",
    "analysed_sst",
    "sst_anom",
    "sst_anomaly",
    "anom",
    "sea_surface_temperature",
)
_LATITUDES = ("lat", "latitude", "nav_lat", "y")
_LONGITUDES = ("lon", "longitude", "nav_lon", "x")
_ENDINGS = (".nc", ".nc4", ".cdf", ".netcdf")
_PLAUSIBLE = 60.0


def read_sst(path_or_folder: str | Path, variable: str | None = None) -> xr.Dataset:
    """Read monthly sea-surface temperature, or its anomaly, from netCDF.

    Parameters
    ----------
    path_or_folder : str or Path
        A file, or a folder whose files follow each other in time on one grid. Dimensions (time,
        point), (time, lat, lon) or (time, y, x) with two-dimensional coordinates.
    variable : str, optional
        Its name; found by name or ``standard_name`` if left out.

    Returns
    -------
    xarray.Dataset
        ``sst`` (time, point) in degC, missing cells NaN; coordinates ``lat`` and ``lon``
        (degrees, as in the file) and ``weight`` (cosine of latitude) on ``point``; ``time`` is
        the first day of each month. ``attrs["grid_shape"]`` is (lat, lon) where there is a grid;
        points run row by row.

    Raises
    ------
    DataError
        If a coordinate or the variable is not found, the units are no temperature, a value is
        impossible, the files do not share a grid, or a month is missing or doubled.

    Examples
    --------
    >>> import tempfile
    >>> from craton.io.netcdf import write_netcdf
    >>> path = Path(tempfile.mkdtemp()) / "a.nc"
    >>> when = np.array(["2000-01-16", "2000-02-15"], "datetime64[ns]")
    >>> grid = {"time": when, "lat": [-2.5, 2.5], "lon": [190.0, 200.0, 210.0]}
    >>> write_netcdf(path, xr.Dataset({"sst": (("time", "lat", "lon"), np.ones((2, 2, 3)),
    ...                                        {"units": "degC"})}, grid))
    >>> dict(read_sst(path).sizes)
    {'time': 2, 'point': 6}
    """
    path = Path(path_or_folder)
    parts = [_one(file, variable) for file in _files(path)]
    for part, file in zip(parts[1:], _files(path)[1:], strict=True):
        same = part.sizes["point"] == parts[0].sizes["point"] and all(
            np.allclose(part[c], parts[0][c]) for c in ("lat", "lon")
        )
        if not same:
            raise DataError(
                "has another grid than the files before it",
                where=str(file),
                fix="bring all files to one grid",
            )
    parts.sort(key=lambda part: part["time"].values[0])
    ds = xr.concat(
        parts,
        "time",
        data_vars="all",
        coords="minimal",
        compat="override",
        join="override",
        combine_attrs="override",
    )
    _require_monthly(ds["time"].values, str(path))
    lines = dict.fromkeys(line for p in parts for line in str(p.attrs["history"]).split("\n"))
    ds.attrs["history"] = "\n".join(line for line in lines if line)
    return ds


def box_mean(
    ds: xr.Dataset,
    lat: tuple[float, float] = (-5.0, 5.0),
    lon: tuple[float, float] = (190.0, 240.0),
    variable: str = "sst",
) -> xr.DataArray:
    """Average over a box of latitude and longitude; the defaults are those of Niño-3.4.

    Parameters
    ----------
    ds : xarray.Dataset
        As from :func:`read_sst`; any further dimensions stay.
    lat, lon : tuple of float
        Southern and northern, western and eastern edge (degrees); cells centred on an edge
        count. Longitudes may be 0 to 360 or -180 to 180, in the box and in the data.
    variable : str
        What to average.

    Returns
    -------
    xarray.DataArray
        Without ``point``: mean over the cells that have a value, weighted by the cosine of
        latitude; NaN where none has.

    Raises
    ------
    DataError
        If no cell lies in the box.

    References
    ----------
    Trenberth, K. E. (1997). The definition of El Niño,
    doi:10.1175/1520-0477(1997)078<2771:TDOENO>2.0.CO;2

    Examples
    --------
    >>> ds = xr.Dataset({"sst": ("point", [1.0, 2.0, 9.0])},
    ...                 {"lat": ("point", [-2.5, 2.5, 2.5]), "lon": ("point", [-150, 210, 0])})
    >>> float(box_mean(ds))
    1.5
    """
    if variable not in ds:
        raise DataError(f"has no {variable!r}; {nearest(variable, map(str, ds.data_vars))}")
    width = (lon[1] - lon[0]) % 360.0 if lon[1] - lon[0] != 360.0 else 360.0
    east = (ds["lon"].values - lon[0]) % 360.0
    rows = ds["lat"].values
    inside = (rows >= lat[0]) & (rows <= lat[1]) & (east <= width)
    if not inside.any():
        raise DataError(
            f"no cell lies in latitude {lat}, longitude {lon}", fix="choose a box that has cells"
        )
    weight = xr.DataArray(np.cos(np.deg2rad(rows[inside])), dims="point")
    values = ds[variable].isel(point=np.flatnonzero(inside))
    mean = values.weighted(weight).mean("point", skipna=True)
    return mean.rename(variable).assign_attrs(ds[variable].attrs)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(f for f in path.iterdir() if f.suffix.lower() in _ENDINGS)
    if not files:
        raise DataError(
            f"holds no file that ends in {', '.join(_ENDINGS)}",
            where=str(path),
            fix="name the folder with the fields",
        )
    return files


def sst_of(ds: xr.Dataset, variable: str | None = None) -> xr.Dataset:
    """Lay a dataset in memory out as :func:`read_sst` lays out a file.

    Parameters
    ----------
    ds : xarray.Dataset
        As `xarray.open_dataset` gives it: dimensions (time, lat, lon), (time, point) or
        (time, y, x) with two-dimensional coordinates; monthly; values in degC or K, said in the
        attribute ``units``. What :func:`read_sst` gives comes back as it is.
    variable : str, optional
        Its name; found by name or ``standard_name`` if left out.

    Returns
    -------
    xarray.Dataset
        As from :func:`read_sst`.

    Raises
    ------
    DataError
        As :func:`read_sst`, and if the times are no dates of numpy.

    Examples
    --------
    >>> when = np.array(["2000-01-16", "2000-02-15"], "datetime64[ns]")
    >>> grid = {"time": when, "lat": [-2.5, 2.5], "lon": [190.0, 200.0, 210.0]}
    >>> ds = xr.Dataset({"tos": (("time", "lat", "lon"), np.full((2, 2, 3), 300.0),
    ...                          {"units": "K"})}, grid)
    >>> sst_of(ds)["sst"].dims, round(float(sst_of(ds)["sst"][0, 0]), 2)
    (('time', 'point'), 26.85)
    """
    if {"sst", "lat", "lon", "weight"} <= set(ds.variables) and ds["sst"].dims == ("time", "point"):
        return ds
    where = "dataset"
    dates = [str(c) for c in ds.coords if ds[c].ndim == 1 and ds[c].dtype.kind == "M"]
    if "time" not in ds.variables and len(dates) == 1:
        ds = ds.rename({dates[0]: "time"})
    if "time" not in ds.variables or ds["time"].dims != ("time",):
        raise DataError(
            f"has no dimension 'time' with dates; there are {dict(ds.sizes)}",
            where=where,
            fix="rename the dimension of time, ds.rename(OLD='time')",
        )
    check_times(ds["time"].values, where)
    return _laid_out(ds, variable, where)


def _one(path: Path, variable: str | None) -> xr.Dataset:
    return _laid_out(read_netcdf(path), variable, path.name)


def _laid_out(ds: xr.Dataset, variable: str | None, where: str) -> xr.Dataset:
    da = ds[_variable(ds, variable, where)]
    for dim in [
        d
        for d in da.dims
        if da.sizes[d] == 1 and str(d).lower() in ("lev", "zlev", "depth", "level", "z")
    ]:
        da = da.isel({dim: 0}, drop=True)
    lat, lon = _coordinate(ds, _LATITUDES, where), _coordinate(ds, _LONGITUDES, where)
    space = list(dict.fromkeys([*lat.dims, *lon.dims]))
    if set(da.dims) != {"time", *space}:
        raise DataError(
            f"{da.name} has the dimensions {da.dims}; time and {tuple(space)} were expected",
            where=where,
            fix="choose one level or member",
        )
    shape = [lat.sizes[d] if d in lat.sizes else lon.sizes[d] for d in space]
    frame = xr.DataArray(np.zeros(shape), dims=space)
    rows = lat.broadcast_like(frame).transpose(*space).values.ravel().astype(float)
    columns = lon.broadcast_like(frame).transpose(*space).values.ravel().astype(float)
    _check_position(rows, columns, where)
    history = [str(ds.attrs.get("history", ""))]
    values = _celsius(da.transpose("time", *space), where, history)
    times = ds["time"].values.astype("datetime64[M]")
    _require_monthly(times, where)
    out = xr.Dataset(
        {"sst": (("time", "point"), values.reshape(len(times), -1), {"units": "degC"})},
        coords={
            "time": times.astype("datetime64[ns]"),
            "lat": ("point", rows, {"units": "degrees_north", "standard_name": "latitude"}),
            "lon": ("point", columns, {"units": "degrees_east", "standard_name": "longitude"}),
            "weight": ("point", np.cos(np.deg2rad(rows)), {"long_name": "cosine of latitude"}),
        },
        attrs={"source": where},
    )
    out["sst"].attrs["long_name"] = str(da.attrs.get("long_name", "sea-surface temperature"))
    if len(space) == 2:
        out.attrs["grid_shape"] = np.array(shape)
    if (times.astype("datetime64[ns]") != ds["time"].values).any():
        history.append("times set to the first day of the month")
    out.attrs["history"] = "\n".join(filter(None, history))
    return out


def _variable(ds: xr.Dataset, variable: str | None, where: str) -> str:
    names = [str(v) for v in ds.data_vars if "time" in ds[v].dims and ds[v].dtype.kind in "fiu"]
    if variable is not None:
        if variable in names:
            return variable
        raise DataError(
            f"has no field {variable!r} in time; {nearest(variable, names)}",
            where=where,
            fix="name a variable that is in the file",
        )
    lower = {name.lower(): name for name in names}
    for known in _NAMES:
        if known in lower:
            return lower[known]
    for name in names:
        if str(ds[name].attrs.get("standard_name", "")).startswith("sea_surface_temperature"):
            return name
    fields = [name for name in names if ds[name].ndim > 1 and "bnds" not in name]
    if len(fields) == 1:
        return fields[0]
    raise DataError(
        f"which field is the temperature is not clear; there is {', '.join(names) or 'none'}",
        where=where,
        fix="name it with variable=",
    )


def _coordinate(ds: xr.Dataset, names: tuple[str, ...], where: str) -> xr.DataArray:
    lower = {str(v).lower(): str(v) for v in ds.variables}
    for name in names:
        if name in lower:
            return ds[lower[name]].reset_coords(drop=True)
    standard = {"lat": "latitude", "lon": "longitude"}[names[0]]
    for v in ds.variables:
        if ds[v].attrs.get("standard_name") == standard:
            return ds[v].reset_coords(drop=True)
    raise DataError(
        f"has no {standard}; {nearest(names[0], map(str, ds.variables))}",
        where=where,
        fix=f"rename the coordinate to {names[0]}",
    )


def _check_position(lat: np.ndarray, lon: np.ndarray, where: str) -> None:
    bad = ~(abs(lat) <= 90.0) | ~(abs(lon) <= 360.0)
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"latitude {lat[at]:g}, longitude {lon[at]:g} is no place on Earth",
            where=f"{where}, point {at}",
            fix="give coordinates in degrees",
        )


def _celsius(da: xr.DataArray, where: str, history: list[str]) -> np.ndarray:
    if da.attrs.get("units"):
        try:
            before = str(da.attrs["units"])
            da = require_units(da, ["degC"])
        except DataError as error:
            raise DataError(error.what, where=f"{where}, {da.name}", fix=error.fix) from error
        if "converted" in str(da.attrs.get("history", "")):
            history.append(f"{da.name} converted from {before} to degC")
    else:
        history.append(f"{da.name} has no units: taken in degC")
    values = np.asarray(da.values, dtype=np.float32 if da.dtype == np.float32 else float)
    bad = ~np.isnan(values) & ~(abs(values) <= _PLAUSIBLE)
    if bad.any():
        at = tuple(int(k[0]) for k in np.nonzero(bad))
        raise DataError(
            f"{da.name} is {values[at]:g} degC at {dict(zip(da.dims, at, strict=True))}",
            where=where,
            fix="declare the fill value as _FillValue, or mend the units",
        )
    return values


def _require_monthly(times: np.ndarray, where: str) -> None:
    months = times.astype("datetime64[M]")
    steps = np.diff(months.astype(int))
    bad = np.flatnonzero(steps != 1)
    if not bad.size:
        return
    at = int(bad[0])
    if steps[at] > 1:
        raise DataError(
            f"the month {months[at] + 1} is missing, between {months[at]} and {months[at + 1]}",
            where=where,
            fix="fill the gap with months of missing values, or cut the record",
        )
    raise DataError(
        f"the month {months[at + 1]} comes after {months[at]}; each once, in order, was expected",
        where=where,
        fix="give monthly means",
    )
