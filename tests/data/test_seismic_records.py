"""The catalogue's example: what is written is what is said to be known."""

from __future__ import annotations

import numpy as np
import obspy
import pytest

from craton.data import seismic_records as records
from craton.io.geodesy import haversine_km
from craton.io.stations import read_stations, sites
from craton.io.waveforms import read_waveforms
from craton.models.associators import table_of


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    return records.write_example(folder, table_of("iasp91"), minutes=8, n_stations=5, every=100.0)


def test_energy_arrives_when_the_travel_times_say(example):
    event = example.events.iloc[0]
    places = sites(read_stations(example.stations))
    stream = read_waveforms(example.waveforms, channel="EHZ").stream
    for row in places.itertuples():
        d = haversine_km(event["latitude"], event["longitude"], row.latitude, row.longitude, 6371.0)
        p = float(table_of("iasp91")("P", d, event["depth_km"])) + row.elevation_m / 5800
        onset = obspy.UTCDateTime(event["time"].isoformat()) + p
        trace = stream.select(station=row.station)[0].copy().filter("highpass", freq=2.0)
        before = trace.slice(onset - 4, onset - 0.5).data.std()
        after = trace.slice(onset + 0.3, onset + 4).data.std()
        assert after > 3 * before


def test_the_written_response_is_that_of_the_counts(example):
    inventory = obspy.read_inventory(str(example.stations))
    response = inventory.get_response("SY.S00..EHN", obspy.UTCDateTime("2020-01-01"))
    f = np.array([0.5, 1.0, 5.0, 20.0])
    theirs = response.get_evalresp_response_for_frequencies(f, output="VEL")
    assert np.allclose(theirs, records._response(f), rtol=1e-3)


def test_the_faults_are_there_and_can_be_left_out(example, tmp_path):
    stream = read_waveforms(example.waveforms).stream
    assert not stream.select(station="S02", channel="EHE")[0].data.any()
    assert len(stream.select(station="S04", channel="EHZ")) == 2
    assert {t.stats.station for t in stream} - set(read_stations(example.stations)["station"]) == {
        records.UNLISTED
    }
    clean = records.write_example(
        tmp_path, table_of("iasp91"), minutes=4, n_stations=3, every=60.0, faults=False
    )
    assert len(read_waveforms(clean.waveforms).stream) == 9


def test_the_world_is_the_same_each_time_and_has_all_kinds():
    one, two = (records.world(records.places(), 60.0, 180.0, 0) for _ in range(2))
    assert one.equals(two)
    assert set(one["kind"]) == {"earthquake", "explosion", "surface"}
    assert one["time"].is_monotonic_increasing
