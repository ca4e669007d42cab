"""Forecasts in plain sentences."""

import re

import numpy as np
import pandas as pd
import pytest

from craton.forecast_tables import region_table
from craton.forecast_words import chances, decline, expected, percent, write_words
from craton.models.etas import ETAS
from craton.tasks.earthquake_forecast import TASK, EarthquakeConfig

TABLE = pd.DataFrame(
    {
        "horizon_days": [1.0, 7.0, 30.0],
        "expected_count": [20.0, 32.0, 43.5],
        "count_low": [9.0, 15.0, 21.0],
        "count_high": [40.0, 60.0, 80.0],
        "probability_m5": [0.08, 0.12, 0.2],
        "normal_count": [0.1, 0.7, 3.0],
        "normal_probability_m5": [0.0006, 0.004, 0.017],
    }
)


def test_the_chance_and_what_is_normal_stand_in_one_sentence():
    assert chances(TABLE, np.array([5.0]), 7.0) == [
        "The chance of at least one earthquake of M ≥ 5 in the next 7 days is 12 %, normally 0.4 %."
    ]


def test_a_magnitude_of_the_mainshock_is_called_so():
    assert "as large as the mainshock or larger," in chances(TABLE, np.array([5.0]), 1.0, 5.0)[0]


def test_the_number_has_its_interval_and_what_is_normal():
    assert expected(TABLE, 3.0, 7.0) == (
        "In the next 7 days 32 earthquakes of M ≥ 3 are expected (95 % of the simulations have 15 "
        "to 60), normally 0.7."
    )


def test_the_decline_is_the_number_a_day_between_horizons():
    assert decline(TABLE, 3.0) == (
        "Expected earthquakes of M ≥ 3: 20 in the first day, 2 a day from day 1 to day 7, 0.5 a "
        "day from day 7 to day 30; normally 0.1 a day."
    )


def test_without_what_is_normal_the_sentences_end_earlier():
    bare = TABLE.drop(columns=["normal_count", "normal_probability_m5"])
    assert chances(bare, np.array([5.0]), 7.0)[0].endswith("is 12 %.")
    assert expected(bare, 3.0, 7.0).endswith("60).")


@pytest.mark.parametrize("p", [0.0, 1e-7, 0.991, 1.0])
def test_no_chance_is_called_none_or_certain(p):
    assert percent(p).startswith(("less than", "more than"))


def test_the_words_after_a_mainshock_tell_the_numbers_of_the_table(tmp_path):
    config = EarthquakeConfig(horizon=30.0, cell=0.5, simulations=200, mainshock="sim003320")
    data = TASK.load(config)
    config = TASK.resolve(data, config)
    past = TASK.samples(data, config, False)
    split = next(iter(TASK.splitter(config, past).split(past.index)))
    samples = TASK.samples(data, config, True)
    predicted = ETAS().fit(past.take(split.train)).predict(samples)
    write_words(predicted, samples, tmp_path / "a.md")
    text = (tmp_path / "a.md").read_text(encoding="utf-8")
    assert text.startswith("# Aftershock forecast")
    assert "magnitude 5.73 on 2010-07-20 at 19:59 UTC (34.33° N, 116.27° W)" in text
    week = region_table(predicted, samples).iloc[1]
    sentence = next(s for s in text.splitlines() if "M ≥ 5 in the next 7 days" in s)
    said = re.findall(r"(\d[\d.]*) %", sentence)
    assert [float(v) for v in said] == [
        float(f"{100 * week[c]:.2g}") for c in ("probability_m5", "normal_probability_m5")
    ]
    assert week["probability_m5"] > 20 * week["normal_probability_m5"]
    assert "not a prediction" in text
    assert "| M ≥ 5.73 |" in text
    assert "Caution" not in text and "bundle" not in text
    known = {"model": "etas", "bundle_sha256": "ab" * 32, "craton": "9.9"}
    told = predicted.assign_attrs(**known, caution="the chances were too high.")
    write_words(told, samples, tmp_path / "a.md")
    text = (tmp_path / "a.md").read_text(encoding="utf-8")
    assert "\nCaution: the chances were too high.\n" in text
    assert "made with craton 9.9 by the model 'etas' of the bundle abababababab." in text
