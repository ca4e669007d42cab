"""Input times gradient agrees with finite differences of the prediction."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from craton.explain import headline
from craton.gathers import Rows, Windows
from craton.models.base import Fitting
from craton.models.deep import MLP, TCN
from craton.samples import Samples, Target, make_index
from tests import worlds

SMALL = {"epochs": 8, "hidden": 8, "patience": 0, "device": "cpu"}


def _table(gather):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 240))
    b[::7] = np.nan
    kind = (a + np.nan_to_num(b) > 0).astype(int)
    columns = {"a": a, "b": b, "kind": kind, "value": 2 * a + np.nan_to_num(b)}
    data = xr.Dataset({k: ("row", v) for k, v in columns.items()})
    data = data.assign(well=("row", np.repeat(["p", "q"], 120)))
    return Samples(data, make_index(240), gather)


def _differences(model, samples, key, spot, reference):
    """Central difference of the headline in one input value, times its distance from the mean."""
    inputs = samples.inputs()[key].astype(np.float64)
    category = None
    if samples.target.categories:
        p = model.predict(samples)[samples.target.name].to_numpy()[0]
        category = int(p.argmax())
    step, found = 0.02, []
    for sign in (1, -1):
        changed = inputs.copy()
        changed[(0, *spot)] += sign * step
        moved = samples.with_inputs({key: changed.astype(np.float32)})
        found.append(headline(model.predict(moved), samples.target, category)[0][0])
    slope = (found[0] - found[1]) / (2 * step)
    return slope * (inputs[(0, *spot)] - reference)


@pytest.mark.parametrize("target", [Target("kind", ("no", "yes"), (0, 1)), Target("value")])
def test_gradients_of_a_table_agree_with_differences(target):
    samples = _table(Rows(("a", "b"), target))
    model = MLP(**SMALL).fit(samples, Fitting(1))
    given = model.gradient(samples)["x"]
    assert given.shape == (240, 2)
    assert (given[::7, 1] == 0).all()
    for row in (1, 2, 3):
        one = samples.take([row])
        reference = samples.inputs()["x"][:, 0].mean()
        expected = _differences(model, one, "x", (0,), reference)
        assert given[row, 0] == pytest.approx(expected, rel=0.06, abs=2e-3)


def test_gradients_of_a_sequence_agree_with_differences():
    gather = Windows(("a",), Target("value"), half=2)
    samples = _table(gather)
    model = TCN(**SMALL).fit(samples, Fitting(1))
    given = model.gradient(samples)
    assert given["sequence"].shape == (240, 1, 5)
    mean = samples.inputs()["sequence"].mean()
    for row in (10, 11):
        expected = _differences(model, samples.take([row]), "sequence", (0, 2), mean)
        assert given["sequence"][row, 0, 2] == pytest.approx(expected, rel=0.1, abs=5e-3)


def test_gradients_of_a_reduced_field_agree_with_differences():
    data = worlds.make_field(worlds.WorldConfig(n=200))
    samples = worlds.FIELD.samples(data, None, False)
    model = MLP(**SMALL).fit(samples, Fitting(1))
    given = model.gradient(samples)
    assert given["sequence"].shape == (195, 4, 4)
    for row in (20, 21):
        expected = _differences(model, samples.take([row]), "sequence", (1, 3), 0.0)
        assert given["sequence"][row, 1, 3] == pytest.approx(expected, rel=0.1, abs=5e-3)


def test_gradients_reach_the_report():
    from dataclasses import replace

    from craton.engine import run
    from craton.report.html import render

    task = replace(worlds.LABELS, models={"mlp": MLP(**{**SMALL, "epochs": 60})})
    result = run(worlds.config_of(task, audit=False), None, task=task)
    found = result.explanation.gradients.set_index("name")["effect"]
    assert found["signal"] > 3 * found["noise"]
    assert "input times gradient" in render(result)
