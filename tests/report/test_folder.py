"""The run folder: every file is there, whole, and says what the result says."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml

from craton import bundle as bundles
from craton.engine import load, run
from craton.errors import BundleError, DataError
from craton.report import folder
from craton.result import RunConfig
from tests import worlds


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    out = tmp_path_factory.mktemp("labels") / "run"
    folder.write_run(worlds.result_of("labels"), out)
    return out


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    out = tmp_path_factory.mktemp("field") / "run"
    folder.write_run(worlds.result_of("field"), out)
    return out


def _json(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_every_file_is_there_and_nothing_else(labels):
    assert sorted(p.name for p in labels.iterdir()) == [
        "bundle", "config.yaml", "findings.json", "importance.csv", "leaks.json", "local.csv",
        "predictions.nc", "provenance.json", "report.html", "scores.json", "scores_by.json",
        "split.csv",
    ]  # fmt: skip


def test_scores_have_the_fields_that_other_programs_read(labels):
    scores = _json(labels / "scores.json")
    wanted = {"task", "model", "role", "metric", "better", "score", "low", "high", "gain",
              "gain_low", "gain_high", "n", "split"}  # fmt: skip
    assert all(wanted <= set(s) for s in scores)
    assert {s["role"] for s in scores} >= {"selected", "baseline"}
    result = worlds.result_of("labels")
    assert len(scores) == len(result.metrics) * len(result.predictions)


def test_scores_by_lead_are_there_for_each_lead(field):
    assert {s["where"] for s in _json(field / "scores_by.json")} == {"lead=1", "lead=2"}


def test_predictions_of_classes_come_back_as_they_were(labels):
    result = worlds.result_of("labels")
    with xr.open_dataset(labels / "predictions.nc", engine="h5netcdf") as data:
        kept = data.load()
    np.testing.assert_array_equal(kept["kind"], result.predictions[result.selected]["kind"])
    np.testing.assert_array_equal(kept["kind_baseline"], result.predictions["frequency"]["kind"])
    np.testing.assert_array_equal(kept["kind_observed"], result.observed["kind"])
    assert list(kept["category"].to_numpy()) == ["clay <b>", "sand & gravel"]
    assert list(kept["group"].to_numpy()) == list(result.test.index["group"])
    assert "t0" not in kept.coords
    assert kept.attrs["Conventions"].startswith("CF-")


def test_predictions_in_time_keep_their_times_and_units(field):
    result = worlds.result_of("field")
    with xr.open_dataset(field / "predictions.nc", engine="h5netcdf") as data:
        kept = data.load()
    np.testing.assert_array_equal(kept["t0"], result.test.index["t0"])
    np.testing.assert_array_equal(kept["t1"], result.test.index["t1"])
    assert kept["sst"].attrs["units"] == "K"
    assert kept["sst"].dims == ("sample", "lead", "point", "quantile")
    assert "mean_sst_baseline" in kept


def test_a_missing_time_stays_missing(tmp_path):
    from dataclasses import replace

    result = worlds.result_of("field")
    index = result.test.index.copy()
    index.loc[index.index[0], "t1"] = pd.NaT
    changed = replace(result, test=replace(result.test, index=index))
    folder.write_dataset(tmp_path / "p.nc", folder.predictions_of(changed))
    with xr.open_dataset(tmp_path / "p.nc", engine="h5netcdf") as data:
        assert np.isnat(data["t1"].to_numpy()[0])
        np.testing.assert_array_equal(data["t1"].to_numpy()[1:], index["t1"].to_numpy()[1:])


def test_the_config_repeats_the_run(labels):
    result = worlds.result_of("labels")
    kept = yaml.safe_load((labels / "config.yaml").read_text(encoding="utf-8"))
    again = run(RunConfig(**kept).model_copy(update={"audit": False}), None, task=worlds.LABELS)
    assert [s.as_dict() for s in again.scores] == [s.as_dict() for s in result.scores]
    assert kept["settings"] == {"n": 400}
    assert kept["models"]["blunt"] == {"sharpness": 0.2}


def test_the_split_table_has_each_sample_tested_once(labels):
    table = pd.read_csv(labels / "split.csv")
    assert sorted(table.loc[table["part"] == "test", "sample"]) == list(range(400))
    assert (table.groupby("split").size() == 400).all()


def test_provenance_names_versions_hashes_and_times(labels):
    kept = _json(labels / "provenance.json")
    assert {"python", "numpy"} <= set(kept["versions"])
    assert len(kept["data_sha256"]) == len(kept["split_sha256"]) == 64
    assert kept["seconds"]["total"] > 0
    assert kept["seed"] == 0


def test_findings_and_leaks_are_kept(labels):
    assert {"level": "warning", "text": "a < b", "where": "made up"} in _json(
        labels / "findings.json"
    )
    leaks = _json(labels / "leaks.json")
    assert leaks["probe"] == "nearest-mean"
    assert len(leaks["numbers"]) == len(worlds.result_of("labels").leaks.numbers)
    table = pd.read_csv(labels / "importance.csv")
    assert list(table.columns) == ["model", "kind", "name", "drop", "low", "high"]


def test_the_bundle_predicts_what_the_run_predicted(labels):
    result = worlds.result_of("labels")
    loaded = load(labels, task=worlds.LABELS)
    a, b = result.final.predict(result.test), loaded.fitted.predict(result.test)
    np.testing.assert_array_equal(a["kind"], b["kind"])
    assert loaded.manifest["trained"]["groups"] == [f"w{i}" for i in range(8)]
    assert loaded.manifest["scores"][0]["model"] == result.selected


def test_a_bundle_of_one_split_says_what_it_was_trained_on(field):
    result = worlds.result_of("field")
    trained = bundles.load(field / "bundle").manifest["trained"]
    split = result.splits[0]
    assert trained["n"] == len(split.train) + len(split.calibrate)
    assert pd.Timestamp(trained["last"]) <= result.test.index["t0"].min()


def test_a_bundle_with_a_flipped_byte_is_refused(labels, tmp_path):
    import shutil

    shutil.copytree(labels / "bundle", tmp_path / "bundle")
    state = tmp_path / "bundle" / "state.safetensors"
    raw = bytearray(state.read_bytes())
    raw[-1] ^= 1
    state.write_bytes(bytes(raw))
    with pytest.raises(BundleError, match="changed after it was saved"):
        bundles.load(tmp_path / "bundle")


def test_a_second_run_replaces_the_first(tmp_path):
    out = tmp_path / "run"
    folder.write_run(worlds.result_of("field"), out)
    folder.write_run(worlds.result_of("depth"), out)
    assert _json(out / "provenance.json")["task"] == "depth"
    assert bundles.load(out / "bundle").manifest["task"] == "depth"


def test_a_place_that_cannot_be_written_is_one_clear_message(tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(DataError, match="cannot be written"):
        folder.write_run(worlds.result_of("depth"), tmp_path / "taken" / "run")


def test_a_run_without_audit_writes_no_leaks(tmp_path):
    folder.write_run(worlds.result_of("depth", audit=False), tmp_path)
    assert not (tmp_path / "leaks.json").exists()
    assert "switched off" in (tmp_path / "report.html").read_text(encoding="utf-8")
