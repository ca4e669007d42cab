"""The model card says what the model is, how good, and what it is not for."""

from __future__ import annotations

from dataclasses import replace

from craton.report.card import model_card
from tests import worlds


def test_the_card_has_its_parts():
    card = model_card(worlds.result_of("labels"))
    for heading in ("# Clay <or> sand", "## Data and split", "## Scores on the test samples",
                    "## Intended use and limits", "## How to run it", "## References"):  # fmt: skip
        assert f"\n{heading}\n" in "\n" + card
    assert "craton predict BUNDLE DATA --out FILE" in card
    assert "doi:10.1000/abc" in card


def test_the_card_gives_score_interval_and_baseline():
    result = worlds.result_of("depth")
    card = model_card(result)
    s = result.score(result.selected, "rmse_depth")
    line = next(row for row in card.splitlines() if row.startswith("| rmse_depth [m]"))
    assert f"{s.score:.3f}" in line and f"{s.low:.3f}" in line and f"{s.high:.3f}" in line
    assert "mean (baseline)" in card


def test_a_model_without_gain_is_not_recommended():
    result = worlds.result_of("depth")
    none = [replace(s, gain_low=-1.0, gain_high=1.0) for s in result.scores]
    assert "Prefer the baseline" in model_card(replace(result, scores=none))
    assert "Prefer the baseline" not in model_card(result)


def test_cautions_stand_below_the_verdict():
    result = worlds.result_of("labels")
    task = replace(result.task, cautions=lambda result: ["it is too sure"])
    card = model_card(replace(result, task=task))
    assert f"{result.verdict()}\n\n**Caution:** it is too sure\n" in card
    assert "Caution" not in model_card(result)


def test_leaks_that_were_found_are_in_the_card():
    assert "'giveaway' alone gives the target away" in model_card(worlds.result_of("leaky"))


def test_the_card_forbids_certain_statements():
    assert "Do not use them as certain statements" in model_card(worlds.result_of("field"))
