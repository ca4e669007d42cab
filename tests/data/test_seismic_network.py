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


def test_stray_picks_come_at_their_rate():
    """Without events the picks are as many as the rate says, within four standard deviations."""
    quiet = world(events_per_hour=0.01, far_per_hour=0.0, outage=0.0).picks
    n = (quiet["event"] < 0).sum()
    wanted = 1e-3 * len(Y) * 6 * 3600
    assert abs(n - wanted) < 4 * np.sqrt(wanted) + 40


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
