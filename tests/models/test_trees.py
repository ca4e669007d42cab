"""Trees: our traversal against scikit-learn's, and states that would send it astray."""

from __future__ import annotations

import numpy as np
import pytest

from craton.errors import BundleError
from craton.models.base import Fitting, design
from craton.models.trees import DecisionTree, ExtraTrees, RandomForest
from tests.models.worlds import table, well

SMALL = {"trees": 12}


@pytest.mark.parametrize("model", [DecisionTree(), RandomForest(**SMALL), ExtraTrees(**SMALL)])
@pytest.mark.parametrize("numbers", [False, True])
def test_traversal_gives_what_scikit_learn_predicts(model, numbers):
    samples = table(400, numbers=numbers, gaps=True)
    model = model.replace().fit(samples, Fitting(seed=5))
    inputs = model.encoder.encode(samples.inputs())
    y = model.encoder.encode_target(samples.observed()[samples.target.name].to_numpy())
    y = y[:, 0] if numbers else y
    grown = model._grower(5).fit(design(inputs), y)
    other = grown.predict(design(inputs))[:, None] if numbers else grown.predict_proba
    expected = other if numbers else other(design(inputs))
    np.testing.assert_allclose(model._predict(inputs), expected, rtol=1e-6, atol=1e-6)


def test_a_sample_on_a_threshold_goes_where_scikit_learn_sends_it():
    samples = well(300)
    model = DecisionTree(min_leaf=1, depth=40).fit(samples)
    x = design(model.encoder.encode(samples.inputs()))
    y = samples.observed()["facies"].to_numpy()
    grown = model._grower(0).fit(x, y)
    nodes, tree = model.nodes, grown.tree_
    inner = np.flatnonzero(nodes["feature"] >= 0)
    edge = np.repeat(x[:1], 2 * len(inner), axis=0)
    for i, node in enumerate(inner):
        t = nodes["threshold"][node]
        edge[2 * i, nodes["feature"][node]] = t
        edge[2 * i + 1, nodes["feature"][node]] = np.nextafter(t, np.float32(np.inf))
    assert tree.node_count == len(nodes["feature"])
    np.testing.assert_allclose(model._predict({"x": edge}), grown.predict_proba(edge), atol=1e-6)


def test_several_outputs_are_predicted_together():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3)).astype(np.float32)
    y = np.stack([x[:, 0] > 0, x[:, 1] > 0], axis=1).astype(np.float32)
    y[:20, 1] = np.nan
    model = ExtraTrees(trees=20, min_leaf=1, max_features=1.0)
    model.encoder = type("E", (), {"arrays": {"classes": np.array([0])}})()
    model._fit({"x": x}, y, Fitting())
    np.testing.assert_allclose(model._predict({"x": x})[20:], y[20:], atol=1e-6)


def test_a_forest_separates_classes_that_a_stump_cannot():
    samples = table(600)
    train, test = samples.take(np.arange(400)), samples.take(np.arange(400, 600))
    truth = test.observed()["rock"].to_numpy()

    def accuracy(model):
        return (model.fit(train).predict(test)["rock"].argmax("category") == truth).mean()

    assert accuracy(RandomForest(trees=50)) > accuracy(DecisionTree(depth=1)) + 0.15


def test_arrays_are_compact():
    nodes = ExtraTrees(**SMALL).fit(table()).nodes
    assert {k: v.dtype.name for k, v in nodes.items()} == {
        "feature": "int32",
        "threshold": "float32",
        "left": "int32",
        "right": "int32",
        "value": "float32",
        "offset": "int64",
    }
    assert len(nodes["value"]) == (nodes["feature"] < 0).sum()


def leaf_without_value(s):
    s["model.left"][s["model.feature"] < 0] = len(s["model.value"])


def child_is_its_parent(s):
    s["model.left"][0] = 0


def child_beyond_the_tree(s):
    s["model.right"][0] = s["model.offset"][1]


def negative_child(s):
    s["model.right"][0] = -3


def unknown_column(s):
    s["model.feature"][0] = 10_000


def negative_column(s):
    s["model.feature"][0] = -2


def not_finite_threshold(s):
    s["model.threshold"][0] = np.nan


def not_finite_value(s):
    s["model.value"][0] = np.inf


def backward_offset(s):
    s["model.offset"][1] = -1


def offset_past_the_end(s):
    s["model.offset"][-1] += 1


def shorter_array(s):
    s["model.left"] = s["model.left"][:-1]


def float_index(s):
    s["model.left"] = s["model.left"].astype(float)


def flat_value(s):
    s["model.value"] = s["model.value"].ravel()


def no_trees(s):
    s["model.offset"] = s["model.offset"][:1]


@pytest.mark.parametrize(
    "damage",
    [
        leaf_without_value,
        child_is_its_parent,
        child_beyond_the_tree,
        negative_child,
        unknown_column,
        negative_column,
        not_finite_threshold,
        not_finite_value,
        backward_offset,
        offset_past_the_end,
        shorter_array,
        float_index,
        flat_value,
        no_trees,
    ],
)
def test_a_hostile_state_is_refused(damage):
    model = RandomForest(**SMALL)
    state = {k: v.copy() for k, v in model.fit(table()).state().items()}
    RandomForest(**SMALL).with_state(state)
    damage(state)
    with pytest.raises(BundleError):
        RandomForest(**SMALL).with_state(state)


def test_a_state_for_other_columns_is_refused_when_it_predicts():
    state = RandomForest(**SMALL).fit(table()).state()
    state["model.columns"] = np.array([9])
    with pytest.raises(BundleError, match="columns"):
        RandomForest(**SMALL).with_state(state).predict(table())
