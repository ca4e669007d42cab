"""Any CSV table in, predictions as CSV out."""

from __future__ import annotations

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
    text = read_text(path)
    try:
        frame = pd.read_csv(io.StringIO(text), low_memory=False, skipinitialspace=True)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        raise DataError(f"is not a CSV table ({error})", where=str(path)) from None
    if frame.empty:
        raise DataError("has a header and no rows", where=str(path), fix="give a table with rows")
    header = text.splitlines()[0].split(",")
    repeated = {h.strip() for h in header if header.count(h) > 1}
    if repeated:
        raise DataError(f"the column {sorted(repeated)[0]!r} is there twice", where=str(path))
    notes, columns = [], {}
    for name in frame.columns:
        column = frame[name]
        if column.dtype.kind in "fiu":
            values = column.to_numpy(dtype=np.float64)
            null = np.isin(values, NULLS)
            if null.any():
                notes.append(f"{int(null.sum())} null values in '{name}' taken as missing")
                values = np.where(null, np.nan, values)
            columns[str(name).strip()] = ("row", values)
        else:
            text_values = column.astype(object).where(column.notna(), "")
            columns[str(name).strip()] = ("row", text_values.to_numpy(dtype=object))
    return xr.Dataset(columns, attrs={"history": "\n".join(notes)})


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
        values = index[column]
        if values.notna().any() and not (values == "").all():
            table[column] = values.to_numpy()
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
    with atomic(path) as part:
        prediction_table(predicted, index).to_csv(part, index=False, float_format="%.6g")
