"""Gridded forecasts in CSEP's ASCII and as quadtree CSV."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from craton.errors import DataError
from craton.io.csep_grids import GriddedForecast, read_gridded_forecast, write_gridded_forecast
from craton.io.csep_regions import grid_region, quadtree_region

CORNERS = [[10.0, 50.0], [10.0, 50.1], [10.1, 50.0]]
EDGES = np.array([5.0, 5.1])


def grid():
    rates = np.array([[0.1, 0.01], [0.2, 1 / 3], [1e-12, 0.0]])
    return GriddedForecast(rates, grid_region(CORNERS, 0.1), EDGES, (0.0, 70.0), "a")


def tree():
    rates = np.array([[0.1, 0.01], [0.2, 1 / 3], [1e-12, 0.0]])
    return GriddedForecast(rates, quadtree_region(["0", "12", "013"[1:]]), EDGES, (0.0, 70.0), "a")


@pytest.mark.parametrize(("forecast", "ending"), [(grid(), ".dat"), (grid(), ".txt")])
def test_an_ascii_forecast_comes_back(tmp_path, forecast, ending):
    path = tmp_path / f"a{ending}"
    write_gridded_forecast(path, forecast)
    after = read_gridded_forecast(path)
    np.testing.assert_array_equal(after.rates, forecast.rates)
    np.testing.assert_allclose(after.region.bounds, forecast.region.bounds)
    assert after.magnitudes.tolist() == EDGES.tolist()
    assert after.depth == (0.0, 70.0)


def test_a_quadtree_forecast_comes_back_with_its_zeros(tmp_path):
    path = tmp_path / "a.csv"
    write_gridded_forecast(path, tree())
    after = read_gridded_forecast(path)
    assert after.region.quadkeys == ("0", "12", "13")
    np.testing.assert_array_equal(after.rates, tree().rates)
    assert (after.depth, after.name) == ((0.0, 70.0), "a")


def test_pycsep_reads_what_is_written(tmp_path):
    csep = pytest.importorskip("csep")
    readers = pytest.importorskip("csep.utils.readers")
    write_gridded_forecast(tmp_path / "a.dat", grid())
    theirs = csep.load_gridded_forecast(str(tmp_path / "a.dat"))
    np.testing.assert_array_equal(theirs.data, grid().rates)
    write_gridded_forecast(tmp_path / "a.csv", tree())
    rates, region, magnitudes = readers.quadtree_csv_loader(str(tmp_path / "a.csv"))
    np.testing.assert_array_equal(rates, tree().rates)
    np.testing.assert_allclose(region.bounds, tree().region.bounds, atol=1e-12)
    assert [float(m) for m in magnitudes] == EDGES.tolist()


def test_rows_may_stand_in_any_order_and_flagged_cells_are_left_out(tmp_path):
    path = tmp_path / "a.dat"
    write_gridded_forecast(path, grid())
    rows = path.read_text().splitlines()
    rows[4:] = [row[:-1] + "0" for row in rows[4:]]
    path.write_text("\n".join([rows[3], rows[0], rows[2], rows[1], *rows[4:]]))
    found = read_gridded_forecast(path)
    assert found.rates.tolist() == [[0.2, 1 / 3], [0.1, 0.01]]
    assert found.region.index([10.05], [50.15]).tolist() == [0]


def test_a_cell_without_one_of_the_magnitude_bins_is_refused(tmp_path):
    path = tmp_path / "a.dat"
    write_gridded_forecast(path, grid())
    path.write_text("\n".join(path.read_text().splitlines()[:-1]))
    with pytest.raises(DataError, match="5 rows for 3 cells and 2"):
        read_gridded_forecast(path)


def test_the_ending_must_fit_the_region(tmp_path):
    with pytest.raises(DataError, match="ending"):
        write_gridded_forecast(tmp_path / "a.csv", grid())
    with pytest.raises(DataError, match="ending"):
        write_gridded_forecast(tmp_path / "a.dat", tree())
    with pytest.raises(DataError, match="ending"):
        read_gridded_forecast(tmp_path / "a.xml")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "quadkey,depth_min,depth_max\n0,0,1\n"),
        ("a.csv", "quadkey,depth_min,depth_max,5.0\n0,0,1\n"),
        ("a.csv", "quadkey,depth_min,depth_max,5.0\n7,0,1,2\n"),
        ("a.csv", "quadkey,depth_min,depth_max,5.0\n0,0,1,-2\n"),
        ("a.csv", "quadkey,depth_min,depth_max,5.0\n"),
        ("a.dat", "1 2 3\n"),
        ("a.dat", "0 1 0 1 0 30 5 6 nan 1\n"),
        ("a.dat", "0 1 0 1 0 30 5 6 1 0\n"),
        ("a.dat", "0 1 0 1 0 30 5 6 x 1\n"),
        ("a.dat", "0 1 0 1 0 30 5 6 -1 1\n"),
    ],
)
def test_what_is_no_forecast_is_refused(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(DataError):
        read_gridded_forecast(path)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["a.csv", "a.dat"]), st.text(alphabet='0123.,- \nqe"', max_size=80))
def test_any_text_gives_a_forecast_or_one_clear_error(tmp_path_factory, name, text):
    path = tmp_path_factory.mktemp("any") / name
    path.write_text(text)
    try:
        found = read_gridded_forecast(path)
    except DataError:
        return
    assert (found.rates >= 0).all()
