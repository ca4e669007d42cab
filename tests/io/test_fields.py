"""Fields of sea-surface temperature: layouts, gaps, units, and box means."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from craton.errors import DataError
from craton.io.fields import box_mean, read_sst
from craton.io.netcdf import write_netcdf

LAT, LON = np.array([-5.0, 0.0, 5.0]), np.array([180.0, 200.0, 220.0, 240.0])


def gridded(months: int = 6, start: str = "2000-01", day: int = 0) -> xr.Dataset:
    time = (np.datetime64(start, "M") + np.arange(months)).astype("datetime64[D]") + day
    values = np.arange(months * 12.0).reshape(months, 3, 4) / 10
    values[:, 0, 0] = np.nan
    return xr.Dataset(
        {"sst": (("time", "lat", "lon"), values, {"units": "degC"})},
        {"time": time.astype("datetime64[ns]"), "lat": LAT, "lon": LON},
    )


def save(folder: Path, ds: xr.Dataset, name: str = "a.nc") -> Path:
    write_netcdf(folder / name, ds)
    return folder / name


def test_a_grid_is_stacked_row_by_row_with_missing_cells_kept(tmp_path: Path) -> None:
    ds = read_sst(save(tmp_path, gridded()))
    assert ds["sst"].dims == ("time", "point")
    np.testing.assert_array_equal(ds["sst"], gridded()["sst"].values.reshape(6, 12))
    np.testing.assert_array_equal(ds["lat"], np.repeat(LAT, 4))
    np.testing.assert_array_equal(ds["lon"], np.tile(LON, 3))
    np.testing.assert_allclose(ds["weight"], np.cos(np.deg2rad(np.repeat(LAT, 4))))
    assert ds.attrs["grid_shape"].tolist() == [3, 4]


def test_other_names_orders_and_a_level_make_no_difference(tmp_path: Path) -> None:
    other = gridded(day=14).rename(lat="latitude", lon="longitude", sst="tos")
    other = other.expand_dims(lev=[0.0]).transpose("longitude", "lev", "latitude", "time")
    ds = read_sst(save(tmp_path, other))
    plain = read_sst(save(tmp_path, gridded(), "b.nc"))
    one = ds["sst"].values[0, (ds["lat"] == 5).values & (ds["lon"] == 220).values]
    two = plain["sst"].values[0, (plain["lat"] == 5).values & (plain["lon"] == 220).values]
    np.testing.assert_array_equal(one, two)
    xr.testing.assert_equal(box_mean(ds), box_mean(plain))
    assert "first day of the month" in ds.attrs["history"]


def test_two_dimensional_coordinates_are_read(tmp_path: Path) -> None:
    lat, lon = np.meshgrid(LAT, LON, indexing="ij")
    curved = gridded().drop_vars(["lat", "lon"]).rename(lat="y", lon="x")
    curved = curved.assign_coords(nav_lat=(("y", "x"), lat), nav_lon=(("y", "x"), lon))
    ds = read_sst(save(tmp_path, curved))
    xr.testing.assert_equal(ds, read_sst(save(tmp_path, gridded(), "b.nc")))


def test_kelvin_becomes_celsius(tmp_path: Path) -> None:
    warm = gridded()
    warm["sst"] = (warm["sst"] + 300.0).assign_attrs(units="K")
    ds = read_sst(save(tmp_path, warm))
    np.testing.assert_allclose(ds["sst"], gridded()["sst"].values.reshape(6, 12) + 26.85)
    assert "converted from K to degC" in ds.attrs["history"]


def test_a_folder_of_years_is_one_record_whatever_the_order_of_names(tmp_path: Path) -> None:
    save(tmp_path, gridded(6, "2000-07"), "a.nc")
    save(tmp_path, gridded(6, "2000-01"), "b.nc")
    ds = read_sst(tmp_path)
    assert ds.sizes["time"] == 12
    months = ds["time"].values.astype("datetime64[M]").astype(int)
    assert (np.diff(months) == 1).all()


def test_files_of_a_folder_on_two_grids_are_refused(tmp_path: Path) -> None:
    save(tmp_path, gridded(6, "2000-01"), "a.nc")
    save(tmp_path, gridded(6, "2000-07").assign_coords(lon=LON + 1), "b.nc")
    with pytest.raises(DataError, match=r"b\.nc: has another grid"):
        read_sst(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda ds: ds.isel(time=[0, 1, 4, 5]), "the month 2000-03 is missing"),
        (lambda ds: ds.isel(time=slice(0, 2)).assign_coords(
            time=np.array(["2000-01-01", "2000-01-15"], "datetime64[ns]")), "give monthly means"),
        (lambda ds: ds.fillna(-999.0), "sst is -999 degC at"),
        (lambda ds: ds.rename(lat="north"), "has no latitude"),
        (lambda ds: ds.assign_coords(lat=LAT * 100), "is no place on Earth"),
        (lambda ds: ds.assign(sst=ds.sst.assign_attrs(units="m")), "is in m; degC was expected"),
        (lambda ds: ds.expand_dims(member=[1, 2]), "has the dimensions"),
        (lambda ds: ds.assign(a=ds.sst, b=ds.sst).drop_vars("sst"), "not clear; there is a, b"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_field_is_named(tmp_path: Path, change, message) -> None:  # type: ignore[no-untyped-def]
    path = save(tmp_path, change(gridded()))
    with pytest.raises(DataError, match=message):
        read_sst(path)


def test_a_variable_can_be_named_and_a_misspelt_one_is_guessed(tmp_path: Path) -> None:
    path = save(tmp_path, gridded().assign(warm=lambda ds: ds.sst + 1))
    np.testing.assert_allclose(
        read_sst(path, "warm")["sst"], gridded()["sst"].values.reshape(6, 12) + 1
    )
    with pytest.raises(DataError, match="did you mean 'warm'"):
        read_sst(path, "wram")


def test_the_box_mean_weights_by_latitude_and_skips_missing_cells() -> None:
    lat, lon = np.array([0.0, 60.0, 0.0]), np.array([200.0, 200.0, 210.0])
    ds = xr.Dataset(
        {"sst": (("time", "point"), [[1.0, 4.0, np.nan], [np.nan] * 3])},
        {"lat": ("point", lat), "lon": ("point", lon)},
    )
    mean = box_mean(ds, lat=(-5, 60))
    assert float(mean[0]) == pytest.approx((1.0 * 1 + 0.5 * 4) / 1.5)
    assert np.isnan(mean[1])


@pytest.mark.parametrize("box", [(190, 240), (-170, -120)])
@pytest.mark.parametrize("shift", [0.0, -360.0])
def test_the_box_mean_is_the_same_in_either_longitude_convention(
    box: tuple[float, float], shift: float
) -> None:
    lon = np.arange(150.0, 290.0, 10.0)
    ds = xr.Dataset(
        {"sst": ("point", lon)}, {"lat": ("point", 0 * lon), "lon": ("point", lon + shift)}
    )
    assert float(box_mean(ds, lon=box)) == 215.0


def test_a_box_may_cross_greenwich_or_go_all_round() -> None:
    lon = np.arange(0.0, 360.0, 30.0)
    ds = xr.Dataset({"sst": ("point", lon)}, {"lat": ("point", 0 * lon), "lon": ("point", lon)})
    assert float(box_mean(ds, lon=(330, 30))) == pytest.approx((330 + 0 + 30) / 3)
    assert float(box_mean(ds, lon=(0, 360))) == pytest.approx(lon.mean())
    with pytest.raises(DataError, match="no cell lies in"):
        box_mean(ds, lat=(10, 20))


@pytest.mark.realdata
def test_the_kaplan_record_shows_the_great_warm_event_of_1997() -> None:
    root = os.environ.get("CRATON_DATA_DIR")
    if root is None:
        pytest.skip("CRATON_DATA_DIR is not set")
    ds = read_sst(Path(root) / "enso-kaplan-pacific" / "sst.nc")
    assert dict(ds.sizes) == {"time": 1906, "point": 264}
    assert float(ds["sst"].isnull().mean()) == pytest.approx(0.045, abs=0.001)
    index = box_mean(ds)
    assert 2.0 < float(index.sel(time="1997-12-01")) < 3.5
    assert str(index["time"].values[int(index.values[-300:].argmax()) - 300])[:4] in (
        "1997",
        "1998",
    )
