"""Completeness in space and time comes back from catalogues that were thinned on purpose."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from craton.data.earthquakes import simulated_catalog, with_incompleteness
from craton.errors import ConfigError, DataError
from craton.seismicity.completeness_maps import completeness_in_time, completeness_map


@pytest.fixture(scope="module")
def recorded() -> xr.Dataset:
    whole = simulated_catalog(seed=2, days=5000, background_per_day=2.0)
    world = with_incompleteness(
        whole, 3, steps=(("1900-01-01", 3.7), ("2006-01-01", 3.3)), per_degree=0.4
    )
    return world.isel(event=world.detected.to_numpy())


def test_windows_show_the_step_in_time(recorded: xr.Dataset) -> None:
    west = recorded.isel(event=recorded.longitude.to_numpy() < -118.0)
    found = completeness_in_time(west, 400)
    early = found.end.to_numpy() < np.datetime64("2006-01-01")
    late = found.start.to_numpy() > np.datetime64("2006-01-01")
    assert early.sum() > 3 < late.sum()
    assert float(found.mc[early].median()) == pytest.approx(3.7, abs=0.21)
    assert float(found.mc[late].median()) == pytest.approx(3.3, abs=0.21)
    assert bool((found.low <= found.mc).all()) and bool((found.mc <= found.high).all())
    assert found.end.to_numpy()[-1] == west.time.to_numpy()[-1]


def test_the_map_follows_the_truth_in_space_and_in_both_periods(recorded: xr.Dataset) -> None:
    found = completeness_map(
        recorded, 0.5, periods=["2000-01-01", "2006-01-01", "2013-12-31"], nearest_events=200
    )
    truth = np.array([3.7, 3.3])[:, None] + 0.4 * np.maximum(found.longitude.to_numpy() + 118, 0)
    error = found.mc - xr.DataArray(truth, dims=("period", "longitude"))
    assert int(np.isfinite(error).sum()) > 40
    assert abs(float(error.median())) <= 0.21
    assert float(np.abs(error).median()) <= 0.25


def test_a_node_far_from_all_events_has_no_value(recorded: xr.Dataset) -> None:
    near = recorded.isel(event=recorded.longitude.to_numpy() < -119.0)
    found = completeness_map(near, 0.5, nearest_events=100, reach_km=30.0)
    assert bool(np.isnan(found.mc).any()) and bool(np.isfinite(found.mc).any())
    kept = np.isfinite(found.mc)
    assert float(found.reach.where(kept).max()) <= 30.0
    assert float(found.reach.where(~kept).min()) > 30.0


def test_the_map_of_one_node_is_the_estimate_of_its_events() -> None:
    catalog = simulated_catalog(seed=1, days=1000)
    found = completeness_map(
        catalog, 10.0, nearest_events=catalog.sizes["event"], reach_km=2e4, resamples=50
    )
    assert len({round(float(v), 6) for v in found.mc.to_numpy().ravel()}) == 1
    assert bool((found.low <= found.high).all())


def test_wrong_settings_are_refused(recorded: xr.Dataset) -> None:
    with pytest.raises(ConfigError, match="no method"):
        completeness_map(recorded, method="mine")
    with pytest.raises(ConfigError, match="spacing"):
        completeness_map(recorded, 0.0)
    with pytest.raises(ConfigError, match="order of time"):
        completeness_map(recorded, periods=["2006-01-01", "2000-01-01"])
    with pytest.raises(ConfigError, match="dates"):
        completeness_map(recorded, periods=["yesterday", "2000-01-01"])
    with pytest.raises(DataError, match="no period"):
        completeness_map(recorded, nearest_events=10**6)
    with pytest.raises(DataError, match="fewer than"):
        completeness_in_time(recorded, 10**6)
    with pytest.raises(ConfigError, match="step"):
        completeness_in_time(recorded, 100, 0)
