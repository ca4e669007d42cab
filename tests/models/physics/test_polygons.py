"""Polygons against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from craton.errors import ConfigError
from craton.models.physics.polygons import (
    as_polygon,
    border_distance,
    gauss_in_polygon,
    inside_polygon,
    overlap_areas,
    polygon_area,
)

TRIANGLE = [[0, 0], [4, 0], [0, 4]]
places = st.floats(-5, 5)


def test_polygons_know_their_inside_and_their_edge() -> None:
    assert inside_polygon([1, 2, 3, 0, 5], [1, 2, 3, 0, 0], TRIANGLE).tolist() == [
        True, True, False, True, False,
    ]  # fmt: skip
    assert (as_polygon(TRIANGLE[::-1]) == np.array([[0, 0], [4, 0], [0, 4]])).all()
    assert polygon_area(as_polygon(TRIANGLE)) == 8.0
    with pytest.raises(ConfigError, match="polygon"):
        as_polygon([1, 2, 3])


def test_the_part_of_a_polygon_in_a_cell_is_exact() -> None:
    cells = np.array([[1.0, 3.0, 1.0, 3.0], [-9.0, 9.0, -9.0, 9.0], [5.0, 6.0, 0.0, 1.0]])
    found = overlap_areas(as_polygon(TRIANGLE), cells)
    np.testing.assert_allclose(found, [2.0, 8.0, 0.0], atol=1e-12)


@given(places, places, st.floats(0.1, 3))
def test_a_gaussian_in_a_rectangle_is_a_product_of_error_functions(
    x: float, y: float, h: float
) -> None:
    def share(at: float, low: float, high: float) -> float:
        return 0.5 * (math.erf((high - at) / h / 2**0.5) - math.erf((low - at) / h / 2**0.5))

    rectangle = as_polygon((-1, 2, -3, 1))
    found = gauss_in_polygon(np.array([x]), np.array([y]), np.array([h]), rectangle)
    on_edge = min(abs(x + 1), abs(x - 2), abs(y + 3), abs(y - 1)) < 1e-9
    if not on_edge:
        assert found[0] == pytest.approx(share(x, -1, 2) * share(y, -3, 1), abs=1e-12)


@given(places, places)
def test_the_border_of_a_square_is_as_far_as_its_nearest_side(x: float, y: float) -> None:
    aside = np.maximum(np.abs([x, y]) - 2.0, 0.0)
    inside = 2.0 - max(abs(x), abs(y))
    expected = inside if inside >= 0 else float(np.hypot(*aside))
    assert border_distance(x, y, (-2, 2, -2, 2))[0] == pytest.approx(expected, abs=1e-12)
