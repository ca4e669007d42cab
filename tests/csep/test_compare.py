"""Comparisons agree with pyCSEP where it has them, and with gains known in advance elsewhere."""

import numpy as np
import pytest

from craton.csep import compare
from craton.csep.grids import count_events
from craton.csep.simulated import count_simulated
from craton.errors import ConfigError, DataError
from craton.io.csep_grids import GriddedForecast
from craton.io.csep_regions import quadtree_zoom
from tests.csep import worlds

theirs = pytest.importorskip("csep.core.poisson_evaluations")

LON, LAT, SIZE = worlds.events(40)
COUNTS = count_events(LON, LAT, SIZE, worlds.REGION, worlds.EDGES)
A, B = worlds.rates(0, 35.0), worlds.rates(2, 20.0)


def test_the_t_test_is_that_of_pycsep():
    expected = theirs.paired_t_test(
        worlds.their_grid(A), worlds.their_grid(B), worlds.their_catalog(LON, LAT, SIZE)
    )
    found = compare.t_test(A, B, COUNTS)
    assert abs(found.gain - expected.observed_statistic) < 1e-9
    assert np.allclose([found.low, found.high], expected.test_distribution, atol=1e-9, rtol=0)
    assert abs(found.statistic - expected.quantile[0]) < 1e-9
    assert (found.low > 0 or found.high < 0) == (found.p_value < 0.05)


def test_the_w_test_is_that_of_pycsep():
    expected = theirs.w_test(
        worlds.their_grid(A), worlds.their_grid(B), worlds.their_catalog(LON, LAT, SIZE)
    )
    found = compare.w_test(A, B, COUNTS)
    assert abs(found.statistic - expected.observed_statistic) < 1e-9
    assert abs(found.p_value - expected.quantile) < 1e-9


def test_the_gain_is_the_difference_of_poisson_log_likelihoods_per_event():
    from scipy.stats import poisson

    difference = poisson.logpmf(COUNTS, A).sum() - poisson.logpmf(COUNTS, B).sum()
    assert np.isclose(compare.t_test(A, B, COUNTS).gain, difference / COUNTS.sum())


def test_the_binary_test_counts_a_cell_once():
    a, b, seen = [[2.0], [1.0], [1.0]], [[1.0], [1.0], [1.0]], [[7], [1], [0]]
    found = compare.binary_t_test(a, b, seen)
    assert found.n == 2
    assert np.isclose(found.gain, (np.log(2) - 1.0) / 2)


def test_the_same_density_on_other_cells_gains_nothing_and_a_better_one_does():
    coarse, fine = quadtree_zoom(3), quadtree_zoom(4)
    edges = np.array([5.0])
    share = fine.area / fine.area.sum()
    even = [GriddedForecast(100 * r.area[:, None] / r.area.sum(), r, edges) for r in (coarse, fine)]
    rng = np.random.default_rng(1)
    lon, lat = rng.uniform(0, 40, 50), rng.uniform(-40, 40, 50)
    found = compare.density_t_test(*even, lon, lat, np.full(50, 5.5))
    assert abs(found.gain) < 1e-12
    inside = fine.index(lon, lat)
    more = np.where(np.isin(np.arange(len(fine)), inside), 3.0, 1.0) * share
    better = GriddedForecast(100 * (more / more.sum())[:, None], fine, edges)
    found = compare.density_t_test(better, even[0], lon, lat, np.full(50, 5.5))
    assert np.isclose(found.gain, np.log(3 / (more.sum() / share.sum())))
    with pytest.raises(DataError, match="magnitude bins"):
        compare.density_t_test(
            better, GriddedForecast(even[0].rates, coarse, edges + 1), [], [], []
        )


def test_equal_forecasts_gain_nothing():
    found = compare.t_test(A, A, COUNTS)
    assert (found.gain, found.p_value) == (0.0, 1.0)
    assert compare.w_test(A, A, COUNTS).p_value == 1.0


