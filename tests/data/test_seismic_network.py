"""The synthetic world of picks is what it says it is."""

from __future__ import annotations

import numpy as np
import pytest

from craton.data.seismic_network import Nature, simulate
from craton.io.geodesy import haversine_km
from craton.models.physics.travel_times import iasp91, travel_times

Y, X = (a.ravel() for a in np.meshgrid(np.arange(45.0, 46.6, 0.4), np.arange(7.0, 9.2, 0.5)))
TABLE = travel_times(iasp91(), max_distance=500.0, max_depth=40.0, distance_step=5.0)


def world(seed=0, **nature):
    return simulate(Y, X, np.full(len(Y), 1e-3), TABLE, Nature(**nature), 6.0, seed)


def test_the_same_seed_gives_the_same_world():
    """Twice the same, another seed another."""
    assert world(1).picks.equals(world(1).picks)
    assert not world(1).picks.equals(world(2).picks)


def test_stray_picks_come_at_their_rate_in_bursts():
    """Without events the picks are as many as the rate says, hours differ more than by chance."""
    quiet = simulate(Y, X, np.full(len(Y), 1e-2), TABLE, Nature(
        events_per_hour=0.01, far_per_hour=0.0, outage=0.0), 6.0, 0).picks  # fmt: skip
    assert (quiet["event"] < 0).sum() == pytest.approx(1e-2 * len(Y) * 6 * 3600, rel=0.25)
    hour = (quiet["time"] // 3600).astype(int)
    count = np.zeros((len(Y), 6))
    np.add.at(count, (quiet["station"], hour), 1)
    assert count.var() > 5 * count.mean()


def test_stations_side_by_side_share_stray_picks():
    """Of two stations 100 m apart about three picks of ten coincide, far ones hardly any."""
    y, x = np.array([45.0, 45.001, 46.0]), np.array([7.0, 7.0, 8.0])
    picks = simulate(y, x, np.full(3, 5e-3), TABLE, Nature(
        events_per_hour=0.01, far_per_hour=0.0, outage=0.0), 10.0, 1).picks  # fmt: skip
    at = [np.sort(picks["time"][picks["station"] == k]) for k in range(3)]
    near, far = (np.abs(at[0][:, None] - at[k]).min(axis=1) < 2.0 for k in (1, 2))
    assert near.mean() > 0.25
    assert far.mean() < 0.1


def test_a_detector_picks_the_later_waves_of_regional_earthquakes_too():
    """Beyond 250 km many stations have both a first P and a later one; a phase picker has one."""
    found = {}
    y = np.linspace(45.0, 49.0, 40)
    for labelled in (False, True):
        seen = simulate(y, np.full(40, 7.0), np.zeros(40), TABLE, Nature(
            events_per_hour=6.0, labelled=labelled, smallest_range=300.0), 4.0, 5)  # fmt: skip
        mine = seen.picks[seen.picks["event"] >= 0]
        e = seen.events.iloc[mine["event"]].reset_index(drop=True)
        d = haversine_km(e["latitude"], e["longitude"], y[mine["station"]], 7.0, radius=6371.0)
        far = mine[(d > 250) & (d < 400)]
        found[labelled] = far.groupby(["event", "station"]).size().mean()
    assert found[False] > found[True] + 0.4


@pytest.mark.parametrize("labelled", [True, False])
def test_picks_of_an_event_lie_near_its_travel_times(labelled):
    """Nine tenths of an event's picks are within 3 s of a P or S of the table; events have four."""
    seen = world(3, labelled=labelled, events_per_hour=8.0)
    mine = seen.picks[seen.picks["event"] >= 0]
    e = seen.events.iloc[mine["event"]].reset_index(drop=True)
    s = mine["station"].to_numpy()
    d = haversine_km(e["latitude"], e["longitude"], Y[s], X[s], radius=6371.0)
    gap = [np.abs(mine["time"].to_numpy() - e["time"] - TABLE(w, d, e["depth_km"]))
           for w in ("P", "S", "Pg", "Sg")]  # fmt: skip
    assert (np.min(gap, axis=0) < 3.0).mean() > 0.9
    assert mine.groupby("event").size().min() >= 4
    assert set(seen.picks["code"]) == ({0, 1} if labelled else {-1})


def test_far_stations_see_fewer_events():
    """The share of stations that pick an event falls with distance."""
    seen = world(4, events_per_hour=20.0)
    mine = seen.picks[seen.picks["event"] >= 0].drop_duplicates(["event", "station"])
    d = haversine_km(
        seen.events["latitude"].to_numpy()[:, None], seen.events["longitude"].to_numpy()[:, None],
        Y, X,
    )  # fmt: skip
    picked = np.zeros(d.shape, bool)
    picked[mine["event"], mine["station"]] = True
    assert picked[d < 60].mean() > 1.5 * picked[(d > 100) & (d < 180)].mean()
