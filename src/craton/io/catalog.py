"""Earthquake catalogues: CSV of any agency and QuakeML, as one xarray Dataset."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from craton.errors import DataError, nearest
from craton.io._quakeml import QUAKEML_ENDINGS, quakeml_table
from craton.io.files import read_text
from craton.io.geodesy import haversine_km

ALIASES: dict[str, tuple[str, ...]] = {
    "time": (
        "time", "datetime", "date_time", "origin_time", "origintime", "event_time", "time_utc",
        "datetime_utc", "time_string", "timestamp", "utc", "date",
    ),
    "latitude": ("latitude", "lat", "lat_deg", "latitude_deg", "y_lat"),
    "longitude": ("longitude", "lon", "long", "lng", "lon_deg", "longitude_deg"),
    "depth": ("depth", "depth_km", "depth/km", "dep", "z_km"),
    "magnitude": ("magnitude", "mag", "m", "mw", "ml", "prefmag", "magnitude_value"),
    "event_id": ("event_id", "id", "eventid", "evid", "public_id", "publicid"),
    "event_type": ("event_type", "type", "et", "eventtype"),
    "magnitude_type": ("magnitude_type", "magtype", "mag_type"),
}  # fmt: skip
"""Column names (lower case) that are recognised for each variable, the first found being taken."""

REQUIRED = ("time", "latitude", "longitude", "magnitude")
_TEXTS = ("event_id", "event_type", "magnitude_type")
_MISSING = {"", "nan", "na", "n/a", "null", "none", "-"}
_BOUNDS = {
    "latitude": (-90.0, 90.0, "degrees north"),
    "longitude": (-180.0, 360.0, "degrees east"),
    "magnitude": (-5.0, 11.0, "a magnitude"),
    "depth": (-20.0, 1000.0, "km below sea level"),
}
_ATTRS: dict[str, dict[str, str]] = {
    "time": {"standard_name": "time", "long_name": "origin time (UTC)"},
    "latitude": {"standard_name": "latitude", "units": "degrees_north"},
    "longitude": {"standard_name": "longitude", "units": "degrees_east"},
    "depth": {"standard_name": "depth", "units": "km", "positive": "down"},
    "magnitude": {"long_name": "magnitude", "units": "1"},
    "event_id": {"long_name": "identifier of the event", "cf_role": "timeseries_id"},
    "event_type": {"long_name": "type of the event as its source names it"},
    "magnitude_type": {"long_name": "scale of the magnitude"},
}


def read_catalog(path: str | Path, columns: Mapping[str, str] | None = None) -> xr.Dataset:
    """Read an earthquake catalogue.

    Parameters
    ----------
    path : str or Path
        ``.csv``, ``.txt``, ``.tsv`` (also with ``.gz``) with a header line, separated by commas,
        semicolons, tabs, bars or blanks; or QuakeML (``.xml``, ``.qml``, ``.quakeml``), of which
        the preferred origin and magnitude are taken, else the first.
    columns : mapping of str to str, optional
        Variable to column, such as ``{"time": "Date", "magnitude": "ML"}``, for names that are
        not among `ALIASES`. Only the variables named there are affected.

    Returns
    -------
    xarray.Dataset
        Dimension ``event``, sorted by time, with ``time`` (datetime64[ns], UTC), ``latitude``,
        ``longitude`` (degrees, in [-180, 180]), ``depth`` (km, NaN where unknown), ``magnitude``,
        and ``event_id``, ``event_type``, ``magnitude_type`` if the file has them. What was
        changed on the way is told in ``attrs["history"]``. Duplicates stay; see `duplicates`.

    Raises
    ------
    DataError
        If the file is empty, truncated or no catalogue; a column is missing; a time, coordinate
        or magnitude is missing, not a number or out of range. The message names row and column.
    MissingExtraError
        If the file is QuakeML and ObsPy is not installed.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.csv"
    >>> _ = path.write_text("time,latitude,longitude,mag\\n2020-01-02T03:04:05Z,34,-117,3.1\\n")
    >>> float(read_catalog(path).magnitude[0])
    3.1
    """
    path = Path(path)
    ending = path.name.lower().removesuffix(".gz").rsplit(".", 1)[-1]
    if ending in QUAKEML_ENDINGS:
        if columns:
            raise DataError("a column map was given for QuakeML", where=str(path), fix="omit it")
        table, unit = quakeml_table(path), "event"
    elif ending in ("csv", "txt", "tsv"):
        table, unit = _text_table(path, columns or {}), "row"
    else:
        raise DataError(
            f"the ending .{ending} is none of a catalogue",
            where=str(path),
            fix="give .csv, .txt, .tsv (also .gz) or QuakeML as .xml, .qml, .quakeml",
        )
    if not len(table):
        raise DataError("holds no events", where=str(path), fix="give a catalogue with events")
    return _dataset(table, str(path), unit)


def duplicates(
    catalog: xr.Dataset, seconds: float = 2.0, km: float = 5.0, magnitude: float = 0.2
) -> NDArray[np.bool_]:
    """Mark events that repeat an earlier one within all three tolerances.

    Parameters
    ----------
    catalog : xarray.Dataset
        As `read_catalog` returns it (sorted by time).
    seconds, km, magnitude : float
        Largest difference in origin time, epicentre and magnitude of a pair that is one event.

    Returns
    -------
    numpy.ndarray of bool, shape (event,)
        True for the later event of each such pair. Nothing is dropped.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.csv"
    >>> row = "2020-01-02T03:04:05Z,34,-117,3.1\\n"
    >>> _ = path.write_text("time,latitude,longitude,mag\\n" + row + row)
    >>> duplicates(read_catalog(path)).tolist()
    [False, True]
    """
    time = catalog["time"].values.astype("datetime64[ns]").astype(np.int64)
    latitude, longitude = catalog["latitude"].values, catalog["longitude"].values
    size = catalog["magnitude"].values
    limit = round(seconds * 1e9)
    marked = np.zeros(time.size, dtype=bool)
    alive, step = np.arange(1, time.size), 1
    # An event that is marked leaves the search, so that a file of one repeated row stays cheap.
    while alive.size:
        other = alive - step
        alive, other = alive[other >= 0], other[other >= 0]
        near = time[alive] - time[other] <= limit
        alive, other = alive[near], other[near]
        same = np.abs(size[alive] - size[other]) <= magnitude + 1e-9
        same &= (
            haversine_km(latitude[alive], longitude[alive], latitude[other], longitude[other]) <= km
        )
        marked[alive[same]] = True
        alive, step = alive[~same], step + 1
    return marked


def _text_table(path: Path, columns: Mapping[str, str]) -> pd.DataFrame:
    unknown = [name for name in columns if name not in ALIASES]
    if unknown:
        raise DataError(
            f"the column map names the unknown variable '{unknown[0]}'; "
            + nearest(unknown[0], ALIASES),
            where=str(path),
        )
    raw = _parse(path)
    known = {str(name).strip(): name for name in raw.columns}
    found: dict[str, Any] = {}
    lower = {name.lower(): name for name in reversed(list(known))}
    for variable, names in ALIASES.items():
        if variable in columns:
            if columns[variable] not in known:
                raise DataError(
                    f"there is no column '{columns[variable]}' (mapped to {variable}); "
                    + nearest(columns[variable], known),
                    where=str(path),
                )
            found[variable] = known[columns[variable]]
            continue
        taken = {columns[v] for v in columns}
        hit = [lower[n] for n in names if n in lower and lower[n] not in taken]
        if hit:
            found[variable] = known[hit[0]]
        elif variable in REQUIRED:
            raise DataError(
                f"there is no column for {variable}; {nearest(variable, known)}",
                where=str(path),
                fix=f'name it with a column map such as {{"{variable}": "{next(iter(known))}"}}',
            )
    table = pd.DataFrame({variable: raw[column] for variable, column in found.items()})
    split = "time" not in columns and "date" in lower and "time" in lower and len(table) > 0
    if split and not re.match(r"\s*\d{4}\D", str(table["time"].iloc[0])):
        # Date and time of day in two columns.
        table["time"] = raw[known[lower["date"]]].str.strip() + " " + table["time"].str.strip()
    table.attrs["names"] = {variable: str(column).strip() for variable, column in found.items()}
    return table


def _parse(path: Path) -> pd.DataFrame:
    lines = read_text(path, encoding="utf-8-sig").splitlines()
    while lines and not lines[0].strip():
        lines.pop(0)
    if not lines:
        raise DataError("is empty", where=str(path), fix="give a file with data in it")
    # FDSN text and SCEDC begin the header with '#'; other '#' lines are remarks.
    while len(lines) > 1 and lines[0].startswith("#") and lines[1].startswith("#"):
        lines.pop(0)
    header = lines[0].lstrip("# ")
    body = [line for line in lines[1:] if line.strip() and not line.startswith("#")]
    mark = max(",;\t|", key=header.count)
    separator = mark if mark in header else r"\s+"
    try:
        with warnings.catch_warnings():
            # Rows longer than the header would lose their last values with a mere warning.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(
                io.StringIO("\n".join([header, *body])),
                sep=separator,
                dtype=str,
                keep_default_na=False,
                skipinitialspace=True,
                index_col=False,
                engine="c",
            )
    except (pd.errors.ParserError, pd.errors.ParserWarning, ValueError) as error:
        raise DataError(
            f"is no table with one header line ({str(error).strip()})",
            where=str(path),
            fix="give every row as many values as the header has names",
        ) from error


def _dataset(table: pd.DataFrame, path: str, unit: str) -> xr.Dataset:
    names: dict[str, str] = table.attrs.get("names", {})

    def place(variable: str, row: int) -> str:
        return f"{path}, {unit} {row + 1}, column '{names.get(variable, variable)}'"

    history = [f"read from {Path(path).name}: {len(table)} events"]
    values: dict[str, NDArray[Any]] = {"time": _times(table["time"], place)}
    for variable in ("latitude", "longitude", "depth", "magnitude"):
        if variable in table:
            values[variable] = _numbers(table[variable], variable, place)
        else:
            values[variable] = np.full(len(table), np.nan)
    wrapped = values["longitude"] > 180
    if wrapped.any():
        values["longitude"] = np.where(wrapped, values["longitude"] - 360, values["longitude"])
        history.append(f"{int(wrapped.sum())} longitudes above 180 degrees taken less 360")
    for variable in _TEXTS:
        if variable in table:
            values[variable] = np.array([str(v).strip() for v in table[variable]], dtype=str)
    early = int((np.diff(values["time"].astype(np.int64)) < 0).sum())
    if early:
        order = np.argsort(values["time"], kind="stable")
        values = {variable: value[order] for variable, value in values.items()}
        history.append(f"sorted by time: {early} rows came before their predecessor")
    data = {name: ("event", value, _ATTRS[name]) for name, value in values.items()}
    return xr.Dataset(data, attrs={"history": "; ".join(history), "Conventions": "CF-1.11"})


def _times(column: pd.Series, place: Any) -> NDArray[np.datetime64]:
    if isinstance(column.dtype, np.dtype) and column.dtype.kind == "M":
        return cast(NDArray[np.datetime64], column.to_numpy(dtype="datetime64[ns]"))
    text = column.astype(str).str.strip()
    # Only year-month-day: 01/02/2020 means two different days on the two sides of the Atlantic.
    text = text.str.replace(r"^(\d{4})/(\d{1,2})/(\d{1,2})", r"\1-\2-\3", regex=True)
    padded = text.str.replace(
        r"^(\d{4})-(\d{1,2})-(\d{1,2})(?=\D|$)",
        lambda hit: f"{hit[1]}-{int(hit[2]):02d}-{int(hit[3]):02d}",
        regex=True,
    )
    dated = padded.str.match(r"^\d{4}-\d\d-\d\d([T\s].*)?$")
    parsed = pd.to_datetime(padded.where(dated), format="ISO8601", utc=True, errors="coerce")
    # Outside these years nanoseconds in 64 bits wrap around without a word.
    bad = np.flatnonzero((parsed.isna() | ~parsed.dt.year.between(1678, 2261)).to_numpy())
    if bad.size:
        row = int(bad[0])
        came = text.iloc[row]
        what = "the time is missing" if came.lower() in _MISSING | {"nat"} else (
            f"the time '{came}' cannot be read"
        )  # fmt: skip
        raise DataError(
            f"{what} ({bad.size} such in all)",
            where=place("time", row),
            fix="write times as 2020-01-31T23:59:59.123 (UTC, years 1678 to 2261)",
        )
    return cast(NDArray[np.datetime64], parsed.dt.tz_localize(None).to_numpy("datetime64[ns]"))


def _numbers(column: pd.Series, variable: str, place: Any) -> NDArray[np.float64]:
    text = column.astype(object).where(column.notna(), "").astype(str).str.strip()
    empty = text.str.lower().isin(_MISSING).to_numpy()
    value = pd.to_numeric(text.where(~empty), errors="coerce").to_numpy(dtype=float)
    words = np.flatnonzero(~empty & ~np.isfinite(value))
    if words.size:
        row = int(words[0])
        raise DataError(
            f"'{text.iloc[row]}' is not a number ({words.size} such in all)",
            where=place(variable, row),
            fix="give a plain number, with a point as decimal mark",
        )
    if variable != "depth" and empty.any():
        row = int(np.flatnonzero(empty)[0])
        raise DataError(
            f"the {variable} is missing ({int(empty.sum())} such in all)",
            where=place(variable, row),
            fix="fill in the value or take the row out",
        )
    low, high, unit = _BOUNDS[variable]
    outside = np.flatnonzero((value < low) | (value > high))
    if outside.size:
        row = int(outside[0])
        raise DataError(
            f"{value[row]:g} is out of range, {low:g} to {high:g} ({unit}) was expected "
            f"({outside.size} such in all)",
            where=place(variable, row),
            fix="give depth in km, positive down" if variable == "depth" else "check null values",
        )
    return cast(NDArray[np.float64], value)
