"""What triggering models learn from the mainshocks of their training part."""

import dataclasses

import numpy as np
import pytest

from craton.errors import ModelError
from craton.models.base import Fitting
from craton.models.etas import ETAS
from craton.models.mainshock_factor import MainshockFactor
from craton.models.point_process import Region
from craton.models.triggering import AGES, near_cells
from tests.models.worlds import earthquakes


@pytest.fixture(scope="module")
def parts():
    return earthquakes()[1:]


@pytest.fixture(scope="module")
def fitted(parts):
    return ETAS(catalogs=50).fit(parts[0])


@pytest.fixture(scope="module")
def seen(parts, fitted):
    """Forecasts after the mainshocks of a model whose large events trigger too little."""
    inputs, region = parts[0].inputs(), Region.of(parts[0])
    events = inputs["all_events"]
    window = float(inputs["t0"].min()), float(inputs["t0"].max())
    p = fitted.parameters
    # a growth less by 1, pivoted where the mean productivity stays about the same
    poor = dataclasses.replace(p, a=p.a - 1.0, log10_k0=p.log10_k0 + 0.35)
    model = fitted.replace().with_state(fitted.state())
    tables = []
    for model.parameters in (p, poor):
        tables.append(model._past(events, window, region, Fitting()))
    return tables


def test_a_right_model_expects_what_came_after_mainshocks_of_all_ages(seen):
    right, _ = seen
    assert set(right.age) == set(AGES)
    for age in AGES[:3]:
        at = right.age == age
        expected = (right.own + right.rest)[at].sum()
        assert 0.6 < expected / right.came[at].sum() < 1.6
    # the mainshock's own part fades, that of its known aftershocks does not
    share = [right.own[right.age == age].sum() / right.rest[right.age == age].sum() for age in AGES]
    assert (np.diff(share) < 0).all()


def test_on_an_etas_world_there_is_no_factor(fitted):
    assert fitted.factor is None or not fitted.factor.kept


def test_a_model_whose_large_events_trigger_too_little_learns_to_raise_them(seen, fitted):
    right, poor = seen
    assert poor.own[0] < right.own[0]
    found = MainshockFactor.learn(poor, fitted.parameters.beta)
    assert found is not None and found.gain > 0
    largest = np.array([poor.magnitude.max()])
    assert found.of(largest, np.zeros(1))[0] > 1.5


def test_a_factor_that_is_kept_raises_forecasts_after_mainshocks_and_comes_back_from_a_state(
    parts, fitted
):
    _, test = parts
    inputs = test.take([0]).inputs()
    last = inputs["t0"][0]
    large = np.vstack([inputs["all_events"], [last - 0.01, 0.0, 0.0, 6.5]])
    shaken = test.take([0]).with_inputs({"all_events": large, "n_history": np.array([len(large)])})
    factor = MainshockFactor(5.0, 1.0, 5.0, 0.5, 30, 0.2, 0.1, 0.3)
    totals = {}
    for name, taken in {
        "kept": factor,
        "not kept": factor._replace(low=-0.1),
        "none": None,
    }.items():
        model = fitted.replace().with_state(fitted.state())
        model.factor = taken
        back = fitted.replace().with_state(model.state())
        assert back.factor == taken
        totals[name] = float(back.predict(shaken)["expected_count"].sum())
    assert totals["kept"] > 2.5 * totals["none"]
    assert totals["not kept"] == totals["none"]


def test_an_update_takes_the_factor_over(parts, fitted):
    factor = MainshockFactor(5.0, 1.0, 5.0, 0.5, 30, 0.2, 0.1, 0.3)
    model = fitted.replace().with_state(fitted.state())
    model.factor = factor
    assert fitted.replace().start_from(model.state()).fit(parts[0]).factor == factor


def test_without_the_setting_nothing_is_learnt(parts):
    assert ETAS(catalogs=50, mainshocks=False).fit(parts[0]).factor is None


def test_a_zone_has_its_own_cell_however_small_it_is():
    cells = np.array([[0.0, 500.0, 0.0, 500.0], [500.0, 1000.0, 0.0, 500.0]])
    assert near_cells(499.0, 20.0, 4.0, cells).tolist() == [cells[0].tolist()]


def test_a_model_that_is_fitted_again_learns_again(parts):
    model = ETAS(catalogs=50)
    model.factor = MainshockFactor(5.0, 1.0, 5.0, 0.5, 30, 0.2, 0.1, 0.3)
    again = model.fit(parts[0]).factor
    assert again is None or not again.kept


def test_a_model_whose_sequences_explode_is_fitted_without_a_factor(parts, monkeypatch):
    def explode(*_, **__):
        raise ModelError("the simulated catalogues would hold more events than allowed")

    monkeypatch.setattr(ETAS, "_catalogs", explode)
    assert ETAS(catalogs=50).fit(parts[0]).factor is None
