"""Well logs of one or many wells, from LAS or CSV, in one layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from craton.errors import ConfigError, DataError, nearest
from craton.io.las import read_las
from craton.io.tables import table_of
from craton.io.well_alignment import align_wells, alignment, apply_alignment
from craton.io.well_csv import read_csv
from craton.io.well_layout import RESERVED, depth_factor
from craton.io.well_products import write_facies_csv, write_facies_las

__all__ = [
    "align_wells",
    "alignment",
    "apply_alignment",
    "read_wells",
    "wells_of",
    "write_facies_csv",
    "write_facies_las",
]

Duplicates = Literal["error", "first", "keep"]

_ENDINGS = (".las", ".las.gz", ".csv", ".csv.gz")
_SAME_UNIT = (
    {"gapi", "api", "gr", "apiunits"},
    {"ohmm", "ohm.m", "ohm-m", "ohm_m"},
    {"g/cc", "g/cm3", "g/c3", "gm/cc", "g/cm^3", "g.cm-3"},
    {"v/v", "m3/m3", "frac", "fraction", "vol/vol", "dec"},
    {"us/f", "us/ft", "usec/ft", "µs/ft"},
    {"b/e", "barns/e", "barn/electron", "b/elec"},
    {"in", "inch", "inches"},
    {"%", "pct", "pu", "percent"},
    {"m", "meter", "metre", "meters", "metres"},
    {"ft", "f", "feet", "foot"},
)


def read_wells(
    path: str | Path,
    columns: Mapping[str, str] | None = None,
    depth_unit: str | None = None,
    *,
    duplicates: Duplicates = "error",
    text: Sequence[str] = (),
) -> xr.Dataset:
    """Read the logs of one or many wells.

    Parameters
    ----------
    path : str or Path
        A LAS file, a CSV file (both also ``.gz``), or a folder of either.
    columns : mapping of str to str, optional
        Name wanted here to name in the file, also for ``well`` and ``depth`` of a CSV. What is
        not named keeps its name.
    depth_unit : str, optional
        ``m`` or ``ft``; goes before what the file says. A CSV whose header gives no unit is
        taken in metres, and ``attrs["history"]`` says so.
    duplicates : {"error", "first", "keep"}
        What to do with a depth that occurs twice in one well: refuse the file, keep the first
        row only, or keep both.
    text : sequence of str
        Columns of a CSV that hold text though most of their values look like numbers.

    Returns
    -------
    xarray.Dataset
        Dimension ``row``: the wells one after another, each by growing depth. ``well`` (text),
        ``depth`` (m), ``depth_original`` (in the unit of the file), numeric curves as float64
        with NaN where there is no value, text columns with "" there; units in ``units``.
        ``attrs["history"]`` and ``attrs["findings"]`` hold one line an entry.

    Raises
    ------
    DataError
        If there is nothing to read, the well or depth column is missing, a curve holds text, a
        depth is missing or repeats, a well is in two files, or two wells give a curve in
        different units.
    ConfigError
        If `duplicates` is none of its three words.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.csv"
    >>> _ = path.write_text("Well Name,Depth (ft),GR\\nA,1001,80\\nA,1000,-999.25\\n")
    >>> ds = read_wells(path)
    >>> ds["depth"].values, ds["GR"].values
    (array([304.8   , 305.1048]), array([nan, 80.]))
    """
    if duplicates not in ("error", "first", "keep"):
        raise ConfigError(nearest(duplicates, ["error", "first", "keep"]), where="duplicates")
    wanted = dict(columns or {})
    found: set[str] = set()
    seen: dict[str, str] = {}
    parts = []
    for file in _files(Path(path)):
        if ".csv" in [s.lower() for s in file.suffixes]:
            part, used = read_csv(file, wanted, depth_unit, duplicates, text)
        else:
            part, used = _rename(read_las(file, depth_unit), wanted)
        found |= used
        for well in dict.fromkeys(part["well"].values.tolist()):
            if well in seen:
                raise DataError(
                    f"well {well} is in {seen[well]} and in {file.name}",
                    where=str(path),
                    fix="give one file a well",
                )
            seen[well] = file.name
        parts.append(part)
    ds = parts[0] if len(parts) == 1 else _concatenate(parts, str(path))
    if others := _others(Path(path)):
        note = f"{len(others)} files that are neither LAS nor CSV were not read: {others[0]} ..."
        ds.attrs["findings"] = "\n".join(filter(None, [ds.attrs["findings"], note]))
    if absent := [name for key, name in wanted.items() if key not in found]:
        names = sorted({str(v) for p in parts for v in p.data_vars} - set(RESERVED))
        raise DataError(
            f"has no column {absent[0]!r}; {nearest(absent[0], names)}",
            where=str(path),
            fix="name a column that is in the file",
        )
    return ds


def wells_of(
    data: xr.Dataset | pd.DataFrame,
    columns: Mapping[str, str] | None = None,
    depth_unit: str | None = None,
) -> xr.Dataset:
    """Lay wells in memory out as :func:`read_wells` lays out a file.

    Parameters
    ----------
    data : xarray.Dataset or pandas.DataFrame
        ``well`` (text), ``depth`` and curves, on one dimension of any name.
    columns : mapping of str to str, optional
        Name wanted here to name in the data, also for ``well`` and ``depth``.
    depth_unit : str, optional
        ``m`` or ``ft``; else the attribute ``units`` of ``depth``, else metres.

    Returns
    -------
    xarray.Dataset
        As from :func:`read_wells`, each well by growing depth.

    Raises
    ------
    DataError
        If ``well`` or ``depth`` is missing, a depth is missing, or the data are no table.

    Examples
    --------
    >>> frame = pd.DataFrame({"well": ["A", "A"], "depth": [1001.0, 1000.0], "GR": [80.0, 75.0]})
    >>> ds = wells_of(frame, depth_unit="ft")
    >>> ds["depth"].values, ds["GR"].values
    (array([304.8   , 305.1048]), array([75., 80.]))
    """
    ds = table_of(data).rename({name: key for key, name in (columns or {}).items() if name in data})
    for key in ("well", "depth"):
        if key not in ds:
            raise DataError(
                f"has no variable '{key}'; there are {list(map(str, ds.data_vars))[:40]}",
                where="data",
                fix=f"rename it to '{key}', or give columns={{'{key}': NAME}}",
            )
    well = ds["well"].to_numpy().astype(str)
    ds = ds.assign(well=("row", well))
    if "depth_original" not in ds or depth_unit:
        factor, unit = depth_factor(depth_unit or str(ds["depth"].attrs.get("units", "m")), "depth")
        original = ds["depth"].to_numpy().astype(float)
        about = {"positive": "down"}
        ds = ds.assign(
            depth=("row", original * factor, {"units": "m", **about}),
            depth_original=("row", original, {"units": unit, **about}),
        )
    if not np.isfinite(ds["depth"]).all():
        raise DataError("a depth is missing", where="data", fix="fill it in or drop the row")
    _, number = np.unique(well, return_inverse=True)
    first = np.array([np.flatnonzero(number == k)[0] for k in range(number.max() + 1)])
    ds = ds.isel(row=np.lexsort((ds["depth"].to_numpy(), first[number])))
    return ds.assign_attrs({"findings": "", **ds.attrs})


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        if path.is_file() and not path.name.lower().endswith(_ENDINGS):
            raise DataError(
                f"ends in {path.suffix or 'nothing'}; one of {', '.join(_ENDINGS)} was expected",
                where=str(path),
                fix="rename the file after its format",
            )
        return [path]
    files = sorted(f for f in path.iterdir() if f.is_file() and not f.name.startswith("."))
    files = [f for f in files if f.name.lower().endswith(_ENDINGS)]
    if not files:
        raise DataError(
            f"holds no file that ends in {', '.join(_ENDINGS)}",
            where=str(path),
            fix="name the folder with the logs",
        )
    return files


def _others(path: Path) -> list[str]:
    if not path.is_dir():
        return []
    names = sorted(f.name for f in path.iterdir())
    return [n for n in names if n[0] != "." and not n.lower().endswith(_ENDINGS)]


def _rename(ds: xr.Dataset, wanted: Mapping[str, str]) -> tuple[xr.Dataset, set[str]]:
    # A LAS file says itself which well it is and which curve is the depth.
    used = {key for key in wanted if key in ("well", "depth")}
    for key, name in wanted.items():
        if key in used or name not in ds or name in RESERVED:
            continue
        used.add(key)
        if key in ds and key != name:
            ds = ds.rename({key: f"{key}_other"})
        ds = ds.rename({name: key})
    return ds, used


def _concatenate(parts: Sequence[xr.Dataset], where: str) -> xr.Dataset:
    sizes = [part.sizes["row"] for part in parts]
    ds = xr.Dataset()
    names = list(dict.fromkeys(str(v) for part in parts for v in part.data_vars))
    for name in names:
        kinds = {str(part["well"].values[0]): part[name] for part in parts if name in part}
        texts = [well for well, a in kinds.items() if a.dtype.kind not in "fiu"]
        if texts and len(texts) < len(kinds):
            number = next(well for well in kinds if well not in texts)
            raise DataError(
                f"{name} is text in well {texts[0]} and numeric in well {number}",
                where=where,
                fix="mend or rename the column in one of them",
            )
        absent = "" if texts else np.nan
        pieces = [
            part[name].values if name in part else np.full(size, absent)
            for part, size in zip(parts, sizes, strict=True)
        ]
        attrs = dict(next(iter(kinds.values())).attrs)
        attrs["units"] = _common_unit(name, kinds, where)
        if name in ("well",) or (texts and not attrs["units"]):
            del attrs["units"]
        ds[name] = ("row", np.concatenate(pieces), attrs)
    for key in ("history", "findings", "source"):
        ds.attrs[key] = "\n".join(p.attrs[key] for p in parts if p.attrs.get(key))
    return ds


def _common_unit(name: str, kinds: Mapping[str, xr.DataArray], where: str) -> str:
    """Return the unit that all wells share; wells that name none are taken to share it."""
    stated = {well: str(a.attrs.get("units", "")) for well, a in kinds.items()}
    stated = {well: unit for well, unit in stated.items() if unit}
    if not stated:
        return ""
    first_well, first = next(iter(stated.items()))
    for well, unit in stated.items():
        if _canonical(unit) == _canonical(first):
            continue
        if name == "depth_original":
            return "mixed"
        raise DataError(
            f"{name} is in {first} in well {first_well} but in {unit} in well {well}",
            where=where,
            fix="bring the curve to one unit in all wells",
        )
    return first


def _canonical(unit: str) -> str:
    word = unit.strip().lower().replace(" ", "")
    return next((sorted(group)[0] for group in _SAME_UNIT if word in group), word)
