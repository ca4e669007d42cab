"""Scores against independent packages, and as sums."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import scoringrules
import sklearn.metrics as sk
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from craton import metrics
from craton.errors import ModelError
from craton.metrics import Metric, score

LEVELS = (np.arange(200) + 0.5) / 200
DIMS = ("sample", "category")


def classes(n: int = 300, k: int = 4, seed: int = 0) -> tuple[xr.Dataset, xr.Dataset]:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(k, 0.7), n)
    truth = np.array([rng.choice(k, p=row) for row in p**0.5 / (p**0.5).sum(1, keepdims=True)])
    observed = xr.Dataset({"f": ("sample", truth)})
    return observed, xr.Dataset({"f": (("sample", "category"), p)})


def fields(n: int = 40, seed: int = 0, gaps: float = 0.1) -> tuple[xr.Dataset, xr.Dataset]:
    """A normal forecast of (lead, point) by dense quantiles, with gaps in what was observed."""
    rng = np.random.default_rng(seed)
    mean, spread = rng.normal(size=(n, 3, 5)), rng.uniform(0.5, 2, (n, 3, 5))
    truth = mean + spread * rng.normal(size=mean.shape)
    truth[rng.random(truth.shape) < gaps] = np.nan
    q = mean[..., None] + spread[..., None] * stats.norm.ppf(LEVELS)
    dims = ("sample", "lead", "point")
    predicted = xr.Dataset({"t": ((*dims, "quantile"), q)}, coords={"quantile": LEVELS})
    predicted["spread"] = dims, spread
    return xr.Dataset({"t": (dims, truth)}), predicted


def counts(n: int = 30, seed: int = 0) -> tuple[xr.Dataset, xr.Dataset]:
    rng = np.random.default_rng(seed)
    rate = rng.gamma(0.5, 1.0, (n, 6)) + 1e-3
    dims = ("sample", "cell")
    observed = xr.Dataset({"count": (dims, rng.poisson(rate).astype(float))})
    observed["event"] = (observed["count"] > 0).astype(float)
    predicted = xr.Dataset({"expected_count": (dims, rate), "chance": (dims, 1 - np.exp(-rate))})
    return observed, predicted


def middle(predicted: xr.Dataset) -> NDArray[np.float64]:
    return predicted["t"].sel(quantile=0.5, method="nearest").to_numpy()


def seen(observed: xr.Dataset, predicted: xr.Dataset) -> tuple[NDArray[np.float64], ...]:
    truth = observed["t"].to_numpy()
    there = np.isfinite(truth)
    return truth[there], middle(predicted)[there]


def test_accuracy_is_that_of_scikit_learn() -> None:
    o, p = classes()
    assert score(metrics.accuracy("f"), o, p) == pytest.approx(
        sk.accuracy_score(o["f"], p["f"].argmax("category")), abs=1e-12
    )


def test_log_loss_is_that_of_scikit_learn() -> None:
    o, p = classes()
    assert score(metrics.log_loss("f"), o, p) == pytest.approx(
        sk.log_loss(o["f"], p["f"], labels=range(4)), rel=1e-9
    )


def test_f1_is_that_of_scikit_learn_over_the_classes_that_occur() -> None:
    o, p = classes()
    o["f"] = o["f"].where(o["f"] != 2, 0)
    assert score(metrics.f1_macro("f", 4), o, p) == pytest.approx(
        sk.f1_score(o["f"], p["f"].argmax("category"), average="macro", labels=[0, 1, 3])
    )


def test_brier_is_the_sum_over_classes_of_scikit_learns() -> None:
    o, p = classes()
    each = [sk.brier_score_loss(o["f"] == k, p["f"][:, k]) for k in range(4)]
    assert score(metrics.brier("f"), o, p) == pytest.approx(sum(each))


def test_a_neighbour_of_the_right_class_counts_as_right() -> None:
    o, p = classes()
    said = p["f"].argmax("category").to_numpy()
    truth = o["f"].to_numpy()
    near = {0: (1,), 1: (0, 2)}
    right = [s == t or s in near.get(int(t), ()) for s, t in zip(said, truth, strict=True)]
    assert score(metrics.adjacent_accuracy("f", near), o, p) == pytest.approx(np.mean(right))


def test_calibration_error_of_a_known_case() -> None:
    p = np.repeat([[0.9, 0.1], [0.6, 0.4]], 10, axis=0)
    truth = np.r_[np.zeros(7), np.ones(3), np.zeros(8), np.ones(2)].astype(int)
    o = xr.Dataset({"f": ("sample", truth)})
    q = xr.Dataset({"f": (("sample", "category"), p)})
    # said 0.9, right 0.7; said 0.6, right 0.8; ten samples each
    assert score(metrics.calibration_error("f"), o, q) == pytest.approx(0.2)


def test_a_sample_without_a_known_class_counts_in_no_score() -> None:
    o, p = classes()
    hidden = o.copy(deep=True)
    hidden["f"][:50] = -1
    rest = {"sample": slice(50, None)}
    for metric in (metrics.accuracy("f"), metrics.log_loss("f"), metrics.brier("f"),
                   metrics.f1_macro("f", 4), metrics.calibration_error("f")):  # fmt: skip
        assert score(metric, hidden, p) == pytest.approx(score(metric, o.isel(rest), p.isel(rest)))


def test_rmse_and_mae_are_those_of_numpy_where_something_was_observed() -> None:
    o, p = fields()
    truth, guess = seen(o, p)
    assert score(metrics.rmse("t"), o, p) == pytest.approx(np.sqrt(np.mean((truth - guess) ** 2)))
    assert score(metrics.mae("t"), o, p) == pytest.approx(np.mean(np.abs(truth - guess)))


def test_anomaly_correlation_of_centred_series_is_that_of_numpy() -> None:
    o, p = fields(gaps=0)
    o["t"] = o["t"] - o["t"].mean()
    p["t"] = p["t"] - float(np.mean(middle(p)))
    truth, guess = seen(o, p)
    expected = np.corrcoef(truth, guess)[0, 1]
    assert score(metrics.anomaly_correlation("t"), o, p) == pytest.approx(expected, rel=1e-9)


def test_crps_of_evenly_spaced_quantiles_is_that_of_scoringrules() -> None:
    o, p = fields(gaps=0)
    expected = scoringrules.crps_quantile(o["t"].to_numpy(), p["t"].to_numpy(), LEVELS)
    assert score(metrics.crps("t"), o, p) == pytest.approx(expected.mean(), rel=1e-9)


def test_crps_of_dense_quantiles_is_near_the_normal_formula() -> None:
    o, p = fields(gaps=0)
    expected = scoringrules.crps_normal(o["t"], middle(p), p["spread"]).mean()
    assert score(metrics.crps("t"), o, p) == pytest.approx(float(expected), rel=0.01)


def test_crps_does_not_depend_on_the_order_of_levels_or_dimensions() -> None:
    o, p = fields()
    turned = p.isel(quantile=slice(None, None, -1)).transpose("quantile", "point", ...)
    assert score(metrics.crps("t"), o, turned) == pytest.approx(score(metrics.crps("t"), o, p))


def test_coverage_counts_what_lies_between_the_quantiles() -> None:
    o, p = fields()
    q = p["t"].sel(quantile=[0.0525, 0.9475])
    truth = o["t"].to_numpy()
    inside = (truth >= q[..., 0]) & (truth <= q[..., 1])
    expected = float(inside.sum()) / np.isfinite(truth).sum()
    found = score(metrics.coverage("t", 0.0525, 0.9475), o, p)
    assert found == pytest.approx(expected)
    assert 0.8 < found < 0.97


def test_the_poisson_score_is_the_joint_log_likelihood_over_the_number_of_events() -> None:
    o, p = counts()
    n, rate = o["count"].to_numpy(), p["expected_count"].to_numpy()
    expected = stats.poisson.logpmf(n, rate).sum() / n.sum()
    assert score(metrics.poisson_log_likelihood(), o, p) == pytest.approx(expected, rel=1e-9)


def test_the_difference_of_two_poisson_scores_is_the_information_gain_of_csep() -> None:
    o, p = counts()
    n, a = o["count"].to_numpy(), p["expected_count"].to_numpy()
    b = np.full_like(a, a.mean())
    # Rhoades et al. 2011, equation 17: mean log ratio over events, minus the ratio of totals
    events = np.repeat(np.log(a / b).ravel(), n.ravel().astype(int))
    expected = events.mean() - (a.sum() - b.sum()) / n.sum()
    metric = metrics.poisson_log_likelihood()
    other = p.assign(expected_count=(p["expected_count"].dims, b))
    assert metric.gain(score(metric, o, p), score(metric, o, other)) == pytest.approx(expected)


def test_the_chance_of_an_event_is_scored_as_scikit_learn_does() -> None:
    o, p = counts()
    found = score(metrics.binary_log_loss("event", "chance"), o, p)
    expected = sk.log_loss(o["event"].to_numpy().ravel(), p["chance"].to_numpy().ravel())
    assert found == pytest.approx(expected)


def test_the_mean_of_realizations_stands_for_them() -> None:
    values = np.arange(12.0).reshape(3, 4)
    array = xr.DataArray(values, dims=("sample", "realization"))
    np.testing.assert_array_equal(metrics.middle(array), values.mean(axis=1))


@pytest.mark.parametrize("metric", [metrics.rmse("t"), metrics.crps("t"), metrics.mae("t"),
                                    metrics.coverage("t")])  # fmt: skip
def test_where_nothing_was_observed_there_is_no_score(metric: Metric) -> None:
    o, p = fields(5)
    assert np.isnan(score(metric, o * np.nan, p))


@pytest.mark.parametrize("metric", [metrics.log_loss("f"), metrics.f1_macro("f", 4),
                                    metrics.calibration_error("f")])  # fmt: skip
def test_where_no_class_is_known_there_is_no_score(metric: Metric) -> None:
    o, p = classes(5)
    assert np.isnan(score(metric, o * 0 - 1, p))


def test_a_period_without_earthquakes_has_no_score_per_event() -> None:
    o, p = counts()
    assert np.isnan(score(metrics.poisson_log_likelihood(), o * 0, p))


def test_a_gain_is_positive_if_better_whatever_the_direction() -> None:
    assert metrics.accuracy("f").gain(0.8, 0.6) == pytest.approx(0.2)
    assert metrics.log_loss("f").gain(0.8, 0.6) == pytest.approx(-0.2)


ALL: list[tuple[Metric, Callable[..., tuple[xr.Dataset, xr.Dataset]]]] = [
    (metrics.accuracy("f"), classes), (metrics.log_loss("f"), classes),
    (metrics.brier("f"), classes), (metrics.f1_macro("f", 4), classes),
    (metrics.calibration_error("f"), classes),
    (metrics.adjacent_accuracy("f", {0: (1,)}), classes), (metrics.rmse("t"), fields),
    (metrics.mae("t"), fields), (metrics.anomaly_correlation("t"), fields),
    (metrics.crps("t"), fields), (metrics.coverage("t"), fields),
    (metrics.poisson_log_likelihood(), counts),
    (metrics.binary_log_loss("event", "chance"), counts),
]  # fmt: skip


@pytest.mark.parametrize(("metric", "world"), ALL, ids=[m.name for m, _ in ALL])
@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 1000), cut=st.integers(1, 29))
def test_the_total_of_the_pieces_is_the_total_of_all(
    metric: Metric, world: Callable[..., tuple[xr.Dataset, xr.Dataset]], seed: int, cut: int
) -> None:
    o, p = world(30, seed=seed)
    whole = metric.stats(o, p).sum(axis=0)
    pieces = [
        metric.stats(o.isel(sample=s), p.isel(sample=s)).sum(axis=0)
        for s in (slice(None, cut), slice(cut, None))
    ]
    np.testing.assert_allclose(sum(pieces), whole, rtol=1e-10, atol=1e-12)
    stacked = metric.value(np.stack([whole, whole]))
    np.testing.assert_array_equal(stacked, [metric.value(whole)] * 2)


def test_a_prediction_that_is_not_finite_is_refused_with_its_model_and_sample() -> None:
    p = xr.Dataset({"f": (("sample", "category"), np.array([[0.5, 0.5], [np.nan, 1.0]]))})
    with pytest.raises(ModelError, match=r"forest: the prediction of 'f' .* sample 1"):
        metrics.require_finite(p, "forest")
    metrics.require_finite(p.isel(sample=[0]), "forest")


def test_weights_count_a_cell_as_if_it_came_that_often() -> None:
    rng = np.random.default_rng(3)
    y, q = rng.normal(size=(5, 2, 3)), np.sort(rng.normal(size=(5, 2, 3, 3)), axis=-1)
    y[0, 0, 0] = np.nan
    often = np.array([1, 3, 2])
    dims = ("sample", "lead", "point")
    levels = {"quantile": [0.1, 0.5, 0.9]}
    o = xr.Dataset({"t": (dims, y)})
    p = xr.Dataset({"t": ((*dims, "quantile"), q)}, levels)
    o_many = xr.Dataset({"t": (dims, np.repeat(y, often, axis=2))})
    p_many = xr.Dataset({"t": ((*dims, "quantile"), np.repeat(q, often, axis=2))}, levels)
    for kind in (metrics.crps, metrics.rmse, metrics.anomaly_correlation):
        weighted = metrics.score(kind("t", weights=often.astype(float)), o, p)
        assert weighted == pytest.approx(metrics.score(kind("t"), o_many, p_many))


def test_crps_in_pieces_is_crps_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    o = xr.Dataset({"t": (("sample", "point"), rng.normal(size=(50, 7)))})
    q = np.sort(rng.normal(size=(50, 7, 5)), axis=-1)
    p = xr.Dataset(
        {"t": (("sample", "point", "quantile"), q)}, {"quantile": [0.05, 0.25, 0.5, 0.75, 0.95]}
    )
    whole = metrics.crps("t").stats(o, p)
    monkeypatch.setattr(metrics, "CRPS_PIECE", 100)
    np.testing.assert_allclose(metrics.crps("t").stats(o, p), whole)


def test_balanced_accuracy_is_that_of_scikit_learn():
    """A class that does not occur does not count."""
    observed, predicted = classes(k=3)
    wider = np.pad(predicted["f"].to_numpy(), ((0, 0), (0, 1)))
    found = score(metrics.balanced_accuracy("f"), observed, xr.Dataset({"f": (DIMS, wider)}))
    expected = sk.balanced_accuracy_score(observed["f"], wider.argmax(axis=1))
    assert found == pytest.approx(expected)


def test_two_classes_can_be_scored_apart_from_the_rest():
    """Only their samples and their probabilities count."""
    observed = xr.Dataset({"f": ("sample", [0, 1, 2, 1])})
    p = [[0.3, 0.1, 0.6], [0.2, 0.1, 0.7], [0.9, 0.1, 0.0], [0.1, 0.2, 0.7]]
    metric = metrics.balanced_accuracy("f", {0: "quake", 1: "blast"})
    assert metric.name == "balanced_accuracy_quake_blast"
    found = score(metric, observed, xr.Dataset({"f": (DIMS, np.array(p))}))
    assert found == pytest.approx((1 + 0.5) / 2)
