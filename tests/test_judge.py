"""The judge learns, calibrates and chooses inside the training part; the test is seen once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pytest
import xarray as xr

from craton import judge as module
from craton.engine import prepare
from craton.errors import DataError, ModelError
from craton.judge import Judge
from craton.models.base import Fitting, Model, class_prediction
from craton.models.blend import Blend, choose_weights, mix
from craton.result import BLEND, Result, RunConfig, silent
from craton.samples import Samples
from craton.splits import Split
from craton.store import Store
from craton.task import Task
from craton.uncertainty import Temperature
from tests.worlds_core import PLAIN, TASK, Sign, WorldConfig, world


@pytest.fixture(autouse=True)
def counted() -> Iterator[None]:
    Sign.forget()
    yield


class Spy(Temperature):
    """A calibrator that remembers the samples that it learnt from."""

    seen: ClassVar[list[np.ndarray[Any, Any]]] = []

    def fit(self, observed: xr.Dataset, predicted: xr.Dataset) -> Self:
        np.testing.assert_array_equal(observed["sample"], predicted["sample"])
        self.seen.append(observed["sample"].to_numpy())
        return super().fit(observed, predicted)


def judged(task: Task = PLAIN, folder: Path | None = None, **settings: Any) -> tuple[Judge, Result]:
    run = RunConfig.of(task.name, {"bootstrap": 200, **settings})
    task, config, data, samples, findings = prepare(run, task)
    splitter = task.splitter(config, samples)
    splits = list(splitter.split(samples.index))
    found = Judge(task, run, samples, splitter, Store(folder), silent, len(splits))
    for split in splits:
        found.judge(split)
    return found, found.result(config, data, findings, splits, [[] for _ in splits])


def test_the_column_that_tells_is_chosen_and_better_than_the_baseline() -> None:
    _, result = judged()
    assert result.selected == "by-a"
    assert result.score("by-a", "log_loss").gain_low > 0
    assert "is better than the baseline 'frequency'" in result.verdict()
    assert result.score("by-c", "accuracy").score == pytest.approx(0.5, abs=0.1)


def test_every_model_has_every_score_and_one_role() -> None:
    _, result = judged(TASK)
    models = {"by-a", "by-b", "by-c", "frequency", BLEND}
    assert {(s.model, s.metric) for s in result.scores} == {
        (m, k) for m in models for k in ("log_loss", "accuracy")
    }
    roles = {s.model: s.role for s in result.scores}
    assert roles["frequency"] == "baseline" and list(roles.values()).count("selected") == 1


def test_the_gain_of_the_baseline_over_itself_is_zero() -> None:
    score = judged()[1].score("frequency", "log_loss")
    assert (score.gain, score.gain_low, score.gain_high) == (0, 0, 0)


def test_the_scores_are_those_of_all_test_samples_together() -> None:
    _, result = judged()
    p = result.predictions["by-a"]["rock"].to_numpy()
    truth = result.observed["rock"].to_numpy()
    assert len(truth) == 240
    assert result.score("by-a", "log_loss").score == pytest.approx(
        -np.mean(np.log(p[np.arange(240), truth])), rel=1e-6
    )
    assert result.score("by-a", "log_loss").blocks == 6


@pytest.mark.parametrize("split", ["group", "time"])
def test_no_fit_sees_a_test_sample_and_each_model_predicts_the_test_once(split: str) -> None:
    judge, result = judged(split=split)
    for number, part in enumerate(result.splits):
        test = set(result.samples.index.index[part.test])
        size = len(Sign.fits) // len(result.splits)
        for _, seen in Sign.fits[number * size : (number + 1) * size]:
            assert not test & set(seen)
        for column in (0, 1, 2):
            touched = [
                len(test & set(rows)) for c, rows in Sign.predictions
                if c == column and set(rows) == test
            ]  # fmt: skip
            assert touched == [len(test)]
    assert len(judge.fitted) == len(result.splits)


def test_with_time_calibration_is_learnt_on_the_calibration_part() -> None:
    Spy.seen.clear()
    _, result = judged(replace(PLAIN, calibrator=lambda t: Spy(t.name)), split="time")
    (split,) = result.splits
    assert len(split.calibrate) > 20
    for seen in Spy.seen:
        np.testing.assert_array_equal(seen, result.samples.index.index[split.calibrate])


def test_with_groups_calibration_is_learnt_out_of_fold_in_the_training_part() -> None:
    Spy.seen.clear()
    _, result = judged(replace(PLAIN, calibrator=lambda t: Spy(t.name)))
    assert len(Spy.seen) == 3 * 4
    for number, split in enumerate(result.splits):
        for seen in Spy.seen[4 * number : 4 * number + 4]:
            assert set(seen) == set(result.samples.index.index[split.train])
    # a fold's fit saw no row of the fold that it predicted
    fits = {c: [set(r) for k, r in Sign.fits if k == c] for c in (0, 1, 2)}
    for column, rows in fits.items():
        said = [set(r) for k, r in Sign.predictions if k == column]
        assert all(any(not s & fit for fit in rows) for s in said)


def test_what_is_chosen_does_not_depend_on_the_targets_of_the_test() -> None:
    _, result = judged(split="time")
    test = result.splits[0].test
    data = result.data.copy(deep=True)
    data["rock"][test] = 1 - data["rock"][test]
    _, other = judged(replace(PLAIN, load=lambda config: data), split="time")
    assert other.selection == result.selection and other.selected == result.selected
    assert other.score("by-a", "accuracy").score == pytest.approx(
        1 - result.score("by-a", "accuracy").score
    )


def test_the_final_model_of_several_splits_has_seen_all_samples() -> None:
    judge, result = judged()
    Sign.forget()
    final = judge.final(result)
    assert final.name == "by-a" and len(Sign.fits) == 1
    assert len(Sign.fits[0][1]) == len(result.samples)


def test_the_final_model_of_one_split_is_the_one_that_was_tested() -> None:
    judge, result = judged(split="time")
    final = judge.final(result)
    xr.testing.assert_identical(
        final.predict(result.test)["rock"], result.predictions[final.name]["rock"]
    )


class Broken(Sign):
    def predict(self, samples: Samples) -> xr.Dataset:
        return class_prediction(samples, np.full((len(samples), 2), np.nan))


def test_a_model_that_skips_a_sample_is_refused_by_name() -> None:
    task = replace(PLAIN, models={**PLAIN.models, "broken": Broken()})
    with pytest.raises((ModelError, DataError)) as caught:
        judged(task)
    assert "broken" in str(caught.value) or "cannot be computed" in str(caught.value)


def test_without_any_known_class_in_the_training_part_the_run_stops_with_one_message() -> None:
    def load(config: WorldConfig) -> xr.Dataset:
        table = world().assign(rock=np.nan)
        return xr.Dataset({str(c): ("row", table[c].to_numpy()) for c in table})

    with pytest.raises(DataError, match="log_loss cannot be computed"):
        judged(replace(PLAIN, load=load))


def test_a_stage_is_kept_by_everything_that_it_depends_on(tmp_path: Path) -> None:
    judged(folder=tmp_path)
    first = len(Sign.fits)
    assert first == 3 * 3 * 4
    judged(folder=tmp_path)
    assert len(Sign.fits) == first
    judged(folder=tmp_path, **{"models": {"by-b": {"added": 2.0}}})
    assert len(Sign.fits) == first + 3 * 4
    for change in ({"seed": 1}, {"folds": 2}, {"split": "time"}):
        before = len(Sign.fits)
        judged(folder=tmp_path, **change)
        assert len(Sign.fits) > before


def test_what_was_kept_is_not_used_for_other_data(tmp_path: Path) -> None:
    judged(folder=tmp_path)
    Sign.forget()

    def other(config: WorldConfig) -> xr.Dataset:
        data = TASK.load(config)
        return data.assign(c=data["c"] + 1e-9)

    judged(replace(PLAIN, load=other), folder=tmp_path)
    assert len(Sign.fits) == 3 * 3 * 4


def test_what_was_kept_is_not_used_when_the_tasks_own_code_has_changed(tmp_path: Path) -> None:
    judged(folder=tmp_path)
    Sign.forget()

    def turned(data: xr.Dataset, config: WorldConfig, future: bool) -> Samples:
        return TASK.samples(data.assign(a=-data["b"]), config, future)

    def relabelled(data: xr.Dataset, config: WorldConfig, future: bool) -> Samples:
        found = TASK.samples(data, config, future)
        return replace(found, gather=replace(found.gather, features=("c", "b", "a")))

    for samples in (turned, relabelled):
        before = len(Sign.fits)
        judged(replace(PLAIN, samples=samples), folder=tmp_path)
        assert len(Sign.fits) == before + 3 * 3 * 4


def test_the_fingerprint_is_the_same_twice_and_differs_with_one_value() -> None:
    samples = TASK.samples(TASK.load(WorldConfig()), WorldConfig(), False)
    assert module._fingerprint(samples) == module._fingerprint(samples)
    data = samples.data.copy(deep=True)
    data["c"][7] += 1e-9
    assert module._fingerprint(replace(samples, data=data)) != module._fingerprint(samples)


def test_a_search_is_made_in_each_split_from_the_models_own_settings() -> None:
    _, result = judged(tune=4, candidates=["by-a", "by-b"])
    tuned = [f["by-a"].model.config.added for f in result.fitted]
    assert len(tuned) == 3 and all(0.1 <= t <= 100 for t in tuned)
    assert result.score("by-a", "log_loss").gain_low > 0


def test_the_weights_of_a_blend_sum_to_one_and_shun_what_knows_nothing() -> None:
    _, result = judged(TASK)
    assert sum(result.weights.values()) == pytest.approx(1)
    assert result.weights["by-a"] > 0.4 > result.weights.get("by-c", 0.0)
    a, blended = (result.score(n, "log_loss").score for n in ("by-a", BLEND))
    assert blended <= a + 0.01


def predictions() -> dict[str, xr.Dataset]:
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(2), (3, 50)).astype(np.float32)
    return {
        n: xr.Dataset({"f": (("sample", "category"), v)}) for n, v in zip("abc", p, strict=True)
    }


def test_a_mix_is_the_weighted_mean_and_the_same_bits_in_any_order_of_members() -> None:
    found = predictions()
    weights = {"a": 0.35, "b": 0.4, "c": 0.25}
    mixed = mix(found, weights)["f"]
    expected = sum(w * found[n]["f"].to_numpy() for n, w in weights.items())
    np.testing.assert_allclose(mixed, expected, rtol=1e-6)
    for names in ("cab", "bca", "cba"):
        other = mix(found, {n: weights[n] for n in names})["f"]
        np.testing.assert_array_equal(mixed, other)


def test_greedy_selection_finds_the_only_good_member() -> None:
    found = predictions()
    truth = found["b"]["f"].to_numpy()

    def loss(p: xr.Dataset) -> float:
        return float(((p["f"].to_numpy() - truth) ** 2).sum())

    assert choose_weights(loss, found) == {"b": 1.0}


def test_a_blend_of_three_comes_back_from_its_arrays_to_the_bit() -> None:
    samples = TASK.samples(TASK.load(WorldConfig()), WorldConfig(), False)
    members: dict[str, Model] = {n: TASK.model(n) for n in ("by-c", "by-a", "by-b")}
    blend = Blend(members, {"by-c": 0.15, "by-a": 0.5, "by-b": 0.35}).fit(samples, Fitting())
    again = Blend({n: TASK.model(n) for n in sorted(members)}).with_state(blend.state())
    xr.testing.assert_identical(again.predict(samples), blend.predict(samples))


def test_an_empty_calibration_part_counts_as_none() -> None:
    judge, _ = judged(split="time")
    rows = np.arange(240)
    judge.judge(Split(rows[:150], rows[:0], rows[150:], "again"))
    assert set(judge.fitted[-1]) == {"by-a", "by-b", "by-c", "frequency"}
