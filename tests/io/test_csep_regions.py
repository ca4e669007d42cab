"""Cells of forecasts: regular grids and quadtrees, beside pyCSEP and mercantile's tiles."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from craton.errors import DataError
from craton.io.csep_regions import (
    grid_region,
    magnitude_index,
    quadtree_from_catalog,
    quadtree_region,
    quadtree_zoom,
)

regions = pytest.importorskip("csep.core.regions")

CORNERS = np.array([(172.5 + i / 10, -43 + j / 10) for i in range(9) for j in range(7) if i != j])


def test_points_on_edges_fall_into_the_cells_that_pycsep_puts_them_in():
    ours = grid_region(CORNERS, 0.1)
    theirs = regions.CartesianGrid2D.from_origins(CORNERS.round(1), dh=0.1)
    lon, lat = (v.ravel() for v in np.meshgrid(np.arange(1725, 1734), np.arange(-430, -423)))
    lon, lat = lon / 10, lat / 10
    inside = ~theirs.get_masked(lon, lat)
    np.testing.assert_array_equal(ours.index(lon, lat) >= 0, inside)
    np.testing.assert_array_equal(
        ours.index(lon, lat)[inside], theirs.get_index_of(lon[inside], lat[inside])
    )
    assert inside.sum() == len(CORNERS)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 7), st.floats(-60, 60), st.integers(0, 2**32 - 1))
def test_every_point_of_a_cell_is_found_in_it(decimals, west, seed):
    rng = np.random.default_rng(seed)
    spacing = round(float(rng.uniform(0.05, 2.0)), 2)
    place = rng.permutation(20)[:9]
    corners = np.round(west, decimals) + spacing * np.stack([place // 5, place % 5], axis=1)
    region = grid_region(corners, spacing)
    cell = rng.integers(0, 9, 50)
    lon, lat = (corners[cell] + spacing * rng.uniform(0.001, 0.999, (50, 2))).T
    np.testing.assert_array_equal(region.index(lon, lat), cell)


def test_longitudes_beyond_the_date_line_are_the_same_as_negative_ones():
    region = grid_region([[179.9, -20.0], [180.0, -20.0], [180.1, -20.0]], 0.1)
    assert region.index([-179.95, -179.9, 179.95, -179.7], [-19.95] * 4).tolist() == [1, 2, 0, -1]
    west = grid_region([[-180.0, 0.0], [-179.9, 0.0]], 0.1)
    assert west.index([180.05, 180.0, 180.15], [0.05] * 3).tolist() == [0, 0, 1]


def test_areas_of_all_cells_sum_to_the_globe_between_the_mercator_limits():
    region = quadtree_zoom(4)
    south = np.radians(85.0511287798066)
    assert np.isclose(region.area.sum(), 4 * np.pi * 6371**2 * np.sin(south), rtol=1e-12)
    whole = grid_region([(i, j) for i in range(-180, 180, 10) for j in range(-90, 90, 10)], 10.0)
    assert np.isclose(whole.area.sum(), 4 * np.pi * 6371**2, rtol=1e-12)


def test_areas_are_those_of_pycsep():
    ours = quadtree_zoom(3)
    theirs = regions.QuadtreeGrid2D.from_single_resolution(3)
    assert list(ours.quadkeys) == theirs.quadkeys.tolist()
    np.testing.assert_allclose(ours.area, theirs.get_cell_area(), rtol=1e-9)
    np.testing.assert_allclose(ours.bounds, theirs.bounds, atol=1e-10)


def test_points_fall_into_the_tiles_that_pycsep_puts_them_in():
    rng = np.random.default_rng(1)
    lon, lat = rng.uniform(-180, 180, 500), rng.uniform(-80, 80, 500)
    keys = quadtree_from_catalog(lon[:200], lat[:200] / 2, 8, zoom=6).quadkeys
    keys = [keys[i] for i in rng.permutation(len(keys))]
    ours, theirs = quadtree_region(keys), regions.QuadtreeGrid2D.from_quadkeys(keys)
    assert len({len(key) for key in keys}) > 2
    np.testing.assert_array_equal(ours.index(lon, lat), theirs.get_index_of(lon, lat))
    south_west = ours.bounds[:, :2]
    np.testing.assert_array_equal(ours.index(*south_west.T), np.arange(len(keys)))


def test_the_tree_of_a_catalogue_is_that_of_pycsep():
    catalogs = pytest.importorskip("csep.core.catalogs")
    rng = np.random.default_rng(2)
    lon, lat = rng.normal(140, 5, 300), rng.normal(36, 3, 300)
    rows = [(str(i), 0, a, o, 10.0, 6.0) for i, (o, a) in enumerate(zip(lon, lat, strict=True))]
    theirs = regions.QuadtreeGrid2D.from_catalog(
        catalogs.CSEPCatalog(data=rows), threshold=10, zoom=9
    )
    ours = quadtree_from_catalog(lon, lat, 10, zoom=9)
    assert list(ours.quadkeys) == theirs.quadkeys.tolist()


def test_beyond_the_mercator_limits_there_is_no_tile():
    assert quadtree_zoom(2).index([0.0, 0.0, 0.0], [85.0, 86.0, -89.0]).tolist()[1:] == [-1, -1]


@pytest.mark.parametrize(
    ("corners", "spacing", "what"),
    [
        ([[0, 0], [0.13, 0]], 0.1, "multiple"),
        ([[0, 0], [0, 0]], 0.1, "twice"),
        ([[0, 0]], 0.0, "no region"),
        ([[0, np.nan]], 0.1, "finite"),
        ([[0, 0], [1e6, 1e6]], 0.01, "more than a grid holds"),
    ],
)
def test_corners_of_no_grid_are_refused(corners, spacing, what):
    with pytest.raises(DataError, match=what):
        grid_region(corners, spacing)


@pytest.mark.parametrize(
    ("keys", "what"),
    [([], "no quadkeys"), (["04"], "no quadkey"), (["1", "12"], "lies in"), (["1", "1"], "lies in"),
     (["0" * 30], "no quadkey")],
)  # fmt: skip
def test_keys_of_no_tree_are_refused(keys, what):
    with pytest.raises(DataError, match=what):
        quadtree_region(keys)


def test_magnitudes_on_edges_are_binned_as_by_pycsep():
    from csep.utils.calc import bin1d_vec

    edges = regions.magnitude_bins(3.6, 8.0, 0.1)
    sizes = np.round(np.arange(3.0, 9.0, 0.05), 2)
    np.testing.assert_array_equal(
        magnitude_index(sizes, edges), bin1d_vec(sizes, edges, right_continuous=True)
    )


def test_bins_that_do_not_ascend_are_refused():
    with pytest.raises(DataError, match="ascending"):
        magnitude_index([5.0], [5.0, 4.0])
