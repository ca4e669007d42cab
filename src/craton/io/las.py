"""Well logs in Log ASCII Standard (LAS) files, versions 1.2 and 2.0."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from craton.errors import DataError, MissingExtraError, nearest
from craton.io.files import read_text
from craton.io.las_write import write_las
from craton.io.well_layout import DEPTH_NAMES, depth_factor, distinct, is_number, same_as_null

__all__ = ["read_las", "write_las"]

_CODE = re.compile(r"text of code (\d+) in curve (\S+)")
_LIMIT = 1 << 30


def read_las(path: str | Path, depth_unit: str | None = None) -> xr.Dataset:
    """Read the logs of one well from a LAS file.

    Parameters
    ----------
    path : str or Path
        A ``.las`` or ``.las.gz`` file, version 1.2 or 2.0, wrapped or not.
    depth_unit : str, optional
        ``m`` or ``ft``; goes before what the file says.

    Returns
    -------
    xarray.Dataset
        Dimension ``row``, in order of growing depth, with ``well`` (text), ``depth`` (m),
        ``depth_original`` (in the file's unit) and one variable a curve, its unit in ``units``.
        The file's null value is NaN. ``attrs["history"]`` says what was changed on reading, and
        ``attrs["findings"]`` what looks odd, one line each.

    Raises
    ------
    DataError
        If the file is empty or cut off, if a row has too few or too many values or text among
        numbers, if there is no depth or its unit is not known, or if depths repeat or turn back.
    MissingExtraError
        If ``lasio`` is not installed.

    References
    ----------
    Canadian Well Logging Society (2017). LAS version 2.0: a digital standard for logs.

    Examples
    --------
    >>> import tempfile
    >>> text = '''~V
    ... VERS. 2.0 :
    ... WRAP. NO :
    ... ~W
    ... NULL. -999.25 :
    ... WELL. A-1 :
    ... ~C
    ... DEPT.FT :
    ... GR.GAPI :
    ... ~A
    ... 1000 80
    ... 1001 -999.25
    ... '''
    >>> path = Path(tempfile.mkdtemp()) / "a.las"
    >>> _ = path.write_text(text)
    >>> read_las(path)["depth"].values
    array([304.8   , 305.1048])
    """
    path = Path(path)
    where = path.name
    text = _text(path)
    header, lines, first = _sections(text, where)
    las = _header(header, where)
    names, units = _curves(las, where)
    history: list[str] = []
    table = _table(lines, first, names, _delimiter(las, lines), _wrapped(las), where, history)
    columns = _decode(table, names, header, _null(las), history)
    at = _depth_column(names, columns, where)
    stated = _depth_unit(las, units[at], depth_unit, where, history)
    factor, unit = depth_factor(stated, where)
    depth = np.asarray(columns[at], dtype=float)
    order = _ordered(depth, first, where, history)
    findings = _endings(las, depth, text, unit, where)
    if factor != 1.0:
        history.append(f"depth converted from {unit} to m")
    well = _well(header, las, path)
    ds = xr.Dataset(attrs={"source": where})
    ds["well"] = ("row", np.full(len(depth), well))
    ds["depth"] = ("row", depth[order] * factor, {"units": "m", "positive": "down"})
    ds["depth_original"] = ("row", depth[order], {"units": unit, "positive": "down"})
    for k, name in enumerate(distinct(names)):
        if k != at:
            ds[name] = ("row", columns[k][order], {"units": units[k]})
            if columns[k].dtype.kind == "f" and not np.isfinite(columns[k]).any():
                findings.append(f"curve {name} has no value")
    ds.attrs["history"] = "\n".join(f"{where}: {line}" for line in history)
    ds.attrs["findings"] = "\n".join(f"{where}: {line}" for line in findings)
    return ds


def _text(path: Path) -> str:
    text = read_text(path, limit=_LIMIT)
    # Old files hold degree signs and Nordic letters in Windows' encoding.
    return read_text(path, encoding="cp1252", limit=_LIMIT) if "\ufffd" in text else text


def _sections(text: str, where: str) -> tuple[str, list[str], int]:
    """Split into header text, data lines, and the data's first line number less one."""
    lines = text.splitlines()
    starts = [k for k, line in enumerate(lines) if line.lstrip()[:2].upper() == "~A"]
    if not starts:
        raise DataError(
            "has no ~A section: it is cut off, or no LAS file", where=where, fix="fetch it again"
        )
    header, data = lines[: starts[0]], lines[starts[0] + 1 :]
    stop = next((k for k, line in enumerate(data) if line.lstrip()[:1] == "~"), len(data))
    return "\n".join(header), data[:stop], starts[0] + 2


def _header(header: str, where: str) -> Any:
    try:
        import lasio
    except ImportError as error:
        raise MissingExtraError(
            "reading LAS needs lasio", where=where, fix="pip install 'craton[wells]'"
        ) from error
    try:
        # A text stream is all that lasio sees: a name could send it to an address.
        las = lasio.read(
            io.StringIO(header),
            ignore_data=True,
            ignore_header_errors=True,
            mnemonic_case="preserve",
        )
        version = float(_item(las.version, "VERS", 2.0))
    except Exception as error:  # a foreign parser fails in many ways on damaged text
        raise DataError(
            f"the header cannot be read ({error})", where=where, fix="check the ~V, ~W, ~C sections"
        ) from error
    if version >= 3:
        raise DataError(
            f"is LAS {version:g}; 1.2 or 2.0 was expected", where=where, fix="save it as LAS 2.0"
        )
    return las


def _item(section: Any, name: str, default: Any) -> Any:
    for item in section:
        if item.original_mnemonic.upper() == name:
            return item.value
    return default


def _curves(las: Any, where: str) -> tuple[list[str], list[str]]:
    names = [str(c.original_mnemonic or "UNKNOWN").strip() for c in las.curves]
    if not names:
        raise DataError("names no curve in ~C", where=where, fix="give the file its ~C section")
    units = [str(c.unit or "").strip() for c in las.curves]
    return names, ["" if u in ("_", "-", "None") else u for u in units]


def _delimiter(las: Any, lines: Sequence[str]) -> str | None:
    word = str(_item(las.version, "DLM", "")).upper()
    if word in ("COMMA", "TAB"):
        return "," if word == "COMMA" else "\t"
    row = next((line for line in lines if line.strip() and line[0] != "#"), "")
    return "," if "," in row else None


def _wrapped(las: Any) -> bool:
    return str(_item(las.version, "WRAP", "NO")).upper().startswith("Y")


def _null(las: Any) -> float:
    try:
        return float(_item(las.well, "NULL", -999.25))
    except (TypeError, ValueError):
        return -999.25


def _table(
    lines: Sequence[str],
    first: int,
    names: Sequence[str],
    delimiter: str | None,
    wrapped: bool,
    where: str,
    history: list[str],
) -> list[np.ndarray]:
    """Return one array a curve, of numbers where all its values are numbers, else of words."""
    numbered = [(first + k, s) for k, s in enumerate(lines) if s.strip() and s.strip()[0] != "#"]
    if not numbered:
        raise DataError("has no row of data", where=where, fix="give a file with data in it")
    width = len(names)
    if delimiter is None and not wrapped:
        try:
            quick = np.loadtxt([s for _, s in numbered], ndmin=2, comments=None)
        except ValueError:
            quick = np.empty((0, 0))
        if quick.shape == (len(numbered), width):
            return list(quick.T)
    rows = [_split(line, delimiter, width, wrapped, history) for _, line in numbered]
    if wrapped:
        words = [word for row in rows for word in row]
        if len(words) % width:
            raise DataError(
                f"{len(words)} values do not fill rows of {width} curves",
                where=where,
                fix="the file is cut off or lacks a value: fetch it again",
            )
        rows = [words[k : k + width] for k in range(0, len(words), width)]
        numbered = [(first, "")] * len(rows)
    for (number, _), row in zip(numbered, rows, strict=True):
        if len(row) != width:
            raise DataError(
                f"{len(row)} values, {width} curves were expected ({', '.join(names[:8])} ...)",
                where=f"{where}, line {number}",
                fix="the file is cut off or the row is broken: fetch it again or mend the row",
            )
    return [_column([row[k] for row in rows], names[k], numbered, where) for k in range(width)]


def _split(
    line: str, delimiter: str | None, width: int, wrapped: bool, history: list[str]
) -> list[str]:
    row = [word.strip() for word in line.split(delimiter)]
    if delimiter is None and len(row) < width and not wrapped:
        apart = re.sub(r"(\d)-(?=\d)", r"\1 -", line).split()
        if len(apart) == width:
            note = "values that run together were parted at the minus sign"
            if note not in history:
                history.append(note)
            return apart
    return row


def _column(
    words: list[str], name: str, numbered: Sequence[tuple[int, str]], where: str
) -> np.ndarray:
    try:
        return np.array([float(word) if word else np.nan for word in words])
    except ValueError:
        pass
    bad = [k for k, word in enumerate(words) if word and not is_number(word)]
    if 2 * len(bad) > sum(map(bool, words)):
        return np.array(words, dtype=str)
    raise DataError(
        f"curve {name} holds {words[bad[0]]!r}, a number was expected",
        where=f"{where}, line {numbered[bad[0]][0]}",
        fix="mend the value, or write the null value in its place",
    )


def _decode(
    table: list[np.ndarray], names: list[str], header: str, null: float, history: list[str]
) -> list[np.ndarray]:
    """Put NaN for null values and infinities, and words for codes that the header explains."""
    words: dict[str, dict[float, str]] = {}
    for line in header.splitlines():
        if found := _CODE.search(line):
            value = line[: found.start()].split(".", 1)[-1].rpartition(":")[0].strip()
            words.setdefault(found[2], {})[float(found[1])] = value
    out = []
    for name, column in zip(names, table, strict=True):
        if column.dtype.kind == "f":
            absent = same_as_null(column, null)
            infinite = np.isinf(column)
            if infinite.any():
                history.append(f"{int(infinite.sum())} infinite values of {name} became NaN")
            column = np.where(absent | infinite, np.nan, column)
            if known := words.get(name):
                column = np.array([known.get(v, "") for v in column.tolist()], dtype=str)
        out.append(column)
    return out


def _depth_column(names: list[str], columns: list[np.ndarray], where: str) -> int:
    upper = [name.upper() for name in names]
    # The standard puts the index first; that column wins over a copy further right.
    order = [upper[0]] if upper[0] in DEPTH_NAMES else [n for n in DEPTH_NAMES if n in upper]
    if not order:
        raise DataError(
            f"has no depth curve; {nearest('DEPT', names)}",
            where=where,
            fix=f"name the depth curve one of {', '.join(DEPTH_NAMES)}",
        )
    at = upper.index(order[0])
    if columns[at].dtype.kind != "f":
        raise DataError("the depths are text", where=f"{where}, curve {names[at]}")
    return at


def _depth_unit(las: Any, unit: str, override: str | None, where: str, history: list[str]) -> str:
    starts = [str(i.unit or "") for i in las.well if i.original_mnemonic.upper() == "STRT"]
    start = starts[0] if starts else ""
    if override is not None:
        depth_factor(override, where)
        if unit.strip().lower() != override.strip().lower():
            history.append(f"depth taken in {override}, the file says {unit or start or 'nothing'}")
        return override
    if not unit:
        return start
    if start and depth_factor(unit, where) != depth_factor(start, where):
        raise DataError(
            f"the depth curve is in {unit} but STRT is in {start}",
            where=where,
            fix="say which holds with depth_unit='m' or 'ft'",
        )
    return unit


def _ordered(depth: np.ndarray, first: int, where: str, history: list[str]) -> slice:
    if np.isnan(depth).any():
        at = int(np.flatnonzero(np.isnan(depth))[0])
        raise DataError(
            "a depth is missing", where=f"{where}, data row {at + 1}", fix="fill it or cut the row"
        )
    steps = np.diff(depth)
    upward = steps.size > 0 and bool(np.median(steps) < 0)
    bad = np.flatnonzero(steps >= 0 if upward else steps <= 0)
    if bad.size:
        at = int(bad[0])
        kind = "repeats" if steps[at] == 0 else "turns back"
        raise DataError(
            f"depth {kind}: {depth[at]:g} is followed by {depth[at + 1]:g}",
            where=f"{where}, data row {at + 2}",
            fix="sort the rows by depth and leave one row a depth",
        )
    if upward:
        history.append("rows turned round: the file runs upward")
    return slice(None, None, -1) if upward else slice(None)


def _endings(las: Any, depth: np.ndarray, text: str, unit: str, where: str) -> list[str]:
    """Compare the last depth with the header's STOP; refuse a file cut within its last row."""
    try:
        stop = float(_item(las.well, "STOP", np.nan))
    except (TypeError, ValueError):
        return []
    step = float(np.median(np.abs(np.diff(depth)))) if len(depth) > 1 else 0.0
    short = abs(stop - depth[-1])
    if not np.isfinite(stop) or short <= 1.5 * step + 1e-6 * abs(stop):
        return []
    what = f"the last depth is {depth[-1]:g} {unit}, the header says STOP {stop:g}"
    if not text.endswith(("\n", "\r")) and len(depth) > 1:
        raise DataError(
            f"{what}, and the last line has no end: the file is cut off",
            where=where,
            fix="fetch it again, or mend STOP if the file is whole",
        )
    return [what]


def _well(header: str, las: Any, path: Path) -> str:
    name = str(_item(las.well, "WELL", "") or "").strip()
    if is_number(name):
        # lasio made a number of it; the raw text still says well "007".
        raw = re.search(r"^[ \t]*WELL[ \t]*\.\S*[ \t]+(\S+)[ \t]*:", header, re.MULTILINE | re.I)
        name = raw[1] if raw and is_number(raw[1]) else name
    if not name or name.upper() == "WELL":
        name = str(_item(las.well, "UWI", "") or "").strip()
    return name or Path(path.name.removesuffix(".gz")).stem
