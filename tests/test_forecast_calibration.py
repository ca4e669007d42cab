"""Chances stated in the test beside what came."""

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from scipy.stats import binom

from craton.forecast_calibration import TAIL, Chance, cautions, in_the_test, stated_and_came


def made(stated, came, held):
    """A run of 100 windows: chance of M >= 4, windows that had one, windows inside the interval."""
    n = 100
    hit = (np.arange(n) < came).astype(float)
    inside = np.where(np.arange(n) < held, 5.0, 50.0)
    observed = xr.Dataset(
        {"region_occurred": (("sample", "threshold"), hit[:, None]),
         "region_count": ("sample", inside)}, coords={"threshold": [4.0]},
    )  # fmt: skip
    number = np.tile([1.0, 9.0], (n, 1))
    predicted = xr.Dataset(
        {"region_probability": (("sample", "threshold"), np.full((n, 1), stated)),
         "region_count": (("sample", "quantile"), number)},
        coords={"threshold": [4.0], "quantile": [0.025, 0.975]},
    )  # fmt: skip
    return SimpleNamespace(
        selected="etas", predictions={"etas": predicted}, observed=observed, test=range(n),
        config=SimpleNamespace(horizon=7.0),
    )  # fmt: skip


def test_a_forecast_whose_chances_came_true_needs_no_caution():
    assert cautions(made(0.3, 30, 96)) == []
    assert "(the chances were" not in in_the_test(made(0.3, 30, 96))


def test_chances_that_are_out_of_reach_are_told_in_one_line_with_their_direction():
    (line,) = cautions(made(0.6, 30, 96))
    assert line == (
        "'etas' is poorly calibrated. In the 100 test windows of 7 days the chance of M ≥ 4 was "
        "60 % on average, but 30 % of the windows had one (too high)."
    )
    assert "(the chances were TOO HIGH)" in in_the_test(made(0.6, 30, 96))
    assert "(too low)" in cautions(made(0.1, 30, 96))[0]


def test_shares_are_read_without_an_exponent():
    assert [Chance(4.0, 0.5, k, 200).share for k in (0, 1, 141, 199, 200)] == [
        "0 %", "0.5 %", "70.5 %", "99.5 %", "100 %"
    ]  # fmt: skip


def test_an_interval_that_misses_too_often_is_told():
    (line,) = cautions(made(0.3, 30, 80))
    assert "the 95 % interval of the number of events held in 80 % of them" in line
    # 95 % intervals may miss by chance: up to 11 of 100 windows with the tail of 0.5 %
    assert binom.sf(11 - 1, 100, 0.05) >= TAIL > binom.sf(12 - 1, 100, 0.05)
    assert cautions(made(0.3, 30, 89)) == [] and cautions(made(0.3, 30, 88))


def test_mean_and_number_are_those_of_the_run():
    assert stated_and_came(made(0.25, 40, 95)) == [Chance(4.0, 0.25, 40, 100)]


@pytest.mark.parametrize("p", [0.02, 0.4, 0.95])
def test_a_calibrated_forecast_is_seldom_warned_of(p):
    """Windows drawn with the chances stated: two tails of half a per cent at the most."""
    drawn = np.random.default_rng(0).binomial(200, p, 4000)
    share = np.mean([bool(Chance(4.0, p, int(k), 200).fault) for k in drawn])
    assert share < 2 * TAIL + 3 * np.sqrt(2 * TAIL / 4000)


def test_chances_that_vary_with_what_came_before_are_seldom_warned_of():
    """Windows follow each other: the chance depends on whether the one before had an event."""
    rng, warned = np.random.default_rng(1), 0
    for _ in range(1000):
        stated, came = [], [0]
        for _ in range(150):
            p = 0.7 if came[-1] else 0.15
            stated.append(p)
            came.append(int(rng.random() < p))
        warned += bool(Chance(4.0, float(np.mean(stated)), sum(came[1:]), 150).fault)
    assert warned <= 20
