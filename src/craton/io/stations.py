"""Lists of seismic stations in any of the usual forms, as one frame."""

from __future__ import annotations

import csv
import io
import json
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from craton.errors import DataError
from craton.io._quakeml import xml_bytes
from craton.io.files import read_text, require_file
from craton.io.geodesy import haversine_km
from craton.io.problems import Problem, counted, need_obspy

COLUMNS = ("network", "station", "location", "channel", "latitude", "longitude", "elevation_m")
ALIASES = {
    "network": ("network", "net", "network_code", "net_code", "station_network_code"),
    "station": ("station", "sta", "station_code", "sta_code", "receiver_code", "stn", "id", "name",
                "station_name", "code"),
    "location": ("location", "loc", "location_code", "station_location_code"),
    "channel": ("channel", "cha", "chan", "channel_code", "trace_channel"),
    "latitude": ("latitude", "lat", "station_latitude_deg", "receiver_latitude", "latitude_deg",
                 "lat_deg", "station_latitude"),
    "longitude": ("longitude", "lon", "lng", "long", "station_longitude_deg", "receiver_longitude",
                  "longitude_deg", "lon_deg", "station_longitude"),
}  # fmt: skip
"""Names of columns in small letters, with ``_`` for any other signs."""

ELEVATION = re.compile(
    "(?:station_|receiver_|site_)?(?:elevation|elev|elv|ele|height|altitude|alt)"
    "_?(m|met(?:er|re)s?|m_?asl|km|ft|feet)?"
)
METRES = {"km": 1000.0, "ft": 0.3048, "feet": 0.3048}
IDLE = re.compile(
    "site|site_?name|description|place|country|status|start_?(time|date)?|end_?(time|date)?|depth"
    "|azimuth|dip|sensor_?description|scale|scale_?freq(uency)?|scale_?units|sample_?rate|comp"
    "|components?|response|instrument|gain|unit|x_km|y_km|z_km|"
)
"""Columns that are known and not needed."""

_TEXTS = COLUMNS[:4]
_XML = ("xml", "stationxml")


def read_stations(path: str | Path) -> pd.DataFrame:
    """Read a list of stations.

    Parameters
    ----------
    path : str or Path
        StationXML (``.xml``); JSON with a ``StationList`` (GLASS3); or text, also gzip-compressed:
        with a header line (CSV, FDSN station text, GaMMA's table) or without (PAL: ``NET.STA,
        latitude, longitude, elevation in m, ...``; REAL: ``longitude latitude network station
        channel elevation in km``). Text is told by its first line.

    Returns
    -------
    pandas.DataFrame
        ``network, station, location, channel`` (text, empty where unknown), ``latitude``,
        ``longitude`` (degrees), ``elevation_m`` (0 where unknown), a row a channel or station as
        in the file, without repetitions. ``attrs["problems"]`` lists what was left out or taken
        for granted; see `sites` for one row a station.

    Raises
    ------
    DataError
        If the file is missing, empty, damaged, has no column of a name or coordinate, or no
        station has coordinates.
    MissingExtraError
        If the file is StationXML and ObsPy is not installed.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.csv"
    >>> _ = path.write_text("network,station,latitude,longitude,elevation\\nXX,AAA,47,11,650\\n")
    >>> read_stations(path)[["station", "latitude", "elevation_m"]].values.tolist()
    [['AAA', 47.0, 650.0]]
    """
    path = require_file(path)
    if path.name.lower().removesuffix(".gz").rsplit(".", 1)[-1] in _XML:
        return _checked(_of_inventory(read_inventory(path)), path)
    text = read_text(path, encoding="utf-8-sig")
    if text.lstrip()[:1] in ("{", "["):
        return _checked(_of_json(text, path), path)
    return _checked(_of_text(text, path), path)


def read_inventory(path: str | Path) -> Any:
    """Read StationXML as ``obspy.Inventory``, with responses.

    Raises
    ------
    DataError
        If the file is missing, truncated, has a document type, or is no StationXML.
    MissingExtraError
        If ObsPy is not installed.
    """
    path = require_file(path)
    raw = xml_bytes(path, "FDSNStationXML")
    obspy = need_obspy()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return obspy.read_inventory(io.BytesIO(raw), format="STATIONXML")
    except Exception as error:
        raise DataError(f"is no StationXML ({error})", where=str(path)) from error


