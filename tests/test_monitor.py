"""Watching a model in use."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from craton import engine, loaded
from craton.errors import DataError
from craton.metrics import poisson_log_likelihood
from craton.monitor import _gain, drift, is_no_worse, new_rows, trained_on
from craton.result import RunConfig
from craton.samples import Samples, make_index
from craton.task import Task
from craton.template import write_task

DAYS = pd.date_range("2020-01-01", periods=6, freq="D")


def test_later_samples_are_new():
    index = make_index(6, t0=DAYS)
    assert new_rows(index, trained_on(index.iloc[:4])).tolist() == [4, 5]


def test_other_groups_are_new():
    index = make_index(4, group=["a", "a", "b", "c"])
    assert new_rows(index, trained_on(index.iloc[:2])).tolist() == [2, 3]


def test_what_was_trained_on_names_number_times_and_groups():
    said = trained_on(make_index(6, t0=DAYS, group=["b"] * 3 + ["a"] * 3))
    assert (said["n"], said["groups"]) == (6, ["a", "b"])
    assert said["last"].startswith("2020-01-06")


@pytest.fixture(scope="module")
def task(tmp_path_factory) -> Task:
    from craton.task import find_task

    return find_task(str(write_task("my-porosity", tmp_path_factory.mktemp("t") / "mine.py")))


def wells(task: Task, *keep: int) -> Samples:
    config = task.config()
    found = task.samples(task.load(config), config, False)
    return found.take(found.index["group"].isin([f"well-{k}" for k in keep]).to_numpy())


def test_a_variable_that_moved_is_seen_and_one_that_did_not_is_not(task):
    before = wells(task, 0, 1, 2, 3)
    x = before.inputs()["x"].copy()
    x[:, 0] += 0.5
    found = drift(before, before.with_inputs({"x": x})).set_index("name")
    assert found.loc["density", "statistic"] > 0.8
    assert found.loc["density", "shift"] > 1
    assert found.loc["sonic", "statistic"] == 0


def test_the_new_is_scored_first_and_a_challenger_that_is_not_worse_is_promoted(task, tmp_path):
    def first_wells(config):
        data = task.load(config)
        rows = np.flatnonzero(np.isin(data["well"].to_numpy(), [f"well-{k}" for k in range(4)]))
        return data.isel(row=rows)

    early = dataclasses.replace(task, load=first_wells)
    quick = {"candidates": ["ridge"], "bootstrap": 100, "audit": False, "explain": 10}
    engine.run(RunConfig.of(task.name, quick), tmp_path / "run", task=early)
    whole = dataclasses.replace(task, load=lambda config: task.load(task.config()))
    found = engine.update(tmp_path / "run", "unused", task=whole)
    assert found.n_new == 240
    assert found.champion.score < 1.2
    bundle = loaded.load(tmp_path / "run", task=task)
    assert (len(bundle.manifest["trained"]["groups"]) == 8) == found.promoted
    if found.promoted:
        with pytest.raises(DataError, match="none of the 480 samples is newer"):
            engine.update(tmp_path / "run", "unused", task=whole)


@pytest.mark.parametrize(
    ("gain", "low", "high", "promoted"),
    [
        (0.1, -1.0, 1.0, True),
        (-0.1, -0.5, 0.3, True),  # within the standard error, 0.2
        (-0.3, -0.7, 0.1, False),
        (-0.1, float("nan"), float("nan"), False),
    ],
)
def test_a_challenger_may_lose_by_the_standard_error_at_most(gain, low, high, promoted):
    assert is_no_worse(gain, low, high) == promoted


def refused(copies: int) -> float:
    """Share of equal models refused that simulate, with one chance in all eight samples."""
    rng, metric, blocks = np.random.default_rng(0), poisson_log_likelihood(), np.arange(8)
    wrong = 0
    for _ in range(200):
        sums = rng.normal(0, 1, (2, copies, 1)) + rng.normal(0, 0.05, (2, 1, 8))
        theirs, ours = np.stack([sums, np.full_like(sums, 4.0)], axis=-1)
        found = _gain(metric, theirs, ours, blocks)
        wrong += not is_no_worse(found.score, found.low, found.high)
    return wrong / 200


def test_an_equal_model_that_simulates_is_seldom_refused_if_its_chance_is_known():
    """The samples alone, which share the chance, know nothing of it."""
    assert refused(copies=1) > 0.4
    assert refused(copies=5) < 0.2
