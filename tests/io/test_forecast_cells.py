"""From degrees to cells in km."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from craton.errors import DataError
from craton.io.forecast_cells import bounding_outline, in_cells

BOX = ((34.0, -118.0), (34.0, -116.0), (36.0, -116.0), (36.0, -118.0))


def catalog(latitude, longitude, magnitude=None):
    n = len(latitude)
    time = np.datetime64("2020-01-01", "ns") + np.arange(n) * np.timedelta64(1, "h")
    return xr.Dataset(
        {
            "time": ("event", time),
            "latitude": ("event", np.asarray(latitude, float)),
            "longitude": ("event", np.asarray(longitude, float)),
            "magnitude": ("event", np.full(n, 3.0) if magnitude is None else np.array(magnitude)),
        }
    )


def test_a_box_of_two_degrees_has_sixteen_cells_of_half_a_degree():
    found = in_cells(catalog([35.0], [-117.0]), BOX, 0.5, 3.0)
    assert found.sizes["cell"] == 16


def test_the_area_of_the_cells_is_that_of_the_spherical_rectangle():
    found = in_cells(catalog([35.0], [-117.0]), BOX, 0.1, 3.0)
    wide = found["cell_x1"] - found["cell_x0"]
    tall = found["cell_y1"] - found["cell_y0"]
    true = 6371**2 * np.radians(2) * (np.sin(np.radians(36)) - np.sin(np.radians(34)))
    assert float((wide * tall).sum()) == pytest.approx(true, rel=1e-4)


@settings(deadline=None)
@given(st.floats(34.001, 35.999), st.floats(-117.999, -116.001))
def test_every_event_inside_falls_into_the_cell_around_it(latitude, longitude):
    found = in_cells(catalog([latitude], [longitude]), BOX, 0.5, 3.0)
    cell = int(found["cell_of"][0])
    assert abs(float(found["cell_latitude"][cell]) - latitude) <= 0.2501
    assert abs(float(found["cell_longitude"][cell]) - longitude) <= 0.2501


@pytest.mark.parametrize("cell", [0.05, 0.1])
def test_an_event_on_an_edge_falls_into_the_cell_that_begins_there(cell):
    n = round(2 / cell)
    south, west = np.round(34 + cell * np.arange(n), 2), np.round(-118 + cell * np.arange(n), 2)
    found = in_cells(catalog(south, west), BOX, cell, 3.0)
    at = found.isel(cell=found["cell_of"])
    assert np.allclose(at["cell_latitude"], south + cell / 2, rtol=0, atol=1e-6)
    assert np.allclose(at["cell_longitude"], west + cell / 2, rtol=0, atol=1e-6)


def test_events_outside_have_no_cell():
    found = in_cells(catalog([35.0, 40.0], [-117.0, -117.0]), BOX, 0.5, 3.0)
    assert found["cell_of"].to_numpy()[1] == -1


def test_events_below_completeness_are_left_out():
    found = in_cells(catalog([35.0, 35.0], [-117.0, -117.0], [2.9, 3.0]), BOX, 0.5, 3.0)
    assert found.sizes["event"] == 1


def test_nothing_above_completeness_is_an_error():
    with pytest.raises(DataError, match="no event has magnitude 5"):
        in_cells(catalog([35.0], [-117.0]), BOX, 0.5, 5.0)


def test_the_bounding_outline_lies_on_multiples_of_the_cell():
    corners = np.array(bounding_outline(catalog([34.13, 35.9], [-117.7, -116.2]), 0.5))
    assert corners.min(axis=0).tolist() == [34.0, -118.0]
    assert corners.max(axis=0).tolist() == [36.0, -116.0]


def test_the_outermost_events_lie_inside_the_bounding_outline_when_they_lie_on_edges():
    events = catalog([34.3, 34.7], [-117.6, -117.4])
    outline = bounding_outline(events, 0.1)
    assert outline[0] == (34.3, -117.6) and outline[2] == (34.8, -117.3)
    assert (in_cells(events, outline, 0.1, 3.0)["cell_of"] >= 0).all()


def test_a_region_across_the_180th_meridian_has_the_cells_and_places_of_one_elsewhere():
    rng = np.random.default_rng(0)
    latitude, east = rng.uniform(-45, -35, 50), rng.uniform(0, 10, 50)
    box = ((-45.0, 0.0), (-45.0, 10.0), (-35.0, 10.0), (-35.0, 0.0))
    far = tuple((lat, lon + 175.0) for lat, lon in box)
    jumping = tuple((lat, lon if lon <= 180 else lon - 360) for lat, lon in far)
    here = in_cells(catalog(latitude, east), box, 1.0, 3.0)
    wrapped = (east + 175 + 180) % 360 - 180
    for outline in (far, jumping):
        for longitude in (east + 175, wrapped):
            there = in_cells(catalog(latitude, longitude), outline, 1.0, 3.0)
            assert there["cell_of"].to_numpy().tolist() == here["cell_of"].to_numpy().tolist()
            for name in ("x", "y", "cell_x0", "cell_y1", "outline_x", "outline_y"):
                np.testing.assert_allclose(there[name], here[name], atol=1e-8)
            np.testing.assert_allclose(there["cell_longitude"], here["cell_longitude"] + 175)
            np.testing.assert_allclose(there["longitude"], east + 175)


def test_the_bounding_outline_goes_on_over_180_degrees():
    corners = np.array(bounding_outline(catalog([-40.0, -38.0], [178.2, -177.6]), 0.5))
    assert corners[:, 1].tolist() == [178.0, 182.5, 182.5, 178.0]


def test_a_catalogue_of_the_whole_earth_needs_a_region():
    with pytest.raises(DataError, match="300 degrees of longitude, 180 at most"):
        bounding_outline(catalog([0.0, 0.0, 0.0], [-150.0, 0.0, 150.0]), 0.5)
