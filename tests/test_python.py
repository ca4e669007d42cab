"""The functions of the package, with datasets instead of files."""

import numpy as np
import pytest

import craton
from craton.task import find_task

QUICK = {"bootstrap": 100, "folds": 2, "audit": False, "explain": 10}
CASES = {
    "table-classification": {
        "candidates": "logistic", "x": "x", "y": "y", "block": 10.0, "target": "class",
    },
    "earthquake-forecast": {"horizon": 60.0, "cell": 0.5, "candidates": "smoothed-seismicity"},
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_dataset_goes_in_and_a_dataset_comes_out(name, tmp_path):
    task = find_task(name)
    data = task.load(task.config())
    result = craton.run(name, {**QUICK, **CASES[name]}, data=data, out=tmp_path / "run")
    predicted = craton.predict(tmp_path / "run", data)
    assert set(predicted.data_vars) == set(result.predictions[result.selected].data_vars)
    assert all(np.isfinite(v).all() for v in predicted.data_vars.values())


def test_a_dataset_predicts_as_its_file_does(tmp_path):
    task = find_task("table-classification")
    data = task.load(task.config())
    path = tmp_path / "rows.csv"
    data.to_dataframe().to_csv(path, index=False)
    settings = {**QUICK, **CASES["table-classification"]}
    craton.run("table-classification", settings, data=data, out=tmp_path / "run")
    a, b = (craton.predict(tmp_path / "run", d)["class"] for d in (data, path))
    assert np.allclose(a, b, atol=1e-5)
