"""The task earthquake-forecast."""

import json
import os
import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from craton import engine
from craton.checks import check_dataset
from craton.data.earthquakes import with_blasts
from craton.errors import DataError
from craton.result import RunConfig
from craton.tasks.earthquake_forecast import TASK, EarthquakeConfig

QUICK = {**TASK.quick, "bootstrap": 200, "folds": 2, "audit": False, "explain": 0, "cell": 1.0}
CELLS = 16  # the example's four by four degrees, at cells of one degree


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("run")
    engine.run(RunConfig.of(TASK.name, QUICK), place, task=TASK)
    return place


@pytest.fixture(scope="module")
def csv(tmp_path_factory):
    """The example as a plain CSV file with names of its own."""
    data = TASK.load(EarthquakeConfig())
    table = pd.DataFrame(
        {
            "Origin": pd.DatetimeIndex(data["time"]).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "Lat": data["latitude"],
            "Lon": data["longitude"],
            "ML": data["magnitude"],
        }
    )
    path = tmp_path_factory.mktemp("csv") / "mine.csv"
    table.to_csv(path, index=False)
    return path


def test_etas_is_better_than_poisson_with_its_interval(folder):
    scores = json.loads((folder / "scores.json").read_text())
    line = next(
        s for s in scores if s["model"] == "poisson" and s["metric"] == "log_likelihood_per_event"
    )
    assert line["gain_high"] < 0


def test_a_blank_magnitude_of_a_table_costs_one_row_and_is_a_finding_unless_refused(csv, tmp_path):
    lines = csv.read_text().splitlines()
    lines[7] = lines[7].rsplit(",", 1)[0] + ","
    path = tmp_path / "blank.csv"
    path.write_text("\n".join(lines))
    names = {"time": "Origin", "latitude": "Lat", "longitude": "Lon", "magnitude": "ML"}
    config = EarthquakeConfig(data=str(path), columns=names)
    data = TASK.load(config)
    assert data.sizes["event"] == len(lines) - 2
    told = [f.text for f in check_dataset(data) if f.level == "warning" and "row 7" in f.text]
    assert told[0].endswith("left out: row 7, column 'ML': the magnitude is missing")
    with pytest.raises(DataError, match="row 7, column 'ML'"):
        TASK.load(config.model_copy(update={"bad_rows": "error"}))


def test_the_csv_product_has_a_row_a_cell_and_horizon_and_a_chance_a_threshold(folder, tmp_path):
    out = tmp_path / "forecast.csv"
    engine.predict(folder, None, out)
    table = pd.read_csv(out)
    assert table.groupby("horizon_days").size().to_dict() == {1.0: CELLS, 7.0: CELLS, 30.0: CELLS}
    assert {"expected_count", "probability_m3", "probability_m5"} <= set(table)
    assert table["forecast_reference_time"].nunique() == 1


def test_the_geojson_product_has_a_polygon_a_cell(folder, tmp_path):
    out = tmp_path / "forecast.geojson"
    engine.predict(folder, None, out)
    features = json.loads(out.read_text())["features"]
    assert len(features) == CELLS
    assert features[0]["geometry"]["type"] == "Polygon"


def test_the_geotiff_product_has_a_band_a_quantity_and_horizon(folder, tmp_path):
    rasterio = pytest.importorskip("rasterio")
    out = tmp_path / "forecast.tif"
    engine.predict(folder, None, out)
    with rasterio.open(out) as grid:
        assert "probability_m5_7d" in grid.descriptions
        assert grid.crs.to_epsg() == 4326


