"""Earthquake catalogues: text of any agency and QuakeML, as one xarray Dataset."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from craton.errors import DataError
from craton.io._quakeml import QUAKEML_ENDINGS, quakeml_table
from craton.io.catalog_text import ALIASES, MISSING, text_table
from craton.io.files import read_text
from craton.io.geodesy import haversine_km

__all__ = ["ALIASES", "TEXT_ENDINGS", "catalog_from_text", "duplicates", "read_catalog"]

TEXT_ENDINGS = ("csv", "txt", "tsv", "dat", "cat", "catalog", "ctlg", "zmap", "reloc", "pha")
_TEXTS = ("event_id", "event_type", "magnitude_type")
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
        Text (an ending of `TEXT_ENDINGS`, also with ``.gz``): a table with a header line, separated
        by commas, semicolons, tabs, bars or blanks (ComCat and other CSV, FDSN text, CSEP), or one
        of the formats without (`craton.io.catalog_formats`: ZMAP, CSEP, SCEDC, the relocated
        catalogue of Southern California, hypoDD), which is told by its first event. Or QuakeML
        (``.xml``, ``.qml``, ``.quakeml``), of which the preferred origin and magnitude are taken,
        else the first.
    columns : mapping of str to str, optional
        Variable to column, such as ``{"time": "Date", "magnitude": "ML"}``, for names that are
        not among `ALIASES`. Only the variables named there are affected; ``{"depth": ""}`` leaves
        depths out.

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
        return _dataset(quakeml_table(path), str(path), "event")
    if ending in TEXT_ENDINGS:
        text = read_text(path, encoding="utf-8-sig")
        return catalog_from_text(text, str(path), columns)
    raise DataError(
        f"the ending .{ending} is none of a catalogue",
        where=str(path),
        fix=f"give .{', .'.join(TEXT_ENDINGS)} (also .gz) or QuakeML as .xml, .qml, .quakeml",
    )


def catalog_from_text(
    text: str, where: str, columns: Mapping[str, str] | None = None
) -> xr.Dataset:
    """Read a catalogue that is in memory; `where` names it in messages. See `read_catalog`.

    Examples
    --------
    >>> text = "#EventID|Time|Latitude|Longitude|Depth/km|Magnitude\\nx1|2020-01-02|34|-117|8|3.1"
    >>> catalog_from_text(text, "an answer").sizes["event"]
    1
    """
    table = text_table(text, where, columns or {})
    if "catalog_id" in table and 1 < table["catalog_id"].nunique() < len(table):
        raise DataError(
            f"holds {table['catalog_id'].nunique()} simulated catalogues (catalog_id), one was "
            "expected",
            where=where,
            fix="read it with craton.io.csep.read_catalog_forecast, or take the rows of one",
        )
    return _dataset(table, where, "row")


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


def _dataset(table: pd.DataFrame, path: str, unit: str) -> xr.Dataset:
    if not len(table):
        raise DataError("holds no events", where=path, fix="give a catalogue with events")
    names: dict[str, str] = table.attrs.get("names", {})

    def place(variable: str, row: int) -> str:
        return f"{path}, {unit} {row + 1}, column '{names.get(variable, variable)}'"

    history = [f"read from {Path(path).name}: {len(table)} events", *table.attrs.get("notes", [])]
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
    padded, later = _rolled(padded)
    dated = padded.str.match(r"^\d{4}-\d\d-\d\d([T\s].*)?$")
    parsed = pd.to_datetime(padded.where(dated), format="ISO8601", utc=True, errors="coerce")
    # Outside these years nanoseconds in 64 bits wrap around without a word.
    bad = np.flatnonzero((parsed.isna() | ~parsed.dt.year.between(1678, 2261)).to_numpy())
    if bad.size:
        row = int(bad[0])
        came = text.iloc[row]
        what = "the time is missing" if came.lower() in MISSING | {"nat"} else (
            f"the time '{came}' cannot be read"
        )  # fmt: skip
        raise DataError(
            f"{what} ({bad.size} such in all)",
            where=place("time", row),
            fix="write times as 2020-01-31T23:59:59.123 (UTC, years 1678 to 2261)",
        )
    parsed = parsed + later
    return cast(NDArray[np.datetime64], parsed.dt.tz_localize(None).to_numpy("datetime64[ns]"))


def _rolled(text: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Times without the hour 24 of a day's end and the second 60 of a rounded minute.

    Returns the times, a day or a second earlier where need be, and what is to be added to them.
    """
    night = text.str.contains(r"[T\s]24:00(?::00(?:\.0*)?)?Z?$", regex=True)
    minute = text.str.contains(r":60(?:\.\d*)?Z?$", regex=True)
    text = text.where(~night, text.str.replace(r"([T\s])24:", r"\g<1>00:", regex=True))
    text = text.where(~minute, text.str.replace(r":60((?:\.\d*)?Z?)$", r":59\1", regex=True))
    return text, pd.to_timedelta(night * 86400 + minute * 1, unit="s")


def _numbers(column: pd.Series, variable: str, place: Any) -> NDArray[np.float64]:
    text = column.astype(object).where(column.notna(), "").astype(str).str.strip()
    empty = text.str.lower().isin(MISSING).to_numpy()
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
