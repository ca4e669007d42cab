"""Reliability diagrams of forecasts that are right, wrong, and clustered."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from craton.csep.grids import count_events
from craton.csep.reliability import catalog_reliability, reliability
from craton.csep.simulated import count_simulated
from craton.errors import ConfigError, DataError
from craton.io.csep import CatalogForecast
from tests.csep import worlds


def probabilities(n=40_000, seed=0):
    rng = np.random.default_rng(seed)
    return np.minimum(rng.gamma(0.2, 0.05, n), 0.9), rng


def test_a_right_forecast_lies_within_its_bars_as_often_as_they_say():
    inside = []
    for seed in range(20):
        p, rng = probabilities(5000, seed)
        found = reliability(p, rng.random(p.size) < p, seed=seed, n=400)
        inside += list((found.frequency >= found.low) & (found.frequency <= found.high))
    assert 0.86 < np.mean(inside) < 0.97


def test_a_forecast_of_half_the_true_chance_lies_above_its_bars():
    p, rng = probabilities()
    found = reliability(p / 2, rng.random(p.size) < p)
    assert np.all(found.frequency > found.high)
    assert np.allclose(found.frequency / found.probability, 2, rtol=0.3)


def test_bins_expect_as_many_events_and_hold_all_cases():
    p, rng = probabilities()
    found = reliability(p, rng.random(p.size) < p, bins=8)
    expected = found.probability * found.cases
    assert expected.max() / expected.min() < 1.1
    assert found.cases.sum() == p.size
    assert np.all(np.diff(found.probability) > 0)


def test_bars_are_those_of_a_binomial_law_where_all_probabilities_are_one():
    from scipy.stats import binom

    p = np.full(2000, 0.3)
    found = reliability(p, np.zeros(2000), n=4000, level=0.9)
    assert found.cases.tolist() == [2000]
    reach = binom.ppf([0.05, 0.95], 2000, 0.3) / 2000
    assert np.allclose([found.low[0], found.high[0]], reach, atol=0.002)


def test_the_parts_of_the_brier_score_add_up():
    levels = np.array([0.1, 0.4, 0.8])
    rng = np.random.default_rng(1)
    p = rng.choice(levels, 3000)
    hit = rng.random(3000) < p**2
    found = reliability(p, hit, bins=200)
    assert found.probability.tolist() == pytest.approx(levels.tolist())
    total = found.reliability - found.resolution + found.uncertainty
    assert np.isclose(total, brier_score_loss(hit, p))


def test_events_that_were_given_no_chance_are_counted():
    found = reliability([0.0, 0.0, 0.5, 0.2], [True, False, True, False])
    assert found.unforeseen == 1


def test_bars_from_catalogues_are_wider_where_events_cluster():
    rng = np.random.default_rng(2)
    n = 500
    # a cluster fills the same thirty cells in one catalogue of five
    clustered = np.repeat(np.flatnonzero(rng.random(n) < 0.2), 30)
    cell = np.tile(np.arange(30), clustered.size // 30)
    lon, lat = worlds.REGION.centre[cell].T
    forecast = CatalogForecast(clustered, lon, lat, np.full(cell.size, 4.5), n)
    simulated = count_simulated(forecast, worlds.REGION, worlds.EDGES)
    seen = count_events(lon[:30], lat[:30], np.full(30, 4.5), worlds.REGION, worlds.EDGES)
    found = catalog_reliability(simulated, seen, bins=1)
    alone = reliability(simulated.hit, seen.sum(axis=1) > 0, bins=1)
    assert found.low[-1] == 0.0
    assert found.frequency[-1] <= found.high[-1]
    assert alone.frequency[-1] > alone.high[-1]


def test_days_are_put_together():
    a, b = (count_simulated(worlds.forecast(s), worlds.REGION, worlds.EDGES) for s in (5, 6))
    seen = [count_events(*worlds.events(n, n), worlds.REGION, worlds.EDGES) for n in (9, 4)]
    both = catalog_reliability([a, b], seen, bins=5)
    assert both.cases.sum() == 2 * len(worlds.REGION)
    hits = sum((s.sum(axis=1) > 0).sum() for s in seen)
    assert np.isclose((both.frequency * both.cases).sum(), hits)
    expected = a.hit.sum() + b.hit.sum()
    assert np.isclose((both.probability * both.cases).sum(), expected)


@pytest.mark.parametrize(
    ("p", "hit", "what"),
    [
        ([0.1], [1, 0], "1 probabilities"),
        ([1.1], [1], "0 to 1"),
        ([0.5], [3], "true or false"),
        ([0.0], [1], "all probabilities"),
    ],
)
def test_cases_that_do_not_fit_are_refused(p, hit, what):
    with pytest.raises(DataError, match=what):
        reliability(p, hit)


def test_no_bins_are_refused():
    with pytest.raises(ConfigError, match="bins"):
        reliability([0.5], [1], bins=0)
