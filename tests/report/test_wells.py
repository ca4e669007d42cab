"""Pictures of wells: they show what the result holds."""

import numpy as np
import pytest

from craton import engine
from craton.report.wells import facies_colours, strip, well_sections
from craton.result import RunConfig
from craton.tasks.well_lithofacies import TASK


@pytest.fixture(scope="module")
def result():
    settings = {"candidates": ["logistic-markov"], "models": {"logistic-markov": {"smooth": False}}}
    settings |= {"folds": 2, "bootstrap": 100, "audit": False, "explain": 10, "thin": 4}
    return engine.run(RunConfig.of(TASK.name, settings), task=TASK)


@pytest.fixture(scope="module")
def sections(result):
    return {s.title: s for s in well_sections(result)}


def test_each_figure_has_a_caption(sections):
    assert len(sections) == 5
    for section in sections.values():
        assert len(section.figures) == len(section.captions) > 0


def test_strips_show_the_best_a_middling_and_the_worst_well(result, sections):
    p = result.predictions[result.selected]["Facies"].transpose("sample", "category").to_numpy()
    right = p.argmax(axis=1) == result.observed["Facies"].to_numpy()
    share = {w: right[i].mean() for w, i in result.test.index.groupby("group").indices.items()}
    captions = sections["Log strips"].captions
    assert share[captions[0].split(",")[0]] == max(share.values())
    assert share[captions[2].split(",")[0]] == min(share.values())


def test_a_strip_has_logs_given_model_and_probability_by_depth(result):
    fig = strip(result, "W04")
    titles = [ax.get_title().split("\n")[0] for ax in fig.axes]
    assert titles == ["GR", "ILD log10", "DeltaPHI", "PHIND", "given", "model", "probability"]
    low, high = fig.axes[0].get_ylim()
    assert low > high  # depth grows downward


def test_the_given_track_holds_the_observed_facies(result):
    fig = strip(result, "W01")
    core = next(ax for ax in fig.axes if ax.get_title() == "given")
    drawn = np.asarray(core.collections[0].get_array()).ravel()
    mine = (result.test.index["group"] == "W01").to_numpy()
    assert np.array_equal(drawn, result.observed["Facies"].to_numpy()[mine])


def test_adjacent_cells_of_the_confusion_are_framed(sections):
    ax = sections["Confusion of facies"].figures[0].axes[0]
    framed = {(round(b.get_y() + 0.46), round(b.get_x() + 0.46)) for b in ax.patches}
    assert framed == {(i, j) for i in range(5) for j in (i - 1, i + 1) if 0 <= j < 5}


def test_the_wells_accuracies_average_to_the_score(result, sections):
    table = sections["Wells"].table
    mean = np.average(table[f"accuracy, {result.selected}"], weights=table["depths"])
    assert mean == pytest.approx(result.score(result.selected, "accuracy").score)


def test_the_shift_of_each_well_is_in_the_table_of_vintages(sections):
    table = sections["Vintages of the logs"].table
    assert list(table["well"]) == [f"W0{k}" for k in range(1, 9)]
    assert np.nanmedian(table["GR"]) == pytest.approx(0.0, abs=1e-9)
    assert table["PE"].isna().sum() == 2


def test_the_missing_curve_is_listed_with_its_error(sections):
    line = sections["Missing curves"].table.iloc[0]
    assert line["curve"] == "PE" and line["rows without"] == 600
    assert 0 < line["rmse, wells left out"] < line["spread of the curve"]


@pytest.mark.parametrize("n", [2, 5, 9, 12, 20])
def test_facies_have_a_colour_each(n):
    assert len({str(c) for c in facies_colours(n)}) == n
