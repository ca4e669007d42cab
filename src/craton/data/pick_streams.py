"""Picks, stations and a catalogue as one dataset, from files, public datasets, or a world."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from craton.data.registry import Located
from craton.data.seismic_network import Nature, World, simulate
from craton.errors import DataError
from craton.io.picks import read_events, read_picks, unknown_stations
from craton.io.stations import read_stations, sites
from craton.models.physics.travel_times import TravelTimes

EVENT = ("latitude", "longitude", "depth_km", "magnitude")

PUBLIC: dict[str, dict[str, Any]] = {
    "glass3-ceus": {
        "picks": ["ceus_dev.jsonpick.gz"], "stations": "regional_example_stationlist.json.gz",
        "catalog": "CEUS_dev.csv", "match": (15.0, 100.0), "labelled": False,
    },
    "ridgecrest-pal-picks": {
        "picks": ["2019-07-04.pick.gz"], "stations": "example_pal_format1.sta",
        "catalog": "scsn_catalog_20190704.csv.gz", "match": (2.0, 15.0), "labelled": True,
    },
    "amatrice-real": {
        "picks": ["phasenet_picks_20161014.csv.gz"], "stations": "station.dat", "catalog": None,
        "match": (2.0, 15.0), "labelled": True,
    },
}  # fmt: skip
"""Files of public datasets, the protocol's match in s and km, whether picks say P or S."""


def stream_of(
    picks: pd.DataFrame, stations: pd.DataFrame, events: pd.DataFrame | None, labelled: bool | None
) -> xr.Dataset:
    """Bring picks, stations and known events into one dataset.

    Parameters
    ----------
    picks, stations : pandas.DataFrame
        As `craton.io.picks.read_picks` and `craton.io.stations.sites` give them; magnitudes come
        from ``amplitude_m`` (ground displacement, m).
    events : pandas.DataFrame, optional
        ``time, latitude, longitude, depth_km, magnitude``.
    labelled : bool, optional
        Whether the phases of picks mean anything; if None, they do where both P and S occur.

    Returns
    -------
    xarray.Dataset
        Dimensions `pick`, `station`, `event`; `pick_event` is -2 where not known. Its ``warnings``
        attribute says line by line what was wrong or left out, ``history`` what else was found.

    Raises
    ------
    DataError
        If no pick is of a station in the list.
    """
    read = [*stations.attrs.get("problems", []), *picks.attrs.get("problems", [])]
    told = dict.fromkeys([*read, *unknown_stations(picks, stations)])
    lines = {level: "\n".join(str(p) for p in told if p.level == level)
             for level in ("warning", "info")}  # fmt: skip
    names = stations["network"].astype(str) + "." + stations["station"].astype(str)
    row = pd.Series(np.arange(len(stations)), index=names)
    at = row.reindex(picks["network"].astype(str) + "." + picks["station"].astype(str)).to_numpy()
    here = np.isfinite(at)
    if not here.any():
        raise DataError(
            "no pick is of a station in the list", where=names.iloc[0] if len(names) else "picks",
            fix="give the list of the stations that the picks name (NETWORK.STATION)",
        )  # fmt: skip
    picks = picks[here].assign(row=at[here].astype(np.int64)).sort_values("time", kind="stable")
    letter = picks["phase"].astype(str).str.upper().str[:1].map({"P": 0, "S": 1}).fillna(-1)
    if labelled is None:
        labelled = set(letter) >= {0.0, 1.0}
    code = letter.to_numpy().astype(np.int64) if labelled else np.full(len(picks), -1)
    # an amplitude whose unit is not told gives no magnitude
    size = picks.get("amplitude_m", pd.Series(np.nan, picks.index)).to_numpy().astype(float)
    known = pd.DataFrame(columns=["time", *EVENT]) if events is None else events
    data = xr.Dataset(
        {
            "pick_station": ("pick", picks["row"].to_numpy()),
            "pick_code": ("pick", code),
            "pick_event": ("pick", np.full(len(picks), -2)),
            "pick_amplitude": ("pick", np.where(np.isfinite(size), size, -1.0)),
            "latitude": ("station", stations["latitude"].to_numpy(float), {"units": "degrees"}),
            "longitude": ("station", stations["longitude"].to_numpy(float), {"units": "degrees"}),
            "elevation": ("station", stations["elevation_m"].to_numpy(float) / 1e3,
                          {"units": "km"}),
            "network": ("station", stations["network"].to_numpy(str)),
            "name": ("station", stations["station"].to_numpy(str)),
            **{f"event_{k}": ("event", known[k].to_numpy(float)) for k in EVENT},
            "event_time": ("event", known["time"].to_numpy("datetime64[ns]")),
        },
        coords={"time": ("pick", picks["time"].to_numpy("datetime64[ns]"))},
    )  # fmt: skip
    data.attrs.update(labelled=int(labelled), catalogue=int(events is not None),
                      warnings=lines["warning"], history=lines["info"])  # fmt: skip
    return data


