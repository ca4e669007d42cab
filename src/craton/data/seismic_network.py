"""A synthetic world on a real list of stations: earthquakes, their picks, and picks of nothing.

Magnitudes follow Gutenberg and Richter, epicentres lie in clusters and anywhere, chance of a pick
falls with distance at the range that the magnitude gives, stations differ in noise, are out of
order for a while, pick too early or too late, pick the later Pg or S without saying so, pick the
coda, and pick nothing at all, in bursts, which neighbours on the same ground share; waves of far
earthquakes cross the network. What is known of all of it is given out with the picks.

A detector triggers on each wave that stands out: of regional earthquakes Pn, Pg and Sg, seldom Sn,
and little after (seen so in the automatic picks of the Central United States, where within 200 km
nine stations of ten have a P and eight an S pick of a strong event, and from 350 km on the later
P and the later S are picked as often as the first P). A phase picker gives one P and one S.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from craton.io.geodesy import haversine_km
from craton.models.physics.local_magnitude import amplitude_of
from craton.models.physics.travel_times import TravelTimes

Floats = NDArray[np.float64]

RANGE_BY_MAGNITUDE = 0.45
"""Tenfold growth of the detection range by unit of magnitude."""

BURSTS = 0.5
"""Shape of the gamma law by which an hour's rate of stray picks differs from the station's mean."""

AGAIN = 0.15
"""Share of stray picks that another follows within some 20 s."""

SAME_GROUND_KM = 2.0
"""Stations so close share three stray picks of ten."""


@dataclass(frozen=True)
class World:
    """Picks and the events behind them.

    Attributes
    ----------
    picks : pd.DataFrame
        ``time`` (s), ``station`` (row of the list), ``code`` (0 P, 1 S, -1 not said), ``event``
        (row of `events`, -1: none), ``amplitude`` (m, NaN where none).
    events : pd.DataFrame
        ``time`` (s), ``latitude``, ``longitude``, ``depth_km``, ``magnitude``, ``n_picks``; those
        with fewer than four picks of their own are left out, their picks are stray.
    """

    picks: pd.DataFrame
    events: pd.DataFrame


@dataclass(frozen=True)
class Nature:
    """What a world is like.

    Attributes
    ----------
    events_per_hour : float
        Earthquakes with a detection range of at least `smallest_range`.
    smallest_range : float
        km at which a station of middling noise sees the smallest earthquake in half the cases.
    labelled : bool
        Whether picks say P or S.
    error : float
        Scale of pick errors, s.
    far_per_hour : float
        Waves of far earthquakes.
    outage : float
        Share of stations out of order at any time.
    clustered : float
        Share of earthquakes in clusters.
    b_value : float
        Of Gutenberg and Richter's law.
    """

    events_per_hour: float = 4.0
    smallest_range: float = 50.0
    labelled: bool = False
    error: float = 0.3
    far_per_hour: float = 0.1
    outage: float = 0.08
    clustered: float = 0.5
    b_value: float = 1.0


def simulate(
    latitude: Floats,
    longitude: Floats,
    stray_rate: Floats,
    table: TravelTimes,
    nature: Nature,
    hours: float,
    seed: int = 0,
) -> World:
    """Simulate picks.

    Parameters
    ----------
    latitude, longitude, stray_rate : ndarray, shape (station,)
        Degrees; stray picks a second.
    table : TravelTimes
        True travel times, before each path's own error.
    nature : Nature
        What the world is like.
    hours : float
        Length.
    seed : int
        The same seed gives the same world.

    Returns
    -------
    World

    Examples
    --------
    >>> from craton.models.physics.travel_times import iasp91, travel_times
    >>> table = travel_times(iasp91(), max_distance=200.0, max_depth=30.0, distance_step=10.0)
    >>> y, x = np.meshgrid([46.0, 46.3, 46.6], [7.0, 7.4, 7.8])
    >>> world = simulate(y.ravel(), x.ravel(), np.full(9, 1e-3), table, Nature(), 2.0)
    >>> sorted(world.picks.columns)
    ['amplitude', 'code', 'event', 'station', 'time']
    """
    rng = np.random.default_rng(seed)
    lat, lon = np.asarray(latitude, float), np.asarray(longitude, float)
    seconds = hours * 3600.0
    events = _events(rng, lat, lon, nature, seconds, table.max_depth)
    site = rng.normal(0.0, 0.2, len(lat))  # log10 of what noise does to the range
    statics = rng.normal(0.0, 0.5 * nature.error, len(lat))
    parts = [
        _picks_of(rng, k, e, lat, lon, site, statics, table, nature)
        for k, e in enumerate(events.itertuples())
    ]
    parts += [_far(rng, lat, lon, nature, seconds)]
    parts += [_stray(rng, lat, lon, np.asarray(stray_rate, float), nature, seconds)]
    picks = pd.concat(parts, ignore_index=True)
    picks = picks[_working(rng, picks, len(lat), nature.outage, seconds)]
    picks = picks.sort_values("time", kind="stable").reset_index(drop=True)
    return _with_few_dropped(picks, events)


def _events(
    rng: np.random.Generator, lat: Floats, lon: Floats, nature: Nature, seconds: float,
    max_depth: float,
) -> pd.DataFrame:  # fmt: skip
    """Origin times, places and magnitudes; some cluster in space and follow one another."""
    n = max(1, int(rng.poisson(nature.events_per_hour * seconds / 3600.0)))
    # somewhere near a station, so that empty quarters of the bounding box hold few events
    at = rng.integers(0, len(lat), n)
    apart = np.median(np.sort(haversine_km(lat[:, None], lon[:, None], lat, lon), axis=1)[
        :, min(3, len(lat) - 1)])  # fmt: skip
    spread = 1.2 * apart / 111.19
    y = lat[at] + rng.normal(0, spread, n)
    x = lon[at] + rng.normal(0, spread, n) / np.cos(np.radians(lat[at]))
    time = np.sort(rng.uniform(0.0, seconds, n))
    parent = np.flatnonzero(rng.random(n) < nature.clustered)
    for k in parent[parent > 0]:
        mother = rng.integers(max(0, k - 5), k)
        y[k] = y[mother] + rng.normal(0, 0.02)
        x[k] = x[mother] + rng.normal(0, 0.02)
    magnitude = np.minimum(rng.exponential(1 / nature.b_value / np.log(10.0), n), 4.0)
    depth = np.clip(rng.gamma(3.0, 3.0, n), 0.5, 0.9 * max_depth)
    return pd.DataFrame(
        {"time": time, "latitude": y, "longitude": x, "depth_km": depth, "magnitude": magnitude}
    )


def _picks_of(
    rng: np.random.Generator, number: int, event: object, lat: Floats, lon: Floats, site: Floats,
    statics: Floats, table: TravelTimes, nature: Nature,
) -> pd.DataFrame:  # fmt: skip
    """P, S and coda picks of one event."""
    time, y, x, depth, magnitude = (
        float(getattr(event, k)) for k in ("time", "latitude", "longitude", "depth_km", "magnitude")
    )
    d = haversine_km(y, x, lat, lon, radius=6371.0)
    log_range = np.log10(nature.smallest_range) + RANGE_BY_MAGNITUDE * magnitude
    # how far above the noise the P wave is, in log10 of distance
    strength = log_range + site + rng.normal(0, 0.15, len(lat)) - np.log10(d + 1.0)
    strength[d > table.max_distance] = -9.0
    path = 1.0 + 0.008 * rng.standard_t(4, len(lat))
    found = []
    for wave, seen, travel in _arrivals(rng, d, depth, strength > 0, table, nature):
        travel = travel * path[seen] + statics[seen]
        weak = 1.0 + np.clip(0.3 - strength[seen], 0, None) / 0.3
        error = nature.error * weak * rng.standard_t(3, len(seen)) * 0.7
        wrong = rng.random(len(seen)) < 0.03
        letter = (wave == "S") ^ wrong
        code = letter.astype(int) if nature.labelled else np.full(len(seen), -1)
        amplitude = amplitude_of(magnitude + rng.normal(0, 0.25, len(seen)),
                                 np.hypot(d[seen], depth))  # fmt: skip
        found.append(_frame(time + travel + error, seen, code, number, amplitude))
    coda = np.flatnonzero(strength > 0.15)
    many = rng.poisson(np.minimum(1.5 * strength[coda], 1.5) * (1.0 if nature.labelled else 0.3))
    station = np.repeat(coda, many)
    tp, ts = (table(w, d[station], np.full(len(station), depth)) for w in ("P", "S"))
    later = tp + (1.8 * (ts - tp) + 5.0) * rng.random(len(station))
    code = rng.integers(0, 2, len(station)) if nature.labelled else np.full(len(station), -1)
    found.append(_frame(time + later, station, code, -1))
    return pd.concat(found, ignore_index=True)


def _arrivals(
    rng: np.random.Generator, d: Floats, depth: float, heard: NDArray[np.bool_],
    table: TravelTimes, nature: Nature,
) -> list[tuple[str, NDArray[np.int64], Floats]]:  # fmt: skip
    """Waves that stations pick: P or S, the stations, travel times."""
    found = []
    for wave, share, far, later in (("P", 0.92, 0.6, 0.85), ("S", 0.8, 0.2, 0.8)):
        first, late = (table(w, d, np.full(len(d), depth)) for w in (wave, f"{wave}g"))
        late = late * (1.005 + 0.01 * rng.standard_normal(len(d)))
        if nature.labelled:
            share = 0.92 if wave == "P" else 0.75
            missed = (late > first + 0.5) & (rng.random(len(d)) < 0.35)
            seen = heard & (rng.random(len(d)) < share)
            found.append((wave, seen, np.where(missed, late, first)))
            continue
        apart = late > first + 4.0  # sooner the picker is not ready again
        seen = heard & (rng.random(len(d)) < np.where(apart, far, share))
        found.append((wave, seen, first))
        found.append((wave, heard & apart & (rng.random(len(d)) < later), late))
    return [(wave, np.flatnonzero(seen), travel[seen]) for wave, seen, travel in found]


def _stray(
    rng: np.random.Generator, lat: Floats, lon: Floats, rate: Floats, nature: Nature,
    seconds: float,
) -> pd.DataFrame:  # fmt: skip
    """Picks of nothing: in noisy hours, one after another, and shared by stations side by side."""
    n, hours = len(lat), int(np.ceil(seconds / 3600.0))
    loud = rng.gamma(BURSTS, 1 / BURSTS, (n, hours)) * (rate / (1 + AGAIN))[:, None] * 3600.0
    count = rng.poisson(loud).ravel()
    station, hour = (np.repeat(a.ravel(), count) for a in np.indices(loud.shape))
    time = (hour + rng.random(len(hour))) * 3600.0
    more = np.flatnonzero(rng.random(len(time)) < AGAIN)
    time = np.append(time, time[more] + rng.exponential(20.0, len(more)))
    station = np.append(station, station[more])
    beside = haversine_km(lat[:, None], lon[:, None], lat, lon) < SAME_GROUND_KM
    a, b = np.nonzero(beside & ~np.eye(n, dtype=bool))
    for one, other in zip(a, b, strict=True):
        heard = time[(station == one) & (rng.random(len(time)) < 0.3)]
        time = np.append(time, heard + rng.normal(0, 0.3, len(heard)))
        station = np.append(station, np.full(len(heard), other))
    inside = time < seconds
    code = rng.integers(0, 2, len(time)) if nature.labelled else np.full(len(time), -1)
    return _frame(time[inside], station[inside], code[inside], -1)


def _far(
    rng: np.random.Generator, lat: Floats, lon: Floats, nature: Nature, seconds: float
) -> pd.DataFrame:
    """Fast plane waves of far earthquakes, with what follows them."""
    found = [_frame(np.zeros(0), np.zeros(0, int), np.zeros(0, int), -1)]
    for _ in range(rng.poisson(nature.far_per_hour * seconds / 3600.0)):
        azimuth, speed = rng.uniform(0, 2 * np.pi), rng.uniform(10.0, 25.0)
        north, east = lat - lat.mean(), (lon - lon.mean()) * np.cos(np.radians(lat))
        km = 111.19 * (north * np.cos(azimuth) + east * np.sin(azimuth))
        seen = np.flatnonzero(rng.random(len(lat)) < rng.uniform(0.05, 0.5))
        time = rng.uniform(0, seconds) + km[seen] / speed + rng.normal(0, 0.8, len(seen))
        more = seen[rng.random(len(seen)) < 0.5]
        after = time[np.isin(seen, more)] + rng.exponential(40.0, len(more))
        code = 0 if nature.labelled else -1
        found += [_frame(t, s, np.full(len(s), code), -1) for t, s in ((time, seen), (after, more))]
    return pd.concat(found, ignore_index=True)


def _working(
    rng: np.random.Generator, picks: pd.DataFrame, n: int, share: float, seconds: float
) -> NDArray[np.bool_]:
    """Whether each pick is outside of its station's outages, one of six hours now and then."""
    length = min(6 * 3600.0, 0.3 * seconds)
    out = np.ones(len(picks), bool)
    station, time = picks["station"].to_numpy(), picks["time"].to_numpy()
    for _ in range(rng.poisson(n * share * seconds / length)):
        which, start = rng.integers(0, n), rng.uniform(-length, seconds)
        out &= ~((station == which) & (time > start) & (time < start + length))
    return out


def _with_few_dropped(picks: pd.DataFrame, events: pd.DataFrame, least: int = 4) -> World:
    """Call events only those that enough picks, three of them at different stations, tell of."""
    mine = picks[picks["event"] >= 0]
    count = mine.groupby("event").size().reindex(range(len(events)), fill_value=0)
    stations = mine.groupby("event")["station"].nunique().reindex(range(len(events)), fill_value=0)
    told = ((count >= least) & (stations >= 3)).to_numpy()
    number = np.append(np.where(told, np.cumsum(told) - 1, -1), -1)
    picks = picks.assign(event=number[picks["event"].to_numpy()])
    events = events.assign(n_picks=count.to_numpy())[told].reset_index(drop=True)
    return World(picks, events)


def _frame(
    time: Floats, station: NDArray[np.int64], code: NDArray[np.int64], event: int,
    amplitude: Floats | float = float("nan"),
) -> pd.DataFrame:  # fmt: skip
    return pd.DataFrame(
        {"time": time, "station": station, "code": code, "event": event, "amplitude": amplitude}
    )