def test_tested_predictions_tell_places_times_and_units_as_cf_has_them(folder):
    with xr.open_dataset(folder / "predictions.nc", engine="h5netcdf") as data:
        kept = data.load()
    bounds = {kept[n].attrs["bounds"] for n in ("longitude", "latitude")}
    assert bounds <= set(kept.data_vars)  # bounds are no coordinates
    bare = [n for n, v in kept.variables.items() if n not in bounds and v.dtype.kind != "M"
            and "units" not in v.attrs]  # fmt: skip
    assert bare == []
    for name in ("longitude", "latitude"):
        corners = kept[f"{name}_bounds"]
        assert kept[name].dims == ("cell",) and corners.dims == ("cell", "corner")
        assert np.allclose(corners.mean("corner"), kept[name])
        assert np.allclose(corners.max("corner") - corners.min("corner"), QUICK["cell"])
    assert kept["t0"].attrs["standard_name"] == "forecast_reference_time"
    assert kept["horizon"].attrs["standard_name"] == "forecast_period"
    assert (kept["horizon"] == 30.0).all()
    assert ((kept["t1"] - kept["t0"]) == np.timedelta64(30, "D")).all()
    # an event of the test lies in the cell that counts it
    assert float(kept["count_observed"].sum()) == float(kept["region_count_observed"].sum())


def test_the_run_on_the_example_tells_whether_its_parameters_came_back(folder):
    top = (folder / "report.html").read_text(encoding="utf-8").split('id="models"')[0]
    k, n, outside = re.search(
        r"ETAS parameters: (\d+) of (\d+) within their 95 % interval(?: \(not ([\w, ]+);)?", top
    ).groups()
    assert (int(n), int(k) + len(outside.split(", ") if outside else ())) == (10, 10)
    # beside the truth in the table of the report
    assert "found: branching ratio 0." in top and "within 0.15 of the true 0.68" in top


def test_events_that_are_not_used_are_told_with_the_setting_that_decides():
    data = TASK.load(EarthquakeConfig())
    n = data.sizes["event"]
    below = int((data["magnitude"].to_numpy() < 3.5 - 0.005).sum())
    found = [f for f in TASK.checks(data, EarthquakeConfig(magnitude=3.5)) if f.level == "note"]
    assert found[0].text == (
        f"{below:,} of {n:,} events lie below the magnitude of completeness 3.5 and are not used; "
        "--set magnitude= chooses another"
    )
    early = [f for f in TASK.checks(data, EarthquakeConfig()) if f.level == "note"]
    assert len(early) == 1 and "before the first window, 2001-06-01" in early[0].text


def test_a_catalogue_complete_from_its_least_magnitude_is_used_whole(csv):
    config = EarthquakeConfig(
        data=str(csv), columns={"time": "Origin", "latitude": "Lat", "longitude": "Lon",
                                "magnitude": "ML"},
    )  # fmt: skip
    data = TASK.load(config)  # simulated from magnitude 3 on
    assert TASK.resolve(data, config).magnitude == 3.0


def test_events_left_out_by_the_settings_are_out_of_training_and_of_forecasts_alike():
    whole = TASK.load(EarthquakeConfig())
    mixed, said = with_blasts(whole), {"event_types": ("earthquake",)}
    n = mixed.sizes["event"] - whole.sizes["event"]
    config = TASK.resolve(mixed, EarthquakeConfig(**said))
    assert config.event_types == ("earthquake",)  # what the bundle keeps
    for future in (False, True):
        assert TASK.samples(mixed, config, future).data.sizes["event"] == whole.sizes["event"]
    told = "\n".join(f.text for f in TASK.checks(mixed, EarthquakeConfig(**said)))
    assert f"{n:,} of {mixed.sizes['event']:,} events are of other types" in told
    assert "by their own type" not in told
    assert "all were kept" in "\n".join(f.text for f in TASK.checks(mixed, EarthquakeConfig()))


def test_repeated_events_are_left_out_where_that_is_asked_for():
    whole = TASK.load(EarthquakeConfig())
    twice = xr.concat([whole, whole.isel(event=slice(0, 100))], "event").sortby("time")
    config = TASK.resolve(twice, EarthquakeConfig(drop_duplicates=True))
    used = TASK.samples(twice, config, False).data
    assert used.sizes["event"] <= whole.sizes["event"]
    assert len(np.unique(used["event_id"])) == used.sizes["event"]
    told = "\n".join(f.text for f in TASK.checks(twice, config))
    assert "look like a repetition of an earlier one" in told and "all were kept" not in told


def test_a_forecast_can_be_issued_at_a_time_of_choice(folder):
    late = engine.predict(folder, None, settings={"issue": "2006-01-01"})
    assert late.sizes["sample"] == 3


