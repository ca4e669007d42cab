"""The pictures of an ocean forecast say what the result holds."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from matplotlib.collections import QuadMesh

from craton import engine
from craton.report.ocean import _east_west, _edges, _words, cell_correlation, ocean_sections
from craton.result import RunConfig
from craton.tasks.sst_forecast import TASK

QUICK = {
    "leads": [1, 3, 6],
    "history": 2,
    "candidates": ["ridge", "linear-inverse-model"],
    "bootstrap": 100,
    "folds": 2,
    "audit": False,
    "explain": 10,
}


@pytest.fixture(scope="module")
def result():
    return engine.run(RunConfig.of(TASK.name, QUICK), task=TASK)


@pytest.fixture(scope="module")
def sections(result):
    return {s.title: s for s in ocean_sections(result)}


def test_every_section_has_a_picture_and_words(sections):
    assert len(sections) == 6
    assert all(len(s.figures) == 1 and len(s.text) > 40 for s in sections.values())


def test_the_plume_starts_after_the_last_month_and_shows_its_median(result, sections):
    section = sections["The next months"]
    samples = TASK.samples(result.data, result.config, True)
    median = result.final.predict(samples)["nino34"].sel(quantile=0.5).to_numpy()[0]
    lines = section.figures[0].axes[0].get_lines()
    forecast = next(line for line in lines if line.get_label() == "forecast")
    np.testing.assert_allclose(forecast.get_ydata(), median)
    assert f"{median[-1]:+.2f} degC" in section.text
    assert "June 2000" in section.text


def test_the_curves_are_the_scores_by_lead(result, sections):
    axes = sections["Skill by lead"].figures[0].axes
    line = next(x for x in axes[0].get_lines() if x.get_label() == "persistence")
    scores = [
        s.score
        for s in result.breakdown
        if s.model == "persistence" and s.metric == "anomaly_correlation_nino34"
    ]
    np.testing.assert_allclose(line.get_ydata(), scores)
    assert list(line.get_xdata()) == [1, 3, 6]


def test_the_strongest_event_is_the_highest_index_of_the_test(result, sections):
    section = sections["The strongest event of the test"]
    assert section.table["observed"].nunique() == 1
    top = section.table["observed"].iloc[0]
    assert top == pytest.approx(float(result.observed["nino34"].max()), abs=0.15)
    issued = section.table["issued"].astype("datetime64[s]").to_numpy().astype("datetime64[M]")
    valid = set((issued + section.table["lead"].to_numpy()).astype(str))
    assert len(valid) == 1
    assert valid.pop() in section.text
    assert (section.table["5 %"] < section.table["median"]).all()


def test_skill_maps_show_each_cells_own_correlation(result, sections):
    mesh = next(
        c
        for c in sections["Where the forecast has skill"].figures[0].axes[0].collections
        if isinstance(c, QuadMesh)
    )
    guess = result.predictions[result.selected]["sst"].sel(quantile=0.5, lead=3).to_numpy()
    truth = result.observed["sst"].sel(lead=3).to_numpy()
    skill = (guess * truth).sum(0) / np.sqrt((guess**2).sum(0) * (truth**2).sum(0))
    np.testing.assert_allclose(np.ravel(mesh.get_array()), skill, rtol=1e-4)


def test_the_linear_inverse_models_modes_are_listed_with_the_tau_test(sections):
    section = sections["The linear inverse model"]
    assert (section.table["size of the eigenvalue"] < 1).all()
    assert "tau test" in section.text


def test_a_cell_never_observed_has_no_correlation():
    o = xr.DataArray(np.array([[1.0, np.nan], [2.0, np.nan]]), dims=("sample", "point"))
    found = cell_correlation(o, -o.fillna(1.0))
    assert found[0] == -1
    assert np.isnan(found[1])


def test_edges_names_and_longitudes_are_those_a_reader_expects():
    assert _edges(np.array([0.0, 10.0])).tolist() == [-5.0, 5.0, 15.0]
    assert _edges(np.array([7.0])).tolist() == [6.5, 7.5]
    assert _words("anomaly_correlation_nino34") == "anomaly correlation, Niño-3.4"
    assert [_east_west(x, 0) for x in (0, 90, 180, 240, 360)] == [
        "0°",
        "90°E",
        "180°",
        "120°W",
        "0°",
    ]
