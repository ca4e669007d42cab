"""The synthetic catalogue."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from craton.data.earthquakes import (
    CENTRE,
    HALF_SIDE,
    simulated_catalog,
    true_parameters,
    with_blasts,
    with_incompleteness,
)
from craton.errors import ConfigError
from craton.io.catalog import read_catalog
from craton.seismicity.b_value import b_value
from craton.seismicity.blasts import solar_hour


def test_the_same_seed_gives_the_same_catalogue_and_another_another() -> None:
    first = simulated_catalog(seed=3)
    xr.testing.assert_identical(first, simulated_catalog(seed=3))
    assert first.sizes != simulated_catalog(seed=4).sizes


def test_the_catalogue_has_thousands_of_events_within_its_bounds_and_is_fast() -> None:
    simulated_catalog(days=10)  # compile
    begun = time.perf_counter()
    catalog = simulated_catalog(seed=0)
    assert time.perf_counter() - begun < 5
    assert 3000 <= catalog.sizes["event"] <= 5000
    assert np.abs(catalog.latitude - CENTRE[0]).max() <= HALF_SIDE
    assert np.abs(catalog.longitude - CENTRE[1]).max() <= HALF_SIDE
    assert float(catalog.magnitude.min()) >= 3.0
    assert (np.diff(catalog.time.values) >= np.timedelta64(0, "ns")).all()


def test_magnitudes_follow_the_b_value_that_is_told() -> None:
    catalog = simulated_catalog(seed=0)
    result = b_value(catalog.magnitude.values, 3.0, 0.01)
    truth = catalog.attrs["etas_beta"] / np.log(10)
    assert abs(result.b - truth) < 3 * result.standard_error


def test_the_share_of_background_is_what_the_branching_ratio_says() -> None:
    shares = []
    for seed in range(5):
        catalog = simulated_catalog(seed=seed)
        shares.append(catalog.attrs["background_events"] / catalog.sizes["event"])
    assert np.mean(shares) == pytest.approx(1 - true_parameters().branching_ratio(7.5), abs=0.04)


def test_it_looks_like_a_catalogue_that_was_read(tmp_path: Path) -> None:
    catalog = simulated_catalog(seed=1, days=300)
    names = ["time", "latitude", "longitude", "depth", "magnitude", "event_id"]
    pd.DataFrame({name: catalog[name].values for name in names}).to_csv(
        tmp_path / "a.csv", index=False
    )
    back = read_catalog(tmp_path / "a.csv")
    for name in names:
        np.testing.assert_array_equal(back[name].values, catalog[name].values)
        assert back[name].attrs == catalog[name].attrs
    assert all(isinstance(v, str | float) for v in catalog.attrs.values())


def test_a_length_of_zero_is_refused() -> None:
    with pytest.raises(ConfigError, match="days = 0"):
        simulated_catalog(days=0)


def test_blasts_come_at_their_quarries_on_working_days_and_by_day() -> None:
    plain = simulated_catalog(seed=1, days=2000)
    world = with_blasts(plain, seed=5, quarries=3, per_year=50.0)
    blasts = world.isel(event=world.quarry.to_numpy() >= 0)
    assert blasts.sizes["event"] == pytest.approx(3 * 50 * 2000 / 365.25, rel=0.15)
    assert set(blasts.event_type.to_numpy()) == {"quarry blast"}
    hour = solar_hour(blasts)
    assert hour.min() > 7.9 and hour.max() < 17.1
    local = blasts.time.to_numpy() + (blasts.longitude.to_numpy() / 15 * 3.6e12).astype("m8[ns]")
    assert np.is_busday(local.astype("datetime64[D]")).all()
    for q in range(3):
        own = blasts.isel(event=blasts.quarry.to_numpy() == q)
        assert float(own.latitude.std()) == pytest.approx(0.01, rel=0.3)
    assert (np.diff(world.time.to_numpy()) >= np.timedelta64(0, "ns")).all()
    rest = world.isel(event=world.quarry.to_numpy() < 0).drop_vars(["quarry", "event_type"])
    xr.testing.assert_equal(rest, plain)


def test_ninety_eight_of_a_hundred_are_detected_at_the_true_completeness() -> None:
    world = with_incompleteness(simulated_catalog(seed=1, background_per_day=3.0), width=0.1)
    above = world.magnitude.to_numpy() - world.completeness.to_numpy()
    seen = world.detected.to_numpy()
    assert seen[np.abs(above) < 0.03].mean() == pytest.approx(0.977, abs=0.02)
    assert seen[np.abs(above + 0.2) < 0.03].mean() == pytest.approx(0.5, abs=0.06)
    assert seen[above > 0.2].all() and not seen[above < -0.6].any()


def test_completeness_steps_in_time_rises_eastward_and_after_large_events() -> None:
    plain = simulated_catalog(seed=1)
    world = with_incompleteness(
        plain, steps=(("1900-01-01", 3.6), ("2006-01-01", 3.1)), per_degree=0.2
    )
    mc, east = world.completeness.to_numpy(), world.longitude.to_numpy() - CENTRE[1]
    network = np.where(world.time.to_numpy() < np.datetime64("2006-01-01"), 3.6, 3.1)
    network = network + 0.2 * np.maximum(east, 0)
    assert (mc >= network - 1e-9).all()
    raised = np.flatnonzero(mc > network + 1e-9)
    assert 0 < raised.size < 0.2 * mc.size
    time, m = world.time.to_numpy(), world.magnitude.to_numpy()
    for k in raised[:50]:
        day = (time[k] - time[:k]) / np.timedelta64(1, "D")
        large = (m[:k] >= 5.0) & (day < 50)
        expected = m[:k][large] - 4.5 - 0.75 * np.log10(np.maximum(day[large], 1e-6))
        assert mc[k] == pytest.approx(expected.max())


def test_flaws_out_of_range_are_refused() -> None:
    plain = simulated_catalog(days=100)
    with pytest.raises(ConfigError, match="quarries = 0"):
        with_blasts(plain, quarries=0)
    with pytest.raises(ConfigError, match="dates in order"):
        with_incompleteness(plain, steps=(("2005-01-01", 3.0), ("2001-01-01", 3.5)))
