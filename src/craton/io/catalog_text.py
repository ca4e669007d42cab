"""Earthquake catalogues as text: tables with a header line, by the names of their columns."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from craton.errors import DataError, nearest
from craton.io.bad_rows import BadRows
from craton.io.catalog_formats import FORMATS, clock_times, find_format, format_table
from craton.io.catalog_values import DAYS_HINT, days_after

ALIASES: dict[str, tuple[str, ...]] = {
    "time": (
        "time", "datetime", "date_time", "origin_time", "origintime", "event_time", "time_utc",
        "datetime_utc", "time_string", "timestamp", "utc", "date",
    ),
    "latitude": ("latitude", "lat", "lat_deg", "latitude_deg", "y_lat", "latr"),
    "longitude": ("longitude", "lon", "long", "lng", "lon_deg", "longitude_deg", "lonr"),
    "depth": ("depth", "depth_km", "depth/km", "depth(km)", "dep", "z_km", "depr"),
    "magnitude": ("magnitude", "mag", "m", "mw", "ml", "prefmag", "magnitude_value"),
    "event_id": ("event_id", "id", "eventid", "evid", "public_id", "publicid"),
    "event_type": ("event_type", "type", "et", "eventtype"),
    "magnitude_type": ("magnitude_type", "magtype", "mag_type"),
    "catalog_id": ("catalog_id",),
}  # fmt: skip
"""Column names (lower case) that are recognised for each variable, the first found being taken."""

REQUIRED = ("time", "latitude", "longitude", "magnitude")
METRES = ("depth(m)", "depth_m", "depth/m")
"""Column names of a depth in metres."""

_CLOCK: dict[str, tuple[str, ...]] = {
    "year": ("year", "yr", "yyyy"), "month": ("month", "mon", "mo", "mm"),
    "day": ("day", "dy", "dd"), "hour": ("hour", "hr", "hh"), "minute": ("minute", "min", "mi"),
    "second": ("second", "sec", "ss"), "microsecond": ("microsecond",),
}  # fmt: skip


def text_table(
    text: str, where: str, columns: Mapping[str, str], bad: BadRows, days_since: str | None = None
) -> pd.DataFrame:
    """Lay a catalogue out as a table of text, by its header or by the format that has none.

    Parameters
    ----------
    text : str
        The whole catalogue.
    where : str
        Its file, for messages.
    columns : mapping of str to str
        Variable to column, for names that are not among `ALIASES`; an empty column leaves the
        variable out.
    bad : BadRows
        Takes the rows whose time is none.
    days_since : str, optional
        What times in days count from.

    Returns
    -------
    pandas.DataFrame
        A column a variable. ``attrs``: ``names`` of the columns they came from, ``notes`` for the
        history.

    Raises
    ------
    DataError
        If there is no event, rows and header do not fit, or a column is missing.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise DataError("is empty", where=where, fix="give a file with data in it")
    form = find_format(lines)
    if form is not None:
        if columns or days_since:
            given = "a column map" if columns else "days_since"
            raise DataError(
                f"{given} was given, but it is {form.name}, which has no header",
                where=where,
                fix="omit it, or give the file a header line",
            )
        return format_table(lines, form, where, bad)
    return _named_table(_parse(lines, where), where, columns, bad, days_since)


def _parse(lines: Sequence[str], where: str) -> pd.DataFrame:
    lines = list(lines)
    # FDSN text and SCEDC begin the header with '#'; other '#' lines are remarks.
    while len(lines) > 1 and lines[0].startswith("#") and lines[1].startswith("#"):
        lines.pop(0)
    header = lines[0].lstrip("# ")
    body = [line for line in lines[1:] if not line.startswith("#")]
    mark = max(",;\t|", key=header.count)
    separator = mark if mark in header else r"\s+"
    words = [w.strip() for w in (header.split(mark) if mark in header else header.split())]
    if not any(re.match(r"[^\W\d]", w) for w in words):
        known = ", ".join(f.name for f in FORMATS)
        raise DataError(
            f"has no header line ('{header[:60]}') and is none of the formats without one",
            where=where,
            fix=f"put a line of names (time, latitude, ...) on top; known without: {known}",
        )
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
            where=where,
            fix="give every row as many values as the header has names",
        ) from error


