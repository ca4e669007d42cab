"""What the findings say of catalogues whose flaws are known, and of one that has none."""

from __future__ import annotations

import os

import numpy as np
import pytest
import xarray as xr

from craton.data.earthquakes import simulated_catalog, with_blasts, with_incompleteness
from craton.data.registry import locate
from craton.io.catalog import read_catalog
from craton.seismicity.findings import catalog_findings


def warnings(data: xr.Dataset, used: float | None = None) -> str:
    return "\n".join(f.text for f in catalog_findings(data, used, None) if f.level == "warning")


@pytest.fixture(scope="module")
def whole() -> xr.Dataset:
    return simulated_catalog(seed=2, background_per_day=1.5)


@pytest.fixture(scope="module")
def recorded(whole: xr.Dataset) -> xr.Dataset:
    world = with_incompleteness(whole, steps=(("1900-01-01", 3.9), ("2004-01-01", 3.3)))
    return world.isel(event=world.detected.to_numpy())


def test_a_complete_catalogue_cut_at_the_magnitude_used_raises_no_alarm(whole: xr.Dataset) -> None:
    # In so dense a world some aftershocks do look like the event before.
    assert all("repetition" in line for line in warnings(whole, 3.0).splitlines())


def test_the_time_of_poor_completeness_is_named(recorded: xr.Dataset) -> None:
    text = warnings(recorded, 3.5)
    assert "not complete from 3.5 in" in text
    assert "from 2000-01-0" in text and ("to 2003-12" in text or "to 2004-0" in text)
    assert "not complete" not in warnings(recorded, 4.1)


def test_a_magnitude_below_completeness_is_warned_of(recorded: xr.Dataset) -> None:
    assert "the magnitude 3 asked for is below completeness" in warnings(recorded, 3.0)


def test_missing_aftershocks_show_in_b_positive(whole: xr.Dataset) -> None:
    world = with_incompleteness(
        whole, steps=(("1900-01-01", 3.2),), after_magnitude=4.5, coda=(1.0, 1.0)
    )
    text = warnings(world.isel(event=world.detected.to_numpy()))
    assert "b-positive is" in text and "soon after large ones" in text


def test_blasts_are_named_by_type_and_by_the_time_of_day(whole: xr.Dataset) -> None:
    world = with_blasts(whole, quarries=1, per_year=100.0)
    text, n = warnings(world), int((world.quarry.to_numpy() >= 0).sum())
    assert f"{n} events are no earthquakes by their own type (quarry blast {n})" in text
    assert "--set event_types='[earthquake]' leaves them out" in text
    assert "more events by day than by night" in text
    assert "by their own type" not in warnings(world.drop_vars("event_type"))
    assert "by day" not in warnings(whole)


def test_completeness_that_differs_in_space_is_warned_of(whole: xr.Dataset) -> None:
    world = with_incompleteness(whole, steps=(("1900-01-01", 3.3),), per_degree=0.5)
    assert "completeness differs in space" in warnings(world.isel(event=world.detected.to_numpy()))


def test_a_small_catalogue_is_an_error() -> None:
    few = simulated_catalog(days=10)
    assert few.sizes["event"] < 50
    assert [f.level for f in catalog_findings(few, None, None)] == ["error"]


@pytest.mark.realdata
@pytest.mark.skipif("CRATON_DATA_DIR" not in os.environ, reason="CRATON_DATA_DIR is not set")
def test_explosions_of_the_boron_mine_are_found_in_the_southern_californian_catalogue() -> None:
    folder = locate("earthquakenpp/SCEDC_20").path
    data = read_catalog(folder / "SCEDC_catalog.csv.gz")
    assert "most near 35.1, -117.7" in warnings(data)


def test_a_catalogue_of_few_magnitudes_or_one_place_is_judged_without_a_crash() -> None:
    few = simulated_catalog(days=300)
    coarse = few.assign(magnitude=np.floor(few.magnitude))
    assert len(catalog_findings(coarse, None, None)) > 2
    one_place = few.assign(latitude=few.latitude * 0 + 36, longitude=few.longitude * 0 - 118)
    assert len(catalog_findings(one_place, None, None)) > 2
    equal = few.assign(magnitude=few.magnitude * 0 + 3.0)
    assert [f.level for f in catalog_findings(equal, None, None)].count("error") == 1
