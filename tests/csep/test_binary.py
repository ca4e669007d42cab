"""Binary tests agree with pyCSEP on the same random numbers."""

import numpy as np
import pytest

from craton.csep import binary
from craton.csep.grids import count_events
from craton.errors import ModelError
from tests.csep import worlds

theirs = pytest.importorskip("csep.core.binomial_evaluations")

LON, LAT, SIZE = worlds.events(25)
COUNTS = count_events(LON, LAT, SIZE, worlds.REGION, worlds.EDGES)


@pytest.mark.parametrize(
    ("ours", "name"),
    [
        (binary.binary_spatial_test, "binary_spatial_test"),
        (binary.binary_conditional_likelihood_test, "binary_conditional_likelihood_test"),
    ],
)
def test_binary_likelihoods_are_those_of_pycsep_from_the_same_random_numbers(ours, name):
    values = worlds.rates()
    expected = getattr(theirs, name)(
        worlds.their_grid(values), worlds.their_catalog(LON, LAT, SIZE), num_simulations=60, seed=9
    )
    found = ours(values, COUNTS, n=60, seed=np.random.RandomState(9))
    assert abs(found.statistic - expected.observed_statistic) < 1e-9
    assert found.at_most == expected.quantile
    np.testing.assert_allclose(found.distribution, expected.test_distribution, atol=1e-9, rtol=0)


def test_the_likelihood_is_that_of_cells_hit_or_not():
    found = binary.binary_spatial_test([[0.5], [0.2]], [[4], [0]], n=5)
    assert np.isclose(found.statistic, np.log(1 - np.exp(-0.5)) - 0.2)


def test_more_cells_hit_than_have_a_rate_are_refused():
    with pytest.raises(ModelError, match="only 1"):
        binary.binary_spatial_test([[0.5], [0.0]], [[1], [1]])


def test_rates_that_differ_too_much_end_in_an_error_and_not_in_an_endless_loop(monkeypatch):
    monkeypatch.setattr(binary, "_MOST_DRAWS", 10_000)
    with pytest.raises(ModelError, match="merge cells"):
        binary.binary_spatial_test([[1.0], [1e-300]], [[1], [1]], n=2)


def test_nothing_observed_is_not_valid():
    assert binary.binary_spatial_test([[0.5]], [[0]]).status == "not valid"
