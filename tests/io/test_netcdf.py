"""netCDF: both formats, times, units, sizes, and files that are damaged."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.io import netcdf_file

from craton.errors import DataError
from craton.io.netcdf import read_netcdf, require_units, write_netcdf

QUIET = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def field(times: list[str] | None = None) -> xr.Dataset:
    when = np.array(times or ["2000-01-01", "2000-02-01", "2000-03-01"], "datetime64[ns]")
    values = np.arange(2.0 * len(when)).reshape(-1, 2)
    values[0, 0] = np.nan
    return xr.Dataset(
        {"sst": (("time", "point"), values, {"units": "degC"})},
        {"time": when, "lat": ("point", [0.0, 5.0])},
        {"title": "a test", "flag": True, "table": {"a": 1}, "list": [1.5, 2.5]},
    )


def classic(path: Path, units: str = "days since 2000-01-01", calendar: str = "") -> None:
    """Write netCDF-3 by another library."""
    with netcdf_file(path, "w") as file:
        file.createDimension("time", 3)
        time = file.createVariable("time", "i4", ("time",))
        time[:] = [0, 31, 60] if "days" in units else [0, 1, 2]
        time.units = units
        if calendar:
            time.calendar = calendar
        sst = file.createVariable("sst", "i2", ("time",))
        sst[:] = [100, 200, -999]
        sst.scale_factor, sst.add_offset, sst._FillValue = 0.5, 10.0, np.int16(-999)


def test_a_written_dataset_comes_back_with_cf_attributes(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    write_netcdf(path, field())
    back = read_netcdf(path)
    xr.testing.assert_equal(back, field())
    assert back.attrs["Conventions"] == "CF-1.11"
    assert back.attrs["title"] == "a test"
    assert {"history", "source"} <= set(back.attrs)
    assert back.attrs["flag"] == 1 and back.attrs["table"] == '{"a": 1}'
    assert back["sst"].attrs["units"] == "degC"
    with h5py.File(path) as file:
        assert file["sst"].compression == "gzip"
        assert np.isnan(file["sst"].attrs["_FillValue"])
        assert "_FillValue" not in file["lat"].attrs


def test_writing_leaves_the_dataset_as_it_was(tmp_path: Path) -> None:
    ds = field()
    write_netcdf(tmp_path / "a.nc", ds)
    xr.testing.assert_identical(ds, field())


def test_what_netcdf_cannot_hold_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    bad = xr.Dataset({"x": ("row", np.array([object(), 1], dtype=object))})
    with pytest.raises(DataError, match="cannot be held by netCDF"):
        write_netcdf(tmp_path / "a.nc", bad)
    assert list(tmp_path.iterdir()) == []


def test_a_classic_file_is_unpacked_and_decoded(tmp_path: Path) -> None:
    classic(tmp_path / "a.nc")
    ds = read_netcdf(tmp_path / "a.nc")
    np.testing.assert_array_equal(ds["sst"], [60.0, 110.0, np.nan])
    assert ds["time"].values.astype("datetime64[D]").astype(str).tolist() == [
        "2000-01-01",
        "2000-02-01",
        "2000-03-01",
    ]


def test_months_since_are_whole_months_in_any_calendar(tmp_path: Path) -> None:
    classic(tmp_path / "a.nc", "months since 1960-01-01", "360_day")
    ds = read_netcdf(tmp_path / "a.nc")
    assert ds["time"].values.astype("datetime64[M]").astype(str).tolist() == [
        "1960-01",
        "1960-02",
        "1960-03",
    ]
    assert "first day" in ds.attrs["history"]


def test_another_calendar_is_refused_with_a_way_out(tmp_path: Path) -> None:
    classic(tmp_path / "a.nc", calendar="noleap")
    with pytest.raises(DataError, match=r"calendar 'noleap'.*convert_calendar"):
        read_netcdf(tmp_path / "a.nc")


def test_a_coordinate_in_units_of_time_is_taken_for_the_time(tmp_path: Path) -> None:
    write_netcdf(tmp_path / "a.nc", field().rename(time="T"))
    ds = read_netcdf(tmp_path / "a.nc")
    xr.testing.assert_equal(ds, field())
    assert "T renamed to time" in ds.attrs["history"]


def test_a_file_without_time_is_refused_and_says_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    write_netcdf(path, xr.Dataset({"depth": (("y", "x"), np.ones((2, 2)))}))
    with pytest.raises(DataError, match=r"no time coordinate 'time'; there is depth\('y', 'x'\)"):
        read_netcdf(path)
    assert read_netcdf(path, time=None)["depth"].shape == (2, 2)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (["2000-01-01", "2000-02-01", "2000-02-01"], "time 2: 2000-02-01.* occurs twice"),
        (["2000-03-01", "2000-01-01", "2000-02-01"], "time 1: 2000-01-01.* comes after 2000-03"),
        (["2000-03-01", "NaT", "2000-04-01"], "time 1: the time is missing"),
    ],
)
def test_times_out_of_order_are_named_by_position(
    tmp_path: Path, times: list[str], message: str
) -> None:
    write_netcdf(tmp_path / "a.nc", field(times))
    with pytest.raises(DataError, match=message):
        read_netcdf(tmp_path / "a.nc")


def test_a_small_file_that_declares_much_is_refused_before_it_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (10**6, 10**6), "f8", chunks=(1000, 1000), compression="gzip")
    assert path.stat().st_size < 100_000
    with pytest.raises(DataError, match="declares 8000000000000 bytes"):
        read_netcdf(path)
    write_netcdf(path, field())
    with pytest.raises(DataError, match="more than the limit of 10"):
        read_netcdf(path, limit_bytes=10)


def test_a_file_that_points_into_another_file_is_refused(tmp_path: Path) -> None:
    write_netcdf(tmp_path / "b.nc", field())
    path = tmp_path / "a.nc"
    with h5py.File(path, "w") as file:
        file["x"] = h5py.ExternalLink("b.nc", "/sst")
    with pytest.raises(DataError, match="x lies in another file"):
        read_netcdf(path)
    with h5py.File(path, "w") as file:
        secret = tmp_path / "secret"
        secret.write_bytes(b"12345678")
        file.create_dataset("x", (1,), "f8", external=[(str(secret), 0, 8)])
    with pytest.raises(DataError, match="x lies in another file"):
        read_netcdf(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"hello, world", "is no netCDF"),
        (b"CDF\x05" + bytes(20), "64-bit data"),
        (b"\x1f\x8b" + bytes(20), "packed with gzip"),
        (b"\x80\x04\x95" + bytes(20), "is no netCDF"),
    ],
)
def test_the_first_bytes_decide_what_a_file_is(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "a.nc").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_netcdf(tmp_path / "a.nc")


def opens_or_explains(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    try:
        assert isinstance(read_netcdf(path), xr.Dataset)
    except DataError as error:
        assert path.name in str(error)


@QUIET
@given(share=st.floats(0, 1), old=st.booleans())
def test_a_file_cut_anywhere_gives_a_dataset_or_a_clear_error(
    tmp_path: Path, share: float, old: bool
) -> None:
    path = tmp_path / "a.nc"
    if old:
        classic(path)
    else:
        write_netcdf(path, field())
    whole = path.read_bytes()
    opens_or_explains(path, whole[: int(share * len(whole))])


# Not for netCDF-4: the HDF5 library counts to 2**32 on some altered dimension lists.
@QUIET
@given(at=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_a_classic_file_with_an_altered_byte_gives_a_dataset_or_a_clear_error(
    tmp_path: Path, at: int, byte: int
) -> None:
    path = tmp_path / "a.nc"
    classic(path)
    altered = bytearray(path.read_bytes())
    altered[at % len(altered)] = byte
    opens_or_explains(path, bytes(altered))


def test_a_file_cut_in_half_is_refused(tmp_path: Path) -> None:
    for write in (classic, lambda path: write_netcdf(path, field())):
        path = tmp_path / "a.nc"
        write(path)
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(DataError, match="cut off or damaged"):
            read_netcdf(path)


def values(numbers: list[float], unit: str) -> xr.DataArray:
    return xr.DataArray(numbers, dims="time", name="sst", attrs={"units": unit})


@pytest.mark.parametrize(
    ("numbers", "unit", "wanted", "expected"),
    [
        ([300.15, np.nan], "Kelvin", "degC", [27.0, np.nan]),
        ([0.5, -0.5], "K", "degC", [0.5, -0.5]),  # anomalies: no offset
        ([27.0, 0.0], "celsius", "K", [300.15, 273.15]),
        ([27.0], "degrees_Celsius", "degC", [27.0]),
        ([10.0], "feet", "m", [3.048]),
        ([1013.25], "mbar", "Pa", [101325.0]),
        ([1.5], "m", "mm", [1500.0]),
    ],
)
def test_units_are_converted(
    numbers: list[float], unit: str, wanted: str, expected: list[float]
) -> None:
    out = require_units(values(numbers, unit), [wanted])
    np.testing.assert_allclose(out, expected)
    assert out.attrs["units"] == wanted


@pytest.mark.parametrize("unit", ["", "m", "fathom"])
def test_a_unit_that_is_missing_or_of_another_kind_is_refused(unit: str) -> None:
    with pytest.raises(DataError, match="degC was expected"):
        require_units(values([1.0], unit), ["degC"])