def sites(stations: pd.DataFrame) -> pd.DataFrame:
    """One row a station, the first of its channels.

    Parameters
    ----------
    stations : pandas.DataFrame
        As `read_stations` gives it.

    Returns
    -------
    pandas.DataFrame
        ``network, station, latitude, longitude, elevation_m``; ``attrs["problems"]`` also says
        which stations have channels more than 1 km apart.

    Examples
    --------
    >>> rows = [("XX", "A", "", c, 47.0, 11.0, 0.0) for c in ("HHZ", "HHN")]
    >>> len(sites(pd.DataFrame(rows, columns=COLUMNS)))
    1
    """
    keys = ["network", "station"]
    first = stations.drop_duplicates(keys)[[*keys, *COLUMNS[4:]]].reset_index(drop=True)
    both = stations[keys + ["latitude", "longitude"]].merge(first, on=keys, suffixes=("", "_0"))
    here, there = both[["latitude", "longitude"]], both[["latitude_0", "longitude_0"]]
    apart = haversine_km(*here.to_numpy().T, *there.to_numpy().T)
    problems = list(stations.attrs.get("problems", []))
    for name in (both["network"] + "." + both["station"])[apart > 1.0].unique():
        text = "has channels more than 1 km apart; the place of the first was taken"
        problems.append(Problem("warning", "moved", text, str(name)))
    first.attrs["problems"] = problems
    return first


def _of_inventory(inventory: Any) -> pd.DataFrame:
    rows = []
    for network in inventory:
        for station in network:
            for one in station.channels or [None]:
                place = station if one is None else one
                rows.append((
                    network.code, station.code, one.location_code if one else "",
                    one.code if one else "", place.latitude, place.longitude, place.elevation,
                ))  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


