"""Declared steps do what they say, in order, and never across a gap."""

from __future__ import annotations

import numpy as np
import obspy
import pydantic
import pytest
from obspy.signal.filter import bandpass
from obspy.signal.rotate import rotate_ne_rt

from craton.waveforms.steps import (
    Bandpass,
    Detrend,
    Normalise,
    RemoveResponse,
    RemoveSensitivity,
    Resample,
    Rotate,
    Steps,
    Taper,
    apply_steps,
)
from tests.waveforms.worlds import inventory, noise, sine, trace

ALL = Steps(steps=(
    Detrend(how="linear"), Taper(seconds=2), Bandpass(low=1, high=20), Resample(rate=40),
    RemoveSensitivity(), RemoveResponse(pre_filter=(0.1, 0.2, 15.0, 18.0)), Rotate(to="ZNE"),
    Rotate(to="RT", back_azimuth=30), Normalise(by="peak", per="station"),
))  # fmt: skip


def test_steps_travel_as_json_and_keep_their_order():
    again = Steps.model_validate_json(ALL.model_dump_json())
    assert again == ALL
    assert [s.step for s in again.steps][:4] == ["detrend", "taper", "bandpass", "resample"]


@pytest.mark.parametrize("wrong", [
    {"step": "bandpass"}, {"step": "bandpass", "low": 5, "high": 2}, {"step": "fly"},
    {"step": "resample", "rate": -1}, {"step": "rotate", "to": "RT"},
    {"step": "taper", "seconds": 1, "share": 2},
])  # fmt: skip
def test_a_step_that_makes_no_sense_is_refused_when_it_is_declared(wrong):
    with pytest.raises(pydantic.ValidationError):
        Steps.model_validate({"steps": [wrong]})


def test_the_order_of_steps_matters_and_is_kept():
    data = noise(2000) + 5000
    first = [Detrend(), Normalise(by="peak")]
    a, _ = apply_steps([trace(data)], first)
    b, _ = apply_steps([trace(data)], first[::-1])
    assert np.abs(a[0].data).max() == pytest.approx(1.0)
    assert np.abs(b[0].data).max() < 0.6


def test_the_stream_that_came_is_not_changed():
    data = noise(500)
    stream = obspy.Stream([trace(data.copy())])
    apply_steps(stream, [Detrend(), Taper(), Bandpass(low=1), Normalise()])
    assert np.array_equal(stream[0].data, data)


def test_segments_on_two_sides_of_a_gap_do_not_see_each_other():
    steps = [Detrend(), Bandpass(low=1, high=10), Resample(rate=50), Taper(seconds=1)]
    a, b = trace(noise(1000)), trace(noise(1200, 1), at=15.0)
    both, _ = apply_steps([a, b], steps)
    alone, _ = apply_steps([b], steps)
    assert np.array_equal(both[1].data, alone[0].data)
    assert both[1].stats.starttime == b.stats.starttime


def test_masked_and_not_finite_samples_are_gaps_and_are_counted():
    data = noise(1000)
    data[300:310] = np.nan
    masked = trace(np.zeros(1000), "XX.BBB..HHZ")
    masked.data = np.ma.masked_array(noise(1000, 2), np.arange(1000) >= 900)
    found, told = apply_steps([trace(data), masked], [Bandpass(low=1)])
    assert [t.stats.npts for t in found] == [300, 690, 900]
    assert all(np.isfinite(t.data).all() for t in found)
    assert "110 samples are masked or not finite" in told[0].text


def test_the_filter_agrees_with_obspys_where_edges_do_not_matter():
    data = np.r_[np.zeros(2000), noise(2000), np.zeros(2000)]
    ours, _ = apply_steps([trace(data)], [Bandpass(low=2, high=8)])
    theirs = bandpass(data, 2, 8, 100.0, corners=4, zerophase=True)
    assert np.allclose(ours[0].data, theirs, atol=1e-6 * np.abs(theirs).max())
    causal, _ = apply_steps([trace(data)], [Bandpass(low=2, high=8, zero_phase=False)])
    theirs = bandpass(data, 2, 8, 100.0, corners=4)
    assert np.allclose(causal[0].data, theirs, atol=1e-9 * np.abs(theirs).max())


