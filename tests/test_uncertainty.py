"""Intervals that cover, and calibration that calibrates."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from craton.errors import ConfigError
from craton.metrics import Metric
from craton.uncertainty import (
    ConformalQuantiles,
    Isotonic,
    NoCalibration,
    Temperature,
    block_bootstrap,
    by_block,
    paired_gain,
    resamples,
)

MEAN = Metric("mean", "higher", lambda o, p: o, lambda t: t[..., 0] / t[..., 1])
ERROR = Metric("error", "lower", lambda o, p: o, lambda t: t[..., 0] / t[..., 1])
LEVELS = np.array([0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95])


def series(n: int, rng: np.random.Generator, memory: float = 0.9) -> NDArray[np.float64]:
    """A first-order autoregressive series of mean zero."""
    noise, x = rng.normal(size=n), np.zeros(n)
    for i in range(1, n):
        x[i] = memory * x[i - 1] + noise[i]
    return x


def test_a_mean_of_a_series_with_memory_is_covered_by_blocks_and_not_by_single_samples() -> None:
    rng = np.random.default_rng(0)
    hits = {"blocks": 0, "samples": 0}
    units = {"blocks": np.arange(4000) // 100, "samples": np.arange(4000)}
    for _ in range(100):
        x = series(4000, rng)
        for name, blocks in units.items():
            found = block_bootstrap(MEAN, np.c_[x, np.ones(4000)], blocks, n=200)
            hits[name] += found.low <= 0 <= found.high
    assert hits["blocks"] >= 86
    assert hits["samples"] <= 60


def test_the_interval_of_independent_samples_is_the_normal_one() -> None:
    x = np.random.default_rng(0).normal(size=2000)
    found = block_bootstrap(MEAN, np.c_[x, np.ones(2000)], np.arange(2000), n=4000)
    half = 1.96 * x.std() / np.sqrt(2000)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.05)
    assert found.score == pytest.approx(x.mean()) and found.blocks == 2000


def test_a_wider_level_gives_a_wider_interval_and_the_seed_decides() -> None:
    x = np.c_[np.random.default_rng(0).normal(size=50), np.ones(50)]
    wide, narrow, again = (
        block_bootstrap(MEAN, x, np.arange(50), level=level, seed=1) for level in (0.99, 0.8, 0.99)
    )
    assert wide.low < narrow.low < narrow.high < wide.high
    assert wide == again != block_bootstrap(MEAN, x, np.arange(50), level=0.99, seed=2)


def test_one_block_alone_bounds_nothing() -> None:
    x = np.c_[np.arange(9.0), np.ones(9)]
    found = block_bootstrap(MEAN, x, np.zeros(9))
    assert (found.score, found.low, found.high) == (4.0, -np.inf, np.inf)
    assert paired_gain(MEAN, x, x * [2, 1], np.zeros(9)).high == np.inf


def test_a_score_that_cannot_be_computed_has_no_interval() -> None:
    found = block_bootstrap(MEAN, np.full((4, 2), np.nan), np.arange(4))
    assert np.isnan([found.score, found.low, found.high]).all()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.integers(1, 10))
def test_the_gain_of_a_model_over_itself_is_exactly_zero(seed: int, n: int, b: int) -> None:
    rng = np.random.default_rng(seed)
    x = np.c_[rng.normal(size=n), np.ones(n)]
    found = paired_gain(MEAN, x, x.copy(), np.arange(n) % (b + 1), n=50)
    assert (found.score, found.low, found.high) == (0, 0, 0)


def test_a_gain_is_positive_for_the_smaller_error() -> None:
    x = np.c_[np.random.default_rng(0).uniform(1, 2, 60), np.ones(60)]
    better = x * [0.5, 1]
    assert paired_gain(ERROR, better, x, np.arange(60)).low > 0
    assert paired_gain(ERROR, x, better, np.arange(60)).high < 0


def test_a_paired_gain_is_narrower_than_the_difference_of_two_intervals() -> None:
    rng = np.random.default_rng(0)
    hard = rng.gamma(1, 5, 200)
    a, b = (np.c_[hard + e + 0.1 * rng.normal(size=200), np.ones(200)] for e in (0.0, 0.1))
    gain = paired_gain(ERROR, a, b, np.arange(200))
    own = block_bootstrap(ERROR, a, np.arange(200))
    assert gain.low > 0 and gain.high - gain.low < 0.1 * (own.high - own.low)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(-3, 3), min_size=1, max_size=40), st.integers(0, 99))
def test_blocks_are_drawn_whole_as_many_as_there_are(blocks: list[int], seed: int) -> None:
    which, weights = resamples(np.array(blocks), 20, seed)
    assert weights.shape == (20, len(set(blocks)))
    assert (weights.sum(axis=1) == len(set(blocks))).all()
    sums = by_block(np.ones((len(blocks), 2)), which)
    assert sorted(sums[:, 0]) == sorted(np.unique(blocks, return_counts=True)[1])


def classes(n: int = 20_000, power: float = 1.0) -> tuple[xr.Dataset, xr.Dataset]:
    """Truth drawn from probabilities; what is predicted is sharper by `power`."""
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(3), n)
    truth = (rng.random(n)[:, None] > p.cumsum(axis=1)).sum(axis=1)
    said = p**power / (p**power).sum(axis=1, keepdims=True)
    observed = xr.Dataset({"f": ("sample", truth)})
    predicted = xr.Dataset({"f": (("sample", "category"), said.astype(np.float32))})
    return observed, predicted.assign(true=(("sample", "category"), p))


@pytest.mark.parametrize("power", [0.5, 1.0, 3.0])
def test_the_temperature_that_spoilt_the_probabilities_is_found(power: float) -> None:
    observed, predicted = classes(power=power)
    found = Temperature("f").fit(observed, predicted)
    assert found.power == pytest.approx(1 / power, rel=0.05)
    np.testing.assert_allclose(found.apply(predicted)["f"], predicted["true"], atol=0.02)


def test_without_a_known_class_calibration_changes_nothing() -> None:
    observed, predicted = classes(50)
    for made in (Temperature("f"), Isotonic("f")):
        found = made.fit(observed * 0 - 1, predicted).apply(predicted)
        np.testing.assert_allclose(found["f"], predicted["f"], atol=1e-3)


def test_isotonic_is_monotone_and_mends_a_crooked_scale() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(0, 1, 30_000)
    said = np.stack([1 - p, p], axis=1)
    observed = xr.Dataset({"f": ("sample", (rng.random(p.size) < p**2).astype(int))})
    predicted = xr.Dataset({"f": (("sample", "category"), said)})
    found = Isotonic("f").fit(observed, predicted)
    assert (np.diff(found.maps, axis=1) >= 0).all()
    mended = found.apply(predicted)["f"]
    np.testing.assert_allclose(mended.sum("category"), 1)
    assert float(np.abs(mended[:, 1] - p**2).max()) < 0.06


def normal(
    mean: NDArray[np.float64], spread: NDArray[np.float64], names: tuple[str, ...] = ("sample",)
) -> xr.Dataset:
    q = mean[..., None] + spread[..., None] * stats.norm.ppf(LEVELS)
    return xr.Dataset({"t": ((*names, "quantile"), q)}, coords={"quantile": LEVELS})


def coverage(observed: xr.Dataset, predicted: xr.Dataset) -> float:
    low, high = (predicted["t"].sel(quantile=q).to_numpy() for q in (0.05, 0.95))
    truth = observed["t"].to_numpy()
    return float(((truth >= low) & (truth <= high)).mean())


@pytest.mark.parametrize("scale", [0.3, 1.0, 2.5])
def test_conformal_intervals_cover_nine_in_ten_whatever_spread_the_model_claims(
    scale: float,
) -> None:
    rng = np.random.default_rng(1)
    x = rng.uniform(0, 1, 8000)
    spread = 0.2 + x
    observed = xr.Dataset({"t": ("sample", x + spread * rng.normal(size=8000))})
    predicted = normal(x, scale * spread)
    learn, test = {"sample": slice(0, 4000)}, {"sample": slice(4000, None)}
    found = ConformalQuantiles("t").fit(observed.isel(learn), predicted.isel(learn))
    mended = found.apply(predicted.isel(test))
    assert 0.88 <= coverage(observed.isel(test), mended) <= 0.92
    for level in LEVELS:
        share = float((observed["t"].isel(test) <= mended["t"].sel(quantile=level)).mean())
        assert share == pytest.approx(level, abs=0.03)
    # the noise grows with x, and so must the interval
    width = np.ptp(mended["t"].sel(quantile=[0.05, 0.95]).to_numpy(), axis=1)
    assert width[x[4000:] > 0.9].mean() > 3 * width[x[4000:] < 0.1].mean()


def test_each_tail_of_skewed_noise_gets_its_own_stretch() -> None:
    rng = np.random.default_rng(2)
    noise = rng.exponential(size=8000)
    noise -= np.log(2)  # median zero, long to the right
    observed = xr.Dataset({"t": ("sample", noise)})
    predicted = normal(np.zeros(8000), np.ones(8000))
    learn, test = {"sample": slice(0, 4000)}, {"sample": slice(4000, None)}
    mended = (
        ConformalQuantiles("t").fit(observed.isel(learn), predicted.isel(learn)).apply(predicted)
    )
    for level in LEVELS:
        share = float((observed["t"] <= mended["t"].sel(quantile=level)).isel(test).mean())
        assert share == pytest.approx(level, abs=0.025)
        assert float(mended["t"].sel(quantile=level)[0]) == pytest.approx(
            stats.expon.ppf(level) - np.log(2), abs=0.15
        )


def test_a_conformal_interval_is_as_wide_as_that_of_mapie() -> None:
    from mapie.regression import SplitConformalRegressor
    from sklearn.linear_model import LinearRegression

    rng = np.random.default_rng(3)
    x = rng.uniform(0, 1, (6000, 1))
    y = 2 * x[:, 0] + rng.normal(size=6000)
    line = LinearRegression().fit(x[:2000], y[:2000])
    other = SplitConformalRegressor(line, confidence_level=0.9, prefit=True)
    other.conformalize(x[2000:4000], y[2000:4000])
    _, band = other.predict_interval(x[4000:])
    predicted = normal(line.predict(x), np.full(6000, 0.4))
    held = {"sample": slice(2000, 4000)}
    ours = ConformalQuantiles("t").fit(
        xr.Dataset({"t": ("sample", y)}).isel(held), predicted.isel(held)
    )
    ends = (
        ours.apply(predicted.isel(sample=slice(4000, None)))["t"]
        .sel(quantile=[0.05, 0.95])
        .to_numpy()
    )
    width, theirs = np.ptp(ends, axis=1).mean(), np.ptp(band[:, :, 0], axis=1).mean()
    assert width == pytest.approx(theirs, rel=0.05)
    np.testing.assert_allclose(ends, band[:, :, 0], atol=0.15)


def test_in_few_samples_the_interval_covers_at_least_what_it_says() -> None:
    rng = np.random.default_rng(4)
    hits = []
    for _ in range(300):
        y = rng.normal(size=41)
        predicted = normal(np.zeros(41), np.ones(41))
        held = {"sample": slice(0, 40)}
        observed = xr.Dataset({"t": ("sample", y)})
        found = ConformalQuantiles("t").fit(observed.isel(held), predicted.isel(held))
        hits.append(coverage(observed.isel(sample=[40]), found.apply(predicted.isel(sample=[40]))))
    # 0.9 less 2.5 standard errors of 300 draws; a plain quantile of 40 residuals falls below
    assert np.mean(hits) > 0.86


def test_each_lead_has_its_own_stretch_whatever_the_order_of_dimensions() -> None:
    rng = np.random.default_rng(5)
    shape, names = (2000, 3, 4), ("sample", "lead", "point")
    mean = rng.normal(size=shape)
    truth = mean + np.array([1.0, 2.0, 3.0])[:, None] * rng.normal(size=shape)
    truth[rng.random(shape) < 0.1] = np.nan
    observed = xr.Dataset({"t": (names, truth)})
    predicted = normal(mean, np.ones(shape), names)
    found = ConformalQuantiles("t").fit(observed, predicted)
    np.testing.assert_allclose(found.factors["t"][0], [1, 2, 3], rtol=0.05)
    turned = predicted.transpose("point", "quantile", "sample", "lead")
    other = ConformalQuantiles("t").fit(observed, turned)
    np.testing.assert_array_equal(other.factors["t"], found.factors["t"])
    xr.testing.assert_allclose(
        other.apply(turned)["t"].transpose(*names, "quantile"), found.apply(predicted)["t"]
    )


def test_calibrated_quantiles_never_cross() -> None:
    rng = np.random.default_rng(6)
    observed = xr.Dataset({"t": ("sample", rng.standard_t(2, 60))})
    predicted = normal(rng.normal(size=60), np.full(60, 0.1))
    found = ConformalQuantiles("t").fit(observed, predicted).apply(predicted)["t"]
    assert (np.diff(found, axis=1) >= 0).all()


def test_too_few_samples_or_a_spread_of_zero_leave_finite_quantiles() -> None:
    observed = xr.Dataset({"t": ("sample", np.arange(30.0))})
    predicted = normal(np.zeros(30), np.zeros(30))
    assert np.isfinite(ConformalQuantiles("t").fit(observed, predicted).apply(predicted)["t"]).all()
    few = {"sample": slice(0, 10)}
    wide = normal(np.zeros(30), np.ones(30))
    found = ConformalQuantiles("t").fit(observed.isel(few), wide.isel(few)).apply(wide)
    xr.testing.assert_allclose(found, wide)


@pytest.mark.parametrize("kind", ["temperature", "isotonic", "conformal", "none"])
def test_a_calibrator_comes_back_from_its_arrays(kind: str) -> None:
    observed, predicted = classes(500, power=2.0)
    rng = np.random.default_rng(0)
    if kind in ("conformal", "none"):
        observed = xr.Dataset({"t": ("sample", rng.normal(size=500))})
        predicted = normal(np.zeros(500), np.ones(500))
    make = {
        "temperature": lambda: Temperature("f"), "isotonic": lambda: Isotonic("f"),
        "conformal": lambda: ConformalQuantiles("t"), "none": NoCalibration,
    }[kind]  # fmt: skip
    fitted = make().fit(observed, predicted)
    again = make().with_state({k: np.array(v) for k, v in fitted.state().items()})
    xr.testing.assert_identical(again.apply(predicted), fitted.apply(predicted))


def test_a_state_with_variables_of_another_task_is_refused() -> None:
    with pytest.raises(ConfigError, match="other"):
        ConformalQuantiles("t").with_state({"other": np.ones((7, 1))})
