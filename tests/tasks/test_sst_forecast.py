"""The task sst-forecast: its example, forecasts of files, and files that are wrong."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import craton
from craton import engine
from craton.conformance import _Suite
from craton.data.ocean import synthetic_sst
from craton.errors import ConfigError, DataError
from craton.io.netcdf import read_netcdf, write_netcdf
from craton.result import RunConfig
from craton.tasks.sst_forecast import KAPLAN, TASK, OceanConfig

QUICK = {
    "leads": [1, 3, 6],
    "history": 4,
    "candidates": ["ridge", "linear-inverse-model"],
    "bootstrap": 200,
    "folds": 2,
    "audit": False,
    "explain": 10,
}


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    place = tmp_path_factory.mktemp("run")
    return engine.run(RunConfig.of(TASK.name, QUICK), place, task=TASK)


@pytest.fixture(scope="module")
def folder(result):
    return result.folder


def gridded(years: int = 100, absolute: bool = False) -> xr.Dataset:
    """The example as a stranger's file: a grid, other names, west longitudes."""
    data = synthetic_sst(years=years)
    values = data["sst"].to_numpy()
    if absolute:
        months = np.arange(len(values)) % 12
        values = values + 27 + 2 * np.cos(2 * np.pi * months / 12)[:, None]
    lat, lon = np.unique(data["lat"]), np.unique(data["lon"])
    return xr.Dataset(
        {"tos": (("time", "latitude", "longitude"), values.reshape(-1, 9, 15), {"units": "degC"})},
        {
            "time": data["time"].values,
            "latitude": ("latitude", lat, {"units": "degrees_north"}),
            "longitude": ("longitude", np.where(lon > 180, lon - 360, lon)),
        },
    )


def save(place: Path, ds: xr.Dataset, name: str = "mine.nc") -> Path:
    write_netcdf(place / name, ds)
    return place / name


def prepared(**settings):
    return engine.prepare(RunConfig.of(TASK.name, settings), TASK)


def test_the_example_recovers_its_known_answer(result):
    wrong = [text for text, holds in TASK.answer(result) if not holds]
    assert not wrong


def test_a_forecast_from_a_strangers_file_equals_that_from_the_example(folder, tmp_path):
    path = save(tmp_path, gridded())
    mine, example = engine.predict(folder, path), engine.predict(folder, None)
    np.testing.assert_allclose(mine["nino34"], example["nino34"], atol=1e-4)
    np.testing.assert_allclose(mine["sst_anomaly"], example["sst_anomaly"], atol=1e-3)


def test_the_netcdf_product_has_cf_times_quantiles_and_missing_cells(folder, tmp_path):
    ds = gridded()
    ds["tos"][:, 0, 0] = np.nan
    engine.predict(folder, save(tmp_path, ds), tmp_path / "f.nc")
    found = read_netcdf(tmp_path / "f.nc", time=None)
    assert found.attrs["Conventions"] == "CF-1.11"
    field = found["sst_anomaly"]
    assert field.dims == ("forecast_reference_time", "lead", "quantile", "lat", "lon")
    assert field.attrs["units"] == "degC"
    assert field.isel(lat=0, lon=0).isnull().all()
    assert int(field.isnull().sum()) == field.size // 135
    assert (field.diff("quantile").fillna(0) >= 0).all()
    assert found["forecast_reference_time"].attrs["standard_name"] == "forecast_reference_time"
    assert found["forecast_reference_time"].values[0] == np.datetime64("1999-12-31")
    assert found["time"].values[0].astype("datetime64[D]").tolist() == [
        np.datetime64(day).item() for day in ("2000-01-01", "2000-03-01", "2000-06-01")
    ]
    assert found["time_bnds"].values[0, 0, 1] == np.datetime64("2000-02-01")
    assert found["forecast_period"].values[0, 0] == pytest.approx(16.5)
    assert found["lon"].values[-1] == 280.0


def test_a_dataset_in_memory_predicts_as_its_file_does_and_comes_back_as_that_file(
    folder, tmp_path
):
    path = save(tmp_path, gridded())
    with xr.open_dataset(path) as opened:
        found = craton.predict(folder, opened)
    again = craton.predict(folder, path, out=tmp_path / "f.nc")
    xr.testing.assert_allclose(found, again)
    with xr.open_dataset(tmp_path / "f.nc") as written:
        assert set(written.variables) == set(found.variables)
        xr.testing.assert_allclose(written["sst_anomaly"], found["sst_anomaly"], atol=1e-4)
    assert found["sst_anomaly"].attrs["units"] == "degC"
    assert found["time"].dtype.kind == found["forecast_reference_time"].dtype.kind == "M"
    assert {"lat", "lon"} <= set(found["sst_anomaly"].dims)


