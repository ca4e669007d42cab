"""The zone of a mainshock, and what is normal in it."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from craton.aftershocks import around, find_mainshock, formula_forecast, normal_forecast
from craton.errors import ConfigError, DataError
from craton.forecast_tables import region_table
from craton.forecast_words import expected, heading
from craton.io.geodesy import haversine_km
from craton.models.physics.mainshocks import zone_radius
from craton.models.point_process import SmoothedSeismicity
from craton.tasks.earthquake_forecast import TASK, EarthquakeConfig

MAINSHOCK = "sim003320"  # M 5.73, 2010-07-20T19:59:12


@pytest.fixture(scope="module")
def world():
    config = EarthquakeConfig(horizon=30.0, cell=0.2, simulations=100)
    data = TASK.load(config)
    return data, TASK.resolve(data, config)


def windows(world, **said):
    data, config = world
    return TASK.samples(data, config.model_copy(update=said), True)


def test_a_mainshock_is_found_by_name_by_time_and_as_the_largest(world):
    data, _ = world
    row = find_mainshock(data, MAINSHOCK)
    assert str(data["event_id"].to_numpy()[row]) == MAINSHOCK
    assert find_mainshock(data, "2010-07-20T19:59:30Z") == row
    assert find_mainshock(data, "largest", pd.Timestamp("2010-08-10")) == row


def test_a_mainshock_that_is_not_known_yet_is_refused(world):
    data, _ = world
    with pytest.raises(DataError, match="no event"):
        find_mainshock(data, MAINSHOCK, pd.Timestamp("2010-07-01"))
    with pytest.raises(DataError, match="no event 'sim999'"):
        find_mainshock(data, "sim999")


def test_the_forecast_begins_right_after_the_mainshock_in_the_cells_near_to_it(world):
    samples = windows(world, mainshock=MAINSHOCK)
    attrs = samples.data.attrs
    assert samples.index["t0"].unique().tolist() == [
        pd.Timestamp(attrs["mainshock_time"]) + pd.Timedelta("1ms")
    ]
    distance = haversine_km(
        attrs["mainshock_latitude"], attrs["mainshock_longitude"],
        samples.data["cell_latitude"], samples.data["cell_longitude"],
    )  # fmt: skip
    assert distance.max() < attrs["zone_radius"] * 1.01
    assert 1 < samples.data.sizes["cell"] < 40
    assert samples.gather.thresholds == (3.0, 4.0, 5.0, 5.73)
    # the mainshock itself is known: it is among the inputs
    assert samples.inputs()["all_events"][-1, 3] == 5.73


def test_the_zone_of_a_great_earthquake_is_as_long_as_its_rupture():
    # median lengths of ruptures at interfaces of subduction: Strasser et al. (2010)
    for magnitude in (8.0, 9.1):
        rupture = 10 ** (0.585 * magnitude - 2.477)
        assert rupture < zone_radius(magnitude) < 1.25 * rupture
    assert zone_radius(7.9) > 160


def test_the_radius_of_the_zone_can_be_chosen_and_is_told(world):
    samples = windows(world, mainshock=MAINSHOCK, zone_radius=100.0)
    attrs = samples.data.attrs
    whole = windows(world, issue="2010-08-01").data
    distance = haversine_km(
        attrs["mainshock_latitude"], attrs["mainshock_longitude"],
        whole["cell_latitude"], whole["cell_longitude"], radius=6371.0,
    )  # fmt: skip
    assert samples.data.sizes["cell"] == int((distance <= 100.0).sum())
    assert "for the area within about 100 km of it" in heading(samples)


def test_events_are_counted_in_the_zone_alone(world):
    samples = windows(world, mainshock=MAINSHOCK)
    data, _ = world
    zone = samples.data
    t0, t1 = samples.index[["t0", "t1"]].iloc[2]
    time = pd.DatetimeIndex(data["time"].to_numpy())
    half = zone.attrs["cell"] / 2
    inside = np.zeros(len(time), bool)
    for lat, lon in zip(zone["cell_latitude"].values, zone["cell_longitude"].values, strict=True):
        near = np.abs(data["latitude"].to_numpy() - lat) < half
        inside |= near & (np.abs(data["longitude"].to_numpy() - lon) < half)
    expected = (inside & (time >= t0) & (time < t1)).sum()
    assert int(samples.observed()["region_count"][2]) == expected > 5


def test_normal_in_a_zone_is_the_part_that_falls_into_its_cells(world):
    zone = windows(world, mainshock=MAINSHOCK)
    whole = windows(world, issue=str(zone.data.attrs["mainshock_time"]))
    part, all_ = normal_forecast(zone), normal_forecast(whole)
    near = np.isin(
        whole.data["cell_latitude"] * 1000 + whole.data["cell_longitude"],
        zone.data["cell_latitude"] * 1000 + zone.data["cell_longitude"],
    )
    assert part["expected_count"].to_numpy() == pytest.approx(
        all_["expected_count"].to_numpy()[:, near], rel=1e-5
    )


def test_normal_does_not_know_the_mainshock(world):
    samples = windows(world, mainshock=MAINSHOCK, issue="2010-08-20")
    time = samples.data["time"].to_numpy()
    shock = np.datetime64(samples.data.attrs["mainshock_time"])
    changed = samples.data["magnitude"].to_numpy().copy()
    changed[time >= shock] = 6.5
    other = samples.data.assign(magnitude=("event", changed))
    a, b = (normal_forecast(s) for s in (samples, dataclasses.replace(samples, data=other)))
    assert a.equals(b)


def test_a_mainshock_far_outside_has_no_zone(world):
    data, config = world
    small = ((36.0, -119.0), (36.0, -118.0), (37.0, -118.0), (37.0, -119.0))
    with pytest.raises(DataError, match="outside the region"):
        TASK.samples(
            data, config.model_copy(update={"outline": small, "mainshock": MAINSHOCK}), True
        )


def test_a_series_that_begins_after_its_end_is_refused(world):
    with pytest.raises(ConfigError, match="later than the last"):
        windows(world, issue="2010-01-01", issue_from="2011-01-01")


def test_the_zone_keeps_what_a_model_needs(world):
    data, config = world
    samples = TASK.samples(data, config, False)
    model = SmoothedSeismicity().fit(samples.take(range(30)))
    row = find_mainshock(samples.data, MAINSHOCK)
    zone = dataclasses.replace(samples, data=around(samples.data, row)).take([100])
    whole = model.predict(samples.take([100]))["expected_count"].sum()
    assert 0 < float(model.predict(zone)["expected_count"].sum()) < 0.2 * float(whole)


def test_the_formula_after_a_mainshock_grows_with_the_horizon_and_looks_at_nothing_later(world):
    samples = windows(world, mainshock=MAINSHOCK, horizons=(1.0, 7.0, 30.0))
    count, b = formula_forecast(samples)
    assert 0.8 < b < 1.2 and 1 < count[0] < count[1] < count[2] < 500
    known = samples.data["time"].to_numpy() <= samples.index["t0"].to_numpy()[0]
    cut = dataclasses.replace(samples, data=samples.data.isel(event=known))
    np.testing.assert_array_equal(formula_forecast(cut)[0], count)


def test_without_a_mainshock_or_with_few_before_it_there_is_no_formula(world):
    assert formula_forecast(windows(world)) is None
    early = windows(world, mainshock=MAINSHOCK)
    late = early.data["time"].to_numpy() > np.datetime64("2009-12-01")
    assert formula_forecast(dataclasses.replace(early, data=early.data.isel(event=late))) is None


def test_the_formula_stands_in_the_table_of_the_region(world):
    samples = windows(world, mainshock=MAINSHOCK, horizons=(7.0,))
    predicted = normal_forecast(samples)
    row = region_table(predicted, samples).iloc[0]
    count, b = formula_forecast(samples)
    assert row["formula_count"] == pytest.approx(count[0])
    assert row["formula_probability_m5"] == pytest.approx(-np.expm1(-count[0] * 10 ** (-2 * b)))
    assert (
        f"Reasenberg and Jones, fitted to the mainshocks before, gives {count[0]:.2g}"
        in expected(pd.DataFrame([row]), 3.0, 7.0)
    )
