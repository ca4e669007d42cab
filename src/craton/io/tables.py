"""Any CSV table in, predictions as CSV out."""

from __future__ import annotations

import csv
import io
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
    _check_header(text, str(path))
    try:
        frame = pd.read_csv(io.StringIO(text), low_memory=False, skipinitialspace=True)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        raise DataError(f"is not a CSV table ({error})", where=str(path)) from None
    if frame.empty:
        raise DataError("has a header and no rows", where=str(path), fix="give a table with rows")
    if not isinstance(frame.index, pd.RangeIndex):
        # pandas takes what stands before the header's first name for row labels
        raise DataError(
            "every row has more entries than the header has names",
            where=str(path),
            fix="name every column, or take the separator off the end of the rows",
        )
    notes, columns = _short_rows(frame, text), {}
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


def _check_header(text: str, where: str) -> None:
    """Refuse a name that is there twice: pandas would rename the second in silence."""
    header: list[str] = next((r for r in csv.reader(io.StringIO(text)) if any(r)), [])
    names = [name.strip() for name in header]
    repeated = [n for i, n in enumerate(names) if n and n in names[:i]]
    if repeated:
        raise DataError(
            f"the column '{repeated[0]}' is there twice", where=where, fix="rename one of them"
        )


def _short_rows(frame: pd.DataFrame, text: str) -> list[str]:
    """Say how many rows end before the header does; their last entries are missing."""
    if not frame.iloc[:, -1].isna().any():
        return []
    width = frame.shape[1]
    lengths = [(i, len(r)) for i, r in enumerate(csv.reader(io.StringIO(text)), 1) if any(r)]
    short = [i for i, n in lengths if n < width]
    if not short:
        return []
    return [f"{len(short)} rows have fewer entries than the header, the first is row {short[0]}"]


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
            table[name] = array.sel(quantile=0.5, method="nearest").to_numpy()
        prefix = "probability" if kind == "category" else f"{name}_quantile"
        for k, label in enumerate(labels):
            table[f"{prefix}_{label}"] = values[:, k]
    return table


def write_predictions(predicted: xr.Dataset, index: pd.DataFrame, path: str | Path) -> None:
    """Write a prediction as CSV, whole or not at all; see `prediction_table`."""
    # no common float format: it would cut coordinates in metres
    with atomic(path) as part:
        prediction_table(predicted, index).to_csv(part, index=False)
