"""Writing Log ASCII Standard (LAS) 2.0 files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from craton.errors import DataError, nearest
from craton.io.files import atomic
from craton.io.well_layout import RESERVED, same_as_null

_NULLS = (-999.25, -9999.0, -9999.25, -99999.0, -1.0e30)


def write_las(path: str | Path, ds: xr.Dataset) -> None:
    """Write the logs of one well as a LAS 2.0 file.

    Parameters
    ----------
    path : str or Path
        File to write; it appears whole or not at all.
    ds : xarray.Dataset
        Dimension ``row`` with ``well`` and ``depth`` (m), laid out as by
        :func:`craton.io.las.read_las`. Depths are written as in ``depth_original`` where there
        is one. Text columns are written as codes whose meaning stands in the parameter section,
        since LAS data are numbers; so does the meaning of ``flag_values``.

    Raises
    ------
    DataError
        If there is more than one well, no row, or a value that is infinite or not a number.

    Examples
    --------
    >>> import tempfile
    >>> from craton.io.las import read_las
    >>> path = Path(tempfile.mkdtemp()) / "a.las"
    >>> ds = xr.Dataset({"well": ("row", ["A"] * 2), "depth": ("row", [1.0, 2.0]),
    ...                  "GR": ("row", [80.0, np.nan], {"units": "API"})})
    >>> write_las(path, ds)
    >>> read_las(path)["GR"].values
    array([80., nan])
    """
    well = _one_well(ds, str(path))
    key = "depth_original" if "depth_original" in ds else "depth"
    unit = str(ds[key].attrs.get("units", "m"))
    curves = [str(v) for v in ds.data_vars if ds[v].dims == ("row",) and v not in RESERVED]
    codes: list[str] = []
    shorts = _mnemonics(curves)
    columns = [_numbers(ds, key, "DEPT", codes, str(path))]
    for name, short in zip(curves, shorts, strict=True):
        columns.append(_numbers(ds, name, short, codes, str(path)))
    stack = np.stack(columns, axis=1)
    null = next((v for v in _NULLS if not same_as_null(stack, v).any()), None)
    if null is None:
        raise DataError("holds every usual null value as data", where=str(path), fix="mask them")
    steps = np.diff(columns[0])
    even = steps.size > 0 and bool(np.allclose(steps, steps[0], rtol=1e-6, atol=1e-9))
    head = ["~Version", "VERS. 2.0 : CWLS LOG ASCII STANDARD - VERSION 2.0", "WRAP. NO : ", "~Well"]
    for name, value in (
        ("STRT", columns[0][0]),
        ("STOP", columns[0][-1]),
        ("STEP", round(float(steps[0]), 9) if even else 0.0),
    ):
        head.append(f"{name}.{unit} {_word(value)} : ")
    head += [f"NULL. {_word(null)} : NULL VALUE", f"WELL. {well} : WELL", "~Curve"]
    head.append(f"DEPT.{unit} : DEPTH")
    for name, short in zip(curves, shorts, strict=True):
        unit_word = re.sub(r"[\s:]+", "_", str(ds[name].attrs.get("units", "")))
        head.append(f"{short}.{unit_word} : {' '.join(name.split())}")
        values = np.atleast_1d(ds[name].attrs.get("flag_values", []))
        meanings = str(ds[name].attrs.get("flag_meanings", "")).split()
        for code, meaning in zip(values.tolist(), meanings, strict=False):
            codes.append(f"{short}_{code}. {meaning} : meaning of code {code} of {short}")
    if codes:
        head += ["~Parameter", *codes]
    stack[np.isnan(stack)] = null
    rows = (" ".join(map(_word, row)) for row in stack.tolist())
    with atomic(path) as part:
        part.write_text("\n".join([*head, "~A", *rows]) + "\n", encoding="utf-8")


def _one_well(ds: xr.Dataset, where: str) -> str:
    for name in ("well", "depth"):
        if name not in ds:
            raise DataError(f"has no {name}; {nearest(name, map(str, ds.variables))}", where=where)
    wells = sorted({str(w) for w in ds["well"].values.tolist()})
    if len(wells) != 1:
        raise DataError(
            f"{len(wells)} wells came, one was expected",
            where=where,
            fix="write one LAS file a well",
        )
    if ":" in wells[0] or "\n" in wells[0]:
        raise DataError(
            f"the well's name {wells[0]!r} has a colon, which LAS cannot hold",
            where=where,
            fix="rename the well",
        )
    return wells[0].strip()


def _numbers(ds: xr.Dataset, name: str, short: str, codes: list[str], where: str) -> np.ndarray:
    values = ds[name].values
    if values.dtype.kind in "OUS" or not np.issubdtype(values.dtype, np.number):
        words = sorted({str(v) for v in values.tolist() if str(v)})
        at = {word: float(k) for k, word in enumerate(words, start=1)}
        for k, word in enumerate(words, start=1):
            clean = " ".join(word.split()).replace(":", ";")
            codes.append(f"{short}_{k}. {clean} : text of code {k} in curve {short}")
        return np.array([at.get(str(v), np.nan) for v in values.tolist()])
    if values.dtype == np.float32:
        values = values.astype(str)  # the fewest digits, not the noise behind them
    numbers = np.asarray(values, dtype=float)
    if np.isinf(numbers).any():
        raise DataError(f"curve {name} has infinite values", where=where, fix="mask them")
    if name.startswith("depth") and np.isnan(numbers).any():
        raise DataError("a depth is missing", where=where, fix="cut the rows without depth")
    return numbers


def _mnemonics(names: Sequence[str]) -> list[str]:
    """Make names that LAS can hold, each its own."""
    out: list[str] = []
    for name in names:
        plain = re.sub(r"[^\w\-\[\]()%+]+", "_", name) or "_"
        new, k = plain, 2
        while new in out or new.upper() == "DEPT":
            new, k = f"{plain}_{k}", k + 1
        out.append(new)
    return out


def _word(value: float) -> str:
    """Write a number in the fewest digits that give it back."""
    text = repr(float(value))
    return text.removesuffix(".0")
