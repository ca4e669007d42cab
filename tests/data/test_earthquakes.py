"""The synthetic catalogue."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from craton.data.earthquakes import CENTRE, HALF_SIDE, simulated_catalog, true_parameters
from craton.errors import ConfigError
from craton.io.catalog import read_catalog
from craton.seismicity.b_value import b_value


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
