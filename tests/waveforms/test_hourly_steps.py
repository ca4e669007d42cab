"""Steps hour by hour give one result, however a record comes."""

from __future__ import annotations

import numpy as np
import obspy
import pytest

from craton.errors import ConfigError
from craton.waveforms.hourly_steps import HourlySteps, reach, refusal
from craton.waveforms.steps import (
    Bandpass,
    Detrend,
    Normalise,
    RemoveResponse,
    RemoveSensitivity,
    Resample,
    Rotate,
    Taper,
    apply_steps,
)
from tests.waveforms.worlds import inventory, noise, trace

RATE = 5.0
LONG = round(3.2 * 3600 * RATE)
FILTER = (Detrend(), Bandpass(low=0.2, high=2.0))


def record(channels=("HHZ",), n=LONG):
    """Three hours that begin ten seconds before midnight, on a slope."""
    return [trace(noise(n, k) + 0.5 * np.arange(n), f"XX.AAA..{c}", RATE)
            for k, c in enumerate(channels)]  # fmt: skip


def pieces(traces, seconds):
    """The record in pieces of equal time, counted from the first sample."""
    n = round(seconds * RATE)
    for at in range(0, traces[0].stats.npts, n):
        cut = [t.slice(t.stats.starttime + at / RATE, t.stats.starttime + (at + n - 0.7) / RATE)
               for t in traces]  # fmt: skip
        yield obspy.Stream(cut)


def worked(steps, streams, known=None):
    hours = HourlySteps(steps, known)
    found = obspy.Stream()
    for stream in streams:
        found += hours.take(stream)
    found = (found + hours.finish()).merge(method=-1)
    return found.sort(), hours.findings


@pytest.mark.parametrize("seconds", [170.0, 1234.5, 5000.0])
def test_pieces_give_what_the_whole_gives_to_the_last_bit(seconds):
    stations = inventory({"HHZ": (0, -90), "HH1": (30, 0), "HH2": (120, 0)})
    steps = (*FILTER, Taper(seconds=20), RemoveSensitivity(), Rotate(to="ZNE"))
    traces = record(("HHZ", "HH1", "HH2"))
    whole, _ = worked(steps, [obspy.Stream(traces)], stations)
    found, _ = worked(steps, pieces(traces, seconds), stations)
    assert [t.id for t in found] == ["XX.AAA..HHE", "XX.AAA..HHN", "XX.AAA..HHZ"]
    for a, b in zip(whole, found, strict=True):
        assert a.stats.starttime == b.stats.starttime == traces[0].stats.starttime
        assert len(b) == LONG and np.array_equal(a.data, b.data)


def test_filters_do_not_see_the_hours():
    """But for one part in 1e8 it is the filter over the whole."""
    traces = record()
    for step in (Bandpass(low=0.2, high=2.0), Bandpass(low=0.2, zero_phase=False)):
        found, _ = worked([step], pieces(traces, 700.0))
        expected, _ = apply_steps(traces, [step])
        scale = np.abs(expected[0].data).max()
        np.testing.assert_allclose(found[0].data, expected[0].data, atol=1e-8 * scale)


def test_the_means_of_two_hours_do_not_meet_in_a_step():
    """On a slope of 0.5 a sample, hours differ by 9000; where they meet no sample jumps by 40."""
    ramp = [trace(0.5 * np.arange(LONG), "XX.AAA..HHZ", RATE)]
    found, _ = worked([Detrend()], [obspy.Stream(ramp)])
    assert np.ptp(found[0].data) > 4000
    assert np.abs(np.diff(found[0].data)).max() < 40


def test_a_response_is_removed_across_hours_as_in_one_piece():
    """Flat in velocity at 400 counts: within the band it is a division, but at the tapered ends."""
    stations = inventory({"HHZ": (0, -90)})
    time = np.arange(LONG) / RATE
    steps = [RemoveResponse(pre_filter=(0.02, 0.05, 1.5, 2.0), water_level=None)]
    traces = [trace(400.0 * np.sin(2 * np.pi * 0.5 * time), "XX.AAA..HHZ", RATE)]
    found, _ = worked(steps, pieces(traces, 900.0), stations)
    middle = slice(round(600 * RATE), round(-600 * RATE))
    expected = np.sin(2 * np.pi * 0.5 * time)[middle]
    np.testing.assert_allclose(found[0].data[middle], expected, atol=0.01)


def test_a_gap_stays_a_gap_and_both_sides_are_worked_alone():
    (whole,) = record()
    a, b = whole.slice(endtime=whole.stats.starttime + 4000), whole.slice(
        whole.stats.starttime + 4100)  # fmt: skip
    found, _ = worked(FILTER, [obspy.Stream([a, b])])
    alone, _ = worked(FILTER, [obspy.Stream([b])])
    assert [t.stats.starttime for t in found] == [a.stats.starttime, b.stats.starttime]
    assert np.array_equal(found[1].data, alone[0].data)


def test_an_instrument_that_has_ended_is_given_with_the_next_stream():
    """Station after station, no more than one waits."""
    (first,) = record(n=9000)
    second = trace(noise(9000), "XX.BBB..HHZ", RATE)
    hours = HourlySteps(FILTER)
    begun = hours.take(obspy.Stream([first]))
    given = begun + hours.take(obspy.Stream([second]))
    assert sum(t.stats.npts for t in given if t.stats.station == "AAA") == 9000
    assert list(hours.instruments) == ["XX.BBB..HH"]


def test_what_cannot_be_done_is_told_once_for_all_hours():
    found, told = worked([RemoveSensitivity()], pieces(record(), 600.0), inventory({"HHN": (0, 0)}))
    assert not len(found)
    assert [(f.where, "no response" in f.text) for f in told] == [("XX.AAA..HHZ", True)]


@pytest.mark.parametrize(("step", "words"), [
    (Normalise(), "'normalise' needs the whole record"),
    (Resample(rate=50), "'resample' needs the whole record"),
    (Bandpass(low=0.001), "remember 8619 s of the record"),
])  # fmt: skip
def test_a_step_that_hours_cannot_do_is_refused(step, words):
    with pytest.raises(ConfigError, match=words):
        HourlySteps([step])
    assert not refusal(FILTER)


def test_a_filter_has_forgotten_its_begin_after_its_reach():
    """An impulse through the filter is below 1e-9 of its peak after that time."""
    step = Bandpass(low=0.5, high=5.0, corners=2, zero_phase=False)
    data = np.zeros(8000)
    data[1] = 1.0
    found = np.abs(apply_steps([trace(data)], [step])[0][0].data)
    late = round(reach(step) * 100)
    assert found[late:].max() < 1e-8 * found.max()
