"""Files of earthquake forecasts, read back by pyCSEP and other programs."""

import dataclasses
import json
import warnings

import numpy as np
import pandas as pd
import pytest

from craton.aftershocks import normal_forecast
from craton.errors import DataError
from craton.forecast_tables import (
    cell_table,
    region_table,
    write_catalogs,
    write_grid,
    write_map,
    write_rates,
    write_region,
    write_table,
)
from craton.io.csep_grids import read_gridded_forecast
from craton.models.etas import ETAS
from craton.models.point_process import SmoothedSeismicity
from craton.tasks.earthquake_forecast import TASK, EarthquakeConfig


@pytest.fixture(scope="module")
def world():
    config = EarthquakeConfig(horizon=30.0, cell=0.5, simulations=500)
    data = TASK.load(config)
    config = TASK.resolve(data, config)
    samples = TASK.samples(data, config, False)
    split = next(iter(TASK.splitter(config, samples).split(samples.index)))
    return data, config, ETAS().fit(samples.take(split.train))


@pytest.fixture(scope="module")
def issued(world):
    """Model's forecast of 1, 7 and 30 days from one issue in the past."""
    data, config, model = world
    samples = TASK.samples(data, config.model_copy(update={"issue": "2010-07-21"}), True)
    return model.predict(samples), samples


@pytest.fixture(scope="module")
def series(world):
    data, config, model = world
    said = {"issue": "2013-09-01", "issue_from": "2013-08-28", "simulations": 100}
    samples = TASK.samples(data, config.model_copy(update=said), True)
    return model.predict(samples), samples


def test_a_row_a_horizon_and_cell_whose_counts_add_up_to_the_region(issued):
    table, region = cell_table(*issued), region_table(*issued)
    assert table.groupby("horizon_days").size().to_dict() == {1.0: 64, 7.0: 64, 30.0: 64}
    total = table.groupby("horizon_days")["expected_count"].sum()
    assert region["expected_count"].to_numpy() == pytest.approx(total.to_numpy(), rel=1e-5)
    normal = table.groupby("horizon_days")["normal_count"].sum()
    assert region["normal_count"].to_numpy() == pytest.approx(normal.to_numpy(), rel=1e-5)


def test_longer_horizons_and_smaller_magnitudes_are_more_probable(issued):
    region = region_table(*issued)
    chance = region[["probability_m3", "probability_m4", "probability_m5"]].to_numpy()
    assert (np.diff(chance, axis=0) > 0).all() and (np.diff(chance, axis=1) < 0).all()
    assert ((chance >= 0) & (chance <= 1)).all()
    assert (region["count_low"] <= region["expected_count"]).all()
    assert (region["count_high"] >= region["expected_count"]).all()


def test_what_is_normal_is_the_mean_rate_of_the_record(issued, world):
    predicted, samples = issued
    data, config, _ = world
    time = pd.DatetimeIndex(data["time"].to_numpy())
    before = (time >= pd.Timestamp(config.train_from)) & (time < pd.Timestamp("2010-07-21"))
    rate = before.sum() / ((pd.Timestamp("2010-07-21") - pd.Timestamp(config.train_from)).days)
    region = region_table(predicted, samples)
    assert region["normal_count"].to_numpy() == pytest.approx(rate * np.array([1, 7, 30]), rel=0.01)


def test_without_a_record_nothing_is_called_normal(issued):
    predicted, samples = issued
    few = samples.data.isel(event=slice(0, 5))
    short = dataclasses.replace(samples, data=few)
    assert normal_forecast(short) is None
    assert not [c for c in cell_table(predicted, short) if c.startswith("normal")]


