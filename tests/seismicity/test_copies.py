"""Copies are told from independent catalogues of the same earthquakes."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from craton.data.earthquakes import simulated_catalog
from craton.errors import ConfigError, DataError
from craton.seismicity.copies import compare_catalogs
from craton.seismicity.findings import copy_findings


@pytest.fixture(scope="module")
def world() -> xr.Dataset:
    return simulated_catalog(seed=6, days=2500)


def located_again(world: xr.Dataset, seed: int = 0) -> xr.Dataset:
    """The same earthquakes as another network would find them."""
    rng, n = np.random.default_rng(seed), world.sizes["event"]
    late = (rng.normal(0, 0.3, n) * 1e9).astype("timedelta64[ns]")
    return world.assign(
        time=("event", world.time.to_numpy() + late),
        latitude=np.round(world.latitude + rng.normal(0, 0.02, n), 4),
        longitude=np.round(world.longitude + rng.normal(0, 0.02, n), 4),
        magnitude=np.round(world.magnitude + rng.normal(0, 0.15, n), 2),
    ).sortby("time")


def test_two_networks_are_no_copies_of_each_other(world: xr.Dataset) -> None:
    found = compare_catalogs(world, located_again(world))
    assert found.share_first > 0.95 < found.share_second
    assert not found.is_copy and found.equal < 0.1
    assert found.seconds == pytest.approx(0.3 * 0.6745, rel=0.15)  # median of |normal|
    assert found.magnitude == pytest.approx(0.15 * 0.6745, rel=0.15)


@pytest.mark.parametrize("seconds", [-8 * 3600.0, 3855.6, 2.5, 0.0])
def test_a_copy_with_shifted_clock_and_magnitudes_is_found_with_its_shifts(
    world: xr.Dataset, seconds: float
) -> None:
    rng = np.random.default_rng(1)
    part = world.isel(event=world.magnitude.to_numpy() >= 3.5)
    n = part.sizes["event"]
    copy = part.assign(
        time=part.time + np.timedelta64(round(seconds * 1e3), "ms"),
        latitude=part.latitude + rng.uniform(-0.002, 0.002, n),
        magnitude=np.round(part.magnitude + 0.3, 1),
    )
    found = compare_catalogs(world, copy)
    assert found.is_copy and found.share_second == 1.0
    assert found.shift_seconds == pytest.approx(seconds, abs=0.01)
    assert found.shift_magnitude == pytest.approx(0.3, abs=0.03)


def test_a_copy_with_times_in_whole_seconds_is_still_found(world: xr.Dataset) -> None:
    copy = world.assign(time=world.time.astype("datetime64[s]").astype("datetime64[ns]"))
    assert compare_catalogs(world, copy).is_copy


def coarse(world: xr.Dataset, cut: bool) -> xr.Dataset:
    """Epicentres in hundredths of a degree and times in whole seconds, rounded or cut."""
    half = np.timedelta64(0 if cut else 500, "ms")
    near = np.trunc if cut else np.round
    return world.assign(
        time=(world.time + half).astype("datetime64[s]").astype("datetime64[ns]"),
        **{n: near(world[n] * 100) / 100 for n in ("latitude", "longitude")},
    )


def test_a_copy_across_the_180th_meridian_is_found_in_either_way_of_writing(
    world: xr.Dataset,
) -> None:
    fiji = world.assign(longitude=world.longitude + 298.0)  # about 180
    wrapped = world.assign(longitude=(fiji.longitude + 180) % 360 - 180)
    for pair in ((fiji, wrapped), (wrapped, fiji), (wrapped, wrapped)):
        found = compare_catalogs(*pair)
        assert found.is_copy and found.share_first == 1.0


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("hours", [0, 9])
def test_a_copy_with_both_places_and_times_made_coarse_is_found(
    world: xr.Dataset, cut: bool, hours: int
) -> None:
    copy = coarse(world, cut)
    found = compare_catalogs(world, copy.assign(time=copy.time + np.timedelta64(hours, "h")))
    assert found.is_copy and found.equal > 0.9
    assert found.shift_seconds == pytest.approx(3600 * hours, abs=1)


def test_two_networks_that_write_coarse_places_and_times_are_no_copies(world: xr.Dataset) -> None:
    found = compare_catalogs(coarse(world, False), coarse(located_again(world), False))
    assert found.share_first > 0.9
    assert not found.is_copy and found.equal < 0.1


def test_pairs_are_one_to_one_and_right(world: xr.Dataset) -> None:
    found = compare_catalogs(world, world)
    np.testing.assert_array_equal(found.first, found.second)
    assert found.first.size == world.sizes["event"]


def test_catalogues_of_other_earthquakes_have_next_to_nothing_in_common(world: xr.Dataset) -> None:
    found = compare_catalogs(world, simulated_catalog(seed=7, days=2500))
    assert found.share_first < 0.02 and not found.is_copy


def test_catalogues_that_do_not_overlap_are_refused(world: xr.Dataset) -> None:
    with pytest.raises(DataError, match="share no time"):
        compare_catalogs(world, world.assign(time=world.time + np.timedelta64(9000, "D")))
    with pytest.raises(ConfigError, match="km = 0"):
        compare_catalogs(world, world, km=0)


def test_findings_name_the_copy_and_its_clock(world: xr.Dataset) -> None:
    late = world.assign(time=world.time + np.timedelta64(9, "h"))
    found = copy_findings(world, late, ("ours", "theirs"))
    assert [f.level for f in found] == ["warning", "warning"]
    assert "100 % of the events of ours are in theirs" in found[0].text
    assert "+32400.0 s off that of ours, +9 h: local time against UTC?" in found[1].text
    again = copy_findings(world, located_again(world))
    assert [f.level for f in again] == ["info"]
