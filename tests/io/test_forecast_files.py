"""Forecast files, read back by other programs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from craton.errors import DataError
from craton.io.forecast_files import write_csv, write_geojson, write_geotiff

TABLE = pd.DataFrame(
    {
        "longitude": [-117.95, -117.85],
        "latitude": [34.05, 34.05],
        "count": [0.1 + 0.2, np.nan],
        "n": [3, 4],
        "name": ["a", "b"],
        "time": pd.to_datetime(["2020-01-01", "2020-01-02"]),
    }
)


def test_csv_comes_back_digit_by_digit(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", TABLE)
    back = pd.read_csv(tmp_path / "a.csv", dtype=str)
    assert list(back.columns) == list(TABLE.columns)
    assert float(back["count"][0]) == 0.1 + 0.2
    assert back["count"].isna().tolist() == [False, True]
    assert pd.to_datetime(back["time"]).tolist() == TABLE["time"].tolist()


def test_geojson_has_one_counterclockwise_square_a_cell_with_its_properties(tmp_path: Path) -> None:
    write_geojson(tmp_path / "a.geojson", TABLE)
    features = json.loads((tmp_path / "a.geojson").read_text())["features"]
    assert len(features) == 2
    ring = np.array(features[0]["geometry"]["coordinates"][0])
    assert (ring[0] == ring[-1]).all()
    area = 0.5 * np.sum(ring[:-1, 0] * ring[1:, 1] - ring[1:, 0] * ring[:-1, 1])
    assert area == pytest.approx(0.01)
    assert ring.min(axis=0).tolist() == [-118.0, 34.0]
    assert features[0]["properties"]["count"] == 0.1 + 0.2
    assert features[1]["properties"]["count"] is None
    assert features[1]["properties"]["n"] == 4
    assert features[0]["properties"]["time"] == "2020-01-01T00:00:00"


def test_geojson_takes_bounds_as_they_are(tmp_path: Path) -> None:
    table = pd.DataFrame({"west": [1.0], "south": [2.0], "east": [4.0], "north": [3.0]})
    write_geojson(tmp_path / "a.geojson", table)
    feature = json.loads((tmp_path / "a.geojson").read_text())["features"][0]
    assert feature["geometry"]["coordinates"][0][2] == [4.0, 3.0]


def test_cells_without_place_or_area_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    with pytest.raises(DataError, match="tells no place"):
        write_geojson(path, pd.DataFrame({"count": [1]}))
    bad = pd.DataFrame({"west": [1.0], "south": [2.0], "east": [1.0], "north": [3.0]})
    with pytest.raises(DataError, match="row 1"):
        write_geojson(path, bad)
    with pytest.raises(DataError, match="side of a cell"):
        write_geojson(path, TABLE.iloc[:1])
    assert not list(tmp_path.iterdir())


def grid() -> xr.Dataset:
    field = np.arange(24, dtype=float).reshape(2, 3, 4)
    field[0, 0, 0] = np.nan
    coords = {
        "lead": [1, 7],
        "latitude": [34.0, 34.5, 35.0],
        "longitude": [-118.0, -117.5, -117.0, -116.5],
    }
    count = xr.DataArray(field, coords, ("lead", "latitude", "longitude"))
    return xr.Dataset({"count": count, "probability": count.isel(lead=0, drop=True) / 24})


def test_geotiff_is_north_up_with_a_described_band_a_variable(tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio")
    write_geotiff(tmp_path / "a.tif", grid())
    with rasterio.open(tmp_path / "a.tif") as raster:
        assert raster.crs.to_epsg() == 4326
        assert raster.descriptions == ("count lead=1", "count lead=7", "probability")
        assert tuple(raster.bounds) == pytest.approx((-118.25, 33.75, -116.25, 35.25))
        assert np.isnan(raster.nodata)
        band = raster.read(2)
        assert band[0].tolist() == [20, 21, 22, 23]  # the northernmost row
        assert np.isnan(raster.read(1)[-1, 0])
        row, column = raster.index(-117.5, 34.0)
        assert band[row, column] == 13


def test_geotiff_carries_tags_of_the_file_and_of_its_bands(tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio")
    tags = {"model": "etas", "horizons_days": [1.0, 7.0], "minimum_magnitude": 2.5}
    write_geotiff(tmp_path / "a.tif", grid(), tags=tags, band_tags={"probability": {"days": 7}})
    with rasterio.open(tmp_path / "a.tif") as raster:
        found = raster.tags()
        assert {k: found[k] for k in tags} == {
            "model": "etas", "horizons_days": "1.0 7.0", "minimum_magnitude": "2.5"
        }  # fmt: skip
        assert raster.tags(3)["days"] == "7" and "days" not in raster.tags(1)


def test_geotiff_does_not_depend_on_the_order_of_the_axes(tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio")
    flipped = grid()["probability"].isel(latitude=slice(None, None, -1)).T
    write_geotiff(tmp_path / "a.tif", flipped)
    write_geotiff(tmp_path / "b.tif", grid()["probability"])
    with rasterio.open(tmp_path / "a.tif") as a, rasterio.open(tmp_path / "b.tif") as b:
        np.testing.assert_array_equal(a.read(1), b.read(1))
        assert a.transform == b.transform


def test_an_irregular_or_unplaced_grid_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("rasterio")
    uneven = grid().assign_coords(latitude=[34.0, 34.5, 36.0])
    with pytest.raises(DataError, match="not regularly spaced"):
        write_geotiff(tmp_path / "a.tif", uneven)
    with pytest.raises(DataError, match="no dimension latitude"):
        write_geotiff(tmp_path / "a.tif", grid()["count"].rename(latitude="y"))
    assert not list(tmp_path.iterdir())


def test_geojson_keeps_longitudes_within_180_degrees_and_splits_a_cell_across(
    tmp_path: Path,
) -> None:
    table = pd.DataFrame({"longitude": [179.0, 180.0, 181.5], "latitude": -40.0})
    write_geojson(tmp_path / "a.geojson", table, 1.0)
    read = json.loads((tmp_path / "a.geojson").read_text())
    shapes = [f["geometry"] for f in read["features"]]
    assert [s["type"] for s in shapes] == ["Polygon", "MultiPolygon", "Polygon"]
    spans = [
        [(ring[0][0], ring[1][0]) for (ring,) in shapes[1]["coordinates"]],
        [(ring[0][0], ring[1][0]) for ring in shapes[2]["coordinates"]],
    ]
    assert spans == [[(179.5, 180.0), (-180.0, -179.5)], [(-179.0, -178.0)]]
