"""Baselines against answers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from craton.errors import ModelError
from craton.models.baselines import Climatology, DampedPersistence, Frequency, Persistence
from tests.models.worlds import fields, series, table


def test_frequency_is_the_share_of_each_class_with_one_added():
    samples = table(100)
    label = samples.observed()["rock"].to_numpy()
    found = Frequency().fit(samples).predict(samples.take([0, 1]))["rock"].to_numpy()
    share = (np.bincount(label, minlength=3) + 1) / 103
    np.testing.assert_allclose(found, [share, share], rtol=1e-6)


def test_climatology_is_the_training_mean_and_its_spread():
    samples = table(100, numbers=True)
    y = samples.observed()["number"].to_numpy()
    found = Climatology().fit(samples).predict(samples.take([0]))["number"]
    np.testing.assert_allclose(found.sel(quantile=0.5), y.mean(), rtol=1e-5)
    np.testing.assert_allclose(found.sel(quantile=0.95), y.mean() + 1.6449 * y.std(), rtol=1e-4)


def test_persistence_repeats_the_newest_value_at_every_lead():
    samples = fields()
    found = Persistence().fit(samples).predict(samples.take([10]))["sst"].sel(quantile=0.5)
    newest = samples.data["sst"].to_numpy()[samples.index.index[10]]
    for lead in (0, 1):
        np.testing.assert_allclose(found[0, lead], newest, rtol=1e-5)


def test_persistence_takes_the_newest_value_that_is_there():
    samples = fields()
    at = int(samples.index.index[10])
    samples.data["sst"][at, 5] = np.nan
    found = Persistence().fit(samples).predict(samples.take([10]))["sst"].sel(quantile=0.5)
    np.testing.assert_allclose(found[0, 0, 5], samples.data["sst"][at - 1, 5], rtol=1e-5)


def test_damped_persistence_learns_the_autocorrelation_of_an_ar2_process():
    model = DampedPersistence().fit(series(4000))
    assert model.learnt["factor"][0, 0] == pytest.approx(1.6 / 1.8, abs=0.02)


def test_persistence_refuses_a_target_that_is_not_the_field_itself():
    with pytest.raises(ModelError, match="sequence"):
        Persistence().fit(table(numbers=True))


@pytest.mark.parametrize("model", [Climatology, Persistence, DampedPersistence])
def test_a_baseline_of_a_field_comes_back_equal_from_its_state(model):
    samples = fields(gaps=True)
    one = model().fit(samples)
    two = model().with_state(one.state())
    assert one.predict(samples).identical(two.predict(samples))
    assert np.isfinite(one.predict(samples)["sst"]).all()


@pytest.mark.parametrize("model", [Climatology, Persistence])
def test_a_baseline_of_numbers_refuses_classes(model):
    with pytest.raises(ModelError, match="numbers"):
        model().fit(table())
