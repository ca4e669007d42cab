"""Declustering of hand-made sequences and of synthetic catalogues."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from craton.data.earthquakes import simulated_catalog
from craton.errors import ConfigError
from craton.seismicity.declustering import gardner_knopoff, reasenberg, windows

from .sequences import catalog

# Table 1 of Gardner & Knopoff (1974): magnitude, km, days.
TABLE = np.array([
    (2.5, 19.5, 6), (3.0, 22.5, 11.5), (3.5, 26, 22), (4.0, 30, 42), (4.5, 35, 83),
    (5.0, 40, 155), (5.5, 47, 290), (6.0, 54, 510), (6.5, 61, 790), (7.0, 70, 915),
    (7.5, 81, 960), (8.0, 94, 985),
])  # fmt: skip


def test_the_windows_are_those_of_the_published_table() -> None:
    km, days = windows(TABLE[:, 0])
    np.testing.assert_allclose(km, TABLE[:, 1], rtol=0.02)
    np.testing.assert_allclose(days, TABLE[:, 2], rtol=0.13)


def test_gardner_knopoff_takes_what_is_in_the_window_and_nothing_else() -> None:
    km, days = (float(w) for w in windows(6.0))
    found = gardner_knopoff(
        catalog((1, 0, 3.0), (days - 1, km - 1, 4.0), (days, 0, 6.0), (2 * days - 1, -km + 1, 5.0),
                (2 * days - 0.5, km + 1, 4.0), (2 * days + 1, 0, 3.0))
    )  # fmt: skip
    assert found.cluster.tolist() == [0, 0, 0, 0, 1, 2]
    assert found.mainshock.tolist() == [False, False, True, False, True, True]


def test_without_foreshocks_gardner_knopoff_looks_forward_only() -> None:
    sequence = catalog((0, 0, 4.0), (1, 0, 6.0), (2, 0, 4.0))
    assert gardner_knopoff(sequence, 0.0).mainshock.tolist() == [True, True, False]
    assert gardner_knopoff(sequence, 1.0).mainshock.tolist() == [False, True, False]


def test_reasenberg_links_within_the_zone_of_interaction() -> None:
    zone = 10 * 0.011 * 10 ** (0.4 * 4.0)  # 4.4 km
    near, far = zone + 1.5 - 0.01, zone + 1.5 + 0.01
    assert reasenberg(catalog((0, 0, 4.0), (0.5, near, 3.0)), 2.0).mainshock.sum() == 1
    assert reasenberg(catalog((0, 0, 4.0), (0.5, far, 3.0)), 2.0).mainshock.sum() == 2


def test_the_zone_of_interaction_is_never_larger_than_the_crust() -> None:
    assert reasenberg(catalog((0, 0, 8.0), (0.5, 31.4, 3.0)), 2.0).mainshock.sum() == 1
    assert reasenberg(catalog((0, 0, 8.0), (0.5, 31.6, 3.0)), 2.0).mainshock.sum() == 2


def test_an_event_alone_looks_one_day_ahead_and_a_sequence_longer() -> None:
    assert reasenberg(catalog((0, 0, 4.0), (1.01, 0, 3.0)), 2.0).mainshock.sum() == 2
    # At 0.9 days: deltam = 0.5 * 4 - 2 = 0, so tau = -ln(0.05) * 0.9 * 10^(2/3) = 12.5, at most 10.
    assert reasenberg(
        catalog((0, 0, 4.0), (0.9, 0, 3.0), (10.8, 0, 3.0)), 2.0
    ).cluster.tolist() == [0, 0, 0]
    assert reasenberg(
        catalog((0, 0, 4.0), (0.9, 0, 3.0), (11.0, 0, 3.0)), 2.0
    ).cluster.tolist() == [0, 0, 1]


def test_the_look_ahead_time_is_that_of_omoris_law() -> None:
    # deltam = 0.5 * 7 - 2 = 1.5: tau = -ln(0.05) * t / 10^(1/3) = 1.3905 t, here with t = 0.9.
    tau = -np.log(0.05) * 0.9 / 10 ** (1 / 3)
    for wait, number in ((tau - 0.01, 1), (tau + 0.01, 2)):
        sequence = catalog((0, 0, 7.0), (0.9, 0, 3.0), (0.9 + wait, 0, 3.0))
        assert reasenberg(sequence, 2.0).mainshock.sum() == number


def test_a_larger_event_becomes_the_main_shock_and_joins_two_clusters() -> None:
    found = reasenberg(
        catalog((0, 0, 3.0), (0.1, 0, 2.5), (0.2, 20, 3.0), (0.3, 20, 2.5), (0.4, 3, 6.0),
                (0.5, 19, 3.0)), 2.0
    )  # fmt: skip
    assert found.cluster.tolist() == [0] * 6
    assert np.flatnonzero(found.mainshock).tolist() == [4]


@pytest.mark.parametrize("method", [gardner_knopoff, lambda c: reasenberg(c, 3.0)])
def test_every_cluster_has_one_main_shock_and_no_larger_event(method) -> None:
    world = simulated_catalog(seed=3, days=1500)
    found, m = method(world), world.magnitude.to_numpy()
    assert np.bincount(found.cluster[found.mainshock]).tolist() == [1] * (found.cluster.max() + 1)
    largest = np.full(found.cluster.max() + 1, -np.inf)
    np.maximum.at(largest, found.cluster, m)
    np.testing.assert_array_equal(m[found.mainshock], largest[found.cluster[found.mainshock]])


@pytest.mark.parametrize("method", [gardner_knopoff, lambda c: reasenberg(c, 3.0)])
def test_the_answer_does_not_depend_on_where_or_when_the_catalogue_lies(method) -> None:
    world = simulated_catalog(seed=3, days=800)
    moved = world.assign(
        longitude=world.longitude + 200.0, time=world.time + np.timedelta64(5000, "D")
    )
    xr.testing.assert_equal(*(xr.DataArray(method(c).cluster) for c in (world, moved)))


def test_settings_out_of_range_are_refused() -> None:
    world = catalog((0, 0, 3.0))
    with pytest.raises(ConfigError, match="foreshock_share = -1"):
        gardner_knopoff(world, -1)
    with pytest.raises(ConfigError, match="tau_min = 20"):
        reasenberg(world, 2.0, tau_min=20)
