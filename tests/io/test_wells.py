"""Wells from CSV, LAS and folders; alignment of vintages; facies products."""

from __future__ import annotations

import os
from pathlib import Path

import lasio
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from craton.data.wells import synthetic_wells, write_example_las
from craton.errors import ConfigError, DataError
from craton.io.las import read_las, write_las
from craton.io.wells import (
    align_wells,
    alignment,
    apply_alignment,
    read_wells,
    write_facies_csv,
    write_facies_las,
)

TABLE = """Facies,Formation,Well Name,Depth,GR,PE
3,A1 SH,B,2793.0,77.45,4.6
2,A1 SH,B,2793.25,78.26,
2,A1 LM,A,2800.25,-999.25,4.1
1,A1 LM,A,2800.0,60,-9999
"""
QUIET = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def save(folder: Path, text: str = TABLE, name: str = "wells.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_table_becomes_wells_in_order_of_depth_with_nulls_as_nan(tmp_path: Path) -> None:
    ds = read_wells(save(tmp_path), depth_unit="ft")
    assert ds["well"].values.tolist() == ["B", "B", "A", "A"]
    np.testing.assert_array_equal(ds["depth_original"], [2793, 2793.25, 2800, 2800.25])
    np.testing.assert_allclose(ds["depth"], ds["depth_original"] * 0.3048)
    np.testing.assert_array_equal(ds["GR"], [77.45, 78.26, 60, np.nan])
    np.testing.assert_array_equal(ds["PE"], [4.6, np.nan, np.nan, 4.1])
    assert ds["Formation"].values.tolist() == ["A1 SH", "A1 SH", "A1 LM", "A1 LM"]
    assert "GR: 1 values -999.25 became NaN" in ds.attrs["history"]
    assert "2 rows sorted" in ds.attrs["history"]


@pytest.mark.parametrize(
    ("header", "unit"),
    [("Depth", "m"), ("Depth (ft)", "ft"), ("DEPTH_FT", "ft"), ("DEPTH_MD", "m"), ("MD [m]", "m")],
)
def test_the_depth_unit_comes_from_the_header(tmp_path: Path, header: str, unit: str) -> None:
    ds = read_wells(save(tmp_path, TABLE.replace("Depth", header)))
    assert ds["depth_original"].attrs["units"] == unit
    assert ds["depth"].attrs["units"] == "m"
    assumed = header in ("Depth", "DEPTH_MD")
    assert ("since nothing says otherwise" in ds.attrs["history"]) == assumed


def test_depths_greater_than_any_well_in_metres_are_feet(tmp_path: Path) -> None:
    ds = read_wells(save(tmp_path, TABLE.replace(",279", ",2279")))
    assert ds["depth_original"].attrs["units"] == "ft"
    assert "deeper than any well" in ds.attrs["history"]


def test_steps_of_half_a_unit_are_pointed_out(tmp_path: Path) -> None:
    ds = read_wells(save(tmp_path, TABLE.replace(".25,", ".5,")))
    assert "usual in feet" in ds.attrs["findings"]


def test_columns_can_be_named_by_the_user(tmp_path: Path) -> None:
    path = save(tmp_path, TABLE.replace("Well Name", "hole").replace("GR", "GAMMA"))
    with pytest.raises(DataError, match="no well column"):
        read_wells(path)
    ds = read_wells(path, columns={"well": "hole", "GR": "GAMMA"})
    assert "GR" in ds and "GAMMA" not in ds
    with pytest.raises(DataError, match="no column 'GAMA'; did you mean 'GAMMA'"):
        read_wells(path, columns={"well": "hole", "GR": "GAMA"})


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Depth", "Elevation", "no depth column"),
        ("2793.25", "2793.0", "well B has depth 2793 in lines 2 and 3"),
        ("78.26", "high", "line 3: curve GR holds 'high', a number was expected"),
        ("2793.25", "deep", "line 3: the depth is 'deep'"),
        ("2793.25", "", "line 3: the depth is empty"),
        (",B,2793.25", ",,2793.25", "line 3: a well has no name"),
        ("1,A1 LM,A,2800.0,60,-9999\n", "1,A1 LM,A,28", "line 5: 4 values, 6 were expected"),
        (TABLE[TABLE.index("\n") + 1 :], "", "a header but no row"),
    ],
)
def test_what_is_wrong_in_a_table_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read_wells(save(tmp_path, TABLE.replace(old, new)))


