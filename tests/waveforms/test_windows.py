"""Windows hold the samples of their time, a mask of what was there, and say what was missing."""

from __future__ import annotations

import numpy as np
import obspy
import pandas as pd
import pytest

from craton.errors import DataError
from craton.waveforms.windows import windows_along, windows_around
from tests.io.waveform_files import START
from tests.waveforms.worlds import noise, trace


def at(seconds: float, station: str = "AAA", **more: str) -> dict:
    return {"network": "XX", "station": station, "time": START + seconds, **more}


def station(name: str = "XX.AAA..HH", **how) -> list:
    return [trace(noise(2000, i), f"{name}{c}", **how) for i, c in enumerate("ENZ")]


def test_a_window_around_a_pick_holds_exactly_its_samples_in_the_order_of_components():
    traces = station()
    found = windows_around(obspy.Stream(traces), pd.DataFrame([at(7.0)]), before=1.0, seconds=3.0)
    assert found["waveform"].dims == ("sample", "channel", "time")
    for letter, one in zip("ENZ", traces, strict=True):
        got = found["waveform"].sel(channel=letter).values[0]
        assert np.array_equal(got, one.data[600:900].astype(np.float32))
    assert found["there"].all() and found.attrs["history"] == ""
    assert found["start"].values[0] == np.datetime64((START + 6).ns, "ns")
    assert found["time"].values[:2].tolist() == [0.0, 0.01]


def test_a_time_between_two_samples_is_put_on_the_grid_and_the_start_says_so():
    traces = station(at=0.0042)
    found = windows_around(obspy.Stream(traces), pd.DataFrame([at(7.0)]), before=0, seconds=1)
    assert found["start"].values[0] == np.datetime64((START + 7.0042).ns, "ns")
    assert found["waveform"].values[0, 2, 0] == np.float32(traces[0].data[700])


def test_missing_components_stations_and_samples_are_zero_masked_and_named():
    stream = obspy.Stream(
        [trace(noise(300), "XX.AAA..HHZ"), trace(noise(300), "XX.AAA..HHZ", at=4)]
    )
    times = pd.DataFrame([at(2.0), at(2.0, "BBB"), at(-100.0)])
    found = windows_around(stream, times, before=0.0, seconds=3.0)
    there = found["there"].values
    assert there[0, 0].tolist() == [True] * 100 + [False] * 100 + [True] * 100
    assert not there[0, 1:].any() and not there[1:].any()
    assert (
        np.array_equal(found["waveform"].values == 0, ~there)
        or (found["waveform"].values[~there] == 0).all()
    )
    history = found.attrs["history"]
    assert "2 of 3 windows hold nothing" in history
    assert "XX.AAA..HH ENZ" in history and "XX.BBB.. ENZ" in history
    assert "1 windows have gaps" in history


def test_numbered_horizontals_stand_in_for_north_and_east():
    traces = [trace(noise(500, i), f"XX.AAA..BH{c}") for i, c in enumerate("Z12")]
    found = windows_around(obspy.Stream(traces), pd.DataFrame([at(1.0)]), before=0, seconds=2)
    for c, one in enumerate(traces):
        assert np.array_equal(found["waveform"].values[0, c], one.data[100:300].astype(np.float32))


def test_the_instrument_of_a_pick_is_taken_and_else_the_better_one_is_and_said():
    stream = obspy.Stream(station("XX.AAA..EN") + station("XX.AAA..HH"))
    times = pd.DataFrame([at(1.0, channel="ENZ"), at(1.0, channel="")])
    found = windows_around(stream, times, before=0, seconds=1)
    assert found["instrument"].values.tolist() == ["EN", "HH"]
    assert "several instruments, of which one was taken: XX.AAA" in found.attrs["history"]


@pytest.mark.parametrize(("seconds", "step", "count"), [(5.0, 5.0, 4), (5.0, 2.5, 7), (6, 4, 5),
                                                        (30.0, 10.0, 1)])  # fmt: skip
def test_windows_along_a_record_cover_every_sample_at_its_place(seconds, step, count):
    traces = station()
    found = windows_along(obspy.Stream(traces), seconds=seconds, step=step)
    assert found.sizes["sample"] == count
    seen = np.zeros(2000, bool)
    for k in range(count):
        first = round((found["start"].values[k].astype(np.int64) - START.ns) / 1e7)
        assert first == round(k * step * 100)
        got = found["waveform"].values[k, 2][found["there"].values[k, 2]]
        assert np.array_equal(got, traces[0].data[first : first + len(got)].astype(np.float32))
        seen[first : first + len(got)] = True
    assert seen.all()


def test_windows_in_a_long_gap_are_left_out_and_counted():
    stream = obspy.Stream([trace(noise(1000)), trace(noise(1000), at=100.0)])
    found = windows_along(stream, seconds=5, step=5)
    assert found.sizes["sample"] == 4
    assert "18 windows in which nothing was recorded" in found.attrs["history"]


def test_mixed_sampling_rates_and_too_much_are_refused_with_what_to_do():
    with pytest.raises(DataError, match=r"50, 100 Hz came.*Resample"):
        windows_along([trace(noise(99)), trace(noise(99), rate=50.0)], seconds=1, step=1)
    with pytest.raises(DataError, match="one sampling rate was expected, nothing came"):
        windows_along(obspy.Stream(), seconds=1, step=1)
    with pytest.raises(DataError, match="windows of 1000000000 samples"):
        windows_along([trace(noise(99))], seconds=1e7, step=1)
