"""The linear inverse model finds the operator of a world that is one."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from craton.data.ocean import linear_model, nino34_weights, optimal_forecast, synthetic_sst
from craton.errors import BundleError, ModelError
from craton.gathers import Fields
from craton.metrics import anomaly_correlation, coverage, middle, rmse, score
from craton.models.base import Fitting
from craton.models.physics.lim import LIM, modes, tau_test
from craton.samples import Samples, Target, make_index

LEADS = (1, 3, 6, 12)
TARGET = Target("sst", units="degC", regions={"nino34": nino34_weights()})


@cache
def ocean():
    return synthetic_sst(seed=5, years=500)


def window(first: int, last: int, data=None, leads=LEADS) -> Samples:
    data = ocean() if data is None else data
    rows = np.arange(first, last)
    when = data["time"].values
    index = make_index(len(rows), t0=when[rows], t1=when[rows + max(leads)], labels=rows)
    return Samples(data, index, Fields("sst", TARGET, 2, leads))


@cache
def fitted(lag: int = 1) -> LIM:
    return LIM(lag=lag).fit(window(11, 4000))


TEST = (4100, 5900)


def test_the_slowest_eigenvalues_are_those_of_the_true_operator():
    true = np.linalg.eigvals(linear_model()[0])
    true = true[np.argsort(-abs(true), kind="stable")][:3]
    found = np.linalg.eigvals(fitted().operator)
    assert abs(found).max() < 1
    for value in true:
        assert abs(found - value).min() < 0.03
    slow = modes(fitted().operator).iloc[0]
    assert slow["period"] == pytest.approx(48, rel=0.1)
    assert slow["decay"] == pytest.approx(12, rel=0.15)


@pytest.mark.parametrize("lag", [1, 3])
def test_its_skill_is_nearly_that_of_the_true_operator_on_the_same_months(lag):
    test = window(*TEST)
    observed, predicted = test.observed(), fitted(lag).predict(test)
    best = optimal_forecast(test.inputs()["sequence"][:, :, -1], LEADS)
    for i, lead in enumerate(LEADS):
        truth = observed["nino34"].to_numpy()[:, i]
        top = np.corrcoef(truth, best[:, i] @ nino34_weights())[0, 1]
        o, p = observed.sel(lead=[lead]), predicted.sel(lead=[lead])
        assert top - 0.02 < score(anomaly_correlation("nino34"), o, p) < top + 0.02
        field = np.sqrt(np.mean((best[:, i] - observed["sst"].to_numpy()[:, i]) ** 2))
        assert score(rmse("sst"), o, p) == pytest.approx(field, rel=0.05)


def test_its_intervals_cover_what_they_say_at_every_lead_for_points_and_region():
    test = window(*TEST)
    observed, predicted = test.observed(), fitted().predict(test)
    for lead in LEADS:
        o, p = observed.sel(lead=[lead]), predicted.sel(lead=[lead])
        for name in ("sst", "nino34"):
            assert score(coverage(name), o, p) == pytest.approx(0.9, abs=0.04)


def test_the_spread_grows_with_the_lead_up_to_that_of_climatology():
    spread = fitted().spread
    assert (np.diff(spread["nino34"]) > 0).all()
    assert spread["nino34"][-1] < 0.95
    assert (np.diff(spread["sst"].mean(axis=1)) > 0).all()


def test_the_tau_test_holds_in_a_linear_world():
    found = tau_test(fitted(), window(11, 4000))
    assert found["nino34 power"].to_numpy() == pytest.approx(found["nino34 data"], abs=0.06)
    assert (found["share"] > 0.95).all()


def test_targets_that_are_permuted_leave_no_skill():
    shuffled = window(11, 1500).permuted(np.random.default_rng(0))
    model = LIM().fit(shuffled)
    assert abs(np.linalg.eigvals(model.operator)).max() < 0.2
    test = window(*TEST)
    skill = score(anomaly_correlation("nino34"), test.observed(), model.predict(test))
    assert abs(skill) < 0.1


def test_fractional_and_whole_powers_agree_with_repeated_steps():
    by_three = fitted(3)
    first, third, sixth, _ = by_three.propagators()
    np.testing.assert_allclose(third, by_three.operator)
    np.testing.assert_allclose(sixth, third @ third)
    np.testing.assert_allclose(first @ first @ first, third, atol=0.02)


def test_a_growing_field_is_shrunk_until_it_is_stable_and_says_so():
    data = ocean().isel(time=slice(0, 140))
    growth = 1.04 ** np.arange(140)
    data = data.assign(sst=data["sst"] * 0.01 + growth[:, None] * nino34_weights()[None, :])
    said: list[str] = []
    fitting = Fitting(progress=lambda done, total, text: said.append(text))
    model = LIM(components=3).fit(window(11, 120, data), fitting)
    assert abs(np.linalg.eigvals(model.operator)).max() < 1
    assert model.shrinkage > 0
    assert "unstable" in said[0]


def test_gaps_in_space_change_little_and_points_never_seen_stay_finite():
    data = ocean().isel(time=slice(0, 2000)).copy(deep=True)
    values = data["sst"].to_numpy().copy()
    whole = LIM().fit(window(11, 1500, data)).predict(window(1600, 1900, data))
    values[:, :3] = np.nan
    values[np.random.default_rng(1).random(values.shape) < 0.1] = np.nan
    gappy = data.assign(sst=(("time", "point"), values))
    found = LIM().fit(window(11, 1500, gappy)).predict(window(1600, 1900, gappy))
    assert np.isfinite(found["sst"]).all()
    a, b = (middle(p["nino34"]).to_numpy().ravel() for p in (whole, found))
    assert np.corrcoef(a, b)[0, 1] > 0.98


def test_it_comes_back_from_its_state_equal_to_the_last_bit():
    test, model = window(*TEST), fitted(3)
    again = LIM(lag=3).with_state(model.state())
    assert again.predict(test).identical(model.predict(test))


@pytest.mark.parametrize("name", ["operator", "patterns", "spread.sst", "lag"])
def test_a_state_that_does_not_fit_is_refused(name):
    state = fitted().state()
    lacking = {k: v for k, v in state.items() if k != name}
    bent = {**state, name: state[name] * np.nan}
    cut = {**state, name: state[name][:0]}
    for arrays in (bent, cut) if name == "spread.sst" else (lacking, bent):
        with pytest.raises(BundleError):
            LIM().with_state(arrays)


def test_an_unstable_operator_in_a_state_is_refused():
    state = fitted().state()
    with pytest.raises(BundleError, match="stable"):
        LIM().with_state({**state, "operator": 2 * state["operator"]})


def test_too_few_pairs_and_another_grid_are_refused():
    with pytest.raises(ModelError, match="pairs"):
        LIM().fit(window(11, 40))
    other = window(*TEST, leads=(1, 2))
    with pytest.raises(ModelError, match="leads"):
        fitted().predict(other)
