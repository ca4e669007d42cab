"""Declared steps on files and windows, with the station data that they need."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from craton.errors import ConfigError, DataError
from craton.waveforms.pick_files import windows_of
from craton.waveforms.processing import Processing, with_warnings
from craton.waveforms.steps import (
    Bandpass,
    Detrend,
    RemoveResponse,
    RemoveSensitivity,
    Resample,
    Rotate,
    apply_steps,
)
from tests.waveforms.worlds import inventory, noise, trace

FILTER = (Detrend(), Bandpass(low=1.0, high=20.0))


def windows(start="2020-02-01", n=2000, components=3) -> xr.Dataset:
    rows = []
    for k in range(3):
        waves = np.zeros((3, n), np.float32)
        waves[:components] = [noise(n, 10 * k + c) + 100 for c in range(components)]
        names = {"event": str(k), "network": "XX", "station": "AAA", "instrument": "HH"}
        at = np.datetime64(start)
        rows.append({"waves": waves, "arrival": [5.0, np.nan], "start": at, **names})
    return windows_of(rows, 100.0, [], "memory")


def test_without_steps_nothing_is_touched():
    data, stream = windows(), [trace(noise(100))]
    assert Processing().windows(data, []) is data
    assert Processing().files(stream, []) is stream


def test_each_window_is_processed_by_itself():
    data = windows()
    found = Processing(FILTER).windows(data, [])
    for k, c in ((0, 0), (2, 1)):
        alone, _ = apply_steps([trace(data["waveform"].values[k, c])], FILTER)
        np.testing.assert_allclose(found["waveform"].values[k, c], alone[0].data, rtol=1e-4,
                                   atol=1e-2)  # fmt: skip


def test_windows_are_not_processed_twice():
    once = Processing(FILTER).windows(windows(), [])
    assert Processing(FILTER).windows(once, []) is once


def test_a_component_that_is_not_there_stays_zero_and_keeps_its_place():
    found = Processing(FILTER).windows(windows(components=1), [])["waveform"].values
    assert found[:, 0].any() and not found[:, 1:].any()


def test_the_zeros_that_fill_a_short_window_are_no_data():
    data = windows()
    data["waveform"][0, :, 1500:] = 0.0
    found = Processing((Detrend(),)).windows(data, [])["waveform"].values[0]
    assert abs(found[0, :1500].mean()) < 1e-3 and not found[:, 1500:].any()


def test_windows_are_brought_back_to_their_rate():
    """A sine of 3 Hz survives 20 Hz, one of 30 Hz does not."""
    time = np.arange(2000) / 100
    data = windows()
    data["waveform"][0, 0] = np.sin(2 * np.pi * 3 * time)
    data["waveform"][0, 1] = np.sin(2 * np.pi * 30 * time)
    found = Processing((Resample(rate=20),)).windows(data, [])["waveform"].values[0]
    np.testing.assert_allclose(found[0, 300:-300], np.sin(2 * np.pi * 3 * time)[300:-300],
                               atol=0.02)  # fmt: skip
    assert np.abs(found[1, 300:-300]).max() < 0.02


def test_a_window_knows_its_response_by_its_time_and_what_has_none_is_told():
    steps, problems = (RemoveSensitivity(),), []
    stations = inventory({"HHZ": (0, -90), "HHN": (0, 0)}, 400.0)
    data = windows()
    found = Processing(steps, stations).windows(data, problems)["waveform"].values
    np.testing.assert_allclose(found[:, :2], data["waveform"].values[:, :2] / 400, rtol=1e-6)
    assert not found[:, 2].any()
    assert [p.where for p in problems] == ["XX.AAA..HHE"]
    assert "HHE: has no response" in with_warnings(data, problems).attrs["warnings"]


@pytest.mark.parametrize("step", [RemoveSensitivity(), RemoveResponse(), Rotate(to="ZNE")])
def test_a_step_that_needs_the_instrument_says_that_no_station_data_are_named(step):
    with pytest.raises(ConfigError, match=rf"'{step.step}' needs station data.*inventory=FILE"):
        Processing.of((step,), None)


def test_station_data_are_read_where_a_step_needs_them(tmp_path):
    file = tmp_path / "s.xml"
    inventory({"HHZ": (0, -90)}).write(str(file), format="STATIONXML")
    found = Processing.of((RemoveSensitivity(),), str(file))
    stream = found.files([trace(noise(500))], [])
    np.testing.assert_allclose(stream[0].data, noise(500) / 400)
    with pytest.raises(DataError):
        Processing.of((RemoveSensitivity(),), str(tmp_path / "none.xml"))


def test_files_are_worked_as_records_that_run_on():
    """Hour by hour; where a step needs the whole, as a whole."""
    whole = trace(noise(3000) + 7)
    for steps in (FILTER, (*FILTER, Resample(rate=50))):
        found = Processing(steps).files([whole], [])
        expected, _ = apply_steps([whole], steps)
        np.testing.assert_allclose(found[0].data, expected[0].data, atol=1e-9)