def test_an_event_that_a_forecast_excludes_is_named():
    zero = B.copy()
    row, column = np.argwhere(COUNTS)[0]
    zero[row, column] = 0
    with pytest.raises(DataError, match=f"row {row + 1}, column {column + 1}: .*excludes"):
        compare.t_test(A, zero, COUNTS)


def test_one_event_is_too_few():
    with pytest.raises(DataError, match="1 events"):
        compare.t_test([[1.0]], [[2.0]], [[1]])


def test_smoothed_rates_keep_their_sum_and_are_zero_nowhere():
    simulated = count_simulated(worlds.forecast(), worlds.REGION, worlds.EDGES)
    assert (simulated.rates == 0).any()
    for bandwidth in (0.0, 15.0):
        rates = compare.smoothed_rates(simulated, worlds.REGION, bandwidth=bandwidth)
        assert np.isclose(rates.sum(), simulated.total)
        assert (rates > 0).all()
    share = 1 / (1 + simulated.events.sum())
    plain = compare.smoothed_rates(simulated, worlds.REGION)
    empty = simulated.rates == 0
    area = worlds.REGION.area / worlds.REGION.area.sum()
    np.testing.assert_allclose(plain[empty], share * simulated.total * area[empty])
    all_even = compare.smoothed_rates(simulated, worlds.REGION, floor=1.0)
    np.testing.assert_allclose(all_even, simulated.total * area)
    with pytest.raises(ConfigError, match="floor"):
        compare.smoothed_rates(simulated, worlds.REGION, floor=2.0)


def test_a_kernel_spreads_the_more_the_wider_it_is():
    simulated = count_simulated(worlds.forecast(), worlds.REGION, worlds.EDGES)
    spread = [
        compare.smoothed_rates(simulated, worlds.REGION, bandwidth=width, floor=0.0).std()
        for width in (1.0, 10.0, 100.0)
    ]
    assert spread[0] > spread[1] > spread[2]
    narrow = compare.smoothed_rates(simulated, worlds.REGION, bandwidth=0.5, floor=0.0)
    np.testing.assert_allclose(narrow, simulated.rates, atol=1e-12)


def days(n=400, seed=0):
    """Two forecasts of which the first is the truth; the gain per event is known."""
    rng = np.random.default_rng(seed)
    truth = rng.gamma(0.5, 0.3, (n, 30))
    other = truth[:, ::-1] * 1.3
    seen = rng.poisson(truth)
    known = (truth * np.log(truth / other) - truth + other).sum() / truth.sum()
    return truth, other, seen, known


def test_the_gain_over_many_days_is_that_known_from_the_rates():
    truth, other, seen, known = days()
    found = compare.compare_days(truth, other, seen)
    assert found.low < known < found.high
    assert found.t.low < known < found.t.high
    assert found.low > 0
    total = found.gain * found.events.sum()
    assert np.isclose(found.by_day.sum(), total)
    assert np.isclose(found.by_cell.sum(), total)


def test_the_part_of_the_gain_that_is_due_to_place_is_free_of_numbers():
    truth, other, seen, _ = days()
    found = compare.compare_days(truth, truth * 2, seen)
    np.testing.assert_allclose(found.space_by_day, 0, atol=1e-9)
    again = compare.compare_days(truth, other * 3, seen)
    once = compare.compare_days(truth, other, seen)
    np.testing.assert_allclose(again.space_by_day, once.space_by_day, atol=1e-9)


def test_days_that_come_in_bursts_widen_the_interval_of_the_blocks():
    truth, other, seen, _ = days(60)
    repeated = [np.repeat(v, 5, axis=0) for v in (truth, other, seen)]
    apart = compare.compare_days(*repeated, block=1)
    together = compare.compare_days(*repeated, block=5)
    assert together.high - together.low > 1.5 * (apart.high - apart.low)
