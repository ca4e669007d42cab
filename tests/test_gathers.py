"""How inputs and observations are cut from the data."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from craton.errors import DataError
from craton.gathers import Windows, region_mean, window_rows
from craton.samples import Samples, make_index
from tests.worlds_samples import ROCK, sea, table


def test_windows_repeat_the_last_row_of_their_own_group() -> None:
    gather = Windows(("a",), ROCK, sequence=("a",), half=2)
    samples = Samples(table().data, make_index(6), gather)
    windows = samples.inputs()["sequence"]
    assert windows.shape == (6, 1, 5)
    assert windows[:, 0].tolist() == [
        [0, 0, 0, 1, 1], [0, 0, 1, 1, 1], [2, 2, 2, 3, 4],
        [2, 2, 3, 4, 5], [2, 3, 4, 5, 5], [3, 4, 5, 5, 5],
    ]  # fmt: skip
    assert gather.parts(samples.data)["lag"]["-2"] == {"sequence": (slice(None), slice(None), 0)}


@settings(deadline=None)
@given(st.lists(st.sampled_from("ab"), min_size=1, max_size=30), st.integers(0, 5))
def test_a_window_never_leaves_the_run_of_its_group(group: list[str], half: int) -> None:
    names = np.array(group)
    at = window_rows(names, np.arange(len(names)), half)
    for row, window in enumerate(at):
        assert window[half] == row and (np.diff(window) >= 0).all()
        between = names[window.min() : window.max() + 1]
        assert (between == names[row]).all()


def test_a_field_sees_its_past_and_is_observed_in_its_future() -> None:
    samples = sea().take([0, 27])
    inputs, observed = samples.inputs(), samples.observed()
    assert inputs["sequence"][0, 1].tolist() == [1.0, 5.0, 9.0]
    assert observed["sst"][0, :, 1].values.tolist() == [13.0, 17.0]
    assert np.isnan(observed["sst"][1]).all() and np.isnan(observed["all"][1]).all()
    assert observed["all"][0].values.tolist() == [13.5, 17.5]


def test_a_sample_without_enough_past_is_refused_rather_than_fed_with_the_future() -> None:
    samples = sea()
    early = make_index(1, t0=samples.data["time"].values[1:2], labels=[1])
    with pytest.raises(DataError, match="history needs 3 steps"):
        Samples(samples.data, early, samples.gather).inputs()


@settings(deadline=None, max_examples=25)
@given(st.integers(2, 28), st.integers(0, 2**16))
def test_no_field_input_changes_when_the_future_does(row: int, seed: int) -> None:
    samples = sea()
    changed = samples.data.copy(deep=True)
    changed["sst"][row + 1 :] = np.random.default_rng(seed).normal(
        size=changed["sst"][row + 1 :].shape
    )
    past = samples.index.index <= row
    other = Samples(changed, samples.index, samples.gather).take(past)
    for key, values in samples.take(past).inputs().items():
        np.testing.assert_array_equal(values, other.inputs()[key])


def test_a_regional_mean_needs_half_of_the_weight() -> None:
    field = xr.DataArray([[1.0, 3.0, np.nan], [1.0, np.nan, np.nan]], dims=("sample", "point"))
    mean = region_mean(field, np.array([0.25, 0.5, 0.25]))
    assert float(mean[0]) == pytest.approx((0.25 + 1.5) / 0.75)
    assert np.isnan(mean[1])
