"""The leak audit finds planted leaks and keeps quiet where there are none."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from craton.engine import run
from craton.gathers import Rows
from craton.leaks import quick_audit
from craton.neighbours import alone, count_repeats, input_table, nearest
from craton.samples import Samples, Target, make_index
from craton.splits import Split
from tests import worlds


def _value(audit, item, split, what=None):
    table = audit.numbers
    found = table[(table["item"] == item) & (table["split"] == split)]
    return found[found["what"] == what].iloc[0] if what else found.iloc[0]


def _finding(audit, item):
    return next(f for f in audit.findings if f.where == item)


def test_patches_in_space_look_learnable_under_a_random_split_only():
    audit = worlds.result_of("map").leaks
    random = _value(audit, "score of the probe", "random", "accuracy")
    honest = _value(audit, "score of the probe", "honest", "accuracy")
    assert random["value"] > 0.8
    assert abs(honest["value"] - 0.5) < 0.12
    assert _value(audit, "gap", "random against honest", "accuracy")["low"] > 0.15
    assert _finding(audit, "random split").level == "warning"


@pytest.mark.parametrize("name", ["labels", "map", "field", "depth"])
def test_the_lines_need_no_words_of_machine_learning(name):
    jargon = re.compile(r"\b(folds?|probe|honest|overfit\w*|hold-?out|features?)\b")
    for line in worlds.result_of(name).leaks.summary:
        assert not jargon.search(line), line


def test_the_lines_set_samples_dealt_at_random_beside_samples_kept_apart():
    said = _finding(worlds.result_of("map").leaks, "random split").text
    assert re.search(
        r"had training and test samples been dealt at random, 'nearest' would score log loss "
        r"[\d.]+ instead of [\d.]+ \(difference \+", said
    )  # fmt: skip
    assert "dealing at random would flatter the model in" in said


def test_independent_rows_show_no_gap():
    audit = worlds.result_of("labels").leaks
    gap = _value(audit, "gap", "random against honest", "accuracy")
    assert gap["low"] <= 0.005
    assert _finding(audit, "random split").level == "info"


def test_shuffled_targets_show_no_skill():
    def shuffled(data, config, future):
        samples = worlds.LABELS.samples(data, config, future)
        return samples.permuted(np.random.default_rng(1))

    task = worlds._task("shuffled", samples=shuffled)
    audit = quick_audit(worlds.config_of(task), task)
    gain = _value(audit, "gain of the probe over the baseline", "honest", "log_loss")
    assert gain["low"] <= 0
    assert _finding(audit, "skill").level == "warning"


def test_the_quick_audit_says_what_the_audit_of_the_whole_run_says():
    whole = worlds.result_of("map").leaks
    quick = quick_audit(worlds.config_of(worlds.MAP), worlds.MAP)
    pd.testing.assert_frame_equal(whole.numbers, quick.numbers)
    assert whole.summary == quick.summary


def test_a_column_made_from_the_target_is_named():
    audit = worlds.result_of("leaky").leaks
    named = [f for f in audit.findings if f.where == "columns"]
    assert [f.level for f in named] == ["warning"]
    assert named[0].text.startswith("'giveaway' alone gives the target away")


def test_an_honest_column_is_not_named():
    assert _finding(worlds.result_of("labels").leaks, "columns").level == "info"


def test_a_number_that_is_a_transform_of_a_column_is_found_by_its_r2():
    x = np.random.default_rng(0).uniform(-2, 2, 2000)
    half = [Split(np.arange(1000), np.zeros(0, int), np.arange(1000, 2000))]
    assert alone(x, np.exp(x), half, 0).gives_away
    noisy = np.exp(x) + np.random.default_rng(1).normal(0, 1, 2000)
    assert not alone(x, noisy, half, 0).gives_away


def test_a_rare_class_is_no_give_away():
    """Saying 'no' always is right in 97 of 100 cases, and tells nothing."""
    rng = np.random.default_rng(0)
    y = (rng.uniform(size=2000) < 0.03).astype(int)
    half = [Split(np.arange(1000), np.zeros(0, int), np.arange(1000, 2000))]
    found = alone(rng.normal(size=2000), y, half, 2)
    assert found.score > 0.95
    assert not found.gives_away


def test_a_missing_value_may_give_the_target_away():
    y = np.tile([0, 1, 1], 200)
    column = np.where(y == 1, np.nan, np.random.default_rng(0).normal(size=600))
    half = [Split(np.arange(300), np.zeros(0, int), np.arange(300, 600))]
    assert alone(column, y, half, 2).gives_away


def _samples(x, **columns):
    data = xr.Dataset({"a": ("row", x), "b": ("row", np.zeros(len(x)))})
    return Samples(data, make_index(len(x), **columns), Rows(("a",), Target("b")))


def test_repeats_and_near_repeats_are_counted():
    train = np.arange(100.0)
    test = np.array([5.0, 50.0, 20.0 + 1e-4, 33.3])
    table = input_table(_samples(np.r_[train, test]))
    assert count_repeats(table, np.arange(100), np.arange(100, 104), 0) == (2, 1)


def test_repeats_are_counted_where_inputs_have_gaps_and_many_columns():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 40))
    x[3, 5] = np.nan
    x[50] = x[3]
    x[51] = x[4] + 1e-6
    data = xr.Dataset({f"c{i}": ("row", x[:, i]) for i in range(40)} | {"t": ("row", x[:, 0])})
    rows = Rows(tuple(f"c{i}" for i in range(40)), Target("t"))
    table = input_table(Samples(data, make_index(60), rows))
    assert count_repeats(table, np.arange(50), np.arange(50, 60), 0) == (1, 1)


def test_the_share_of_shared_places_is_right():
    """Each place is there twice, so nearly every row dealt at random finds its twin in training."""

    def twice(config):
        data = worlds.make_map(config)
        return xr.concat([data, data], "row")

    task = worlds._task(
        "twice", load=twice, samples=worlds.MAP.samples, splitter=worlds.MAP.splitter,
        models=worlds.MAP.models,
    )  # fmt: skip
    audit = quick_audit(worlds.config_of(task, settings={"n": 150}), task)
    assert _value(audit, "shared places", "honest")["value"] == 0
    assert _value(audit, "shared places", "random")["value"] == pytest.approx(0.8, abs=0.1)
    assert _value(audit, "exact duplicates across the split", "random")["value"] > 0.7
    assert _value(audit, "exact duplicates across the split", "honest")["value"] == 0


def test_distances_to_the_nearest_training_sample_are_right():
    train, test = np.array([[0.0, 0.0], [10.0, 0.0]]), np.array([[3.0, 4.0], [10.0, 1.0]])
    assert nearest(train, test).tolist() == [5.0, 1.0]


def test_what_does_not_apply_says_so():
    audit = worlds.result_of("depth").leaks
    assert "neither place nor time" in _finding(audit, "distance").text
    assert "neither place nor time" in _finding(audit, "coordinates only").text
    assert "have no place" in _finding(audit, "shared places").text
    field = worlds.result_of("field").leaks
    assert "does not apply" in _finding(field, "columns").text


def test_a_probe_that_cannot_take_coordinates_gives_way_to_trees():
    audit = worlds.result_of("field").leaks
    assert "extra trees" in _finding(audit, "coordinates only").text
    assert _value(audit, "distance in time", "honest")["value"] > 30


def test_a_declared_baseline_stands_for_the_coordinates():
    from dataclasses import replace

    task = replace(worlds.FIELD, coordinates_only="climatology")
    audit = quick_audit(worlds.config_of(task, settings={"n": 200}), task)
    assert "the baseline 'climatology'" in _finding(audit, "coordinates only").text


def test_a_split_that_a_run_refuses_is_reported():
    class Leaky(worlds.ByGroup):
        def split(self, index):
            yield Split(np.arange(300), np.zeros(0, int), np.arange(250, 400))

    task = worlds._task("refused", splitter=lambda config, samples: Leaky())
    audit = quick_audit(worlds.config_of(task), task)
    assert _finding(audit, "split").level == "error"


def test_a_slow_probe_is_audited_on_fewer_samples_and_that_is_said(monkeypatch):
    from craton import leak_items

    monkeypatch.setattr(leak_items, "SLOW", 0.0)
    audit = quick_audit(worlds.config_of(worlds.LABELS), worlds.LABELS)
    assert _finding(audit, "samples").text.startswith("50 of 400 test samples were audited")
    assert _value(audit, "score of the probe", "honest")["n"] == 50


def test_a_baseline_can_be_the_only_candidate_and_its_bundle_kept(tmp_path):
    task = worlds.LABELS
    config = worlds.config_of(task).model_copy(update={"candidates": (task.baseline,)})
    found = run(config, tmp_path / "run", task=task)
    assert found.selected == found.final.name == found.leaks.probe == task.baseline
    assert "No candidate was chosen" in found.verdict()