def test_repeated_depths_can_be_kept_or_thinned_and_it_is_noted(tmp_path: Path) -> None:
    path = save(tmp_path, TABLE.replace("2793.25", "2793.0"))
    assert read_wells(path, duplicates="keep").sizes["row"] == 4
    first = read_wells(path, duplicates="first")
    assert first.sizes["row"] == 3
    assert float(first["GR"][0]) == 77.45
    assert "repeated depth left out" in first.attrs["history"]
    with pytest.raises(ConfigError, match="did you mean 'first'"):
        read_wells(path, duplicates="frist")  # type: ignore[arg-type]


def test_a_column_of_text_that_looks_like_numbers_can_be_declared(tmp_path: Path) -> None:
    path = save(tmp_path, TABLE.replace("A1 LM", "1").replace("3,A1 SH", "3,2"))
    with pytest.raises(DataError, match=r"text=\['Formation'\]"):
        read_wells(path)
    ds = read_wells(path, text=["Formation"])
    assert ds["Formation"].values.tolist() == ["2", "A1 SH", "1", "1"]


def test_a_folder_of_las_and_csv_is_one_dataset_with_gaps_as_nan(tmp_path: Path) -> None:
    save(tmp_path)
    (tmp_path / "notes.txt").write_text("core photos")
    write_example_las(tmp_path, wells=4, rows_per_well=40)
    ds = read_wells(tmp_path)
    assert list(dict.fromkeys(ds["well"].values.tolist())) == ["W01", "W02", "W03", "W04", "B", "A"]
    assert ds["ILD_log10"].isnull()[-4:].all() and ds["PE"].isnull()[120:160].all()
    assert ds["depth_original"].attrs["units"] == "mixed"
    assert ds["GR"].attrs["units"] == "API"
    assert "notes.txt" in ds.attrs["findings"]


def test_the_same_wells_as_las_and_in_memory_are_equal(tmp_path: Path) -> None:
    write_example_las(tmp_path, seed=3, wells=3, rows_per_well=50)
    truth = synthetic_wells(3, 3, 50)
    ds = read_wells(tmp_path)
    for name in truth.data_vars:
        if truth[name].dtype.kind == "f":
            np.testing.assert_allclose(ds[name], truth[name], rtol=1e-12)
        else:
            assert ds[name].values.tolist() == truth[name].values.tolist()


def test_a_well_in_two_files_is_refused(tmp_path: Path) -> None:
    one = write_example_las(tmp_path, wells=1, rows_per_well=40)[0]
    (tmp_path / "copy.las").write_text(one.read_text())
    with pytest.raises(DataError, match=r"well W01 is in W01\.las and in copy\.las|copy\.las and"):
        read_wells(tmp_path)


def test_a_curve_in_two_units_is_refused_but_two_spellings_are_not(tmp_path: Path) -> None:
    for name, unit in (("A", "us/ft"), ("B", "US/F")):
        ds = xr.Dataset({"well": ("row", [name] * 2), "depth": ("row", [1.0, 2.0])})
        ds["DT"] = ("row", [80.0, 90.0], {"units": unit})
        write_las(tmp_path / f"{name}.las", ds)
    assert read_wells(tmp_path).sizes["row"] == 4
    ds["DT"].attrs["units"] = "us/m"
    write_las(tmp_path / "B.las", ds)
    with pytest.raises(DataError, match="DT is in us/ft in well A but in us/m in well B"):
        read_wells(tmp_path)


def test_a_folder_or_file_without_logs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no file"):
        read_wells(tmp_path)
    with pytest.raises(DataError, match=r"ends in \.txt"):
        read_wells(save(tmp_path, name="wells.txt"))
    with pytest.raises(DataError, match="no such file"):
        read_wells(tmp_path / "absent.csv")


