"""Settings of a run, and the verdict."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from craton.errors import ConfigError
from craton.metrics import accuracy
from craton.models.baselines import Frequency
from craton.report.card import model_card
from craton.result import Result, RunConfig
from craton.scoring import Score, score_all
from tests import worlds


def test_settings_are_sorted_into_the_run_s_the_models_and_the_task_s():
    found = RunConfig.of("t", {"seed": 3, "data": "a.csv", "models": {"m": {"trees": 5}}})
    assert (found.seed, found.settings) == (3, {"data": "a.csv"})
    assert found.models == {"m": {"trees": 5}}


def test_a_level_of_one_is_refused():
    with pytest.raises(ConfigError, match="level"):
        RunConfig.of("t", {"level": 1.0})


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [(0.1, 0.3, "is better than"), (-0.1, 0.3, "cannot be told from"), (-0.3, -0.1, "WORSE")],
)
def test_the_verdict_says_what_the_interval_says(low, high, word):
    line = Score("t", "m", "selected", "accuracy", "higher", 0.7, 0.6, 0.8, 0.0, low, high, 9, "s")
    names = [f.name for f in dataclasses.fields(Result)]
    known = dict.fromkeys(names) | {
        "task": SimpleNamespace(baseline="b", baselines={"b": None}),
        "findings": [],
        "metrics": [accuracy("f")],
        "scores": [line],
        "selected": "m",
    }
    assert word in Result(**known).verdict()


def test_the_known_answer_is_told_on_the_example_with_all_models_only():
    found = worlds.result_of("labels")
    assert found.known_answer == ["found: true"]
    some = found.run.model_copy(update={"candidates": ("blunt",)})
    assert dataclasses.replace(found, run=some).known_answer == []
    task = dataclasses.replace(found.task, answer=lambda result: [(result.data["gone"], True)])
    assert dataclasses.replace(found, task=task).known_answer == []
    own = SimpleNamespace(data="mine.csv")
    assert dataclasses.replace(found, config=own).known_answer == []


def test_a_reference_that_beats_the_selected_model_is_named_with_what_it_is():
    found = worlds.result_of("labels")
    truth = found.observed[found.samples.target.name].to_numpy()
    n = len(found.samples.target.categories)
    known = found.predictions[found.selected].copy(deep=True)
    known[found.samples.target.name].values = 0.01 + (1 - 0.01 * n) * np.eye(n)[truth]
    task = dataclasses.replace(found.task, baselines={**found.task.baselines, "knows": Frequency()})
    better = dataclasses.replace(
        found, task=task, predictions={**found.predictions, "knows": known}
    )
    better.scores = score_all(better, {}, "s")
    said = better.verdict()
    assert "'knows' (every sample gets the class frequencies of the training set)" in said
    assert "does better than every model" in said and "includes zero" not in said
    assert "knows" in model_card(better)
    assert "does better" not in found.verdict()
