"""What a model expects after the mainshocks that it has learnt from."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from craton.models.etas import ETAS
from craton.past_mainshocks import misfit, past_forecasts, past_mainshocks
from craton.report.aftershocks import past_section
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
        samples=samples, splits=[split], config=config, selected="etas",
        fitted=[{"etas": model}],
    )  # fmt: skip


def times_as_productive(result, factor):
    """The same with a model whose events trigger so many times as much directly."""
    model = result.fitted[0]["etas"]
    state = model.state()
    state["parameters"] = state["parameters"] + np.eye(11)[1] * np.log10(factor)
    fitted = [{"etas": model.replace().with_state(state)}]
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
