"""Continuous records of a small network in which every event is known: the catalogue's example.

Nine stations record an hour at 100 Hz on short-period seismometers whose response is in the
StationXML. Earthquakes, quarry blasts and slides of known place, time and local magnitude are added
to noise; travel times are those of a 1-D model with errors along each path. One channel is dead,
one station was out of order for a while, and one is not in the list of stations.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from craton.io.geodesy import haversine_km
from craton.io.problems import need_obspy
from craton.models.physics.local_magnitude import amplitude_of, wood_anderson
from craton.models.physics.onsets import bandpass
from craton.models.physics.seismograms import event_waves, noise_waves, phase_waves
from craton.models.physics.travel_times import TravelTimes

Floats = NDArray[np.float64]

RATE = 100.0
START = np.datetime64("2020-01-01T00:00:00", "ns")
ZEROS = (0j, 0j)
POLES = (-4.39823 + 4.48708j, -4.39823 - 4.48708j)
"""Of a seismometer of 1 Hz with a damping of 0.7."""

SENSITIVITY = 1e9
"""Counts by m/s at 5 Hz."""

SITE, PATH = 0.12, 0.006
"""Spread of station magnitudes, and share of the travel time that a path is off by."""

UNLISTED = "S99"
_LEAD, _TAIL = 2.0, 70.0


@dataclass(frozen=True)
class Example:
    """Where the example lies, and what is known of it.

    Attributes
    ----------
    waveforms, stations : Path
        SDS archive; StationXML.
    events : pandas.DataFrame
        ``time, latitude, longitude, depth_km, magnitude, kind``.
    """

    waveforms: Path
    stations: Path
    events: pd.DataFrame


def places(n: int = 9, spacing: float = 0.2) -> pd.DataFrame:
    """Stations on a jittered grid: ``station, latitude, longitude, elevation_m``."""
    rng = np.random.default_rng(5)
    side = int(np.ceil(np.sqrt(n)))
    y, x = (a.ravel()[:n] for a in np.mgrid[:side, :side] * spacing)
    y, x = (a + rng.normal(0, 0.15 * spacing, n) for a in (46.0 + y, 7.2 + 1.4 * x))
    return pd.DataFrame({
        "station": [f"S{k:02d}" for k in range(n)], "latitude": y.round(4),
        "longitude": x.round(4), "elevation_m": rng.uniform(300, 1500, n).round(),
    })  # fmt: skip


def world(stations: pd.DataFrame, minutes: float, every: float, seed: int) -> pd.DataFrame:
    """Events in or near the network, one every so many seconds; a fifth of them are blasts.

    Every ninth is a slide, and one earthquake follows another by 12 s.
    """
    rng = np.random.default_rng(seed)
    n = max(3, int((minutes * 60 - 150) / every))
    y, x = stations["latitude"].to_numpy(), stations["longitude"].to_numpy()
    kind = np.where(np.arange(n) % 5 == 2, "explosion", "earthquake")
    kind = np.where(np.arange(n) % 9 == 7, "surface", kind)
    seconds = 60.0 + every * (np.arange(n) + rng.uniform(0.1, 0.6, n))
    if n > 5:
        seconds[4], kind[4] = seconds[3] + 12.0, "earthquake"
    magnitude = np.minimum(1.0 + rng.exponential(0.5, n), 3.2).round(2)
    depth = np.where(kind == "earthquake", rng.uniform(3.0, 14.0, n), 0.3)
    # blasts come from two quarries
    quarry = rng.uniform(0.25, 0.75, (2, 2))[np.arange(n) % 2]
    at = np.where((kind == "explosion")[:, None], quarry, rng.uniform(0.05, 0.95, (n, 2)))
    at += (kind == "explosion")[:, None] * rng.normal(0, 0.01, (n, 2))
    return pd.DataFrame({
        "time": START + (seconds * 1e9).round().astype("timedelta64[ns]"),
        "latitude": (y.min() + at[:, 0] * np.ptp(y)).round(4),
        "longitude": (x.min() + at[:, 1] * np.ptp(x)).round(4),
        "depth_km": depth.round(2), "magnitude": magnitude, "kind": kind,
    })  # fmt: skip


def write_example(
    folder: str | Path,
    table: TravelTimes,
    *,
    minutes: float = 60.0,
    n_stations: int = 9,
    every: float = 180.0,
    faults: bool = True,
    seed: int = 0,
) -> Example:
    """Write the records as an SDS archive with StationXML and ``truth.csv`` beside it.

    Parameters
    ----------
    folder : path
    table : TravelTimes
        True travel times but for the error of each path.
    minutes, n_stations, every, seed
        Length, size, seconds between events, chance.
    faults : bool
        Whether a channel is dead, a station has a gap, and one is not in the list.

    Returns
    -------
    Example
    """
    folder = Path(folder)
    stations = places(n_stations)
    events = world(stations, minutes, every, seed)
    extra = stations.iloc[:1].assign(station=UNLISTED) if faults else stations.iloc[:0]
    rows: Any = pd.concat([stations, extra]).itertuples()
    for k, row in enumerate(rows):
        rng = np.random.default_rng([seed, k])
        ground = _ground(row, events, table, round(minutes * 60 * RATE), rng)
        for letter, counts in zip("ZNE", _counts(ground), strict=True):
            if faults and k == 2 and letter == "E":
                counts = np.zeros_like(counts)
            middle, gap = len(counts) // 2, None
            if faults and k == 4:
                gap = (middle, middle + len(counts) // 6)
            _write(folder / "sds", row.station, f"EH{letter}", counts, gap)
    inventory_of(stations).write(str(folder / "stations.xml"), format="STATIONXML")
    events.to_csv(folder / "truth.csv", index=False)
    return Example(folder / "sds", folder / "stations.xml", events)


def _ground(
    station: Any, events: pd.DataFrame, table: TravelTimes, n: int, rng: np.random.Generator
) -> Floats:
    """Ground velocity (component, time), m/s."""
    noise = noise_waves(n, RATE, rng)
    loud = bandpass(noise, RATE).std()
    ground = noise * rng.uniform(2e-8, 6e-8) / loud
    length = round((_LEAD + _TAIL) * RATE)
    rows: Any = events.itertuples()
    for event in rows:
        d = haversine_km(event.latitude, event.longitude, station.latitude, station.longitude)
        up = station.elevation_m / 1e3
        off = 1.0 + PATH * rng.normal()
        p, s = (
            float(table(w, d, event.depth_km)) * off + up / v
            for w, v in (("P", table.surface_p), ("S", table.surface_s))
        )
        seconds = (event.time.to_datetime64() - START) / np.timedelta64(1, "s")
        first = int((seconds + p - _LEAD) * RATE)
        begin = (seconds + p) * RATE - first
        waves = _waves(event, float(d), np.array([begin, begin + (s - p) * RATE]), length, rng)
        distance = float(np.hypot(d, event.depth_km))
        wanted = amplitude_of(event.magnitude + SITE * rng.normal(), distance)
        peak = np.log10(np.abs(wood_anderson(waves[1:], RATE, velocity=True)).max(axis=1)).mean()
        room = ground[:, first : first + length]
        room += (waves * float(wanted) / 10**peak)[:, : room.shape[1]]
    return ground


def _waves(
    event: Any, distance: float, arrival: Floats, n: int, rng: np.random.Generator
) -> Floats:
    """Velocity of one event at a station in any unit, shape (component, time)."""
    if event.kind == "earthquake":
        return event_waves(n, RATE, arrival, distance, event.magnitude, rng)
    t = (np.arange(n) - arrival[0]) / RATE
    if event.kind == "surface":  # a spindle without phases
        middle, width = rng.uniform(12.0, 18.0), rng.uniform(6.0, 9.0)
        raw = rng.normal(size=(3, n)) * np.exp(-(((t - middle) / width) ** 2)) * (t > 0)
        return bandpass(raw, RATE, 1.0, 5.0)
    # a blast: P as strong as S, and a slow surface wave of low frequency
    up = np.array([0.9, 0.3, 0.3])
    found = phase_waves(n, RATE, arrival[0], 8.0, 0.02, up, rng)
    found += 0.7 * phase_waves(n, RATE, arrival[1], 6.0, 0.03, np.array([0.3, 0.7, 0.6]), rng)
    late = t - distance * (1 / 2.9 - 1 / 6.0)
    envelope = np.where(late > 0, late * np.exp(-np.maximum(late, 0) / 2.5), 0.0)
    slow = bandpass(rng.normal(size=(3, n)) * envelope, RATE, 0.9, 2.3)
    scale = np.abs(found).max() / (np.abs(slow).max() + 1e-30)
    return np.asarray(found + 0.8 * np.exp(-distance / 60.0) * scale * slow)


def _response(frequency: NDArray[Any]) -> NDArray[np.complex128]:
    """Counts by m/s."""

    def shape(f: Any) -> Any:
        s = 2j * np.pi * np.asarray(f, float)
        return s**2 / ((s - POLES[0]) * (s - POLES[1]))

    return np.asarray(SENSITIVITY * shape(frequency) / np.abs(shape(5.0)))


def _counts(ground: Floats) -> NDArray[np.int32]:
    n = ground.shape[-1]
    response: Any = _response(np.fft.rfftfreq(n, 1 / RATE))
    spectrum = np.fft.rfft(ground, axis=-1) * response
    return np.asarray(np.fft.irfft(spectrum, n, axis=-1).round(), np.int32)


def _write(
    root: Path, station: str, channel: str, counts: NDArray[np.int32],
    gap: tuple[int, int] | None,
) -> None:  # fmt: skip
    """Files of an SDS archive, a day each, without what lies in the gap."""
    obspy = need_obspy()
    start = obspy.UTCDateTime(ns=int(START.astype(np.int64)))
    header = {"network": "SY", "station": station, "channel": channel, "sampling_rate": RATE}
    parts = [(0, len(counts))] if gap is None else [(0, gap[0]), (gap[1], len(counts))]
    day = round(86400 * RATE)
    for number in range(-(-len(counts) // day)):
        stream = obspy.Stream()
        for a, b in parts:
            a, b = max(a, number * day), min(b, (number + 1) * day)
            if a < b:
                stream.append(obspy.Trace(counts[a:b], {**header, "starttime": start + a / RATE}))
        when = start + number * 86400
        folder = root / str(when.year) / "SY" / station / f"{channel}.D"
        folder.mkdir(parents=True, exist_ok=True)
        name = f"SY.{station}..{channel}.D.{when.year}.{when.julday:03d}"
        if stream:
            stream.write(str(folder / name), format="MSEED", encoding="STEIM2", reclen=4096)


def inventory_of(stations: pd.DataFrame) -> Any:
    """StationXML of the stations, three channels each with the response."""
    obspy = need_obspy()
    from obspy.core import inventory as i

    shape = _response(np.array([5.0]))[0] / SENSITIVITY
    s = 2j * np.pi * 5.0
    factor = float(np.abs(shape) / np.abs(s**2 / ((s - POLES[0]) * (s - POLES[1]))))
    response = i.Response.from_paz(
        list(ZEROS), list(POLES), SENSITIVITY, stage_gain_frequency=5.0, input_units="M/S",
        output_units="COUNTS", normalization_frequency=5.0, normalization_factor=factor,
    )  # fmt: skip
    begin = obspy.UTCDateTime("2019-01-01")
    made = []
    rows: Any = stations.itertuples()
    for row in rows:
        where = {"latitude": row.latitude, "longitude": row.longitude,
                 "elevation": row.elevation_m}  # fmt: skip
        channels = [
            i.Channel(f"EH{letter}", "", **where, depth=0.0, azimuth=azimuth, dip=dip,
                      sample_rate=RATE, start_date=begin, response=response)
            for letter, azimuth, dip in (("Z", 0.0, -90.0), ("N", 0.0, 0.0), ("E", 90.0, 0.0))
        ]  # fmt: skip
        made.append(i.Station(row.station, **where, channels=channels, start_date=begin))
    return i.Inventory([i.Network("SY", stations=made)], source="craton")
