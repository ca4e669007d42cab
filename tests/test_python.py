"""The functions of the package, with datasets instead of files."""

import numpy as np
import pytest
import xarray as xr

import craton
from craton.errors import DataError
from craton.task import find_task

QUICK = {"bootstrap": 100, "folds": 2, "audit": False, "explain": 0}
CASES = {
    "table-classification": {
        "candidates": "logistic", "x": "x", "y": "y", "block": 10.0, "target": "class",
    },
    "earthquake-forecast": {
        "horizon": 60.0, "cell": 1.0, "candidates": "smoothed-seismicity",
        "models": {"etas": {"gains": False, "catalogs": 50}},
    },
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_dataset_goes_in_and_a_dataset_comes_out(name, tmp_path):
    task = find_task(name)
    data = task.load(task.config())
    result = craton.run(name, {**QUICK, **CASES[name]}, data=data, out=tmp_path / "run")
    predicted = craton.predict(tmp_path / "run", data)
    assert set(predicted.data_vars) >= set(result.predictions[result.selected].data_vars)
    assert all(np.isfinite(v).all() for v in predicted.data_vars.values() if v.dtype.kind == "f")


def test_a_dataset_predicts_as_its_file_does(tmp_path):
    task = find_task("table-classification")
    data = task.load(task.config())
    path = tmp_path / "rows.csv"
    data.to_dataframe().to_csv(path, index=False)
    settings = {**QUICK, **CASES["table-classification"]}
    craton.run("table-classification", settings, data=data, out=tmp_path / "run")
    a, b = (craton.predict(tmp_path / "run", d)["class"] for d in (data, path))
    assert np.allclose(a, b, atol=1e-5)


def test_a_frame_or_a_dataset_on_any_dimension_is_a_table(tmp_path):
    task = find_task("table-classification")
    data = task.load(task.config())
    settings = {**QUICK, **CASES["table-classification"]}
    craton.run("table-classification", {**settings, "data": data.rename(row="plot")},
               out=tmp_path / "run")  # fmt: skip
    a, b = (craton.predict(tmp_path / "run", d) for d in (data, data.to_dataframe()))
    assert np.allclose(a["class"], b["class"])
    assert np.allclose(a["x"], data["x"]) and a["sample"].size == data.sizes["row"]


def test_wells_in_memory_predict_as_their_file_does_and_tell_well_and_depth(tmp_path):
    task = find_task("well-lithofacies")
    data = task.load(task.config())
    frame = data.to_dataframe().drop(columns="depth_original")
    quick = {**QUICK, "candidates": "logistic-markov"}
    craton.run("well-lithofacies", {**quick, "target": "Facies"}, data=frame, out=tmp_path / "run")
    a, b = (
        craton.predict(tmp_path / "run", d) for d in (frame.sample(frac=1, random_state=0), data)
    )
    a, b = (p.sortby(["well", "depth"]) for p in (a, b))
    assert np.allclose(a["Facies"], b["Facies"], atol=1e-5)
    assert a["depth"].attrs["units"] == "m"


def test_what_is_no_table_is_refused_with_a_way_out():
    grid = {"a": (("lat", "lon"), np.zeros((2, 2)))}
    with pytest.raises(DataError, match="one dimension"):
        craton.run("table-classification", CASES["table-classification"], data=xr.Dataset(grid))
