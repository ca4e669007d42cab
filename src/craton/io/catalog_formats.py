"""Earthquake catalogues without a header line: ZMAP, CSEP, SCEDC, relocated, hypoDD.

Each format is told by its first event alone, by a rule that no other format fulfils; then every
row is held against it. Times come out as datetime64[ns] (UTC), all else as text, which
`craton.io.catalog` turns into numbers within bounds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from craton.errors import DataError
from craton.io.bad_rows import BadRows

CLOCK = ("year", "month", "day", "hour", "minute", "second")
_CLOCK_BOUNDS = {
    "year": (1678, 2261), "month": (1, 12), "day": (1, 31), "hour": (0, 23), "minute": (0, 59),
    "second": (0, 61), "microsecond": (0, 999_999),
}  # fmt: skip
_DAY = re.compile(r"\d{4}/\d\d/\d\d")


class Format(NamedTuple):
    """A format without a header: its rule, where its columns are, and how many a row has."""

    name: str
    fits: Callable[[Sequence[str]], bool]
    columns: Mapping[str, int]
    width: tuple[int, int]
    """Least and most values in a row; where they differ, those after the least are free."""


def find_format(lines: Sequence[str]) -> Format | None:
    """Return the format of these lines, None if they are of none.

    Parameters
    ----------
    lines : sequence of str
        All lines that are not blank. Those that begin with ``#`` are remarks, but the events of
        hypoDD's phase files.

    Examples
    --------
    >>> find_format(["-117.5 34.1 2019 7 4 6.4 10.7 17 33 49.0"]).name
    'ZMAP'
    >>> find_format(["time,latitude,longitude,mag"]) is None
    True
    """
    if lines and lines[0].startswith("#") and PHASES.fits(_values(lines[0].lstrip("#"))):
        return PHASES
    first = next((_values(line) for line in lines if not line.startswith("#")), None)
    return next((f for f in FORMATS if f.fits(first)), None) if first else None


def format_table(lines: Sequence[str], form: Format, where: str, bad: BadRows) -> pd.DataFrame:
    """Lay the events of a format out as a table.

    Parameters
    ----------
    lines : sequence of str
        Lines that are not blank.
    form : Format
        What `find_format` found.
    where : str
        The file, for messages.
    bad : BadRows
        Takes the rows whose time is none.

    Returns
    -------
    pandas.DataFrame
        ``time`` as datetime64[ns], the other variables as text; ``attrs["names"]`` tells which
        column a variable came from.

    Raises
    ------
    DataError
        If a row has too few or too many values.
    """
    marked = form is PHASES
    rows = [_values(line.lstrip("#")) for line in lines if line.startswith("#") == marked]
    least, most = form.width
    odd = next((i for i, r in enumerate(rows) if not least <= len(r) <= most), None)
    if odd is not None:
        wanted = f"{least}" if least == most else f"{least} to {most}"
        raise DataError(
            f"has {len(rows[odd])} values where {form.name} has {wanted}",
            where=f"{where}, row {odd + 1}",
            fix="mend the row, or give the file a header line of names",
        )
    took = {n: pd.Series([r[k] for r in rows], dtype=str) for n, k in form.columns.items()}
    names = {n: f"{n} ({form.name}, column {k + 1})" for n, k in form.columns.items()}
    time = _times(took, form, bad)
    table = pd.DataFrame({n: v for n, v in took.items() if n not in (*CLOCK, "date", "clock")})
    if time is not None:
        table.insert(0, "time", time)
    if form is SCEDC:
        # the format's own word for an event without a magnitude, which is then written 0.00
        table["magnitude"] = table["magnitude"].where(took["magnitude_type"] != "n", "")
    table.attrs.update(names=names, format=form.name)
    return table


def clock_times(parts: Mapping[str, Any], bad: BadRows) -> NDArray[np.datetime64]:
    """Times from columns of numbers.

    Parameters
    ----------
    parts : mapping of str to sequence
        ``year``, ``month``, ``day``, ``hour``, ``minute`` and, if there are such, ``second``
        and ``microsecond``, as text or numbers. Seconds of 60 to 61, which location programs
        write, belong to the next minute.
    bad : BadRows
        Takes the rows of which a part is missing, not a number, not whole or out of range, or
        which name a day that there is not.

    Returns
    -------
    numpy.ndarray of datetime64[ns]
        NaT where a row is bad.

    Examples
    --------
    >>> parts = dict(year=[2020], month=[2], day=[29], hour=[23], minute=[59], second=[60])
    >>> clock_times(parts, BadRows())
    array(['2020-03-01T00:00:00.000000000'], dtype='datetime64[ns]')
    """
    values: dict[str, NDArray[np.float64]] = {}
    lost = np.zeros(len(parts["year"]), dtype=bool)
    for name, (low, high) in _CLOCK_BOUNDS.items():
        if name not in parts:
            continue
        text = pd.Series(parts[name])
        number = pd.to_numeric(text, errors="coerce").to_numpy(dtype=float)
        good = (number >= low) & (number <= high)
        if name != "second":
            good &= number == np.floor(number)
        said = f"{low} to {high} was expected"
        bad.mark(
            np.flatnonzero(~good & ~lost),
            None,
            lambda row, name=name, text=text, said=said: (  # type: ignore[misc]
                f"the {name} is '{str(text.iloc[row]).strip()}', {said}"
            ),
            "mend the row or take it out",
        )
        lost |= ~good
        values[name] = np.where(good, number, low)
    months = ((values["year"] - 1970) * 12 + values["month"] - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + (values["day"] - 1).astype("timedelta64[D]")
    unreal = days.astype("datetime64[M]") != months
    bad.mark(
        np.flatnonzero(unreal & ~lost),
        None,
        lambda row: "there is no day " + "-".join(f"{values[n][row]:02.0f}" for n in CLOCK[:3]),
        "mend the row",
    )
    # whole microseconds: seconds are given in decimal fractions of these at most
    small = np.round(values.get("second", np.zeros(len(days))) * 1e6)
    small = small + values.get("microsecond", 0.0)
    small = small + (values["hour"] * 3600 + values["minute"] * 60) * 1e6
    found: NDArray[np.datetime64] = days.astype("datetime64[ns]") + small.astype("timedelta64[us]")
    found[lost | unreal] = np.datetime64("NaT")
    return found


def _times(took: Mapping[str, pd.Series], form: Format, bad: BadRows) -> Any:
    """Times of a format's own kind; None where the column `time` is text that others read."""
    if form is SCEDC:
        date = took["date"].str.split("/", expand=True)
        clock = took["clock"].str.split(":", expand=True).reindex(columns=range(3))
        parts = {**{n: date[k] for k, n in enumerate(CLOCK[:3])},
                 **{n: clock[k] for k, n in enumerate(CLOCK[3:])}}  # fmt: skip
        return clock_times(parts, bad)
    if form is ZMAP:
        return _zmap_times(took, bad)
    return None if form is CSEP else clock_times(took, bad)


