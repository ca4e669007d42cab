"""Magnitude of completeness against catalogues cut and thinned in known ways."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from craton.errors import ConfigError, DataError
from craton.seismicity.completeness import METHODS, completeness, magnitude_of_completeness


def law(n: int, seed: int = 0, b: float = 1.0) -> np.ndarray:
    """Magnitudes of a Gutenberg-Richter law from 0 on, in tenths."""
    rng = np.random.default_rng(seed)
    return np.round(-0.05 + rng.exponential(1 / (b * np.log(10)), n), 1)


def faded(n: int, middle: float, width: float, seed: int = 0) -> np.ndarray:
    """The same, detected with a probability that rises about `middle`."""
    m = law(n, seed)
    return m[np.random.default_rng(seed + 1).random(n) < ndtr((m - middle) / width)]


def test_maximum_curvature_finds_the_fullest_bin_plus_two_tenths() -> None:
    seen = faded(20_000, 1.5, 0.15)
    fullest = np.bincount(np.round(seen * 10).astype(int)).argmax() / 10
    assert magnitude_of_completeness(seen) == pytest.approx(fullest + 0.2)
    assert completeness(seen).mc == magnitude_of_completeness(seen)


@pytest.mark.parametrize("cut", [3.0, 2.75, -0.3])
@pytest.mark.parametrize("step", [0.1, 0.01])
def test_a_catalogue_complete_from_its_least_magnitude_is_complete_there(
    cut: float, step: float
) -> None:
    above = np.random.default_rng(0).exponential(1 / np.log(10), 3000)
    m = np.round(cut + step * np.floor(above / step), 2)
    assert magnitude_of_completeness(m) == pytest.approx(cut)
    assert completeness(m).low == pytest.approx(cut)


def test_a_lone_small_event_below_a_cut_leaves_the_cautious_answer() -> None:
    m = 3.0 + np.floor(10 * np.random.default_rng(0).exponential(1 / np.log(10), 3000)) / 10
    assert magnitude_of_completeness([1.0, *m]) == pytest.approx(3.2)


def test_bins_round_halves_up_and_ties_go_to_the_larger_magnitude() -> None:
    assert magnitude_of_completeness([2.35, 2.35, 2.4, 3.0, 3.0, 3.0]) == pytest.approx(3.2)


@pytest.mark.parametrize("method", ["goodness-of-fit", "b-stability"])
@pytest.mark.parametrize("b", [0.8, 1.2])
def test_a_sharp_cut_is_found_where_it_is(method: str, b: float) -> None:
    m = law(100_000, 3, b)
    thinned = m[np.random.default_rng(0).random(m.size) < 0.6 ** np.maximum((0.95 - m) / 0.1, 0)]
    assert completeness(thinned, method, resamples=0).mc == pytest.approx(1.0, abs=0.11)


def test_no_method_asks_for_more_than_a_tenth_above_a_complete_law() -> None:
    m = law(50_000, 5)
    assert completeness(m, "goodness-of-fit", resamples=0).mc == 0.0
    assert completeness(m, "b-stability", resamples=0).mc <= 0.3


@pytest.mark.parametrize("method", METHODS)
def test_where_detection_fades_the_answer_is_near_the_magnitude_seen_almost_surely(
    method: str,
) -> None:
    found = completeness(faded(200_000, 1.3, 0.1), method)  # 98 % are seen at 1.5
    assert found.mc == pytest.approx(1.5, abs=0.21)
    assert found.low <= found.mc <= found.high


def test_the_interval_is_the_spread_of_repeated_catalogues() -> None:
    again = [completeness(faded(2000, 1.3, 0.2, s), resamples=0).mc for s in range(60)]
    found = [completeness(faded(2000, 1.3, 0.2, s)) for s in range(20)]
    width = np.mean([c.high - c.low for c in found])
    assert width == pytest.approx(np.ptp(np.quantile(again, [0.025, 0.975])), rel=0.5)


@pytest.mark.parametrize("method", ["goodness-of-fit", "b-stability"])
def test_a_method_that_compares_b_values_says_nothing_of_few_or_equal_events(method: str) -> None:
    for m in (law(45), np.full(200, 2.0)):
        assert np.isnan(completeness(m, method).mc)


def test_useless_input_is_refused() -> None:
    with pytest.raises(DataError, match="no magnitudes"):
        magnitude_of_completeness([])
    with pytest.raises(DataError, match="event 1"):
        magnitude_of_completeness([2.0, np.nan])
    with pytest.raises(DataError, match="bin width"):
        magnitude_of_completeness([2.0], 0.0)
    with pytest.raises(ConfigError, match="goodness-of-fit"):
        completeness([1.0, 2.0], "goodnes-of-fit")