def test_a_gridded_dataset_is_learnt_from_as_its_file_is(tmp_path):
    quick = {"leads": [1], "history": 2, "candidates": "ridge", "audit": False, "explain": 10}
    given = gridded(30)
    a = craton.run("sst-forecast", {**quick, "data": given})
    b = craton.run("sst-forecast", {**quick, "data": save(tmp_path, given)})
    assert a.score("ridge", "crps_sst").score == pytest.approx(b.score("ridge", "crps_sst").score)


def test_a_dataset_without_time_is_refused_with_a_way_out(folder):
    with pytest.raises(DataError, match=r"no dimension 'time' with dates.*rename"):
        craton.predict(folder, gridded().rename(time="month").drop_vars("month"))


def test_the_csv_product_has_a_row_a_lead(folder, tmp_path):
    engine.predict(folder, None, tmp_path / "f.csv")
    table = pd.read_csv(tmp_path / "f.csv")
    assert table["lead"].tolist() == [1, 3, 6]
    assert table["month"].tolist() == ["2000-01", "2000-03", "2000-06"]
    assert (table["q05"] < table["q50"]).all() and (table["q50"] < table["q95"]).all()
    assert table["region"].unique().tolist() == ["nino34"]


def test_a_forecast_of_a_past_month_uses_nothing_later(folder, tmp_path):
    whole = engine.predict(folder, None, settings={"issue": "1985-06"})
    path = save(tmp_path, gridded().sel(time=slice(None, "1985-06-01")))
    np.testing.assert_allclose(whole["nino34"], engine.predict(folder, path)["nino34"], atol=1e-4)


def test_empty_months_at_the_end_are_passed_over(folder, tmp_path):
    ds = gridded()
    ds["tos"][-3:] = np.nan
    engine.predict(folder, save(tmp_path, ds), tmp_path / "f.csv")
    assert pd.read_csv(tmp_path / "f.csv")["month"][0] == "1999-10"


def test_a_short_file_of_anomalies_is_enough_to_forecast(folder, tmp_path):
    path = save(tmp_path, gridded().isel(time=slice(-5, None)))
    found = engine.predict(folder, path)
    np.testing.assert_allclose(found["nino34"], engine.predict(folder, None)["nino34"], atol=1e-4)
    with pytest.raises(DataError, match="no forecast can be issued"):
        engine.predict(folder, save(tmp_path, gridded().isel(time=slice(-3, None))))


@pytest.mark.parametrize("kelvin", [False, True])
def test_absolute_temperatures_become_anomalies_of_the_training_period(tmp_path, kelvin):
    ds = gridded(absolute=True)
    if kelvin:
        ds["tos"] = (ds["tos"] + 273.15).assign_attrs(units="K")
    _, config, _, samples, findings = prepared(data=str(save(tmp_path, ds)), **QUICK)
    assert config.climatology == "subtract"
    assert config.reference_period == ("1900-01", "1960-01")
    plain = prepared(**QUICK)[3]
    rows = np.flatnonzero(samples.index["t0"] < "1960-01")
    mine, example = (s.take(rows).inputs()["sequence"] for s in (samples, plain))
    assert np.corrcoef(mine.ravel(), example.ravel())[0, 1] > 0.97
    assert any("converted" in f.text for f in findings) == kelvin
    # the means of the training part are no leak, and the suite agrees
    own = dataclasses.replace(TASK, quick={**QUICK, "data": str(tmp_path / "mine.nc")})
    assert "did not change" in _Suite(own).future_blind()


def test_the_product_of_absolute_temperatures_says_what_to_add(tmp_path):
    path = save(tmp_path, gridded(absolute=True))
    few = {**QUICK, "candidates": ["linear-inverse-model"], "data": str(path)}
    engine.run(RunConfig.of(TASK.name, few), tmp_path / "run", task=TASK)
    engine.predict(tmp_path / "run", path, tmp_path / "f.nc")
    found = read_netcdf(tmp_path / "f.nc", time=None)
    assert float(found["climatology"].mean()) == pytest.approx(27, abs=2.1)
    assert "1900-01 to 1960-01" in found["sst_anomaly"].attrs["long_name"]
    with pytest.raises(DataError, match="monthly means of 1900-01 to 1960-01 are needed"):
        recent = gridded(absolute=True).isel(time=slice(-24, None))
        engine.predict(tmp_path / "run", save(tmp_path, recent, "recent.nc"))


def test_points_on_no_grid_and_fine_grids_are_averaged_over_cells(tmp_path):
    ds = gridded(60).interp(latitude=np.arange(-20, 20.1, 1.0), longitude=np.arange(140, 180, 1.0))
    settings = {"regions": {"west": [-5, 5, 150, 170]}, **QUICK}
    _, config, _, samples, _ = prepared(data=str(save(tmp_path, ds)), **settings)
    assert config.cell == 5.0
    assert samples.data.sizes["point"] < 100
    assert "west" in samples.take([0]).observed()