def read_stream(found: Located, stations: str | None, catalog: str | None) -> xr.Dataset:
    """Read a public dataset, or a file of picks with its list of stations.

    Raises
    ------
    DataError
        If the list of stations is not named, or a file cannot be read.
    """
    public = PUBLIC.get(found.dataset)
    if public is not None and found.path.is_dir():
        folder = found.path
        picks = pd.concat([read_picks(folder / p) for p in public["picks"]], ignore_index=True)
        places = sites(read_stations(folder / public["stations"]))
        events = _catalogue(folder / public["catalog"]) if public["catalog"] else None
        return stream_of(picks, places, events, public["labelled"])
    if stations is None:
        raise DataError(
            "the list of stations is not named", where=str(found.path),
            fix="--set stations=FILE (StationXML, CSV, ...)",
        )  # fmt: skip
    labelled = public["labelled"] if public else None
    from craton.data.registry import locate

    events = _catalogue(locate(catalog).path) if catalog else None
    picks = read_picks(found.path)
    single = set(picks["phase"].str.upper().str[:1]) < {"P", "S"}
    return stream_of(picks, sites(read_stations(_stations(stations))), events,
                     False if single else labelled)  # fmt: skip


def _stations(name: str) -> Path:
    from craton.data.registry import locate

    try:
        return locate(name).path
    except DataError:
        raise DataError(
            "the list of stations is not there any more, or not yet", where=name,
            fix="name where it is with --set stations=FILE",
        ) from None  # fmt: skip


def _catalogue(path: Path) -> pd.DataFrame:
    """A catalogue of known events, also in the forms of the public datasets."""
    head = pd.read_csv(path, sep=None, engine="python", nrows=1).columns.tolist()
    if "OT" in head:
        table = pd.read_csv(path)
        time = pd.to_datetime(table["OT"], unit="s")
        columns = {"Lat": "latitude", "Lon": "longitude", "Dep": "depth_km", "Mag": "magnitude"}
        return table.rename(columns=columns).assign(time=time)
    if "depth(m)" in head:
        table = pd.read_csv(path, sep="\t")
        return table.assign(time=pd.to_datetime(table["time"]), depth_km=table["depth(m)"] / 1e3)
    return read_events(path)


def stream_of_world(world: World, data: xr.Dataset, start: np.datetime64) -> xr.Dataset:
    """A world on the stations of `data`, beginning at `start`, as `stream_of` lays it out."""

    def when(seconds: Any) -> Any:
        return start + (np.asarray(seconds) * 1e9).astype("timedelta64[ns]")

    picks, events = world.picks, world.events
    size = picks["amplitude"].to_numpy(float)
    stations = [v for v in data.data_vars if data[v].dims == ("station",)]
    columns: dict[str, Any] = {f"event_{k}": ("event", events[k].to_numpy(float)) for k in EVENT}
    for name in ("station", "code", "event"):
        columns[f"pick_{name}"] = ("pick", picks[name].to_numpy(np.int64))
    columns["pick_amplitude"] = ("pick", np.where(np.isfinite(size), size, -1.0))
    columns["event_time"] = ("event", when(events["time"]))
    made = data[stations].assign(columns).assign_coords(time=("pick", when(picks["time"])))
    return made.assign_attrs(labelled=int(picks["code"].max() >= 0), catalogue=1)


def example_stream(table: TravelTimes, seed: int = 0, hours: float = 24.0) -> xr.Dataset:
    """A network of 25 stations in a world that is known: a day of picks and their events."""
    y, x = (a.ravel() for a in np.meshgrid(np.arange(45.0, 46.3, 0.3), np.arange(7.0, 8.8, 0.4)))
    rng = np.random.default_rng(seed)
    y, x = y + rng.normal(0, 0.05, y.size), x + rng.normal(0, 0.05, x.size)
    stations = xr.Dataset({
        "latitude": ("station", y, {"units": "degrees"}),
        "longitude": ("station", x, {"units": "degrees"}),
        "elevation": ("station", np.zeros(y.size), {"units": "km"}),
        "network": ("station", np.full(y.size, "SY")),
        "name": ("station", np.array([f"S{k:02d}" for k in range(y.size)])),
    })  # fmt: skip
    nature = Nature(events_per_hour=14.0, smallest_range=30.0, labelled=True, error=0.15,
                    far_per_hour=0.1)  # fmt: skip
    world = simulate(y, x, np.full(y.size, 1e-3), table, nature, hours, seed)
    return stream_of_world(world, stations, np.datetime64("2020-01-01T00:00:00", "ns"))
