"""Points of a field: order, boxes, cells, grids; anomalies; what is written of a forecast."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from craton.errors import ConfigError, DataError
from craton.io.anomalies import is_seasonal, moment, monthly_means, to_anomalies
from craton.io.fields import box_mean
from craton.io.grids import axes, cut, describe, join, lay_out, region_weights, spread_out

WIDE = (-90.0, 90.0, 0.0, 360.0)


def field(lat, lon, months: int = 24, seed: int = 0) -> xr.Dataset:
    values = np.random.default_rng(seed).normal(size=(months, len(lat)))
    time = (np.datetime64("2000-01", "M") + np.arange(months)).astype("datetime64[ns]")
    return xr.Dataset(
        {"sst": (("time", "point"), values, {"units": "degC"})},
        {
            "time": time,
            "lat": ("point", np.asarray(lat, float)),
            "lon": ("point", np.asarray(lon, float)),
            "weight": ("point", np.cos(np.deg2rad(lat))),
        },
    )


def grid(step: float = 5.0) -> xr.Dataset:
    lat, lon = np.meshgrid(np.arange(-20, 21, step), np.arange(150, 281, step), indexing="ij")
    return field(lat.ravel(), lon.ravel())


def test_two_layouts_of_one_field_give_the_same_points_in_the_same_order():
    one = grid()
    order = np.random.default_rng(0).permutation(one.sizes["point"])
    other = one.isel(point=order)
    west = np.where(other["lon"] > 180, other["lon"] - 360, other["lon"])
    other = other.assign_coords(lon=("point", west))
    a, b = cut(one, WIDE), cut(other, WIDE)
    np.testing.assert_array_equal(a["sst"], b["sst"])
    assert describe(a) == describe(b)
    assert (np.diff(a["lon"].values[:10]) > 0).all()


def test_an_ocean_across_the_zero_meridian_is_not_torn():
    found = cut(field([0, 0, 0], [350, 10, 0]), (-5, 5, 300, 30))
    assert found["lon"].values.tolist() == [350.0, 360.0, 370.0]


def test_a_box_without_a_cell_says_where_the_cells_are():
    with pytest.raises(ConfigError, match="latitude -20 to 20, longitude 150 to 280"):
        cut(grid(), (40, 60, 0, 20))


def test_joined_cells_keep_the_area_mean_of_a_full_grid():
    fine = grid(1.0)
    coarse = join(fine, 10.0)
    assert coarse.sizes["point"] < fine.sizes["point"] / 50
    box = {"lat": (-19.9, 19.9), "lon": (150, 279.9)}
    fine = fine.isel(point=np.flatnonzero((fine["lat"] < 20) & (fine["lon"] < 280)))
    np.testing.assert_allclose(box_mean(coarse, **box), box_mean(fine, **box), atol=0.02)


def test_a_cell_is_missing_only_where_all_its_points_are():
    ds = field([1, 2, 11], [1, 2, 11])
    ds["sst"][:, 0] = np.nan
    ds["sst"][3, 1] = np.nan
    found = join(ds, 10.0)["sst"].to_numpy()
    assert np.isnan(found[3, 0]) and np.isfinite(found[4, 0])
    np.testing.assert_allclose(np.delete(found[:, 0], 3), np.delete(ds["sst"].values[:, 1], 3),
                               rtol=1e-6)  # fmt: skip


def test_points_on_edges_are_joined_to_the_cell_that_begins_there():
    ds = field(np.array([0.3, 0.35]), np.array([0.6, 0.65]))
    found = join(ds, 0.1)
    assert found.sizes["point"] == 1
    assert (float(found["lat"][0]), float(found["lon"][0])) == pytest.approx((0.35, 0.65))


def test_region_weights_are_those_of_the_box_mean():
    ds = grid()
    weights = region_weights(ds, {"nino34": (-5, 5, 190, 240)}, "sst")["nino34"]
    np.testing.assert_allclose(ds["sst"].values @ weights, box_mean(ds))


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**31))
def test_points_laid_on_their_grid_come_back(rows, columns, seed):
    rng = np.random.default_rng(seed)
    lat, lon = np.meshgrid(np.arange(rows) * 2.5, np.arange(columns) * 2.5, indexing="ij")
    keep = rng.permutation(rows * columns)[: max(1, rows * columns - 2)]
    lat, lon = lat.ravel()[keep], lon.ravel()[keep]
    found = axes(lat, lon)
    assert found is not None
    values = rng.normal(size=(3, len(lat)))
    laid = spread_out(values, found[2], (len(found[0]), len(found[1])))
    assert np.isnan(laid).sum() == 3 * (len(found[0]) * len(found[1]) - len(lat))
    i = np.searchsorted(found[0], lat), np.searchsorted(found[1], lon)
    np.testing.assert_array_equal(laid[:, i[0], i[1]], values)


def test_scattered_points_are_no_grid():
    rng = np.random.default_rng(0)
    assert axes(rng.normal(size=50), rng.normal(size=50)) is None


def test_another_grid_than_the_known_one_is_refused():
    known = describe(lay_out(grid(), WIDE))
    with pytest.raises(DataError, match="trained on"):
        lay_out(grid().isel(point=slice(1, None)), WIDE, known_as=known)


def test_more_cells_than_can_be_handled_are_refused():
    lat, lon = np.meshgrid(np.arange(-60, 60, 1.0), np.arange(0, 100, 1.0), indexing="ij")
    with pytest.raises(DataError, match="at most"):
        lay_out(field(lat.ravel(), lon.ravel(), 2), WIDE, 1.0)


def test_monthly_means_of_a_reference_period_are_taken_off_and_kept():
    ds = field([0.0, 2.0], [200.0, 200.0], 120)
    season = 25 + 3 * np.cos(2 * np.pi * np.arange(120) / 12)
    raw = ds.assign(sst=ds["sst"] + season[:, None])
    months = raw["time"].values.astype("datetime64[M]")
    assert is_seasonal(raw["sst"].to_numpy(), months)
    assert not is_seasonal(ds["sst"].to_numpy(), months)
    found = to_anomalies(raw, ("2000-01", "2005-12"), "sst")
    inside = found["sst"].to_numpy()[:72]
    np.testing.assert_allclose(monthly_means(inside, months[:72]), 0, atol=1e-5)
    back = found["sst"].to_numpy() + found["climatology"].to_numpy()[np.arange(120) % 12]
    np.testing.assert_allclose(back, raw["sst"], atol=1e-4)


def test_months_after_the_reference_period_do_not_change_earlier_anomalies():
    ds = field([0.0], [200.0], 120)
    other = ds.copy(deep=True)
    other["sst"][72:] = 99.0
    a, b = (to_anomalies(d, ("2000-01", "2005-12"), "sst")["sst"].values[:72] for d in (ds, other))
    np.testing.assert_array_equal(a, b)


def test_absolute_temperatures_for_anomalies_and_a_missing_reference_are_refused():
    raw = field([0.0], [200.0]) + 27.0
    with pytest.raises(DataError, match="absolute"):
        to_anomalies(raw, None, "sst", "mine.nc")
    with pytest.raises(DataError, match="1961-01 to 1990-12"):
        to_anomalies(raw, ("1961-01", "1990-12"), "sst")
    with pytest.raises(ConfigError, match="no date"):
        moment("soon")
