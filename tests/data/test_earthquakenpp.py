"""The EarthquakeNPP benchmark: its jitter is taken back."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from craton.data.earthquakenpp import DECIMALS, FILES, unjittered
from craton.errors import DataError
from craton.io.catalog import read_catalog


def catalog(longitude: list[float], latitude: list[float]) -> xr.Dataset:
    return xr.Dataset({"longitude": ("event", longitude), "latitude": ("event", latitude)})


def jittered(original: xr.Dataset, seed: int) -> xr.Dataset:
    """Move epicentres that are not alone, one event after the other."""
    moved, rng = original.copy(deep=True), np.random.RandomState(seed)
    places = list(zip(original.longitude.values, original.latitude.values, strict=True))
    for k, place in enumerate(places):
        if places.count(place) > 1:
            for name in ("longitude", "latitude"):
                moved[name][k] = round(float(original[name][k]) + rng.uniform(-0.0025, 0.0025), 8)
    return moved


ORIGINAL = catalog([-116.123, -116.5, -116.123, -117.001, -116.5], [33.5, 34.0, 33.5, 33.999, 34.1])


def test_original_epicentres_come_back() -> None:
    moved = jittered(ORIGINAL, 42)
    assert (moved.longitude != ORIGINAL.longitude).values.tolist() == [True, False] * 2 + [False]
    xr.testing.assert_identical(unjittered(moved, 3), ORIGINAL)


def test_jitter_of_another_seed_is_refused() -> None:
    with pytest.raises(DataError, match="2 of 2 jittered epicentres"):
        unjittered(jittered(ORIGINAL, 43), 3)


def test_a_catalogue_in_which_equal_epicentres_were_left_is_refused() -> None:
    with pytest.raises(DataError, match="2 events are jittered alone or share"):
        unjittered(ORIGINAL, 3)


@pytest.mark.realdata
@pytest.mark.skipif("CRATON_DATA_DIR" not in os.environ, reason="CRATON_DATA_DIR is not set")
@pytest.mark.parametrize(("name", "moved"), [("SaltonSea", 4792), ("SanJac", 1935)])
def test_the_jitter_of_real_catalogues_is_taken_back(name: str, moved: int) -> None:
    given = read_catalog(Path(os.environ["CRATON_DATA_DIR"]) / "earthquakenpp" / FILES[name])
    found = unjittered(given, DECIMALS[name])
    off = np.hypot(found.longitude - given.longitude, found.latitude - given.latitude).values
    assert int((off > 1e-9).sum()) == moved
    assert off.max() < 0.0025 * np.sqrt(2)
    same = pd.DataFrame({"x": found.longitude, "y": found.latitude}).duplicated(keep=False)
    np.testing.assert_array_equal(same, off > 1e-9)
