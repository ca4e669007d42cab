"""Steps on packets: what looks back alone, with no seam."""

from __future__ import annotations

import numpy as np
import obspy
import pytest

from craton.errors import ConfigError
from craton.io.segments import part
from craton.waveforms.live_steps import LiveSteps
from craton.waveforms.processing import Processing
from craton.waveforms.steps import Bandpass, Detrend, RemoveSensitivity, Rotate, apply_steps
from tests.waveforms.worlds import inventory, noise, trace

STEPS = (RemoveSensitivity(), Bandpass(low=1.0, high=20.0, zero_phase=False))


def packets(whole, lengths=(37, 512, 101)):
    at, k = 0, 0
    while at < whole.stats.npts:
        n = lengths[k % len(lengths)]
        yield obspy.Stream([part(whole, at, min(at + n, whole.stats.npts))])
        at, k = at + n, k + 1


def test_packets_give_what_the_whole_record_gives():
    stations = inventory({"HHZ": (0, -90)})
    whole = trace(noise(4000) + 300)
    live = LiveSteps(Processing(STEPS, stations))
    found = np.concatenate([live.take(p)[0].data for p in packets(whole)])
    expected, _ = apply_steps([whole], STEPS, stations)
    np.testing.assert_allclose(found, expected[0].data, atol=1e-12)


def test_after_a_gap_a_filter_begins_anew():
    a, b = trace(noise(1000)), trace(noise(1000, 1) + 1e6, at=12.0)
    live = LiveSteps(Processing(STEPS[1:]))
    live.take(obspy.Stream([a]))
    found = live.take(obspy.Stream([b]))
    assert np.array_equal(found[0].data, apply_steps([b], STEPS[1:])[0][0].data)


def test_a_channel_without_a_response_is_left_out_and_told_once():
    live = LiveSteps(Processing(STEPS[:1], inventory({"HHN": (0, 0)})))
    assert not sum(len(live.take(p)) for p in packets(trace(noise(900))))
    assert [str(p) for p in live.problems] == [
        "XX.AAA..HHZ: has no response in the station data for its time; left out"
    ]


@pytest.mark.parametrize(("step", "name"), [
    (Detrend(), "'detrend'"), (Rotate(), "'rotate'"), (Bandpass(low=1), "'bandpass' with zero_"),
])  # fmt: skip
def test_a_step_that_looks_ahead_is_refused_by_name(step, name):
    with pytest.raises(ConfigError, match=f"a live feed cannot do the step {name}"):
        LiveSteps(Processing((step,)))
