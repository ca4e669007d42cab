"""What a run has computed is used again, or computed again where it is damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from craton.store import Stage, Store, read_dataset, write_dataset


def dataset() -> xr.Dataset:
    values = np.array([[0.1, np.nan], [1 / 3, 4.0]], np.float32)
    return xr.Dataset(
        {"t": (("sample", "category"), values, {"units": "days", "long_name": "travel time"})},
        coords={"sample": [3, 7], "category": ["sand", "Größe"]},
        attrs={"task": "t"},
    )


def counted(calls: list[int]) -> Callable[[], Stage]:
    def compute() -> Stage:
        calls.append(1)
        return Stage({"a": np.arange(3)}, {"test": dataset(), "oof": dataset()})

    return compute


def test_a_stage_is_computed_once_and_comes_back_equal(tmp_path: Path) -> None:
    calls: list[int] = []
    first = Store(tmp_path / "work").stage("k", counted(calls))
    again = Store(tmp_path / "work").stage("k", counted(calls))
    assert len(calls) == 1
    np.testing.assert_array_equal(first.state["a"], again.state["a"])
    assert again.predictions.keys() == {"test", "oof"}
    for name in first.predictions:
        xr.testing.assert_identical(first.predictions[name], again.predictions[name])
        assert again.predictions[name]["t"].dtype == np.float32


def test_another_key_is_another_stage(tmp_path: Path) -> None:
    calls: list[int] = []
    for key in ("a", "b"):
        Store(tmp_path).stage(key, counted(calls))
    assert len(calls) == 2


def test_without_a_folder_nothing_is_kept() -> None:
    calls: list[int] = []
    for _ in range(2):
        Store(None).stage("k", counted(calls))
    assert len(calls) == 2 and Store(None).checkpoint("k") is None


@pytest.mark.parametrize("name", ["state.safetensors", "test.nc"])
@pytest.mark.parametrize("size", [0, 100])
def test_a_damaged_stage_is_computed_again(tmp_path: Path, name: str, size: int) -> None:
    calls: list[int] = []
    Store(tmp_path).stage("k", counted(calls))
    with open(tmp_path / "k" / name, "r+b") as stream:
        stream.truncate(size)
    again = Store(tmp_path).stage("k", counted(calls))
    assert len(calls) == 2
    xr.testing.assert_identical(again.predictions["test"], dataset())


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_interrupted_stage_leaves_nothing_but_its_checkpoint(
    tmp_path: Path, error: type[BaseException]
) -> None:
    store = Store(tmp_path)
    checkpoint = store.checkpoint("k")
    assert checkpoint is not None

    def fails() -> Stage:
        checkpoint.write_text("half way")
        raise error

    with pytest.raises(error):
        store.stage("k", fails)
    assert [p.name for p in tmp_path.iterdir()] == [checkpoint.name]
    store.stage("k", counted([]))
    assert [p.name for p in tmp_path.iterdir()] == ["k"]


def test_clearing_deletes_everything(tmp_path: Path) -> None:
    store = Store(tmp_path / "work")
    store.stage("k", counted([]))
    store.clear()
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize("units", ["days", "s", "hours", "1", "degC"])
def test_a_number_stays_a_number_whatever_its_units(tmp_path: Path, units: str) -> None:
    data = xr.Dataset({"t": ("sample", np.array([1.0, 2.5], np.float32), {"units": units})})
    write_dataset(tmp_path / "a.nc", data)
    assert read_dataset(tmp_path / "a.nc")["t"].dtype == np.float32


def test_times_texts_and_whole_numbers_come_back(tmp_path: Path) -> None:
    time = pd.date_range("1990-01-01", periods=2, freq="h")
    data = xr.Dataset(
        {"n": ("sample", np.array([1, 2])), "name": ("sample", np.array(["a", ""]))},
        coords={"time": ("sample", time)},
    )
    write_dataset(tmp_path / "a.nc", data, {"task": "t"})
    found = read_dataset(tmp_path / "a.nc")
    assert found["n"].dtype.kind == "i" and found["name"].values.tolist() == ["a", ""]
    assert (found["time"].to_index() == time).all() and found.attrs["task"] == "t"
