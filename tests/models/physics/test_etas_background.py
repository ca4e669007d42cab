"""Background densities against their own integrals."""

from __future__ import annotations

import numpy as np
import pytest

from craton.models.physics.etas_background import CellDensity, KernelDensity, UniformDensity
from tests.models.physics.etas_world import GRID, SQUARE


def densities() -> list[UniformDensity | CellDensity | KernelDensity]:
    rng = np.random.default_rng(0)
    x, y = rng.normal(60, 20, 80).clip(1, 199), rng.uniform(0, 150, 80)
    return [
        SQUARE,
        CellDensity.of(GRID[:40], np.arange(40.0)),
        KernelDensity.from_points(x, y, rng.random(80), (0, 200, 0, 150)),
        KernelDensity.from_points(x, y, rng.random(80), [[0, 0], [190, 10], [100, 150]]),
    ]


@pytest.mark.parametrize("which", range(4))
def test_a_background_density_integrates_to_one_and_its_cells_agree(which: int) -> None:
    density = densities()[which]
    step = 0.5
    x, y = np.meshgrid(np.arange(0.25, 200, step), np.arange(0.25, 150, step))
    at = density.at(x.ravel(), y.ravel())
    assert at.sum() * step**2 == pytest.approx(1.0, abs=2e-3)
    assert density.in_cells(GRID).sum() == pytest.approx(1.0, abs=2e-3)
    inside = (x.ravel() < 70) & (x.ravel() >= 60) & (y.ravel() >= 40) & (y.ravel() < 50)
    cell = density.in_cells(np.array([[60.0, 70.0, 40.0, 50.0]]))[0]
    assert at[inside].sum() * step**2 == pytest.approx(cell, rel=0.02, abs=1e-5)


@pytest.mark.parametrize("which", range(4))
def test_samples_of_a_background_density_fall_into_cells_as_often_as_told(which: int) -> None:
    density = densities()[which]
    x, y = density.sample(np.random.default_rng(1), 20_000)
    cells = np.array([[a, a + 40.0, b, b + 50.0] for a in range(0, 200, 40) for b in (0, 50, 100)])
    n = [((x >= a) & (x < b) & (y >= c) & (y < d)).sum() for a, b, c, d in cells]
    expected = 20_000 * density.in_cells(cells)
    assert (np.abs(n - expected) < 4 * np.sqrt(expected) + 0.01 * expected + 4).all()
    assert sum(n) == 20_000


def test_the_density_at_an_event_leaves_the_event_out() -> None:
    density = densities()[2]
    assert isinstance(density, KernelDensity)
    keep = np.arange(80) != 7
    w = density.weight
    parts = (
        w
        / (2 * np.pi * density.bandwidth**2)
        * np.exp(
            -((density.x - density.x[7]) ** 2 + (density.y - density.y[7]) ** 2)
            / (2 * density.bandwidth**2)
        )
    )
    expected = parts[keep].sum() * w.sum() / w[keep].sum() + 0.01 / density.area
    assert density.at_own_points()[7] == pytest.approx(expected, rel=1e-9)


def test_a_kernel_density_gives_back_the_weights_that_it_was_made_of() -> None:
    rng = np.random.default_rng(2)
    x, y, w = rng.uniform(20, 180, 60), rng.uniform(20, 130, 60), rng.random(60)
    x[5], y[5] = x[30], y[30]  # two events at one place
    density = KernelDensity.from_points(x, y, w, (0, 200, 0, 150))
    asked = np.append(x, 1.0), np.append(y, 2.0)
    found = density.weights_at(*asked)
    assert found[:60] == pytest.approx(w)
    assert np.isnan(found[60])
    assert 0.8 * w.sum() < density.number < w.sum()  # some spills over the edge
