"""CSEP tests of many windows, on forecasts that are right, too high, or in the wrong place."""

import numpy as np
import pytest
import xarray as xr
from scipy.stats import nbinom, poisson

from craton.csep.windows import evaluate_windows, fit_dispersion
from craton.errors import DataError

LEVELS = np.array([0.025, 0.05, 0.25, 0.5, 0.75, 0.95, 0.975])
WINDOWS, CELLS = 150, 30
RNG = np.random.default_rng(1)
RATES = RNG.gamma(1.0, 0.15, (WINDOWS, CELLS)) * RNG.gamma(0.5, 1.0, CELLS)


def predictions(rates, dispersion=0.0):
    """What a run keeps of a forecast."""
    mean = rates.sum(axis=1, keepdims=True)
    law = poisson(mean) if dispersion == 0 else nbinom(1 / dispersion, 1 / (1 + dispersion * mean))
    return xr.Dataset(
        {
            "expected_count": (("sample", "cell"), rates.astype(np.float32)),
            "region_count": (("sample", "quantile"), law.ppf(LEVELS).astype(np.float32)),
            "probability": (("sample", "threshold", "cell"), -np.expm1(-rates[:, None])),
        },
        coords={"threshold": [3.0], "quantile": LEVELS},
    )


def observations(counts):
    """What came."""
    return xr.Dataset(
        {
            "count": (("sample", "cell"), counts),
            "occurred": (("sample", "threshold", "cell"), (counts[:, None] > 0).astype(float)),
        }
    )


SEEN = observations(np.random.default_rng(7).poisson(RATES))


def test_a_right_forecast_passes_and_its_law_is_poisson():
    found = evaluate_windows(predictions(RATES), SEEN)
    assert found.law == "Poisson" and found.windows_pass() and found.number_passes()
    assert found.spatial.passes() and found.binary.passes()
    assert found.magnitude is None and found.reliability.unforeseen == 0


def test_a_forecast_of_twice_as_many_events_is_too_high():
    found = evaluate_windows(predictions(2 * RATES), SEEN)
    assert not found.number_passes()
    assert found.number.at_most[-1] < 0.025 < found.number.at_least[-1]
    assert found.spatial.passes()


def test_a_forecast_for_the_wrong_cells_fails_in_space_alone():
    found = evaluate_windows(predictions(RATES[:, ::-1]), SEEN)
    assert found.number_passes() and not found.spatial.passes()


def test_the_sum_over_windows_is_the_poisson_law_of_the_summed_mean():
    found = evaluate_windows(predictions(RATES), SEEN)
    n = float(SEEN["count"].sum())
    assert found.number.at_most[-1] == pytest.approx(poisson.cdf(n, RATES.sum()), abs=0.01)


def test_the_dispersion_of_a_negative_binomial_law_comes_back_from_its_quantiles():
    mean = np.full(40, 25.0)
    kept = nbinom.ppf(LEVELS, 1 / 0.4, 1 / (1 + 0.4 * mean[:, None]))
    assert fit_dispersion(mean, LEVELS, kept) == pytest.approx(np.full(40, 0.4), rel=0.15)
    assert evaluate_windows(predictions(10 * RATES, 0.4), SEEN).law == "negative binomial"


def test_clustered_numbers_that_poisson_would_refuse_pass_with_their_own_spread():
    rng = np.random.default_rng(3)
    rates = 5 * RATES
    seen = observations(rng.poisson(rates * rng.gamma(1 / 0.5, 0.5, (WINDOWS, 1))))
    assert evaluate_windows(predictions(rates, 0.5), seen).windows_pass()
    assert not evaluate_windows(predictions(rates), seen).windows_pass()


def test_magnitudes_of_another_slope_fail():
    share = 10 ** -(0.1 * np.arange(20))
    share /= share.sum()
    right = np.random.default_rng(4).multinomial(400, share)
    steeper = np.random.default_rng(4).multinomial(400, share**1.5 / (share**1.5).sum())
    verdicts = [
        evaluate_windows(predictions(RATES), SEEN, magnitudes=(share, n)).magnitude.passes()
        for n in (right, steeper)
    ]
    assert verdicts == [True, False]


def test_counts_of_other_windows_are_refused():
    with pytest.raises(DataError, match="counts of shape"):
        evaluate_windows(predictions(RATES[1:]), SEEN)