def test_what_came_is_told_only_where_the_window_is_over(issued, series, world):
    data = world[0]
    region = region_table(*issued)
    time = pd.DatetimeIndex(data["time"].to_numpy())
    begin = pd.Timestamp("2010-07-21")
    came = [((time >= begin) & (time < begin + pd.Timedelta(days=d))).sum() for d in (1, 7, 30)]
    assert region["observed_count"].tolist() == came
    late = region_table(*series)
    # the record ends on 2013-09-07: the week from 09-01 on is not over
    assert late["observed_count"].notna().tolist() == [True, True, False] * 4 + [True, False, False]
    assert late["observed_m3"].notna().equals(late["observed_count"].notna())


def test_the_time_series_has_a_row_a_day_and_horizon(series, tmp_path):
    write_region(*series, tmp_path / "a.region.csv")
    table = pd.read_csv(tmp_path / "a.region.csv")
    days = pd.to_datetime(table["forecast_reference_time"]).dt.strftime("%m-%d")
    assert days.tolist() == [
        d for d in ("08-28", "08-29", "08-30", "08-31", "09-01") for _ in range(3)
    ]
    write_table(*series, tmp_path / "a.csv")
    assert len(pd.read_csv(tmp_path / "a.csv")) == 5 * 3 * 64


def test_maps_hold_one_issue(series, tmp_path):
    for write, name in ((write_map, "a.geojson"), (write_grid, "a.tif"), (write_rates, "a.dat"),
                        (write_catalogs, "a.csep.csv")):  # fmt: skip
        with pytest.raises(DataError, match="5 issue times"):
            write(*series, tmp_path / name)


def test_the_map_has_a_property_a_quantity_and_horizon_and_the_region(issued, tmp_path):
    write_map(*issued, tmp_path / "a.geojson")
    found = json.loads((tmp_path / "a.geojson").read_text())
    assert len(found["features"]) == 64
    table = cell_table(*issued)
    week = table[table["horizon_days"] == 7.0].reset_index()
    properties = found["features"][10]["properties"]
    assert properties["probability_m5_7d"] == pytest.approx(week["probability_m5"][10])
    assert properties["normal_count_7d"] == pytest.approx(week["normal_count"][10])
    assert [row["horizon_days"] for row in found["region"]] == [1.0, 7.0, 30.0]


def test_the_grid_has_a_band_a_quantity_and_horizon(issued, tmp_path):
    rasterio = pytest.importorskip("rasterio")
    write_grid(*issued, tmp_path / "a.tif")
    with rasterio.open(tmp_path / "a.tif") as grid:
        assert {"expected_count_1d", "probability_m4_30d", "count_high_7d"} <= set(
            grid.descriptions
        )
        band = grid.read(grid.descriptions.index("expected_count_30d") + 1)
    month = issued[0].isel(sample=2)["expected_count"]
    assert np.nansum(band) == pytest.approx(float(month.sum()), rel=1e-5)


def test_grid_and_map_tell_the_forecast_and_the_bundle_that_they_come_from(issued, tmp_path):
    rasterio = pytest.importorskip("rasterio")
    predicted, samples = issued
    predicted = predicted.assign_attrs(model="etas", bundle_sha256="ab" * 32, craton="9.9")
    write_grid(predicted, samples, tmp_path / "a.tif")
    write_map(predicted, samples, tmp_path / "a.geojson")
    members = json.loads((tmp_path / "a.geojson").read_text())
    with rasterio.open(tmp_path / "a.tif") as grid:
        tags = grid.tags()
        week = grid.tags(grid.descriptions.index("expected_count_7d") + 1)
    assert members["forecast_reference_time"] == "2010-07-21T00:00:00.000000Z"
    assert members["forecast_end_time"] == "2010-08-20T00:00:00.000000Z"
    assert members["horizons_days"] == [1.0, 7.0, 30.0] and members["minimum_magnitude"] == 3.0
    assert (week["horizon_days"], week["forecast_end_time"][:10]) == ("7.0", "2010-07-28")
    assert tags["horizons_days"] == "1.0 7.0 30.0" and tags["minimum_magnitude"] == "3.0"
    for said in (members, tags):
        assert (said["bundle_sha256"], said["craton"]) == ("ab" * 32, "9.9")
        assert said["forecast_reference_time"][:10] == "2010-07-21"
        assert "caution" not in said and "task" not in said


