"""Shares of aftershocks in cells."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from craton.models.physics.etas_cells import cell_share


@pytest.mark.parametrize("zone", [1e-3, 0.5, 40.0])
@pytest.mark.parametrize("x", [-3.0, 0.3, 4.9, 7.0])
def test_the_closed_form_of_rho_one_is_the_limit_of_the_integral_along_edges(x, zone) -> None:
    cell = np.array([0.0, 5.0, -2.0, 3.0])
    closed = cell_share(x, 0.7, zone, 1.0, cell)
    near = [cell_share(x, 0.7, zone, 1.0 + sign * 1e-5, cell) for sign in (-1, 1)]
    assert closed == pytest.approx(np.mean(near), abs=2e-7)


def test_cells_that_tile_the_plane_hold_all_aftershocks() -> None:
    edges = [-1e7, -1.0, 0.4, 1e7]
    sides = list(pairwise(edges))
    cells = [np.array([*a, *b]) for a in sides for b in sides]
    for rho in (0.5, 1.0):
        assert sum(cell_share(0.1, 0.2, 0.3, rho, c) for c in cells) == pytest.approx(1, abs=1e-6)
