"""Findings on data."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from craton.checks import Finding, check_dataset


def found(values: object, name: str = "a") -> list[Finding]:
    return check_dataset(xr.Dataset({name: ("row", np.asarray(values))}))


def test_sound_data_have_no_finding() -> None:
    assert found([1.0, 2.0, 3.0]) == []


def test_infinite_values_are_an_error_and_counted() -> None:
    (finding,) = found([1.0, np.inf, -np.inf, 2.0])[:1]
    assert finding == Finding("error", "2 infinite values", "variable 'a'")


@pytest.mark.parametrize(("missing", "level"), [(1, "info"), (2, "info"), (3, "warning")])
def test_gaps_are_told_and_a_warning_above_a_fifth(missing: int, level: str) -> None:
    values = np.arange(10.0)
    values[:missing] = np.nan
    (finding,) = found(values)
    assert (finding.level, finding.text) == (level, f"{missing}0.0 % of the values are missing")


def test_a_variable_without_any_value_is_a_warning() -> None:
    assert [f.text for f in found([np.nan, np.nan])] == ["has no value at all"]


def test_a_constant_is_a_warning_also_between_gaps() -> None:
    assert found([2, 2, 2])[0].text == "has the same value everywhere (2)"
    assert found([2.0, np.nan, 2.0])[-1].text == "has the same value everywhere (2)"


def test_text_and_empty_variables_are_passed_over() -> None:
    assert found(["x", "x"]) == [] and found(np.zeros(0)) == []


def test_repeated_rows_are_counted_gaps_included() -> None:
    a = np.array([1.0, 1.0, 2.0, np.nan, np.nan])
    data = xr.Dataset({"a": ("row", a), "b": ("row", np.nan_to_num(a, nan=5.0))})
    texts = [f.text for f in check_dataset(data)]
    assert "2 rows repeat another row in every number" in texts


def test_rows_that_differ_in_one_column_are_not_repeated() -> None:
    data = xr.Dataset({"a": ("row", [1.0, 1.0]), "b": ("row", [1.0, 2.0])})
    assert not any("repeat" in f.text for f in check_dataset(data))


def test_what_a_reader_noted_is_a_finding_each() -> None:
    data = xr.Dataset({"a": ("row", [1.0, 2.0])}, attrs={"history": "3 nulls\n2 rows sorted"})
    assert [f.text for f in check_dataset(data)] == ["3 nulls", "2 rows sorted"]
