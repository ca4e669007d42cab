"""Tests of catalogue forecasts agree with pyCSEP, and with what can be counted by hand."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from craton.csep import catalogs
from craton.csep.grids import count_events
from craton.csep.simulated import count_simulated
from craton.errors import DataError
from craton.io.csep import CatalogForecast, write_catalog_forecast
from tests.csep import worlds

theirs = pytest.importorskip("csep.core.catalog_evaluations")

FORECAST = worlds.forecast()
SIMULATED = count_simulated(FORECAST, worlds.REGION, worlds.EDGES)


def seen(n, seed):
    return count_events(*worlds.events(n, seed), worlds.REGION, worlds.EDGES)


@pytest.mark.parametrize(("n", "seed"), [(1, 11), (6, 3), (30, 4), (200, 5)])
def test_all_four_tests_are_those_of_pycsep(n, seed):
    forecast = worlds.their_forecast(FORECAST)
    catalog, counts = worlds.their_catalog(*worlds.events(n, seed)), seen(n, seed)
    pairs = {
        "number_test": catalogs.number_test,
        "magnitude_test": catalogs.magnitude_test,
        "spatial_test": catalogs.spatial_test,
        "pseudolikelihood_test": catalogs.pseudo_likelihood_test,
    }
    for name, ours in pairs.items():
        expected = worlds.quietly(getattr(theirs, name), forecast, catalog)
        found = ours(SIMULATED, counts)
        assert abs(found.statistic - expected.observed_statistic) < 1e-9, name
        assert (found.at_least, found.at_most) == expected.quantile, name
        assert found.status == expected.status, name
        np.testing.assert_allclose(
            found.distribution, expected.test_distribution, atol=1e-9, rtol=0, err_msg=name
        )


def test_events_where_no_catalogue_has_one_are_left_out_and_counted():
    empty = np.flatnonzero(SIMULATED.rates == 0)
    counts = np.zeros((len(worlds.REGION), worlds.EDGES.size))
    counts[empty[:2], 0] = 1
    counts[np.argmax(SIMULATED.rates), 1] = 3
    found = catalogs.spatial_test(SIMULATED, counts)
    assert (found.status, found.left_out) == ("undersampled", 2)
    density = SIMULATED.rates.max() / SIMULATED.rates.sum()
    assert np.isclose(found.statistic, np.log(density))
    alone = np.zeros_like(counts)
    alone[empty[0], 0] = 1
    for test in (catalogs.spatial_test, catalogs.pseudo_likelihood_test):
        found = test(SIMULATED, alone)
        assert (found.status, found.left_out) == ("not valid", 1)
        assert found.passes()


def test_nothing_observed_leaves_the_number_test_alone():
    nothing = np.zeros((len(worlds.REGION), worlds.EDGES.size))
    number = catalogs.number_test(SIMULATED, nothing)
    assert number.at_least == 1.0
    assert number.at_most == np.mean(SIMULATED.events == 0) > 0
    for test in (
        catalogs.spatial_test,
        catalogs.pseudo_likelihood_test,
        catalogs.magnitude_test,
    ):
        assert test(SIMULATED, nothing).status == "not valid"


def test_a_catalogue_of_the_forecast_itself_has_the_statistic_of_its_place():
    k = int(np.argmax(SIMULATED.events))
    mine = FORECAST.catalog == k
    counts = count_events(
        FORECAST.longitude[mine], FORECAST.latitude[mine], FORECAST.magnitude[mine],
        worlds.REGION, worlds.EDGES,
    )  # fmt: skip
    found = catalogs.pseudo_likelihood_test(SIMULATED, counts)
    assert found.statistic == found.distribution[k]
    some = np.cumsum(SIMULATED.events > 0) - 1
    found = catalogs.spatial_test(SIMULATED, counts)
    assert found.statistic == found.distribution[some[k]]


def test_a_file_goes_in_and_what_lies_outside_is_dropped_on_both_sides(tmp_path):
    times = np.full(FORECAST.catalog.size + 1, np.datetime64("2020-01-01", "ms"))
    more = CatalogForecast(
        np.append(FORECAST.catalog, FORECAST.catalog[-1]),
        np.append(FORECAST.longitude, 10.0),
        np.append(FORECAST.latitude, 10.0),
        np.append(FORECAST.magnitude, 5.0),
        FORECAST.n_catalogs,
        times,
    )
    path = tmp_path / "forecast.csv"
    write_catalog_forecast(path, more)
    lon, lat, size = worlds.events(9, 8)
    columns = {"longitude": np.append(lon, 0), "latitude": np.append(lat, 0),
               "magnitude": np.append(size, 5)}  # fmt: skip
    observed = xr.Dataset({k: ("event", v) for k, v in columns.items()})
    found = catalogs.evaluate(path, observed, worlds.REGION, worlds.EDGES)
    assert found.number.statistic == 9
    np.testing.assert_array_equal(found.number.distribution, SIMULATED.events)
    assert count_simulated(more, worlds.REGION, worlds.EDGES).dropped == 1


def test_a_forecast_with_no_event_in_the_region_is_refused():
    one = CatalogForecast(*map(np.array, ([0], [0.0], [0.0], [5.0])), n_catalogs=3)
    with pytest.raises(DataError, match="no simulated event"):
        count_simulated(one, worlds.REGION, worlds.EDGES)


def test_counts_of_another_region_are_refused():
    with pytest.raises(DataError, match="shape"):
        catalogs.number_test(SIMULATED, [[1.0]])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 6)), min_size=1, max_size=60))
def test_sparse_counts_are_those_of_a_full_table(rows):
    order = sorted(rows)
    catalog, cell = np.array(order).T
    full = np.zeros((6, 100))
    np.add.at(full, (catalog, cell), 1)
    columns = worlds.REGION.centre[cell].T
    forecast = CatalogForecast(catalog, *columns, np.full(catalog.size, 4.5), 6)
    found = count_simulated(forecast, worlds.REGION, [4.0])
    np.testing.assert_allclose(found.rates[:7], full.mean(axis=0)[:7])
    np.testing.assert_array_equal(found.events, full.sum(axis=1))
    np.testing.assert_allclose(found.hit[:7], (full > 0).mean(axis=0)[:7])
    sums = found.by_cell.sums(found.by_cell.number.astype(float))
    np.testing.assert_array_equal(sums, full.sum(axis=1))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 700), st.integers(0, 2**32 - 1))
def test_sums_are_bit_for_bit_those_of_numpy(n, seed):
    from craton.csep.sparse import _segment_sums

    values = np.random.default_rng(seed).normal(size=n) * 1e3
    cuts = np.array([0, n // 3, n])
    found = _segment_sums(values, cuts)
    assert found.tolist() == [np.sum(values[: n // 3]), np.sum(values[n // 3 :])]