def test_horizons_can_be_chosen_and_aftershocks_told_in_words(folder, tmp_path):
    out = tmp_path / "words.md"
    said = {"horizons": [2, 14], "mainshock": "sim003320", "simulations": 100}
    found = engine.predict(folder, None, out, settings=said)
    assert found.sizes["sample"] == 2
    text = out.read_text(encoding="utf-8")
    assert "# Aftershock forecast" in text
    assert "| magnitude | next 2 days | next 14 days |" in text


def test_an_ending_that_no_product_has_names_those_that_are(folder, tmp_path):
    with pytest.raises(DataError, match=r"ends in '\.shp'.*\.csep\.csv"):
        engine.predict(folder, None, tmp_path / "a.shp")


def test_a_prediction_reads_another_catalogue_through_a_column_map(folder, csv):
    columns = {"time": "Origin", "latitude": "Lat", "longitude": "Lon", "magnitude": "ML"}
    found = engine.predict(folder, csv, settings={"columns": columns})
    example = engine.predict(folder, None)
    assert np.allclose(found["expected_count"], example["expected_count"], rtol=0.2)


def test_a_frame_in_memory_is_read_as_a_csv_file_is(folder, csv):
    columns = {"time": "Origin", "latitude": "Lat", "longitude": "Lon", "magnitude": "ML"}
    frame = pd.read_csv(csv)
    from_file = engine.predict(folder, csv, settings={"columns": columns})
    from_frame = engine.predict(folder, frame, settings={"columns": columns})
    np.testing.assert_array_equal(from_frame["expected_count"], from_file["expected_count"])
    with pytest.raises(DataError, match=r"a dict; earthquake-forecast wants a pandas\.DataFrame"):
        engine.predict(folder, {"time": []})


def test_a_missing_column_is_named(folder, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text("time,latitude,longitude\n2020-01-01,35,-117\n")
    with pytest.raises(DataError, match="magnitude"):
        engine.predict(folder, path)


def test_a_catalogue_too_short_is_refused(tmp_path):
    config = EarthquakeConfig()
    data = TASK.load(config).isel(event=slice(0, 10))
    found = TASK.checks(data, config)
    assert found[0].level == "error"
    assert "at least 50" in found[0].text


def test_completeness_is_estimated_before_the_test_only():
    config = EarthquakeConfig(data=None)
    data = TASK.load(config)
    plain = TASK.resolve(data, EarthquakeConfig(magnitude=None, test_from="2004-01-01"))
    late = np.flatnonzero(data["time"].to_numpy() > np.datetime64("2004-01-01"))
    changed = data["magnitude"].to_numpy().copy()
    changed[late] += 2
    other = data.assign(magnitude=("event", changed))
    again = TASK.resolve(other, EarthquakeConfig(magnitude=None, test_from="2004-01-01"))
    assert plain.magnitude == again.magnitude


def test_a_record_whose_magnitudes_change_scale_is_found():
    config = EarthquakeConfig()
    data = TASK.load(config)
    assert not [f for f in TASK.checks(data, config) if "first half" in f.text]
    magnitude = data["magnitude"].to_numpy().copy()
    late = np.arange(len(magnitude)) > len(magnitude) / 2
    magnitude[late] = 3.0 + 1.8 * (magnitude[late] - 3.0)
    changed = data.assign(magnitude=("event", magnitude))
    assert [f for f in TASK.checks(changed, config) if "first half" in f.text]


@pytest.mark.realdata
@pytest.mark.skipif("CRATON_DATA_DIR" not in os.environ, reason="CRATON_DATA_DIR is not set")
def test_a_benchmark_series_takes_its_windows_from_the_benchmark():
    config = EarthquakeConfig(data="earthquakenpp/SCEDC_30")
    data = TASK.load(config)
    config = TASK.resolve(data, config)
    assert (config.magnitude, config.test_from) == (3.0, "2014-01-01")
    samples = TASK.samples(data, config, False)
    split = next(iter(TASK.splitter(config, samples).split(samples.index)))
    assert samples.index["t1"].iloc[split.train].max() <= pd.Timestamp("2014-01-01")
