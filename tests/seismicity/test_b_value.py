"""b-values against known answers."""

from __future__ import annotations

import numpy as np
import pytest

from craton.errors import DataError
from craton.seismicity.b_value import b_positive, b_value, magnitude_bin


def sample(b: float, n: int, mc: float, delta_m: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    exact = mc - delta_m / 2 + rng.exponential(1 / (b * np.log(10)), n)
    return np.round(exact / delta_m) * delta_m


def test_the_b_value_of_binned_magnitudes_is_recovered_within_its_error() -> None:
    for b in (0.8, 1.0, 1.3):
        result = b_value(sample(b, 50_000, 2.0, 0.1, 3), 2.0, 0.1)
        assert abs(result.b - b) < 3 * result.standard_error + 0.005 * b


def test_the_standard_error_is_the_spread_over_repeated_samples() -> None:
    results = [b_value(sample(1.0, 400, 2.0, 0.01, seed), 2.0, 0.01) for seed in range(300)]
    spread = np.std([r.b for r in results])
    assert np.mean([r.standard_error for r in results]) == pytest.approx(spread, rel=0.15)


def test_events_below_completeness_do_not_count() -> None:
    m = sample(1.0, 1000, 2.0, 0.1, 1)
    assert b_value(np.concatenate([m, np.full(500, 1.2)]), 2.0, 0.1) == b_value(m, 2.0, 0.1)


def test_useless_magnitudes_are_refused() -> None:
    with pytest.raises(DataError, match="no magnitudes"):
        b_value([], 1.0)
    with pytest.raises(DataError, match="event 1"):
        b_positive([2.0, np.nan])
    with pytest.raises(DataError, match="at least 2"):
        b_value([1.0, 3.0], 2.0)
    with pytest.raises(DataError, match="no b-value"):
        b_value([2.0, 2.0, 2.0], 2.0, 0.0)
    with pytest.raises(DataError, match="0 differences"):
        b_positive([3.0, 2.0, 1.0])
    with pytest.raises(DataError, match="positive differences equal"):
        b_positive([1.0, 1.1, 1.0, 1.1])


def test_b_positive_follows_from_the_mean_difference_by_hand() -> None:
    # differences 0.2, 0.2, 0.5 above a least one of 0.1: mean excess 0.2, b = log10(1.5) / 0.1
    result = b_positive([1.0, 1.2, 1.0, 1.2, 1.0, 1.5])
    assert result.b == pytest.approx(np.log10(1.5) / 0.1)
    assert result.n == 3


def test_b_positive_is_right_while_completeness_changes_where_b_is_not() -> None:
    rng = np.random.default_rng(4)
    m = sample(1.0, 60_000, 1.0, 0.1, 2)
    threshold = np.repeat(rng.uniform(1.0, 2.5, 600), 100)
    seen = m[m >= threshold - 1e-9]
    assert b_value(seen, 1.0, 0.1).b < 0.8
    result = b_positive(seen, 0.1)
    assert abs(result.b - 1.0) < 3 * result.standard_error


def test_the_bin_is_a_tenth_only_if_all_magnitudes_are_tenths() -> None:
    assert magnitude_bin(np.array([1.1, 2.0, 3.4])) == 0.1
    assert magnitude_bin(np.array([1.1, 2.0, 3.45])) == 0.01
