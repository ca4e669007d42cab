"""Leaky splits are refused, honest ones pass."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from craton.errors import DataError, LeakError
from craton.independence import audit
from craton.samples import make_index
from craton.splits import ForwardInTime, Split

START = np.datetime64("2000-01-01", "ns")
DAY = np.timedelta64(1, "D")
NONE = np.zeros(0, np.int64)


def split(train: list[int], test: list[int], calibrate: list[int] | None = None) -> Split:
    parts = (np.array(p, np.int64) for p in (train, calibrate or [], test))
    return Split(*parts)


def days(*at: int, length: int = 0, **other: object) -> pd.DataFrame:
    t0 = START + np.array(at) * DAY
    return make_index(len(at), t0=t0, t1=t0 + length * DAY, **other)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "leaky",
    [split([0, 1], [1, 2]), split([0], [2], [0]), split([0], [2], [2]), split([0], [1, 1])],
)
def test_a_sample_in_two_parts_or_twice_in_one_is_refused(leaky: Split) -> None:
    with pytest.raises(LeakError, match="in two parts"):
        audit(make_index(3), leaky)


@pytest.mark.parametrize("empty", [split([], [0]), split([0], []), split([], [0], [1])])
def test_a_split_with_nothing_to_learn_from_or_to_test_is_refused(empty: Split) -> None:
    with pytest.raises(DataError, match="nothing to"):
        audit(make_index(3), empty)


def test_a_group_on_both_sides_is_refused_and_named() -> None:
    index = make_index(4, group=["well 1", "well 2", "well 2", "well 3"])
    with pytest.raises(LeakError, match="'well 2'"):
        audit(index, split([0, 1], [2, 3]))


def test_a_group_shared_by_test_and_calibration_is_refused() -> None:
    index = make_index(3, group=["a", "b", "b"])
    with pytest.raises(LeakError, match="'b'"):
        audit(index, split([0], [2], [1]))


def test_the_same_well_at_a_later_time_is_no_leak() -> None:
    passed = audit(days(0, 1, 2, 3, group=["a", "b", "a", "b"]), split([0, 1], [2, 3]))
    assert any("before the first test issue" in line for line in passed)


def test_predicting_the_past_from_the_future_is_refused() -> None:
    with pytest.raises(LeakError, match="the past is predicted"):
        audit(days(0, 1, 2, 3), split([2, 3], [0, 1]))


def test_targets_that_overlap_in_time_are_refused() -> None:
    with pytest.raises(LeakError, match="overlap"):
        audit(days(0, 1, 2, 3, length=2), split([0, 1], [2, 3]))


def test_calibration_that_reaches_into_the_test_is_refused() -> None:
    with pytest.raises(LeakError, match="overlap"):
        audit(days(0, 1, 2, length=1), split([0], [1], [2]))


def test_one_sample_without_a_time_does_not_hide_behind_the_others() -> None:
    index = days(0, 1, 2)
    index.loc[1, ["t0", "t1"]] = pd.NaT
    with pytest.raises(LeakError):
        audit(index, split([0, 1], [2]))


def test_a_few_named_groups_do_not_excuse_samples_without_one() -> None:
    index = make_index(4, x=[1.0, 5.0, 5.0, 2.0], y=[0.0] * 4, group=["a", "", "", "b"])
    with pytest.raises(LeakError, match="1 test samples lie at a place"):
        audit(index, split([0, 1], [2, 3]))


def test_a_place_that_was_trained_on_is_refused() -> None:
    index = make_index(3, x=[1.0, 2.0, 1.0], y=[0.0, 0.0, 0.0])
    with pytest.raises(LeakError, match="1 test samples lie at a place"):
        audit(index, split([0, 1], [2]))


def test_the_distance_to_the_nearest_training_place_is_told() -> None:
    index = make_index(3, x=[0.0, 1.0, 4.0], y=[0.0, 0.0, 4.0])
    assert "nearest training sample to a test sample: 5 away" in audit(index, split([0, 1], [2]))


def test_places_set_apart_samples_of_the_same_time() -> None:
    assert audit(days(0, 0, x=[0.0, 9.0], y=[0.0, 9.0]), split([0], [1]))


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(20, 80), st.integers(2, 6))
def test_a_random_split_of_rows_that_come_in_groups_never_passes(
    seed: int, n: int, groups: int
) -> None:
    rng = np.random.default_rng(seed)
    group = np.arange(n) % groups
    order = rng.permutation(n)
    halves = Split(order[: n // 2], NONE, order[n // 2 :])
    shared = set(group[halves.train]) & set(group[halves.test])
    if shared:
        with pytest.raises(LeakError):
            audit(make_index(n, group=group), halves)
    else:
        assert audit(make_index(n, group=group), halves)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(10, 80), st.integers(0, 5))
def test_a_random_split_of_a_series_never_passes(seed: int, n: int, length: int) -> None:
    order = np.random.default_rng(seed).permutation(n)
    halves = Split(order[: n // 2], NONE, order[n // 2 :])
    if order[: n // 2].max() + length > order[n // 2 :].min():
        with pytest.raises(LeakError):
            audit(days(*range(n), length=length), halves)


def test_one_later_sample_moved_into_training_spoils_an_honest_split() -> None:
    index = days(*range(30), length=3)
    honest = next(ForwardInTime(0.5, 0.7).split(index))
    assert audit(index, honest)
    moved = Split(np.r_[honest.train, 25], honest.calibrate, np.setdiff1d(honest.test, 25))
    with pytest.raises(LeakError):
        audit(index, moved)
