"""The task well-lithofacies."""

import os
import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from craton import engine
from craton.data.wells import CURVES, NAMES, synthetic_wells, write_example_las
from craton.errors import DataError
from craton.io.las import read_las, write_las
from craton.io.wells import read_wells
from craton.result import RunConfig
from craton.tasks.well_lithofacies import TASK, WellConfig

FAST = {
    "candidates": ["extra-trees-window"],
    "models": {"extra-trees-window": {"trees": 25, "vintages": 1}},
    "bootstrap": 200,
    "folds": 2,
    "audit": False,
    "explain": 10,
}
NAMED = {"categories": NAMES, "codes": (1, 2, 3, 4, 5)}


@pytest.fixture(scope="module")
def wells(tmp_path_factory):
    """A folder of four LAS files, in feet; the fourth has no PE."""
    folder = tmp_path_factory.mktemp("las")
    write_example_las(folder, seed=3, wells=4, rows_per_well=160)
    return folder


@pytest.fixture(scope="module")
def bundle(wells, tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    engine.run(RunConfig.of(TASK.name, {**FAST, **NAMED, "data": str(wells)}), out, task=TASK)
    return out


def one_well(folder, seed=11, **changes):
    """A new well as LAS, with some curves replaced, or left out where None is given."""
    ds = synthetic_wells(seed, 1, 120).assign(well=("row", np.full(120, "NEW 1")))
    written = ds.drop_vars([n for n, v in changes.items() if v is None])
    written = written.assign({n: v for n, v in changes.items() if v is not None})
    path = folder / "new.las"
    write_las(path, written)
    return path, ds


def test_a_new_las_file_becomes_a_las_file_with_facies_and_chances(bundle, tmp_path):
    path, ds = one_well(tmp_path, Facies=None)
    out = tmp_path / "facies.las"
    engine.predict(bundle, path, out)
    found = read_las(out)
    assert found["depth_original"].values == pytest.approx(ds["depth_original"].values)
    assert found["depth_original"].attrs["units"] == "ft"
    p = np.stack([found[f"P_{name}"].values for name in NAMES], axis=1)
    assert p.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    assert (found["FACIES"].values == 1 + p.argmax(axis=1)).all()


def test_the_facies_of_a_new_well_are_mostly_right(bundle, tmp_path):
    path, ds = one_well(tmp_path, Facies=None)
    out = tmp_path / "facies.csv"
    engine.predict(bundle, path, out)
    table = pd.read_csv(out)
    assert np.mean(table["facies"] == ds["Facies"].values) > ds.attrs["bayes_accuracy_row"] - 0.1


def test_a_csv_without_facies_gives_a_row_for_each_of_its_rows(bundle, tmp_path):
    ds = synthetic_wells(12, 2, 100)
    columns = [*CURVES, "NM_M", "RELPOS", "Formation"]
    frame = pd.DataFrame({"Well Name": ds["well"], "Depth (ft)": ds["depth_original"]})
    frame = frame.join(pd.DataFrame({c: ds[c].values for c in columns}))
    frame.to_csv(tmp_path / "in.csv", index=False)
    engine.predict(bundle, tmp_path / "in.csv", tmp_path / "out.csv")
    found = pd.read_csv(tmp_path / "out.csv")
    joined = frame.merge(found, left_on=["Well Name", "Depth (ft)"], right_on=["well", "depth"])
    assert len(found) == len(joined) == 200
    assert found["name"].map(dict(zip(NAMES, range(1, 6), strict=True))).equals(found["facies"])


def test_several_wells_become_a_folder_of_las_files(bundle, wells, tmp_path):
    engine.predict(bundle, wells, tmp_path / "all.las")
    assert sorted(f.name for f in (tmp_path / "all.las").iterdir()) == [
        f"W0{k}.las" for k in range(1, 5)
    ]


def test_a_missing_curve_is_restored_with_a_warning(bundle, tmp_path):
    path, ds = one_well(tmp_path, PHIND=None)
    with pytest.warns(UserWarning, match="no curve PHIND"):
        found = engine.predict(bundle, path)
    p = found["Facies"].transpose("sample", "category").to_numpy()
    assert np.isfinite(p).all()
    assert np.mean(1 + p.argmax(axis=1) == ds["Facies"].values) > 0.5


def test_a_well_that_lacks_most_curves_is_refused(bundle, tmp_path):
    gone = {name: None for name in ("GR", "ILD_log10", "DeltaPHI", "PHIND", "NM_M")}
    path, _ = one_well(tmp_path, **gone)
    with pytest.raises(DataError, match="lacks 5 of the 7 curves"):
        engine.predict(bundle, path)


def test_a_curve_in_another_unit_is_refused_by_its_name_and_both_units(bundle, tmp_path):
    values = synthetic_wells(11, 1, 120)["PHIND"] / 100
    path, _ = one_well(tmp_path, PHIND=values.assign_attrs(units="v/v"))
    with pytest.raises(DataError, match=r"PHIND is in v/v, the model was trained on %.*convert"):
        engine.predict(bundle, path)


def test_values_of_another_unit_are_refused_where_no_unit_is_stated(bundle, tmp_path):
    values = (synthetic_wells(11, 1, 120)["PHIND"] / 100).drop_attrs()
    path, _ = one_well(tmp_path, PHIND=values)
    with pytest.raises(DataError, match=r"PHIND has the median .* another unit"):
        engine.predict(bundle, path)


def test_feet_taken_for_metres_are_refused_with_the_setting_that_mends_it(bundle, tmp_path):
    ds = synthetic_wells(12, 1, 100)
    frame = pd.DataFrame({"well": ds["well"], "depth": ds["depth_original"]})
    frame = frame.join(pd.DataFrame({c: ds[c].values for c in (*CURVES, "NM_M", "RELPOS")}))
    frame.to_csv(tmp_path / "in.csv", index=False)
    with pytest.raises(DataError, match=r"is the depth in ft, not m.*--set depth_unit=ft"):
        engine.predict(bundle, tmp_path / "in.csv")
    found = engine.predict(bundle, tmp_path / "in.csv", settings={"depth_unit": "ft"})
    assert found.sizes["sample"] == 100


def test_one_well_cannot_be_split(tmp_path):
    path, _ = one_well(tmp_path)
    with pytest.raises(DataError, match="at least 2 are needed"):
        engine.run(RunConfig.of(TASK.name, {**FAST, "data": str(path)}), task=TASK)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"target": "Facie"}, "did you mean 'Facies'"),
        ({"curves": ["GR", "ILD_log1"]}, "did you mean 'ILD_log10'"),
        ({"columns": {"GR": "GRR"}}, "did you mean 'GR'"),
        ({"neighbours": {"sandstone": ["siltstne"]}}, "did you mean 'siltstone'"),
    ],
)
def test_an_unknown_curve_or_facies_is_named_with_the_nearest_known(wells, setting, said):
    with pytest.raises(DataError, match=said):
        engine.prepare(RunConfig.of(TASK.name, {"data": str(wells), **NAMED, **setting}), TASK)


