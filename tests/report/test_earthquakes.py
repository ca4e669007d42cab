"""The field's own part of the report of an earthquake forecast."""

import numpy as np
import pytest

from craton import engine
from craton.report.aftershocks import aftershock_section
from craton.report.earthquakes import forecast_sections
from craton.result import RunConfig
from craton.tasks.earthquake_forecast import TASK

QUICK = {
    **TASK.quick, "bootstrap": 100, "folds": 2, "audit": False, "explain": 10,
    "models": {**TASK.quick["models"], "etas": {"gains": True, "catalogs": 50}},
    "candidates": ("etas-kernel-background",),
}  # fmt: skip


@pytest.fixture(scope="module")
def result():
    return engine.run(RunConfig.of(TASK.name, QUICK), None, task=TASK)


@pytest.fixture(scope="module")
def aftershocks(result):
    return aftershock_section(result)


def test_sections_tell_the_forecast_its_past_and_the_aftershocks(result):
    found = {s.title: s for s in forecast_sections(result)}
    assert {"The next forecast", "Forecast and observed numbers", "Aftershocks"} <= set(found)
    following = found["The next forecast"]
    assert list(following.table) == ["magnitude", "next day", "next 7 days", "next 30 days"]
    assert "M ≥ 4 in the next 7 days is" in following.text
    assert "test windows of 30 days" in following.text
    assert list(found["Options of the ETAS fit"].table) == [
        "option", "gain", "low", "high", "events"
    ]  # fmt: skip
    assert "came before the first window, 2001-06-01" in found["Magnitudes"].text
    tested = found["CSEP tests"].table.set_index("test")
    assert tested.loc["magnitude (M)", "etas"].endswith(("passes", "FAILS"))


def test_the_aftershocks_are_those_of_the_largest_test_event(result, aftershocks):
    data, t0 = result.data, result.test.index["t0"].min().to_datetime64()
    largest = data["magnitude"].to_numpy()[data["time"].to_numpy() >= t0].max()
    assert f"earthquake of magnitude {largest:.3g} on" in aftershocks.text


def test_aftershocks_are_told_beside_what_came_and_what_is_normal(aftershocks):
    table = aftershocks.table.set_index(aftershocks.table.columns[0])
    assert list(table) == ["next day", "next 7 days", "next 30 days"]
    numbers = [
        [float(v) for v in table.loc[row]]
        for row in ("expected number, M ≥ 3", "normal number", "number that came")
    ]
    expected, normal, came = map(np.array, numbers)
    assert (np.diff(expected) > 0).all() and (expected > normal).all()
    assert (np.diff(came) >= 0).all()
    assert f"In these 7 days {came[1]:.0f} came." in aftershocks.text