def test_a_filter_that_the_sampling_rate_does_not_allow_is_told():
    low, told = apply_steps([trace(noise(500), rate=20.0)], [Bandpass(low=1, high=15)])
    assert len(low) == 1 and "no upper corner was used" in told[0].text
    none, told = apply_steps([trace(noise(500), rate=20.0)], [Bandpass(low=12, high=15)])
    assert len(none) == 0 and "left out" in told[0].text


@pytest.mark.parametrize(("old", "new"), [(100.0, 40.0), (40.0, 100.0), (50.0, 100.0),
                                          (125.0, 100.0), (99.999997, 100.0)])  # fmt: skip
def test_a_sine_stays_the_same_sine_at_another_sampling_rate(old, new):
    n = int(60 * old)
    found, told = apply_steps([trace(sine(n, 3.0, old), rate=old)], [Resample(rate=new)])
    data, middle = found[0].data, slice(int(5 * new), int(55 * new))
    assert told == [] and found[0].stats.sampling_rate == new
    assert len(data) == pytest.approx(60 * new, abs=2)
    assert np.allclose(data[middle], sine(len(data), 3.0, new)[middle], atol=2e-3)


def test_what_lies_above_the_new_nyquist_frequency_is_gone():
    found, _ = apply_steps([trace(sine(6000, 30.0))], [Resample(rate=40)])
    assert np.abs(found[0].data[200:-200]).max() < 0.01


def test_sensitivity_and_response_give_ground_velocity():
    world = inventory({"HHZ": (0, -90)}, sensitivity=400.0)
    counts = 400.0 * sine(6000, 5.0)
    for step in (RemoveSensitivity(), RemoveResponse(water_level=None)):
        found, told = apply_steps([trace(counts)], [step], world)
        assert told == []
        assert np.allclose(found[0].data[1000:-1000], sine(6000, 5.0)[1000:-1000], atol=0.01)
    for world_or_none in (None, world):
        name = "XX.AAA..HHZ" if world_or_none is None else "XX.BBB..HHZ"
        none, told = apply_steps([trace(counts, name)], [RemoveSensitivity()], world_or_none)
        assert len(none) == 0 and "no response" in told[0].text and told[0].where == name


def test_turned_horizontal_components_are_turned_back():
    north, east, up = noise(900), noise(900, 1), noise(900, 2)
    angle = np.deg2rad(30)
    one = north * np.cos(angle) + east * np.sin(angle)
    two = -north * np.sin(angle) + east * np.cos(angle)
    world = inventory({"HHZ": (0, -90), "HH1": (30, 0), "HH2": (120, 0)})
    names = {"HH1": one, "HH2": two, "HHZ": up}
    traces = [trace(d, f"XX.AAA..{c}") for c, d in names.items()]
    found, told = apply_steps(traces, [Rotate()], world)
    assert told == []
    for code, data in {"HHZ": up, "HHN": north, "HHE": east}.items():
        assert np.allclose(found.select(channel=code)[0].data, data, atol=1e-6)
    kept, told = apply_steps(traces, [Rotate()])
    assert {t.stats.channel for t in kept} == set(names) and "not rotated" in told[0].text


def test_radial_and_transverse_agree_with_obspy_on_the_time_that_both_have():
    north, east = noise(900), noise(900, 1)
    traces = [trace(north, "XX.AAA..HHN"), trace(east, "XX.AAA..HHE", at=1.0)]
    found, _ = apply_steps(traces, [Rotate(to="RT", back_azimuth=77.0)])
    r, t = rotate_ne_rt(north[100:], east[:800], 77.0)
    assert np.allclose(found.select(channel="HHR")[0].data, r)
    assert np.allclose(found.select(channel="HHT")[0].data, t)
    assert found[0].stats.starttime == traces[1].stats.starttime


def test_normalising_by_station_keeps_the_ratio_of_components():
    traces = [trace(noise(900), "XX.AAA..HHN"), trace(2 * noise(900), "XX.AAA..HHE"),
              trace(np.zeros(900), "XX.BBB..HHZ")]  # fmt: skip
    found, _ = apply_steps(traces, [Normalise(by="peak", per="station")])
    assert np.abs(found[1].data).max() == 1.0
    assert np.allclose(found[1].data, 2 * found[0].data)
    assert np.array_equal(found[2].data, np.zeros(900))
    alone, _ = apply_steps(traces[:2], [Normalise(by="std")])
    assert [float(t.data.std()) for t in alone] == pytest.approx([1.0, 1.0])