@QUIET
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["A", "B 1", "C,2"]),
            st.integers(0, 5000),
            st.floats(-900, 1e9) | st.just(np.nan),
        ),
        min_size=1,
        max_size=30,
        unique_by=lambda row: row[:2],
    )
)
def test_any_table_comes_back(tmp_path: Path, rows: list[tuple[str, int, float]]) -> None:
    frame = pd.DataFrame(rows, columns=["well", "depth", "GR"])
    frame["depth"] /= 8
    frame.to_csv(tmp_path / "a.csv", index=False)
    ds = read_wells(tmp_path / "a.csv", depth_unit="m")
    back = pd.DataFrame({n: ds[n].values for n in ("well", "depth", "GR")})
    key = ["well", "depth"]
    pd.testing.assert_frame_equal(
        back.sort_values(key, ignore_index=True),
        frame.sort_values(key, ignore_index=True),
        check_exact=True,
        check_dtype=False,
    )


@QUIET
@given(st.integers(0, len(TABLE)), st.binary(max_size=40))
def test_a_table_cut_anywhere_or_with_junk_gives_a_dataset_or_a_clear_error(
    tmp_path: Path, cut: int, junk: bytes
) -> None:
    path = tmp_path / "a.csv"
    for content in (TABLE.encode()[:cut], TABLE.encode()[:cut] + junk + TABLE.encode()[cut:]):
        path.write_bytes(content)
        try:
            assert read_wells(path).sizes["row"] > 0
        except DataError as error:
            assert "a.csv" in str(error)


def two_vintages() -> xr.Dataset:
    rock = np.random.default_rng(0).gamma(4.0, 20.0, 400)
    gr = np.concatenate([rock, 1.3 * rock + 25.0, 0.8 * rock - 5.0])
    well = np.repeat(["A", "B", "C"], 400)
    return xr.Dataset({"well": ("row", well), "GR": ("row", gr), "F": ("row", gr > 90)})


def test_alignment_undoes_a_gain_and_an_offset_exactly() -> None:
    ds = two_vintages()
    out = align_wells(ds, ["GR"])["GR"].values.reshape(3, 400)
    np.testing.assert_allclose(out[1], out[0])
    np.testing.assert_allclose(out[2], out[0])
    np.testing.assert_allclose(out[0], ds["GR"].values[:400])  # the middle well is the reference


def test_alignment_of_a_new_well_uses_the_stored_reference_and_its_own_logs() -> None:
    ds = two_vintages()
    parameters = alignment(ds.isel(row=slice(0, 800)), ["GR"])
    new = ds.isel(row=slice(800, 1200))
    out = apply_alignment(new, parameters)["GR"].values
    low, middle, high = np.quantile(out, [0.25, 0.5, 0.75])
    assert middle == pytest.approx(float(parameters["reference_median"][0]))
    assert high - low == pytest.approx(float(parameters["reference_spread"][0]))
    half = apply_alignment(new, parameters, strength=0.5)["GR"].values
    np.testing.assert_allclose(half, 0.5 * (out + new["GR"].values))


def test_alignment_does_not_look_at_the_facies() -> None:
    ds = two_vintages()
    other = ds.assign(F=("row", ds["F"].values[::-1]))
    xr.testing.assert_equal(alignment(ds, ["GR"]), alignment(other, ["GR"]))


def test_a_well_with_few_values_is_left_alone_and_named() -> None:
    ds = two_vintages().isel(row=slice(0, 810))
    out = align_wells(ds, ["GR"])
    np.testing.assert_array_equal(out["GR"][800:], ds["GR"][800:])
    assert out.attrs["findings"] == "GR of well C was not aligned: too few values"


def test_a_curve_that_is_not_there_cannot_be_aligned() -> None:
    with pytest.raises(DataError, match="no curve 'GRR'; did you mean 'GR'"):
        alignment(two_vintages(), ["GRR"])


