"""The graph network's view of a candidate, and that it learns what tells events from noise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from craton.models.association import Catalogue
from craton.models.association_geometry import Geometry
from craton.models.association_worker import EVENT_COLUMNS
from craton.models.associator_graph import GraphAssociator, graphs
from craton.models.base import Fitting
from craton.models.nets.association_graph import EVENT_FEATURES, NODES

LAT, LON = np.array([45.0, 45.1, 45.2, 45.2001, 46.0]), np.array([7.0, 7.1, 7.2, 7.2, 8.0])
BUSY, APART, FIRST = 8, 9, 10  # columns of the features of an event


def scene():
    """One event at the first station, picks of its P at stations 0, 1, 2 and 3, and a stray one."""
    time = np.array([1000.1, 1003.0, 1005.0, 1005.0, 1030.0])
    inputs = {
        "pick_number": np.arange(5)[None], "pick_time": time[None],
        "pick_station": np.arange(5)[None], "pick_code": np.zeros((1, 5), int),
    }  # fmt: skip
    events = pd.DataFrame(1.0, index=[0], columns=list(EVENT_COLUMNS)).assign(
        time=1000.0, latitude=45.0, longitude=7.0, range_km=50.0, n_picks=4, score=30.0
    )
    found = Catalogue(
        events, np.array([0, 0, 0, 0, -1]), np.array([0, 0, 2, 0, -1]),
        np.array([0.1, -0.2, 0.3, 9.0, 0.0]), np.array([0.9, 0.8, 0.7, 0.6, 0.0]),
    )  # fmt: skip
    geometry = Geometry.of(LAT, LON, np.zeros(5), 600.0)
    return inputs, found, geometry


def test_nodes_are_the_stations_by_distance_with_their_picks():
    """Nodes go outward; each knows its pick, residuals are cut at 5 s, absent stations are zero."""
    inputs, found, geometry = scene()
    graph = graphs(inputs, found, geometry, np.arange(5))
    assert graph["picks"][0, :6, 0].tolist() == [0, 1, 2, 3, -1, -1]
    assert (graph["picks"][0, :, 1] == -1).all()
    x = graph["nodes"][0]
    assert (np.diff(x[:5, 0]) >= 0).all()
    assert x[:5, 4].tolist() == [1, 1, 1, 1, 0]
    assert x[:4, 5] == pytest.approx([0.1, -0.2, 0.3, 5.0])
    assert not x[5:NODES].any()


def test_edges_join_neighbours_and_never_a_station_to_itself():
    """The first two neighbours of station 2 are station 3, beside it, and station 1."""
    inputs, found, geometry = scene()
    edges = graphs(inputs, found, geometry, np.arange(5))["edges"][0]
    assert edges[2, :2].tolist() == [3, 1]
    assert all(k not in edges[k] for k in range(5))


def test_an_event_knows_how_busy_the_network_is_and_on_how_many_grounds_it_is_seen():
    """One other pick nearby; two stations 11 m apart count as one; three of four picks are P."""
    inputs, found, geometry = scene()
    event = graphs(inputs, found, geometry, np.arange(5))["event"][0]
    assert len(event) == EVENT_FEATURES
    # five picks in two minutes with picks, and 120 s are looked at
    assert event[BUSY] == pytest.approx(np.log(2.0 / (5 / 120 * 120 + 1)), abs=1e-5)
    assert event[APART] == pytest.approx(np.log(3.0), abs=1e-5)
    assert event[FIRST] == pytest.approx(0.75)


def test_it_learns_what_tells_events_from_noise():
    """Candidates whose reality hangs on one number are told apart, by a copy as well."""
    rng = np.random.default_rng(0)
    real = rng.random(160) < 0.5
    inputs, found, geometry = scene()
    one = graphs(inputs, found, geometry, np.arange(5))
    graph = {k: np.repeat(v, 160, axis=0) for k, v in one.items()}
    graph["event"][:, BUSY] = np.where(real, -1.0, 1.0) + rng.normal(0, 0.3, 160)
    model = GraphAssociator(epochs=80, width=16)
    model.start(graph, seed=0)
    member = np.full(graph["picks"].shape, -1.0, np.float32)
    model.learn(graph, real, member, Fitting(0))
    p = model.judge(graph)[0]
    assert ((p > 0.5) == real).mean() > 0.95
    again = GraphAssociator(epochs=80, width=16).with_state(model.state())
    assert np.array_equal(again.judge(graph)[0], p)
