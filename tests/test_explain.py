"""Explanations find what is known to matter, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from craton.alter import Part, change_part, in_batches, list_parts, mean_part, regroup, stack
from craton.errors import DataError
from craton.explain import explain, headline, permutation_importance, single
from craton.gathers import Rows
from craton.metrics import log_loss, score
from craton.models.base import Fitting
from craton.result import Fitted
from craton.samples import Samples, Target, make_index
from craton.uncertainty import NoCalibration
from tests import worlds


def _importance(name: str, model: str):
    table = worlds.result_of(name).explanation.importance
    return table[table["model"] == model].set_index("name")


def test_an_informative_variable_matters_and_noise_hardly():
    table = _importance("labels", "nearest-mean")
    assert table.loc["signal", "low"] > 0.2
    assert abs(table.loc["noise", "drop"]) < 0.02 * table.loc["signal", "drop"]


def test_intervals_of_noise_cover_zero_in_about_95_of_100_worlds():
    covered = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        kind = rng.integers(0, 2, 600)
        columns = {"signal": 2 * kind + rng.normal(size=600), "noise": rng.normal(size=600)}
        data = xr.Dataset({k: ("row", v) for k, v in columns.items()} | {"kind": ("row", kind)})
        rows = Rows(("signal", "noise"), Target("kind", ("a", "b"), (0, 1)))
        samples = Samples(data, make_index(600), rows)
        model = worlds.NearestMean().fit(samples.take(np.arange(200)), Fitting())
        fitted, test = Fitted("m", model, NoCalibration()), samples.take(np.arange(200, 600))
        table = permutation_importance(fitted, test, log_loss("kind"), n=200, seed=seed)
        noise = table.set_index("name").loc["noise"]
        covered += noise["low"] <= 0 <= noise["high"]
    assert 35 <= covered <= 40


def test_every_model_is_explained_and_a_model_without_inputs_drops_by_nothing():
    table = worlds.result_of("labels").explanation.importance
    assert set(table["model"]) == {"frequency", "nearest-mean", "blunt", "blend"}
    assert (table.loc[table["model"] == "frequency", ["drop", "low", "high"]] == 0).all(axis=None)


def test_only_the_newest_lag_matters_to_persistence():
    table = _importance("field", "persistence")
    assert table.loc["+0", "low"] > 0
    assert (table.loc[["-3", "-2", "-1"], "drop"] == 0).all()


def test_each_region_of_a_field_matters_to_persistence():
    table = _importance("field", "persistence")
    assert (table.loc[table["kind"] == "region", "low"] > 0).all()
    assert (table["kind"] == "region").sum() == 4


def test_the_drop_is_the_score_lost_when_a_column_is_shuffled():
    """An oracle that shuffles by hand, many times."""
    result = worlds.result_of("labels")
    fitted, samples = result.fitted[0]["nearest-mean"], result.samples.take(result.splits[0].test)
    metric, rng = log_loss("kind"), np.random.default_rng(0)
    observed, whole = (
        samples.observed(),
        score(log_loss("kind"), samples.observed(), fitted.predict(samples)),
    )
    drops = []
    for _ in range(30):
        x = samples.inputs()["x"].copy()
        x[:, 0] = rng.permutation(x[:, 0])
        drops.append(score(metric, observed, fitted.predict(samples.with_inputs({"x": x}))) - whole)
    found = permutation_importance(fitted, samples, metric).set_index("name").loc["signal", "drop"]
    assert found == pytest.approx(np.mean(drops), abs=4 * np.std(drops) / np.sqrt(5))


def test_a_blend_is_explained_as_its_own_prediction_would_be():
    result = worlds.result_of("labels")
    fitted = result.fitted[0]
    if "blend" not in fitted:
        pytest.fail("the world was meant to give a blend")
    samples = result.samples.take(result.splits[0].test)
    both = permutation_importance(fitted, samples, result.metrics[0])
    alone = permutation_importance(fitted["blend"], samples, result.metrics[0])
    mine = both[both["model"] == "blend"].reset_index(drop=True)
    np.testing.assert_allclose(mine["drop"], alone["drop"], rtol=1e-5)


def test_the_same_seed_gives_the_same_explanation(monkeypatch):
    # a busy machine would have fewer samples shuffled
    monkeypatch.setattr("craton.explain.SECONDS", np.inf)
    result = worlds.result_of("labels")
    once, again = explain(result), explain(result)
    assert again.importance.equals(once.importance)
    assert again.local.equals(once.local)


def test_occlusion_of_a_linear_model_is_weight_times_distance_from_the_mean():
    result = worlds.result_of("depth")
    samples = result.samples
    model = worlds.LeastSquares().fit(samples, Fitting())
    fitted = Fitted("least-squares", model, NoCalibration())
    found = single(fitted, samples, 7).set_index("name")["effect"]
    x = samples.inputs()["x"].astype(float)
    expected = model.weights[1:] * (x[7] - x.mean(axis=0))
    np.testing.assert_allclose(found[["signal", "noise"]], expected, atol=1e-4)


def test_a_single_explanation_says_what_its_output_is():
    result = worlds.result_of("labels")
    found = single(result.final, result.test, 0)
    p = result.final.predict(result.test.take([0]))["kind"].to_numpy()[0]
    assert found.attrs["value"] == pytest.approx(p.max())
    assert found.attrs["output"] == f"probability of {result.samples.target.categories[p.argmax()]}"
    assert found["effect"].abs().is_monotonic_decreasing


def test_a_row_that_is_not_there_is_refused():
    result = worlds.result_of("labels")
    with pytest.raises(DataError, match="no row 400"):
        single(result.final, result.test, 400)


def test_chosen_samples_of_classes_are_right_wrong_and_uncertain():
    result = worlds.result_of("labels")
    local = result.explanation.local
    reasons = set(local["why"])
    assert {"most confident and right", "most confident and wrong", "least certain"} <= reasons
    sample = local.loc[local["why"] == "most confident and wrong", "sample"].iloc[0]
    row = list(result.test.index.index).index(sample)
    p = result.predictions[result.selected]["kind"].to_numpy()[row]
    assert p.argmax() != result.observed["kind"].to_numpy()[row]


def test_the_headline_of_counts_is_their_total():
    counts = xr.Dataset({"expected_count": (("sample", "cell"), [[1.0, 2.0], [0.5, 0.25]])})
    values, text = headline(counts, Target("count"))
    assert values.tolist() == [3.0, 0.75]
    assert "count" in text


def test_too_many_parts_are_grouped_and_that_is_said():
    parts = [Part("lag", f"{i:+d}", (("x", (slice(None), i)),)) for i in range(10)]
    found, notes = regroup(parts, {"lag": 3})
    assert [len(p.spots) for p in found] == [3, 4, 3]
    assert found[0].name == "+0 .. +2"
    assert notes == ["10 parts of kind 'lag' were altered in 3 groups"]


def test_a_slow_run_shuffles_fewer_samples_and_says_so():
    from craton.importance import Pool, importance_of

    result = worlds.result_of("labels")
    samples = result.test
    which = np.zeros(len(samples), np.int64)
    pool = Pool(samples, samples.inputs(), which, result.fitted, result.metrics[0], result.blocks)
    _, n, notes = importance_of(pool, 0.0, lambda *a: None, n=100, seed=0, level=0.95)
    assert n == 10
    assert notes == ["10 of 400 test samples were shuffled, because the models are slow"]


def test_a_part_of_a_shared_array_changes_alone_and_is_never_batched():
    inputs = {"x": np.arange(6.0).reshape(3, 2), "all_events": np.arange(8.0).reshape(4, 2)}
    shared = Part("variable", "magnitude", (("all_events", (slice(None), 1)),))
    own = Part("variable", "a", (("x", (slice(None), 0)),))
    altered = change_part(inputs, shared, lambda v: v[::-1])
    assert set(altered) == {"all_events"}
    assert altered["all_events"][:, 1].tolist() == [7, 5, 3, 1]
    assert inputs["all_events"][:, 1].tolist() == [1, 3, 5, 7]
    assert [len(b) for b in in_batches([own, own, shared, own], 3, 1)] == [2, 1, 1]


def test_the_mean_of_a_part_ignores_gaps():
    inputs = {"x": np.array([[1.0], [np.nan], [3.0]])}
    part = Part("variable", "a", (("x", (slice(None), 0)),))
    assert mean_part(inputs, part, inputs)["x"][:, 0].tolist() == [2, 2, 2]


def test_stacked_samples_keep_their_order_and_targets():
    samples = worlds.result_of("labels").samples.take([4, 9])
    inputs = samples.inputs()
    changed = {"x": inputs["x"] + 1}
    both = stack(samples, inputs, [{}, changed], np.array([1, 0]))
    assert both.index.index.tolist() == [9, 4, 9, 4]
    np.testing.assert_array_equal(both.inputs()["x"][2], inputs["x"][1] + 1)
    np.testing.assert_array_equal(both.take([2]).inputs()["x"][0], inputs["x"][1] + 1)


def test_parts_come_in_the_order_of_the_gather():
    samples = worlds.result_of("field").samples
    assert [p.name for p in list_parts(samples)][:4] == ["-3", "-2", "-1", "+0"]


def test_a_run_a_little_slower_is_explained_on_as_many_samples():
    from craton.importance import _round_down

    assert [_round_down(x) for x in (0.3, 1, 4.9, 5, 19.9, 20, 730)] == [1, 1, 2, 5, 10, 20, 500]