def _of_json(text: str, path: Path) -> pd.DataFrame:
    try:
        listed = json.loads(text)["StationList"]
        rows = [
            {
                **{k: (s.get("Site") or {}).get(k.capitalize(), "") for k in _TEXTS},
                "latitude": s.get("Latitude"),
                "longitude": s.get("Longitude"),
                "elevation_m": s.get("Elevation"),
            }
            for s in listed
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(
            f"is JSON without a StationList ({type(error).__name__}: {error})", where=str(path),
            fix="give {'StationList': [{'Site': {...}, 'Latitude': ..., 'Longitude': ...}]}",
        ) from None  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


def _of_text(text: str, path: Path) -> pd.DataFrame:
    lines = [line for line in text.splitlines() if line.strip()]
    first = lines[0].lstrip("#").strip()
    mark = max("|\t;,", key=first.count)
    mark = mark if mark in first else " "
    cells = [_cells(line, mark) for line in lines]
    cells[0] = _cells(first, mark)
    dotted = re.fullmatch(r"\w+\.\w+(\.\w*)*", cells[0][0]) and not _number(cells[0][0])
    if len(cells[0]) >= 4 and dotted and _number(cells[0][1]):
        return _named(cells, {"station": 0, "latitude": 1, "longitude": 2, "elevation_m": 3})
    if len(cells[0]) >= 6 and all(map(_number, cells[0][:2])) and not _number(cells[0][3]):
        places = {"longitude": 0, "latitude": 1, "network": 2, "station": 3, "channel": 4}
        return _named(cells, places | {"elevation_km": 5})
    names = [re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") for name in cells[0]]
    places = {
        wanted: next(names.index(a) for a in aliases if a in names)
        for wanted, aliases in ALIASES.items()
        if any(a in names for a in aliases)
    }
    up = [(k, m[1]) for k, m in enumerate(map(ELEVATION.fullmatch, names)) if m]
    if up:
        places["elevation_m"] = up[0][0]
    missing = [k for k in ("station", "latitude", "longitude") if k not in places]
    if missing:
        raise DataError(
            f"has no column of the {missing[0]} (the columns are {', '.join(cells[0][:12])})",
            where=str(path),
            fix="name columns network, station, latitude, longitude, elevation_m",
        )
    table = _named([row for row in cells[1:] if not row[0].startswith("#")], places)
    if up and (factor := METRES.get(up[0][1] or "m")):
        table["elevation_m"] = pd.to_numeric(table["elevation_m"], errors="coerce") * factor
    known = {*places.values(), *(k for k, _ in up)}
    table.attrs["strange"] = [
        cell for k, cell in enumerate(cells[0]) if k not in known and not IDLE.fullmatch(names[k])
    ]
    return table


def _cells(line: str, mark: str) -> list[str]:
    if mark == " ":
        return line.split()
    return [cell.strip() for cell in next(csv.reader([line], delimiter=mark))]


def _number(text: str) -> bool:
    return bool(re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", text))


def _named(rows: list[list[str]], places: dict[str, int]) -> pd.DataFrame:
    table = pd.DataFrame(
        {k: [row[i] if i < len(row) else "" for row in rows] for k, i in places.items()}, dtype=str
    )
    if "network" not in table:  # NET.STA, NET.STA.LOC.CHAN in one column
        split = table["station"].str.split(".", n=3, expand=True).reindex(columns=range(4))
        dotted = split[1].notna()
        table["network"] = split[0].where(dotted, "")
        table["station"] = split[1].where(dotted, table["station"])
        for k, part in (("location", 2), ("channel", 3)):
            if k not in table:
                table[k] = split[part].where(dotted, "")
    if "elevation_m" not in table and "elevation_km" in table:
        table["elevation_m"] = pd.to_numeric(table["elevation_km"], errors="coerce") * 1000
    return table.reindex(columns=list(COLUMNS))


def _checked(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Clean text, numbers within bounds, and what was wrong in ``attrs``."""
    problems: list[Problem] = []
    strange = table.attrs.get("strange", [])
    for k in _TEXTS:
        words = table[k].astype(object).where(table[k].notna(), "").astype(str).str.strip()
        table[k] = words.where(~words.isin(["--", "__"]), "") if k == "location" else words
    for k in COLUMNS[4:]:
        table[k] = pd.to_numeric(table[k], errors="coerce").astype(float)
    names = table["network"] + "." + table["station"]

    def leave(bad: Any, kind: str, text: str) -> None:
        nonlocal table
        if bad.any():
            told = ", ".join(map(str, names.loc[bad.index[bad]].unique()[:8]))
            n = int(bad.sum())
            said = f"{counted(n, 'row')} {'has' if n == 1 else 'have'} {text}; left out: {told}"
            problems.append(Problem("warning", kind, said, str(path)))
            table = table[~bad]

    leave(table["station"] == "", "no name", "no name of a station")
    lat, lon = table["latitude"], table["longitude"]
    none = ~np.isfinite(lat) | ~np.isfinite(lon) | ((lat == 0) & (lon == 0))
    leave(none, "no coordinates", "no coordinates")
    lat, lon = table["latitude"], table["longitude"]
    out = (np.abs(lat) > 90) | (lon < -180) | (lon > 360)
    leave(out, "coordinates", "coordinates out of range (exchanged?)")
    if not len(table):
        told = "; ".join(p.text for p in problems) or "it has no rows"
        raise DataError(
            f"no station with coordinates ({told})", where=str(path),
            fix="give network, station, latitude, longitude for each station",
        )  # fmt: skip
    table = table.assign(longitude=table["longitude"].where(table["longitude"] <= 180,
                                                            table["longitude"] - 360))  # fmt: skip
    unknown = ~np.isfinite(table["elevation_m"])
    said = _strange(strange)
    if unknown.any():
        n = len(table.loc[unknown, ["network", "station"]].drop_duplicates())
        said.append(f"no elevation: 0 m was taken for {counted(n, 'station')}, depths will be off")
        table["elevation_m"] = table["elevation_m"].where(~unknown, 0.0)
    if said:
        kind = "no elevation" if unknown.any() else "column"
        problems.insert(0, Problem("warning", kind, "; ".join(said), str(path)))
    table = table.drop_duplicates().reset_index(drop=True)
    table.attrs["problems"] = problems
    return table


def _strange(columns: list[str]) -> list[str]:
    """What to say of columns that are not understood.

    Examples
    --------
    >>> _strange(["Hoehe"])
    ["column 'Hoehe' was not understood"]
    """
    if not columns:
        return []
    names = ", ".join(f"'{name}'" for name in columns[:8])
    return [f"column {names} was not understood" if len(columns) == 1
            else f"columns {names} were not understood"]  # fmt: skip
