"""netCDF files with CF metadata: read with care, written whole."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from craton import __version__
from craton.errors import CratonError, DataError, MissingExtraError
from craton.io.files import atomic, require_file

LIMIT_BYTES = 4 << 30
"""Most bytes that the variables of a file may declare, decompressed."""

_CALENDARS = ("standard", "gregorian", "proleptic_gregorian", "")
_SINCE = re.compile(r"^\s*(\w+)\s+since\s+(-?\d{1,4})-(\d{1,2})", re.I)
_ALIASES = {
    "degC": ("c", "°c", "degc", "deg_c", "celsius", "degree_c", "degrees_c", "degree_celsius")
    + ("degrees_celsius", "deg_celsius", "degreec", "degreesc", "celcius"),
    "K": ("k", "kelvin", "degk", "deg_k", "degree_k", "degree_kelvin", "degrees_kelvin"),
    "m": ("m", "meter", "meters", "metre", "metres"),
    "ft": ("ft", "f", "feet", "foot"),
    "km": ("km", "kilometer", "kilometers", "kilometre"),
    "mm": ("mm", "millimeter", "millimeters", "millimetre"),
    "Pa": ("pa", "pascal", "pascals"),
    "hPa": ("hpa", "mb", "mbar", "millibar"),
}
_SCALES = {("ft", "m"): 0.3048, ("km", "m"): 1e3, ("mm", "m"): 1e-3, ("hPa", "Pa"): 100.0}
_KELVIN = 273.15


def read_netcdf(
    path: str | Path, *, limit_bytes: int = LIMIT_BYTES, time: str | None = "time"
) -> xr.Dataset:
    """Read a netCDF file into memory after its sizes have been looked at.

    Parameters
    ----------
    path : str or Path
        netCDF-4 (HDF5) or netCDF-3 (classic, 64-bit offset); its first bytes decide, not its name.
    limit_bytes : int
        Most bytes that its variables may declare; nothing is loaded of a file that says more.
    time : str or None
        Name of the time coordinate. Where it is absent, the one coordinate with units of time is
        renamed to it. With None no time is asked for.

    Returns
    -------
    xarray.Dataset
        Loaded and decoded: fill values are NaN, packed values scaled, ``time`` is datetime64
        and strictly increasing. ``attrs["history"]`` says what was changed.

    Raises
    ------
    DataError
        If the file is missing, damaged, cut off, too large, no netCDF, or has no time, a calendar
        other than the civil one, or times that repeat or run back.

    Notes
    -----
    A file that takes its data from other files (external links, external or virtual storage) is
    refused. Damage is met with an error, but the HDF5 library itself may run for minutes on a
    netCDF-4 file forged for it; where strangers upload files, read them in a process with a limit.

    References
    ----------
    CF conventions 1.11, doi:10.5281/zenodo.14275599

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.nc"
    >>> when = np.array(["2000-01-01", "2000-02-01"], "datetime64[ns]")
    >>> write_netcdf(path, xr.Dataset({"sst": ("time", [26.5, np.nan])}, {"time": when}))
    >>> read_netcdf(path)["sst"].values
    array([26.5,  nan])
    """
    path, where = require_file(path), str(path)
    engine = _engine(path)
    try:
        # Classic files are not compressed: what they declare must be there.
        declared = _declared(path) if engine == "h5netcdf" else path.stat().st_size
        if declared > limit_bytes:
            raise DataError(
                f"declares {declared} bytes, more than the limit of {limit_bytes}",
                where=where,
                fix="cut out the region or the years that you need",
            )
        with xr.open_dataset(
            path, engine=engine, decode_times=False, decode_timedelta=False
        ) as lazy:
            ds = lazy.load()
    except CratonError:
        raise
    except Exception as error:  # foreign parsers fail in many ways on damaged bytes
        raise DataError(
            f"cannot be read as netCDF ({type(error).__name__}: {error})",
            where=where,
            fix="the file is cut off or damaged: fetch it again",
        ) from error
    if time is None:
        return _decoded(ds, where)
    ds = _decoded(_with_time(ds, time, where), where)
    check_times(ds[time].values, where)
    return ds


def check_times(times: np.ndarray, where: str) -> None:
    """Require times that are known, each later than the one before.

    Parameters
    ----------
    times : ndarray of datetime64, shape (n,)
    where : str
        What to name in the message.

    Raises
    ------
    DataError
        Naming the first position (from 0) where this does not hold.

    Examples
    --------
    >>> check_times(np.array(["2000-02", "2000-01"], "datetime64[M]"), "a.nc")
    Traceback (most recent call last):
    craton.errors.DataError: a.nc, time 1: 2000-01 comes after 2000-02. To mend it: sort by time
    """
    if times.dtype.kind != "M":
        raise DataError("times are not dates", where=where, fix="give time CF units, 'days since'")
    if np.isnat(times).any():
        at = int(np.flatnonzero(np.isnat(times))[0])
        raise DataError("the time is missing", where=f"{where}, time {at}", fix="fill or cut it")
    bad = np.flatnonzero(times[1:] <= times[:-1])
    if bad.size:
        at = int(bad[0]) + 1
        same = times[at] == times[at - 1]
        raise DataError(
            f"{times[at]} {'occurs twice' if same else f'comes after {times[at - 1]}'}",
            where=f"{where}, time {at}",
            fix="leave one of the two" if same else "sort by time",
        )


def write_netcdf(path: str | Path, ds: xr.Dataset) -> None:
    """Write a netCDF-4 file with CF global attributes; it appears whole or not at all.

    Parameters
    ----------
    path : str or Path
        File to write.
    ds : xarray.Dataset
        ``title``, ``source`` and ``history`` are taken from its attributes where they are there.
        No clock is read, so the same dataset gives the same content.

    Raises
    ------
    DataError
        If a variable cannot be held by netCDF, or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.nc"
    >>> write_netcdf(path, xr.Dataset({"x": ("row", [1.0])}))
    >>> read_netcdf(path, time=None).attrs["Conventions"]
    'CF-1.11'
    """
    ds = ds.drop_encoding()
    own = {
        "title": "craton dataset",
        "source": f"craton {__version__}",
        "history": f"written by craton {__version__}",
    }
    ds.attrs = {**own, **_plain(ds.attrs), "Conventions": "CF-1.11"}
    encoding: dict[str, dict[str, Any]] = {}
    for name in ds.variables:
        variable = ds[name]
        variable.attrs = _plain(variable.attrs)
        floats = variable.dtype.kind == "f"
        rules: dict[str, Any] = {}
        if floats:
            rules["_FillValue"] = (
                None if name in ds.coords else np.array(np.nan, variable.dtype)[()]
            )
        if variable.dtype.kind in "fiub" and variable.ndim > 0 and variable.size > 0:
            rules |= {"zlib": True, "complevel": 4, "shuffle": True}
        encoding[str(name)] = rules
    try:
        with atomic(path) as part:
            ds.to_netcdf(part, engine="h5netcdf", encoding=encoding)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise DataError(
            f"cannot be held by netCDF ({error})",
            where=str(path),
            fix="leave numbers, texts and dates only",
        ) from error


def require_units(da: xr.DataArray, allowed: Iterable[str]) -> xr.DataArray:
    """Return values in one of the allowed units, converted if need be.

    Parameters
    ----------
    da : xarray.DataArray
        With ``units`` in its attributes.
    allowed : iterable of str
        Units, the preferred one first if there is an order. Spelling is forgiven: ``celsius``
        is ``degC``.

    Returns
    -------
    xarray.DataArray
        In the allowed unit, whose name is in ``units``. Temperatures between K and degC lose the
        273.15 only if they are absolute: values all under 100 K are differences.

    Raises
    ------
    DataError
        If there is no unit, or no way from it to an allowed one.

    Examples
    --------
    >>> sst = xr.DataArray([300.15], dims="time", attrs={"units": "kelvin"}, name="sst")
    >>> require_units(sst, ["degC"]).values
    array([27.])
    """
    wanted = list(allowed)
    expected = f"{' or '.join(wanted)} was expected"
    name = str(da.name or "variable")
    stated = str(da.attrs.get("units", "")).strip()
    if not stated:
        raise DataError(
            f"has no units; {expected}",
            where=name,
            fix="set its attribute units",
        )
    unit = _canonical(stated)
    for target in wanted:
        if unit == _canonical(target):
            return da.assign_attrs(units=target)
    for target in wanted:
        values = _converted(da, unit, _canonical(target))
        if values is not None:
            note = f"{name} converted from {stated} to {target}"
            history = "\n".join(filter(None, [str(da.attrs.get("history", "")), note]))
            return values.assign_attrs({**da.attrs, "units": target, "history": history})
    raise DataError(
        f"is in {stated}; {expected}",
        where=name,
        fix="convert it, or mend its attribute units",
    )


def _canonical(unit: str) -> str:
    word = unit.strip().lower().replace(" ", "_")
    return next((name for name, words in _ALIASES.items() if word in words), unit.strip())


def _converted(da: xr.DataArray, unit: str, target: str) -> xr.DataArray | None:
    if {unit, target} == {"K", "degC"}:
        absolute = unit == "degC" or not bool((abs(da) < 100).where(da.notnull(), True).all())
        shift = _KELVIN if absolute else 0.0
        return da + shift if target == "K" else da - shift
    if (unit, target) in _SCALES:
        return da * _SCALES[unit, target]
    if (target, unit) in _SCALES:
        return da / _SCALES[target, unit]
    return None


def _engine(path: Path) -> str:
    with path.open("rb") as stream:
        magic = stream.read(8)
    if magic == b"\x89HDF\r\n\x1a\n":
        return "h5netcdf"
    if magic[:4] in (b"CDF\x01", b"CDF\x02"):
        return "scipy"
    packed = {b"\x1f\x8b": "gzip", b"\xfd7": "xz", b"BZ": "bzip2", b"PK": "zip"}
    if kind := packed.get(magic[:2]):
        raise DataError(f"is packed with {kind}", where=str(path), fix="unpack it first")
    if magic[:4] == b"CDF\x05":
        what = "is netCDF-3 with 64-bit data"
        raise DataError(what, where=str(path), fix="convert it: nccopy -k nc4 OLD NEW")
    raise DataError(f"is no netCDF: it begins with {magic!r}", where=str(path))


def _declared(path: Path) -> int:
    """Add up what the variables would take, and refuse data that lie in other files."""
    try:
        import h5py  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingExtraError("netCDF-4 needs h5py", fix="pip install h5py") from error
    total = 0
    with h5py.File(path, "r") as file:
        for name in file:
            if isinstance(file.get(name, getlink=True), h5py.ExternalLink):
                raise DataError(f"{name} lies in another file", where=str(path))
            item = file[name]
            if not isinstance(item, h5py.Dataset):
                continue
            if item.external or item.is_virtual:
                raise DataError(f"{name} lies in another file", where=str(path))
            total += int(item.dtype.itemsize) * math.prod(item.shape or ())
    return total


def _with_time(ds: xr.Dataset, time: str, where: str) -> xr.Dataset:
    if time not in ds.variables:
        found = [
            str(v)
            for v in ds.variables
            if ds[v].ndim == 1 and _SINCE.match(str(ds[v].attrs.get("units", "")))
        ]
        if len(found) != 1:
            listing = ", ".join(f"{v}{ds[v].dims}" for v in ds.variables) or "nothing"
            raise DataError(
                f"has no time coordinate {time!r}; there is {listing}",
                where=where,
                fix="give it a coordinate with units like 'days since 1900-01-01'",
            )
        ds = ds.rename({found[0]: time})
        ds.attrs["history"] = _note(ds, f"{found[0]} renamed to {time}")
    if (n := ds[time].ndim) != 1:
        raise DataError(f"{time} has {n} dimensions, one was expected", where=where)
    dim = ds[time].dims[0]
    if dim != time:
        ds = ds.set_coords(time).swap_dims({dim: time})
    if ds.sizes[time] == 0:
        raise DataError("has no time in it", where=where, fix="give a file with data in it")
    return ds


def _decoded(ds: xr.Dataset, where: str) -> xr.Dataset:
    for name in list(ds.variables):
        found = _SINCE.match(str(ds[name].attrs.get("units", "")))
        if not found:
            continue
        calendar = str(ds[name].attrs.get("calendar", "")).lower()
        if found[1].lower() in ("month", "months"):
            ds = _months(ds, str(name), int(found[2]), int(found[3]), where)
        elif calendar not in _CALENDARS:
            raise DataError(
                f"{name} has the calendar {calendar!r}; the civil one was expected",
                where=where,
                fix="convert it: cdo setcalendar,standard, or xarray's convert_calendar",
            )
    try:
        ds = xr.decode_cf(ds, mask_and_scale=False, decode_timedelta=False)
    except Exception as error:  # dates out of range, units that make no sense
        raise DataError(
            f"the times cannot be decoded ({error})",
            where=where,
            fix="give time CF units such as 'days since 1900-01-01'",
        ) from error
    for name in ds.variables:
        first = ds[name].values.flat[0] if ds[name].size else None
        if hasattr(first, "calendar"):
            raise DataError(
                f"{name} has dates outside 1678 to 2262", where=where, fix="cut the record"
            )
    return ds


def _months(ds: xr.Dataset, name: str, year: int, month: int, where: str) -> xr.Dataset:
    """Decode 'months since', in which CF has no length of a month: whole months count."""
    values = np.asarray(ds[name].values, dtype=float)
    if not np.isfinite(values).all() or (abs(values) > 12 * 3000).any():
        raise DataError(f"{name} holds months that are no months", where=where)
    first = np.datetime64(f"{year:04d}-{month:02d}", "M")
    when = (first + np.floor(values).astype(int)).astype("datetime64[ns]")
    attrs = {k: v for k, v in ds[name].attrs.items() if k not in ("units", "calendar")}
    ds = ds.assign_coords({name: (ds[name].dims, when, attrs)})
    ds.attrs["history"] = _note(ds, f"{name}: months set to their first day")
    return ds


def _note(ds: xr.Dataset, line: str) -> str:
    return "\n".join(filter(None, [str(ds.attrs.get("history", "")), line]))


def _plain(attrs: dict[Any, Any]) -> dict[str, Any]:
    """Keep what netCDF can hold; the rest becomes JSON text."""
    out: dict[str, Any] = {}
    for name, value in attrs.items():
        if isinstance(value, bool | np.bool_):
            out[str(name)] = int(value)
        elif isinstance(value, str | int | float | np.number):
            out[str(name)] = value
        elif np.asarray(value).dtype.kind in "fiu" and np.ndim(value) == 1 and np.size(value):
            out[str(name)] = np.asarray(value)
        else:
            out[str(name)] = json.dumps(value, default=str)
    return out
