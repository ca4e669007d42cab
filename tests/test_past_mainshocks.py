"""What a model expects after the mainshocks that it has learnt from."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from craton.models.blend import Blend
from craton.models.etas import ETAS
from craton.models.mainshock_factor import MainshockFactor
from craton.models.point_process import UniformPoisson
from craton.past_mainshocks import misfit, past_forecasts, past_mainshocks
from craton.report.aftershocks import factor_words, past_section
from craton.tasks.earthquake_forecast import TASK, EarthquakeConfig


@pytest.fixture(scope="module")
def result():
    """What a run on the example would hand over, with ETAS alone."""
    config = EarthquakeConfig(horizon=30.0, cell=1.0)
    data = TASK.load(config)
    config = TASK.resolve(data, config)
    samples = TASK.samples(data, config, False)
    split = next(iter(TASK.splitter(config, samples).split(samples.index)))
    model = ETAS(catalogs=50).fit(samples.take(split.train))
    return SimpleNamespace(
        samples=samples, splits=[split], config=config, selected="etas", fitted=[told(model)]
    )


def told(model):
    """What a result holds of a fitted model."""
    return {"etas": SimpleNamespace(model=model, predict=model.predict)}


def times_as_productive(result, factor):
    """The same with a model whose events trigger so many times as much directly."""
    model = result.fitted[0]["etas"].model
    state = model.state()
    state["parameters"] = state["parameters"] + np.eye(11)[1] * np.log10(factor)
    fitted = [told(model.replace().with_state(state))]
    return SimpleNamespace(**{**vars(result), "fitted": fitted})


def test_mainshocks_are_the_largest_of_the_training_part_and_apart_from_each_other(result):
    rows = past_mainshocks(result)
    data = result.samples.data
    index = result.samples.take(result.splits[0].train).index
    m, time = data["magnitude"].to_numpy(), pd.DatetimeIndex(data["time"].to_numpy())
    learnt = (time >= index["t0"].min()) & (time < index["t1"].max() - pd.Timedelta("37D"))
    assert 3 <= len(rows) <= 8 and learnt[rows].all()
    assert (np.diff(m[rows]) <= 0).all() and m[rows].min() >= 5.0
    assert m[rows[0]] == m[learnt & (data["cell_of"].to_numpy() >= 0)].max()
    others = set(np.flatnonzero(learnt & (m >= m[rows].min()))) - set(rows)
    # what is left out lies within 30 days of a larger one
    assert all((np.abs(time[rows] - time[k]) < pd.Timedelta("30D")).any() for k in others)


def test_a_right_model_expects_about_what_came(result):
    table = past_forecasts(result)
    assert 0.67 < table["expected in 7 days"].sum() / table["came"].sum() < 1.5
    assert misfit(table) is None and "They are not" not in past_section(result).text


def test_the_formula_of_reasenberg_and_jones_stands_beside_it(result):
    table = past_forecasts(result)
    assert 0.5 < table["Reasenberg and Jones"].sum() / table["came"].sum() < 2.0


def test_what_the_model_has_learnt_of_mainshocks_is_told(result):
    model = result.fitted[0]["etas"].model
    factor = MainshockFactor(5.0, 1.0, 5.0, 0.5, 30, 0.2, 0.1, 0.3)
    model = model.replace().with_state(model.state())
    model.factor = factor
    words = factor_words(model)
    assert "M ≥ 5.0, right after M 6.0 by 2.7 and after M 7.0 by 7.4, fading in 5 days" in words
    model.factor = factor._replace(low=-0.1)
    assert "the model does without" in factor_words(model)
    assert factor_words(Blend({"a": model, "b": UniformPoisson()})).count("'a' does without") == 1


def test_a_day_later_the_same_mainshocks_have_fewer_aftershocks_to_come(result):
    at_once, later = past_forecasts(result), past_forecasts(result, age=1.0)
    assert later["mainshock"].tolist() == at_once["mainshock"].tolist()
    assert later["expected in 7 days"].sum() < at_once["expected in 7 days"].sum()
    assert later["came"].sum() < at_once["came"].sum()


def test_a_model_that_triggers_too_little_is_told_to_expect_too_few(result):
    section = past_section(times_as_productive(result, 0.3))
    assert "They are not: after large earthquakes this model expects TOO FEW" in section.text


def test_a_catalogue_without_large_earthquakes_has_no_such_section(result):
    small = result.samples.data["magnitude"].clip(max=4.5)
    data = result.samples.data.assign(magnitude=small)
    samples = result.samples.__class__(data, result.samples.index, result.samples.gather)
    without = SimpleNamespace(**{**vars(result), "samples": samples})
    assert past_forecasts(without).empty and past_section(without) is None
