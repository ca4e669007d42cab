"""Distances and the local projection."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from craton.errors import DataError
from craton.io.geodesy import EARTH_RADIUS_KM, continuous, haversine_km, project, unproject

latitudes = st.floats(-89.0, 89.0)
longitudes = st.floats(-180.0, 179.99)


def test_one_degree_of_a_meridian_has_its_known_length() -> None:
    assert haversine_km(10, 20, 11, 20, radius=6371.0) == pytest.approx(111.19492664, abs=1e-6)


def test_antipodes_are_half_a_circle_apart() -> None:
    assert haversine_km(12, 34, -12, -146) == pytest.approx(np.pi * 6378.1, abs=1e-3)


def test_great_circle_distance_agrees_with_the_angle_between_vectors() -> None:
    rng = np.random.default_rng(1)
    lat, lon = rng.uniform(-80, 80, (2, 50)), rng.uniform(-180, 180, (2, 50))
    phi, lam = np.radians(lat), np.radians(lon)
    unit = np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)])
    angle = np.arccos((unit[:, 0] * unit[:, 1]).sum(axis=0))
    np.testing.assert_allclose(haversine_km(lat[0], lon[0], lat[1], lon[1], 1.0), angle, atol=1e-9)


@given(latitudes, longitudes, latitudes, longitudes)
def test_the_projection_keeps_the_distance_from_its_centre(
    lat: float, lon: float, lat0: float, lon0: float
) -> None:
    x, y = project(lat, lon, (lat0, lon0))
    true = haversine_km(lat, lon, lat0, lon0, EARTH_RADIUS_KM)
    assert np.hypot(x, y) == pytest.approx(float(true), abs=1e-3)


@given(latitudes, longitudes, st.floats(-60.0, 60.0), longitudes)
def test_the_inverse_projection_gives_the_place_back(
    lat: float, lon: float, lat0: float, lon0: float
) -> None:
    centre = (lat0, lon0)
    if haversine_km(lat, lon, lat0, lon0) > 19_000:
        return  # the antipode has no single image
    back_lat, back_lon = unproject(*project(lat, lon, centre), centre)
    assert haversine_km(lat, lon, back_lat, back_lon) < 1e-4


def test_north_is_up_and_east_is_right() -> None:
    x, y = project([35.0, 34.0], [-117.0, -116.0], (34.0, -117.0))
    assert x[0] == pytest.approx(0.0, abs=1e-9)
    assert y[0] > 111.0
    assert 92.0 < x[1] < 92.5


def test_a_centre_off_the_globe_is_refused() -> None:
    with pytest.raises(DataError, match="no latitude and longitude"):
        project(0, 0, (95.0, 0.0))


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ([-179.0, 179.0, 180.0], [181.0, 179.0, 180.0]),
        ([-180.0, 180.0, 170.0], [180.0, 180.0, 170.0]),
        ([-180.0, 180.0], [-180.0, 180.0]),  # the whole Earth
        ([-150.0, 0.0, 150.0], [-150.0, 0.0, 150.0]),
        ([-118.0, -116.0], [-118.0, -116.0]),
        ([], []),
    ],
)
def test_only_points_around_the_180th_meridian_are_taken_to_one_side_of_it(given, wanted) -> None:
    assert continuous(given).tolist() == wanted
