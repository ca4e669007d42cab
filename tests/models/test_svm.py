"""Support vector machine: our kernel sums against scikit-learn, and honest probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.svm import SVC

from craton.errors import BundleError, ModelError
from craton.models.svm import SVM, class_scores, decision_values
from tests.models.worlds import table


@pytest.mark.parametrize("classes", [2, 3])
def test_decision_values_equal_scikit_learn(classes):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 3)).astype(np.float32)
    y = np.digitize(x[:, 0] + x[:, 1], [0.0, 0.8][: classes - 1])
    machine = SVM(cost=2.0)._machine(x, y, 0.4)
    other = SVC(C=2.0, gamma=0.4, decision_function_shape="ovo").fit(x, y)
    expected = other.decision_function(x).reshape(len(x), -1)
    expected = -expected if classes == 2 else expected
    np.testing.assert_allclose(decision_values(x, machine), expected, atol=1e-5)
    chosen = class_scores(x, machine, classes).argmax(axis=1)
    assert (chosen == other.predict(x)).mean() > 0.98


def test_probabilities_of_pure_noise_stay_near_the_class_shares():
    samples = table(200)
    noise = samples.permuted(np.random.default_rng(1))
    found = SVM(cost=100.0, gamma=5.0).fit(noise).predict(noise)["rock"].to_numpy()
    share = np.bincount(samples.observed()["rock"].to_numpy()) / 200
    assert np.abs(found - share).max() < 0.35
    assert np.abs(found - share).mean() < 0.15


def test_it_learns_three_classes_with_log_loss_far_below_the_class_shares():
    samples = table(500)
    train, test = samples.take(np.arange(300)), samples.take(np.arange(300, 500))
    truth = test.observed()["rock"].to_numpy()
    found = SVM().fit(train).predict(test)["rock"].to_numpy()
    assert -np.log(found[np.arange(200), truth]).mean() < 0.5
    assert (found.argmax(axis=1) == truth).mean() > 0.8


def test_a_large_training_set_is_thinned_to_max_samples():
    model = SVM(max_samples=60).fit(table(500))
    assert len(model.arrays["vectors"]) <= 60


def test_one_class_alone_is_refused():
    samples = table()
    with pytest.raises(ModelError, match="two classes"):
        SVM().fit(samples.take(samples.observed()["rock"].to_numpy() == 1))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("vectors", lambda a: a[:-1]),
        ("vectors", lambda a: a * np.nan),
        ("dual", lambda a: a[:1]),
        ("count", lambda a: a - 1),
        ("count", lambda a: np.array(1)),
        ("seen", lambda a: a + 1),
        ("seen", lambda a: a * 0),
        ("gamma", lambda a: -a),
        ("map", lambda a: a[:2]),
    ],
)
def test_a_hostile_state_is_refused(name, change):
    state = SVM().fit(table(90)).state()
    state[f"model.{name}"] = change(state[f"model.{name}"])
    with pytest.raises(BundleError):
        SVM().with_state(state)
