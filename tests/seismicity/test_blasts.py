"""Blasts by the time of day: none where there are none, and found where they were put."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from sklearn.metrics import roc_auc_score

from craton.data.earthquakes import simulated_catalog, with_blasts
from craton.errors import ConfigError
from craton.seismicity.blasts import blast_cells, blast_probability, solar_hour


@pytest.fixture(scope="module")
def world() -> xr.Dataset:
    return with_blasts(simulated_catalog(seed=4), seed=2, quarries=5, per_year=40.0)


def test_the_cells_of_all_quarries_are_found_and_no_others(world: xr.Dataset) -> None:
    found = blast_cells(world)
    blasts = world.quarry.to_numpy() >= 0
    number = np.bincount(found.cell_of, blasts, minlength=found.contaminated.size)
    assert set(np.flatnonzero(number >= 30)) <= set(np.flatnonzero(found.contaminated))
    assert (number[found.contaminated] > 0).all()
    assert found.excess.sum() == pytest.approx(blasts.sum(), rel=0.1)


def test_earthquakes_alone_are_seldom_taken_for_blasts() -> None:
    finds = [blast_cells(simulated_catalog(seed=s, days=2500), 0.5) for s in range(12)]
    assert sum(f.contaminated.any() for f in finds) <= 1
    assert all((f.excess == 0).all() or f.contaminated.any() for f in finds)


def test_an_aftershock_sequence_that_begins_at_noon_is_no_quarry() -> None:
    rng = np.random.default_rng(0)
    hours = 12.0 + 0.01 * rng.pareto(0.5, 3000)
    hours = np.sort(hours[hours < 24 * 60])
    assert ((hours % 24 >= 7) & (hours % 24 < 19)).mean() > 0.6  # more by day by far
    time = np.datetime64("2020-06-01", "ns") + (hours * 3.6e12).astype("timedelta64[ns]")
    sequence = xr.Dataset({
        "time": ("event", time),
        "latitude": ("event", np.full(time.size, 40.05)),
        "longitude": ("event", np.full(time.size, 0.05)),
    })  # fmt: skip
    assert not blast_cells(sequence).contaminated.any()


def test_the_probability_ranks_blasts_above_earthquakes_and_is_zero_by_night(
    world: xr.Dataset,
) -> None:
    p, blasts = blast_probability(world), world.quarry.to_numpy() >= 0
    assert roc_auc_score(blasts, p) > 0.97
    assert (p[(solar_hour(world) < 7) | (solar_hour(world) >= 19)] == 0).all()
    assert p[blasts].mean() > 0.8 > 0.2 > p[~blasts].mean()


def test_the_hour_is_that_of_the_sun() -> None:
    at = {"time": ("event", np.array(["2020-01-01T23:00", "2020-01-01T01:00"], "datetime64[ns]"))}
    hours = solar_hour(xr.Dataset({**at, "longitude": ("event", [30.0, -30.0])}))
    np.testing.assert_allclose(hours, [1.0, 23.0])


def test_settings_out_of_range_are_refused(world: xr.Dataset) -> None:
    with pytest.raises(ConfigError, match="cell = 0"):
        blast_cells(world, 0)
    with pytest.raises(ConfigError, match="neighbours = 0"):
        blast_probability(world, 0)
