"""Any CSV table in, predictions as CSV out."""

from __future__ import annotations

import csv
import gzip
import io
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from craton.errors import DataError
from craton.io.tables import NULLS, read_table, write_predictions
from craton.samples import make_index

QUIET = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def table(folder: Path, text: str) -> xr.Dataset:
    path = folder / "a.csv"
    path.write_text(text, encoding="utf-8")
    return read_table(path)


def test_numbers_are_numbers_and_words_are_words(tmp_path: Path) -> None:
    data = table(tmp_path, "depth,rock,well\n1.5,shale,7\n2,sand,8\n")
    np.testing.assert_array_equal(data["depth"], [1.5, 2.0])
    assert data["rock"].values.tolist() == ["shale", "sand"]
    np.testing.assert_array_equal(data["well"], [7.0, 8.0])
    assert data["depth"].dims == ("row",) and data.attrs["history"] == ""


def test_null_values_become_missing_and_are_counted(tmp_path: Path) -> None:
    text = "a,b\n-999.25,1\n-9999,2\n5,3\n"
    data = table(tmp_path, text)
    np.testing.assert_array_equal(data["a"], [np.nan, np.nan, 5])
    assert data.attrs["history"] == "2 null values in 'a' taken as missing"


def test_one_word_makes_a_column_text_and_nothing_of_it_is_lost(tmp_path: Path) -> None:
    assert table(tmp_path, "a\n1\n2.50\nx\n")["a"].values.tolist() == ["1", "2.50", "x"]


def test_true_and_false_are_text(tmp_path: Path) -> None:
    assert table(tmp_path, "a\nTrue\nFalse\n")["a"].values.tolist() == ["True", "False"]


def test_what_is_blank_in_a_text_column_is_said(tmp_path: Path) -> None:
    data = table(tmp_path, "a,b\nx,1\nNA,2\n,3\n")
    assert data["a"].values.tolist() == ["x", "", ""]
    assert "2 entries in 'a' are blank (or NA, null)" in data.attrs["history"]


def test_a_compressed_table_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress("﻿depth, rock\n1, x\n".encode()))
    assert list(read_table(path).data_vars) == ["depth", "rock"]


@pytest.mark.parametrize("header", ["a,b,a", "a, a,b", "a,b,a ", '"a","b","a"', "\na,a,b"])
def test_a_column_that_is_there_twice_is_refused(tmp_path: Path, header: str) -> None:
    with pytest.raises(DataError, match=r"a\.csv: the column 'a' is there twice"):
        table(tmp_path, f"{header}\n1,2,3\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("a,b\n", "no rows"),
        ("a,b\n1,2\n3,4,5\n", "not a CSV table .*line 3"),
        ("a,b\n1,2,3\n4,5,6\n", "more entries than the header"),
        ('a,b\n1,"2\n3,4\n', "not a CSV table"),
    ],
)
def test_what_is_no_table_is_refused_with_one_message(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        table(tmp_path, text)


def test_rows_that_end_too_early_are_missing_values_and_said(tmp_path: Path) -> None:
    data = table(tmp_path, "a,b\n1,2\n3\n4,5\n")
    np.testing.assert_array_equal(data["b"], [2, np.nan, 5])
    assert "1 rows have fewer entries than the header, the first is row 3" in data.attrs["history"]


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_table(tmp_path / "a.csv")


NUMBERS = st.floats(allow_nan=False, allow_infinity=False).filter(lambda v: v not in NULLS)
WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp")), min_size=1
).map(lambda s: "w" + s)


@QUIET
@given(st.lists(st.tuples(NUMBERS, WORDS), min_size=1, max_size=20))
def test_a_table_comes_back_as_it_was_written(
    tmp_path: Path, rows: list[tuple[float, str]]
) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([("number", "word"), *rows])
    data = table(tmp_path, text.getvalue())
    np.testing.assert_allclose(data["number"], [n for n, _ in rows], rtol=1e-15)
    assert data["word"].values.tolist() == [w for _, w in rows]


@QUIET
@given(st.binary(max_size=200))
def test_any_bytes_are_a_table_or_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    try:
        assert read_table(path).sizes["row"] > 0
    except DataError as error:
        assert "a.csv" in str(error)


def test_a_class_prediction_is_written_with_probabilities_and_whole_coordinates(
    tmp_path: Path,
) -> None:
    p = np.array([[0.75, 0.25], [0.125, 0.875]], np.float32)
    predicted = xr.Dataset(
        {"rock": (("sample", "category"), p)}, coords={"category": ["sand", "shale"]}
    )
    index = make_index(2, x=[4512345.678, 1.0], y=[0.5, 1 / 3], labels=[7, 9])
    write_predictions(predicted, index, tmp_path / "p.csv")
    found = pd.read_csv(tmp_path / "p.csv")
    assert list(found) == ["row", "x", "y", "rock", "probability_sand", "probability_shale"]
    assert found["rock"].tolist() == ["sand", "shale"] and found["row"].tolist() == [7, 9]
    assert found["x"][0] == 4512345.678 and math.isclose(found["y"][1], 1 / 3)
    np.testing.assert_array_equal(found.iloc[:, 4:], p)


def test_a_number_is_written_with_its_quantiles(tmp_path: Path) -> None:
    q = np.array([[1.0, 2.0, 4.0]])
    predicted = xr.Dataset(
        {"head": (("sample", "quantile"), q)}, coords={"quantile": [0.05, 0.5, 0.95]}
    )
    write_predictions(predicted, make_index(1, group=["w"]), tmp_path / "p.csv")
    found = pd.read_csv(tmp_path / "p.csv").iloc[0].to_dict()
    assert found == {
        "row": 0, "group": "w", "head": 2.0,
        "head_quantile_0.05": 1.0, "head_quantile_0.5": 2.0, "head_quantile_0.95": 4.0,
    }  # fmt: skip
