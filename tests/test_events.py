"""The gather of point processes."""

import numpy as np
import pytest
import xarray as xr

from craton.events import Forecasts, days
from craton.samples import Samples, Target, make_index


@pytest.fixture
def samples() -> Samples:
    """Six events in two cells, four windows of ten days."""
    start = np.datetime64("2020-01-01", "ns")
    at = np.array([1, 5, 12, 13, 25, 35])
    data = xr.Dataset(
        {
            "time": ("event", start + at * np.timedelta64(86400, "s").astype("timedelta64[ns]")),
            "x": ("event", np.array([0.5, 1.5, 0.5, 1.5, 0.5, 9.0])),
            "y": ("event", np.full(6, 0.5)),
            "magnitude": ("event", np.array([3.0, 4.0, 3.0, 5.0, 3.0, 6.0])),
            "cell_of": ("event", np.array([0, 1, 0, 1, 0, -1])),
            "cell_x0": ("cell", [0.0, 1.0]),
            "cell_x1": ("cell", [1.0, 2.0]),
            "cell_y0": ("cell", [0.0, 0.0]),
            "cell_y1": ("cell", [1.0, 1.0]),
        }
    )
    t0 = start + np.arange(4) * np.timedelta64(10, "D")
    index = make_index(4, t0=t0, t1=t0 + np.timedelta64(10, "D"))
    return Samples(data, index, Forecasts(Target("count"), (3.0, 5.0)))


def test_counts_are_those_of_the_window_and_the_cell(samples):
    assert samples.observed()["count"].to_numpy().tolist() == [[1, 1], [1, 1], [1, 0], [0, 0]]


def test_thresholds_are_inclusive(samples):
    occurred = samples.observed()["occurred"].sel(threshold=5.0)
    assert occurred.to_numpy().tolist() == [[0, 0], [0, 1], [0, 0], [0, 0]]


def test_an_event_outside_all_cells_is_history_but_not_counted(samples):
    assert samples.observed()["region_count"].to_numpy().tolist() == [2, 2, 1, 0]


def test_history_ends_before_the_issue_time(samples):
    inputs = samples.inputs()
    assert inputs["n_history"].tolist() == [0, 2, 4, 5]
    assert len(inputs["all_events"]) == 5
    assert (inputs["all_events"][:, 0] < days(samples.index["t0"]).max()).all()


def test_inputs_of_early_windows_hold_no_later_event(samples):
    assert len(samples.take([0, 1]).inputs()["all_events"]) == 2


def test_coordinates_are_those_of_cf_with_corners_around_the_centre(samples):
    place = {
        "cell_longitude": ("cell", [0.5, 1.5]),
        "cell_latitude": ("cell", [10.5, 10.5]),
    }
    data = samples.data.assign(place).assign_attrs(cell=1.0)
    found = Forecasts(samples.gather.target, (3.0,)).coords(data, samples.index)
    assert found["horizon"].values.tolist() == [10.0] * 4
    assert found["horizon"].attrs["units"] == "days"
    for name, units in (("longitude", "degrees_east"), ("latitude", "degrees_north")):
        about = found[name].attrs
        assert (about["units"], about["standard_name"]) == (units, name)
        assert about["bounds"] in found
    x, y = found["longitude_bounds"].values, found["latitude_bounds"].values
    assert (x.mean(axis=1) == [0.5, 1.5]).all() and (y.mean(axis=1) == 10.5).all()
    # counterclockwise: the area by the shoelace formula is that of the cell, and positive
    area = 0.5 * (x * np.roll(y, -1, axis=1) - y * np.roll(x, -1, axis=1)).sum(axis=1)
    assert area == pytest.approx([1.0, 1.0])


def test_a_shuffled_catalogue_keeps_its_number_and_its_order_in_time(samples):
    shuffled = samples.permuted(np.random.default_rng(0))
    time = shuffled.data["time"].to_numpy()
    assert len(time) == 6
    assert (np.diff(time) >= np.timedelta64(0)).all()
    assert sorted(shuffled.data["magnitude"].to_numpy()) == [3, 3, 3, 4, 5, 6]


def test_shuffling_leaves_events_after_the_last_window_alone(samples):
    first = samples.take([0, 1]).permuted(np.random.default_rng(0))
    assert first.data["x"].to_numpy()[4:].tolist() == samples.data["x"].to_numpy()[4:].tolist()
