"""The factor on mainshocks, learnt from forecasts whose truth is known."""

import numpy as np
import pytest

from craton.models.mainshock_factor import MainshockFactor, Seen, even_gamma

TRUTH = MainshockFactor(5.2, 1.1, 5.0, 0.4, 60, 0.0, 0.0, 0.0)
AGES = (0.001, 0.25, 1.0, 3.0, 10.0)


def seen(truth, number=60, seed=0):
    """Forecasts of a model whose own numbers grow with 1.2 per magnitude, and what came."""
    rng = np.random.default_rng(seed)
    magnitude = np.repeat(4.5 + rng.exponential(0.6, number).clip(0, 2.5), len(AGES))
    age = np.tile(AGES, number)
    own = 4.0 * np.exp(1.2 * (magnitude - 4.5)) / (1 + age)
    rest = 2.0 + own * age / 4
    each = np.repeat(rng.gamma(1 / 0.4, 0.4, number), len(AGES))
    came = rng.poisson(own * truth.of(magnitude, age) * each + rest)
    return Seen(np.repeat(np.arange(number), len(AGES)), magnitude, age, own, rest, came, 1.2)


def test_a_factor_that_forecasts_lack_is_found_and_kept():
    found = MainshockFactor.learn(seen(TRUTH), beta=2.3)
    assert found.kept and found.mainshocks == 60
    assert found.growth == pytest.approx(1.1, abs=0.01)  # beta less the model's own growth
    assert found.least == pytest.approx(TRUTH.least, abs=0.25)
    assert found.fade == pytest.approx(TRUTH.fade, rel=0.5)
    assert found.spread == pytest.approx(TRUTH.spread, rel=0.5)


def test_forecasts_that_lack_nothing_get_no_factor():
    kept = 0
    for k in range(20):
        plain = seen(TRUTH._replace(growth=0.0), seed=k)
        found = MainshockFactor.learn(plain, beta=2.3)
        kept += found.kept
    assert kept <= 2  # a test of 5 %


@pytest.mark.parametrize("number", [0, 9])
def test_too_few_mainshocks_teach_nothing(number):
    assert MainshockFactor.learn(seen(TRUTH, number), beta=2.3) is None


def test_a_model_that_grows_as_fast_as_magnitudes_fall_needs_nothing():
    assert MainshockFactor.learn(seen(TRUTH), beta=1.1) is None


def test_only_recent_mainshocks_have_a_factor_of_the_right_mean_and_spread():
    history = np.array([
        [0.0, 0.0, 0.0, 7.0],  # too long ago
        [99.0, 0.0, 0.0, 6.5],
        [99.5, 3.0, 0.0, 6.0],  # in the zone of the one before
        [99.8, 400.0, 0.0, 5.0],  # too small
        [99.9, 900.0, 0.0, 6.0],
    ])  # fmt: skip
    found = TRUTH.sequences(history, 100.0, 500, seed=1)
    assert found.rows.tolist() == [1, 4]
    mean = TRUTH.of(np.array([6.5, 6.0]), np.array([1.0, 0.1]))
    np.testing.assert_allclose(found.factor.mean(axis=0), mean)
    np.testing.assert_allclose(found.factor.var(axis=0), 0.4 * mean**2, rtol=0.05)
    again = TRUTH.sequences(history, 100.0, 500, seed=1)
    assert np.array_equal(found.factor, again.factor)
    assert TRUTH.sequences(history[:1], 100.0, 500, seed=1) is None


def test_even_draws_of_several_columns_do_not_go_together():
    drawn = even_gamma(0.5, (2000, 2), 3)
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 0.1
