"""What a catalogue made of waveforms knows more than picks and places goes to QuakeML and back."""

from __future__ import annotations

import io

import numpy as np
import obspy
import pandas as pd
import pytest
from obspy.io.quakeml.core import _validate

from craton.io.quakeml import KM_DEGREE, write_quakeml


def events(**changed) -> pd.DataFrame:
    row = {
        "time": pd.Timestamp("2020-01-01T00:00:01.25"), "latitude": 46.1, "longitude": 7.2,
        "depth_km": 8.0, "magnitude": 1.8, "probability": 0.97, "n_picks": 1, "event_id": "ev1",
        "time_error_s": 0.1, "horizontal_error_km": 0.5, "depth_error_km": 1.0, "n_stations": 1,
        "rms_s": 0.08, "gap_deg": 95.0, "magnitude_type": "ML", "magnitude_error": 0.06,
        "n_magnitudes": 7, "event_type": "earthquake", "probability_earthquake": 0.9,
    }  # fmt: skip
    return pd.DataFrame([row | changed])


def picks() -> pd.DataFrame:
    row = {"network": "XX", "station": "A", "location": "", "channel": "HHZ", "phase": "S",
           "time": pd.Timestamp("2020-01-01T00:00:05"), "low": pd.NaT, "high": pd.NaT,
           "probability": 0.8, "event": 0, "phase_used": "P", "residual_s": -0.12,
           "distance_km": 22.239, "azimuth_deg": 81.0}  # fmt: skip
    return pd.DataFrame([row])


def written(tmp_path, **changed):
    path = tmp_path / "a.xml"
    write_quakeml(path, events(**changed), picks())
    assert _validate(io.BytesIO(path.read_bytes()))
    return obspy.read_events(str(path), format="QUAKEML")[0]


def test_all_that_is_known_comes_back(tmp_path):
    event = written(tmp_path)
    origin, magnitude = event.preferred_origin(), event.preferred_magnitude()
    assert str(event.resource_id).endswith("/ev1") and event.event_type == "earthquake"
    assert (magnitude.mag, magnitude.magnitude_type, magnitude.station_count) == (1.8, "ML", 7)
    assert magnitude.mag_errors.uncertainty == 0.06
    assert origin.quality.azimuthal_gap == 95.0 and origin.quality.standard_error == 0.08
    arrival = origin.arrivals[0]
    assert (arrival.phase, arrival.time_residual, arrival.azimuth) == ("P", -0.12, 81.0)
    assert arrival.distance * KM_DEGREE == pytest.approx(22.239)
    assert event.picks[0].phase_hint == "S"
    assert {c.text for c in event.comments} == {"probability=0.97", "probability_earthquake=0.9"}


@pytest.mark.parametrize("label, said", [
    ("explosion", "explosion"), ("surface", "other event"), ("noise", "not existing"),
    ("icequake", "ice quake"), ("moonquake", "other event"), ("", None), (np.nan, None),
])  # fmt: skip
def test_types_are_told_in_quakemls_words(tmp_path, label, said):
    assert written(tmp_path, event_type=label).event_type == said


@pytest.mark.parametrize("name", ["a b", "x/y", "ü", "<&>", "", np.nan, 7])
def test_any_name_makes_a_valid_identifier(tmp_path, name):
    written(tmp_path, event_id=name)


def test_what_is_not_known_is_left_out(tmp_path):
    gone = dict.fromkeys(
        ["magnitude", "magnitude_error", "rms_s", "gap_deg", "probability", "n_stations"], np.nan
    )
    event = written(tmp_path, **gone)
    assert not event.magnitudes
    assert event.preferred_origin().quality.azimuthal_gap is None
    assert [c.text for c in event.comments] == ["probability_earthquake=0.9"]