def _named_table(
    raw: pd.DataFrame, where: str, columns: Mapping[str, str], bad: BadRows, days_since: str | None
) -> pd.DataFrame:
    known = {str(name).strip(): name for name in raw.columns}
    lower = {name.lower(): known[name] for name in reversed(list(known))}
    _check_map(columns, known, where)
    clock = {} if days_since else _clock_columns(raw, lower, columns)
    taken = set(columns.values())
    found: dict[str, Any] = {}
    for variable, names in ALIASES.items():
        if variable in columns:
            if columns[variable]:
                found[variable] = known[columns[variable]]
            continue
        hit = [lower[n] for n in names if n in lower and str(lower[n]).strip() not in taken]
        if hit:
            found[variable] = hit[0]
        elif variable in REQUIRED and not (clock and variable == "time"):
            raise DataError(
                f"there is no column for {variable}; {nearest(variable, known)}",
                where=where,
                fix=_map_hint(variable, known, found, taken),
            )
    table = pd.DataFrame({variable: raw[column] for variable, column in found.items()})
    if clock:
        table["time"] = _clocked(raw, clock, where, bad)
    if days_since:
        name = str(found["time"]).strip()
        table["time"] = days_after(table["time"], days_since, name, bad)
    split = (
        not clock and not days_since and "time" not in columns and {"date", "time"} <= set(lower)
    )
    if split and len(table) and not re.match(r"\s*\d{4}\D", str(table["time"].iloc[0])):
        # Date and time of day in two columns.
        table["time"] = raw[lower["date"]].str.strip() + " " + table["time"].str.strip()
    metres = next((lower[n] for n in METRES if n in lower), None)
    if metres is not None and "depth" not in table and "depth" not in columns:
        found["depth"] = metres
        table["depth"] = _in_km(raw[metres])
    came_from = {variable: str(column).strip() for variable, column in found.items()}
    unused = [n for n in known if n not in {*came_from.values(), *clock.values()}]
    note = f"columns not used: {', '.join(unused)}"
    if "depth" not in table and unused:
        note += "; if one is a depth in km, name it: --set 'columns={depth: NAME}'"
    table.attrs.update(names=came_from, notes=[note] if unused else [])
    return table


def _map_hint(
    variable: str, known: Mapping[str, Any], found: Mapping[str, Any], taken: set[str]
) -> str:
    free = [n for n, column in known.items() if column not in found.values() and n not in taken]
    return f"name it: --set 'columns={{{variable}: NAME}}', NAME one of {', '.join(free) or 'none'}"


def _check_map(columns: Mapping[str, str], known: Mapping[str, Any], where: str) -> None:
    for variable, column in columns.items():
        if variable not in ALIASES:
            raise DataError(
                f"the column map names the unknown variable '{variable}'; "
                + nearest(variable, ALIASES),
                where=where,
            )
        if column not in known and (column or variable in REQUIRED):
            raise DataError(
                f"there is no column '{column}' (mapped to {variable}); " + nearest(column, known),
                where=where,
            )


def _clock_columns(
    raw: pd.DataFrame, lower: Mapping[str, Any], columns: Mapping[str, str]
) -> dict[str, Any]:
    """Columns of year to second, if the time stands in these and in no column of its own."""
    found = {}
    for part, names in _CLOCK.items():
        hit = [lower[n] for n in names if n in lower]
        if hit:
            found[part] = hit[0]
    if "time" in columns or not {"year", "month", "day"} <= set(found):
        return {}
    own = next((lower[n] for n in ALIASES["time"] if n in lower), None)
    dated = own is not None and len(raw) and re.match(r"\s*\d{4}[-/]", str(raw[own].iloc[0]))
    return {} if dated else found


def _clocked(raw: pd.DataFrame, clock: Mapping[str, Any], where: str, bad: BadRows) -> Any:
    if not {"hour", "minute"} <= set(clock):
        raise DataError(
            "has year, month and day, but no hour and minute of the events",
            where=where,
            fix="give columns hour and minute, or one column time as 2020-01-31T23:59:59; "
            + DAYS_HINT,
        )
    return clock_times({part: raw[column] for part, column in clock.items()}, bad)


def _in_km(column: pd.Series) -> pd.Series:
    """Metres to kilometres; what is no number stays for the reader to complain of."""
    number = pd.to_numeric(column, errors="coerce")
    return (number / 1000.0).astype(str).where(number.notna(), column)
