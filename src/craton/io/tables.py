"""Any CSV table in, predictions as CSV out."""

from __future__ import annotations

import csv
import io
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from craton.errors import DataError
from craton.io.files import atomic, read_text

NULLS = (-999.25, -999.0, -9999.0, -99999.0)


def read_table(path: str | Path) -> xr.Dataset:
    """Read a CSV file (gzip too) as variables on the dimension `row`.

    A column is numeric if every entry that is not blank is a number; else it is text. The usual
    null values (-999.25, -999, -9999) become NaN, with a note in ``attrs["history"]``.

    Parameters
    ----------
    path : str or Path
        File with a header line.

    Returns
    -------
    xr.Dataset

    Raises
    ------
    DataError
        If the file is empty or no table, has no rows, or repeats a column name.
    """
    text = read_text(path, encoding="utf-8-sig")
    return _columns(*_parse(text, str(path)))


def table_of(data: xr.Dataset | pd.DataFrame) -> xr.Dataset:
    """Lay a table in memory out as `read_table` lays out a file.

    Parameters
    ----------
    data : xr.Dataset or pd.DataFrame
        Columns as variables on one dimension of any name, or a data frame (its index is dropped).

    Returns
    -------
    xr.Dataset
        Variables on `row`, with their attributes.

    Raises
    ------
    DataError
        If it is neither, or has more than one dimension.

    Examples
    --------
    >>> table = table_of(pd.DataFrame({"a": [1, -999.25], "rock": ["tuff", None]}))
    >>> table["a"].values, table["rock"].values.tolist()
    (array([ 1., nan]), ['tuff', ''])
    """
    fix = "give a pandas.DataFrame, or a dataset whose variables lie on one dimension"
    if isinstance(data, pd.DataFrame):
        return _columns(data.reset_index(drop=True), [])
    if not isinstance(data, xr.Dataset):
        raise DataError(f"is a {type(data).__name__}, a table was expected", where="data", fix=fix)
    if len(data.dims) != 1:
        sizes = ", ".join(f"{d}: {n}" for d, n in data.sizes.items())
        raise DataError(f"has the dimensions ({sizes})", where="dataset", fix=fix)
    plain = data.reset_coords().drop_vars([*data.dims], errors="ignore")
    columns = {n: v.to_numpy() for n, v in plain.data_vars.items() if v.ndim == 1}
    found = _columns(pd.DataFrame(columns), [])
    for name in found.data_vars:
        found[name].attrs.update(data[name].attrs)
    history = [str(data.attrs.get("history", "")), found.attrs["history"]]
    return found.assign_attrs({**data.attrs, "history": "\n".join(filter(None, history))})


def _columns(frame: pd.DataFrame, notes: list[str]) -> xr.Dataset:
    columns = {}
    for label in frame.columns:
        column, name = frame[label], str(label).strip()
        if column.dtype.kind in "fiu":
            values = column.to_numpy(dtype=np.float64)
            null = np.isin(values, NULLS)
            if null.any():
                notes.append(f"{int(null.sum())} null values in '{name}' taken as missing")
                values = np.where(null, np.nan, values)
            columns[name] = ("row", values)
        else:
            there = column.notna()
            if not there.all():
                notes.append(
                    f"{int((~there).sum())} entries in '{name}' are blank (or NA, null): missing"
                )
            words = [str(v) if t else "" for v, t in zip(column, there, strict=True)]
            columns[name] = ("row", np.array(words, dtype=object))
    return xr.Dataset(columns, attrs={"history": "\n".join(notes)})


def _parse(text: str, where: str) -> tuple[pd.DataFrame, list[str]]:
    """Parse a table, refuse what pandas would mend in silence, note rows that end too early."""
    try:
        lengths = _check_rows(text, where)
        with warnings.catch_warnings():
            # without it pandas takes a surplus first column for row labels, with it it warns
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                io.StringIO(text), low_memory=False, skipinitialspace=True, index_col=False
            )
    except pd.errors.ParserWarning:
        raise DataError(
            "rows have more entries than the header has names",
            where=where,
            fix="name every column, or take the separator off the end of the rows",
        ) from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError, csv.Error) as error:
        raise DataError(f"is not a CSV table ({error})", where=where) from None
    if frame.empty:
        raise DataError("has a header and no rows", where=where, fix="give a table with rows")
    short = [i for i, n in enumerate(lengths, 1) if 0 < n < frame.shape[1]]
    if not short:
        return frame, []
    said = f"{len(short)} rows have fewer entries than the header, the first is row {short[0]}"
    return frame, [said]


def _check_rows(text: str, where: str) -> list[int]:
    """Refuse a name that is there twice, which pandas would change; count the entries of rows."""
    rows = csv.reader(io.StringIO(text, newline=None), skipinitialspace=True)
    lengths, header = [], True
    for row in rows:
        lengths.append(len(row) if any(row) else 0)
        if header and any(row):
            header = False
            names = [name.strip() for name in row]
            repeated = [n for i, n in enumerate(names) if n and n in names[:i]]
            if repeated:
                raise DataError(
                    f"the column '{repeated[0]}' is there twice", where=where, fix="rename one"
                )
    return lengths


def prediction_table(predicted: xr.Dataset, index: pd.DataFrame) -> pd.DataFrame:
    """Lay a prediction out as a table: what is known of each sample, then what is predicted.

    Parameters
    ----------
    predicted : xr.Dataset
        Classes (sample, category): the class and a probability for each. Numbers
        (sample, quantile): the median and each quantile.
    index : pd.DataFrame
        `Samples.index`.

    Returns
    -------
    pd.DataFrame
        One row a sample.
    """
    table = pd.DataFrame({"row": index.index.to_numpy()})
    for column in ("t0", "x", "y", "group"):
        known = index[column]
        if known.notna().any() and not (known == "").all():
            table[column] = known.to_numpy()
    for name, array in predicted.data_vars.items():
        kind = "category" if "category" in array.dims else "quantile"
        values = array.transpose("sample", kind).to_numpy()
        labels = [f"{v:g}" if kind == "quantile" else str(v) for v in array[kind].to_numpy()]
        if kind == "category":
            table[name] = [labels[i] for i in values.argmax(axis=1)]
        else:
            table[name] = six_digits(array.sel(quantile=0.5, method="nearest").to_numpy())
        prefix = "probability" if kind == "category" else f"{name}_quantile"
        for k, label in enumerate(labels):
            table[f"{prefix}_{label}"] = six_digits(values[:, k])
    return table


def six_digits(values: np.ndarray) -> np.ndarray:
    """Round what a model says to six significant digits; more would be noise in a file.

    Examples
    --------
    >>> six_digits(np.array([1 / 3, 0.0, 123456.789])).tolist()
    [0.333333, 0.0, 123457.0]
    """
    return np.array([float(f"{v:.6g}") for v in np.asarray(values, float)])


def write_predictions(predicted: xr.Dataset, index: pd.DataFrame, path: str | Path) -> None:
    """Write a prediction as CSV, whole or not at all; see `prediction_table`."""
    # no common float format: it would cut coordinates in metres
    with atomic(path) as part:
        prediction_table(predicted, index).to_csv(part, index=False)
