"""Tests of forecast files against catalogue files, and the command that runs them."""

import json

import numpy as np
import pytest
from scipy.stats import poisson

from craton.csep.files import evaluate_files, read_forecast
from craton.errors import ConfigError, DataError
from craton.io.csep import CatalogForecast, write_catalog_forecast
from craton.io.csep_grids import GriddedForecast, write_gridded_forecast
from craton.io.csep_regions import grid_region, quadtree_zoom

CORNERS = np.array([(10 + i / 10, 50 + j / 10) for i in range(4) for j in range(3)]).round(1)
EDGES = np.array([4.0, 4.1, 4.2])
DAY = np.datetime64("2024-01-02", "ms")


@pytest.fixture
def folder(tmp_path):
    """A grid, one of twice its rates, simulated catalogues of it, and eight events on its day."""
    rng = np.random.default_rng(0)
    rates = np.outer(rng.gamma(2.0, 0.4, 12), [0.5, 0.3, 0.2])
    region = grid_region(CORNERS, 0.1)
    for name, factor in (("a.dat", 1.0), ("b.dat", 2.0)):
        write_gridded_forecast(tmp_path / name, GriddedForecast(factor * rates, region, EDGES))
    number = rng.poisson(rates.sum(), 300)
    draw = rng.choice(rates.size, number.sum(), p=rates.ravel() / rates.sum())
    place = CORNERS[draw // 3] + rng.integers(0, 10, (draw.size, 2)) / 100
    time = DAY + rng.integers(0, 86_400_000, draw.size).astype("timedelta64[ms]")
    catalogs = np.repeat(np.arange(300), number)
    columns = catalogs, *place.T.round(2), EDGES[draw % 3], 300, time, np.full(draw.size, 5.0)
    write_catalog_forecast(tmp_path / "a.csep.csv", CatalogForecast(*columns))
    rows = ["time,latitude,longitude,depth,magnitude"]
    for k in range(10):  # the first two a day too early
        when = DAY - np.timedelta64(1, "D") if k < 2 else DAY + np.timedelta64(k, "h")
        lon, lat = CORNERS[k % 12] + 0.05
        rows.append(f"{when},{lat:.2f},{lon:.2f},5,{4 + k % 3 / 10:.1f}")
    (tmp_path / "seen.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_a_grid_is_tested_on_the_events_of_its_time(folder):
    found = evaluate_files(folder / "a.dat", folder / "seen.csv", start="2024-01-02")
    assert [t.name for t in found.tests] == ["grid N", "grid M", "grid S", "grid L", "grid CL"]
    total = read_forecast(folder / "a.dat").rates.sum()
    assert found.tests[0].statistic == 8
    assert found.tests[0].at_most == pytest.approx(poisson.cdf(8, total))


def test_a_grid_without_a_time_takes_all_events_and_says_so(folder):
    found = evaluate_files(folder / "a.dat", folder / "seen.csv")
    assert found.tests[0].statistic == 10
    assert any("does not tell its time" in note for note in found.notes)


def test_simulated_catalogues_tell_their_own_time_and_cells(folder):
    found = evaluate_files(folder / "a.csep.csv", folder / "seen.csv")
    assert found.tests[0].name == "catalogue N" and found.tests[0].statistic == 8
    assert "300 simulated catalogues, 12 cells, 3 bins" in found.forecast
    own = evaluate_files(folder / "a.csep.csv", folder / "seen.csv", grid=folder / "a.dat")
    assert [t.at_most for t in own.tests] == [t.at_most for t in found.tests]


def test_a_forecast_gains_over_one_of_twice_its_rates(folder):
    """Every event has half the rate: the gain is the excess over the number less ln 2."""
    pair = {"against": folder / "b.dat", "start": "2024-01-02"}
    found = evaluate_files(folder / "a.dat", folder / "seen.csv", **pair)
    total = read_forecast(folder / "a.dat").rates.sum()
    assert [c.name for c in found.comparisons] == ["T", "W"]
    assert found.comparisons[0].gain == pytest.approx(total / 8 - np.log(2))


def test_catalogues_are_compared_with_a_grid_by_cells(folder):
    pair = {"against": folder / "b.dat"}
    found = evaluate_files(folder / "a.csep.csv", folder / "seen.csv", **pair)
    assert found.comparisons[0].n == 8


def test_a_quadtree_is_told_from_simulated_catalogues_by_its_first_line(tmp_path):
    forecast = GriddedForecast(np.ones((4, 1)), quadtree_zoom(1), np.array([5.0]))
    write_gridded_forecast(tmp_path / "q.csv", forecast)
    assert isinstance(read_forecast(tmp_path / "q.csv"), GriddedForecast)


def test_another_ending_is_refused(folder):
    with pytest.raises(DataError, match="ending is none of a forecast"):
        evaluate_files(folder.joinpath("a.dat").rename(folder / "a.xml"), folder / "seen.csv")


def test_too_many_cells_are_refused(folder):
    with pytest.raises(ConfigError, match="larger --cell"):
        evaluate_files(folder / "a.csep.csv", folder / "seen.csv", cell=1e-4)


def test_the_command_prints_verdicts_and_writes_json_and_pictures(craton, folder):
    call = ("csep", folder / "a.dat", folder / "seen.csv", "--start", "2024-01-02")
    code, said = craton(*call, "--against", folder / "b.dat", "--out", "r.json")
    assert code == 0 and "number of events" in said and "passes" in said and "nats an event" in said
    kept = json.loads((folder / "r.json").read_text())
    assert {t["test"] for t in kept["tests"]} >= {"grid N", "grid S"}
    assert kept["tests"][0]["observed"] == 8
    assert craton(*call, "--out", "r.png")[0] == 0
    assert (folder / "r.png").read_bytes()[:4] == b"\x89PNG"
    code, said = craton(*call, "--out", "r.doc")
    assert code == 2 and ".json, .png" in said
