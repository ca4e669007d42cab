"""Counts of simulated catalogues on cells and magnitude bins."""

import numpy as np
import pytest

from craton.csep.simulated import count_simulated
from craton.errors import DataError
from craton.io.csep import CatalogForecast
from craton.io.csep_regions import grid_region

REGION = grid_region([[10.0, 50.0], [10.1, 50.0], [10.2, 50.0]], 0.1)
EDGES = [5.0, 5.5]


def forecast(*columns, n=5) -> CatalogForecast:
    return CatalogForecast(*map(np.array, columns), n_catalogs=n)


def test_every_event_inside_is_counted_once_and_the_others_are_told():
    rng = np.random.default_rng(0)
    catalog = np.sort(rng.integers(0, 5, 400))
    lon, lat = rng.uniform(9.95, 10.35, 400), rng.uniform(49.98, 50.12, 400)
    size = rng.uniform(4.8, 7, 400)
    found = count_simulated(forecast(catalog, lon, lat, size), REGION, EDGES)
    inside = (lon >= 10) & (lon < 10.3) & (lat >= 50) & (lat < 50.1) & (size >= 5)
    assert found.events.tolist() == np.bincount(catalog[inside], minlength=5).tolist()
    assert found.dropped == (~inside).sum()
    cells = np.bincount(np.floor((lon[inside] - 10) / 0.1).astype(int), minlength=3)
    np.testing.assert_allclose(found.rates, cells / 5)
    assert found.total == pytest.approx(inside.sum() / 5)
    strong = np.bincount(catalog[inside & (size >= 5.5)], minlength=5)
    assert found.by_magnitude[:, 1].tolist() == strong.tolist()


def test_catalogues_without_an_event_count_in_the_shares():
    found = count_simulated(forecast([1, 1, 3], [10.05] * 3, [50.05] * 3, [5.1] * 3), REGION, EDGES)
    assert found.n_catalogs == 5
    assert found.hit.tolist() == [0.4, 0.0, 0.0]
    assert found.rates.tolist() == [0.6, 0.0, 0.0]


def test_a_forecast_outside_of_the_region_is_an_error_that_says_what_to_look_at():
    with pytest.raises(DataError, match="check the region"):
        count_simulated(forecast([0], [30.0], [50.05], [6.0]), REGION, EDGES)