def facies_table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "well": ["A", "A", "16/1-6 B"],
            "depth": [2808.0, 2808.5, 12.1],
            "facies": [3, 2, 2],
            "probability_2": [0.25, 0.5, 1.0],
            "probability_3": [0.75, 0.5, 0.0],
        }
    )


def test_facies_written_as_csv_join_on_well_and_depth(tmp_path: Path) -> None:
    write_facies_csv(tmp_path / "f.csv.gz", facies_table())
    back = pd.read_csv(tmp_path / "f.csv.gz")
    pd.testing.assert_frame_equal(back, facies_table())


def test_facies_written_as_las_are_read_by_lasio(tmp_path: Path) -> None:
    files = write_facies_las(tmp_path / "out", facies_table(), depth_unit="ft")
    assert [f.name for f in files] == ["A.las", "16_1-6_B.las"]
    las = lasio.read(str(files[0]))
    assert las.keys() == ["DEPT", "FACIES", "P_2", "P_3"]
    np.testing.assert_array_equal(las.data, [[2808, 3, 0.25, 0.75], [2808.5, 2, 0.5, 0.5]])
    assert read_las(files[1])["well"].values[0] == "16/1-6 B"


def test_facies_with_names_get_codes_and_the_file_says_which(tmp_path: Path) -> None:
    table = (
        facies_table()
        .iloc[:2]
        .rename(columns={"probability_2": "probability_sand", "probability_3": "probability_shale"})
    )
    table["facies"] = ["shale", "sand"]
    path = tmp_path / "one.las"
    write_facies_las(path, table, codes={"sand": 10, "shale": 20})
    assert read_las(path)["FACIES"].values.tolist() == [20, 10]
    assert "sand : meaning of code 10 of FACIES" in path.read_text()
    with pytest.raises(DataError, match="facies 'shale' has no code"):
        write_facies_las(path, table, codes={"sand": 10})


def test_several_wells_do_not_go_into_one_las_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="2 wells do not go into one LAS file"):
        write_facies_las(tmp_path / "a.las", facies_table())
    assert list(tmp_path.iterdir()) == []


def test_a_table_without_depth_or_with_odd_probabilities_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no column depth"):
        write_facies_csv(tmp_path / "a.csv", facies_table().drop(columns="depth"))
    odd = facies_table().assign(probability_2=0.9)
    with pytest.raises(DataError, match="sum 1 were expected"):
        write_facies_csv(tmp_path / "a.csv", odd)
    assert list(tmp_path.iterdir()) == []


def real(folder: str) -> Path:
    root = os.environ.get("CRATON_DATA_DIR")
    if root is None:
        pytest.skip("CRATON_DATA_DIR is not set")
    return Path(root) / folder


@pytest.mark.realdata
def test_the_contest_files_are_read_whole() -> None:
    folder = real("seg2016-facies")
    labelled = read_wells(folder / "facies_vectors.csv", depth_unit="ft", duplicates="keep")
    assert labelled.sizes["row"] == 4149
    assert int(labelled["PE"].isnull().sum()) == 917
    with pytest.raises(DataError, match="well SHRIMPLIN has depth 2944 in lines 303 and 304"):
        read_wells(folder / "facies_vectors.csv", depth_unit="ft")
    blind = read_wells(folder / "validation_data_nofacies.csv", depth_unit="ft")
    asked = pd.read_csv(folder / "prediction_depths.csv")
    pairs = zip(blind["well"].values, blind["depth_original"].values, strict=True)
    assert set(pairs) == set(zip(asked["Well Name"], asked["Depth"], strict=True))


@pytest.mark.realdata
def test_thirty_wells_of_the_north_sea_are_read_as_one() -> None:
    ds = read_wells(real("force2020-lithology") / "las")
    assert len(set(ds["well"].values.tolist())) == 30
    assert int(ds["FORCE_2020_LITHOFACIES_LITHOLOGY"].notnull().sum()) > 200_000
    assert ds["GR"].attrs["units"] == "gAPI"
