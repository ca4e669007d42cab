"""Tests over many days, on distributions that are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm

from craton.csep.cumulative import (
    calibration_test,
    cumulative_gain,
    cumulative_number_test,
    randomised_quantiles,
)
from craton.csep.results import judged
from craton.errors import DataError


def test_days_of_coins_sum_to_the_binomial_law():
    found = cumulative_number_test([[0, 1]] * 40, [1, 0] * 20)
    n, k = np.arange(1, 41), found.observed
    np.testing.assert_allclose(found.at_least, binom.sf(k - 1, n, 0.5), atol=1e-9)
    np.testing.assert_allclose(found.at_most, binom.cdf(k, n, 0.5), atol=1e-9)
    np.testing.assert_array_equal(found.low, binom.ppf(0.025, n, 0.5))
    np.testing.assert_array_equal(found.high, binom.ppf(0.975, n, 0.5))


def test_tails_are_cut_and_numbers_beyond_them_have_no_chance():
    found = cumulative_number_test([[100] * 9 + [101]] * 300, [100] * 299 + [500])
    assert found.at_least[-1] == 0.0
    assert np.isclose(found.at_most[-1], 1.0)
    found = cumulative_number_test([[100, 101]] * 3, [0, 0, 0])
    assert found.at_most.tolist() == [0.0] * 3
    assert found.at_least.tolist() == [1.0] * 3


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 6), min_size=1, max_size=4), min_size=1, max_size=4),
    st.integers(0, 24),
)
def test_the_summed_law_is_that_of_all_combinations(days, total):
    sums = np.zeros(1)
    for day in days:
        sums = np.add.outer(sums, day).ravel()
    seen = [0] * (len(days) - 1) + [total]
    found = cumulative_number_test(days, seen)
    assert np.isclose(found.at_least[-1], (sums >= total).mean(), atol=1e-12)
    assert np.isclose(found.at_most[-1], (sums <= total).mean(), atol=1e-12)


def test_days_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match="1 forecasts for 2"):
        cumulative_number_test([[1]], [1, 2])
    with pytest.raises(DataError, match="day 2"):
        cumulative_number_test([[1], []], [1, 2])


def test_the_band_of_a_sum_of_normal_gains_is_that_of_their_spread():
    gains = np.random.default_rng(3).normal(0.2, 2.0, 1000)
    found = cumulative_gain(gains)
    reach = norm.ppf(0.975) * gains.std() * np.sqrt(np.arange(1, 1001))
    width = (found.high - found.low)[200:] / (2 * reach[200:])
    assert np.all(np.abs(width - 1) < 0.12)
    np.testing.assert_allclose(found.total, np.cumsum(gains))


def test_blocks_widen_the_band_of_gains_that_come_in_runs():
    gains = np.repeat(np.random.default_rng(4).normal(size=100), 10)
    narrow, wide = cumulative_gain(gains), cumulative_gain(gains, block=30)
    assert (wide.high - wide.low)[-1] > 2 * (narrow.high - narrow.low)[-1]
    with pytest.raises(DataError, match="blocks of 0"):
        cumulative_gain(gains, block=0)


def test_calibration_is_that_of_pycsep():
    theirs = pytest.importorskip("csep.core.catalog_evaluations")
    models = pytest.importorskip("csep.models")
    rng = np.random.default_rng(5)
    ours = [judged("catalogue S", rng.random(), rng.random(50)) for _ in range(30)]
    results = [
        models.EvaluationResult(name="a", quantile=(e.at_least, e.at_most), status="normal")
        for e in ours
    ]
    expected = theirs.calibration_test(results)
    assert np.allclose(calibration_test(ours), (expected.observed_statistic, expected.quantile))


def test_randomised_quantiles_of_a_true_forecast_of_few_events_are_uniform():
    rng = np.random.default_rng(6)
    days = [
        judged("catalogue N", float(rng.poisson(0.3)), rng.poisson(0.3, 400).astype(float))
        for _ in range(1500)
    ]
    found = randomised_quantiles(days, seed=1)
    shares = np.histogram(found, bins=10, range=(0, 1))[0] / found.size
    assert np.all(np.abs(shares - 0.1) < 0.03)
    assert calibration_test(days)[1] < 1e-6  # which the plain quantiles are not


def test_no_valid_day_is_refused():
    with pytest.raises(DataError, match="valid"):
        calibration_test([])
