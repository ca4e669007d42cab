"""Events of picks: associated, located, with what each pick says about them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from craton.catalogue.picking import bundle_of
from craton.catalogue.settings import CatalogueConfig
from craton.io.geodesy import haversine_km
from craton.models.associators import table_of
from craton.models.physics.travel_times import TravelTimes

Floats = NDArray[np.float64]

RADIUS_KM = 6371.0
FEWEST_STATIONS = 3
"""Stations with coordinates and picks below which nothing is located."""

SWITCH = 0.3
"""A pick counts as the other phase where that leaves less than this share of its residual."""

COLUMNS = (
    "time", "latitude", "longitude", "depth_km", "magnitude", "probability", "n_picks", "event_id",
    "time_error_s", "horizontal_error_km", "depth_error_km", "east_error_km", "north_error_km",
    "correlation", "score", "n_stations", "rms_s", "gap_deg", "nearest_km",
)  # fmt: skip


@dataclass(frozen=True)
class Associator:
    """A way to associate and locate.

    Attributes
    ----------
    name : str
        For people.
    sha256 : str
        Of its bundle, or empty.
    table : TravelTimes
        What it locates with.
    loaded : Loaded, optional
        The bundle.
    """

    name: str
    sha256: str
    table: TravelTimes
    loaded: Any = None


def associator_of(bundle: str | Path | None, config: CatalogueConfig) -> Associator:
    """The associator of a bundle of ``phase-association``, or physics alone.

    Raises
    ------
    ConfigError, BundleError
        If the bundle is of another task or damaged.
    """
    if bundle is None:
        return Associator("likelihood ratios on a grid (no bundle: no probability of events)", "",
                          table_of(config.velocity_model))  # fmt: skip
    loaded = bundle_of(bundle, "phase-association", "--associator")
    return Associator(f"{loaded.fitted.name} of a bundle of phase-association", loaded.sha256,
                      table_of(loaded.config.velocity_model), loaded)  # fmt: skip


def associated(
    picks: pd.DataFrame, stations: pd.DataFrame, associator: Associator, config: CatalogueConfig
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Find events in picks.

    Parameters
    ----------
    picks : pandas.DataFrame
        Of stations in the list, by time.
    stations : pandas.DataFrame
        One row a station, as `craton.io.stations.sites` gives it.

    Returns
    -------
    events : pandas.DataFrame
        `COLUMNS`, by time.
    picks : pandas.DataFrame
        With ``event`` (row of `events` or -1), ``event_id``, ``phase_used``, ``residual_s``,
        ``distance_km``, ``azimuth_deg`` (from the event to the station).
    """
    from craton.data.pick_streams import stream_of

    known = picks.groupby(["network", "station"]).ngroups
    if known < FEWEST_STATIONS:
        return no_events(), unowned(picks)
    data = stream_of(picks, stations, None, None)
    if associator.loaded is None:
        events, owner = _by_physics(data, associator, config)
    else:
        from craton.detection_tables import event_table

        loaded = associator.loaded
        samples = loaded.samples(data, loaded.config, future=True)
        events, owner = event_table(loaded.fitted.predict(samples), samples)
    events["event_id"] = _names(events["time"])
    picks = _told(picks, owner, events, stations, associator.table)
    events = _with_quality(events, picks)
    return events[list(COLUMNS)], picks


def no_events() -> pd.DataFrame:
    """An empty catalogue."""
    table = pd.DataFrame({c: pd.Series(dtype=float) for c in COLUMNS})
    return table.astype({"time": "datetime64[ns]", "event_id": object, "n_picks": int})


def _names(times: pd.Series) -> list[str]:
    """``evYYYYMMDDThhmmss``, with a letter where a second has several.

    Examples
    --------
    >>> _names(pd.Series(pd.to_datetime(["2020-01-01T00:00:00", "2020-01-01T00:00:00"])))
    ['ev20200101T000000', 'ev20200101T000000a']
    """
    names = [f"ev{t:%Y%m%dT%H%M%S}" for t in times]
    seen: dict[str, int] = {}
    found = []
    for name in names:
        k = seen[name] = seen.get(name, -1) + 1
        found.append(name if k == 0 else f"{name}{chr(96 + k) if k < 27 else f'-{k}'}")
    return found


def _by_physics(
    data: Any, associator: Associator, config: CatalogueConfig
) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    from craton.models.association import Settings, associate
    from craton.models.association_geometry import Geometry

    places = [data[k].to_numpy() for k in ("latitude", "longitude", "elevation")]
    geometry = Geometry.of(places[0], places[1], places[2], associator.table.max_distance)
    clock = data["time"].to_numpy().astype("datetime64[ns]").astype(np.int64)
    base = int(clock[0])
    code = data["pick_code"].to_numpy()
    settings = Settings.of(bool((code >= 0).any()), config.least_score)
    found = associate((clock - base) / 1e9, data["pick_station"].to_numpy(), code, geometry,
                      associator.table, settings)  # fmt: skip
    e = found.events
    when = base + (e["time"].to_numpy() * 1e9).round().astype(np.int64)
    table = pd.DataFrame({
        "time": when.astype("datetime64[ns]"), "latitude": e["latitude"].round(5),
        "longitude": e["longitude"].round(5), "depth_km": e["depth_km"], "magnitude": np.nan,
        "probability": np.nan, "n_picks": e["n_picks"].astype(int),
        "time_error_s": e["sd_time_s"].round(3),
        "horizontal_error_km": np.hypot(e["sd_east_km"], e["sd_north_km"]).round(3),
        "depth_error_km": e["sd_depth_km"].round(3), "east_error_km": e["sd_east_km"].round(3),
        "north_error_km": e["sd_north_km"].round(3), "correlation": e["correlation"].round(3),
        "score": e["score"].round(2),
    })  # fmt: skip
    return table, found.pick_event