def test_pycsep_reads_the_grid_with_the_same_rates(issued, world, tmp_path):
    csep = pytest.importorskip("csep")
    write_rates(*issued, tmp_path / "a.dat")
    forecast = csep.load_gridded_forecast(str(tmp_path / "a.dat"))
    month = issued[0].isel(sample=2)
    count = month["expected_count"].to_numpy()
    assert forecast.event_count == pytest.approx(count.sum(), rel=1e-5)
    data = issued[1].data
    lon, lat = data["cell_longitude"].to_numpy(), data["cell_latitude"].to_numpy()
    at = forecast.region.get_index_of(lon, lat)
    assert forecast.spatial_counts()[at] == pytest.approx(count, rel=1e-5)
    assert forecast.magnitudes[[0, 1, -1]] == pytest.approx([3.0, 3.1, 8.4])
    per_magnitude = forecast.magnitude_counts()
    # Gutenberg-Richter: the next bin has exp(-0.1 beta) of the one before
    beta = world[2].parameters.beta
    assert per_magnitude[:20] == pytest.approx(
        per_magnitude[0] * np.exp(-0.1 * beta * np.arange(20)), rel=1e-3
    )


def test_pycsep_reads_the_catalogues_with_the_same_numbers(issued, tmp_path):
    csep = pytest.importorskip("csep")
    write_catalogs(*issued, tmp_path / "a.csep.csv")
    write_rates(*issued, tmp_path / "a.dat")
    grid = csep.load_gridded_forecast(str(tmp_path / "a.dat"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        forecast = csep.load_catalog_forecast(
            str(tmp_path / "a.csep.csv"), region=grid.region, apply_filters=False
        )
        numbers = [catalog.event_count for catalog in forecast]
    assert len(numbers) == 500
    predicted, samples = issued
    month = predicted.isel(sample=2)
    assert np.mean(numbers) == pytest.approx(float(month["expected_count"].sum()), rel=0.1)
    low, high = (float(month["region_count"].sel(quantile=q)) for q in (0.025, 0.975))
    found = np.quantile(numbers, [0.025, 0.975], method="inverted_cdf")
    # the plane's rectangles and the cells of the map differ by a hair
    assert found == pytest.approx([low, high], abs=1)
    rates = forecast.get_expected_rates(verbose=False).spatial_counts()
    assert rates.sum() == pytest.approx(np.mean(numbers))
    times = np.concatenate([c.get_epoch_times() for c in forecast if c.event_count])
    window = samples.index.iloc[2]
    assert times.min() >= window["t0"].timestamp() * 1000
    assert times.max() < window["t1"].timestamp() * 1000


@pytest.mark.parametrize("write, ending", [(write_rates, ".dat"), (write_catalogs, ".csep.csv")])
def test_pycsep_reads_a_file_a_horizon_and_the_plain_name_is_the_longest(
    issued, tmp_path, write, ending
):
    csep = pytest.importorskip("csep")
    predicted, samples = issued
    told = write(predicted, samples, tmp_path / f"a{ending}")
    assert "of 30 days" in told and f"a.1d{ending}, a.7d{ending}" in told
    found = []
    for name in ("a.1d", "a.7d", "a"):
        path = str(tmp_path / f"{name}{ending}")
        if write is write_rates:
            found.append(csep.load_gridded_forecast(path).event_count)
        else:
            catalogs = list(csep.load_catalog_forecast(path))
            assert len(catalogs) == 500
            found.append(np.mean([c.event_count for c in catalogs]))
    expected = predicted["expected_count"].sum("cell").to_numpy()
    assert found == pytest.approx(expected.tolist(), rel=0.15 if "csv" in ending else 1e-5)


def test_the_grid_declares_the_depths_of_the_events_that_are_counted(issued, tmp_path):
    predicted, samples = issued
    depth = np.full(samples.data.sizes["event"], np.nan)
    inside = np.flatnonzero(samples.data["cell_of"].to_numpy() >= 0)
    depth[inside[:3]] = 4.0, 5.0, 81.2
    depth[inside[-1]] = 300.0  # comes later than the issue
    data = samples.data.assign(depth=("event", depth))
    write_rates(predicted, dataclasses.replace(samples, data=data), tmp_path / "a.dat")
    assert read_gridded_forecast(tmp_path / "a.dat").depth == (0.0, 82.0)
    bare = dataclasses.replace(samples, data=samples.data.drop_vars("depth"))
    write_rates(predicted, bare, tmp_path / "a.dat")
    assert read_gridded_forecast(tmp_path / "a.dat").depth == (0.0, 700.0)


def test_pycsep_counts_catalogues_without_events(world, tmp_path):
    csep = pytest.importorskip("csep")
    data, config, model = world
    said = {"issue": "2013-09-01", "horizons": (0.02,)}
    samples = TASK.samples(data, config.model_copy(update=said), True)
    write_catalogs(model.predict(samples), samples, tmp_path / "a.csep.csv")
    forecast = csep.load_catalog_forecast(str(tmp_path / "a.csep.csv"))
    numbers = [catalog.event_count for catalog in forecast]
    assert len(numbers) == 500
    assert 0 in numbers


@pytest.fixture(scope="module")
def either_side():
    """The same catalogue and region at longitudes 0 to 10 and 175 to 185, and their forecasts."""
    data = TASK.load(EarthquakeConfig())
    found = []
    for west in (0.0, 175.0):
        longitude = ((data["longitude"] + 118 + west + 5.0) + 180) % 360 - 180
        box = tuple((lat, west + lon) for lat, lon in ((33, 0), (33, 10), (39, 10), (39, 0)))
        config = EarthquakeConfig(
            outline=box, cell=1.0, magnitude=3.0, horizon=30.0, simulations=200, issue="2010-07-21"
        )
        raw = TASK.accept(data.assign(longitude=longitude), config)
        config = TASK.resolve(raw, config)
        past, samples = (TASK.samples(raw, config, future) for future in (False, True))
        found.append((SmoothedSeismicity().fit(past).predict(samples), samples))
    return found


def test_a_forecast_across_the_180th_meridian_is_that_of_the_catalogue_elsewhere(either_side):
    (here, _), (there, _) = either_side
    assert here["expected_count"].sum() > 0
    for name in ("expected_count", "probability", "region_count", "event_magnitude"):
        np.testing.assert_allclose(there[name], here[name], rtol=1e-5, atol=1e-9)
    np.testing.assert_array_equal(there["count_interval"], here["count_interval"])
    np.testing.assert_allclose(there["event_longitude"], here["event_longitude"] + 175, atol=1e-6)


def test_files_across_the_180th_meridian_tell_continuous_places_and_geojson_legal_ones(
    either_side, tmp_path
):
    predicted, samples = either_side[1]
    write_table(predicted, samples, tmp_path / "a.csv")
    table = pd.read_csv(tmp_path / "a.csv")
    assert (table["west"].min(), table["east"].max()) == (175.0, 185.0)
    write_map(predicted, samples, tmp_path / "a.geojson")
    read = json.loads((tmp_path / "a.geojson").read_text())
    rings = [f["geometry"]["coordinates"][0] for f in read["features"]]
    assert len(rings) == 60
    assert np.abs(np.array(rings)[..., 0]).max() == 180.0
    rasterio = pytest.importorskip("rasterio")
    write_grid(predicted, samples, tmp_path / "a.tif")
    with rasterio.open(tmp_path / "a.tif") as raster:
        assert tuple(raster.bounds) == (175.0, 33.0, 185.0, 39.0)
        total = raster.read(1).sum()
    first = predicted["expected_count"].isel(sample=0).sum()
    assert total == pytest.approx(float(first), rel=1e-6)