def _zmap_times(took: Mapping[str, pd.Series], bad: BadRows) -> NDArray[np.datetime64]:
    """ZMAP's third column is a year or a decimal year; the other parts make it exact.

    Where month and day are zero or not a number throughout, the decimal year is all there is.
    """
    decimal = pd.to_numeric(took["year"], errors="coerce").to_numpy(dtype=float)
    good = (decimal >= 1678) & (decimal < 2262)
    bad.mark(
        np.flatnonzero(~good),
        None,
        lambda row: f"'{took['year'].iloc[row]}' is no year",
        "ZMAP has longitude, latitude, decimal year, month, day, magnitude, depth, hour, "
        "minute, second",
    )
    decimal = np.where(good, decimal, 1970.0)
    whole = np.floor(decimal)
    start = (whole - 1970).astype("datetime64[Y]").astype("datetime64[D]")
    length = ((whole - 1969).astype("datetime64[Y]").astype("datetime64[D]") - start).astype(float)
    inside = np.round((decimal - whole) * length * 86400e3)
    rough: NDArray[np.datetime64] = start.astype("datetime64[ns]") + inside.astype(
        "timedelta64[ms]"
    )
    parts = {n: pd.to_numeric(took[n], errors="coerce") for n in ("month", "day")}
    if all((p.isna() | (p == 0)).all() for p in parts.values()):
        return np.where(good, rough, np.datetime64("NaT", "ns"))
    exact = clock_times({**took, "year": whole}, bad)
    given = (decimal != whole) & good & ~np.isnat(exact)
    # a decimal year that was rounded may lie on the other side of new year
    turns = np.where(given, np.round((rough - exact).astype(float) / 86400e9 / 365.25), 0.0)
    if turns.any():
        exact = clock_times({**took, "year": whole + turns}, BadRows())
    apart = np.abs((exact - rough).astype(float)) / 86400e9
    bad.mark(
        np.flatnonzero(given & (apart > 2.0)),
        None,
        lambda row: (
            f"the decimal year {decimal[row]:.4f} and the date "
            f"{exact[row].astype('M8[s]')} are {apart[row]:.0f} days apart"
        ),
        "are month and day in columns 4 and 5?",
    )
    return np.where(good, exact, np.datetime64("NaT", "ns"))


