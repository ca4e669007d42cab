"""Predicted facies along wells, as CSV and as LAS."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from craton.errors import DataError, nearest
from craton.io.files import atomic
from craton.io.las_write import write_las
from craton.io.tables import six_digits

PREFIX = "probability_"
"""What the name of a probability column begins with; the facies' label follows."""


def write_facies_csv(path: str | Path, table: pd.DataFrame) -> None:
    """Write predicted facies as a CSV table.

    Parameters
    ----------
    path : str or Path
        File to write, gzip-compressed if it ends in ``.gz``.
    table : pandas.DataFrame
        Columns ``well``, ``depth`` (as in the input, so that both can be joined), ``facies`` and
        one ``probability_LABEL`` a facies. Further columns are written behind.

    Raises
    ------
    DataError
        If a column is missing, or probabilities are not within 0 and 1 with sum 1.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "facies.csv"
    >>> write_facies_csv(path, pd.DataFrame({"well": ["A"], "depth": [2808.5], "facies": [3],
    ...                                      "probability_2": [0.25], "probability_3": [0.75]}))
    >>> print(path.read_text())
    well,depth,facies,probability_2,probability_3
    A,2808.5,3,0.25,0.75
    """
    labels = _checked(table, str(path))
    first = ["well", "depth", "facies", *(PREFIX + label for label in labels)]
    rest = [c for c in table.columns if c not in first]
    shares = {PREFIX + label: six_digits(table[PREFIX + label].to_numpy()) for label in labels}
    with atomic(path) as part:
        table.assign(**shares)[first + rest].to_csv(part, index=False)


def write_facies_las(
    path: str | Path,
    table: pd.DataFrame,
    *,
    depth_unit: str = "m",
    codes: Mapping[str, int] | None = None,
) -> list[Path]:
    """Write predicted facies as LAS 2.0, one file a well.

    Parameters
    ----------
    path : str or Path
        A file ending in ``.las`` for a single well, else a folder for WELL.las of each.
    table : pandas.DataFrame
        As for :func:`write_facies_csv`.
    depth_unit : str
        Unit of ``depth``: ``m`` or ``ft``.
    codes : mapping of str to int, optional
        Number of each label, for the curve FACIES. Without it labels that are numbers are their
        own code and other labels are counted from 1 in the order of the probability columns.

    Returns
    -------
    list of Path
        The files written: curves FACIES and P_LABEL. What each code means stands among the
        parameters.

    Raises
    ------
    DataError
        If the table is not as expected, there is no code for a label, or `path` ends in
        ``.las`` and there are several wells.

    Examples
    --------
    >>> import tempfile
    >>> from craton.io.las import read_las
    >>> path = Path(tempfile.mkdtemp()) / "A.las"
    >>> table = pd.DataFrame({"well": ["A"] * 2, "depth": [1.0, 2.0], "facies": ["sand", "shale"],
    ...                       "probability_sand": [0.9, 0.5], "probability_shale": [0.1, 0.5]})
    >>> _ = write_facies_las(path, table)
    >>> read_las(path)["FACIES"].values
    array([1., 2.])
    """
    labels = _checked(table, str(path))
    number = _codes(table, labels, codes, str(path))
    path = Path(path)
    wells = list(dict.fromkeys(table["well"].astype(str)))
    single = path.suffix.lower() == ".las"
    if single and len(wells) > 1:
        raise DataError(
            f"{len(wells)} wells do not go into one LAS file",
            where=str(path),
            fix="name a folder, or a .csv file",
        )
    files = [path] if single else [path / f"{_file_name(well)}.las" for well in wells]
    if len(set(files)) < len(files):
        raise DataError("two wells have names that make one file name", where=str(path))
    flags = {
        "flag_values": list(number.values()),
        "flag_meanings": " ".join("_".join(label.split()) for label in number),
    }
    for well, file in zip(wells, files, strict=True):
        rows = table[table["well"].astype(str) == well].sort_values("depth", kind="stable")
        depth = rows["depth"].to_numpy(dtype=float)
        ds = xr.Dataset({"well": ("row", np.full(len(rows), well))})
        ds["depth"] = ("row", depth, {"units": depth_unit})
        code = [float(number[_label(v)]) for v in rows["facies"]]
        ds["FACIES"] = ("row", np.array(code), flags)
        for label in labels:
            ds[f"P_{label}"] = ("row", six_digits(rows[PREFIX + label].to_numpy()))
        write_las(file, ds)
    return files


