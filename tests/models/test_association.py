"""The associator on picks of events that are known."""

from __future__ import annotations

import numpy as np
import pytest

from craton.data.seismic_network import Nature, simulate
from craton.io.geodesy import haversine_km
from craton.models.association import Settings, associate
from craton.models.association_geometry import Geometry
from craton.models.physics.travel_times import PHASES, iasp91, travel_times

Y, X = (a.ravel() for a in np.meshgrid(np.arange(45.0, 46.6, 0.3), np.arange(7.0, 9.2, 0.4)))


@pytest.fixture(scope="module")
def table():
    return travel_times(iasp91(), max_distance=600.0, max_depth=40.0)


@pytest.fixture(scope="module")
def geometry(table):
    return Geometry.of(Y, X, np.zeros(len(Y)), table.max_distance)


def exact_picks(table, events):
    """P and S of events (time, latitude, longitude, depth) at all stations within 120 km."""
    time, station, code, owner = [], [], [], []
    for k, (t, y, x, z) in enumerate(events):
        d = haversine_km(y, x, Y, X, radius=6371.0)
        for wave, letter in (("P", 0), ("S", 1)):
            near = np.flatnonzero(d < 120.0)
            time += (t + table(wave, d[near], np.full(len(near), z))).tolist()
            station += near.tolist()
            code += [letter] * len(near)
            owner += [k] * len(near)
    return np.array(time), np.array(station), np.array(code), np.array(owner)


def test_events_without_noise_are_found_where_they_are(table, geometry):
    """Exact picks of two events 40 s apart give both, within 1.5 km and 0.3 s, and all picks."""
    truth = [(1000.0, 45.7, 7.9, 8.0), (1040.0, 45.4, 8.5, 10.0)]
    time, station, code, owner = exact_picks(table, truth)
    found = associate(time, station, code, geometry, table, Settings.of(True))
    assert len(found.events) == 2
    for k, (t, y, x, _) in enumerate(truth):
        event = found.events.iloc[k]
        assert abs(event["time"] - t) < 0.3
        assert haversine_km(y, x, event["latitude"], event["longitude"]) < 1.5
    assert (found.pick_event == owner).mean() > 0.95
    assert [PHASES[p][0] for p in found.pick_phase] == ["PS"[c] for c in code]


def test_the_order_of_picks_does_not_matter(table, geometry):
    """Shuffled picks give the same events and the same owners."""
    time, station, code, _ = exact_picks(table, [(50.0, 45.7, 7.9, 8.0)])
    order = np.random.default_rng(0).permutation(len(time))
    a = associate(time, station, code, geometry, table, Settings.of(True))
    b = associate(time[order], station[order], code[order], geometry, table, Settings.of(True))
    assert a.events.equals(b.events)
    assert (a.pick_event[order] == b.pick_event).all()


def test_stray_picks_alone_give_no_event(table, geometry):
    """Random picks at a picker's usual rate come together to no event of 20 nats."""
    rng = np.random.default_rng(1)
    n = 400
    found = associate(
        np.sort(rng.uniform(0, 6 * 3600.0, n)), rng.integers(0, len(Y), n), np.full(n, -1),
        geometry, table, Settings.of(False, 20.0),
    )  # fmt: skip
    assert len(found.events) == 0


def test_no_pick_gives_no_event(table, geometry):
    """An empty stream gives an empty catalogue with its columns."""
    none = np.zeros(0)
    found = associate(none, none.astype(int), none.astype(int), geometry, table, Settings.of(True))
    assert len(found.events) == 0
    assert "latitude" in found.events


def test_events_of_a_world_are_found_and_no_pick_is_used_twice(table, geometry):
    """In a world with stray picks, coda and outages most events are found, each station once."""
    nature = Nature(events_per_hour=12.0, smallest_range=60.0, labelled=True, error=0.15)
    world = simulate(Y, X, np.full(len(Y), 5e-4), table, nature, 4.0, seed=2)
    picks, truth = world.picks, world.events
    station = picks["station"].to_numpy()
    found = associate(
        picks["time"].to_numpy(), station, picks["code"].to_numpy(), geometry, table,
        Settings.of(True, 15.0),
    )  # fmt: skip
    hit = 0
    for row in truth.itertuples():
        d = haversine_km(row.latitude, row.longitude, found.events["latitude"],
                         found.events["longitude"])  # fmt: skip
        hit += bool(((d < 30) & (np.abs(found.events["time"] - row.time) < 4)).any())
    assert hit >= 0.85 * len(truth)
    assert len(found.events) <= 1.3 * len(truth)
    mine = found.pick_event >= 0
    assert (mine == (found.pick_phase >= 0)).all()
    keys = list(zip(found.pick_event[mine], station[mine], found.pick_phase[mine] % 2, strict=True))
    assert len(set(keys)) == len(keys)


def test_the_uncertainty_covers_the_error(table, geometry):
    """Of events in a quiet world about the right share lies within its 90 % ellipse."""
    nature = Nature(events_per_hour=12.0, smallest_range=90.0, labelled=True, error=0.15,
                    far_per_hour=0.0, outage=0.0)  # fmt: skip
    world = simulate(Y, X, np.full(len(Y), 1e-4), table, nature, 5.0, seed=3)
    picks = world.picks
    found = associate(
        picks["time"].to_numpy(),
        picks["station"].to_numpy(),
        picks["code"].to_numpy(),
        geometry,
        table,
        Settings.of(True, 15.0),
    ).events
    inside = []
    for row in world.events.itertuples():
        k = int(np.argmin(np.abs(found["time"] - row.time)))
        e = found.iloc[k]
        east = (row.longitude - e["longitude"]) * 111.19 * np.cos(np.radians(row.latitude))
        north = (row.latitude - e["latitude"]) * 111.19
        if np.hypot(east, north) > 30:
            continue
        u, v, r = east / e["sd_east_km"], north / e["sd_north_km"], e["correlation"]
        inside.append((u * u - 2 * r * u * v + v * v) / (1 - r * r) < 4.605)
    assert len(inside) > 20
    assert 0.6 <= np.mean(inside) <= 1.0
