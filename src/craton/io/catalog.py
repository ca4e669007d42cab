"""Earthquake catalogues: text of any agency, QuakeML and GeoJSON, as one xarray Dataset."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from craton.errors import DataError
from craton.io._quakeml import QUAKEML_ENDINGS, quakeml_table
from craton.io.bad_rows import BadRows, Policy
from craton.io.catalog_geojson import GEOJSON_ENDINGS, geojson_table
from craton.io.catalog_text import ALIASES, text_table
from craton.io.catalog_values import downward, numbers, times
from craton.io.files import read_text
from craton.io.geodesy import continuous, haversine_km

__all__ = ["ALIASES", "TEXT_ENDINGS", "catalog_from_text", "duplicates", "read_catalog"]

TEXT_ENDINGS = ("csv", "txt", "tsv", "dat", "cat", "catalog", "ctlg", "zmap", "reloc", "pha")
_TEXTS = ("event_id", "event_type", "magnitude_type")
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


def read_catalog(
    path: str | Path,
    columns: Mapping[str, str] | None = None,
    *,
    bad_rows: Policy = "omit",
    days_since: str | None = None,
) -> xr.Dataset:
    """Read an earthquake catalogue.

    Parameters
    ----------
    path : str or Path
        Text (an ending of `TEXT_ENDINGS`, also with ``.gz``): a table with a header line, separated
        by commas, semicolons, tabs, bars or blanks (ComCat and other CSV, FDSN text, CSEP), or one
        of the formats without (`craton.io.catalog_formats`: ZMAP, CSEP, SCEDC, the relocated
        catalogue of Southern California, hypoDD), which is told by its first event. Or QuakeML
        (``.xml``, ``.qml``, ``.quakeml``), of which the preferred origin and magnitude are taken,
        else the first. Or ComCat's GeoJSON (``.geojson``, ``.json``).
    columns : mapping of str to str, optional
        Variable to column, such as ``{"time": "Date", "magnitude": "ML"}``, for names that are
        not among `ALIASES`. Only the variables named there are affected; ``{"depth": ""}`` leaves
        depths out.
    bad_rows : {"omit", "error"}
        What is done where a time, coordinate or magnitude is missing, not a number or out of range:
        up to 1 % of the rows are left out and told of, or one is an error. Events without a
        magnitude, which agencies list, are left out up to half of all.
    days_since : str, optional
        The moment (UTC) from which the times of a table count, in days.

    Returns
    -------
    xarray.Dataset
        Dimension ``event``, sorted by time, with ``time`` (datetime64[ns], UTC), ``latitude``,
        ``longitude`` (degrees, in [-180, 180]; where events lie within 180 degrees around the
        180th meridian, western ones go on over 180), ``depth`` (km, NaN where unknown),
        ``magnitude``, and ``event_id``, ``event_type``, ``magnitude_type`` if the file has them.
        Depths are positive down, from -10 (above the sea) on; if all are given as heights, their
        sign is turned. What was changed on the way is told in ``attrs["history"]``, what was left
        out or reinterpreted in ``attrs["warnings"]``, a line each. Duplicates stay; see
        `duplicates`.

    Raises
    ------
    DataError
        If the file is empty, truncated or no catalogue; a column is missing; or more rows are
        bad than may be left out. The message names row and column.
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
    if ending in (*QUAKEML_ENDINGS, *GEOJSON_ENDINGS):
        quakeml = ending in QUAKEML_ENDINGS
        if columns or days_since:
            what = "a column map" if columns else "days_since"
            form = "QuakeML" if quakeml else "GeoJSON"
            raise DataError(f"{what} was given for {form}", where=str(path), fix="omit it")
        bad = BadRows(bad_rows, "event")
        if quakeml:
            return _dataset(quakeml_table(path), str(path), bad)
        text = read_text(path, encoding="utf-8-sig")
        return _dataset(geojson_table(text, str(path), bad), str(path), bad)
    if ending in TEXT_ENDINGS:
        text = read_text(path, encoding="utf-8-sig")
        return catalog_from_text(text, str(path), columns, bad_rows=bad_rows, days_since=days_since)
    raise DataError(
        f"the ending .{ending} is none of a catalogue",
        where=str(path),
        fix=f"give .{', .'.join(TEXT_ENDINGS)} (also .gz), QuakeML as .xml, .qml, .quakeml, or "
        "GeoJSON as .geojson, .json",
    )


def catalog_from_text(
    text: str,
    where: str,
    columns: Mapping[str, str] | None = None,
    *,
    bad_rows: Policy = "omit",
    days_since: str | None = None,
) -> xr.Dataset:
    """Read a catalogue that is in memory; `where` names it in messages. See `read_catalog`.

    Examples
    --------
    >>> text = "#EventID|Time|Latitude|Longitude|Depth/km|Magnitude\\nx1|2020-01-02|34|-117|8|3.1"
    >>> catalog_from_text(text, "an answer").sizes["event"]
    1
    """
    bad = BadRows(bad_rows)
    table = text_table(text, where, columns or {}, bad, days_since)
    if "catalog_id" in table and 1 < table["catalog_id"].nunique() < len(table):
        raise DataError(
            f"holds {table['catalog_id'].nunique()} simulated catalogues (catalog_id), one was "
            "expected",
            where=where,
            fix="read it with craton.io.csep.read_catalog_forecast, or take the rows of one",
        )
    return _dataset(table, where, bad)


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


def _dataset(table: pd.DataFrame, path: str, bad: BadRows) -> xr.Dataset:
    if not len(table):
        raise DataError("holds no events", where=path, fix="give a catalogue with events")
    names: dict[str, str] = table.attrs.get("names", {})
    told: list[str] = []
    if "depth" in table:
        depth, told = downward(table["depth"])
        table = table.assign(depth=depth)
    values: dict[str, NDArray[Any]] = {"time": times(table["time"], names.get("time", "time"), bad)}
    for variable in ("latitude", "longitude", "depth", "magnitude"):
        if variable in table:
            name = names.get(variable, variable)
            values[variable] = numbers(table[variable], variable, name, bad)
        else:
            values[variable] = np.full(len(table), np.nan)
    for variable in _TEXTS:
        if variable in table:
            values[variable] = np.array([str(v).strip() for v in table[variable]], dtype=str)
    keep, notes = bad.settle(len(table), path)
    values = {variable: value[keep] for variable, value in values.items()}
    history = [f"read from {Path(path).name}: {len(table)} events", *table.attrs.get("notes", [])]
    wrapped = values["longitude"] > 180
    if wrapped.any():
        values["longitude"] = np.where(wrapped, values["longitude"] - 360, values["longitude"])
        history.append(f"{int(wrapped.sum())} longitudes above 180 degrees taken less 360")
    values["longitude"] = continuous(values["longitude"])
    over = int((values["longitude"] > 180).sum())
    if over:
        history.append(f"events on both sides of the 180th meridian: {over} western longitudes "
                       "taken plus 360")  # fmt: skip
    early = int((np.diff(values["time"].astype(np.int64)) < 0).sum())
    if early:
        order = np.argsort(values["time"], kind="stable")
        values = {variable: value[order] for variable, value in values.items()}
        history.append(f"sorted by time: {early} rows came before their predecessor")
    data = {name: ("event", value, _ATTRS[name]) for name, value in values.items()}
    attrs = {"history": "; ".join(history), "Conventions": "CF-1.11"}
    if told or notes:
        attrs["warnings"] = "\n".join([*notes, *told])
    return xr.Dataset(data, attrs=attrs)