def facies_table(
    well: NDArray[Any],
    depth: NDArray[Any],
    probability: NDArray[Any],
    labels: Sequence[str],
    names: Sequence[str] = (),
) -> pd.DataFrame:
    """Lay out class probabilities along wells as the table that the writers take.

    Parameters
    ----------
    well, depth : ndarray, shape (row,)
    probability : ndarray, shape (row, facies)
    labels : sequence of str
        What stands in ``facies`` and after ``probability_``.
    names : sequence of str
        Names of the facies, for a column ``name``, where labels are codes.

    Examples
    --------
    >>> facies_table(np.array(["A"]), np.array([1.0]), np.array([[0.2, 0.8]]), ["1", "2"])
      well  depth facies  probability_1  probability_2
    0    A    1.0      2            0.2            0.8
    """
    p = np.asarray(probability, dtype=float)
    best = p.argmax(axis=1)
    frame = pd.DataFrame({"well": well, "depth": depth, "facies": np.array(labels)[best]})
    if names:
        frame["name"] = np.array(names)[best]
    shares = pd.DataFrame(p / p.sum(axis=1, keepdims=True), columns=list(labels))
    return frame.join(shares.add_prefix(PREFIX))


def write_wells_las(
    path: str | Path, table: pd.DataFrame, *, depth_unit: str, codes: Mapping[str, int]
) -> None:
    """Write a LAS file of a single well; of several, a folder of that name with a file each.

    See Also
    --------
    write_facies_las : the same, by what `path` is
    """
    wells = list(dict.fromkeys(table["well"].astype(str)))
    if len(wells) == 1:
        write_facies_las(path, table, depth_unit=depth_unit, codes=codes)
        return
    with atomic(path) as part:
        part.mkdir()
        for well in wells:
            rows = table[table["well"].astype(str) == well]
            file = part / f"{_file_name(well)}.las"
            if file.exists():
                raise DataError("two wells have names that make one file name", where=str(path))
            write_facies_las(file, rows, depth_unit=depth_unit, codes=codes)


def _checked(table: pd.DataFrame, where: str) -> list[str]:
    columns = [str(c) for c in table.columns]
    for name in ("well", "depth", "facies"):
        if name not in columns:
            raise DataError(f"has no column {name}; {nearest(name, columns)}", where=where)
    labels = [c.removeprefix(PREFIX) for c in columns if c.startswith(PREFIX)]
    if not labels:
        raise DataError(f"has no column {PREFIX}LABEL", where=where)
    p = table[[PREFIX + label for label in labels]].to_numpy(dtype=float)
    bad = ~np.isfinite(p).all(axis=1) | (p < -1e-9).any(axis=1) | (abs(p.sum(axis=1) - 1) > 1e-3)
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"the probabilities of row {at} are {p[at].tolist()}, numbers with sum 1 were expected",
            where=where,
        )
    return labels


def _codes(
    table: pd.DataFrame, labels: list[str], codes: Mapping[str, int] | None, where: str
) -> dict[str, int]:
    present = list(dict.fromkeys(_label(v) for v in table["facies"]))
    if codes is None:
        every = list(dict.fromkeys(labels + present))
        numeric = all(re.fullmatch(r"-?\d+(\.0*)?", label) for label in every)
        if numeric:
            return {label: int(float(label)) for label in every}
        codes = {label: k for k, label in enumerate(labels, start=1)}
    known = {str(label): int(code) for label, code in codes.items()}
    if absent := [label for label in present if label not in known]:
        raise DataError(
            f"facies {absent[0]!r} has no code; {nearest(absent[0], known)}", where=where
        )
    return known


def _label(value: object) -> str:
    """Write a facies as its probability column does: 3, not 3.0."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _file_name(well: str) -> str:
    return re.sub(r"[^\w\-]+", "_", well).strip("_") or "well"
