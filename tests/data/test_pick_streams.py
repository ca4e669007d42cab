"""Picks, stations and known events come together as one dataset."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from craton.data.pick_streams import example_stream, read_stream, stream_of, stream_of_world
from craton.data.registry import Located
from craton.data.seismic_network import Nature, simulate
from craton.errors import DataError
from craton.models.physics.travel_times import iasp91, travel_times

STATIONS = pd.DataFrame({
    "network": "XX", "station": ["A", "B"], "latitude": [46.0, 46.1], "longitude": [7.0, 7.2],
    "elevation_m": [1500.0, 0.0],
})  # fmt: skip


def picks(stations, phases):
    times = pd.to_datetime("2020-01-01") + pd.to_timedelta(np.arange(len(stations))[::-1], unit="s")
    return pd.DataFrame({"network": "XX", "station": stations, "phase": phases, "time": times})


def test_picks_are_sorted_and_those_of_unknown_stations_are_told():
    """A pick of a station that is not listed is left out by name; the rest are in order of time."""
    data = stream_of(picks(["A", "C", "B"], ["P", "P", "Sg"]), STATIONS, None, None)
    assert data["pick_station"].to_numpy().tolist() == [1, 0]
    assert data["pick_code"].to_numpy().tolist() == [1, 0]
    assert data.attrs["warnings"] == (
        "picks: 1 pick of 1 station that the list does not have, or not with coordinates: XX.C; "
        "left out"
    )
    assert data["elevation"].to_numpy().tolist() == [1.5, 0.0]


def test_a_detector_that_says_p_of_everything_says_nothing():
    """Where only P occurs the letters are not believed."""
    data = stream_of(picks(["A", "B"], ["P", "P"]), STATIONS, None, None)
    assert set(data["pick_code"].to_numpy()) == {-1}


def test_no_known_station_is_an_error():
    """All picks of unknown stations: the message asks for the right list."""
    with pytest.raises(DataError, match="no pick is of a station"):
        stream_of(picks(["C"], ["P"]), STATIONS, None, None)


def test_a_file_of_picks_needs_a_list_of_stations(tmp_path):
    """Without stations= the message says how to name them."""
    with pytest.raises(DataError, match="--set stations=FILE"):
        read_stream(Located(tmp_path / "a.csv"), None, None)


def test_files_of_picks_stations_and_events_are_read(tmp_path):
    """CSV in, the same numbers in the dataset."""
    picks(["A", "B"], ["P", "S"]).to_csv(tmp_path / "p.csv", index=False)
    STATIONS.to_csv(tmp_path / "s.csv", index=False)
    (tmp_path / "e.csv").write_text("time,latitude,longitude\n2020-01-01T00:00:00Z,46,7\n")
    data = read_stream(
        Located(tmp_path / "p.csv"), str(tmp_path / "s.csv"), str(tmp_path / "e.csv")
    )
    assert data.sizes == {"pick": 2, "station": 2, "event": 1}
    assert data["event_latitude"].item() == 46.0


def test_missing_elevations_are_told_where_events_are_located(tmp_path):
    (tmp_path / "p.csv").write_text("network,station,phase,time\nXX,A,P,2020-01-01T00:00:00\n")
    (tmp_path / "s.csv").write_text("network,station,lat,lon,Hoehe\nXX,A,46,7,900\n")
    data = read_stream(Located(tmp_path / "p.csv"), str(tmp_path / "s.csv"), None)
    assert "no elevation: 0 m was taken for 1 station" in data.attrs["warnings"]
    assert "column 'Hoehe' was not understood" in data.attrs["warnings"]


def test_a_world_on_the_stations_is_laid_out_alike():
    """A world has the variables of a stream of real picks, and says whose each pick is."""
    data = stream_of(picks(["A", "B"], ["P", "S"]), STATIONS, None, None)
    table = travel_times(iasp91(), max_distance=200.0, max_depth=30.0, distance_step=10.0)
    nature = Nature(labelled=True)
    world = simulate(data["latitude"], data["longitude"], np.full(2, 0.01), table, nature, 0.5)
    made = stream_of_world(world, data, np.datetime64("2019-01-01", "ns"))
    assert set(made.variables) == set(data.variables)
    assert (made["pick_event"] >= -1).all()


def test_the_example_has_events_with_picks():
    """The example's events own picks, and the same seed gives the same example."""
    table = travel_times(iasp91(), max_distance=400.0, max_depth=40.0, distance_step=10.0)
    a, b = (example_stream(table, 1, hours=2.0) for _ in range(2))
    assert a.identical(b)
    assert a.sizes["event"] > 5
    assert set(np.unique(a["pick_event"])) == set(range(-1, a.sizes["event"]))
