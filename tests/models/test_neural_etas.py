"""The neural ETAS model as a forecast: when its network is kept, and how an update goes on."""

from __future__ import annotations

import numpy as np
import pytest

from craton.models.neural_etas import NeuralETAS
from tests.models.worlds import earthquakes


@pytest.fixture(scope="module")
def parts():
    return earthquakes()[1:]


@pytest.fixture(scope="module")
def fitted(parts):
    return NeuralETAS(catalogs=30, hidden=8, steps=40).fit(parts[0])


def test_on_an_etas_world_there_is_nothing_for_a_network_to_learn(fitted):
    assert fitted.choice.low <= 0
    assert fitted.model.network.hidden == 0


def test_the_expected_number_is_near_the_observed_one(parts, fitted):
    _, test = parts
    expected = float(fitted.predict(test)["expected_count"].sum())
    observed = float(test.observed()["count"].sum())
    assert expected == pytest.approx(observed, rel=0.25)


def test_an_update_goes_on_from_the_old_state_and_keeps_its_choice(parts, fitted):
    train, _ = parts
    again = fitted.replace().start_from(fitted.state()).fit(train)
    assert again.choice == fitted.choice
    for name, values in fitted.model.arrays().items():
        assert np.abs(values - again.model.arrays()[name]).max() < 1.0


def test_a_window_is_forecast_alike_alone_and_in_a_batch(parts, fitted):
    _, test = parts
    alone = fitted.predict(test.take([3]))["expected_count"].to_numpy()[0]
    batch = fitted.predict(test.take([1, 3, 5]))["expected_count"].to_numpy()[1]
    np.testing.assert_allclose(alone, batch, rtol=1e-6)


def test_on_an_etas_world_there_is_no_factor_on_mainshocks_either(fitted):
    assert fitted.factor is None or not fitted.factor.kept