def test_the_borders_of_the_benchmark_are_targets_to_1983_1993_and_2014():
    time = np.datetime64("1856-01", "M") + np.arange(1906)
    data = synthetic_sst(years=159).isel(time=slice(0, 1906))
    data = data.assign_coords(time=time.astype("datetime64[ns]"))
    config = TASK.resolve(data, OceanConfig(**KAPLAN))
    samples = TASK.samples(data, config, False)
    split = next(TASK.splitter(config, samples).split(samples.index))
    train, held, test = (samples.index.iloc[p] for p in (split.train, split.calibrate, split.test))
    assert str(train["t1"].max())[:10] == "1983-12-31"
    assert str(held["t0"].min())[:10] == "1983-12-31"
    assert str(held["t1"].max())[:10] == "1993-12-31"
    assert str(test["t0"].min())[:10] == "1993-12-31"
    assert test["t1"].max() <= pd.Timestamp("2014-12-31")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda ds: ds.isel(time=slice(0, 100)), "months before"),
        (lambda ds: ds.isel(time=[*range(50), *range(51, 600)]), "is missing"),
        (lambda ds: ds.isel(time=[*range(50), 49, *range(50, 600)]), "occurs twice"),
        (lambda ds: ds.isel(time=slice(None, None, -1)), "comes after"),
        (lambda ds: ds.assign(tos=ds["tos"].assign_attrs(units="psu")), "psu"),
        (lambda ds: ds.assign(tos=ds["tos"] + 999.0), "997.852 degC"),
        (lambda ds: ds.rename(latitude="north"), "latitude"),
        (lambda ds: ds * np.inf, "degC at"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_the_reason(tmp_path, change, words):
    with pytest.raises(DataError, match=words):
        prepared(data=str(save(tmp_path, change(gridded(60)))), **QUICK)


def test_an_unknown_variable_is_met_with_the_nearest(tmp_path):
    path = save(tmp_path, gridded(60))
    with pytest.raises(DataError, match="did you mean 'tos'"):
        prepared(data=str(path), variable="toss")


def test_a_truncated_file_leaves_nothing_behind(folder, tmp_path):
    path = save(tmp_path, gridded(60))
    path.write_bytes(path.read_bytes()[:20000])
    with pytest.raises(DataError, match="cannot be read"):
        engine.predict(folder, path, tmp_path / "f.nc")
    assert not (tmp_path / "f.nc").exists()


def test_another_grid_and_absolute_temperatures_are_refused_by_a_bundle(folder, tmp_path):
    with pytest.raises(DataError, match="trained on"):
        engine.predict(folder, save(tmp_path, gridded(30).isel(latitude=slice(1, None))))
    with pytest.raises(DataError, match="absolute temperatures"):
        engine.predict(folder, save(tmp_path, gridded(30, absolute=True)))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"domain": [50, 60, 0, 10]}, "no cell lies"),
        ({"regions": {"north": [50, 60, 190, 200]}}, "region 'north'"),
        ({"leads": [0]}, "leads"),
        ({"calibrate_from": "soon"}, "no date"),
        ({"historry": 3}, "did you mean 'history'"),
    ],
)
def test_a_setting_that_is_wrong_is_refused_with_the_reason(settings, words):
    with pytest.raises(ConfigError, match=words):
        prepared(**settings)


def test_months_that_repeat_or_have_no_value_are_found():
    data = synthetic_sst(years=20)
    values = data["sst"].to_numpy().copy()
    values[5] = values[4]
    values[9] = np.nan
    found = TASK.checks(data.assign(sst=(("time", "point"), values)), OceanConfig())
    assert [f.text for f in found if f.level == "warning"] == [
        "1 months have no value at all, first 1900-10",
        "1 months repeat the one before, first 1900-06",
    ]


@pytest.mark.realdata
@pytest.mark.skipif("CRATON_DATA_DIR" not in os.environ, reason="CRATON_DATA_DIR is not set")
def test_on_kaplan_the_linear_inverse_model_beats_persistence_at_six_months():
    settings = {"data": "enso-kaplan-pacific", "candidates": ["ridge"], "leads": [1, 3, 6, 9]}
    result = engine.run(
        RunConfig.of(TASK.name, {**settings, "bootstrap": 200, "audit": False, "explain": 10}),
        task=TASK,
    )
    assert [len(getattr(result.splits[0], p)) for p in ("train", "test")] == [1516, 242]
    name = "anomaly_correlation_nino34"
    six = {s.model: s for s in result.breakdown if s.metric == name and s.where == "lead=6"}
    assert six["linear-inverse-model"].score > 0.45
    assert six["persistence"].gain_high < 0
    assert six["ridge"].gain_low > 0
    assert result.observed["sst"].isnull().mean() == pytest.approx(12 / 264)
