"""Features of seismic events, measured at stations: CSV tables in, one dataset of records out.

A record is one event at one station. A dataset of records has the dimensions ``event`` and
``record``: ``event_id``, ``label`` (text, "" where not known) and ``time`` on ``event``; on
``record`` the position of its event (``event_of``), its ``station`` and its features.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from craton.errors import DataError
from craton.io.files import require_file
from craton.io.tables import read_table

ROLES: dict[str, tuple[str, ...]] = {
    "event": ("event", "event_id", "blind_event", "origin_time", "time"),
    "time": ("origin_time", "time"),
    "station": ("station", "station_id", "sta"),
    "label": ("label", "class", "event_type", "source_type"),
}
"""Columns that are looked for, in this order, for each role."""

SMALLEST = 1e-300
"""Numbers nearer to zero than this are what uninitialised memory leaves in a file."""


def read_event_features(
    path: str | Path,
    *,
    pattern: str = "*.csv*",
    columns: Mapping[str, Sequence[str]] | None = None,
    station_in_name: str | None = None,
) -> xr.Dataset:
    """Read features of events from a CSV file, or from all CSV files of a folder.

    Parameters
    ----------
    path : str or Path
        File or folder; gzip is understood.
    pattern : str
        Which files of a folder are meant.
    columns : mapping
        Role (event, time, station, label) to the column's possible names; see `ROLES`.
    station_in_name : str, optional
        Regular expression whose first group is the station, for files that lack the column.

    Returns
    -------
    xr.Dataset
        Records; see the module. Infinite values are missing.

    Raises
    ------
    DataError
        If there is no such file, or a column is missing.
    """
    path = Path(path)
    files = sorted(path.glob(pattern)) if path.is_dir() else [require_file(path)]
    if not files:
        raise DataError(f"there is no file '{pattern}'", where=str(path), fix="name the file")
    frames = []
    for file in files:
        table = read_table(file)
        frame = pd.DataFrame({str(n): v.to_numpy() for n, v in table.data_vars.items()})
        named = re.search(station_in_name, file.name) if station_in_name else None
        frames.append(_named(frame, columns or {}, named[1] if named else None, str(file)))
    return records_of(pd.concat(frames, ignore_index=True), str(path))


def _named(
    frame: pd.DataFrame, columns: Mapping[str, Sequence[str]], station: str | None, where: str
) -> pd.DataFrame:
    """Bring the columns with a role to their common names; others stay."""
    lower = {c.lower(): c for c in reversed(list(frame.columns))}
    found, used = {}, set()
    for role, names in {**ROLES, **columns}.items():
        column = next((lower[n.lower()] for n in names if n.lower() in lower), None)
        if column is not None:
            found[role] = frame[column]
            used.add(column)
    if "station" not in found and station is not None:
        found["station"] = pd.Series(station, index=frame.index)
    if "event" not in found:
        raise DataError(
            f"no column names the event; there are {list(frame.columns)[:12]}",
            where=where,
            fix="name it 'event', or give --set columns.event=[NAME]",
        )
    rest = frame.drop(columns=list(used))
    return pd.concat([pd.DataFrame(found), rest], axis=1)


def records_of(frame: pd.DataFrame, where: str = "data") -> xr.Dataset:
    """Lay a table of one row a record out as records; see the module.

    Parameters
    ----------
    frame : pd.DataFrame
        `event`; `station`, `label`, `time` where known; numeric columns are features.
    where : str
        Name for messages.

    Returns
    -------
    xr.Dataset
        Records in the order of the events' first appearance.

    Raises
    ------
    DataError
        If no event is named, or one event has two labels.

    Examples
    --------
    >>> table = pd.DataFrame({"event": ["b", "a", "b"], "station": ["P", "P", "Q"],
    ...                       "label": ["quake", None, "quake"], "f": [1.0, 2.0, np.inf]})
    >>> found = records_of(table)
    >>> found["label"].values.tolist(), found["event_of"].values.tolist(), found["f"].values
    (['quake', ''], [0, 0, 1], array([ 1., nan,  2.]))
    """
    if "event" not in frame or not len(frame):
        raise DataError("names no event", where=where, fix="give a column 'event'")
    names = text_of(frame["event"])
    if (names == "").any():
        row = int(np.flatnonzero(names == "")[0])
        raise DataError(f"row {row} names no event", where=where, fix="fill the column 'event'")
    number, events = pd.factorize(names)
    order = np.argsort(number, kind="stable")
    frame, number = frame.iloc[order], number[order].astype(np.int64)
    notes: list[str] = []
    label = text_of(frame["label"]) if "label" in frame else np.full(len(frame), "")
    labels, twice = _one_label(label, number, len(events))
    if twice.any():
        some = ", ".join(events[twice][:3])
        notes.append(f"{int(twice.sum())} events carry two labels and count as unlabelled: {some}")
    found: dict[str, Any] = {
        "event_id": ("event", events.astype(object)),
        "label": ("event", labels),
        "event_of": ("record", number),
        "station": ("record", _text(frame, "station")),
    }
    if "time" in frame:
        when = pd.to_datetime(frame["time"], utc=True, errors="coerce", format="ISO8601")
        first = when.dt.tz_localize(None).groupby(number).first()
        found["time"] = ("event", first.to_numpy().astype("datetime64[ns]"))
    found |= {name: ("record", v) for name, v in _numbers(frame, notes)}
    return xr.Dataset(found, attrs={"history": "\n".join(notes), "source": where})


def _numbers(frame: pd.DataFrame, notes: list[str]) -> Iterable[tuple[str, NDArray[Any]]]:
    """The numeric columns without infinities."""
    endless = 0
    for name in frame.columns:
        if name in ROLES or frame[name].dtype.kind not in "fiub":
            continue
        values = frame[name].to_numpy(float)
        endless += int(np.isinf(values).sum())
        values = np.where(np.isfinite(values), values, np.nan)
        yield str(name), np.where(np.abs(values) < SMALLEST, 0.0, values)
    if endless:
        notes.append(f"{endless} infinite feature values taken as missing")


def _one_label(
    label: NDArray[np.str_], number: NDArray[np.int64], events: int
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Label of each event, and which have two."""
    known = label != ""
    pairs = np.unique(np.stack([number[known].astype(str), label[known]], axis=1), axis=0)
    at = pairs[:, 0].astype(int)
    twice = np.bincount(at, minlength=events) > 1
    found = np.full(events, "", dtype=object)
    found[at] = pairs[:, 1]
    found[twice] = ""
    return found, twice


def _text(frame: pd.DataFrame, column: str) -> NDArray[Any]:
    values = text_of(frame[column]) if column in frame else np.full(len(frame), "")
    return values.astype(object)


def text_of(column: pd.Series[Any]) -> NDArray[np.str_]:
    """Entries as text, whole numbers without a point, "" where missing."""
    if column.dtype.kind == "f":
        there = np.isfinite(column.to_numpy())
        text = [f"{v:.0f}" if v == np.round(v) else f"{v:g}" for v in column.to_numpy()[there]]
        found = np.full(len(column), "", dtype=object)
        found[there] = text
        return found.astype(str)
    return np.array(["" if pd.isna(v) else str(v).strip() for v in column], dtype=str)