def _values(line: str) -> list[str]:
    return [v.strip() for v in line.split(",")] if "," in line else line.split()


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _looks_like_date(values: Sequence[str], at: int) -> bool:
    """Whether year, month, day, hour, minute and second stand here, as whole numbers but one."""
    if len(values) < at + 6:
        return False
    numbers = [_number(v) for v in values[at : at + 6]]
    low = [_CLOCK_BOUNDS[n] for n in CLOCK]
    whole = all(n.is_integer() for n in numbers[:5])
    return whole and all(a <= n <= b for n, (a, b) in zip(numbers, low, strict=True))


def _is_zmap(v: Sequence[str]) -> bool:
    numbers = [_number(x) for x in v]
    return (
        10 <= len(v) <= 13
        and abs(numbers[0]) <= 360
        and abs(numbers[1]) <= 90
        and 1678 <= numbers[2] < 2262
        and all(x.lower() == "nan" or not math.isnan(_number(x)) for x in v)
    )


def _is_csep(v: Sequence[str]) -> bool:
    return (
        len(v) == 7
        and not any(math.isnan(_number(x)) for x in v[:3])
        and re.match(r"\d{4}-\d\d-\d\d[T ]", v[3]) is not None
    )


def _is_scedc(v: Sequence[str]) -> bool:
    return (
        len(v) >= 11
        and _DAY.fullmatch(v[0]) is not None
        and ":" in v[1]
        and v[2].isalpha()
        and v[3].isalpha()
        and not math.isnan(_number(v[4]))
    )


def _is_relocated(v: Sequence[str]) -> bool:
    rest = [_number(x) for x in v[6:11]]
    return len(v) >= 11 and _looks_like_date(v, 0) and not any(math.isnan(x) for x in rest)


def _is_phases(v: Sequence[str]) -> bool:
    return len(v) == 14 and _looks_like_date(v, 0) and not any(math.isnan(_number(x)) for x in v)


def _is_double_difference(v: Sequence[str]) -> bool:
    return len(v) == 24 and _looks_like_date(v, 10) and not math.isnan(_number(v[16]))


def _after(first: int, names: Sequence[str] = CLOCK) -> dict[str, int]:
    return {name: first + k for k, name in enumerate(names)}


ZMAP = Format(
    "ZMAP", _is_zmap,
    {"longitude": 0, "latitude": 1, "year": 2, "month": 3, "day": 4, "magnitude": 5, "depth": 6,
     "hour": 7, "minute": 8, "second": 9}, (10, 13),
)  # fmt: skip
CSEP = Format(
    "CSEP", _is_csep,
    _after(0, ("longitude", "latitude", "magnitude", "time", "depth", "catalog_id", "event_id")),
    (7, 7),
)  # fmt: skip
SCEDC = Format(
    "SCEDC", _is_scedc,
    _after(0, ("date", "clock", "event_type", "range", "magnitude", "magnitude_type", "latitude",
               "longitude", "depth", "quality", "event_id")), (11, 13),
)  # fmt: skip
RELOCATED = Format(
    "the relocated Southern California catalogue", _is_relocated,
    {**_after(0), **_after(6, ("event_id", "latitude", "longitude", "depth", "magnitude"))},
    (11, 40),
)  # fmt: skip
DOUBLE_DIFFERENCE = Format(
    "hypoDD", _is_double_difference,
    {**_after(0, ("event_id", "latitude", "longitude", "depth")), **_after(10), "magnitude": 16},
    (24, 24),
)  # fmt: skip
PHASES = Format(
    "hypoDD's phase file", _is_phases,
    {**_after(0), **_after(6, ("latitude", "longitude", "depth", "magnitude")), "event_id": 13},
    (14, 14),
)  # fmt: skip
FORMATS = (ZMAP, CSEP, SCEDC, DOUBLE_DIFFERENCE, RELOCATED)
