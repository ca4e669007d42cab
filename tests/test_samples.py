"""Samples, their index, and the gathers that cut inputs and observations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from craton.errors import DataError
from craton.gathers import Rows
from craton.samples import Samples, encode, make_index
from tests.worlds_samples import ROCK, table


def test_what_an_index_is_not_given_is_missing() -> None:
    index = make_index(2)
    assert list(index) == ["t0", "t1", "x", "y", "group"]
    assert index[["t0", "t1", "x", "y"]].isna().all(axis=None)
    assert (index["group"] == "").all() and index.index.tolist() == [0, 1]
    assert str(index["t0"].dtype) == str(index["t1"].dtype) == "datetime64[ns]"


def test_a_target_ends_when_it_is_issued_if_nothing_else_is_said() -> None:
    index = make_index(1, t0=["2000-01-01"])
    assert index["t1"].tolist() == index["t0"].tolist() == [pd.Timestamp("2000-01-01")]


@pytest.mark.parametrize(
    "times",
    [
        ["2000-01-01T06:00:00+06:00"],
        pd.DatetimeIndex(["2000-01-01T00:00Z"]),
        np.array(["2000-01-01"], "M8[D]"),
    ],
)
def test_times_of_any_zone_or_unit_are_nanoseconds_in_utc(times: Any) -> None:
    index = make_index(1, t0=times, labels=[5])
    assert index["t0"].dtype == "M8[ns]" and index["t0"][5] == pd.Timestamp("2000-01-01")


def test_an_index_without_its_columns_is_refused() -> None:
    with pytest.raises(DataError, match=r"lacks \['x', 'y', 'group'\]"):
        Samples(xr.Dataset(), make_index(1)[["t0", "t1"]], Rows((), ROCK))


def test_rows_give_variables_and_classes_as_positions() -> None:
    samples = table()
    np.testing.assert_array_equal(samples.inputs()["x"][:, 1], np.arange(6) * 10)
    assert samples.observed()["rock"].values.tolist() == [0, 1, 0, 0, 1, 1]
    assert samples.target is ROCK and len(samples) == 6


@settings(deadline=None)
@given(st.lists(st.integers(0, 5), max_size=8), st.data())
def test_a_subset_of_a_subset_is_the_same_samples_wherever_they_are_cut(
    rows: list[int], data: st.DataObject
) -> None:
    whole, some = table(), table().take(rows)
    assert some.index.index.tolist() == rows
    np.testing.assert_array_equal(some.inputs()["x"], whole.inputs()["x"][rows])
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))))
    fewer = some.take(mask.astype(bool))
    kept = [r for r, m in zip(rows, mask, strict=True) if m]
    assert fewer.observed()["rock"].values.tolist() == [[0, 1, 0, 0, 1, 1][r] for r in kept]
    assert fewer.observed()["sample"].values.tolist() == kept


def test_permuted_targets_keep_inputs_and_follow_a_subset() -> None:
    samples = table()
    other = samples.permuted(np.random.default_rng(0))
    np.testing.assert_array_equal(other.inputs()["x"], samples.inputs()["x"])
    truth = other.observed()["rock"].to_numpy()
    assert truth.tolist() != samples.observed()["rock"].values.tolist()
    assert sorted(truth) == [0, 0, 0, 1, 1, 1]
    np.testing.assert_array_equal(other.take([4, 1]).observed()["rock"], truth[[4, 1]])


def test_replaced_inputs_follow_a_subset_and_shared_ones_stay_whole() -> None:
    changed = table().with_inputs({"x": np.ones((6, 2)), "all_map": np.arange(3)})
    some = changed.take([1, 2]).inputs()
    assert some["x"].shape == (2, 2) and some["all_map"].tolist() == [0, 1, 2]


def test_batches_are_all_samples_in_order() -> None:
    pieces = list(table().batches(4))
    assert [len(p) for p in pieces] == [4, 2]
    assert [i for p in pieces for i in p.index.index] == list(range(6))


@pytest.mark.parametrize(
    ("values", "positions"),
    [
        ([7, 3], [1, 0]),
        ([7.0, np.nan], [1, -1]),
        (["shale", "", "sand", "nan"], [1, -1, 0, -1]),
        (np.array(["sand", None], object), [0, -1]),
    ],
)
def test_codes_and_names_become_positions_and_what_is_missing_minus_one(
    values: Any, positions: list[int]
) -> None:
    assert encode(np.asarray(values), ROCK, "a.csv").tolist() == positions


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([3, 5], r"row 1 of 'rock' is .*5.* which is none of \[3, 7\]"),
        ([3.0, 7.5], "row 1 .*7.5"),
        ([3.0, np.inf], "row 1 .*inf"),
        (["sand", "chalk"], "row 1 .*chalk"),
    ],
)
def test_a_class_that_nobody_declared_is_refused_with_its_row(values: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        encode(np.asarray(values), ROCK, "a.csv")
