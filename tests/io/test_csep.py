"""Catalogue forecasts and observed catalogues in pyCSEP's formats."""

import gzip
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from craton.errors import DataError
from craton.io.csep import (
    CatalogForecast,
    read_catalog_forecast,
    read_observed,
    write_catalog_forecast,
)

HEADER = "lon,lat,mag,time_string,depth,catalog_id,event_id\n"
ROWS = (
    "174.1,-42.3,4.1,2016-11-14T01:02:03.250000,10.0,0,a\n"
    "174.2,-42.2,3.9,2016-11-14T05:06:07,11.5,2,b\n"
    ",,,,,3,\n"
    "174.3,-42.1,3.6,2016-11-14T08:09:10,,5,c\n"
)


def simulated():
    time = np.array(["2016-11-14T01:02:03.250", "2016-11-14T05:06:07"] * 3, "datetime64[ms]")
    return CatalogForecast(
        np.array([1, 1, 2, 4, 4, 4]), np.linspace(174, 175, 6) / 3 * 3, np.linspace(-42, -41, 6),
        np.array([4.1, 3.6, 3.7, 5.0, 3.9, 4.4]), 7, time, np.full(6, 10.0), "a",
    )  # fmt: skip


@pytest.mark.parametrize("header", [HEADER, ""])
def test_catalogues_without_events_are_counted(tmp_path, header):
    path = tmp_path / "a.csv"
    path.write_text(header + ROWS)
    found = read_catalog_forecast(path)
    assert found.n_catalogs == 6
    assert found.catalog.tolist() == [0, 2, 5]
    assert found.magnitude.tolist() == [4.1, 3.9, 3.6]
    assert found.time[0] == np.datetime64("2016-11-14T01:02:03.250")
    assert np.isnan(found.depth[2])
    assert read_catalog_forecast(path, 10).n_catalogs == 10


def test_what_is_written_comes_back_and_times_may_be_left_out(tmp_path):
    path, before = tmp_path / "a.csv", simulated()
    write_catalog_forecast(path, before)
    after = read_catalog_forecast(path)
    for name in ("catalog", "longitude", "latitude", "magnitude", "time", "depth"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name), err_msg=name)
    assert (after.n_catalogs, after.name) == (7, "a")
    quick = read_catalog_forecast(path, times=False)
    assert quick.time is None
    np.testing.assert_array_equal(quick.longitude, before.longitude)


def test_pycsep_reads_what_is_written(tmp_path):
    csep = pytest.importorskip("csep")
    path, before = tmp_path / "a.csv", simulated()
    write_catalog_forecast(path, before)
    theirs = list(csep.load_catalog_forecast(str(path)))
    assert [c.event_count for c in theirs] == [0, 2, 1, 0, 3, 0, 0]
    np.testing.assert_array_equal(
        np.concatenate([c.get_longitudes() for c in theirs if c.event_count]), before.longitude
    )
    epochs = np.concatenate([c.get_epoch_times() for c in theirs if c.event_count])
    np.testing.assert_array_equal(epochs, before.time.astype(int))


def test_events_in_any_order_are_sorted_by_catalogue(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("".join(reversed(ROWS.splitlines(keepends=True))))
    assert read_catalog_forecast(path).longitude.tolist() == [174.1, 174.2, 174.3]


def test_a_compressed_file_is_read(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress((HEADER + ROWS).encode()))
    assert read_catalog_forecast(path).name == "a"
    assert read_catalog_forecast(path, times=False).catalog.tolist() == [0, 2, 5]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("174,-95,4,2016-01-01T00:00:00,10,0,\n", "entry 1: .*latitude"),
        ("174,-45,4,2016-01-01T00:00:00,10,0,\n374,-45,4,2016-01-01T00:00:00,10,0,\n", "entry 2"),
        ("174,-45,14,2016-01-01T00:00:00,10,0,\n", "magnitude"),
        ("174,,4,2016-01-01T00:00:00,10,0,\n", "none of them"),
        ("174,-45,4,2016-01-01T00:00:00,10,-1,\n", "catalogue number"),
        ("174,-45,4,2016-01-01T00:00:00,10,0.5,\n", "catalogue number"),
        ("174,-45,4,2016-01-01T00:00:00,10,1e18,\n", "catalogue number"),
        ("174,-45,4,2016-01-01T00:00:00,10,,\n", "catalogue number"),
        ("174,-45,4,yesterday,10,0,\n", "ISO 8601"),
        ("174,-45,big,2016-01-01T00:00:00,10,0,\n", "no catalogue forecast"),
        ("174,-45\n", "catalogue number"),
        (HEADER, "holds no catalogue"),
        ("\n", "holds no catalogue"),
    ],
)
def test_what_is_no_forecast_is_refused(tmp_path, text, what):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=what):
        read_catalog_forecast(path)


def test_more_catalogues_than_were_told_are_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(ROWS)
    with pytest.raises(DataError, match="number 5 with 3 catalogues"):
        read_catalog_forecast(path, 3)


def test_a_forecast_without_times_is_not_written(tmp_path):
    bare = CatalogForecast(*np.array([[0], [1.0], [2.0], [3.0]]), n_catalogs=1)
    with pytest.raises(DataError, match="no times"):
        write_catalog_forecast(tmp_path / "a.csv", bare)


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match="latitude has shape"):
        CatalogForecast(np.array([0]), np.zeros(1), np.zeros(2), np.zeros(1), 1)
    with pytest.raises(DataError, match="ascending"):
        CatalogForecast(np.array([1, 0]), np.zeros(2), np.zeros(2), np.zeros(2), 2)


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet='0123456789.,-+eTn:\n" alo', max_size=80))
def test_any_text_gives_a_forecast_or_one_clear_error(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("any") / "a.csv"
    path.write_text(text)
    try:
        found = read_catalog_forecast(path)
    except DataError:
        return
    assert np.isfinite(found.longitude).all()


def test_pycsep_json_is_an_observed_catalogue_in_order_of_time(tmp_path):
    path = tmp_path / "catalog.json"
    rows = [["b", 2000, -41.0, 174.0, 10.0, 4.0], ["a", 1500, -42.0, 175.0, None, 5.0]]
    rows[1][4] = 3.0
    path.write_text(json.dumps({"catalog": rows}))
    found = read_observed(path)
    assert found["magnitude"].to_numpy().tolist() == [5.0, 4.0]
    assert found["time"].to_numpy()[0] == np.datetime64("1970-01-01T00:00:01.500")


def test_any_other_catalogue_is_read_as_elsewhere(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("lon,lat,M,time_string,depth,catalog_id,event_id\n"
                    "-117.4,35.6,4.7,2019-07-06T03:22:35.630000,9.4,-1,\n")  # fmt: skip
    assert read_observed(path)["magnitude"].to_numpy().tolist() == [4.7]


@pytest.mark.parametrize(
    "text",
    [
        "[1]",
        "{}",
        '{"catalog": [[1, 2]]}',
        '{"catalog": [[1, 2, 3, 4, 5, "x"]]}',
        '{"catalog": [[1, 2, NaN, 4, 5, 6]]}',
        "{",
    ],
)
def test_json_that_is_no_catalogue_is_refused(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(DataError):
        read_observed(path)
