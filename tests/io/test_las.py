"""LAS files: known answers, an independent parser as oracle, and files that are broken."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import lasio
import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from craton.errors import DataError
from craton.io.las import read_las, write_las

HEAD = """~Version
VERS. 2.0 :
WRAP. NO :
~Well
STRT.{unit} 100 :
STOP.{unit} 102 :
NULL. -999.25 :
WELL. 007 : WELL
~Curve
DEPT.{unit} : depth
GR.GAPI : gamma ray
RHOB.G/CC : density
~A
"""
ROWS = "100 80.5 -999.25\n101 81 2.5\n102 82 2.75\n"
QUIET = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def save(folder: Path, rows: str = ROWS, unit: str = "M", head: str = HEAD) -> Path:
    path = folder / "file-1.las"
    path.write_text(head.format(unit=unit) + rows, encoding="utf-8")
    return path


def test_values_units_and_nulls_come_through(tmp_path: Path) -> None:
    ds = read_las(save(tmp_path))
    np.testing.assert_array_equal(ds["depth"], [100, 101, 102])
    np.testing.assert_array_equal(ds["RHOB"], [np.nan, 2.5, 2.75])
    assert ds["GR"].attrs["units"] == "GAPI"
    assert ds["well"].values.tolist() == ["007"] * 3


@pytest.mark.parametrize("unit", ["F", "FT", "feet"])
def test_feet_become_metres_and_the_original_depth_stays(tmp_path: Path, unit: str) -> None:
    ds = read_las(save(tmp_path, unit=unit))
    np.testing.assert_allclose(ds["depth"], [30.48, 30.7848, 31.0896])
    np.testing.assert_array_equal(ds["depth_original"], [100, 101, 102])
    assert ds["depth_original"].attrs["units"] == "ft"
    assert "from ft to m" in ds.attrs["history"]


def test_a_missing_or_unknown_depth_unit_is_refused_unless_it_is_given(tmp_path: Path) -> None:
    for unit, said in (("", "no unit"), ("FURLONG", "FURLONG")):
        path = save(tmp_path, unit=unit)
        with pytest.raises(DataError, match=f"{said}.*depth_unit"):
            read_las(path)
        assert float(read_las(path, depth_unit="ft")["depth"][0]) == pytest.approx(30.48)


def test_feet_in_the_header_against_metres_in_the_curve_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path, head=HEAD.replace("DEPT.{unit}", "DEPT.FT"), unit="M")
    with pytest.raises(DataError, match="FT but STRT is in M"):
        read_las(path)


def test_a_file_without_a_well_name_bears_the_name_of_the_file(tmp_path: Path) -> None:
    path = save(tmp_path, head=HEAD.replace("007", ""))
    assert set(read_las(path)["well"].values.tolist()) == {"file-1"}


def test_a_file_that_runs_upward_is_turned_round(tmp_path: Path) -> None:
    ds = read_las(save(tmp_path, rows="102 3 3\n101 2 2\n100 1 1\n"))
    np.testing.assert_array_equal(ds["GR"], [1, 2, 3])
    assert "turned round" in ds.attrs["history"]


def test_a_wrapped_file_equals_the_unwrapped_one(tmp_path: Path) -> None:
    flat = read_las(save(tmp_path))
    rows = "100\n80.5 -999.25\n101\n81 2.5\n102\n82\n2.75\n"
    wrapped = read_las(save(tmp_path, rows, head=HEAD.replace("WRAP. NO", "WRAP. YES")))
    xr.testing.assert_equal(flat, wrapped)


def test_values_that_run_together_are_parted(tmp_path: Path) -> None:
    ds = read_las(save(tmp_path, rows="100 80-999.25\n101 81 2.5\n102 8.2E-05 2.7\n"))
    np.testing.assert_array_equal(ds["RHOB"], [np.nan, 2.5, 2.7])
    assert "parted" in ds.attrs["history"]


def test_comma_separated_data_with_an_empty_value_are_read(tmp_path: Path) -> None:
    ds = read_las(save(tmp_path, rows="100,80,2\n101,,2.5\n102,82,2.7\n"))
    np.testing.assert_array_equal(ds["GR"], [80, np.nan, 82])


def test_an_empty_curve_is_a_finding_and_no_error(tmp_path: Path) -> None:
    ds = read_las(save(tmp_path, rows="100 1 -999.25\n101 2 -999.25\n102 3 -999.25\n"))
    assert ds.attrs["findings"] == "file-1.las: curve RHOB has no value"


def test_repeated_mnemonics_and_names_of_the_layout_get_names_of_their_own(tmp_path: Path) -> None:
    head = HEAD.replace("RHOB.G/CC", "GR.API").replace("GR.GAPI", "well.")
    ds = read_las(save(tmp_path, head=head))
    assert {"well_2", "GR"} < set(ds.data_vars)
    head = HEAD.replace("RHOB.G/CC", "GR.API")
    assert {"GR", "GR_2"} < set(read_las(save(tmp_path, head=head)).data_vars)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("", "no row of data"),
        ("100 1 2\n101 1\n", "line 15: 2 values, 3 curves"),
        ("100 1 2\n101 1 2\n101 1 2\n", "depth repeats: 101"),
        ("100 1 2\n102 1 2\n101 1 2\n103 1 2\n", "depth turns back: 102"),
        ("100 1 2\n-999.25 1 2\n", "data row 2: a depth is missing"),
        ("100 1 2\n101 high 2\n102 3 2\n", "line 15: curve GR holds 'high'"),
        ("100 1 2\n100.5 1 2\n101 1 2.", "no end: the file is cut off"),
    ],
)
def test_broken_rows_are_named(tmp_path: Path, rows: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_las(save(tmp_path, rows))


def test_a_file_cut_before_its_data_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.las"
    path.write_text(HEAD[:60])
    with pytest.raises(DataError, match="no ~A section"):
        read_las(path)


def test_a_file_without_a_depth_curve_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no depth curve"):
        read_las(save(tmp_path, head=HEAD.replace("DEPT.", "TIME.")))


def test_a_later_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"LAS 3; 1\.2 or 2\.0"):
        read_las(save(tmp_path, head=HEAD.replace("2.0", "3.0")))


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.las"
    path.write_bytes(b"")
    with pytest.raises(DataError, match="empty"):
        read_las(path)


def test_a_truncated_gzip_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.las.gz"
    path.write_bytes(gzip.compress((HEAD.format(unit="M") + ROWS).encode())[:-12])
    with pytest.raises(DataError, match="cannot be read to its end"):
        read_las(path)


def well(gr: list[float], **more: object) -> xr.Dataset:
    n = len(gr)
    ds = xr.Dataset({"well": ("row", np.full(n, "16/1-6 A"))})
    ds["depth"] = ("row", 1000.0 + 0.1524 * np.arange(n), {"units": "m"})
    ds["GR"] = ("row", np.array(gr, dtype=float), {"units": "gAPI"})
    for name, values in more.items():
        ds[name] = ("row", np.array(values))
    return ds


@QUIET
@given(
    st.lists(
        st.floats(-1e30, 1e30) | st.sampled_from([np.nan, -999.25, -9999.0]),
        min_size=2,
        max_size=20,
    )
)
def test_any_curve_comes_back_to_the_last_bit(tmp_path: Path, gr: list[float]) -> None:
    path = tmp_path / "a.las"
    ds = well(gr)
    write_las(path, ds)
    back = read_las(path)
    np.testing.assert_array_equal(back["GR"], ds["GR"])
    np.testing.assert_array_equal(back["depth"], ds["depth"])
    assert back["well"].values[0] == "16/1-6 A"


def test_text_comes_back_as_text(tmp_path: Path) -> None:
    path = tmp_path / "a.las"
    write_las(path, well([1, 2, 3], Formation=["A1 SH", "", "A1 LM"]))
    assert read_las(path)["Formation"].values.tolist() == ["A1 SH", "", "A1 LM"]


def test_lasio_reads_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "a.las"
    write_las(path, well([1.5, np.nan, 3.25]))
    las = lasio.read(str(path))
    np.testing.assert_array_equal(las["GR"], [1.5, np.nan, 3.25])
    assert las.well["WELL"].value == "16/1-6 A"
    assert las.curves["GR"].unit == "gAPI"
    assert las.well["STEP"].value == pytest.approx(0.1524)


def test_depths_in_feet_are_written_as_they_were_read(tmp_path: Path) -> None:
    ds = read_las(save(tmp_path, unit="FT"))
    write_las(tmp_path / "b.las", ds)
    np.testing.assert_array_equal(lasio.read(str(tmp_path / "b.las")).index, [100, 101, 102])
    xr.testing.assert_equal(read_las(tmp_path / "b.las"), ds)


def test_two_wells_or_infinite_values_are_not_written(tmp_path: Path) -> None:
    two = well([1, 2])
    two["well"] = ("row", np.array(["A", "B"]))
    with pytest.raises(DataError, match="2 wells came, one was expected"):
        write_las(tmp_path / "a.las", two)
    with pytest.raises(DataError, match="infinite"):
        write_las(tmp_path / "a.las", well([1, np.inf]))
    assert list(tmp_path.iterdir()) == []


@QUIET
@given(st.data())
def test_a_file_cut_anywhere_gives_whole_rows_or_a_clear_error(
    tmp_path: Path, data: st.DataObject
) -> None:
    whole = (HEAD.format(unit="M") + ROWS).encode()
    cut = data.draw(st.integers(0, len(whole)))
    path = tmp_path / "a.las"
    path.write_bytes(whole[:cut])
    try:
        ds = read_las(path)
    except DataError:
        return
    full = read_las(save(tmp_path)).isel(row=slice(ds.sizes["row"]))
    # A value that ends a row may lose digits at the very end of the file; nothing else may.
    body = ds.isel(row=slice(None, -1)).drop_vars("well")
    xr.testing.assert_equal(body, full.isel(row=slice(None, -1)).drop_vars("well"))


@QUIET
@given(st.binary(max_size=400), st.integers(0, 200))
def test_bytes_at_random_give_a_dataset_or_a_clear_error(
    tmp_path: Path, junk: bytes, at: int
) -> None:
    whole = (HEAD.format(unit="M") + ROWS).encode()
    path = tmp_path / "a.las"
    path.write_bytes(whole[:at] + junk + whole[at:])
    try:
        assert read_las(path).sizes["row"] > 0
    except DataError as error:
        assert "a.las" in str(error)


@pytest.mark.realdata
def test_a_real_file_in_feet_with_two_depth_curves_is_read() -> None:
    root = os.environ.get("CRATON_DATA_DIR")
    if root is None:
        pytest.skip("CRATON_DATA_DIR is not set")
    path = Path(root) / "segy-real" / "penobscot_L-30.las.gz"
    ds = read_las(path)
    with gzip.open(path, "rt", encoding="cp1252", errors="replace") as stream:
        oracle = lasio.read(stream)
    assert ds.sizes["row"] == 25_621
    np.testing.assert_allclose(ds["depth"], oracle.index * 0.3048)
    for name in ("RHOB", "DT", "GRS", "ILD"):
        np.testing.assert_array_equal(ds[name], oracle[name])
