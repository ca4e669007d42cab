"""Tests of gridded forecasts agree with pyCSEP on the same random numbers, and with known laws."""

import numpy as np
import pytest
from scipy.stats import nbinom, poisson

from craton.csep import grids
from craton.errors import DataError
from tests.csep import worlds

evaluations = pytest.importorskip("csep.core.poisson_evaluations")
negative_binomial = pytest.importorskip("csep.core.binomial_evaluations")

LON, LAT, SIZE = worlds.events(25)
COUNTS = grids.count_events(LON, LAT, SIZE, worlds.REGION, worlds.EDGES)
RATES = worlds.rates()


def test_events_are_counted_as_by_pycsep_on_edges_too():
    theirs = worlds.their_catalog(LON, LAT, SIZE).spatial_magnitude_counts()
    np.testing.assert_array_equal(COUNTS, theirs)
    assert COUNTS.sum() == 25


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (grids.likelihood_test, evaluations.likelihood_test),
        (grids.conditional_likelihood_test, evaluations.conditional_likelihood_test),
        (grids.spatial_test, evaluations.spatial_test),
        (grids.magnitude_test, evaluations.magnitude_test),
    ],
)
@pytest.mark.parametrize("seed", [3, 4])
def test_simulated_likelihoods_are_those_of_pycsep_from_the_same_random_numbers(ours, theirs, seed):
    catalog = worlds.their_catalog(LON, LAT, SIZE)
    expected = theirs(worlds.their_grid(RATES), catalog, num_simulations=300, seed=seed)
    found = ours(RATES, COUNTS, n=300, seed=np.random.RandomState(seed))
    assert abs(found.statistic - expected.observed_statistic) < 1e-9
    assert found.at_most == expected.quantile
    np.testing.assert_allclose(found.distribution, expected.test_distribution, atol=1e-9, rtol=0)
    assert found.distribution.std() > 0.1


def test_number_tests_are_those_of_pycsep():
    catalog, grid = worlds.their_catalog(LON, LAT, SIZE), worlds.their_grid(RATES)
    found = grids.number_test(RATES, COUNTS)
    expected = evaluations.number_test(grid, catalog)
    assert np.allclose([found.at_least, found.at_most], expected.quantile, atol=1e-9, rtol=0)
    found = grids.number_test(RATES, COUNTS, variance=60.0)
    expected = negative_binomial.negative_binomial_number_test(grid, catalog, 60.0)
    assert np.allclose([found.at_least, found.at_most], expected.quantile, atol=1e-9, rtol=0)


def test_the_likelihood_is_the_product_of_poisson_probabilities_of_all_cells():
    found = grids.likelihood_test(RATES, COUNTS, n=1)
    assert np.isclose(found.statistic, poisson.logpmf(COUNTS, RATES).sum(), rtol=1e-12)


def test_the_negative_binomial_likelihood_is_that_of_the_number_times_that_of_the_cells():
    small = np.array([[2.0, 1.0]])
    law = nbinom(9 / 4, 3 / 7)
    seen = np.array([[1.0, 2.0]])
    cells = 3 * (2 / 3) * (1 / 3) ** 2
    found = grids.likelihood_test(small, seen, variance=7.0, n=2000)
    assert np.isclose(found.statistic, law.logpmf(3) + np.log(cells), rtol=1e-12)
    # of what is simulated: empty catalogues are as many as the law has
    empty = np.isclose(found.distribution, law.logpmf(0)).mean()
    assert abs(empty - law.pmf(0)) < 0.04


def test_a_negative_binomial_law_of_nearly_poisson_variance_gives_poissons_quantiles():
    a = grids.number_test(RATES, COUNTS)
    b = grids.number_test(RATES, COUNTS, variance=RATES.sum() * (1 + 1e-7))
    assert np.allclose([a.at_least, a.at_most], [b.at_least, b.at_most], atol=1e-5)


def test_a_true_forecast_gives_uniform_quantiles():
    rng = np.random.default_rng(1001)
    found = np.array(
        [grids.likelihood_test(RATES, rng.poisson(RATES), n=99, seed=k).at_most for k in range(600)]
    )
    # three standard errors
    assert abs(found.mean() - 0.5) < 3 * np.sqrt(1 / 12 / 600)
    assert abs((found < 0.1).mean() - 0.1) < 3 * np.sqrt(0.09 / 600)


def test_events_where_the_rate_is_zero_reject_the_forecast():
    expected, seen = RATES.copy(), np.zeros_like(RATES)
    expected[3], seen[3, 0] = 0.0, 1
    found = grids.spatial_test(expected, seen, n=50)
    assert found.statistic == -np.inf
    assert found.at_most == 0.0
    assert np.isfinite(found.distribution).all()


def test_no_event_gives_no_conditional_test_and_a_number_test():
    nothing = np.zeros_like(RATES)
    assert grids.magnitude_test(RATES, nothing).status == "not valid"
    found = grids.number_test(RATES, nothing)
    assert found.at_least == 1.0
    assert np.isclose(found.at_most, np.exp(-20.0))


def test_large_catalogues_are_simulated_in_parts_with_the_same_numbers(monkeypatch):
    whole = grids.spatial_test(RATES, COUNTS, n=40, seed=1)
    monkeypatch.setattr(grids, "_MOST_EVENTS", 100)
    parts = grids.spatial_test(RATES, COUNTS, n=40, seed=1)
    np.testing.assert_array_equal(whole.distribution, parts.distribution)


@pytest.mark.parametrize(
    ("rates", "counts", "what"),
    [
        ([[1.0, 2.0]], [[1.0]], "one shape"),
        ([[-1.0]], [[1.0]], "zero or more"),
        ([[0.0]], [[1.0]], "not all zero"),
        ([[1.0]], [[0.5]], "counts"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(rates, counts, what):
    with pytest.raises(DataError, match=what):
        grids.number_test(rates, counts)


def test_a_variance_below_the_mean_is_refused():
    with pytest.raises(DataError, match="variance"):
        grids.number_test(RATES, COUNTS, variance=3.0)
