"""Nearest neighbours against the search through all pairs, and families against the truth."""

from __future__ import annotations

import numpy as np
import pytest

from craton.data.earthquakes import simulated_catalog
from craton.errors import ConfigError, DataError
from craton.events import days
from craton.io.geodesy import haversine_km
from craton.seismicity.nearest_neighbour import families, nearest_neighbours, threshold

from .sequences import catalog


@pytest.mark.parametrize("settings", [(1.0, 1.6, 0.1), (0.8, 2.0, 1.0)])
def test_the_search_finds_what_a_search_through_all_pairs_finds(settings) -> None:
    b, dimension, least = settings
    world = simulated_catalog(seed=5, days=900)
    found = nearest_neighbours(world, b, dimension, least)
    time, m = days(world.time.to_numpy()), world.magnitude.to_numpy()
    lat, lon = world.latitude.to_numpy(), world.longitude.to_numpy()
    assert time.size > 300 and found.parent[0] == -1 and np.isinf(found.log_distance[0])
    for j in range(1, time.size):
        gap = np.maximum(time[j] - time[:j], 1 / 86400) / 365.25
        km = np.maximum(haversine_km(lat[j], lon[j], lat[:j], lon[:j], radius=6371.0), least)
        eta = np.log10(gap) + dimension * np.log10(km) - b * m[:j]
        eta[time[:j] >= time[j]] = np.inf
        assert found.log_distance[j] == pytest.approx(eta.min(), abs=1e-7)
        assert eta[found.parent[j]] == pytest.approx(eta.min(), abs=1e-7)
    np.testing.assert_allclose((found.log_time + found.log_space)[1:], found.log_distance[1:])


def test_a_distance_by_hand() -> None:
    found = nearest_neighbours(catalog((0, 0, 5.0), (365.25, 10, 3.0)))
    assert found.log_time[1] == pytest.approx(-2.5)
    assert found.log_space[1] == pytest.approx(1.6 - 2.5)


def test_events_of_one_moment_are_not_each_others_parents() -> None:
    found = nearest_neighbours(catalog((0, 0, 5.0), (0, 0, 4.0), (1, 0, 3.0)))
    assert found.parent.tolist() == [-1, -1, 0]


def test_links_longer_than_the_threshold_are_cut() -> None:
    world = catalog((0, 0, 5.0), (1, 0, 3.0), (2, 0, 6.0), (9000, 900, 3.0))
    found = families(nearest_neighbours(world), world.magnitude.to_numpy(), -4.0)
    assert found.cluster.tolist() == [0, 0, 0, 1]
    assert found.mainshock.tolist() == [False, False, True, True]


def test_a_poisson_catalogue_has_no_threshold_and_no_clusters() -> None:
    rng = np.random.default_rng(0)
    n = 3000
    world = catalog(*zip(np.sort(rng.uniform(0, 9000, n)), rng.uniform(0, 2000, n),
                         3 + rng.exponential(0.434, n), strict=True))  # fmt: skip
    world = world.assign(latitude=("event", rng.uniform(0, 18, n)))
    found = nearest_neighbours(world)
    assert np.isnan(threshold(found))
    assert families(found, world.magnitude.to_numpy()).mainshock.all()


def test_the_share_of_background_of_a_sparse_world_comes_back() -> None:
    shares = []
    for seed in range(3):
        world = simulated_catalog(seed=seed, background_per_day=0.1, days=10_000)
        found = families(nearest_neighbours(world), world.magnitude.to_numpy())
        shares.append(
            found.mainshock.mean() - world.attrs["background_events"] / found.cluster.size
        )
    assert abs(np.mean(shares)) < 0.15  # the truth is 0.32; far aftershocks pass for background


def test_too_few_events_and_wrong_settings_are_refused() -> None:
    with pytest.raises(DataError, match="at least 50"):
        threshold(nearest_neighbours(catalog((0, 0, 3.0), (1, 0, 3.0))))
    with pytest.raises(ConfigError, match="b = 0"):
        nearest_neighbours(catalog((0, 0, 3.0)), 0)
