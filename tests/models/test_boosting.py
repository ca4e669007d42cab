"""LightGBM: learns, is reproducible whatever the threads, and refuses a damaged text model."""

from __future__ import annotations

import numpy as np
import pytest

from craton.errors import BundleError
from craton.models.base import Fitting
from craton.models.boosting import LightGBM
from tests.models.worlds import fields, table

QUICK = {"rounds": 20, "min_leaf": 5, "columns": 1.0}


def test_it_learns_three_classes():
    samples = table(600)
    train, test = samples.take(np.arange(400)), samples.take(np.arange(400, 600))
    found = LightGBM(rounds=60, columns=1.0).fit(train).predict(test)["rock"]
    assert (found.argmax("category") == test.observed()["rock"].to_numpy()).mean() > 0.8


def test_each_output_of_a_field_has_its_booster():
    samples = fields(80)
    model = LightGBM(rounds=5, min_leaf=5).fit(samples)
    outputs = model.encoder.encode_target(samples.observed()["sst"].to_numpy()).shape[1]
    assert len(model.boosters) == outputs


def test_the_number_of_threads_changes_nothing():
    samples = table()
    one, two = (
        LightGBM(rounds=6, min_leaf=5, threads=k).fit(samples, Fitting(seed=2)) for k in (1, 2)
    )
    assert one.predict(samples).identical(two.predict(samples))


def test_progress_is_reported():
    seen = []
    fitting = Fitting(progress=lambda done, total, text: seen.append((done, total)))
    LightGBM(**QUICK).fit(table(), fitting)
    assert seen[0] == (0, 20)


@pytest.fixture(scope="module")
def state():
    return LightGBM(**QUICK).fit(table()).state()


def rewritten(state, old: bytes, new: bytes):
    text = state["model.text"].tobytes()
    assert old in text
    text = text.replace(old, new, 1)
    changed = {**state, "model.text": np.frombuffer(text, np.uint8)}
    return {**changed, "model.offset": np.array([0, len(text)])}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"tree\n", b"soil\n"),
        (b"num_class=3", b"num_class=4"),
        (b"num_class=3", b"num_class=-3"),
        (b"num_class:3", b"num_class:9"),
        (b"\nfeature_names", b"\ntree_sizes=5 99999999\nfeature_names"),
        (b"max_feature_idx=3", b"max_feature_idx=0"),
        (b"left_child=", b"left_child=9999 "),
        (b"right_child=", b"right_child=0 "),
        (b"split_feature=", b"split_feature=77 "),
        (b"leaf_value=", b"leaf_value=nan "),
        (b"num_leaves=", b"num_leaves=9"),
        (b"num_cat=0", b"num_cat=3"),
        (b"end of trees", b"\xff\xfe"),
    ],
)
def test_a_damaged_text_model_is_refused(state, old, new):
    with pytest.raises(BundleError):
        LightGBM(**QUICK).with_state(rewritten(state, old, new))


def test_a_child_that_leads_back_to_its_parent_is_refused(state):
    text = state["model.text"].tobytes().decode()
    line = next(part for part in text.split("\n") if part.startswith("left_child="))
    looped = "left_child=0 " + line.partition(" ")[2]
    with pytest.raises(BundleError, match="tree 0"):
        LightGBM(**QUICK).with_state(rewritten(state, line.encode(), looped.encode()))


def test_offsets_that_do_not_cut_the_text_are_refused(state):
    with pytest.raises(BundleError):
        LightGBM(**QUICK).with_state({**state, "model.offset": np.array([0, 10])})
