"""Well logs in a CSV table: one row a depth, one column a curve."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from craton.errors import DataError, nearest
from craton.io.files import read_text
from craton.io.well_layout import depth_factor, distinct, is_number, same_as_null

NULLS = (-999.25, -999.0, -9999.0, -9999.25, -99999.0)
"""Numbers that stand for a missing value in a table without a header that would say so."""

DEEPEST = 15500.0
"""No well is longer than this along the hole, in metres: greater numbers are feet."""

_MISSING = {"", "na", "nan", "n/a", "null", "none", "-", "--", "?"}
_WELL_NAMES = ("wellname", "well", "wellbore", "borehole", "wellid", "wellborename", "uwi")
_DEPTHS = ("depth", "dept", "depthmd", "md", "measureddepth", "mdepth")
_UNIT = re.compile(r"^(.*?)[\s_]*[\(\[]([^()\[\]]*)[\)\]]\s*$")
_LIMIT = 1 << 30


def read_csv(
    path: Path,
    wanted: Mapping[str, str],
    depth_unit: str | None,
    duplicates: str,
    text: Sequence[str],
) -> tuple[xr.Dataset, set[str]]:
    """Read a table of wells; :func:`craton.io.wells.read_wells` says what comes back.

    Returns
    -------
    ds : xarray.Dataset
        Dimension ``row``.
    used : set of str
        The keys of `wanted` that were found.
    """
    where = path.name
    header, rows, lines = _table(read_text(path, encoding="utf-8-sig", limit=_LIMIT), where)
    history: list[str] = []
    names, units = _names(header)
    used = {key for key, name in wanted.items() if name in header or name in names}
    for key, name in wanted.items():
        if key in used:
            names[header.index(name) if name in header else names.index(name)] = key
    well_at = _find(names, "well", _WELL_NAMES, where)
    depth_at = _find(names, "depth", _DEPTHS, where)
    columns = list(zip(*rows, strict=True))
    wells = np.array([word.strip() for word in columns[well_at]], dtype=str)
    if (wells == "").any():
        line = lines[int(np.flatnonzero(wells == "")[0])]
        raise DataError("a well has no name", where=f"{where}, line {line}", fix="fill it in")
    depth = _depths(columns[depth_at], lines, where)
    stated = _unit(depth, wells, units[depth_at], depth_unit, history)
    findings = [h for h in history if h.startswith("depths step by")]
    factor, unit = depth_factor(stated, where)
    keep = _rows(wells, depth, lines, duplicates, where, history)
    ds = xr.Dataset(attrs={"source": where})
    ds["well"] = ("row", wells[keep])
    ds["depth"] = ("row", depth[keep] * factor, {"units": "m", "positive": "down"})
    ds["depth_original"] = ("row", depth[keep], {"units": unit, "positive": "down"})
    for k, name in enumerate(distinct(names)):
        if k in (well_at, depth_at):
            continue
        if not header[k].strip() and columns[k] == tuple(map(str, range(len(rows)))):
            history.append("the nameless column of row numbers was left out")
            continue
        as_text = name in text or header[k] in text
        values = _values(columns[k], name, lines, as_text, where, history)
        ds[name] = ("row", values[keep], {"units": units[k]} if units[k] else {})
    ds.attrs["history"] = "\n".join(f"{where}: {line}" for line in history)
    ds.attrs["findings"] = "\n".join(f"{where}: {line}" for line in findings)
    return ds, used


def _table(text: str, where: str) -> tuple[list[str], list[list[str]], list[int]]:
    """Return the header, the rows and the line number of each row."""
    start = text.lstrip("\r\n").split("\n", 1)[0]
    delimiter = max(",;\t", key=start.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows, lines = [], []
    try:
        for row in reader:
            if row:
                rows.append(row)
                lines.append(reader.line_num)
    except csv.Error as error:
        raise DataError(
            f"is no CSV table ({error})", where=f"{where}, line {reader.line_num}"
        ) from error
    header = [word.strip() for word in rows[0]]
    if len(rows) < 2:
        raise DataError("has a header but no row", where=where, fix="give a file with data in it")
    for row, line in zip(rows, lines, strict=True):
        if len(row) != len(header):
            raise DataError(
                f"{len(row)} values, {len(header)} were expected",
                where=f"{where}, line {line}",
                fix="the file is cut off or the row is broken: fetch it again or mend the row",
            )
    return header, rows[1:], lines[1:]


def _names(header: Sequence[str]) -> tuple[list[str], list[str]]:
    names, units = [], []
    for word in header:
        found = _UNIT.match(word)
        name, unit = (found[1], found[2].strip()) if found and found[1] else (word, "")
        plain = re.sub(r"[^a-z]", "", name.lower())
        for ending in ("ft", "m"):
            # DEPTH_FT, DEPTH_M; but MD is no depth in D.
            if not unit and plain.removesuffix(ending) in ("depth", "dept", "depthmd"):
                unit = ending if plain.endswith(ending) else unit
        names.append(name.strip() or word)
        units.append(unit)
    return names, units


def _find(names: Sequence[str], what: str, known: Sequence[str], where: str) -> int:
    if what in names:
        return names.index(what)
    plain = [re.sub(r"[^a-z]", "", name.lower()) for name in names]
    for word in known:
        for candidate in (word, f"{word}ft", f"{word}m"):
            if candidate in plain:
                return plain.index(candidate)
    raise DataError(
        f"has no {what} column; {nearest(what, [n for n in names if n])}",
        where=where,
        fix=f"rename the column to {what}, or say columns={{'{what}': NAME}}",
    )


def _depths(words: Sequence[str], lines: Sequence[int], where: str) -> np.ndarray:
    out = np.empty(len(words))
    for k, word in enumerate(words):
        try:
            out[k] = float(word)
        except ValueError:
            out[k] = np.nan
        if not np.isfinite(out[k]):
            what = f"the depth is {word!r}, a number was expected" if word else "the depth is empty"
            raise DataError(what, where=f"{where}, line {lines[k]}", fix="mend or cut the row")
    return out


def _unit(
    depth: np.ndarray, wells: np.ndarray, header: str, override: str | None, history: list[str]
) -> str:
    if override is not None:
        if header and header.lower() != override.lower():
            history.append(f"depth taken in {override}, the header says {header}")
        return override
    if header:
        return header
    if depth.max() > DEEPEST:
        history.append(f"depth taken in ft: {depth.max():g} m is deeper than any well")
        return "ft"
    history.append("depth taken in m, since nothing says otherwise")
    steps = abs(np.diff(depth)[wells[1:] == wells[:-1]])
    if steps.size and np.median(steps) == 0.5:
        history.append("depths step by 0.5, which is usual in feet: if so, say depth_unit='ft'")
    return "m"


def _rows(
    wells: np.ndarray,
    depth: np.ndarray,
    lines: Sequence[int],
    duplicates: str,
    where: str,
    history: list[str],
) -> np.ndarray:
    """Return the rows to keep: wells as they first appear, each by depth."""
    _, first, code = np.unique(wells, return_index=True, return_inverse=True)
    order = np.lexsort((depth, first[code]))
    if moved := int((order != np.arange(len(order))).sum()):
        history.append(f"{moved} rows sorted by well and depth")
    same = np.zeros(len(order), dtype=bool)
    same[1:] = (code[order][1:] == code[order][:-1]) & (np.diff(depth[order]) == 0)
    if not same.any() or duplicates == "keep":
        return order
    at = int(np.flatnonzero(same)[0])
    one, two = int(order[at - 1]), int(order[at])
    what = f"well {wells[two]} has depth {depth[two]:g} in lines {lines[one]} and {lines[two]}"
    if duplicates == "error":
        more = f" (and {int(same.sum()) - 1} more)" if same.sum() > 1 else ""
        raise DataError(
            what + more, where=where, fix="cut one of the rows, or say duplicates='first'"
        )
    history.append(f"{int(same.sum())} rows with a repeated depth left out, the first: {what}")
    return order[~same]


def _values(
    words: Sequence[str],
    name: str,
    lines: Sequence[int],
    as_text: bool,
    where: str,
    history: list[str],
) -> np.ndarray:
    blank = np.array([word.strip().lower() in _MISSING for word in words])
    if not as_text:
        try:
            values = np.array(["nan" if b else w for b, w in zip(blank, words, strict=True)], float)
            return _without_nulls(values, name, history)
        except ValueError:
            pass
        bad = [k for k, word in enumerate(words) if not blank[k] and not is_number(word)]
        if 2 * len(bad) <= len(words) - int(blank.sum()):
            raise DataError(
                f"curve {name} holds {words[bad[0]]!r}, a number was expected",
                where=f"{where}, line {lines[bad[0]]}",
                fix=f"mend the value or leave it empty; if {name} is text, say text=['{name}']",
            )
    return np.array([word.strip() for word in words], dtype=str)


def _without_nulls(values: np.ndarray, name: str, history: list[str]) -> np.ndarray:
    for null in NULLS:
        absent = same_as_null(values, null)
        if absent.any():
            history.append(f"{name}: {int(absent.sum())} values {null:g} became NaN")
            values[absent] = np.nan
    infinite = np.isinf(values)
    if infinite.any():
        history.append(f"{name}: {int(infinite.sum())} infinite values became NaN")
        values[infinite] = np.nan
    return values
