"""Associators as models: candidates laid out by window, their labels, their magnitudes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from craton.data.pick_streams import stream_of_world
from craton.data.seismic_network import World
from craton.io.geodesy import haversine_km
from craton.models.association import Catalogue
from craton.models.association_worker import EVENT_COLUMNS
from craton.models.associators import PhysicsAssociator, inside, labels, prediction, table_of
from craton.models.physics.local_magnitude import amplitude_of
from craton.tasks.phase_association import AssociationConfig, samples, seconds

Y, X = (a.ravel() for a in np.meshgrid([45.0, 45.3, 45.6], [7.0, 7.4, 7.8]))
EVENTS = [(1000.0, 45.2, 7.3, 8.0, 2.5), (3500.0, 45.4, 7.5, 10.0, 3.5)]
"""Seconds, latitude, longitude, depth in km, magnitude."""


def stream(amplitudes: bool = True) -> xr.Dataset:
    """Exact P and S picks of two events at nine stations, with amplitudes, and stray picks."""
    table, rng = table_of("iasp91"), np.random.default_rng(0)
    rows = [(t, rng.integers(9), rng.integers(2), -1, np.nan) for t in rng.uniform(0, 6000.0, 60)]
    for k, (t, y, x, z, m) in enumerate(EVENTS):
        d = haversine_km(y, x, Y, X, radius=6371.0)
        for code, wave in enumerate("PS"):
            size = amplitude_of(m, np.hypot(d, z)) if amplitudes else np.full(9, np.nan)
            time = t + table(wave, d, np.full(9, z))
            rows += [(time[i], i, code, k, size[i]) for i in range(9)]
    names = ["time", "station", "code", "event", "amplitude"]
    picks = pd.DataFrame(rows, columns=names).sort_values("time")
    known = ["time", "latitude", "longitude", "depth_km", "magnitude"]
    stations = xr.Dataset({
        "latitude": ("station", Y), "longitude": ("station", X),
        "elevation": ("station", np.zeros(9)), "network": ("station", np.full(9, "XX")),
        "name": ("station", [f"S{k}" for k in range(9)]),
    })  # fmt: skip
    world = World(picks, pd.DataFrame(EVENTS, columns=known))
    return stream_of_world(world, stations, np.datetime64("2020-01-01", "ns"))


def windows(amplitudes: bool = True):
    return samples(stream(amplitudes), AssociationConfig(), future=False)


@pytest.mark.parametrize("amplitudes", [True, False])
def test_magnitudes_are_those_of_the_amplitudes_or_empty(amplitudes):
    """Amplitudes of Hutton and Boore's relation give its magnitudes to 0.05; none give none."""
    given = windows(amplitudes)
    found = PhysicsAssociator().fit(given).predict(given)
    there = found["probability"].to_numpy() > 0
    size = found["event_magnitude"].to_numpy()[there]
    assert there.sum() == 2
    assert size == pytest.approx([2.5, 3.5] if amplitudes else [-9.0, -9.0], abs=0.05)


def test_events_lie_in_the_windows_of_their_origin_times_with_their_picks():
    """Each of the two events is in the window that holds its origin; all its picks point to it."""
    given = windows()
    found = PhysicsAssociator().fit(given).predict(given)
    start = given.inputs()["window"][:, 0]
    window, slot = np.nonzero(found["probability"].to_numpy() > 0)
    first = seconds(np.array(["2020-01-01"], "datetime64[ns]"))[0]
    time = found["event_time"].to_numpy()[window, slot] + start[window] - first
    assert time == pytest.approx([1000.0, 3500.0], abs=0.3)
    assert found["n_picks"].to_numpy()[window, slot].tolist() == [18, 18]
    picks = found["pick_slot"].to_numpy()
    assert [(picks[w] == s).sum() for w, s in zip(window, slot, strict=True)] == [18, 18]


def catalogue(times, latitude=45.2, longitude=7.3, **columns) -> Catalogue:
    events = pd.DataFrame(0.0, index=range(len(times)), columns=list(EVENT_COLUMNS))
    events = events.assign(time=times, latitude=latitude, longitude=longitude, **columns)
    nothing = np.zeros(0)
    return Catalogue(events, nothing.astype(int), nothing.astype(int), nothing, nothing)


def test_an_event_whose_first_pick_opens_the_stream_is_in_a_window():
    """The origin lies before the first pick, and still in the first window."""
    whole = stream()
    data = whole.isel(pick=np.flatnonzero(whole["pick_event"] >= 0))
    given = samples(data, AssociationConfig(), future=False)
    origin = seconds(data["event_time"])
    window = given.inputs()["window"]
    for t in origin:
        assert ((window[:, 0] <= t) & (t < window[:, 1])).sum() == 1


def test_candidates_near_a_known_event_are_real_and_only_one_for_each():
    """Of three candidates, two of them close to the same event, one is real."""
    given = windows()
    first = seconds(given.data["event_time"])[0]
    found = catalogue(first + np.array([0.5, 2.0, 40.0]))
    assert labels(given, found).tolist() == [True, False, False]


def test_candidates_outside_of_all_windows_belong_to_none():
    """Origin times before, in and after a window, and in a gap between two."""
    inputs = {"window": np.array([[100.0, 200.0], [400.0, 500.0]])}
    found = catalogue([50.0, 150.0, 300.0, 450.0, 500.0])
    assert inside(inputs, found).tolist() == [-1, 0, -1, 1, -1]


def test_the_most_probable_events_come_first():
    """Slots of a window are in falling order of probability, which stays within (0, 1)."""
    given = windows().take(np.array([0]))
    start = given.inputs()["window"][0, 0]
    found = catalogue(start + np.array([10.0, 20.0, 30.0]))
    p = np.array([0.2, 1.0, 0.6])
    rows = np.unique(given.inputs()["pick_number"])
    rows = rows[rows >= 0]
    found.pick_event = np.full(len(rows), -1)
    made = prediction(given, given.inputs(), found, rows, p, np.zeros(len(rows), bool))
    assert made["probability"].to_numpy()[0, :4] == pytest.approx([0.9999, 0.6, 0.2, 0.0])
    assert made["event_time"].to_numpy()[0, :3].tolist() == [20.0, 30.0, 10.0]


def test_a_score_that_is_twice_as_high_is_more_probable():
    """The curve is learnt from labels: with a steep one a high score is surer than a low one."""
    steep = PhysicsAssociator().with_state({"curve": np.array([-2.0, 2.0])})
    given = windows()
    sure = steep.predict(given)["probability"].to_numpy()
    flat = PhysicsAssociator().with_state({"curve": np.array([-2.0, 0.0])}).predict(given)
    low = flat["probability"].to_numpy()
    assert (sure[sure > 0] > 0.99).all()
    assert low[low > 0] == pytest.approx(1 / (1 + np.exp(2.0)))
