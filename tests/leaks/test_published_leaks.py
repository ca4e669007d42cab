"""The leak audit shows, on data whose leaks are published, what was published."""

import os

import pytest

import craton

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif("CRATON_DATA_DIR" not in os.environ, reason="CRATON_DATA_DIR is not set"),
]


def accuracies(**settings):
    found = craton.audit("table-classification", settings).numbers
    lines = found[(found["item"] == "score of the probe") & (found["what"] == "accuracy")]
    return {s: float(lines[lines["split"] == s]["value"].iloc[0]) for s in ("random", "honest")}


def test_basalts_classify_well_only_where_the_next_sample_was_trained_on():
    found = accuracies(
        data="basalt-tectonic/basalt7_train.csv.gz",
        target="SETTING",
        x="LONGITUDE MIN",
        y="LATITUDE MIN",
        block=5.0,
    )
    assert 0.84 < found["random"] < 0.88
    assert 0.69 < found["honest"] < 0.75


def test_the_lithology_of_diamantina_does_not_carry_over_to_the_next_block():
    found = accuracies(
        data="diamantina-lithology/train.csv", target="TARGET", x="X", y="Y", block=1500.0,
        splits=10,
    )  # fmt: skip
    assert 0.74 < found["random"] < 0.80
    assert 0.42 < found["honest"] < 0.56


def test_no_skill_over_the_majority_class_is_shown_for_the_next_large_earthquake():
    audit = craton.audit(
        "table-classification",
        {
            "data": "ucr-earthquakes/earthquakes_461x512.csv.gz",
            "target": "y",
            "ordered": True,
            "test_from": 322 / 461,
        },
    )
    skill = next(line for line in audit.summary if line.startswith("Skill"))
    assert skill.count("no skill shown") == 2
