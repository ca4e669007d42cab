"""Likelihoods of simulated catalogues, against the sums that they stand for."""

import numpy as np
import pytest
from scipy.special import loggamma

from craton.csep import likelihoods
from craton.csep.likelihoods import simulated_likelihoods


def plainly(expected, numbers, logs):
    """One simulation by numpy: look cells up, count them, sum."""
    chance = np.cumsum(expected) / np.sum(expected)
    cell = np.minimum(
        np.searchsorted(chance, numbers, side="right"), int(np.flatnonzero(expected)[-1])
    )
    count = np.bincount(cell, minlength=expected.size)
    hit = np.flatnonzero(count)
    return np.sum(logs[hit] * count[hit]) - np.sum(loggamma(count[hit] + 1.0))


@pytest.mark.parametrize("most_parts", [22, 3])
def test_likelihoods_are_bit_for_bit_those_of_numpy_in_the_order_of_cells(most_parts, monkeypatch):
    """Ties of observed and simulated statistics must stay ties, however coarse the look-up is."""
    monkeypatch.setattr(likelihoods, "_MOST_PARTS", most_parts)
    rng = np.random.default_rng(0)
    expected = rng.gamma(0.1, size=777)
    expected[[0, 5, 700, 775, 776]] = 0.0
    with np.errstate(divide="ignore"):
        logs = np.log(expected)
    size = np.array([0, 1, 7, 200, 3000])
    numbers = rng.random(size.sum())
    numbers[-1] = np.nextafter(1.0, 0.0)
    found = simulated_likelihoods(expected, size, numbers, logs)
    parts = np.split(numbers, np.cumsum(size)[:-1])
    assert found.tolist() == [plainly(expected, part, logs) for part in parts]


def test_one_cell_takes_all_events():
    found = simulated_likelihoods(np.array([2.0]), np.array([3]), np.full(3, 0.5), np.log([2.0]))
    np.testing.assert_allclose(found, 3 * np.log(2.0) - np.log(6.0))
