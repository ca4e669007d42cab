"""Simulated events described by their past."""

from __future__ import annotations

import numpy as np
import pytest

from craton.errors import DataError
from craton.models.physics.etas_history import EXCESS, SEEN
from craton.models.physics.etas_neural_past import FINE, Describer, scene_of, see
from tests.models.physics.etas_world import PARAMETERS, SCALE, SQUARE, described, past_of


def test_events_are_described_as_in_training_though_some_of_their_past_is_simulated() -> None:
    catalog, describer = described(), Describer.of(PARAMETERS)
    past = past_of(catalog, 1700.0)
    scene = scene_of(PARAMETERS, describer, past, 1700.0, SCALE, SQUARE.area)
    first = scene.time.size
    n = min(catalog.time.size - first, 200)
    later = slice(first, first + n)
    x, y, _ = catalog.place[:, later]
    excess = catalog.excess[later]
    expected = catalog.features[later].astype(float)
    seen = np.stack([
        catalog.time[later], x, y, excess, describer.log_k + describer.a * excess,
        describer.zone * np.exp(describer.gamma * excess), np.zeros(n),
        np.exp(expected[:, EXCESS - 1]),
    ])  # fmt: skip
    features = np.empty(expected.shape)
    for i in range(n):
        see(*seen[:4, i], 0, i, seen, scene, describer, features[i])
    # the rates come from the densities, which are approximate
    exact = [k for k in range(SEEN) if k not in (EXCESS - 2, EXCESS - 1)]
    np.testing.assert_allclose(features[:, exact], expected[:, exact], rtol=1e-5, atol=1e-4)
    rates = (np.exp(f[:, EXCESS - 2]) * -np.expm1(f[:, EXCESS - 1]) for f in (features, expected))
    np.testing.assert_allclose(*rates, rtol=2e-3)  # the triggered ones
    off = np.abs(features - expected)[:, [EXCESS - 1, *range(SEEN, SEEN + FINE)]]
    assert (off.mean(axis=0) < 0.08).all(), off.mean(axis=0)
    off = np.abs(features - expected)[:, SEEN + FINE :]
    assert (off.mean(axis=0) < 0.3).all(), off.mean(axis=0)


def test_a_forecast_without_a_past_is_refused() -> None:
    catalog, describer = described(), Describer.of(PARAMETERS)
    with pytest.raises(DataError, match="no event above the magnitude of completeness"):
        scene_of(PARAMETERS, describer, past_of(catalog, 0.0), 0.0, SCALE, SQUARE.area)