def test_wells_without_facies_cannot_be_learnt_from(tmp_path):
    path, _ = one_well(tmp_path, Facies=None)
    with pytest.raises(DataError, match="there is no curve 'Facies'"):
        engine.prepare(RunConfig.of(TASK.name, {"data": str(path)}), TASK)


def test_gaps_vintages_and_the_error_of_imputation_are_findings(wells):
    found = TASK.checks(read_wells(wells), WellConfig(data=str(wells)))
    text = "\n".join(f"{f.where}: {f.text}" for f in found)
    assert "curve PE: absent in W04" in text
    assert "imputation: PE is missing in 160 rows" in text


def test_a_well_whose_log_is_shifted_is_found():
    ds = synthetic_wells(5, 4, 200)
    ds["GR"] = ds["GR"] + xr.where(ds["well"] == "W02", 60.0, 0.0)
    found = TASK.checks(ds, WellConfig())
    assert any(f.where == "curve GR" and "W02 by +" in f.text for f in found)


def test_repeated_depths_and_short_wells_are_found():
    ds = synthetic_wells(5, 3, 60)
    ds["depth"] = ds["depth"].copy(data=np.r_[ds["depth"].values[:1], ds["depth"].values[:-1]])
    text = [f.text for f in TASK.checks(ds.isel(row=slice(0, 160)), WellConfig())]
    assert "1 depths occur twice" in text and "has 40 rows only" in text


def test_inputs_say_nothing_of_the_facies(wells):
    data = read_wells(wells)
    config = TASK.resolve(data, WellConfig(data=str(wells)))
    shuffled = data.assign(Facies=data["Facies"].copy(data=data["Facies"].values[::-1]))
    a, b = (TASK.samples(d, config, True).inputs() for d in (data, shuffled))
    assert all(np.array_equal(a[k], b[k], equal_nan=True) for k in a)


@pytest.mark.realdata
@pytest.mark.skipif("CRATON_DATA_DIR" not in os.environ, reason="CRATON_DATA_DIR is not set")
def test_the_contest_wells_are_learnt_and_its_blind_rows_predicted(tmp_path):
    settings = {
        **FAST,
        "data": "seg2016-facies",
        "candidates": ["extra-trees"],
        "models": {"extra-trees": {"trees": 60, "vintages": 1}},
    }
    result = engine.run(RunConfig.of(TASK.name, settings), tmp_path / "run", task=TASK)
    assert len(result.splits) == 9 and "Recruit F9" not in [s.name for s in result.splits]
    assert result.score("extra-trees", "accuracy").score >= 0.5
    folder = os.path.join(os.environ["CRATON_DATA_DIR"], "seg2016-facies")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        engine.predict(
            tmp_path / "run", f"{folder}/validation_data_nofacies.csv", tmp_path / "out.csv"
        )
    found = pd.read_csv(tmp_path / "out.csv")
    wanted = pd.read_csv(f"{folder}/prediction_depths.csv")
    joined = wanted.merge(found, left_on=["Well Name", "Depth"], right_on=["well", "depth"])
    assert len(found) == len(joined) == 830
    assert set(found["facies"]) <= set(range(1, 10))
