"""The graph around a candidate: its stations, its picks, and which picks one source can explain."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from craton.io.geodesy import haversine_km
from craton.models.association import Catalogue
from craton.models.association_geometry import Geometry
from craton.models.association_graphs import FEATURES, JOINED, NEAR_S, agreeing, graphs
from craton.models.association_worker import EVENT_COLUMNS
from craton.models.associators import table_of

LAT, LON = np.array([45.0, 45.1, 45.2, 45.2001, 46.0]), np.array([7.0, 7.1, 7.2, 7.2, 8.0])
BUSY, APART, FIRST = 8, 9, 10  # columns of the features of an event
OWN, WAVE, LATE = 0, 1, 2  # columns of the features of a pick


def scene():
    """One event at the first station, picks of its P at stations 0, 1, 2 and 3, and a stray one."""
    time = np.array([1000.1, 1003.0, 1005.0, 1005.0, 1030.0])
    inputs = {
        "pick_number": np.arange(5)[None], "pick_time": time[None],
        "pick_station": np.arange(5)[None], "pick_code": np.zeros((1, 5), int),
    }  # fmt: skip
    events = pd.DataFrame(1.0, index=[0], columns=list(EVENT_COLUMNS)).assign(
        time=1000.0, latitude=45.0, longitude=7.0, depth_km=0.0, range_km=50.0, n_picks=4,
        score=30.0,
    )  # fmt: skip
    found = Catalogue(
        events, np.array([0, 0, 0, 0, -1]), np.array([0, 0, 2, 0, -1]),
        np.array([0.1, -0.2, 0.3, 9.0, 0.0]), np.array([0.9, 0.8, 0.7, 0.6, 0.0]),
    )  # fmt: skip
    geometry = Geometry.of(LAT, LON, np.zeros(5), 600.0)
    return inputs, found, geometry


def graph():
    return graphs(*scene(), table_of("iasp91"))[0]


def test_nodes_are_the_stations_by_distance_and_the_picks_near_a_predicted_time():
    """Stations go outward; own picks have the associator's residuals, cut at 5 s; the stray pick,
    which is due at station 4 neither as P nor as S, is left out."""
    made = graph()
    assert (np.diff(made["station"].x[:, 1].numpy()) >= 0).all()
    assert made["pick"].row.tolist() == [0, 1, 2, 3] and made["pick"].own.all()
    x = made["pick"].x
    assert x[:, LATE].tolist() == pytest.approx([0.1, -0.2, 0.3, NEAR_S])
    assert x[:, WAVE].tolist() == [0, 0, 0, 0]


def test_a_pick_of_nobody_at_the_time_of_s_is_a_node_that_is_not_its_own():
    """A pick 1 s after S is due at station 4 is there, late by 1 s, as an S."""
    inputs, found, geometry = scene()
    distance = haversine_km(LAT[0], LON[0], LAT[4], LON[4])
    due = float(table_of("iasp91")("S", distance, 0.0))
    inputs["pick_time"][0, 4] = 1001.0 + due
    made = graphs(inputs, found, geometry, table_of("iasp91"))[0]
    last = made["pick"].x[made["pick"].row.tolist().index(4)]
    assert (last[OWN], last[WAVE]) == (0, 1)
    assert last[LATE] == pytest.approx(1.0, abs=0.05)


def test_each_kind_of_node_and_edge_has_its_features():
    """Widths are those that are told, edges point at nodes that are there, each pick at its
    station."""
    made = graph()
    for kind in ("pick", "station"):
        assert made[kind].x.shape[1] == FEATURES[kind]
    assert made.event.shape == (1, FEATURES["event"])
    edges = made["pick", "agrees", "pick"]
    assert edges.edge_attr.shape == (edges.edge_index.shape[1], FEATURES["agrees"])
    for source, name, target in JOINED:
        index = made[source, name, target].edge_index
        assert index[0].max() < len(made[source].x) and index[1].max() < len(made[target].x)
    assert made["pick", "at", "station"].edge_index.tolist() == [[0, 1, 2, 3], [0, 1, 2, 3]]


def test_a_station_hears_its_neighbours_and_never_itself():
    """The first two neighbours of station 2 are station 3, 11 m from it, and station 1."""
    source, target = graph()["station", "near", "station"].edge_index.numpy()
    assert source[target == 2][:2].tolist() == [3, 1]
    assert (source != target).all()


def test_picks_agree_only_if_one_source_can_explain_both():
    """P picks 20 km apart may differ by 4 s and the slack; an S pick is later than its P pick."""
    apart = np.array([[0.0, 20.0, 0.0], [20.0, 0.0, 20.0], [0.0, 20.0, 0.0]])
    pairs = lambda time, wave: set(zip(*(k.tolist() for k in agreeing(  # noqa: E731
        np.array(time), np.array(wave), apart)), strict=True))  # fmt: skip
    assert pairs([0.0, 4.9, 50.0], [0, 0, 0]) == {(0, 1), (1, 0)}
    assert pairs([0.0, 5.1, 50.0], [0, 0, 0]) == set()
    assert (2, 0) in pairs([0.0, 60.0, 3.0], [0, 0, 1])
    assert (2, 0) not in pairs([3.0, 60.0, 0.0], [0, 0, 1])


def test_an_event_knows_how_busy_the_network_is_and_on_how_many_grounds_it_is_seen():
    """One other pick nearby; two stations 11 m apart count as one; three of four picks are P."""
    event = graph().event[0].numpy()
    # five picks in two minutes with picks, and 120 s are looked at
    assert event[BUSY] == pytest.approx(np.log(2.0 / (5 / 120 * 120 + 1)), abs=1e-5)
    assert event[APART] == pytest.approx(np.log(3.0), abs=1e-5)
    assert event[FIRST] == pytest.approx(0.75)
