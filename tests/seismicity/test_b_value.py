"""Completeness and b-value against known answers."""

from __future__ import annotations

import numpy as np
import pytest

from craton.errors import DataError
from craton.seismicity.b_value import b_value
from craton.seismicity.completeness import magnitude_of_completeness


def sample(b: float, n: int, mc: float, delta_m: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    exact = mc - delta_m / 2 + rng.exponential(1 / (b * np.log(10)), n)
    return np.round(exact / delta_m) * delta_m


def test_maximum_curvature_finds_the_fullest_bin_plus_two_tenths() -> None:
    rng = np.random.default_rng(0)
    m = sample(1.0, 20_000, 0.0, 0.1, 0)
    seen = m[rng.random(m.size) < 1 / (1 + np.exp(-(m - 1.5) / 0.1))]
    fullest = np.bincount(np.round(seen * 10).astype(int)).argmax() / 10
    assert magnitude_of_completeness(seen) == pytest.approx(fullest + 0.2)
    assert 1.5 <= magnitude_of_completeness(seen) <= 2.2


def test_bins_round_halves_up_and_ties_go_to_the_larger_magnitude() -> None:
    assert magnitude_of_completeness([2.35, 2.35, 2.4, 3.0, 3.0, 3.0]) == pytest.approx(3.2)


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
        magnitude_of_completeness([])
    with pytest.raises(DataError, match="event 1"):
        magnitude_of_completeness([2.0, np.nan])
    with pytest.raises(DataError, match="bin width"):
        magnitude_of_completeness([2.0], 0.0)
    with pytest.raises(DataError, match="at least 2"):
        b_value([1.0, 3.0], 2.0)
    with pytest.raises(DataError, match="no b-value"):
        b_value([2.0, 2.0, 2.0], 2.0, 0.0)
