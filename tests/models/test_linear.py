"""Ridge and logistic regression against scikit-learn and known coefficients."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from sklearn.linear_model import LogisticRegression
from sklearn.linear_model import Ridge as SklearnRidge

from craton.errors import BundleError
from craton.gathers import Rows
from craton.models.base import design
from craton.models.linear import Logistic, Ridge, softmax, solve_ridge
from craton.samples import Samples, Target, make_index
from tests.models.worlds import table


@pytest.mark.parametrize(("n", "columns"), [(50, 4), (10, 30)])
def test_ridge_equals_scikit_learn(n, columns):
    rng = np.random.default_rng(0)
    x, y = rng.normal(1, 2, size=(n, columns)), rng.normal(3, 1, size=(n, 2))
    coef, intercept = solve_ridge(x, y, 0.1)
    other = SklearnRidge(alpha=0.1 * n).fit(x, y)
    np.testing.assert_allclose(coef, other.coef_.T, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(intercept, other.intercept_, rtol=1e-8)


def test_ridge_recovers_a_linear_truth():
    samples = table(500, numbers=True, noise=0.1)
    model = Ridge(penalty=1e-5).fit(samples)
    x, std = model.encoder.arrays["x.std"], model.encoder.arrays["y.std"]
    slope = model.coef[:, 0] * std[0] / x
    np.testing.assert_allclose(slope, [2.0, -1.0, 0.0, 0.0], atol=0.02)


def test_ridge_fits_each_output_on_the_samples_that_have_it():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3)).astype(np.float32)
    y = (x @ rng.normal(size=(3, 2))).astype(np.float32)
    y[:10, 0] = np.nan
    model = Ridge(penalty=0.1)
    model._fit({"x": x}, y, fitting=None)
    for output, rows in ((0, slice(10, None)), (1, slice(None))):
        coef, _ = solve_ridge(x[rows].astype(float), y[rows][:, [output]], 0.1)
        np.testing.assert_allclose(model.coef[:, output], coef[:, 0], rtol=1e-4, atol=1e-6)


def test_logistic_recovers_the_coefficients_that_made_the_classes():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(6000, 2))
    chance = 1 / (1 + np.exp(-(1.5 * x[:, 0] - 0.7 * x[:, 1] + 0.4)))
    data = xr.Dataset({"a": ("row", x[:, 0]), "b": ("row", x[:, 1])})
    data["wet"] = "row", (rng.random(6000) < chance).astype(int)
    target = Target("wet", ("no", "yes"), (0, 1))
    model = Logistic().fit(Samples(data, make_index(6000), Rows(("a", "b"), target)))
    slope = (model.coef[:, 1] - model.coef[:, 0]) / model.encoder.arrays["x.std"]
    np.testing.assert_allclose(slope, [1.5, -0.7], atol=0.12)


def test_logistic_gives_the_probabilities_of_scikit_learn():
    samples = table()
    model = Logistic(penalty=2.0).fit(samples)
    x = design(model.encoder.encode(samples.inputs()))
    y = samples.observed()["rock"].to_numpy()
    other = LogisticRegression(C=0.5, max_iter=1000).fit(x, y).predict_proba(x)
    np.testing.assert_allclose(model.predict(samples)["rock"], other, atol=1e-4)


def test_logistic_with_one_class_in_training_is_sure_of_it():
    samples = table()
    only = samples.take(samples.observed()["rock"].to_numpy() == 1)
    assert (Logistic().fit(only).predict(only)["rock"].sel(category="b") > 0.999).all()


def test_balanced_weights_raise_the_probability_of_a_rare_class():
    samples = table(400, noise=3.0)
    label = samples.observed()["rock"].to_numpy()
    rare = samples.take(np.flatnonzero((label != 2) | (np.arange(400) % 8 == 0)))
    plain = Logistic().fit(rare).predict(rare)["rock"].sel(category="c").mean()
    even = Logistic(class_weight="balanced").fit(rare).predict(rare)["rock"].sel(category="c")
    assert float(even.mean()) > 2 * float(plain)


def test_softmax_of_large_scores_stays_finite():
    np.testing.assert_allclose(softmax(np.array([[1e4, 0.0]])), [[1.0, 0.0]])


@pytest.mark.parametrize("change", ["shape", "nan"])
def test_a_state_that_is_not_sound_is_refused(change):
    state = Logistic().fit(table()).state()
    coef = state["model.coef"].copy()
    if change == "nan":
        coef[0, 0] = np.nan
    state["model.coef"] = coef[:, :2] if change == "shape" else coef
    with pytest.raises(BundleError):
        Logistic().with_state(state)
