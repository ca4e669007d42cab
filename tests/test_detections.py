"""Matching, scores and calibration of detected events on cases whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from craton.detections import EventCalibration, event_metrics
from craton.metrics import score
from craton.models.event_matching import fit_curve, match

DIMS = ("sample", "slot")


def window(times, probability=None, picks=(-1, -1, -1, -1)):
    """One window with events at the equator at these seconds."""
    n = len(times)
    values = {
        "event_time": np.r_[times, np.full(4 - n, np.nan if probability is None else 0.0)],
        "event_latitude": np.zeros(4),
        "event_longitude": np.zeros(4),
    }
    if probability is not None:
        values["probability"] = np.r_[probability, np.zeros(4 - n)]
    found = xr.Dataset({k: (DIMS, v[None]) for k, v in values.items()})
    found["pick_slot"] = (("sample", "pick_of_window"), np.array([picks]))
    return found


def test_the_nearer_of_two_detections_gets_the_event():
    """One event, two detections in reach: one pair, the nearer; the second event finds none."""
    zero = np.zeros(2)
    mine, theirs, distance = match(
        np.array([10.0, 11.5]), zero, zero, np.array([11.0, 40.0]), zero, zero, 3.0, 10.0
    )
    assert (mine.tolist(), theirs.tolist()) == ([1], [0])
    assert distance == pytest.approx([0.0])


def test_nothing_matches_nothing():
    """Empty lists give empty pairs."""
    none = np.zeros(0)
    assert len(match(none, none, none, np.ones(1), np.ones(1), np.ones(1), 1.0, 1.0)[0]) == 0


def test_scores_count_hits_false_alarms_and_misses():
    """Two of three events found by three detections: F1, recall and precision are 2/3."""
    observed = window([10.0, 50.0, 90.0])
    predicted = window([10.5, 51.0, 70.0, 90.0], [0.9, 0.8, 0.7, 0.2])
    metrics = {m.name: m for m in event_metrics(3.0, 10.0, picks=False)}
    for name in ("event_f1", "recall", "precision"):
        assert score(metrics[name], observed, predicted) == pytest.approx(2 / 3)
    assert score(metrics["unmatched"], observed, predicted) == 1
    brier = np.mean([(0.9 - 1) ** 2, (0.8 - 1) ** 2, 0.7**2, (0.2 - 1) ** 2])
    assert score(metrics["brier"], observed, predicted) == pytest.approx(brier)


def test_a_pick_counts_where_its_event_is_the_right_one():
    """Two of three picks of events are given to the right event, one stray pick to one."""
    observed = window([10.0, 50.0], picks=(0, 0, 1, -1))
    predicted = window([50.0, 10.0], [0.9, 0.9], picks=(1, 0, 0, 0))
    pick_f1 = event_metrics(3.0, 10.0, picks=True)[-1]
    assert score(pick_f1, observed, predicted) == pytest.approx(2 * 2 / (4 + 3))


def test_the_curve_of_a_logistic_law_is_found():
    """Labels drawn from a known curve give it back."""
    rng = np.random.default_rng(0)
    x = rng.normal(0, 2, 4000)
    real = rng.random(4000) < 1 / (1 + np.exp(-(0.5 + 1.5 * x)))
    assert fit_curve(x, real) == pytest.approx([0.5, 1.5], abs=0.15)


def test_probabilities_that_are_too_sure_are_corrected():
    """Where a stated 0.9 comes true in half of the cases, it becomes about a half."""
    observed = window([10.0, 50.0])
    predicted = window([10.0, 50.0, 70.0, 90.0], [0.9, 0.9, 0.9, 0.9])
    many = [xr.concat([d] * 40, "sample") for d in (observed, predicted)]
    fixed = EventCalibration(3.0, 10.0).fit(*many).apply(predicted)["probability"].to_numpy()
    assert fixed == pytest.approx(0.5, abs=0.05)
    again = EventCalibration().with_state(EventCalibration(3.0, 10.0).fit(*many).state())
    assert np.array_equal(again.apply(predicted)["probability"], fixed)
