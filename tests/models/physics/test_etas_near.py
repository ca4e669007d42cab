"""Near pairs against all pairs."""

from __future__ import annotations

import numpy as np
import pytest

from craton.models.physics.etas import Events, fit, log_likelihood
from craton.models.physics.etas_kernels import pair_sums
from craton.models.physics.etas_near import near_pairs, near_sums
from craton.models.physics.etas_problem import pair_arguments
from craton.models.physics.polygons import inside_polygon
from tests.models.physics.etas_world import PARAMETERS, SQUARE, history


def arguments(events: Events) -> tuple[np.ndarray, ...]:
    return (np.arange(events.time.size), *pair_arguments(PARAMETERS, events))


def test_near_and_rest_add_up_to_the_sums_over_all_pairs() -> None:
    events = history(600)
    pairs = near_pairs(*arguments(events))
    np.testing.assert_allclose(pairs.total, pair_sums(*arguments(events)), rtol=1e-9, atol=1e-12)


def test_near_sums_are_those_of_the_listed_pairs() -> None:
    events = history(600)
    pairs = near_pairs(*arguments(events), share=0.05)
    found = near_sums(
        np.arange(events.time.size), pairs.first, pairs.source, *pair_arguments(PARAMETERS, events)
    )
    np.testing.assert_allclose(found, pairs.near, rtol=1e-12, atol=1e-14)
    assert len(pairs.source) < 0.2 * events.time.size**2 / 2


def test_every_listed_pair_gives_the_share_that_makes_it_near() -> None:
    events, share = history(600), 0.02
    pairs = near_pairs(*arguments(events), share=share)
    for i in (50, 120, events.time.size - 1):
        sources = pairs.source[pairs.first[i] : pairs.first[i + 1]]
        time, x, y, _, log_k, zone, (c, omega, tau, rho) = pair_arguments(PARAMETERS, events)
        dt, r2 = time[i] - time[:i], (x[i] - x[:i]) ** 2 + (y[i] - y[:i]) ** 2
        rate = 2 ** log_k[:i] * np.exp(-dt / tau) * (dt + c) ** -(1 + omega)
        rate *= (r2 + zone[:i]) ** -(1 + rho)
        assert sources.tolist() == np.flatnonzero(rate >= share * rate.sum()).tolist()


def test_drawn_pairs_stand_for_all_others_without_bias() -> None:
    events = history(600)
    every = arguments(events)
    time, x, y = every[1:4]
    estimates = []
    for seed in range(40):
        pairs = near_pairs(*every, share=0.05, draws=4, seed=seed)
        i = np.repeat(every[0], np.diff(pairs.first))
        j = pairs.source
        # a kernel that the pairs were not drawn by
        rate = np.exp(-(time[i] - time[j]) / 100) / (1 + (x[i] - x[j]) ** 2 + (y[i] - y[j]) ** 2)
        estimates.append(np.bincount(i, pairs.weight * rate, minlength=time.size).sum())
    i, j = np.tril_indices(time.size, -1)
    rate = np.exp(-(time[i] - time[j]) / 100) / (1 + (x[i] - x[j]) ** 2 + (y[i] - y[j]) ** 2)
    error = np.std(estimates) / np.sqrt(len(estimates))
    assert np.mean(estimates) == pytest.approx(rate.sum(), abs=4 * error)
    assert error < 0.02 * rate.sum()


def test_the_fit_ends_where_the_gradient_over_all_pairs_is_zero() -> None:
    events = history()
    targets = (events.time >= 200) & inside_polygon(events.x, events.y, SQUARE.polygon)
    window = (200.0, 2000.0)
    found = fit(events, targets, window, mc=3.0, region=SQUARE.polygon)
    value, gradient = log_likelihood(found.parameters, events, targets, window, SQUARE.area)
    assert found.converged
    assert found.log_likelihood == pytest.approx(value, abs=1e-6)
    assert np.abs(gradient).max() < 2e-3 * np.sqrt(targets.sum())