def _told(
    picks: pd.DataFrame, owner: NDArray[np.int64], events: pd.DataFrame, stations: pd.DataFrame,
    table: TravelTimes,
) -> pd.DataFrame:  # fmt: skip
    """Picks with their event, and how far they are off its travel times."""
    found = unowned(picks).assign(event=owner)
    mine = np.flatnonzero(owner >= 0)
    if not len(mine):
        return found
    event = events.iloc[owner[mine]]
    y, x, up = places_of(picks.iloc[mine], stations)
    distance, azimuth = away(event["latitude"].to_numpy(), event["longitude"].to_numpy(), y, x)
    seconds = (picks["time"].to_numpy()[mine] - event["time"].to_numpy()) / np.timedelta64(1, "s")
    off = np.stack([
        seconds - travel(table, w, distance, event["depth_km"].to_numpy(), up) for w in ("P", "S")
    ])  # fmt: skip
    letter = (picks["phase"].to_numpy()[mine] == "S").astype(int)
    at = np.arange(len(mine))
    other = np.abs(off[1 - letter, at]) < SWITCH * np.abs(off[letter, at]) - 0.2
    used = np.where(other, 1 - letter, letter)
    rows = found.index[mine]
    found.loc[rows, "event_id"] = event["event_id"].to_numpy()
    found.loc[rows, "phase_used"] = np.where(used == 1, "S", "P")
    found.loc[rows, "residual_s"] = off[used, at].round(3)
    found.loc[rows, "distance_km"] = distance.round(2)
    found.loc[rows, "azimuth_deg"] = azimuth.round(1)
    return found


def unowned(picks: pd.DataFrame) -> pd.DataFrame:
    """Picks with the columns of those of events, of which they are none."""
    return picks.assign(event=-1, event_id="", phase_used="", residual_s=np.nan,
                        distance_km=np.nan, azimuth_deg=np.nan)  # fmt: skip


def travel(table: TravelTimes, phase: str, distance: Any, depth: Any, up_km: Any) -> Floats:
    """Travel times in s to stations above sea level, as the associator counts them."""
    surface = table.surface_p if phase == "P" else table.surface_s
    return table(phase, distance, np.broadcast_to(depth, np.shape(distance))) + up_km / surface


def places_of(rows: pd.DataFrame, stations: pd.DataFrame) -> tuple[Floats, Floats, Floats]:
    """Latitude, longitude (degrees) and elevation (km) of the stations that rows name."""
    keys = pd.MultiIndex.from_frame(stations[["network", "station"]])
    at = keys.get_indexer(pd.MultiIndex.from_frame(rows[["network", "station"]]))
    columns = stations[["latitude", "longitude", "elevation_m"]].to_numpy(float)[at]
    return columns[:, 0], columns[:, 1], columns[:, 2] / 1e3


def away(lat: Any, lon: Any, to_lat: Any, to_lon: Any) -> tuple[Floats, Floats]:
    """Distance in km and azimuth in degrees from one place to another.

    Examples
    --------
    >>> [float(v.round(1)) for v in away(0.0, 0.0, 0.0, 1.0)]
    [111.2, 90.0]
    """
    distance = haversine_km(lat, lon, to_lat, to_lon, radius=RADIUS_KM)
    a, b, turn = np.radians(lat), np.radians(to_lat), np.radians(np.subtract(to_lon, lon))
    y = np.sin(turn) * np.cos(b)
    x = np.cos(a) * np.sin(b) - np.sin(a) * np.cos(b) * np.cos(turn)
    return distance, np.asarray(np.degrees(np.arctan2(y, x)) % 360.0)


def _with_quality(events: pd.DataFrame, picks: pd.DataFrame) -> pd.DataFrame:
    """Stations, residuals, azimuthal gap and nearest station of each event."""
    mine = picks[picks["event"] >= 0]
    groups = mine.groupby("event")
    rows = events.index
    name = mine["network"] + "." + mine["station"]
    gap = groups["azimuth_deg"].apply(_gap)
    return events.assign(
        n_stations=name.groupby(mine["event"]).nunique().reindex(rows, fill_value=0),
        rms_s=groups["residual_s"].apply(lambda r: np.sqrt((r**2).mean())).reindex(rows).round(3),
        gap_deg=gap.reindex(rows).round(1),
        nearest_km=groups["distance_km"].min().reindex(rows).round(2),
    )


def _gap(azimuths: pd.Series) -> float:
    turn = np.sort(azimuths.to_numpy())
    return float(np.diff(np.append(turn, turn[0] + 360.0)).max())
